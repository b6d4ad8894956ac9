"""animi's in-betweens in VapourSynth.

import animi_vs
clip = animi_vs.interpolate(clip, factor_num=2)
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, overload

import numpy as np
import vapoursynth as vs

from animi.core.api import AnimiError, InbetweenedFilm, Shown

__all__ = ["interpolate"]

FORMATS = (vs.RGB24, vs.RGB48, vs.RGBH, vs.RGBS)
"""The formats that are accepted; the output has the same format."""


def interpolate(
    clip: vs.VideoNode,
    factor_num: int = 2,
    factor_den: int = 1,
    fps_num: int | None = None,
    fps_den: int | None = None,
    engine: str | None = "motion",
    sc: bool = True,
    sc_threshold: float | None = None,
    hints: str | Path | Sequence[str] | None = None,
    *,
    cadence: str = "smooth",
    hold_threshold: float = 1.0,
    checkpoint: str | Path | None = None,
    mix: bool = False,
    device: str = "auto",
    on_failure: str = "hold",
) -> vs.VideoNode:
    """Draws in-betweens: the frames of `animi interpolate` on the same film.

    The clip's own frames are returned unchanged. It does not matter in which order frames are requested. As a frame
    depends on all frames before it, the first one in the middle of a film takes as long as examining that half.

    Args:
        clip: RGB24, RGB48, RGBH or RGBS, of one format and size.
        factor_num: how many times as many frames, together with `factor_den`.
        factor_den: see `factor_num`.
        fps_num: the new rate instead of a factor, together with `fps_den`.
        fps_den: see `fps_num`; None: 1.
        engine: "motion", "flow" or "blend".
        sc: draw nothing across a scene change. If the first frame has the property `_SceneChangeNext`, the frames'
            properties say where they are; otherwise animi finds them.
        sc_threshold: find them by this score in [0, 1], and ignore the frames' properties; None: as `sc` says.
        hints: as in `animi.core.api.InbetweenedFilm`.
        cadence: "smooth" or "keep", for drawings held on twos and threes.
        hold_threshold: how far a frame may differ from the one before to count as the same drawing; 0: none is held.
        checkpoint: a trained network, instead of an engine.
        mix: mix the two moved frames where they differ, instead of choosing one.
        device: "auto", "cpu", "cuda" or "mps".
        on_failure: "hold", "blend" or "morph", where motion does not explain two frames.

    Returns:
        A clip of the same format and size.

    Raises:
        vapoursynth.Error: an argument or the clip cannot be used.
    """
    if clip.format is None or not clip.width or not clip.height:
        raise _fail("the clip's format or size varies; make them one with resize")
    if clip.format.id not in FORMATS:
        raise _fail(
            f"the clip is {clip.format.name}; convert it first, such as with "
            'clip.resize.Bicubic(format=vs.RGBS, matrix_in_s="709")'
        )
    if sc_threshold is not None and not sc:
        raise _fail("sc_threshold needs sc=True")
    varies = not clip.fps
    try:
        factor = None if fps_num is not None else Fraction(factor_num, factor_den)
        fps = None if fps_num is None else Fraction(fps_num, fps_den or 1)
    except (TypeError, ZeroDivisionError) as error:
        raise _fail("factor and fps need whole numbers, and a denominator other than 0") from error
    source = clip.std.CopyFrameProps(clip)
    source.std.SetVideoCache(mode=1)  # frames are read to be examined, and some again a little later to be shown
    frames = _Frames(source)
    cuts: Any = None if sc else ()
    if sc and sc_threshold is None:
        with source.get_frame(0) as first:
            cuts = frames.cuts if "_SceneChangeNext" in first.props else None
    try:
        film = InbetweenedFilm(
            frames,
            factor,
            rate=24 if varies else clip.fps,
            fps=fps,
            durations=frames.durations.__getitem__ if varies else None,
            cadence=cadence,
            cuts=cuts,
            **({} if sc_threshold is None else {"cut_score": sc_threshold}),
            hold_threshold=hold_threshold,
            engine=engine if checkpoint is None else None,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            mix=mix,
            device=device,
            on_failure=on_failure,
            hints=hints,
        )
    except AnimiError as error:
        raise _fail(str(error)) from error
    rate = film.rate or Fraction(0, 1)
    blank = clip.std.BlankClip(length=len(film), fpsnum=rate.numerator, fpsden=rate.denominator, keep=True)
    return blank.std.ModifyFrame(blank, _make_selector(film, frames, source, finds=sc))


def _make_selector(
    film: InbetweenedFilm, frames: "_Frames", source: vs.VideoNode, *, finds: bool
) -> Callable[[int, vs.VideoFrame], vs.VideoFrame]:
    last = len(film) - 1

    def give(n: int, f: vs.VideoFrame) -> vs.VideoFrame:  # VapourSynth calls them by these names
        try:
            shown = film.shown(n)
            following = film.shown(n + 1) if n < last else None
            with source.get_frame(shown.first) as own:
                made = own.copy()
            if shown.last is not None:
                _fill(made, film[n])
        except AnimiError as error:
            raise _fail(str(error)) from error
        _mark(made, shown, following, film.rate, frames, finds=finds)
        return made

    return give


def _mark(
    frame: vs.VideoFrame,
    shown: Shown,
    following: Shown | None,
    rate: Fraction | None,
    frames: "_Frames",
    *,
    finds: bool,
) -> None:
    """Sets the properties that say when a frame is shown, and where scenes change."""
    if rate is not None:
        seconds = 1 / rate
    else:
        seconds = (sum(frames.durations.values()) if following is None else following.time) - shown.time
    frame.props["_DurationNum"], frame.props["_DurationDen"] = seconds.numerator, seconds.denominator
    if frames.start is not None:
        frame.props["_AbsoluteTime"] = frames.start + float(shown.time)
    if finds:
        frame.props["_SceneChangePrev"] = int(shown.cut)
        frame.props["_SceneChangeNext"] = int(following is not None and following.cut)
    if shown.last is not None and "_Alpha" in frame.props:
        del frame.props["_Alpha"]  # it is of another picture


class _Frames(Sequence[np.ndarray]):
    """A clip's frames as arrays (H, W, 3), uint8 or uint16, RGB; what their properties say is kept."""

    def __init__(self, clip: vs.VideoNode) -> None:
        self._clip = clip
        self.cuts: set[int] = set()
        """Frames that begin a scene, of those that were read and their next."""
        self.durations: dict[int, Fraction] = {}
        """Seconds for which frames are shown, of those that were read."""
        self.start: float | None = None
        """When the first frame is shown, where it says so."""

    def __len__(self) -> int:
        return len(self._clip)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        with self._clip.get_frame(index) as frame:
            props = frame.props
            if props.get("_SceneChangePrev"):
                self.cuts.add(index)
            if props.get("_SceneChangeNext"):
                self.cuts.add(index + 1)
            if index == 0 and "_AbsoluteTime" in props:
                self.start = float(props["_AbsoluteTime"])
            if not self._clip.fps:
                if not props.get("_DurationNum") or not props.get("_DurationDen"):
                    raise _fail(f"frame {index} has no duration, and the clip no rate; set one with std.AssumeFPS")
                self.durations[index] = Fraction(int(props["_DurationNum"]), int(props["_DurationDen"]))
            planes = np.stack([np.asarray(frame[plane]) for plane in range(3)], axis=2)  # (H, W, 3)
        if planes.dtype in (np.uint8, np.uint16):
            return planes
        # 16 bits hold what a float16 in [0, 1] does, to 1/65535; what lies outside is cut off in in-betweens
        return np.rint(np.clip(np.nan_to_num(planes.astype(np.float32)), 0, 1) * 65535).astype(np.uint16)


def _fill(frame: vs.VideoFrame, drawn: np.ndarray) -> None:
    """Writes (H, W, 3) into a frame's planes."""
    for number in range(3):
        plane = np.asarray(frame[number])
        values = drawn[..., number]
        plane[...] = values if plane.dtype == drawn.dtype else (values / np.float32(65535)).astype(plane.dtype)


def _fail(message: str) -> vs.Error:
    return vs.Error(f"animi_vs.interpolate: {message}")
