"""`animi train-vgg-sle`: trains a network that draws in-betweens from VGG16's features of two frames."""

from ..core.config.training import TrainVggSleConfig
from .options import Given
from .training_options import OF_SIZES, AsJson, Continue, DryRun, Resume, start_training, training_options


@training_options(TrainVggSleConfig, size=OF_SIZES)
def train_vgg_sle(
    given: Given,
    resume: Resume = None,
    continues: Continue = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains a network that draws in-betweens from VGG16's features of the two frames at the ends.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with.
    """
    from ..core.training.recipes.train_vgg_sle import train_vgg_sle as work

    start_training(TrainVggSleConfig, work, given, resume, as_json, continues=continues, is_dry=is_dry)
