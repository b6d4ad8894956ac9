"""`animi train-motion`: a network that finds the motion between two key frames and draws along it."""

from ..core.config.parsing import read_wholes
from ..core.config.training import TrainMotionConfig
from .options import Change, Given
from .training_options import AsJson, Continue, DryRun, Resume, start_training, training_options

_TERMS = ("flow", "matching", "visibility", "pictures", "claims", "style", "perceptual", "ghost", "semantics")


@training_options(
    TrainMotionConfig,
    without=("size", "recompute"),
    sizes=Change(read=lambda text: read_wholes(text, "--sizes", "128,192,256")),
    length=Change(help="Frames of a film within which three are taken."),
    panels={"Loss, by the weights of its terms; 0: none": _TERMS},
)
def train_motion(
    given: Given,
    resume: Resume = None,
    continues: Continue = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains a network that finds the motion between two key frames and draws along it.

    It learns from cartoons that animi draws itself, and from the given films.
    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with.
    """
    from ..core.training.recipes.train_motion import train_motion as work

    start_training(
        TrainMotionConfig, work, given, resume, as_json, continues=continues, is_dry=is_dry, needs_films=False
    )
