"""The places of network weights: those that come with animi, and those of training runs."""

from pathlib import Path

from ..errors import CheckpointError

MOTION_WEIGHTS = Path(__file__).parents[2] / "models" / "weights" / "motion.safetensors"
"""The motion network that comes with animi."""
MOTION_GRAPHS = MOTION_WEIGHTS.parent / "motion"
"""A folder: the network's four steps as ONNX graphs, which name its weights and do not hold them; `core.graphs`."""
STEPS = ("encode", "find_motion", "find_way", "decide")
"""The names of the steps, and of their graphs' files."""


def find_states(folder: Path) -> list[Path]:
    """Lists a run's states, oldest first."""
    return sorted((folder / "checkpoints").glob("[0-9]*.state.safetensors"))


def find_checkpoint(path: Path) -> Path:
    """Finds the network of a path: a file itself, or the best (or else the newest) of a run's folder.

    Raises:
        CheckpointError: a folder holds none.
    """
    if not path.is_dir():
        return path
    states = [state.with_name(state.name.replace(".state.", ".")) for state in find_states(path)]
    for found in (path / "best.safetensors", *reversed(states)):
        if found.is_file():
            return found
    raise CheckpointError(f"{path}: holds no checkpoint; give a .safetensors file, or the folder of a training")
