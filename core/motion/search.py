"""Motion between two drawings, found without training: global matching first, then dense inverse search.

Cartoons jump: between two key frames a hand may cross a third of the picture, further than any coarse-to-fine search
follows. So the large displacements are found first, on a grid of at most 64 cells a side, by comparing every textured
cell of one drawing with every one of the other (the classical counterpart of GMFlow's global matching, Xu et al., CVPR
2022, section 3.2). The displacements that most mutual matches vote for become a short list of candidates; a few rounds
of mean-field inference (Krahenbuhl and Koltun, NIPS 2011, here with a Potts model over four neighbours) give each cell
one of them, with borders along colour edges. OpenCV's dense inverse search (Kroeger et al., ECCV 2016) takes the result
as a candidate in every patch of its pyramid and refines it to fractions of a pixel.

Conventions: a flow is (h, w, 2) float32 in pixels, (dx, dy); forward flow leads from a pixel of the first frame to its
place in the last, backward flow the other way.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, Flow
from .segments import Carried, find_transforms

CELLS = 64
"""Longest side of the matching grid. 48 is a little worse, 96 no better and three times slower."""
_PIECE_PENALTY, _PIECE_BONUS = 6.0, 4.0  # of motions of pieces, elsewhere and on the piece, in colour difference
SMALLEST = 8
"""Frames with a side below this have no motion that could be told."""
_SEARCH_MARGIN = 32
_COARSEST_SIDE, _FINEST_SIDE, _DETAIL = 192, 640, 0.75  # of the working picture, in pixels and of the frame's
_OVERSAMPLING = 2.5  # searched cells a side for a wanted one: more take longer and lead to no better frames


class Candidates(NamedTuple):
    """Motions that cells may choose from."""

    transforms: Array
    """(K, 2, 3) affine, from a cell's place to its place in the other drawing, in cells; the first is rest."""
    penalties: Array
    """(K,) in units of colour difference: what it costs a cell to choose this one."""
    centres: Array
    """(K, 2): a cell that the motion is of, where its displacement is compared with that of others; NaN: any."""

    homes: tuple[Array, ...] = ()
    """For each of the last candidates (rows, columns) how much of a cell belongs to the piece that it is of."""
    partners: tuple[Array, ...] = ()
    """The same of the pieces that they are carried to."""

    def displace(self, rows: int, columns: int) -> Array:
        """Where each candidate takes each cell: (K, rows, columns, 2), (dx, dy) in cells."""
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        places = np.stack([x, y, np.ones_like(x)], 2)  # (rows, columns, 3)
        moved = np.einsum("kij,rcj->krci", self.transforms, places)
        return np.asarray(moved - places[None, ..., :2], np.float32)

    def reverse(self) -> "Candidates":
        """The same from the other drawing back to this one."""
        back = [cv2.invertAffineTransform(transform) for transform in self.transforms]
        there = np.einsum("kij,kj->ki", self.transforms[:, :, :2], self.centres) + self.transforms[:, :, 2]
        return Candidates(np.array(back, np.float32), self.penalties, there, self.partners, self.homes)


def estimate_flow(first: Array, last: Array, *, finest: int = _FINEST_SIDE) -> tuple[Flow, Flow]:
    """Finds the motion between two frames, both ways.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: the same shape.
        finest: cells that the working grid's longer side has at most.

    Returns:
        The forward and the backward flow on one working grid of (h, w) cells, three quarters of the frame's size and at
        most `finest` cells long, in pixels of the full frame.
    """
    height, width = first.shape[:2]
    scale = min(1.0, max(_COARSEST_SIDE, min(finest, _DETAIL * max(height, width))) / max(height, width))
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    if min(height, width) < SMALLEST or np.array_equal(first, last):
        still = np.zeros((h, w, 2), np.float32)
        return still, still.copy()
    small_first = cv2.resize(first, (w, h), interpolation=cv2.INTER_AREA)
    small_last = cv2.resize(last, (w, h), interpolation=cv2.INTER_AREA)
    coarse_forward, coarse_backward = match_globally(small_first, small_last)
    forward = _refine(small_first, small_last, coarse_forward)
    backward = _refine(small_last, small_first, coarse_backward)
    to_pixels = np.array([width / w, height / h], np.float32)
    return forward * to_pixels, backward * to_pixels


def search_motion(first: Array, last: Array, height: int, width: int) -> Array:
    """Finds the motion between two frames both ways, as a motion network is given it.

    Args:
        first: (H, W, 3) uint8 RGB, of any size.
        last: the same shape.
        height: rows of the grid that is wanted.
        width: columns.

    Returns:
        (2, 2, height, width) float32: forward and backward, each (dx, dy) in cells of that grid.
    """
    scale = np.array([width / first.shape[1], height / first.shape[0]], np.float32)
    found = estimate_flow(first, last, finest=round(_OVERSAMPLING * max(height, width)))
    flows = [cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) for flow in found]
    return np.stack([(flow * scale).transpose(2, 0, 1) for flow in flows])


def match_globally(first: Array, last: Array) -> tuple[Flow, Flow]:
    """Finds displacements of any length, to the accuracy of a cell.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.

    Returns:
        Forward and backward flow, (h, w, 2) in pixels of these frames, constant within a cell.
    """
    h, w = first.shape[:2]
    scale = min(1 / 5, CELLS / max(h, w))  # smaller cells add time and noise
    columns, rows = max(SMALLEST, round(w * scale)), max(SMALLEST, round(h * scale))
    cells_first, cells_last = _lab_cells(first, columns, rows), _lab_cells(last, columns, rows)
    candidates = find_candidates(cells_first, cells_last)
    carried = find_transforms(first, last)
    if carried:
        candidates = _add_transforms(candidates, carried, rows, columns)
    to_pixels = np.array([w / columns, h / rows], np.float32)
    y, x = np.mgrid[:rows, :columns]

    def spread(here: Array, there: Array, candidates: Candidates) -> Flow:
        chosen = candidates.displace(rows, columns)[_choose_candidates(here, there, candidates), y, x]
        return np.asarray(cv2.resize(chosen * to_pixels, (w, h), interpolation=cv2.INTER_NEAREST), np.float32)

    return spread(cells_first, cells_last, candidates), spread(cells_last, cells_first, candidates.reverse())


def _add_transforms(candidates: Candidates, carried: list[Carried], rows: int, columns: int) -> Candidates:
    """Adds motions of pieces, as `find_transforms` gives them."""
    size = np.array([columns, rows], float)
    transforms, centres = [], []
    for piece in carried:
        part = piece.transform[:, :2] * size[:, None] / size[None]
        shift = piece.transform[:, 2] * size - 0.5 + part.sum(1) / 2
        transforms.append(np.hstack([part, shift[:, None]]))
        centres.append(piece.centre * size - 0.5)
    away = [np.linalg.norm(t[:, :2] @ c + t[:, 2] - c) for t, c in zip(transforms, centres, strict=True)]
    return Candidates(
        np.concatenate([candidates.transforms, np.array(transforms)]).astype(np.float32),
        np.concatenate([candidates.penalties, 0.3 * np.array(away) + _PIECE_PENALTY]).astype(np.float32),
        np.concatenate([candidates.centres, np.array(centres)]),
        tuple(cv2.resize(piece.here, (columns, rows), interpolation=cv2.INTER_AREA) for piece in carried),
        tuple(cv2.resize(piece.there, (columns, rows), interpolation=cv2.INTER_AREA) for piece in carried),
    )


def _lab_cells(frame: Array, columns: int, rows: int) -> Array:
    small = cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def find_candidates(first: Array, last: Array, most: int = 16) -> Candidates:
    """Lists the displacements that the most mutual best matches vote for.

    Only cells that changed and that have texture are compared: a match between flat cells says nothing. At most a
    third of all cells, and 1200, on each side, the most textured ones, so that time does not grow with the picture.

    Args:
        first: (rows, columns, 3) float32 CIE Lab.
        last: the same shape.
        most: how many displacements beside zero.
    """
    rows, columns = first.shape[:2]
    changed = cv2.dilate(np.abs(first - last).max(2), np.ones((3, 3), np.uint8)) > 6
    at_first, looks_first, texture = _textured_cells(first, changed)
    at_last, looks_last, _ = _textured_cells(last, changed)
    displacements, votes = [(0.0, 0.0)], [1.0]
    if min(len(at_first), len(at_last)) >= 4:
        # |a - b|² = |a|² + |b|² - 2ab for all pairs in one product, then the mean over the descriptor, in Lab units
        ones, size = np.ones((1, 1), np.float32), looks_first.shape[1] / 3
        left = np.hstack(
            [looks_first * (-2 / size), (looks_first**2).sum(1)[:, None] / size, ones.repeat(len(at_first), 0)]
        )
        right = np.hstack([looks_last, ones.repeat(len(at_last), 0), (looks_last**2).sum(1)[:, None] / size])
        distance = left @ right.T
        nearest, back = distance.argmin(1), distance.argmin(0)
        index = np.arange(len(at_first))
        mutual = back[nearest] == index
        weight = mutual * np.exp(-distance[index, nearest] / 100) * texture / (texture + 20)
        y0, x0 = np.divmod(at_first, columns)
        y1, x1 = np.divmod(at_last[nearest], columns)
        ballots = np.zeros((2 * rows + 1, 2 * columns + 1), np.float32)
        np.add.at(ballots, (y1 - y0 + rows, x1 - x0 + columns), weight)
        ballots = cv2.GaussianBlur(ballots, (3, 3), 0.8)
        for _ in range(most):
            y, x = (int(i) for i in np.unravel_index(ballots.argmax(), ballots.shape))
            if ballots[y, x] < 0.5:
                break
            if (x, y) != (columns, rows):
                displacements.append((x - columns, y - rows))
                votes.append(float(ballots[y, x]))
            ballots[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = 0
    moves = np.array(displacements, np.float32)
    penalties = 0.3 * np.hypot(moves[:, 0], moves[:, 1]) - 1.5 * np.log(np.array(votes) / sum(votes))
    penalties[0] = 0
    transforms = np.concatenate([np.broadcast_to(np.eye(2), (len(moves), 2, 2)), moves[:, :, None]], 2)
    return Candidates(transforms.astype(np.float32), penalties.astype(np.float32), np.full((len(moves), 2), np.nan))


def _textured_cells(cells: Array, changed: Array, most: int = 1200) -> tuple[Array, Array, Array]:
    """Indices, descriptors (n, 51) and texture (n,) of the cells worth matching.

    A descriptor is the cell's 3x3 neighbourhood and, for the wider view, eight 3x3 means around it at distance 3.
    """
    rows, columns = cells.shape[:2]
    near = cv2.copyMakeBorder(cells, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    far = cv2.copyMakeBorder(cv2.blur(cells, (3, 3)), 3, 3, 3, 3, cv2.BORDER_REPLICATE)
    patch = [near[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    around = [far[y : y + rows, x : x + columns] for y in (0, 3, 6) for x in (0, 3, 6) if (y, x) != (3, 3)]
    texture = np.stack(patch).std(0).sum(2).ravel()
    texture[~changed.ravel()] = 0
    index = np.argsort(-texture, kind="stable")[: min(most, len(texture) // 3)]
    index = index[texture[index] > 1]
    descriptors = np.concatenate([*patch, *around], 2).reshape(rows * columns, -1)[index]
    return index, descriptors, texture[index]


def _choose_candidates(here: Array, there: Array, candidates: Candidates, rounds: int = 2) -> Array:
    """Gives every cell the candidate that explains it and its neighbours of like colour best: (rows, columns)."""
    rows, columns = here.shape[:2]
    count = len(candidates.transforms)
    costs = np.empty((rows, columns, count), np.float32)
    worst, unknown = 30.0, 18.0  # a wrong match costs no more than this; a match outside the picture costs this
    inside = np.ones((rows, columns), np.uint8)
    for k, transform in enumerate(candidates.transforms):
        seen = cv2.warpAffine(there, transform, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        known = cv2.warpAffine(inside, transform, (columns, rows), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        difference = np.minimum(np.abs(here - seen).sum(2), worst)
        costs[..., k] = np.where(known, difference, unknown) + candidates.penalties[k]
    average = cv2.blur(costs, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(costs.shape)
    evidence = average + 0.25 * costs
    for k, home in enumerate(candidates.homes, count - len(candidates.homes)):
        evidence[..., k] -= home * (candidates.penalties[k] * 1.25 + _PIECE_BONUS)

    disagreement = 10 * np.minimum(_tell_apart(candidates) / 2.5, 1)  # neighbours with nearly the same motion are free
    bond_down = np.exp(-np.abs(here[1:] - here[:-1]).sum(2) / 8)[..., None] + np.float32(0.05)
    bond_right = np.exp(-np.abs(here[:, 1:] - here[:, :-1]).sum(2) / 8)[..., None] + np.float32(0.05)
    energy = evidence
    for _ in range(rounds):
        belief = np.exp((energy.min(2, keepdims=True) - energy) / 4)
        belief /= belief.sum(2, keepdims=True)
        heard = np.zeros_like(belief)
        heard[1:] += bond_down * belief[:-1]
        heard[:-1] += bond_down * belief[1:]
        heard[:, 1:] += bond_right * belief[:, :-1]
        heard[:, :-1] += bond_right * belief[:, 1:]
        energy = evidence + (heard.reshape(-1, count) @ disagreement).reshape(heard.shape)
    return np.asarray(energy.argmin(2))


def _tell_apart(candidates: Candidates) -> Array:
    """How far candidates lead away from each other, at the pieces that they are of: (K, K) in cells."""
    count = len(candidates.transforms)
    centres = np.where(np.isfinite(candidates.centres), candidates.centres, 0)
    at_centres = np.einsum("kij,nj->nki", candidates.transforms[:, :, :2], centres) + candidates.transforms[:, :, 2]
    own = at_centres[np.arange(count), np.arange(count)]  # (K, 2)
    apart: Array = np.abs(at_centres - own[:, None]).sum(2)  # at the centre of each row's
    placed = np.isfinite(candidates.centres[:, 0])
    # shifts are the same everywhere, so that what is of a piece says where to look
    share = np.where(placed[:, None] == placed[None], 0.5, np.where(placed[:, None], 1.0, 0.0))
    return np.asarray(share * apart + share.T * apart.T, np.float32)


def _refine(here: Array, there: Array, start: Flow) -> Flow:
    """Refines `start`, (h, w, 2), to fractions of a pixel by dense inverse search on brightness."""
    h, w = here.shape[:2]
    bottom, right = max(0, _SEARCH_MARGIN - h), max(0, _SEARCH_MARGIN - w)  # its pyramid needs a few patches

    def grow(array: Array) -> Array:
        return cv2.copyMakeBorder(array, 0, bottom, 0, right, cv2.BORDER_REPLICATE) if bottom or right else array

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey_here, grey_there = (grow(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in (here, there))
    flow = search.calc(grey_here, grey_there, np.ascontiguousarray(grow(start)).copy())
    return np.ascontiguousarray(flow[:h, :w])
