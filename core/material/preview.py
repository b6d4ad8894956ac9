"""Shows the clips of one batch of a training on a sheet, a clip in a row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config.material import PreviewClipsConfig
from ..files import check_no_input, check_output, written_beside
from ..media.image_files import encode_png
from .films import OnScan, open_material
from .sampler import ClipSampler

_GAP = 4  # pixels between two clips; the frames of a clip touch, so that motion is easier to see
_PAPER = 255


@dataclass(frozen=True)
class ShownClip:
    """One row of the sheet.

    Attributes:
        film: the film's name.
        frames: its frame numbers, in the order shown.
        changed: the augmentations of the clip, in words; empty if there are none.
    """

    film: str
    frames: tuple[int, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What was drawn.

    Attributes:
        rows: the clips from top to bottom.
        left_out: names of films that have no shot long enough.
    """

    rows: tuple[ShownClip, ...]
    left_out: tuple[str, ...]


def preview_clips(config: PreviewClipsConfig, on_scan: OnScan | None = None) -> Preview:
    """Writes the clips of one batch as a picture, exactly as a training with the same settings gets them.

    Args:
        config: what to draw.
        on_scan: called while films without an index are scanned for cuts.

    Raises:
        InputError: a path holds no frames, or no shot is long enough.
        OutputError: the picture cannot be written.
    """
    check_output(config.output, overwrite=config.overwrite)
    material = open_material(config.paths)
    check_no_input(config.output, {"a film's frames": [path for film in material.films for path in film.files]})
    sampler = ClipSampler(material, config.clips, config.rows, on_scan=on_scan)
    sheet = tile_clips(sampler.batch(config.step).numpy())
    with written_beside(config.output, overwrite=config.overwrite) as draft:
        draft.write_bytes(encode_png(sheet))
    rows = []
    for clip in sampler.clips(config.step):
        changes = {
            "mirrored": clip.flip,
            "backwards": clip.numbers[0] > clip.numbers[-1],
            "recoloured": clip.order != (0, 1, 2),
        }
        changed = tuple(word for word, done in changes.items() if done)
        rows.append(ShownClip(sampler.films[clip.film].name, clip.numbers, changed))
    return Preview(tuple(rows), tuple(sampler.left_out))


def tile_clips(batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lays clips out as a sheet: each a row, its frames from left to right.

    Args:
        batch: (N, T, 3, S, S) uint8, RGB.

    Returns:
        (N * (S + gap) - gap, T * S, 3) uint8, RGB.
    """
    clips, length, _, size, _ = batch.shape
    sheet = np.full((clips, size + _GAP, length, size, 3), _PAPER, np.uint8)
    sheet[:, :size] = batch.transpose(0, 3, 1, 4, 2)  # (N, S, T, S, 3)
    return sheet.reshape(clips * (size + _GAP), length * size, 3)[:-_GAP]
