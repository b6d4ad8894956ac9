"""`animi train-vgg-sle`: trains a network that draws in-betweens from what VGG16 sees in two frames."""

from ..core.config.training import TrainVggSleConfig
from .options import Given
from .training_options import OF_SIZES, AsJson, Continue, DryRun, Resume, start_training, training_options


@training_options(TrainVggSleConfig, size=OF_SIZES)
def train_vgg_sle(
    given: Given,
    resume: Resume = None,
    goes_on: Continue = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains a network that draws in-betweens from what VGG16 sees in the two frames at the ends.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with.
    """
    from ..core.training.recipes.train_vgg_sle import train_vgg_sle as work

    start_training(TrainVggSleConfig, work, given, resume, as_json, goes_on=goes_on, is_dry=is_dry)
