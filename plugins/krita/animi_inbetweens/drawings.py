"""Chooses two drawings, and saves them as PNGs."""

from array import array

from PyQt5.QtGui import QImage

FURTHEST = 10_000
"""Frames after the current one in which the next key frame is searched."""


class Problem(Exception):
    """An error with a message for the user."""


class Chosen:
    """Two drawings, and the times of the new frames.

    Attributes:
        drawings: for each its layer, and the time at which its pixels are read; None: now.
        name: what the new layer is named after.
        start: the frame of the first drawing.
        distance: frames from the first to the second; None: the two have no distance in time.
    """

    def __init__(self, drawings, name, start, distance):
        """Stores them."""
        self.drawings, self.name, self.start, self.distance = drawings, name, start, distance

    @property
    def usual_count(self):
        """The number of in-betweens that fills the time."""
        return 3 if self.distance is None else max(1, min(100, self.distance - 1))

    def step(self, count):
        """Frames from one of `count` in-betweens to the next: they fill the time if it is long enough."""
        return 1 if self.distance is None else max(1, self.distance // (count + 1))


def choose_drawings(document, view):
    """Finds two selected layers, or two key frames of the active layer.

    Raises:
        Problem: there are neither.
    """
    selected = view.selectedNodes() if view is not None else []
    if len(selected) > 2:
        raise Problem(f"{len(selected)} layers are selected. Select one that has key frames, or two.")
    if len(selected) == 2:
        order = _list_layers(document.rootNode())
        first, last = sorted(selected, key=lambda node: order.index(node.uniqueId().toString()))  # from below to above
        name = f"{first.name()} and {last.name()}"
        return Chosen([(first, None), (last, None)], name, document.currentTime(), None)
    layer = document.activeNode()
    if layer is None:
        raise Problem("Select a layer first.")
    if not layer.animated():
        raise Problem(
            f'The layer "{layer.name()}" has no key frames. Give it two (Timeline, Create Duplicate Frame), or select '
            "two layers."
        )
    now = document.currentTime()
    first = next((time for time in range(now, -1, -1) if layer.hasKeyframeAtTime(time)), None)
    last = next((time for time in range(now + 1, now + FURTHEST) if layer.hasKeyframeAtTime(time)), None)
    if first is None or last is None:
        raise Problem(
            f'The layer "{layer.name()}" has no key frame {"before" if first is None else "after"} frame {now}. Go to '
            "a frame between two."
        )
    return Chosen([(layer, first), (layer, last)], layer.name(), first, last - first)


def save_drawing(document, drawing, path):
    """Writes the part of a layer that is inside the picture as a PNG.

    Raises:
        Problem: it is not RGB with 8 or 16 bits, or cannot be written.
    """
    layer, time = drawing
    if layer.colorModel() != "RGBA" or layer.colorDepth() not in ("U8", "U16"):
        raise Problem(
            f'The layer "{layer.name()}" is {layer.colorModel()} {layer.colorDepth()}, and animi reads RGB with 8 or '
            "16 bits. Convert it (Layer, Convert, Convert Layer Color Space)."
        )
    profile = layer.colorProfile().lower()
    if "srgb" not in profile or "g10" in profile or "linear" in profile:
        raise Problem(
            f'The layer "{layer.name()}" has colours in {layer.colorProfile()}, and animi reads sRGB. Convert it '
            "(Layer, Convert, Convert Layer Color Space)."
        )
    width, height = document.width(), document.height()
    if time is None:
        data = layer.projectionPixelData(0, 0, width, height)
    else:
        data = layer.pixelDataAtTime(0, 0, width, height, time)
    pixels = bytes(data)
    if layer.colorDepth() == "U8":  # blue, green, red, alpha, as QImage has it in memory
        image = QImage(pixels, width, height, 4 * width, QImage.Format_ARGB32)
    else:
        values = array("H", pixels)
        values[0::4], values[2::4] = values[2::4], values[0::4]
        pixels = values.tobytes()
        image = QImage(pixels, width, height, 8 * width, QImage.Format_RGBA64)
    if not image.save(str(path), "PNG"):
        raise Problem(f"{path} cannot be written; is the disk full?")


def _list_layers(node):
    """The layers' ids, from below to above."""
    found = []
    for child in node.childNodes():
        found += [*_list_layers(child), child.uniqueId().toString()]
    return found
