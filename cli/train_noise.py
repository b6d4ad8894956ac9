"""`animi train-noise`: trains a network that draws pictures like those of a cartoon from noise."""

from ..core.config.training import TrainNoiseConfig
from .options import Given
from .training_options import OF_SIZES, AsJson, Continue, DryRun, Resume, start_training, training_options


@training_options(TrainNoiseConfig, size=OF_SIZES, without=("length", "stride", "reverse"))
def train_noise(
    given: Given,
    resume: Resume = None,
    continues: Continue = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains a network that draws pictures like those of one cartoon or several, from noise alone.

    The run's folder holds samples, and checkpoints that `animi sample` draws with.
    """
    from ..core.training.recipes.train_noise import train_noise as work

    start_training(TrainNoiseConfig, work, given, resume, as_json, continues=continues, is_dry=is_dry)
