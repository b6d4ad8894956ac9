"""How engines that move pixels prepare a pair: what is drawn apart is taken out first, and the light is made equal."""

from functools import partial
from typing import Protocol

from ..motion.guides import Guides, PairHints
from .along_strokes import prepare_along_strokes
from .apart import prepare_without_small_things
from .interface import Pair, Working, make_guides
from .over_ground import prepare_over_ground, prepare_over_pan
from .relit import prepare_in_one_light
from .spaced import prepare_with_parts


class Draw(Protocol):
    """Prepares two frames in one light, with all that is in them."""

    def __call__(self, first: Working, last: Working, *, guides: Guides | None = None) -> Pair:
        """The pair."""


def prepare_moving(first: Working, last: Working, hints: PairHints | None, draw: Draw, *, figures: bool) -> Pair:
    """Prepares two frames.

    Args:
        first: a frame.
        last: another of the same shape and type.
        hints: what an animator gives.
        draw: an engine's own way.
        figures: whether fast figures are drawn apart from the ground.
    """
    if hints is not None and hints.parts:
        # of what is drawn apart, a fast figure's pair does not know where a part of the whole picture is
        whole = partial(prepare_moving, draw=draw, figures=False)
        return prepare_with_parts(first, last, hints, whole, partial(prepare_moving, draw=draw, figures=figures))
    guides = make_guides(hints, first, last)
    if guides is not None:  # hinted pieces are not cut out
        return prepare_in_one_light(first, last, partial(draw, guides=guides))
    along = partial(prepare_along_strokes, prepare=draw) if figures else draw
    inner = partial(prepare_over_ground, prepare=along) if figures else draw
    light = partial(prepare_in_one_light, prepare=inner)
    apart = partial(prepare_without_small_things, first, last, light)
    # where the ground pans, what is small in it goes far as well
    return prepare_over_pan(first, last, draw, apart) if figures else apart()
