"""`animi pretrain-ae`: an auto-encoder of single pictures, for `finetune-adv` to begin with."""

from ..core.config.training import PretrainAeConfig
from .options import Change, Given
from .training_options import AsJson, Continue, DryRun, Resume, start_training, training_options


@training_options(
    PretrainAeConfig,
    without=("length", "stride", "reverse"),
    size=Change(help="Side of the pictures that it learns from; it redraws any."),
    batch_size=Change(help="Pictures a step, over all processes."),
)
def pretrain_ae(
    given: Given,
    resume: Resume = None,
    goes_on: Continue = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains an auto-encoder, which redraws pictures from a few numbers; finetune-adv begins with it.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with: the frames between
    are what the latents between become, which is little more than a cross-fade until finetune-adv has taught it better.
    """
    from ..core.training.recipes.pretrain_ae import pretrain_ae as work

    start_training(PretrainAeConfig, work, given, resume, as_json, goes_on=goes_on, is_dry=is_dry)
