"""What stands still over what moves: subtitles, logos, the displays of games, the edges of a letterbox.

Where the camera pans or shakes, nothing in the scene stands still on the screen, so what does stand still lies over the
picture. An engine would move it along with the scene behind it, and tear it. Here it is found, removed from both key
frames, and composited over the in-betweens.

A piece of one colour belongs to an overlay if it is the same in both key frames; if the camera's motion, forwards and
backwards, leads to something else; if it is thin, a box, or touches the border of the picture; and if it has the same
outline in both frames. A figure that moves by less than its own length fails the last test: the part that is equal in
both frames ends within the figure in one of them.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.frames import Frame, to_uint8
from ..motion.grid import max_of_channels

Array = NDArray[Any]
Mask = NDArray[np.bool_]

# The numbers below were set by hand on drawn material: bars, counters, logos and letters of seven kinds over pans,
# shakes and a zoom (docs/notebook/reports.md), which must be found, and walking figures, of which nothing may be. They
# were not fitted to real films.
_QUICK_SIDE = 320  # pixels of the longer side of the picture in which the camera's motion is found
_EDGE = 24  # levels from the darkest to the brightest of 3 x 3 pixels: an outline
_SAME, _OTHER = 6, 16  # levels: what stands still in the small picture differs by less, what moves by more
_FEWEST_STILL, _FEWEST_MOVING = 10, 60  # fewest pixels of outlines for a search
_MOST_STILL = 2.5  # times as many pixels of outlines may stand still as move
_CORNERS, _FEWEST_CORNERS = 120, 8
_SAMPLES = 1500  # pixels by which shifts are judged
_CELLS = (8, 6)  # a picture is divided into so many, and of those with outlines,
_EVERYWHERE, _SOMEWHERE = 0.75, 0.23  # at least this share has moving outlines, and at most this one only still ones
_PEAKS = 12  # shifts that are tried
_OFF = 1.0  # pixels of the small picture by which a corner may miss the camera's motion
_BEGINS, _EXPLAINED = 0.25, 0.45  # shares of the moving outlines that a shift, and the camera's motion, must explain
_FITS = 14  # levels up to which a pixel is explained
_LEAST_MOTION = 0.8  # pixels; less motion tears nothing
_EQUAL = 8  # levels up to which two pixels are the same, in films as well
_CONTRAST = 24  # levels by which pieces of two colours differ
_UNEXPLAINED = 20  # levels by which a pixel differs from all pixels around the place where the camera's motion leads
_AWAY = 0.25  # of a piece's border must be unexplained by the camera's motion
_ENDS, _SIDE = 0.8, 0.5  # shares of its border that both frames must have, in all and on each of its four sides
_THIN = 0.045  # thickness of thin pieces, in shorter sides of the picture
_BOX = 0.85  # share of its bounding box that a box fills
_SMALLEST = 3  # pixels
_LARGEST = 0.5  # of the picture
_ROUNDS = 4  # rounds in which pieces beside those found are added
_NEARLY, _ALL = 0.6, 0.95  # share of such a piece that must be near those found: if its border is unexplained, or not
_SOME, _HALF = 0.08, 0.5  # shares of a border that must be unexplained, and that both frames must have, for such pieces
_SIZES = 6.0  # times that one of two pieces of a kind, such as letters, may be larger than the other
_REACH = 2  # pixels around an overlay in which it may be half transparent
_FILLED = 3  # pixels around an overlay that are removed with it
_GUESSED = 0.05  # weight of a frame whose ground is only guessed from around
_FAINTEST = 0.06  # opacity below which a pixel counts as background, which is not known any more exactly
_DISTINCT = 24.0  # levels by which overlay and background must differ, root of squares, to find its opacity


@dataclass(frozen=True)
class Overlay:
    """An overlay, and the two frames without it.

    Attributes:
        alpha: (H, W, 1) float32: its opacity.
        colours: (H, W, C) float32 in the frames' levels: its colours, multiplied by alpha.
        frames: the two frames without it.
    """

    alpha: Array
    colours: Array
    frames: tuple[Frame, Frame]

    def lay(self, drawn: Frame) -> Frame:
        """Lays it over a frame of the same shape and type."""
        values = drawn.reshape(self.colours.shape).astype(np.float32)
        laid = self.colours + (1 - self.alpha) * values
        most = np.iinfo(drawn.dtype).max
        return np.asarray(np.clip(laid + 0.5, 0, most)).astype(drawn.dtype).reshape(drawn.shape)


def find_overlay(first: Frame, last: Frame, before: Frame | None = None) -> Overlay | None:
    """Finds an overlay on two frames between which the camera moves; None if there is none.

    Args:
        first: (H, W) or (H, W, C) uint8 or uint16; frames with alpha have none.
        last: of the same shape and type.
        before: the drawing before `first` in the same shot of a film: an overlay that is found on these two and is
            still the same in `last` counts as well.
    """
    if first.ndim == 3 and first.shape[2] == 4:
        return None
    views = [_view(frame) for frame in (first, last)]
    camera = find_camera(*views)
    if camera is None:
        return None
    found = _find_pieces(views[0], views[1], camera)
    if before is not None and before.shape == first.shape:
        earlier = _view(before)
        way = find_camera(earlier, views[0])
        if way is not None:
            near = cv2.dilate(_difference(views[0], views[1]), np.ones((3, 3), np.uint8)) <= _EQUAL
            found |= _find_pieces(earlier, views[0], way) & near
    return _take_off(first, last, found, camera) if found.any() else None


def find_camera(first: NDArray[np.uint8], last: NDArray[np.uint8]) -> Array | None:
    """Finds how the camera moves between two frames, (H, W, 3) uint8, which may have an overlay.

    Returns:
        (2, 3) float64, affine: where a pixel of the first frame is in the last. None if there can be no overlay: most
        outlines stand still, or none does, or they do not move together.
    """
    height, width = first.shape[:2]
    times = max(1, round(max(height, width) / _QUICK_SIDE))  # whole numbers, which are quick
    size = (max(8, width // times), max(8, height // times))
    grey = [
        cv2.resize(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA) for view in (first, last)
    ]
    outlines = [cv2.morphologyEx(view, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _EDGE for view in grey]
    apart = cv2.absdiff(*grey)
    still = outlines[0] & outlines[1] & (apart <= _SAME)
    moving = [each & (apart > _OTHER) for each in outlines]
    count = min(int(each.sum()) for each in moving)
    if not _FEWEST_STILL <= still.sum() <= _MOST_STILL * count or count < _FEWEST_MOVING:
        return None
    drawn, moves, stay = (
        cv2.resize(each.astype(np.float32), _CELLS, interpolation=cv2.INTER_AREA) > 0.01
        for each in (outlines[0], moving[0], still)
    )
    if (drawn & moves).sum() < _EVERYWHERE * drawn.sum() or (stay & ~moves).sum() > _SOMEWHERE * drawn.sum():
        return None

    def fit(way: Array) -> float:
        """The share of the moving outlines that a motion explains."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        carried = cv2.warpAffine(grey[1], way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(np.ones_like(grey[1]), way, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP) > 0
        judged = moving[0] & inside
        return float((cv2.absdiff(carried, grey[0])[judged] <= _FITS).mean()) if judged.any() else 0.0

    y, x = np.nonzero(moving[0])
    every = max(1, len(y) // _SAMPLES)
    y, x = y[::every], x[::every]

    def fit_shift(shift: tuple[int, int]) -> float:
        """The same for a shift by whole pixels, on a sample of the moving outlines."""
        at_y, at_x = y + shift[1], x + shift[0]
        inside = (at_y >= 0) & (at_y < size[1]) & (at_x >= 0) & (at_x < size[0])
        if not inside.any():
            return 0.0
        there = grey[1][at_y[inside], at_x[inside]].astype(np.int16)
        return float((np.abs(there - grey[0][y[inside], x[inside]]) <= _FITS).mean() * inside.mean() ** 0.5)

    shift = max(_find_shifts(grey, moving, still), key=fit_shift)
    most = fit_shift(shift)
    best: Array = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    small = [np.asarray(view[..., None], np.uint8) for view in grey]

    def stands(way: Array) -> bool:
        """Whether something stands still that a motion does not explain."""
        return int((still & _unexplained(small[0], small[1], way)).sum()) >= _FEWEST_STILL

    if most < _BEGINS or (most >= _EXPLAINED and not stands(best)):
        return None
    near = cv2.dilate(moving[0].astype(np.uint8), np.ones((5, 5), np.uint8))
    corners = cv2.goodFeaturesToTrack(grey[0], _CORNERS, 0.02, 4, mask=near * 255)
    if corners is not None and len(corners) >= _FEWEST_CORNERS:
        led = (corners + best[:, 2].astype(np.float32)).astype(np.float32)
        arrived, known, _ = cv2.calcOpticalFlowPyrLK(
            grey[0], grey[1], corners, led, winSize=(15, 15), maxLevel=1, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
        )
        good = known.ravel() > 0
        if good.sum() >= _FEWEST_CORNERS:
            way, followed = cv2.estimateAffinePartial2D(
                corners[good], arrived[good], ransacReprojThreshold=_OFF, maxIters=500
            )
            if way is not None and followed.sum() >= _FEWEST_CORNERS and (fits := fit(way)) > most:
                most, best = fits, way
    if most < _EXPLAINED:
        return None
    if not stands(best):
        return None
    best[:, 2] *= (width / size[0], height / size[1])
    corner = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    if np.median(np.hypot(*(best @ corner.T - corner[:, :2].T))) < _LEAST_MOTION:
        return None
    return np.asarray(best)


def _find_shifts(grey: list[Array], moving: list[Mask], still: Mask) -> list[tuple[int, int]]:
    """The shifts that bring most outlines of the first picture onto those of the second, by phase correlation.

    What stands still has a peak of its own at no shift, which is left out, and outlines beside it as well.
    """
    near = cv2.dilate(still.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    height, width = still.shape
    spectra = [
        cv2.dft(np.where(outlines & ~near, cv2.Laplacian(view, cv2.CV_32F), 0).astype(np.float32))
        for view, outlines in zip(grey, moving, strict=True)
    ]
    cross = cv2.mulSpectrums(spectra[1], spectra[0], 0, conjB=True)
    # the sum of all frequencies but the strongest has the sharpest peak; a power below one keeps those without noise
    peaks = cv2.idft(np.asarray(np.sign(cross) * np.sqrt(np.abs(cross))))
    peaks = cv2.GaussianBlur(peaks.astype(np.float32), (3, 3), 0)
    found = []
    for _ in range(_PEAKS):
        y, x = (int(v) for v in np.unravel_index(int(peaks.argmax()), peaks.shape))
        found.append((x - width if x > width // 2 else x, y - height if y > height // 2 else y))
        for row in range(y - 2, y + 3):
            peaks[row % height, np.arange(x - 2, x + 3) % width] = 0
    return found


def _find_pieces(first: NDArray[np.uint8], last: NDArray[np.uint8], camera: Array) -> Mask:
    """Where an overlay is opaque, (H, W)."""
    equal = _difference(first, last) <= _EQUAL
    away = equal & (_unexplained(first, last, camera) | _unexplained(last, first, cv2.invertAffineTransform(camera)))
    if not away.any():
        return np.zeros(equal.shape, bool)
    labels, boxes = _label(first, equal)
    count = len(boxes)
    height, width = equal.shape
    border = np.zeros(count, np.int64)
    ends, moves, whole = border.copy(), border.copy(), np.ones(count, bool)
    walls = np.zeros(count, np.int64)  # of the border that is one with a piece of what moves by itself
    sides = []
    for axis in (0, 1):
        for way in (1, -1):
            label, beside = labels, _shifted(labels, axis, way)
            edge = (label > 0) & (label != beside) & (beside >= 0)
            clear = edge & (beside > 0)  # where the neighbour is equal as well, the piece ends there in both frames
            open_ = np.nonzero(edge & (beside == 0))
            contrast: Array = np.full(len(open_[0]), 255, np.int16)
            for frame in (first, last):
                here = frame[open_].astype(np.int16)
                most: Array = np.zeros(len(open_[0]), np.int16)
                for far in (1, 2):  # what is next to it may be half transparent
                    place: list[Array] = [*open_]
                    place[axis] = np.clip(place[axis] + way * far, 0, equal.shape[axis] - 1)
                    most = np.maximum(most, np.abs(frame[tuple(place)] - here).max(1)).astype(np.int16)
                contrast = np.minimum(contrast, most).astype(np.int16)
            clear[open_] = contrast > _CONTRAST
            own, ended = (np.bincount(label[where], minlength=count) for where in (edge, clear))
            # on no side may it go on in one of the frames: a line that moves along itself does at its tips
            whole &= ended >= _SIDE * own
            border += own
            ends += ended
            moves += np.bincount(label[edge & away], minlength=count)
            sides.append((label[edge & (beside > 0)], beside[edge & (beside > 0)]))
    area = np.bincount(labels.ravel(), minlength=count)
    thickness = 2 * area / np.maximum(border, 1)  # of a long piece; less than the side of a square by half
    fills = area / np.maximum(1, boxes[:, 2] * boxes[:, 3])
    touches = (boxes[:, 0] == 0) | (boxes[:, 1] == 0)
    touches |= (boxes[:, 0] + boxes[:, 2] == width) | (boxes[:, 1] + boxes[:, 3] == height)
    shaped = (thickness <= _THIN * min(height, width)) | (fills >= _BOX) | touches
    whole &= (border > 0) & (ends >= _ENDS * border)
    itself = ~whole & (moves >= _AWAY * border) & (area >= _SMALLEST)
    itself[0] = False
    for label, beside in sides:
        walls += np.bincount(label[itself[beside]], minlength=count)
    # what is drawn on a thing that moves by itself moves with it, if by the distance of two that are alike
    whole &= (area <= _LARGEST * height * width) & shaped & (walls < _HALF * border)
    whole[0] = False
    kept = whole & (area >= _SMALLEST) & (moves >= _AWAY * border)
    if not kept.any():
        return np.zeros(equal.shape, bool)
    # pieces that touch one of them belong to it: the insides of letters, and the slopes of their outlines
    reach = np.ones((2 * _REACH + 1,) * 2, np.uint8)
    for _ in range(_ROUNDS):
        near = np.bincount(labels[cv2.dilate(kept[labels].astype(np.uint8), reach) > 0], minlength=count)
        grown = kept | (whole & (near >= np.where(moves >= _SOME * border, _NEARLY, _ALL) * area))
        if (grown == kept).all():
            break
        kept = grown
    doubtful = shaped & (area >= _SMALLEST) & (ends >= _HALF * border) & (moves >= _SOME * border) & ~kept
    doubtful &= walls < _HALF * border
    doubtful[0] = False
    return (kept | _find_like(first, labels, boxes, area, kept, doubtful))[labels]


def _find_like(
    view: NDArray[np.uint8], labels: NDArray[np.int32], boxes: NDArray[np.int32], area: Array, kept: Mask, more: Mask
) -> Mask:
    """Those of some more pieces that have the colour of one that is kept, are of its size, and lie beside it.

    A letter before what has its own colour does not end everywhere; the letters beside it do.
    """
    found = np.zeros(len(kept), bool)
    here, there = np.flatnonzero(more), np.flatnonzero(kept)
    if not len(here) or not len(there):
        return found
    flat = labels.ravel()
    colours = np.stack([np.bincount(flat, view[..., c].ravel(), len(kept)) for c in range(3)], 1) / area[:, None]
    low, size = boxes[:, :2], boxes[:, 2:4]
    for number in here:
        alike = np.abs(colours[there] - colours[number]).max(1) <= _CONTRAST
        alike &= (area[there] <= _SIZES * area[number]) & (area[number] <= _SIZES * area[there])
        apart = np.maximum(low[there] - low[number] - size[number], low[number] - low[there] - size[there]).max(1)
        alike &= apart <= np.maximum(size[there].max(1), size[number].max())
        found[number] = alike.any()
    return found


def _shifted(labels: NDArray[np.int32], axis: int, way: int) -> NDArray[np.int32]:
    """Each place's neighbour on one side; -1 beyond the picture."""
    moved = np.full_like(labels, -1)
    here, there = (np.s_[:-1], np.s_[1:]) if way > 0 else (np.s_[1:], np.s_[:-1])
    if axis == 0:
        moved[here] = labels[there]
    else:
        moved[:, here] = labels[:, there]
    return moved


def _label(view: NDArray[np.uint8], equal: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pieces of one colour among the pixels that are equal in both frames: (H, W), 0 elsewhere; and their frames.

    Of each piece, 0 included, (N, 4): x, y, width and height.

    Neighbours belong together that differ by less than a contrast. They are found on a grid with a place between any
    two neighbours.
    """
    height, width = equal.shape
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = equal
    for axis in (0, 1):
        here, there = (np.s_[:-1], np.s_[1:]) if axis == 0 else ((slice(None), np.s_[:-1]), (slice(None), np.s_[1:]))
        alike = _difference(view[here], view[there]) <= _CONTRAST // 2
        grid[(slice(1, None, 2), slice(None, None, 2)) if axis == 0 else (slice(None, None, 2), slice(1, None, 2))] = (
            alike & equal[here] & equal[there]
        )
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(grid, connectivity=4)
    return np.ascontiguousarray(labels[::2, ::2], np.int32), np.asarray((boxes[:, :4] + 1) // 2, np.int32)


def _unexplained(here: NDArray[np.uint8], there: NDArray[np.uint8], way: Array) -> Mask:
    """Where a frame differs from the other one at the place where the camera's motion leads, and from all around it.

    False where the motion leads out of the picture.
    """
    height, width = here.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    carried = cv2.warpAffine(there, way, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones((height, width), np.uint8), way, (width, height), flags=cv2.WARP_INVERSE_MAP)
    kernel = np.ones((3, 3), np.uint8)
    above = cv2.subtract(here, cv2.dilate(carried, kernel).reshape(here.shape)).reshape(here.shape)
    below = cv2.subtract(cv2.erode(carried, kernel).reshape(here.shape), here).reshape(here.shape)
    return np.asarray((np.maximum(above, below).max(2) > _UNEXPLAINED) & (cv2.erode(inside, kernel) > 0))


def _take_off(first: Frame, last: Frame, found: Mask, camera: Array) -> Overlay:
    """Separates an overlay from what is behind it."""
    height, width = found.shape
    frames = [frame.reshape(height, width, -1).astype(np.float32) for frame in (first, last)]
    most = np.iinfo(first.dtype).max
    unit = most / 255
    covered = cv2.dilate(found.astype(np.uint8), np.ones((2 * _FILLED + 1,) * 2, np.uint8))
    grounds: list[Array] = []
    known: list[Mask] = []  # where the ground of each frame is
    for k, way in ((0, camera), (1, cv2.invertAffineTransform(camera))):
        flags = cv2.WARP_INVERSE_MAP
        carried, hidden = (
            cv2.warpAffine(
                image, way, (width, height), flags=flags | how, borderMode=cv2.BORDER_CONSTANT, borderValue=border
            )
            for image, how, border in ((frames[1 - k], cv2.INTER_LINEAR, 0), (covered, cv2.INTER_NEAREST, 1))
        )
        carried = carried.reshape(height, width, -1)
        seen = (covered > 0) & (hidden == 0)
        ground = np.where(seen[..., None], carried, frames[k])
        left = ((covered > 0) & ~seen).astype(np.uint8)
        if left.any():
            ground = _fill(ground, left, unit)
        grounds.append(ground)
        known.append((covered == 0) | seen)
    alpha = np.zeros((height, width, 1), np.float32)
    alpha[found] = 1
    own = (frames[0] + frames[1]) / 2
    colours = np.where(found[..., None], own, 0).astype(np.float32)
    band = (cv2.dilate(found.astype(np.uint8), np.ones((2 * _REACH + 1,) * 2, np.uint8)) > 0) & ~found
    # the colour of the nearest opaque pixel, of which a half transparent one has a share over either ground
    _, nearest = cv2.distanceTransformWithLabels(
        (~found).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    palette = np.zeros((int(nearest.max()) + 1, own.shape[2]), np.float32)
    palette[nearest[found]] = own[found]
    colour = palette[nearest[band]]
    over, under = np.zeros(len(colour), np.float32), np.zeros(len(colour), np.float32)
    for frame, ground, sure in zip(frames, grounds, known, strict=True):
        reach, weight = colour - ground[band], np.where(sure[band], 1, _GUESSED)
        over += weight * ((frame[band] - ground[band]) * reach).sum(1)
        under += weight * np.square(reach).sum(1)
    least = 2 * (_DISTINCT * unit) ** 2
    share = np.where(under > _GUESSED * least, over / np.maximum(under, 1), 0).clip(0, 1)
    shown = share[:, None] * colour
    # over two grounds it shows by itself, whatever its colour
    apart = grounds[0][band] - grounds[1][band]
    far = np.square(apart).sum(1)
    through = (((frames[0][band] - frames[1][band]) * apart).sum(1) / np.maximum(far, 1)).clip(0, 1)
    certain = known[0][band] & known[1][band] & (far > least)
    share = np.where(certain, 1 - through, share)
    own_colour = (
        sum(frame[band] - (1 - share[:, None]) * ground[band] for frame, ground in zip(frames, grounds, strict=True))
        / 2
    )
    shown = np.where(certain[:, None], np.clip(own_colour, 0, share[:, None] * most), shown)
    seen_at_all = share >= _FAINTEST
    alpha[band, 0] = np.where(seen_at_all, share, 0)
    colours[band] = np.where(seen_at_all[:, None], shown, 0)
    ends = (np.clip(ground + 0.5, 0, most).astype(first.dtype).reshape(first.shape) for ground in grounds)
    return Overlay(alpha, colours, (next(ends), next(ends)))


def _fill(frame: Array, hole: NDArray[np.uint8], unit: float) -> Array:
    """Fills what neither frame shows from its surroundings (Telea, "An image inpainting technique", 2004)."""
    view = np.clip(frame / unit + 0.5, 0, 255).astype(np.uint8)
    filled = cv2.inpaint(view, hole, 3, cv2.INPAINT_TELEA).reshape(frame.shape)
    return np.where(hole[..., None] > 0, filled.astype(np.float32) * unit, frame)


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest absolute difference of all channels, (H, W)."""
    return max_of_channels(cv2.absdiff(np.ascontiguousarray(one), np.ascontiguousarray(other)))


def _view(frame: Frame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8."""
    view = to_uint8(frame)
    grey = view.ndim == 2 or view.shape[2] == 1
    return np.asarray(cv2.cvtColor(view.reshape(view.shape[:2]), cv2.COLOR_GRAY2RGB) if grey else view)
