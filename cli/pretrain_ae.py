"""`animi pretrain-ae`: trains an auto-encoder of single pictures, from which `finetune-adv` starts."""

from ..core.config.training import PretrainAeConfig
from .options import Change, Given
from .training_options import AsJson, Continue, DryRun, Resume, start_training, training_options


@training_options(
    PretrainAeConfig,
    without=("length", "stride", "reverse"),
    size=Change(help="Side of the pictures that it learns from; it reconstructs any size."),
    batch_size=Change(help="Pictures a step, over all processes."),
)
def pretrain_ae(
    given: Given,
    resume: Resume = None,
    continues: Continue = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains an auto-encoder, which reconstructs pictures from small latents; finetune-adv starts from it.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with: in-betweens are
    decoded from interpolated latents, which is little more than a cross-fade before finetune-adv.
    """
    from ..core.training.recipes.pretrain_ae import pretrain_ae as work

    start_training(PretrainAeConfig, work, given, resume, as_json, continues=continues, is_dry=is_dry)
