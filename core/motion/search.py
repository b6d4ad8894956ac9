"""Estimates motion between two drawings without training: global matching, then dense inverse search.

Motion in cartoons is large: between two key frames a hand may cross a third of the picture, too far for a coarse-to-
fine search. So large displacements are found first, on a grid of at most 64 cells a side, by comparing every textured
cell of one drawing with every one of the other (the classical counterpart of GMFlow's global matching, Xu et al., CVPR
2022, section 3.2). The displacements with most votes of mutual matches are the candidates. A few rounds of mean-field
inference (Krahenbuhl and Koltun, NIPS 2011, here with a Potts model over four neighbours) assign one to each cell, with
borders along colour edges. OpenCV's dense inverse search (Kroeger et al., ECCV 2016) uses the result as a candidate in
every patch of its pyramid and refines it to fractions of a pixel.

Conventions: a flow is (h, w, 2) float32 in pixels, (dx, dy). Forward flow maps pixels of the first frame to the last,
backward flow maps the other way.
"""

from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from .dense import search_densely
from .grid import Array, Flow, mean_of_channels, pixel_grid, warp
from .guides import Guides
from .kept import once, shrink_once, to_lab
from .segments import Carried, find_transforms
from .splatting import fill_holes

CELLS = 64
"""Longest side of the matching grid. 48 is slightly worse, 96 no better and three times slower."""
_PIECE_PENALTY, _PIECE_BONUS = 6.0, 4.0  # colour difference: cost of a piece's motion for other cells, and for its own
_WORST, _UNKNOWN = 30.0, 18.0  # colour difference: largest cost of a match, and cost of one outside the picture

# Those below were chosen on core.cartoon.trials and on the 48 sequences of another studio's emoji that are for choosing
# (docs/evaluation.md): LPIPS there is level (.0552 to .0553), and the trials decide.
_EXPLAINED, _SLOPE = 8.0, 0.4  # largest cost of a match that explains a cell, and its increase per unit of texture
_TEXTURE = 6.0  # standard deviation around a cell from which a match is informative
_FAR, _NOISE = 1000.0, 20.0  # squared Lab units: distance if there is no second match, and between equal cells
_LIKE = 0.1  # weight of a vote from a cell that looks like others
_REFINED, _STEP = 8, 0.6  # number of shifts that are refined, and the largest change in cells
_VOTING, _MANY = 15.0, 0.15  # largest cost of cells that vote on that, and their least share of the picture
_GAIN, _BAR = 3.0, 1.0  # a piece's bonus falls from 1 to 0 over _GAIN, once its own motion costs _BAR more than others
_GAP, _GAP_GROWTH = 3.0, 0.05  # half pixels, plus share of the motion: scale of forward-backward inconsistency
_ERROR = 20.0  # levels: scale of the difference between a pixel and its match
_PATCH, _AROUND = (5, 5), (9, 9)  # half pixels: windows to average differences, and to spread misfits
_VARIES = 9.0  # squared levels: variance at which a flat patch has half its weight
_STILL, _BETTER = 4.0, 2.0  # levels: largest difference of a static pixel, and by how much rest must fit better
_NEAR, _ALIKE = np.ones((11, 11), np.uint8), 1.0  # half pixels: window in which motion counts as uniform, and its range
SMALLEST = 8
"""Frames with a side below this are too small to find motion in."""
_COARSEST_SIDE, _FINEST_SIDE, _DETAIL = 192, 640, 0.75  # limits of the working size in pixels; share of the frame's
_DETAILED_SIDE = 480  # working size of `search_in_detail`: 360 has three quarters of what it gains (motion/detail.py)
_OVERSAMPLING = 2.5  # searched cells per requested cell along a side; more are slower and give no better frames


class Candidates(NamedTuple):
    """Candidate motions for cells."""

    transforms: Array
    """(K, 2, 3) affine maps of positions in cells from this drawing to the other; the first is the identity."""
    penalties: Array
    """(K,) cost of each candidate, in units of colour difference."""
    centres: Array
    """(K, 2) cell at which a candidate's displacement is compared with others'; NaN for any cell."""

    homes: tuple[Array, ...] = ()
    """(rows, columns) for each of the last candidates: how much of each cell belongs to its piece."""
    partners: tuple[Array, ...] = ()
    """The same for the matching pieces in the other drawing."""

    def displace(self, chosen: Array) -> Array:
        """Returns the displacements in cells, (rows, columns, 2), by the chosen candidates, (rows, columns)."""
        transforms = self.transforms[chosen]  # (rows, columns, 2, 3)
        y, x = np.mgrid[: chosen.shape[0], : chosen.shape[1]].astype(np.float32)
        moved = transforms[..., 0] * x[..., None] + transforms[..., 1] * y[..., None] + transforms[..., 2]
        return np.asarray(moved - np.dstack([x, y]), np.float32)

    def reverse(self) -> "Candidates":
        """Returns the candidates for the other direction."""
        back = [cv2.invertAffineTransform(transform) for transform in self.transforms]
        there = np.einsum("kij,kj->ki", self.transforms[:, :, :2], self.centres) + self.transforms[:, :, 2]
        return Candidates(np.array(back, np.float32), self.penalties, there, self.partners, self.homes)


def estimate_flow(
    first: Array, last: Array, *, finest: int = _FINEST_SIDE, guides: Guides | None = None
) -> tuple[Flow, Flow]:
    """Estimates the motion between two frames in both directions.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: the same shape.
        finest: largest number of cells along the working grid's longer side.
        guides: motion from hints; the hinted pieces are removed from the flow.

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
    small_first, small_last = shrink_once(first, w, h), shrink_once(last, w, h)
    coarse_forward, coarse_backward = match_globally(small_first, small_last, guides)
    forward = search_densely(small_first, small_last, coarse_forward)
    backward = search_densely(small_last, small_first, coarse_backward)
    forward, backward = _steady(small_first, small_last, (forward, backward), (coarse_forward, coarse_backward))
    if guides is not None:
        guides.find_partners((forward, backward), (small_first, small_last))
        forward, backward = guides.clear(forward, 0)[0], guides.clear(backward, 1)[0]
    to_pixels = np.array([width / w, height / h], np.float32)
    return forward * to_pixels, backward * to_pixels


def search_motion(first: Array, last: Array, height: int, width: int, guides: Guides | None = None) -> Array:
    """Estimates the motion between two frames in both directions, as the input of a motion network.

    Args:
        first: (H, W, 3) uint8 RGB, of any size.
        last: the same shape.
        height: rows of the requested grid.
        width: its columns.
        guides: motion from hints.

    Returns:
        (2, 2, height, width) float32: forward and backward, each (dx, dy) in cells of that grid.
    """
    found = estimate_flow(first, last, finest=round(_OVERSAMPLING * max(height, width)), guides=guides)
    return reduce_flows(found, first.shape[:2], height, width)


def search_in_detail(
    first: Array, last: Array, height: int, width: int, guides: Guides | None = None
) -> tuple[Array, tuple[Flow, Flow] | None]:
    """Estimates the motion as `search_motion` does, on a finer grid where frames are large.

    Returns:
        The motion on the requested grid, and on the grid of the search, as `estimate_flow` returns it; None for the
        latter where the frames are too small for a search.
    """
    finest = max(_DETAILED_SIDE, round(_OVERSAMPLING * max(height, width)))
    found = estimate_flow(first, last, finest=finest, guides=guides)
    reduced = reduce_flows(found, first.shape[:2], height, width)
    return reduced, None if min(first.shape[:2]) < SMALLEST else found


def reduce_flows(flows: tuple[Flow, Flow], size: tuple[int, ...], height: int, width: int) -> Array:
    """Flows in pixels of frames of `size` (height, width), on a grid: (2, 2, height, width) in its cells."""
    scale = np.array([width / size[1], height / size[0]], np.float32)
    reduced = [cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) for flow in flows]
    return np.stack([(flow * scale).transpose(2, 0, 1) for flow in reduced])


def match_globally(first: Array, last: Array, guides: Guides | None = None) -> tuple[Flow, Flow]:
    """Finds displacements of any length with the accuracy of a cell.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.
        guides: motion from hints, as further candidates.

    Returns:
        Forward and backward flow, (h, w, 2) in pixels of these frames, constant within a cell.
    """
    h, w = first.shape[:2]
    scale = min(1 / 5, CELLS / max(h, w))  # smaller cells add time and noise
    columns, rows = max(SMALLEST, round(w * scale)), max(SMALLEST, round(h * scale))
    cells_first, cells_last = _lab_cells(first, columns, rows), _lab_cells(last, columns, rows)
    candidates = refine_shifts(cells_first, cells_last, find_candidates(cells_first, cells_last))
    carried = find_transforms(first, last)
    if carried:
        candidates = _add_transforms(candidates, carried, rows, columns)
    hinted = [] if guides is None else guides.candidates()
    if hinted:
        candidates = _add_transforms(candidates, hinted, rows, columns, given=True)
    to_pixels = np.array([w / columns, h / rows], np.float32)

    def spread(chosen: Array, candidates: Candidates) -> Flow:
        moves = candidates.displace(chosen)
        return np.asarray(cv2.resize(moves * to_pixels, (w, h), interpolation=cv2.INTER_NEAREST), np.float32)

    back = candidates.reverse()
    forward, backward = _choose_both_ways(cells_first, cells_last, candidates, back)
    return spread(forward, candidates), spread(backward, back)


def _add_transforms(
    candidates: Candidates, carried: list[Carried], rows: int, columns: int, *, given: bool = False
) -> Candidates:
    """Adds motions of pieces from `find_transforms`; `given` ones, from hints, have no penalty beyond their length."""
    size = np.array([columns, rows], float)
    transforms, centres = [], []
    for piece in carried:
        part = piece.transform[:, :2] * size[:, None] / size[None]
        shift = piece.transform[:, 2] * size - 0.5 + part.sum(1) / 2
        transforms.append(np.hstack([part, shift[:, None]]))
        centres.append(piece.centre * size - 0.5)
    away = [np.linalg.norm(t[:, :2] @ c + t[:, 2] - c) for t, c in zip(transforms, centres, strict=True)]
    penalties = 0.3 * np.array(away) if given else 0.3 * np.array(away) + _PIECE_PENALTY
    return Candidates(
        np.concatenate([candidates.transforms, np.array(transforms)]).astype(np.float32),
        np.concatenate([candidates.penalties, penalties]).astype(np.float32),
        np.concatenate([candidates.centres, np.array(centres)]),
        candidates.homes
        + tuple(cv2.resize(piece.here, (columns, rows), interpolation=cv2.INTER_AREA) for piece in carried),
        candidates.partners
        + tuple(cv2.resize(piece.there, (columns, rows), interpolation=cv2.INTER_AREA) for piece in carried),
    )


def _lab_cells(frame: Array, columns: int, rows: int) -> Array:
    return to_lab(shrink_once(frame, columns, rows))


def find_candidates(first: Array, last: Array, most: int = 16) -> Candidates:
    """Lists the displacements with the most votes of mutual best matches.

    Only changed cells with texture are compared, as matches between flat cells are not informative. At most a third of
    all cells and at most 1200 are used, the most textured ones, so that time does not grow with the picture.

    Args:
        first: (rows, columns, 3) float32 CIE Lab.
        last: the same shape.
        most: largest number of displacements in addition to zero.
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
        y0, x0 = np.divmod(at_first, columns)
        y1, x1 = np.divmod(at_last[nearest], columns)
        best = distance[index, nearest]
        distinct = _measure_distinctness(distance, best, at_last, (rows, columns), y1, x1)
        weight = mutual * np.exp(-best / 100) * texture / (texture + 20)
        both = np.zeros((2 * rows + 1, 2 * columns + 1, 2), np.float32)
        np.add.at(both, (y1 - y0 + rows, x1 - x0 + columns), np.column_stack([weight, weight * distinct]))
        ballots, distinct_ballots = cv2.split(cv2.GaussianBlur(both, (3, 3), 0.8))
        for _ in range(most):
            y, x = (int(i) for i in np.unravel_index(ballots.argmax(), ballots.shape))
            if ballots[y, x] < 0.5:
                break
            if (x, y) != (columns, rows):
                displacements.append((x - columns, y - rows))
                votes.append(float(distinct_ballots[y, x]))
            ballots[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = 0
    moves = np.array(displacements, np.float32)
    penalties = 0.3 * np.hypot(moves[:, 0], moves[:, 1]) - 1.5 * np.log(np.array(votes) / sum(votes))
    penalties[0] = 0
    transforms = np.concatenate([np.broadcast_to(np.eye(2), (len(moves), 2, 2)), moves[:, :, None]], 2)
    return Candidates(transforms.astype(np.float32), penalties.astype(np.float32), np.full((len(moves), 2), np.nan))


def refine_shifts(first: Array, last: Array, candidates: Candidates) -> Candidates:
    """Refines the most frequent shifts from whole cells to fractions of a cell.

    Uses one step of Lucas and Kanade ("An Iterative Image Registration Technique", IJCAI 1981) over the cells that a
    shift explains better than rest does. If a shift were off by half a cell, lines of a repeated pattern would match
    their neighbours better.

    Args:
        first: (rows, columns, 3) float32 CIE Lab.
        last: the same shape.
        candidates: from `find_candidates`.
    """
    rows, columns = first.shape[:2]
    rest = np.abs(first - last).sum(2)
    transforms = candidates.transforms.copy()
    for transform in transforms[1 : 1 + _REFINED]:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(last, transform, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        apart = first - seen
        votes = (np.abs(apart).sum(2) < np.minimum(rest, _VOTING))[1:-1, 1:-1]
        if votes.mean() < _MANY:
            continue
        right = ((seen[1:-1, 2:] - seen[1:-1, :-2]) / 2)[votes].ravel()
        down = ((seen[2:, 1:-1] - seen[:-2, 1:-1]) / 2)[votes].ravel()
        residual = apart[1:-1, 1:-1][votes].ravel()
        slopes = np.array([[right @ right, right @ down], [right @ down, down @ down]]) + np.eye(2)
        step = np.linalg.solve(slopes, [right @ residual, down @ residual])
        if np.abs(step).max() < _STEP:
            transform[:, 2] += np.rint(step * 16) / 16
    return candidates._replace(transforms=transforms)


def _measure_distinctness(
    distance: Array, best: Array, at_last: Array, size: tuple[int, int], rows: Array, columns: Array
) -> Array:
    """How much better each cell's match is than any other except its neighbours: (n,) in [_LIKE, 1].

    Args:
        distance: (n, m) distances of all cells; entries of the matches and their neighbours are set to infinity.
        best: (n,) distances of the matches.
        at_last: (m,) indices of the cells in the other drawing.
        size: rows and columns of the picture.
        rows: (n,) rows of the matches.
        columns: (n,) columns of the matches.
    """
    number = np.full((size[0] + 2, size[1] + 2), -1)
    y, x = np.divmod(at_last, size[1])
    number[y + 1, x + 1] = np.arange(len(at_last))
    n = np.arange(len(best))
    for down in range(3):
        for right in range(3):
            near = number[rows + down, columns + right]
            distance[n[near >= 0], near[near >= 0]] = np.inf
    second = np.minimum(distance.min(1), _FAR)
    return np.asarray(_LIKE + (1 - _LIKE) * np.clip((second - best) / (second + _NOISE), 0, 1))


def _textured_cells(cells: Array, changed: Array, most: int = 1200) -> tuple[Array, Array, Array]:
    """Indices, descriptors (n, 51) and texture (n,) of the cells worth matching.

    A descriptor is the cell's 3x3 neighbourhood and, for context, eight 3x3 means around it at distance 3.
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


def _choose_both_ways(first: Array, last: Array, forward: Candidates, backward: Candidates) -> tuple[Array, Array]:
    """Assigns a candidate to every cell of both drawings: (rows, columns) each.

    First each drawing is solved alone. Cells that chose each other are then explained, and no other cell may choose
    them; otherwise, if one of several similar objects appears or disappears, it would be matched to a neighbour. In the
    second pass, cells without a match move with their surroundings.
    """
    pairs = ((first, last, forward), (last, first, backward))
    costs = [_compare(*pair) for pair in pairs]
    bonds = [_find_bonds(here) for here, _, _ in pairs]
    choices = [
        _infer(cost, bond, candidates, rounds=1)
        for cost, bond, (_, _, candidates) in zip(costs, bonds, pairs, strict=True)
    ]
    settled = [_find_settled(choices[k], choices[1 - k], costs[k], pairs[k][0], pairs[k][2]) for k in range(2)]
    for k, (_, _, candidates) in enumerate(pairs):
        _give_up_claimed(costs[k], choices[1 - k], settled[1 - k], candidates)
    return tuple(  # type: ignore[return-value]
        _infer(cost, bond, candidates) for cost, bond, (_, _, candidates) in zip(costs, bonds, pairs, strict=True)
    )


def _compare(here: Array, there: Array, candidates: Candidates) -> Array:
    """Colour difference of each cell to its match by each candidate: (rows, columns, K) in units of CIE Lab."""
    rows, columns = here.shape[:2]
    costs = np.empty((rows, columns, len(candidates.transforms)), np.float32)
    inside = np.ones((rows, columns), np.uint8)
    for k, transform in enumerate(candidates.transforms):
        seen = cv2.warpAffine(there, transform, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        known = cv2.warpAffine(inside, transform, (columns, rows), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        costs[..., k] = np.where(known, np.minimum(np.abs(here - seen).sum(2), _WORST), _UNKNOWN)
    return costs


def _find_settled(chosen: Array, others: Array, costs: Array, here: Array, candidates: Candidates) -> Array:
    """Textured cells that are explained, as they and their matches chose each other: (rows, columns) bool."""
    rows, columns = chosen.shape
    y, x = np.mgrid[:rows, :columns]
    to = np.rint(candidates.displace(chosen)).astype(int)
    column, row = np.clip(x + to[..., 0], 0, columns - 1), np.clip(y + to[..., 1], 0, rows - 1)
    cost = np.take_along_axis(costs, chosen[..., None], 2)[..., 0]
    near = cv2.blur(here, (3, 3))
    texture = np.sqrt(np.maximum(cv2.blur(here * here, (3, 3)) - near * near, 0)).sum(2)
    explained = (others[row, column] == chosen) & (cost < _EXPLAINED + _SLOPE * texture)
    reliable = cv2.dilate((explained & (texture > _TEXTURE)).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(explained & (reliable > 0))


def _give_up_claimed(costs: Array, others: Array, settled: Array, candidates: Candidates) -> None:
    """Raises, in place, the costs of candidates that lead to cells explained by another candidate."""
    rows, columns = settled.shape
    for k, transform in enumerate(candidates.transforms):
        claimed = (settled & (others != k)).astype(np.float32)
        if claimed.any():
            there = cv2.warpAffine(claimed, transform, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            costs[..., k] += there * (_WORST - costs[..., k])


def _find_bonds(here: Array) -> tuple[Array, Array]:
    """Similarity in colour of each cell to the cell below, and to the one to the right."""
    down = np.exp(-np.abs(here[1:] - here[:-1]).sum(2) / 8)[..., None] + np.float32(0.05)
    right = np.exp(-np.abs(here[:, 1:] - here[:, :-1]).sum(2) / 8)[..., None] + np.float32(0.05)
    return down, right


def _find_gains(costs: Array, candidates: Candidates) -> Array:
    """Whether each piece's own motion explains it and its outline as well as any other candidate: (P,) in [0, 1]."""
    homes = np.stack([cv2.dilate(home, np.ones((3, 3), np.uint8)) for home in candidates.homes])
    homes = homes.reshape(len(homes), -1)  # (P, cells)
    means = homes @ costs.reshape(homes.shape[1], -1) / (homes.sum(1, keepdims=True) + 1e-6)  # (P, K)
    others = costs.shape[2] - len(homes)
    own = means[np.arange(len(homes)), others + np.arange(len(homes))]
    return np.asarray(np.clip(1 + (means[:, :others].min(1) - own + _BAR) / _GAIN, 0, 1))


def _infer(costs: Array, bonds: tuple[Array, Array], candidates: Candidates, rounds: int = 2) -> Array:
    """Assigns to each cell the candidate that explains it and neighbours of similar colour best: (rows, columns)."""
    count = len(candidates.transforms)
    if count == 1:
        return np.zeros(costs.shape[:2], int)
    priced = costs + candidates.penalties
    average = cv2.blur(priced, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(costs.shape)
    evidence = average + 0.25 * priced
    if candidates.homes:
        gains = _find_gains(costs, candidates)
        for k, (home, gain) in enumerate(zip(candidates.homes, gains, strict=True), count - len(candidates.homes)):
            evidence[..., k] -= gain * home * (candidates.penalties[k] * 1.25 + _PIECE_BONUS)

    # neighbours with nearly the same motion cost nothing
    disagreement = 10 * np.minimum(_measure_distances(candidates) / 2.5, 1)
    bond_down, bond_right = bonds
    energy = evidence
    for _ in range(rounds):
        belief = np.exp((energy.min(2, keepdims=True) - energy) / 4)
        belief /= belief.sum(2, keepdims=True)
        messages = np.zeros_like(belief)
        messages[1:] += bond_down * belief[:-1]
        messages[:-1] += bond_down * belief[1:]
        messages[:, 1:] += bond_right * belief[:, :-1]
        messages[:, :-1] += bond_right * belief[:, 1:]
        energy = evidence + (messages.reshape(-1, count) @ disagreement).reshape(messages.shape)
    return np.asarray(energy.argmin(2))


def _measure_distances(candidates: Candidates) -> Array:
    """Distance between the displacements of candidates at their centres: (K, K) in cells."""
    count = len(candidates.transforms)
    centres = np.where(np.isfinite(candidates.centres), candidates.centres, 0)
    at_centres = np.einsum("kij,nj->nki", candidates.transforms[:, :, :2], centres) + candidates.transforms[:, :, 2]
    own = at_centres[np.arange(count), np.arange(count)]  # (K, 2)
    apart: Array = np.abs(at_centres - own[:, None]).sum(2)  # at the centre of each row's candidate
    placed = np.isfinite(candidates.centres[:, 0])
    # shifts are uniform, so compare them at the other candidate's centre
    share = np.where(placed[:, None] == placed[None], 0.5, np.where(placed[:, None], 1.0, 0.0))
    return np.asarray(share * apart + share.T * apart.T, np.float32)


def _measure_certainty(frame: Array) -> Array:
    """How far the surroundings of each pixel of (h, w, 3) uint8 determine its match: (h, w) in [0, 1], 0 if flat."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.blur(grey, _PATCH)
    varies = np.maximum(cv2.blur(grey * grey, _PATCH) - mean * mean, 0)
    return np.asarray(varies / (varies + _VARIES))


def _steady(first: Array, last: Array, refined: tuple[Flow, Flow], chosen: tuple[Flow, Flow]) -> tuple[Flow, Flow]:
    """Reverts refinement where it does not explain the picture.

    Refinement also moves pixels without a match: to something similar, with distortion on the way. A pixel that does
    not fit its match, or whose backward flow is inconsistent, returns to its cell's candidate plus the refinement of
    reliable pixels around it.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.
        refined: forward and backward flow, (h, w, 2) in pixels.
        chosen: the same before refinement.
    """
    h, w = first.shape[:2]
    size = (max(1, w // 2), max(1, h // 2))
    to_half = np.array([size[0] / w, size[1] / h], np.float32)
    frames = [shrink_once(frame, *size) for frame in (first, last)]
    flows = [cv2.resize(flow, size, interpolation=cv2.INTER_AREA) * to_half for flow in refined]
    starts = [cv2.resize(flow, size, interpolation=cv2.INTER_NEAREST) * to_half for flow in chosen]
    grid = pixel_grid(size[1], size[0])
    in_place = cv2.blur(mean_of_channels(cv2.absdiff(*frames)), _PATCH)
    steadied = []
    for k in range(2):
        flow, start = flows[k], starts[k]
        at = grid + flow
        error = cv2.blur(mean_of_channels(cv2.absdiff(frames[k], warp(frames[1 - k], at))), _PATCH)
        gap = flow + warp(flows[1 - k], at)
        reach = _GAP + _GAP_GROWTH * cv2.magnitude(flow[..., 0], flow[..., 1])
        missed = cv2.magnitude(gap[..., 0], gap[..., 1]) / reach
        fits = np.exp(-((error / _ERROR) ** 2) - missed * missed)
        loose = np.clip(cv2.blur(1 - fits, _AROUND) * 2 - 0.5, 0, 1)
        # a flat pixel fits anywhere within its colour, so it must not influence others
        certain = once(frames[k], "certain", partial(_measure_certainty, frames[k]))
        reliable = fits * (1 - loose) * certain
        wanted = start + fill_holes(flow - start, reliable + np.float32(1e-6))
        rests = (start[..., 0] == 0) & (start[..., 1] == 0) & (in_place < np.minimum(error - _BETTER, _STILL))
        wanted[rests] = 0
        loose[rests] = 1
        # at motion boundaries, refinement assigns pixels more accurately than cells do
        spread = cv2.dilate(start, _NEAR) - cv2.erode(start, _NEAR)
        loose *= cv2.max(spread[..., 0], spread[..., 1]) < _ALIKE
        change = loose[..., None] * (wanted - flow) / to_half
        steadied.append(refined[k] + cv2.resize(change.astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR))
    return steadied[0], steadied[1]
