"""Pictures of more than 16 bits or of scene light: EXR, DPX and float TIFF, by OpenImageIO (the extra `animi[deep]`).

EXR holds light as it is in the scene: 0.18 is middle grey, 1 is white, and lights are brighter than that. DPX holds
whole numbers, often of a logarithmic curve; they are read as they stand in the file, as 16 bits.

Sources: OpenEXR's and OpenImageIO's documentation; SMPTE ST 268 (DPX); Kodak, "Conversion of 10-bit Log Film Data To
8-bit Linear or Video Data" (1995), for the logarithmic curve; IEC 61966-2-1 (sRGB).
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ConfigError, InputError, list_some, printable
from ..files import shown
from .frames import Frame, paste
from .image_files import MOST_PIXELS, read_image, tiff_tag
from .srgb import decode_srgb, encode_srgb

Values = NDArray[np.float32]
"""Linear light, (H, W, C), C of 1 (grey), 3 (RGB) or 4 (RGB multiplied by alpha, and alpha)."""

EXR, DPX = ".exr", ".dpx"
FLOAT_TIFF = (".tif", ".tiff")
MISSING = "EXR, DPX and float TIFF need OpenImageIO; install it: pip install 'animi[deep]'"
"""The remedy where OpenImageIO is not installed."""
_EXR_HEAD, _DPX_HEADS = b"\x76\x2f\x31\x01", (b"SDPX", b"XPDS")
_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_KEPT = ("compression", "chromaticities", "PixelAspectRatio", "FramesPerSecond", "oiio:ColorSpace", "Orientation")
_KEPT_OF_DPX = ("dpx:Transfer", "dpx:Colorimetric", "dpx:FrameRate", "PixelAspectRatio", "oiio:ColorSpace")
_SAMPLE_FORMAT, _FLOAT = 339, 3  # a tag of TIFF, and its value for floating-point numbers
_MOST_CHANNELS = 1024
# Kodak's curve: 10-bit values of black and of white, the step of density of a value, and the gamma of the negative
_BLACK, _WHITE, _DENSITY, _GAMMA = 95.0, 685.0, 0.002, 0.6
_OFFSET = 10 ** ((_BLACK - _WHITE) * _DENSITY / _GAMMA)


@dataclass(frozen=True)
class DeepForm:
    """How values are stored.

    Attributes:
        kind: "half" or "float"; or "uint8", "uint10", "uint12" or "uint16" for whole numbers.
        curve: what whole numbers stand for: "srgb", "log" (Kodak's) or "linear".
        attributes: other properties that the file states, by OpenImageIO's names.
    """

    kind: str = "half"
    curve: str = "linear"
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeepPicture:
    """A picture in linear light."""

    values: Values
    form: DeepForm
    notes: tuple[str, ...] = ()
    """What of the file was left out, sentences without a full stop."""


def has_deep() -> bool:
    """Whether OpenImageIO is installed."""
    return find_spec("OpenImageIO") is not None


def detect_deep(path: Path) -> str | None:
    """Which of EXR, DPX and ".tif" (of float) a file is, by its first bytes; None: none of them, or unreadable."""
    head = _read_head(path)
    if head == _EXR_HEAD:
        return EXR
    if head in _DPX_HEADS:
        return DPX
    if head in _TIFF_HEADS and _is_float_tiff(path):
        return FLOAT_TIFF[0]
    return None


def is_dpx(path: Path) -> bool:
    """Whether a file is a DPX, by its first bytes; False if it cannot be read."""
    return _read_head(path) in _DPX_HEADS


def _read_head(path: Path) -> bytes:
    """The first four bytes of a file; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError:
        return b""


def _is_float_tiff(path: Path) -> bool:
    """Whether a TIFF's samples are floating-point numbers."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("TIFF",)) as image:
            return _FLOAT in tiff_tag(image, _SAMPLE_FORMAT)
    except Exception:  # Pillow opens no TIFF of three floats a pixel, and says so in many ways
        return has_deep() and _opens_as_float(path)


def _opens_as_float(path: Path) -> bool:
    import OpenImageIO as oiio

    source = oiio.ImageInput.open(str(path))
    if source is None:
        _get_error(oiio)
        return False
    kind = str(source.spec().format)
    source.close()
    return kind in ("half", "float", "double")


def read_deep(path: Path) -> DeepPicture:
    """Reads any picture in linear light.

    Values of EXR and float TIFF are as the file has them. Whole numbers are converted: DPX by the curve that it
    names, all others from sRGB.

    Raises:
        InputError: it cannot be read.
        ConfigError: OpenImageIO is not installed, and the file needs it.
    """
    kind = detect_deep(path)
    if kind in (EXR, FLOAT_TIFF[0]):
        values, attributes, notes, found = _read(path)
        return DeepPicture(values, DeepForm("half" if found == "half" else "float", "linear", attributes), notes)
    if kind == DPX:
        frame, form = read_dpx(path)
    else:
        frame = read_image(path)
        form = DeepForm("uint16" if frame.dtype == np.uint16 else "uint8", "srgb")
    return DeepPicture(to_linear(frame, form.curve), form)


def read_dpx(path: Path) -> tuple[Frame, DeepForm]:
    """Reads a DPX file; its values are as the file has them.

    Returns:
        (H, W, C), uint16 or uint8, straight alpha; and how it is stored.

    Raises:
        InputError: it cannot be read.
        ConfigError: OpenImageIO is not installed.
    """
    pixels, attributes, _, found = _read(path)
    if found in ("half", "float", "double"):
        raise InputError(f"{shown(path)}: has numbers with fractions, which can be read from EXR only; save it as EXR")
    bits = int(attributes.get("oiio:BitsPerSample", 16))
    transfer = str(attributes.get("dpx:Transfer", ""))
    space = str(attributes.get("oiio:ColorSpace", ""))
    curve = "srgb"
    if "log" in transfer.lower() or "density" in transfer.lower() or "log" in space.lower():
        curve = "log"
    elif transfer.lower() == "linear" or space.lower() in ("linear", "lin_rec709", "lin_rec709_scene"):
        curve = "linear"
    kind = f"uint{bits if bits in (8, 10, 12) else 16}"
    frame: Frame = pixels.astype(np.uint8 if bits <= 8 else np.uint16)
    return frame, DeepForm(kind, curve, {name: attributes[name] for name in _KEPT_OF_DPX if name in attributes})


def _read(path: Path) -> tuple[Values, dict[str, Any], tuple[str, ...], str]:
    """Reads a file by OpenImageIO: its values as they stand, its attributes, notes, and its kind of numbers."""
    if not has_deep():
        raise ConfigError(f"{shown(path)}: {MISSING}")
    try:
        return _read_by_oiio(path)
    except (UnicodeDecodeError, RuntimeError, ValueError, TypeError) as error:  # damaged names and attributes
        raise InputError(f"{shown(path)}: is damaged; render or copy it again") from error


def _read_by_oiio(path: Path) -> tuple[Values, dict[str, Any], tuple[str, ...], str]:
    name = shown(path)
    import OpenImageIO as oiio

    if not path.exists():
        raise InputError(f"{name}: there is no such file; check the name")
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # alpha as in the file
    source = oiio.ImageInput.open(str(path), config)
    if source is None:
        _get_error(oiio)
        raise InputError(f"{name}: is damaged, or not a picture that can be read; render or copy it again")
    try:
        spec = source.spec()
        width, height = spec.full_width or spec.width, spec.full_height or spec.height
        for w, h in ((width, height), (spec.width, spec.height)):
            if w * h > MOST_PIXELS or w <= 0 or h <= 0:
                raise InputError(
                    f"{name}: is {w} x {h} pixels, and a frame may have {MOST_PIXELS:,}; scale it down first"
                )
        if spec.nchannels > _MOST_CHANNELS or spec.depth > 1 or spec.deep:
            raise InputError(f"{name}: is not a flat picture; render it flat")
        names = list(spec.channelnames)
        wanted, notes = _choose_channels(names, name)
        first, last = min(wanted), max(wanted) + 1
        found = source.read_image(0, 0, first, last, oiio.UNKNOWN)
        kind = str(spec.format)
        attributes = {each.name: each.value for each in spec.extra_attribs}
        offset = spec.x - spec.full_x, spec.y - spec.full_y
        if found is None or source.has_error:
            _get_error(source)
            raise InputError(f"{name}: is cut short or damaged; render or copy it again")
        if source.seek_subimage(1, 0):
            notes.append("parts after the first were left out")
    finally:
        source.close()
    pixels = np.asarray(found).reshape(spec.height, spec.width, -1)[..., [index - first for index in wanted]]
    values = pixels.astype(np.float32)
    if (spec.width, spec.height) != (width, height) or offset != (0, 0):
        values, lost = _place(values, width, height, offset)
        if lost:
            notes.append("what is beyond the display window was left out")
    return values, attributes, tuple(f"{name}: {note}" for note in notes), kind


def _choose_channels(names: Sequence[str], name: str) -> tuple[list[int], list[str]]:
    """The places of the colours and of alpha among a file's channels."""
    lower = [each.lower() for each in names]
    if all(each in lower for each in ("r", "g", "b")):
        wanted = [lower.index(each) for each in ("r", "g", "b")]
        if "a" in lower:
            wanted.append(lower.index("a"))
    elif "y" in lower and not {"ry", "by"} & set(lower):
        wanted = [lower.index("y")]
    elif len(names) == 1:
        wanted = [0]
    else:
        raise InputError(f"{name}: has no channels R, G and B, but {_list_channels(names)}; render these")
    others = [each for index, each in enumerate(names) if index not in wanted]
    notes = []
    if others:
        notes.append(f"{'a channel was' if len(others) == 1 else 'channels were'} left out: {_list_channels(others)}")
    return wanted, notes


def _list_channels(names: Sequence[str]) -> str:
    return list_some([printable(each, 30) for each in names])


def _place(values: Values, width: int, height: int, offset: tuple[int, int]) -> tuple[Values, bool]:
    """A part of a picture on its whole, and whether some of it is beyond."""
    whole = np.zeros((height, width, values.shape[2]), np.float32)
    left, top = offset
    paste(whole, values, left, top)
    return whole, left < 0 or top < 0 or left + values.shape[1] > width or top + values.shape[0] > height


def to_linear(frame: Frame, curve: str = "srgb") -> Values:
    """A frame's colours as linear light, multiplied by alpha."""
    full = np.float32(np.iinfo(frame.dtype).max)
    if frame.shape[2] == 4:
        alpha = frame[..., 3:].astype(np.float32) / full
        return np.concatenate([_DECODE[curve](frame[..., :3].astype(np.float32) / full) * alpha, alpha], axis=2)
    return _DECODE[curve](frame.astype(np.float32) / full)


def from_linear(values: Values, kind: str = "uint16", curve: str = "srgb") -> Frame:
    """Inverts `to_linear`: whole numbers of a curve, straight alpha; what is beyond the curve's end is cut off."""
    dtype, full = (np.uint8, 255) if kind == "uint8" else (np.uint16, 65535)
    values = np.nan_to_num(values, nan=0.0, posinf=65504.0, neginf=0.0)
    if values.shape[2] == 4:
        alpha = np.clip(values[..., 3:], 0, 1)
        colour = _ENCODE[curve](np.asarray(values[..., :3] / np.maximum(alpha, 1e-6), np.float32))
        planes = np.concatenate([np.where(alpha > 0, colour, 0), alpha], axis=2)
    else:
        planes = _ENCODE[curve](values)
    frame: Frame = np.rint(np.clip(planes, 0, 1) * full).astype(dtype)
    return frame


def _decode_log(values: Values) -> Values:
    light = 10 ** ((values * np.float32(1023) - _WHITE) * _DENSITY / _GAMMA)
    return np.asarray((light - _OFFSET) / (1 - _OFFSET), np.float32)


def _encode_log(values: Values) -> Values:
    light = np.maximum(values * (1 - _OFFSET) + _OFFSET, 1e-6)
    return np.asarray((np.log10(light) * _GAMMA / _DENSITY + _WHITE) / 1023, np.float32)


def _keep(values: Values) -> Values:
    return values


_Curve = Callable[[Values], Values]
_DECODE: dict[str, _Curve] = {"srgb": decode_srgb, "log": _decode_log, "linear": _keep}
_ENCODE: dict[str, _Curve] = {"srgb": encode_srgb, "log": _encode_log, "linear": _keep}


def read_picture(path: Path) -> Frame:
    """Reads a picture without a change of its values: DPX, or what `image_files.read_image` reads.

    Raises:
        InputError: it cannot be read.
        ConfigError: it is a DPX, and OpenImageIO is not installed.
    """
    return read_dpx(path)[0] if is_dpx(path) else read_image(path)


def encode_display(values: Values, peak: float) -> Values:
    """Linear light as a display would show it, from 0 to 1; what is brighter than white is compressed, not cut off.

    Args:
        values: colours, of any shape.
        peak: the brightest value of all pictures that are compared.
    """
    light = np.minimum(np.maximum(values, 0), max(peak, 1.0))
    shown_light = encode_srgb(np.minimum(light, 1))
    if peak <= 1:
        return shown_light
    # a quarter of the range for what is beyond white, by its logarithm
    above = np.log2(np.maximum(light, 1)) / np.log2(peak)
    return np.asarray(0.75 * shown_light + 0.25 * above, np.float32)


def write_values(path: Path, values: Values, form: DeepForm) -> None:
    """Writes linear light as EXR or float TIFF; the file is written directly.

    Raises:
        OSError: it cannot be written.
    """
    _write(path, values, "half" if form.kind == "half" else "float", form.attributes)


def write_whole(path: Path, frame: Frame, form: DeepForm) -> None:
    """Writes whole numbers as DPX, of 8, 10, 12 or 16 bits; the file is written directly.

    Raises:
        OSError: it cannot be written.
    """
    bits = int(form.kind.removeprefix("uint")) if form.kind.startswith("uint") else 16
    attributes = {name: value for name, value in form.attributes.items() if name in _KEPT_OF_DPX}
    _write(path, frame, "uint8" if frame.dtype == np.uint8 else "uint16", attributes, bits)


def _write(path: Path, pixels: NDArray[Any], kind: str, attributes: Mapping[str, Any], bits: int | None = None) -> None:
    import OpenImageIO as oiio

    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, kind)
    spec.channelnames = {1: ("Y",), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[channels]
    spec.alpha_channel = 3 if channels == 4 else -1
    for name, value in attributes.items():
        if name in (*_KEPT, *_KEPT_OF_DPX):
            if isinstance(value, tuple):
                spec.attribute(name, f"float[{len(value)}]", value)
            else:
                spec.attribute(name, value)
    if bits is not None:
        spec.attribute("oiio:BitsPerSample", bits)
        if channels == 4:
            spec.attribute("oiio:UnassociatedAlpha", 1)
    target = oiio.ImageOutput.create(str(path))
    done = target is not None and target.open(str(path), spec) and target.write_image(np.ascontiguousarray(pixels))
    if target is not None:
        done = target.close() and done
    if not done:
        raise OSError(0, _get_error(oiio if target is None else target), str(path))


def _get_error(source: Any) -> str:
    """The last error of OpenImageIO, in one line; it prints errors that nobody reads when the program ends."""
    try:
        lines = str(source.geterror()).strip().splitlines()
    except UnicodeDecodeError:  # it quotes bytes of a damaged file
        lines = []
    return printable(lines[0], 200) if lines else "unknown"


def match_values(values: Values, channels: int) -> Values:
    """Adds channels: grey becomes RGB, and RGB gets full alpha."""
    if values.shape[2] == 1 and channels > 1:
        values = np.repeat(values, 3, axis=2)
    if values.shape[2] == 3 and channels == 4:
        values = np.concatenate([values, np.ones_like(values[..., :1])], axis=2)
    return values
