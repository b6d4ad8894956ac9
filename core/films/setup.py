"""A film and what is to become of it: everything that is known before its frames are judged."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from importlib.metadata import version
from math import ceil
from typing import Any, TypeAlias

from ..config.choices import STREAM
from ..config.interpolation import InterpolateFilmConfig
from ..config.parsing import read_ramp
from ..engines.interface import Engine, Guided
from ..engines.opening import find_weights, notes_of, open_configured
from ..errors import ConfigError, InputError
from ..files import check_no_input, check_output, shown
from ..inbetween.pixel_art import PixelArtEngine, read_palette
from ..media.animation import DELAYED, check_format, keeps_profile
from ..media.codecs import FILM_OUTPUTS, choose_codec
from ..media.coding import Coding, plan_coding
from ..media.colour_profiles import name_profile
from ..media.decode import identify_film
from ..media.film_source import Film, open_film
from ..media.timestamps import Timing
from .hints import FilmHints, hash_film_hints, open_film_hints
from .ramp import Ramp
from .segmenting import BORDERS
from .timing import Clock
from .work_folder import name_inputs

OpenEngine: TypeAlias = Callable[[InterpolateFilmConfig], Engine]
"""Opens the engine that settings name, as `open_configured` does."""


@dataclass
class FilmSetup:
    """A film, and what is to become of it.

    Attributes:
        config: the settings.
        film: the film, as it is to be read.
        clock: when new frames are shown.
        end: seconds of the film at which the range ends; None: not known before it is decoded.
        engine: what draws.
        hints: what an animator says of pairs of drawings; None: nothing.
        on_note: called with each sentence for the user.
        notes: these sentences.
        is_part: whether the file holds only a part of the film, which was cut out of it for this machine.
    """

    config: InterpolateFilmConfig
    film: Film
    clock: Clock
    end: Fraction | None
    engine: Engine
    hints: FilmHints | None = None
    on_note: Callable[[str], None] | None = None
    notes: list[str] = field(default_factory=list)
    is_part: bool = False

    def note(self, sentence: str) -> None:
        """Takes a sentence for the user."""
        self.notes.append(sentence)
        if self.on_note is not None:
            self.on_note(sentence)

    @property
    def usual_rate(self) -> Fraction:
        """New frames a second, usually."""
        return self.clock.rate or self.clock.factor / self.clock.usual

    @property
    def loops(self) -> bool:
        """Whether its end leads to its beginning: it says so, or it is asked for; not where only a part is made."""
        config, animation = self.config, self.film.animation
        whole = config.start == 0 and config.end is None and config.preview is None
        return self.end is not None and whole and (config.loop or (animation is not None and animation.loops))

    @property
    def length(self) -> float | None:
        """Seconds of the old film that are made; None: up to its end."""
        config = self.config
        lengths = [config.preview, None if config.end is None else config.end - config.start]
        return min((length for length in lengths if length is not None), default=None)

    @property
    def total(self) -> int | None:
        """How many frames there will be, about; None: nobody knows."""
        if self.end is None:
            return None
        start = Fraction(self.config.start)
        return max(1, ceil((self.stretch(self.end, start) - start) * self.usual_rate))

    def stretch(self, time: Fraction, first: Fraction) -> Fraction:
        """When a moment of the film is shown in the new one, which shows its first frame at the same time."""
        ramp = self.clock.ramp
        if ramp is None:
            return time
        return first + Fraction(ramp.to_new(float(time)) - ramp.to_new(float(first))).limit_denominator(1_000_000)

    def find_end(self, first: Fraction, last: Fraction) -> Fraction:
        """When the last new frame has been shown: when the old film's last has, where that is known.

        Args:
            first: when the first new frame is shown.
            last: when the last new frame is shown.
        """
        after = last + 1 / self.usual_rate
        end = None if self.end is None else self.stretch(self.end, first)
        if end is None or not last < end:
            return after
        return min(end, after) if self.clock.rate is not None else end

    @cached_property
    def coding(self) -> Coding:
        """How the new film is encoded.

        Raises:
            ConfigError: the output cannot hold the codec, or ffmpeg has none.
        """
        config, film = self.config, self.film
        codec = None
        if config.output != STREAM:
            codec = choose_codec(config.output, config.codec, config.crf, film.depth, alpha=film.alpha)
        quick = config.output != STREAM and config.preview is not None
        crf = config.crf if codec is not None else None
        return plan_coding(film, codec, self.clock.rate, self.usual_rate, crf=crf, quick=quick)


def check_places(config: InterpolateFilmConfig) -> bool:
    """Checks, before any work, that the output can be written.

    Returns:
        Whether it is a film, which is written in segments.

    Raises:
        ConfigError: an option does not go with the output.
        OutputError: the output cannot be written.
    """
    output = config.output
    into_film = output.suffix.lower() in FILM_OUTPUTS and not output.is_dir()
    if output != STREAM:
        if not into_film:
            check_format(output)
            _check_animation(config)
        elif not config.resume:
            check_output(output, overwrite=config.overwrite)
        check_no_input(output, name_inputs(config))
    return into_film


def set_up_film(
    config: InterpolateFilmConfig,
    on_note: Callable[[str], None] | None = None,
    *,
    into_film: bool,
    timing: Timing | None = None,
    open_with: OpenEngine = open_configured,
) -> FilmSetup:
    """Opens a film and what it is drawn with, and finds out when new frames are shown.

    Args:
        config: what to make of which film.
        on_note: called with sentences for the user.
        into_film: whether the output is a film, which is written in segments.
        timing: when the film's frames are shown, if that is known; else the file is read for it.
        open_with: opens the engine, as `open_configured` does; a worker that draws several films keeps its engines.

    Raises:
        AnimiError: the film or an option cannot be used.
    """
    output = config.output
    film, note = _settle_alpha(config, open_film(config.film, timing), into_film=into_film)
    if output != STREAM and not into_film:
        film = replace(film, squared=True)  # no image says of its pixels that they are not square
    foreign = film.profile
    if foreign is not None and (output == STREAM or into_film or not keeps_profile(output)):
        film = replace(film, profile=None, foreign=foreign)
    setup = _set_up(config, film, on_note, open_with)
    if film.foreign is not None and "sRGB" not in (profile := name_profile(film.foreign)):
        setup.note(f"{shown(film.path)}: colours are converted from {profile} to sRGB, as the output has no profiles")
    if film.square != (film.width, film.height):
        setup.note(f"{shown(film.path)}: its pixels are not square; frames become {film.square[0]}x{film.square[1]}")
    if note:
        setup.note(note)
    if into_film:
        _note_coding(setup)
    return setup


def _note_coding(setup: FilmSetup) -> None:
    """Says what the encoder changes, and leaves out what a ramp would put out of time."""
    film, coding = setup.film, setup.coding
    codec = choose_codec(setup.config.output, setup.config.codec, setup.config.crf, film.depth, alpha=film.alpha)
    if coding.size != (film.width, film.height):
        setup.note(
            f"{codec.name} needs even sides: the last row or column is repeated, which makes "
            f"{coding.size[0]}x{coding.size[1]}"
        )
    if coding.depth < film.depth:
        setup.note(f"{codec.name} keeps {coding.depth} bits a channel: the film's {film.depth} were rounded")
    if film.chroma == "rgb" and coding.chroma != "rgb" and film.animation is None:
        setup.note(f"{codec.name} keeps no RGB: colours are written as {':'.join(coding.chroma)}")
    if setup.clock.ramp is not None:
        _leave_out_sound(setup)


def _check_animation(config: InterpolateFilmConfig) -> None:
    suffix = config.output.suffix or "a folder"
    if config.resume:
        raise ConfigError(f"--resume: needs a film as output, not {suffix}; name it {', '.join(FILM_OUTPUTS)}")
    if config.codec is not None or config.crf is not None:
        flag = "--codec" if config.codec is not None else "--crf"
        raise ConfigError(f"{flag}: is for films, not {suffix}; name the output {', '.join(FILM_OUTPUTS)}")
    check_output(config.output, overwrite=config.overwrite)


def _settle_alpha(config: InterpolateFilmConfig, film: Film, *, into_film: bool) -> tuple[Film, str]:
    """Keeps a film's alpha where the output has it; else frames are laid over white.

    Returns:
        The film as it is to be read, and what is to be said of it.
    """
    if not film.alpha or (config.output != STREAM and not into_film):
        return film, ""
    suffix = config.output.suffix.lower()
    where = "y4m"
    if config.output != STREAM:
        codec = choose_codec(config.output, config.codec, config.crf, film.depth, alpha=True)
        if codec.alpha and (codec.name != "vp9" or suffix in (".webm", ".mkv")):
            return film, ""
        where = f"{codec.name} in a {suffix}"
    return replace(film, alpha=False), (
        f"{shown(film.path)}: what is transparent in it is laid over white, as {where} has no transparency; "
        "name the output .mov, .webm or .webp to keep it"
    )


def _set_up(
    config: InterpolateFilmConfig, film: Film, on_note: Callable[[str], None] | None, open_with: OpenEngine
) -> FilmSetup:
    """Finds out when new frames are shown, and by what they are drawn.

    Raises:
        AnimiError: the film is too short, or its rate cannot be what is asked for.
    """
    timing = film.timing
    name = shown(film.path)
    if timing.count is not None and timing.count < 2:
        raise InputError(f"{name}: has one frame only, and two or more are needed to draw between")
    start = Fraction(config.start).limit_denominator(1_000_000)
    ends = [timing.end]
    for length in (config.end, None if config.preview is None else config.start + config.preview):
        ends.append(None if length is None else Fraction(length).limit_denominator(1_000_000))
    end = min((each for each in ends if each is not None), default=None)
    if timing.end is not None and start >= timing.end:
        raise ConfigError(f"--range: begins at {config.start:g} s, and {name} ends at {float(timing.end):.2f} s")
    factor = config.factor or Fraction(2)
    if config.fps is not None:
        clock = Clock(timing.usual, config.fps, config.fps * timing.usual)
    elif timing.rate is not None:
        clock = Clock(timing.usual, timing.rate * factor, factor)
    else:
        clock = Clock(timing.usual, None, factor)
    if config.ramp is not None:
        rate = clock.rate or clock.factor / timing.usual
        clock = replace(clock, rate=rate, ramp=Ramp(read_ramp(config.ramp)))
    if clock.rate is None and config.output.suffix.lower() not in (*FILM_OUTPUTS, *DELAYED):
        raise ConfigError(f"--fps: {name} has frames at a varying rate, which the output cannot have; give --fps")
    if clock.rate is not None and clock.rate > 1000:
        raise ConfigError(f"--factor: makes {float(clock.rate):g} frames a second of {name}; up to 1000 can be made")
    engine = open_with(config)
    drawing = engine
    if config.pixel_art:
        engine = PixelArtEngine(engine, None if config.palette is None else read_palette(config.palette))
    hints = open_film_hints(config.hints, timing.usual)
    if hints is not None and (config.pixel_art or not isinstance(engine, Guided)):
        why = "does not go with --pixel-art yet" if config.pixel_art else f"{engine.name} draws without motion"
        raise ConfigError(f"--hints: {why}; leave one of the two out")
    setup = FilmSetup(config, film, clock, end, engine, hints, on_note)
    for sentence in notes_of(drawing):
        setup.note(sentence)
    if film.animation is not None and film.animation.hurried:
        setup.note(f"{name}: pictures of 1/100 s or less are shown for 1/10 s, as browsers do it")
    if timing.unseen:
        setup.note(
            f"{name}: frames left out: {timing.unseen}; each is replaced within a thousandth of a second, "
            "so no player shows it"
        )
    if film.restoration is not None:
        setup.note(f"{name} {film.restoration.note}")
    if film.mastered:
        setup.note(f"{name}: its HDR10 mastering data is left out; colours and transfer stay")
    return setup


def _leave_out_sound(setup: FilmSetup) -> None:
    """Leaves out what goes by the film's time, which a ramp changes."""
    film = setup.film
    kinds = dict.fromkeys(stream.kind for stream in film.streams if stream.kind in ("audio", "subtitle"))
    if kinds:
        names = " and ".join({"audio": "sound", "subtitle": "subtitles"}[kind] for kind in kinds)
        be = "is" if list(kinds) == ["audio"] else "are"
        setup.note(f"{shown(film.path)}: its {names} {be} left out, as --ramp changes when everything is shown")
    setup.film = replace(film, streams=tuple(stream for stream in film.streams if stream.kind == "cover"))


def describe_job(setup: FilmSetup) -> dict[str, Any]:
    """Returns everything that the new film's bytes depend on, in JSON's types; a run is resumed only if it is equal."""
    config = setup.config
    # another animi of the same version may bring other weights
    weights = find_weights(config.engine, config.checkpoint)
    checkpoint = None if weights is None else hashlib.sha256(weights.read_bytes()).hexdigest()
    job = {
        "animi": version("animi"),
        "film": {"stream": True} if config.film == STREAM else identify_film(config.film),
        "fps": None if setup.clock.rate is None else str(setup.clock.rate),
        "factor": str(setup.clock.factor),
        "cadence": config.cadence,
        "hold_threshold": config.hold_threshold,
        "range": [config.start, None if setup.end is None else str(setup.end)],
        "engine": setup.engine.name,
        "checkpoint": checkpoint,
        "device": config.device,
        "provider": config.provider,
        "mix": config.mix,
        "loop": setup.loops,
        "pixel_art": config.pixel_art,
        "palette": None if config.palette is None else hashlib.sha256(config.palette.read_bytes()).hexdigest(),
        "on_failure": config.on_failure,
        "coding": list(setup.coding.arguments),
        "borders": BORDERS,
    }
    # only where they are given, so that a film that an earlier animi began is still known
    later = {"ramp": config.ramp, "arcs": config.arcs, "hints": hash_film_hints(config.hints)}
    return job | {name: value for name, value in later.items() if value}
