"""The motion network: finds the motion between two key frames once, and draws any number of frames along it.

Inputs:  two key frames, (N, 3, H, W) float in [-1, 1], RGB, and times in (0, 1).
Outputs: the frames at these times. Every pixel is sampled from the key frames, so that lines stay as sharp as they were
         drawn; the network predicts where to sample, and from which of the two.
Stages, once for a pair, at a working size whose sides are multiples of 16 (`choose_size`):
  1. Features of each frame at 1/2, 1/4, 1/8 and 1/16, which are computed once where a frame belongs to two pairs of a
     film (`encode`); then attention within and across the frames at 1/16, rotary positions.
  2. Global matching at 1/8: a matrix compares all cells with all cells; its rows give the motion of the first frame,
     its columns that of the last. The best match is refined to a fraction of a cell within a window around it; its
     confidence is the probability within that window, and the probability of no match is learnt too. Where the two
     directions disagree or confidence is low, the gate takes the motion of cells with related features instead.
  3. Refinement at 1/8 (which reads the same matrix around the match) and at 1/4 (which compares warped features), each
     by a few rounds of a small recurrent network. It predicts motion, visibility in the other frame, and depth order.
Stages for each t, all learnt parts at 1/4 of the working size:
  4. Both motions are splatted to t, weighted by depth order and visibility; holes are filled from their surroundings.
  5. A small network gets both frames' features warped to t; it corrects the motion and predicts which frame to take.
  6. Both frames are warped backward at full size and blended by that prediction; where they differ, one is chosen.

A network may also get a motion from a classical search. Where that is consistent forward and backward, it replaces the
match at the gate and the final motion, since the search is more exact.

A guided network has no attention and no stage 2: it starts from the given motion, which stage 3 compares around and
changes by up to half a cell a round; the given motion's finer detail is kept.

Both directions are in one batch, one after the other, and share all weights. So exchanging the frames and replacing t
by 1 - t gives the same picture. The correction of stage 5 is 0 at t = 0 and 1, where the key frames come out unchanged.

Sources: attention and matching from Xu et al., "GMFlow" (CVPR 2022), sections 3.1 to 3.3, but with attention at 1/16
instead of 1/8 (a sixteenth of the cost) and a window around the best match instead of the mean over all cells (the mean
of two equal eyes is the nose between them). No match from Sarlin et al., "SuperGlue" (CVPR 2020), section 3.2. Reading
the matrix around a match from Teed and Deng, "RAFT" (ECCV 2020), section 3.1. Splatting from Niklaus and Liu (CVPR
2020). Rotary positions from Su et al., "RoFormer" (arXiv 2104.09864), here in two dimensions.
"""

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, layer_norm, pixel_shuffle, softplus

from .correlation import (
    COARSE_REACH,
    FINE_REACH,
    GUIDED_FINE_REACH,
    GUIDED_REACH,
    find_best_matches,
    measure_agreement,
    prepare_comparison,
    read_scores_around,
)
from .motion_data import FrameFeatures, Learning, Match, Motion, Way
from .motion_layers import (
    Encoder,
    MotionConfig,
    Painter,
    RefinementRound,
    activate,
    channels_last,
    convolve,
    init_at_zero,
    swap_frames,
)
from .warping import fill_holes, pixel_grid, resize_flow, splat, upsample_convexly, warp
from .working_size import MULTIPLE, choose_size

__all__ = [
    "FrameFeatures",
    "Learning",
    "Match",
    "Motion",
    "MotionConfig",
    "MotionNetwork",
    "Way",
    "choose_size",
    "explained_share",
]

GUIDED_STEP = 0.5
"""Cells by which a round may change a given motion: without a bound, motion larger than in training became worse."""
HELPING_GAP = 3.0
"""Cells of disagreement, forward and back, at which the weight of a given motion is exp(-1); helping so lowered LPIPS
from 0.1017 to 0.0944 on 55 sequences that no network was trained on."""
CELL_GAP = 1.5
"""The same for motion at 1/8."""


class MotionNetwork(nn.Module):
    """Finds the motion between two frames and draws the frames between them; see the module's docstring."""

    multiple = MULTIPLE

    def __init__(self, config: MotionConfig | None = None) -> None:
        super().__init__()
        config = config or MotionConfig()
        self.config = config
        quarter, eighth = config.width, 2 * config.width
        self.encoder = Encoder(config)
        self.mark = convolve(eighth, quarter if config.guided else eighth, side=1)  # features to compare
        if config.guided:
            self.keep = init_at_zero(convolve(quarter, 4))  # share of the given motion's detail, before the sigmoid
            nn.init.constant_(self.keep.bias, 2.0)  # type: ignore[arg-type]
        else:
            self.sharpness = nn.Parameter(torch.zeros(()))  # log of the scale of scores
            self.none = nn.Parameter(torch.zeros(()))  # the score of no match
            self.relate = convolve(eighth, quarter, side=1)  # features by which cells are related
            self.nearness = nn.Parameter(torch.tensor(-2.0))  # decrease of weight with distance, before softplus
        self.coarse_context = convolve(eighth, eighth, side=1)
        self.coarse_start = convolve(eighth, eighth, side=1)
        seen = (2 * GUIDED_REACH + 1) ** 2 + 3 if config.guided else (2 * COARSE_REACH + 1) ** 2
        step = GUIDED_STEP if config.guided else None
        self.coarse = RefinementRound(eighth, seen, eighth, step)
        self.fine_mark = convolve(quarter, quarter // 2, side=1)
        self.fine_context = convolve(quarter, quarter, side=1)
        self.hand_down = convolve(eighth, quarter, side=1)
        self.fine_reach = GUIDED_FINE_REACH if config.guided else FINE_REACH
        self.fine = RefinementRound(quarter, (2 * self.fine_reach + 1) ** 2 + 3, quarter, step)
        self.outline = init_at_zero(convolve(quarter, 36))
        self.order = init_at_zero(convolve(quarter, 1))
        self.content = convolve(2 * quarter, config.drawing, side=1)
        self.painter = Painter(config.drawing)
        self.decision = nn.Parameter(torch.tensor(2.0))  # hardness of the choice where frames differ, before softplus

    def hold_motion(self) -> None:
        """Freezes the layers that find the motion; those that draw along it are trained, as in GMFSS's second stage."""
        drawing = (self.order, self.content, self.painter)
        free = {id(parameter) for part in drawing for parameter in part.parameters()} | {id(self.decision)}
        for parameter in self.parameters():
            parameter.requires_grad_(id(parameter) in free)

    def find_motion(self, first: Tensor, last: Tensor, given: Tensor | None = None) -> Motion:
        """Finds the motion between frames of a working size.

        Args:
            first: (N, 3, H, W) in [-1, 1]; H and W are multiples of 16.
            last: the same shape.
            given: (2N, 2, H/2, W/2) in cells of that grid: a motion from a search, forward and then backward. A guided
                network starts from it and needs it; other networks use it if it is there.

        Raises:
            ValueError: a guided network gets none.
        """
        return self.study(first, last, given)[0]

    def study(self, first: Tensor, last: Tensor, given: Tensor | None = None) -> tuple[Motion, Learning]:
        """Finds the motion as `find_motion` does, and also returns what the losses need."""
        return self._study(self.encode(torch.cat([first, last])), given)

    def encode(self, frames: Tensor) -> FrameFeatures:
        """Computes what depends on each frame alone.

        Args:
            frames: (N, 3, H, W) in [-1, 1]; H and W are multiples of 16.
        """
        frames = channels_last(frames)
        return FrameFeatures(frames, *self.encoder.encode_each(frames))

    def find_motion_of(self, first: FrameFeatures, last: FrameFeatures, given: Tensor | None = None) -> Motion:
        """Finds the motion as `find_motion` does, between frames that `encode` has seen."""
        return self._study(FrameFeatures(*map(torch.cat, zip(first, last, strict=True))), given)[0]

    def _study(self, features: FrameFeatures, given: Tensor | None) -> tuple[Motion, Learning]:
        """See `study`; `features` are those of N first frames, and then of N last ones."""
        guided = self.config.guided
        if guided and given is None:
            raise ValueError("a guided network needs a motion to start from")
        frames, quarter = channels_last(features.frames), features.quarter
        eighth = self.encoder.join_both(features.eighth, features.wide)
        context, hidden = activate(self.coarse_context(eighth)), torch.tanh(self.coarse_start(eighth))
        coarse = None if given is None else avg_pool2d(given.float(), 4) / 4  # (2N, 2, h, w) at 1/8
        if not guided:
            match = self._match(eighth)
            flow, trust, tables = match.flow, match.trust, self._tables(match)
            if coarse is not None:
                agreement = measure_agreement(coarse, CELL_GAP)
                trust = agreement + (1 - agreement) * trust
                share = agreement / trust.clamp_min(1e-6)
                flow = share * coarse + (1 - share) * flow
            flow, trust = self._open_gate(eighth, flow, trust), trust.detach()
            visible = torch.zeros_like(flow[:, :1])

            def read(flow: Tensor) -> Tensor:
                return read_scores_around(tables, flow) / 4  # scores reach 11 and more

            compare: Callable[[Tensor], Tensor] = read
        else:
            assert coarse is not None
            match, flow = None, coarse
            trust = measure_agreement(flow, CELL_GAP)
            visible = 4 * trust - 2
            compare = prepare_comparison(self.mark(eighth), frames, GUIDED_REACH)
        steps, visibilities = [8 * flow], []
        start = flow
        for _ in range(self.config.coarse_rounds):
            seen = channels_last(compare(flow.detach()).to(context.dtype))
            hidden, flow, visible = self.coarse(context, seen, hidden, flow.detach(), visible, trust)
            steps.append(8 * flow)
            visibilities.append(visible)

        size = quarter.shape[-2:]
        if given is None or not guided:
            flow = resize_flow(flow, *size)
        else:  # the given motion has more detail than the coarse one, so only its change is passed on
            flow = avg_pool2d(given.float(), 2) / 2 + resize_flow(flow - start, *size)
        visible, trust = (interpolate(x, size, mode="bilinear", align_corners=False) for x in (visible, trust))
        hidden = interpolate(self.hand_down(hidden), size, mode="bilinear", align_corners=False)
        context = activate(self.fine_context(quarter))
        compare = prepare_comparison(self.fine_mark(quarter), frames, self.fine_reach)
        for _ in range(self.config.fine_rounds):
            flow = flow.detach()
            seen = channels_last(compare(flow).to(context.dtype))
            hidden, flow, visible = self.fine(context, seen, hidden, flow, visible, trust)
            steps.append(4 * flow)
            visibilities.append(visible)

        with torch.autocast(frames.device.type, enabled=False):
            front = self.order(hidden.float())
            mask = self.outline(hidden.float())
            kept = torch.sigmoid(self.keep(hidden.float())) if guided else None
        fine = 2 * upsample_convexly(flow, mask)  # (2N, 2, 2h, 2w)
        if given is not None and kept is not None:
            detail = given.float() - resize_flow(avg_pool2d(given.float(), 2) / 2, *given.shape[-2:])
            fine = fine + pixel_shuffle(kept, 2) * detail
        if given is not None and not guided:
            agreement = measure_agreement(given.float(), HELPING_GAP)
            fine = agreement * given.float() + (1 - agreement) * fine
            flow = avg_pool2d(fine, 2) / 2
        steps.append(2 * fine)
        content = self.content(torch.cat([quarter, hidden.to(quarter.dtype)], 1))
        small = avg_pool2d(frames.float().contiguous(), 4)  # (2N, 3, h, w)
        return Motion(flow, fine, visible, front, content, small), Learning(match, steps, visibilities, features)

    def _match(self, eighth: Tensor) -> Match:
        """Compares all cells of the first frame with all of the last."""
        height, width = eighth.shape[-2:]
        with torch.autocast(eighth.device.type, enabled=False):
            marks = layer_norm(self.mark(eighth.float()).flatten(2).transpose(1, 2), eighth.shape[1:2])  # (2N, hw, C)
            early, late = marks.chunk(2)
            scores = early @ late.transpose(1, 2) * (self.sharpness.exp() / sqrt(marks.shape[2]))  # (N, hw, hw)
            found = [find_best_matches(x, self.none, height, width) for x in (scores, scores.transpose(1, 2))]
        flow, belief = (torch.cat(parts) for parts in zip(*found, strict=True))
        return Match(scores, self.none, flow, belief * measure_agreement(flow, CELL_GAP).detach())

    def _open_gate(self, eighth: Tensor, flow: Tensor, gate: Tensor) -> Tensor:
        """Passes trusted matches through, and gives other cells the motion of trusted cells with related features.

        Attention over cells of 1/16, like GMFlow's propagation, but weighted by trust and by nearness.
        """
        size = flow.shape[-2:]
        with torch.autocast(eighth.device.type, enabled=False):
            trust = avg_pool2d(gate, 2, ceil_mode=True) + 1e-4  # (2N, 1, h/2, w/2)
            motion = avg_pool2d(flow * (gate + 1e-4), 2, ceil_mode=True) / trust
            marks = layer_norm(self.relate(eighth.float()).movedim(1, 3), (self.config.width,)).movedim(3, 1)
            query = marks.flatten(2).transpose(1, 2)  # (2N, hw, C)
            key = avg_pool2d(marks, 2, ceil_mode=True).flatten(2)  # (2N, C, L)
            places = pixel_grid(size[0], size[1], eighth.device)  # (1, 2, h, w)
            centres = avg_pool2d(places, 2, ceil_mode=True, count_include_pad=False)
            away = torch.cdist(places.flatten(2).transpose(1, 2), centres.flatten(2).transpose(1, 2))  # (1, hw, L)
            weights = query @ key / sqrt(self.config.width) - softplus(self.nearness) * away
            weights = (weights + trust.log().flatten(2)).softmax(2)  # (2N, hw, L)
            related = (weights @ motion.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, size)  # type: ignore[no-untyped-call]
        gate = gate.detach()
        mixed: Tensor = gate * flow + (1 - gate) * related  # (2N, 2, h, w)
        return mixed

    def _tables(self, match: Match) -> Tensor:
        """The scores of each cell as a map over the other frame: (2N, hw, h, w)."""
        size = match.flow.shape[-2:]
        both = torch.cat([match.scores, match.scores.transpose(1, 2)])
        tables: Tensor = both.unflatten(2, size)  # type: ignore[no-untyped-call]
        return tables

    def find_way(self, motion: Motion, t: Tensor) -> Way:
        """Finds where the frames at `t`, (N,) in (0, 1), are sampled."""
        passed = torch.cat([t, 1 - t]).view(-1, 1, 1, 1).float()  # (2N, 1, 1, 1): time from the own key frame
        seen_there = torch.sigmoid(motion.visible)
        weight = torch.exp(motion.front.clamp(-6, 6)) * (seen_there + 0.02)
        sums, arrived = splat(torch.cat([motion.flow, seen_there], 1), motion.flow * passed, weight)
        # both directions as forward motion over the whole interval, so that they can be added
        count = len(t)
        way = torch.ones_like(passed)
        way[count:] = -1
        sums = torch.cat([sums[:, :2] * way, sums[:, 2:]], 1)
        total, amount = sums[:count] + sums[count:], arrived[:count] + arrived[count:]
        either = fill_holes(total / (amount + 1e-6), amount.clamp_max(1) + 1e-5)
        there = (4 * arrived).clamp_max(1)
        mean = sums / (arrived + 1e-6) * there + torch.cat([either, either]) * (1 - there)  # (2N, 3, h, w)
        shift, visible = -mean[:, :2] * way * passed, mean[:, 2:]
        warped = warp(torch.cat([motion.features.float(), motion.small], 1), shift)
        state = torch.cat([shift / 16, there, visible, passed.expand_as(visible)], 1)  # (2N, 5, h, w)
        dtype = motion.features.dtype
        seen = torch.cat([warped, swap_frames(warped), state, swap_frames(state)], 1)
        correction, claim, mask = self.painter(channels_last(seen.to(dtype)))
        # before training, a pixel is taken from the nearer key frame, if it is visible in both and has arrived
        claim = claim + torch.log(1 - passed) + torch.log(visible + 0.03) + torch.log(there + 0.1)
        shift = shift + 4 * passed * (1 - passed) * correction
        finer = upsample_convexly(torch.cat([2 * shift, claim], 1), mask)  # (2N, 3, 2h, 2w)
        return Way(finer[:, :2], finer[:, 2:])

    def decide(self, way: Way, difference: Tensor) -> Tensor:
        """The weight of the first frame in the blend.

        Args:
            way: where the frames are sampled.
            difference: (N, 1, 2h, 2w): mean absolute difference of the two warped frames, colours in [-1, 1].

        Returns:
            (N, 1, 2h, 2w) in [0, 1].
        """
        early, late = way.claim.chunk(2)
        disagreement = ((difference - 0.03) / 0.05).clamp(0, 1)
        return torch.sigmoid((early - late) * (1 + softplus(self.decision) * disagreement))

    def carry(self, way: Way, first: Tensor, last: Tensor, mode: str = "bilinear") -> tuple[Tensor, Tensor]:
        """Warps frames of any size, (N, C, H, W) each, to the time of `way`, without blending them."""
        shift = resize_flow(way.shift, first.shape[2], first.shape[3])
        warped = warp(torch.cat([first, last]), shift, mode=mode)  # (2N, C, H, W)
        if mode == "bicubic":  # bicubic interpolation overshoots
            warped = warped.clamp(-1, 1)
        early, late = warped.chunk(2)
        return early, late

    def compose(self, way: Way, first: Tensor, last: Tensor, mode: str = "bilinear") -> Tensor:
        """Warps and blends frames of any size: (N, C, H, W) each to (N, C, H, W)."""
        return self.mix(way, *self.carry(way, first, last, mode))

    def mix(self, way: Way, early: Tensor, late: Tensor) -> Tensor:
        """Blends two warped frames, (N, C, H, W) each, in the first one's `share`."""
        mixed: Tensor = late + self.share(way, early, late) * (early - late)
        return mixed

    def share(self, way: Way, early: Tensor, late: Tensor) -> Tensor:
        """The first frame's weight in the blend of two warped frames, (N, C, H, W) each: (N, 1, H, W) in [0, 1]."""
        difference = (early - late).abs().mean(1, keepdim=True)  # (N, 1, H, W)
        share = self.decide(way, interpolate(difference, way.claim.shape[-2:], mode="area"))
        return interpolate(share, early.shape[-2:], mode="bilinear", align_corners=False)

    def forward(
        self, first: Tensor, last: Tensor, t: Tensor, given: Tensor | None = None
    ) -> tuple[Tensor, Motion, Learning]:
        """Draws the frames at `t`, (N,); returns also what the losses need. Sides must be multiples of 16."""
        motion, learning = self.study(first, last, given)
        way = self.find_way(motion, t)
        early, late = self.carry(way, first.float(), last.float())
        claims = way.claim.chunk(2)
        # PyTorch 2.11 cannot compile `_replace`
        learning = Learning(
            learning.match,
            learning.steps,
            learning.visible,
            learning.features,
            warped=(early, late),
            claim=claims[0] - claims[1],
        )
        return self.mix(way, early, late), motion, learning

    def prepare(self, first: Tensor, last: Tensor, area: int = 384 * 384) -> tuple[Motion, Tensor, Tensor]:
        """Finds the motion of key frames (N, 3, H, W) of any size, at a working size of at most about `area` pixels."""
        size = choose_size(first.shape[2], first.shape[3], area)
        small = [
            frame if frame.shape[-2:] == size else interpolate(frame, size, mode="bilinear", antialias=True)
            for frame in (first, last)
        ]
        return self.find_motion(*small), first, last

    def render(self, pair: tuple[Motion, Tensor, Tensor], t: float) -> Tensor:
        """Draws the frame at t in (0, 1): (N, 3, H, W) in [-1, 1]."""
        motion, first, last = pair
        way = self.find_way(motion, torch.full((len(first),), t, device=first.device))
        return self.compose(way, first, last, "bicubic")


def explained_share(motion: Motion, least: float = 0.04) -> Tensor:
    """The share of differing cells that are visible in both key frames: (N,) in [0, 1].

    Near 0 where motion explains nothing, as at a cut; 1 where no cell differs.

    Args:
        motion: the pair's motion.
        least: mean difference of colours, in [-1, 1], from which on a cell differs.
    """
    early, late = motion.small.chunk(2)
    differs = ((early - late).abs().mean(1, keepdim=True) > least).float()  # (N, 1, h, w)
    seen = torch.sigmoid(motion.visible) * torch.cat([differs, differs])  # (2N, 1, h, w)
    total = 2 * differs.sum((1, 2, 3))
    one, other = seen.sum((1, 2, 3)).chunk(2)
    return torch.where(total > 0, (one + other) / total.clamp_min(1), torch.ones_like(total))
