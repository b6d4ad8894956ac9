"""Films of several shots with hard cuts, drawings held on twos and subtitles, and their exact motion."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config.material import DrawCartoonConfig
from ..errors import ConfigError, OutputError
from ..files import check_output, follow_links, shown, written_beside
from ..media.animation import check_format, write_animation
from ..media.image_files import encode_png
from .composition import SAYINGS, SCENES, compose
from .motion import find_observable, follow, mask_lines
from .scenes import Scene
from .styles import STYLES

Report = Callable[[int, int], None]
"""Called with the number of frames drawn, and the number in all."""

PROGRAMME = ("chase", "parade", "chase", "anything", "chase", "stickers")
"""Scenes of a "film", in order."""
_TRUTH = (r"pair-\d{4,}\.npz", "file of a pair's motion")  # files that may be replaced in the folder of --truth


@dataclass(frozen=True)
class Shot:
    """The part between two cuts."""

    kind: str
    seed: int
    style: str | None
    title: str
    start: int
    """Its first frame in the film."""
    frames: int

    @property
    def scene(self) -> Scene:
        """The scene."""
        return _compose_shot(self)


@lru_cache(maxsize=2)
def _compose_shot(shot: Shot) -> Scene:
    """A shot's scene; a film may have thousands, so only recent ones are kept."""
    return replace(compose(shot.kind, shot.seed, shot.style), title=shot.title)


@dataclass(frozen=True)
class CartoonFilm:
    """Shots, one after the other."""

    shots: tuple[Shot, ...]
    fps: Fraction
    hold: int
    """Frames for which a drawing of the characters is held; the camera moves on every frame."""
    width: int
    height: int
    fine: int

    @property
    def frames(self) -> int:
        """The number of frames."""
        return self.shots[-1].start + self.shots[-1].frames

    def find_shot(self, frame: int) -> Shot:
        """The shot of a frame; the last one for frames beyond its end."""
        return self.shots[bisect_right(self.shots, max(frame, 0), key=lambda shot: shot.start) - 1]

    def draw(self, frame: int) -> NDArray[np.uint8]:
        """Draws a frame: (height, width, 3) RGB."""
        shot = self.find_shot(frame)
        time, drawn = self._times(shot, frame)
        return shot.scene.picture(time, self.width, self.height, self.fine, drawn)

    def _times(self, shot: Shot, frame: int) -> tuple[float, float]:
        """Seconds in a shot: of the camera, and of the drawing that is held."""
        number = frame - shot.start
        return float(number / self.fps), float(number // self.hold * self.hold / self.fps)

    def draw_at(self, seconds: float) -> NDArray[np.uint8]:
        """Draws the moment at `seconds` from the start, without holding drawings."""
        shot = self.find_shot(int(seconds * self.fps))
        return shot.scene.picture(seconds - float(shot.start / self.fps), self.width, self.height, self.fine)

    def find_pair(self, first: float, last: float) -> Shot:
        """Finds the shot of two moments, in seconds from the start of the film.

        Raises:
            ConfigError: a cut lies between them, or one of them is outside the film.
        """
        for moment in (first, last):
            if not 0 <= moment <= self.frames / self.fps:
                raise ConfigError(
                    f"--pairs: {moment:g} s is outside the film; it lasts {float(self.frames / self.fps):g} s"
                )
        # the time of a frame may be rounded to just before the frame
        shots = [self.find_shot(int(moment * self.fps + Fraction(1, 1000))) for moment in (first, last)]
        if shots[0] is not shots[1]:
            cut = float(max(shot.start for shot in shots) / self.fps)
            raise ConfigError(
                f"--pairs: a cut at {cut:g} s lies between {first:g} and {last:g}; give moments of one shot"
            )
        return shots[0]

    def find_truth(self, first: float, last: float) -> dict[str, NDArray[np.generic]]:
        """The exact motion between two moments of one shot, in seconds from the start of the film.

        Returns:
            "first", "last" (H, W, 3) uint8 RGB pictures; "forward", "backward" (H, W, 2) float32 flow in pixels,
            (dx, dy), from the first picture to the last and back; for both directions (H, W) bool masks:
            "..._visible", visible in the other picture too; "..._observable", where the motion can be observed in the
            pictures; "first_lines", "last_lines", where ink is; "times", the two moments.

        Raises:
            ConfigError: a cut lies between the two, or one of them is outside the film.
        """
        shot = self.find_pair(first, last)
        scene, start = shot.scene, float(shot.start / self.fps)
        cels = [scene.cel(moment - start, self.width, self.height, self.fine) for moment in (first, last)]
        pictures = [scene.colour(cel) for cel in cels]
        forward, backward = follow(cels[0], cels[1]), follow(cels[1], cels[0])
        return {
            "first": pictures[0],
            "last": pictures[1],
            "forward": forward.flow,
            "backward": backward.flow,
            "forward_visible": forward.visible,
            "backward_visible": backward.visible,
            "forward_observable": find_observable(scene.drawing, cels[0], pictures[0], forward),
            "backward_observable": find_observable(scene.drawing, cels[1], pictures[1], backward),
            "first_lines": mask_lines(scene.drawing, cels[0]),
            "last_lines": mask_lines(scene.drawing, cels[1]),
            "times": np.array([first, last]),
        }


def plan_film(config: DrawCartoonConfig) -> CartoonFilm:
    """Plans the shots of a film, without drawing.

    Raises:
        ConfigError: there is no scene or style of that name.
    """
    if config.scene != "film" and config.scene not in SCENES:
        raise ConfigError(f"--scene: {config.scene} is not known; give one of film, {', '.join(SCENES)}")
    if config.style is not None and config.style not in STYLES:
        raise ConfigError(f"--style: {config.style} is not known; give one of {', '.join(STYLES)}")
    rng = np.random.default_rng([config.seed, 3])
    total = max(round(config.seconds * config.fps), 1)
    shots: list[Shot] = []
    done = 0
    while done < total:
        kind = PROGRAMME[len(shots) % len(PROGRAMME)] if config.scene == "film" else config.scene
        length, saying, speaks = float(rng.uniform(1.1, 2.0)), str(rng.choice(SAYINGS)), rng.random() < 0.7
        count = min(max(round(length * config.fps), 1), total - done)
        if total - done - count < config.fps / 3:  # no very short shot at the end
            count = total - done
        # the first shot has the film's own seed, so that a short film is the scene of that seed
        seed = config.seed if not shots else int(rng.integers(2**31))
        shots.append(Shot(kind, seed, config.style, saying if config.subtitles and speaks else "", done, count))
        done += count
    return CartoonFilm(tuple(shots), config.fps, config.hold, config.width, config.height, config.fine)


@dataclass(frozen=True)
class DrawnCartoon:
    """The files written."""

    out: Path
    frames: int
    shots: tuple[Shot, ...]
    truth: tuple[Path, ...]
    notes: tuple[str, ...]


def draw_cartoon(config: DrawCartoonConfig, report: Report | None = None) -> DrawnCartoon:
    """Draws a cartoon into a file or a folder, and its exact motion if wanted.

    Args:
        config: the cartoon.
        report: called with progress.

    Raises:
        ConfigError: a name is not known, or there is a cut between a pair of moments.
        OutputError: an output cannot be written.
    """
    film = plan_film(config)
    pairs = _find_pairs(film, config)
    if config.truth is not None:
        out = follow_links(config.out)
        if follow_links(config.truth) in (out, *out.parents):
            raise OutputError(f"{shown(config.truth)}: the cartoon goes there; name another folder for --truth")
        check_output(config.truth, overwrite=config.overwrite, ours=_TRUTH)
    if config.at is not None:
        _write_still(config.out, film.draw_at(config.at), config.overwrite)
        count, notes = 1, tuple[str, ...]()
    else:
        check_format(config.out)
        written = write_animation(
            config.out,
            _draw_all(film),
            fps=film.fps,
            overwrite=config.overwrite,
            count=film.frames,
            on_frame=None if report is None else lambda drawn: report(drawn, film.frames),
        )
        count, notes = written.frames, written.notes
    truth: list[Path] = []
    if config.truth is not None:
        with written_beside(config.truth, overwrite=config.overwrite, folder=True, ours=_TRUTH) as draft:
            for number, (first, last) in enumerate(pairs):
                name = f"pair-{number:04d}.npz"
                np.savez_compressed(draft / name, **film.find_truth(first, last))  # type: ignore[arg-type]
                truth.append(config.truth / name)
    return DrawnCartoon(config.out, count, film.shots, tuple(truth), notes)


def _draw_all(film: CartoonFilm) -> Iterator[NDArray[np.uint8]]:
    for frame in range(film.frames):
        yield film.draw(frame)


def _find_pairs(film: CartoonFilm, config: DrawCartoonConfig) -> list[tuple[float, float]]:
    """The pairs of moments for --truth: those of --pairs, or each frame and the next one of its shot."""
    if config.truth is None:
        return []
    if config.pairs:
        for first, last in config.pairs:
            film.find_pair(first, last)  # raises before anything is drawn
        return list(config.pairs)
    return [
        (float(frame / film.fps), float((frame + 1) / film.fps))
        for shot in film.shots
        for frame in range(shot.start, shot.start + shot.frames - 1)
    ]


def _write_still(path: Path, picture: NDArray[np.uint8], overwrite: bool) -> None:
    with written_beside(path, overwrite=overwrite) as draft:
        draft.write_bytes(encode_png(picture))
