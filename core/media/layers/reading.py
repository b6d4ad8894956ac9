"""Reads drawings in layers and sheets of sprites: one table of formats."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...files import natural_order, shown
from ..colour_profiles import name_profile, to_srgb
from ..frames import fit_size, resize_image
from .animated import SUFFIXES as ANIMATED
from .animated import read_animated
from .aseprite import SUFFIXES as ASEPRITE
from .aseprite import read_aseprite
from .document import Cel, Document, Picture, change_cels, spread_cel, trim_cel
from .oca import SUFFIX as OCA
from .oca import find_oca, read_oca
from .ora import read_ora
from .psd import SUFFIXES as PSD
from .psd import read_psd, why_flat
from .sheet import SUFFIX as SHEET
from .sheet import is_sheet, read_grid, read_sheet

READERS: dict[str, Callable[[Path], Document]] = {
    **dict.fromkeys(PSD, read_psd),
    ".ora": read_ora,
    OCA: read_oca,
    **dict.fromkeys(ASEPRITE, read_aseprite),
    SHEET: read_sheet,
}
"""Readers by suffix: to add a format, add a file to this folder and a row here."""


def find_documents(inputs: Sequence[Path], *, grid: bool = False, sprites: bool = False) -> list[Path] | None:
    """The documents in layers that a command's inputs name.

    Args:
        inputs: files and folders; a folder of nothing but documents stands for these, in natural order.
        grid: whether pictures are sheets of sprites.
        sprites: whether animations are read as sprites.

    Returns:
        The documents. None: an input is not one, so the inputs are ordinary pictures or a film.
    """
    found: list[Path] = []
    for path in inputs:
        if path.is_dir() and find_oca(path) is None:
            inner = _list_folder(path)
            if not inner:
                return None
            found += inner
        elif _is_document(path, grid=grid, sprites=sprites):
            found.append(path)
        else:
            return None
    return found or None


def _list_folder(folder: Path) -> list[Path]:
    """The documents of a folder; an empty list if anything else in it may be a drawing."""
    try:
        inner = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    inner = [
        path for path in inner if path.suffix.lower() != ".txt" and (path.suffix.lower() != SHEET or is_sheet(path))
    ]
    return natural_order(inner) if all(map(_is_document, inner)) else []


def _is_document(path: Path, *, grid: bool = False, sprites: bool = False) -> bool:
    if path.is_dir():
        return find_oca(path) is not None
    suffix = path.suffix.lower()
    if suffix in PSD:
        # Pillow reads the flattened picture of some files whose layers cannot be read; it knows no PSB
        return suffix == ".psb" or why_flat(path) is None
    return suffix in READERS or grid or (sprites and suffix in ANIMATED)


def read_documents(
    paths: Sequence[Path],
    *,
    grid: tuple[int, int] | None = None,
    size: tuple[int, int | None] | None = None,
    keep_profile: bool = False,
) -> Document:
    """Reads documents as one, whose pictures follow each other.

    Args:
        paths: the files and folders.
        grid: width and height of the cells of pictures that are sheets.
        size: (width, height) or (longer side, None) of the canvas that they are resized to. None: their own.
        keep_profile: whether colours stay in the ICC profile that all documents share; else they become sRGB.

    Raises:
        InputError: one cannot be read, or their sizes differ.
        ConfigError: a package that reads one is not installed.
    """
    documents = [_resize(_read(path, grid), size) for path in paths]
    first = documents[0].pictures[0]
    for document in documents:
        for picture in document.pictures:
            if (picture.width, picture.height) != (first.width, first.height):
                wanted = f"{first.width}x{first.height}"
                raise InputError(
                    f"{picture.name} is {picture.width}x{picture.height} and {first.name} is {wanted}; make their "
                    f"canvases one size, or add --size {wanted}"
                )
    notes = [_name(note, path) for path, document in zip(paths, documents, strict=True) for note in document.notes]
    profiles = {document.profile for document in documents}
    profile = profiles.pop() if keep_profile and len(profiles) == 1 else None
    if profile is None:
        documents = [_convert(document, notes) for document in documents]
    pictures = tuple(picture for document in documents for picture in document.pictures)
    tags = []
    before = 0
    for document in documents:
        tags += [replace(tag, first=tag.first + before, last=tag.last + before) for tag in document.tags]
        before += len(document.pictures)
    kinds = documents[0]
    return Document(pictures, tuple(tags), tuple(dict.fromkeys(notes)), profile, kinds.listed, kinds.trimmed)


def _read(path: Path, grid: tuple[int, int] | None) -> Document:
    suffix = path.suffix.lower()
    if path.is_dir():
        return read_oca(path)
    if suffix in READERS:
        return READERS[suffix](path)
    return read_animated(path) if grid is None else read_grid(path, grid)


def _resize(document: Document, size: tuple[int, int | None] | None) -> Document:
    """The same on a canvas of another size; what is beyond the canvas is cut off."""
    if size is None:
        return document

    def change(picture: Picture) -> Picture:
        width, height = size[0], size[1]
        if height is None:
            width, height = fit_size(picture.width, picture.height, width)
        if (width, height) == (picture.width, picture.height):
            return picture

        def resize(cel: Cel) -> Cel | None:
            whole = spread_cel(cel, picture.width, picture.height, deep=cel.pixels.dtype == np.uint16)
            return trim_cel(resize_image(whole, width, height)) if whole[..., 3].any() else None

        return replace(picture, width=width, height=height, layers=change_cels(picture.layers, resize))

    return replace(document, pictures=tuple(map(change, document.pictures)))


def _name(note: str, path: Path) -> str:
    return note if note.startswith(shown(path)) else f"{shown(path)}: {note}"


def _convert(document: Document, notes: list[str]) -> Document:
    """The same in sRGB."""
    profile = document.profile
    if profile is None:
        return document
    name = name_profile(profile)
    if "sRGB" not in name:
        notes.append(f"colours were converted from {name} to sRGB")

    def convert(cel: Cel) -> Cel:
        return Cel(to_srgb(cel.pixels, profile), cel.x, cel.y)

    def change(picture: Picture) -> Picture:
        return replace(picture, layers=change_cels(picture.layers, convert))

    return replace(document, pictures=tuple(map(change, document.pictures)), profile=None)
