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

from .grid import Array, Flow, mean_of_channels, pixel_grid, warp
from .guides import Guides
from .segments import Carried, find_transforms
from .splatting import fill_holes

CELLS = 64
"""Longest side of the matching grid. 48 is a little worse, 96 no better and three times slower."""
_PIECE_PENALTY, _PIECE_BONUS = 6.0, 4.0  # of motions of pieces, elsewhere and on the piece, in colour difference
_WORST, _UNKNOWN = 30.0, 18.0  # a wrong match costs no more than this; a match outside the picture costs this

# Those below were chosen on core.cartoon.trials and on the 48 sequences of another studio's emoji that are for choosing
# (docs/evaluation.md): LPIPS there is level (.0552 to .0553), and the trials decide.
_EXPLAINED, _SLOPE = 8.0, 0.4  # cost up to which a match explains a cell, and more for each unit of deviation around it
_TEXTURE = 6.0  # deviation around a cell from which on a match says something
_FAR, _NOISE = 1000.0, 20.0  # squared Lab units: of no second match at all, and by which equal cells differ
_LIKE = 0.1  # what a vote counts for a cell that has its like elsewhere
_REFINED, _STEP = 8, 0.6  # shifts that are refined, and by how many cells at most
_VOTING, _MANY = 15.0, 0.15  # cost up to which cells vote on that, and their least share of the picture
_GAIN, _BAR = 3.0, 1.0  # cost by which a piece's own motion may be worse than others, and over which its bonus ends
_GAP, _GAP_GROWTH = 3.0, 0.05  # half pixels, and of the way, by which there and back may miss
_ERROR = 20.0  # levels by which a place and its partner may differ
_PATCH, _AROUND = (5, 5), (9, 9)  # half pixels over which differences are averaged, and what does not fit spreads
_VARIES = 9.0  # squared levels
_STILL, _BETTER = 4.0, 2.0  # levels up to which a place rests, and by which rest has to fit better than a motion
_NEAR, _ALIKE = np.ones((11, 11), np.uint8), 1.0  # half pixels around a place within which all is to move alike
SMALLEST = 8
"""Frames with a side below this are too small to find motion in."""
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

    def displace(self, chosen: Array) -> Array:
        """Where cells are taken by the candidates that they chose, (rows, columns): (rows, columns, 2) in cells."""
        transforms = self.transforms[chosen]  # (rows, columns, 2, 3)
        y, x = np.mgrid[: chosen.shape[0], : chosen.shape[1]].astype(np.float32)
        moved = transforms[..., 0] * x[..., None] + transforms[..., 1] * y[..., None] + transforms[..., 2]
        return np.asarray(moved - np.dstack([x, y]), np.float32)

    def reverse(self) -> "Candidates":
        """The same from the other drawing back to this one."""
        back = [cv2.invertAffineTransform(transform) for transform in self.transforms]
        there = np.einsum("kij,kj->ki", self.transforms[:, :, :2], self.centres) + self.transforms[:, :, 2]
        return Candidates(np.array(back, np.float32), self.penalties, there, self.partners, self.homes)


def estimate_flow(
    first: Array, last: Array, *, finest: int = _FINEST_SIDE, guides: Guides | None = None
) -> tuple[Flow, Flow]:
    """Finds the motion between two frames, both ways.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: the same shape.
        finest: cells that the working grid's longer side has at most.
        guides: motion that is given; what it is of is taken out.

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
    coarse_forward, coarse_backward = match_globally(small_first, small_last, guides)
    forward = _refine(small_first, small_last, coarse_forward)
    backward = _refine(small_last, small_first, coarse_backward)
    forward, backward = _steady(small_first, small_last, (forward, backward), (coarse_forward, coarse_backward))
    if guides is not None:
        forward, backward = guides.clear(forward, 0)[0], guides.clear(backward, 1)[0]
    to_pixels = np.array([width / w, height / h], np.float32)
    return forward * to_pixels, backward * to_pixels


def search_motion(first: Array, last: Array, height: int, width: int, guides: Guides | None = None) -> Array:
    """Finds the motion between two frames both ways, as a motion network is given it.

    Args:
        first: (H, W, 3) uint8 RGB, of any size.
        last: the same shape.
        height: rows of the grid that is wanted.
        width: columns.
        guides: motion that is given.

    Returns:
        (2, 2, height, width) float32: forward and backward, each (dx, dy) in cells of that grid.
    """
    scale = np.array([width / first.shape[1], height / first.shape[0]], np.float32)
    found = estimate_flow(first, last, finest=round(_OVERSAMPLING * max(height, width)), guides=guides)
    flows = [cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) for flow in found]
    return np.stack([(flow * scale).transpose(2, 0, 1) for flow in flows])


def match_globally(first: Array, last: Array, guides: Guides | None = None) -> tuple[Flow, Flow]:
    """Finds displacements of any length, to the accuracy of a cell.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.
        guides: motion that is given, which cells may choose.

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
    said = [] if guides is None else guides.candidates()
    if said:
        candidates = _add_transforms(candidates, said, rows, columns, given=True)
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
    """Adds motions of pieces, as `find_transforms` gives them; what an animator gave costs no more than its length."""
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
        y0, x0 = np.divmod(at_first, columns)
        y1, x1 = np.divmod(at_last[nearest], columns)
        best = distance[index, nearest]
        distinct = _ask_distinctness(distance, best, at_last, (rows, columns), y1, x1)
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
    """Brings shifts that most cells vote for from whole cells to fractions of one.

    One step of Lucas and Kanade ("An Iterative Image Registration Technique", IJCAI 1981), over the cells that a shift
    explains better than rest does. Half a cell amiss, lines of a repeated pattern fit better where they do not belong.

    Args:
        first: (rows, columns, 3) float32 CIE Lab.
        last: the same shape.
        candidates: as `find_candidates` gives them.
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
        left_over = apart[1:-1, 1:-1][votes].ravel()
        slopes = np.array([[right @ right, right @ down], [right @ down, down @ down]]) + np.eye(2)
        step = np.linalg.solve(slopes, [right @ left_over, down @ left_over])
        if np.abs(step).max() < _STEP:
            transform[:, 2] += np.rint(step * 16) / 16
    return candidates._replace(transforms=transforms)


def _ask_distinctness(
    distance: Array, best: Array, at_last: Array, size: tuple[int, int], rows: Array, columns: Array
) -> Array:
    """How much better each cell's match is than any other but its neighbours: (n,) in [0, 1], 0 in repeated patterns.

    Args:
        distance: (n, m): of all cells; neighbours of the matches are struck out.
        best: (n,): of the matches.
        at_last: (m,): indices of the cells that were compared with.
        size: rows and columns of the picture.
        rows: (n,): of the matches.
        columns: (n,): likewise.
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


def _choose_both_ways(first: Array, last: Array, forward: Candidates, backward: Candidates) -> tuple[Array, Array]:
    """Gives every cell of both drawings a candidate: (rows, columns) each.

    First each drawing for itself; then with what the two say of each other. Where cells of both drawings chose each
    other, they are explained, and no other cell may choose them: one of several look-alike things that comes or goes
    would otherwise be drawn from its neighbours. What is left without a partner goes with its surroundings.
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
    """How much each cell differs from where each candidate leads: (rows, columns, K) in units of CIE Lab."""
    rows, columns = here.shape[:2]
    costs = np.empty((rows, columns, len(candidates.transforms)), np.float32)
    inside = np.ones((rows, columns), np.uint8)
    for k, transform in enumerate(candidates.transforms):
        seen = cv2.warpAffine(there, transform, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        known = cv2.warpAffine(inside, transform, (columns, rows), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        costs[..., k] = np.where(known, np.minimum(np.abs(here - seen).sum(2), _WORST), _UNKNOWN)
    return costs


def _find_settled(chosen: Array, others: Array, costs: Array, here: Array, candidates: Candidates) -> Array:
    """Which cells have texture and are explained: they and their partners chose each other. (rows, columns) bool."""
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
    """Raises the costs of candidates that lead to cells which are explained by another; in place."""
    rows, columns = settled.shape
    for k, transform in enumerate(candidates.transforms):
        claimed = (settled & (others != k)).astype(np.float32)
        if claimed.any():
            there = cv2.warpAffine(claimed, transform, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            costs[..., k] += there * (_WORST - costs[..., k])


def _find_bonds(here: Array) -> tuple[Array, Array]:
    """How much cells go with the cell below and with the one to the right, by their colours."""
    down = np.exp(-np.abs(here[1:] - here[:-1]).sum(2) / 8)[..., None] + np.float32(0.05)
    right = np.exp(-np.abs(here[:, 1:] - here[:, :-1]).sum(2) / 8)[..., None] + np.float32(0.05)
    return down, right


def _find_gains(costs: Array, candidates: Candidates) -> Array:
    """Whether no motion but those of pieces explains each piece and its outline better: (P,) in [0, 1]."""
    homes = np.stack([cv2.dilate(home, np.ones((3, 3), np.uint8)) for home in candidates.homes])
    homes = homes.reshape(len(homes), -1)  # (P, cells)
    means = homes @ costs.reshape(homes.shape[1], -1) / (homes.sum(1, keepdims=True) + 1e-6)  # (P, K)
    others = costs.shape[2] - len(homes)
    own = means[np.arange(len(homes)), others + np.arange(len(homes))]
    return np.asarray(np.clip(1 + (means[:, :others].min(1) - own + _BAR) / _GAIN, 0, 1))


def _infer(costs: Array, bonds: tuple[Array, Array], candidates: Candidates, rounds: int = 2) -> Array:
    """Gives every cell the candidate that explains it and its neighbours of like colour best: (rows, columns)."""
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

    disagreement = 10 * np.minimum(_tell_apart(candidates) / 2.5, 1)  # neighbours with nearly the same motion are free
    bond_down, bond_right = bonds
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


def _steady(first: Array, last: Array, refined: tuple[Flow, Flow], chosen: tuple[Flow, Flow]) -> tuple[Flow, Flow]:
    """Takes back what refinement did where it explains nothing.

    Refinement leads every place somewhere, also what has no partner: it is drawn to whatever looks a little like it,
    and bends on the way. Where a place does not fit, or the way back leads elsewhere, it keeps the candidate that was
    chosen for it and its surroundings, with as much refinement as they had.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.
        refined: both ways, (h, w, 2) in pixels.
        chosen: likewise, before it was refined.
    """
    h, w = first.shape[:2]
    size = (max(1, w // 2), max(1, h // 2))
    to_half = np.array([size[0] / w, size[1] / h], np.float32)
    frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (first, last)]
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
        # a flat place fits anywhere within its colour, so it has no weight for those around it
        grey = cv2.cvtColor(frames[k], cv2.COLOR_RGB2GRAY).astype(np.float32)
        mean = cv2.blur(grey, _PATCH)
        varies = np.maximum(cv2.blur(grey * grey, _PATCH) - mean * mean, 0)
        reliable = fits * (1 - loose) * (varies / (varies + _VARIES))
        wanted = start + fill_holes(flow - start, reliable + np.float32(1e-6))
        rests = (start[..., 0] == 0) & (start[..., 1] == 0) & (in_place < np.minimum(error - _BETTER, _STILL))
        wanted[rests] = 0
        loose[rests] = 1
        # beside another motion, refinement decides better than cells which of the two a place has
        spread = cv2.dilate(start, _NEAR) - cv2.erode(start, _NEAR)
        loose *= cv2.max(spread[..., 0], spread[..., 1]) < _ALIKE
        change = loose[..., None] * (wanted - flow) / to_half
        steadied.append(refined[k] + cv2.resize(change.astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR))
    return steadied[0], steadied[1]
