"""`animi finetune-adv`: trains an auto-encoder to draw the frames between two."""

from ..core.config.training import FinetuneAdvConfig
from .options import Given
from .training_options import OF_SIZES, AsJson, Continue, DryRun, Resume, start_training, training_options

_TERMS = ("reconstruction", "middles", "sequence", "image", "latent", "edge", "fade", "ghost")


@training_options(FinetuneAdvConfig, size=OF_SIZES, panels={"Terms, by their weights; 0: none": _TERMS})
def finetune_adv(
    given: Given,
    resume: Resume = None,
    continues: Continue = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains an auto-encoder to draw the frames between two, with discriminators of clips and of pictures.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with.
    """
    from ..core.training.recipes.finetune_adv import finetune_adv as work

    start_training(FinetuneAdvConfig, work, given, resume, as_json, continues=continues, is_dry=is_dry)
