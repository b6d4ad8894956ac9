"""The motion model: finds the motion between two key frames once, and draws any number of frames along it.

Inputs:  two key frames, (N, 3, H, W) float in [-1, 1], RGB, and times in (0, 1).
Outputs: the frames at these times. Nothing is painted: every pixel is looked up in the key frames, so that lines stay
         as sharp as they were drawn; what the network learns is where to look, and in which of the two.
Stages, once for a pair, at a working size whose sides are multiples of 16 (`choose_size`):
  1. Features of both frames at 1/2, 1/4 and 1/8; attention within and across the frames at 1/16, rotary positions.
  2. Global matching at 1/8: one matrix compares all cells with all cells, its rows tell the motion of the first frame,
     its columns that of the last. A cell's best match is taken to fractions of a cell within a window, its confidence
     is the share of its belief that lies in that window, and the belief that there is no match is learnt too. Where
     the two ways disagree or confidence is low, the gate takes the motion of cells that look related instead.
  3. Refinement at 1/8 (reading the same matrix around the match) and at 1/4 (comparing warped features), each a few
     rounds of one small recurrent network: motion, whether a cell is visible in the other frame, what lies in front.
Stages for each t, all learnt parts at 1/4 of the working size:
  4. Both motions are splatted to t, what is in front and visible with more weight; holes take the motion around.
  5. A small network sees both frames' features where they have got to, mends the motion, and claims cells for its own.
  6. Both frames are warped backward at full size and mixed by the claims; where they disagree, one is chosen.

Such a network may be helped by a motion that was found without training: where that agrees with itself, there and back,
it passes the gate in place of the match, and has the last word, since a search is the more exact of the two.

A guided network leaves out the attention and stage 2: its motion begins with one that was found without training and is
given to it, which stage 3 compares around and may change by half a cell a round; finer detail of it is kept.

The two directions always lie in the batch one after the other and share every weight, so that swapping the frames and
turning time round gives the same picture. Step 5 fades out towards t = 0 and 1, where the key frames come out whole.

What is from where: attention and matching from Xu et al., "GMFlow" (CVPR 2022), sections 3.1 to 3.3, but attending at
1/16 instead of 1/8 (a sixteenth of the cost), a window around the best match instead of the mean over all (two equal
eyes do not match to the nose between them), and the option of no match of Sarlin et al., "SuperGlue" (CVPR 2020),
section 3.2. Reading the matrix around a match from Teed and Deng, "RAFT" (ECCV 2020), section 3.1. Splatting from
Niklaus and Liu (CVPR 2020). Rotary positions from Su et al., "RoFormer" (arXiv 2104.09864), here in two dimensions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    gelu,
    interpolate,
    layer_norm,
    leaky_relu,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
    scaled_dot_product_attention,
    softplus,
)

from .settings import check_settings
from .warping import fill_holes, look_up, pixel_grid, resize_flow, splat, upsample_convexly, warp

MULTIPLE = 16
"""Sides of the working size are multiples of this."""
_MATCH_REACH, _COARSE_REACH, _FINE_REACH = 2, 4, 3  # cells around a match that are looked at
_GUIDED_REACH, _GUIDED_FINE_REACH = 3, 2  # the same around a motion that was given
_GUIDED_STEP = 0.5  # cells by which a round may change it: larger motion than was trained on came out worse without
_HELPING_GAP, _HELPING_FINE_GAP = (
    3.0,
    4.0,
)  # cells by which motion that helps may disagree with itself and count a third
_MOST_ROUNDS = 64  # and layers: a damaged header must not keep a machine busy for days
_CELL_GAP = 1.5  # cells by which there and back may disagree and still count about a third


@dataclass(frozen=True)
class MotionConfig:
    """What shapes a `MotionNetwork`."""

    width: int = 64
    """Channels at 1/4 of the working size; half as many at 1/2, twice as many at 1/8 and 1/16."""
    layers: int = 3
    """Layers of attention, each within the frames and then across them."""
    heads: int = 4
    """Of the attention."""
    coarse_rounds: int = 2
    """Rounds of refinement at 1/8."""
    fine_rounds: int = 2
    """Rounds of refinement at 1/4."""
    drawing: int = 32
    """Channels of the network that works anew for each frame."""
    guided: bool = False
    """Whether the motion begins with one that is given, found without training, instead of with the network's own
    global matching; then there is no attention either."""

    def __post_init__(self) -> None:
        """Refuses what cannot be built.

        Raises:
            ValueError: a value is out of its range.
        """
        rounds = range(1, _MOST_ROUNDS + 1)
        check_settings(
            self,
            "motion network",
            width=range(4, 513, 4),
            layers=rounds,
            heads=range(1, 257),
            coarse_rounds=rounds,
            fine_rounds=rounds,
            drawing=range(1, 513),
        )
        if 2 * self.width % (4 * self.heads):
            raise ValueError(f"{self.heads} heads do not share {2 * self.width} channels in fours")


class Match(NamedTuple):
    """What global matching found, for a loss to look at; cells are those of 1/8."""

    scores: Tensor
    """(N, h * w, h * w) float32: of the first frame's cells with the last frame's."""
    none: Tensor
    """() float32: the score of no match."""
    flow: Tensor
    """(2N, 2, h, w) in cells: of the best matches, forward and then backward."""
    trust: Tensor
    """(2N, 1, h, w) in [0, 1]: how much of them the gate lets through."""


class Motion(NamedTuple):
    """The motion between two frames, both ways: in each tensor N times forward, and then N times backward.

    Its grid is 1/4 of the working size.
    """

    flow: Tensor
    """(2N, 2, h, w) float32 in cells."""
    fine: Tensor
    """(2N, 2, 2h, 2w) float32 in cells of its own, half as large: the same with sharper outlines."""
    visible: Tensor
    """(2N, 1, h, w) float32: logit of being seen in the other frame."""
    front: Tensor
    """(2N, 1, h, w) float32: the higher, the nearer to the eye."""
    features: Tensor
    """(2N, drawing, h, w): what is there, for the network that draws."""
    small: Tensor
    """(2N, 3, h, w): the frames themselves."""


class Learning(NamedTuple):
    """What a training looks at besides the motion."""

    match: Match | None
    """None where the motion was given."""
    steps: list[Tensor]
    """(2N, 2, h', w') in pixels of the working size: the flow after the gate and after each round."""
    visible: list[Tensor]
    """(2N, 1, h', w') logits: being seen in the other frame, after each round."""


class Way(NamedTuple):
    """Where to look for a frame at t: in each tensor N times in the first frame, and then N times in the last."""

    shift: Tensor
    """(2N, 2, 2h, 2w) float32 in cells of that grid: from a place at t to the place in the key frame."""
    claim: Tensor
    """(2N, 1, 2h, 2w) float32 logit: how much the frame is to be taken."""


def choose_size(height: int, width: int, area: int) -> tuple[int, int]:
    """The working size for frames: at most about `area` pixels, never larger than it must be, in multiples of 16."""
    scale = min(1.0, sqrt(area / (height * width)))
    return max(1, round(height * scale / MULTIPLE)) * MULTIPLE, max(1, round(width * scale / MULTIPLE)) * MULTIPLE


def _convolve(fan_in: int, fan_out: int, stride: int = 1, side: int = 3) -> nn.Conv2d:
    layer = nn.Conv2d(fan_in, fan_out, side, stride, side // 2)
    nn.init.kaiming_normal_(layer.weight, 0.1, nonlinearity="leaky_relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _begin_at_zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    return layer


def _bend(features: Tensor) -> Tensor:
    """The activation, in place: on a CPU, fetching memory anew takes as long as some convolutions."""
    return leaky_relu(features, 0.1, inplace=True)


class _Residual(nn.Module):
    """Two convolutions beside the way through; begins as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter, self.leave = _convolve(channels, channels), _begin_at_zero(_convolve(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.leave(_bend(self.enter(features)))
        return _bend(changed.add_(features))


class _Attention(nn.Module):
    """A layer of attention and a small network for each place, both beside the way through.

    Positions are rotary: a quarter of each head's pairs of channels turn with x, a quarter with y, at periods from 6
    to 100 places; so only distances count, and larger pictures than in training are nothing new.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask, self.offer = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.query, self.key, self.value, self.give = (nn.Linear(channels, channels) for _ in range(4))
        self.norm = nn.LayerNorm(channels)
        self.enter, self.leave = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        for layer in (self.give, self.leave):
            nn.init.normal_(layer.weight, 0, 0.02)

    def forward(self, tokens: Tensor, others: Tensor, turns: Tensor) -> Tensor:
        """Lets `tokens` (N, L, C) look at `others` (N, M, C); `turns` (2, L, c) are cosines and sines of places."""
        asked, offered = self.ask(tokens), self.offer(others)
        query, key, value = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (N, heads, L, C / heads)
            for layer, x in ((self.query, asked), (self.key, offered), (self.value, offered))
        )
        query, key = (_turn(x, turns).to(value.dtype) for x in (query, key))
        heard = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)  # (N, L, C)
        tokens = tokens + self.give(heard)
        thought: Tensor = tokens + self.leave(gelu(self.enter(self.norm(tokens))))
        return thought


def _turns(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Cosines and sines by which a head's pairs of channels turn at each place: (2, height * width, channels / 2)."""
    each = channels // 4
    periods = torch.logspace(0, 1, each, 16.0, device=device) * 6.25  # places for a whole turn: 6 to 100
    places = pixel_grid(height, width, device)[0].flatten(1)  # (2, L)
    angles = (places[:, :, None] * (2 * torch.pi / periods)).permute(1, 0, 2).flatten(1)  # (L, 2 each)
    return torch.stack([angles.cos(), angles.sin()])


def _turn(heads: Tensor, turns: Tensor) -> Tensor:
    """Turns pairs of channels, (N, heads, L, C), by the angles of their places."""
    first, second = heads.float().chunk(2, 3)
    cosine, sine = turns
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], 3)


class _Encoder(nn.Module):
    """Features of frames, and what they say of each other."""

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        half, quarter, eighth = config.width // 2, config.width, 2 * config.width
        self.at_half = nn.ModuleList([_convolve(12, half), _Residual(half)])
        self.at_quarter = nn.ModuleList([_convolve(half, quarter, 2), _Residual(quarter), _Residual(quarter)])
        self.at_eighth = nn.ModuleList([_convolve(quarter, eighth, 2), _Residual(eighth), _Residual(eighth)])
        self.to_sixteenth = _convolve(eighth, eighth, 2)
        self.guided = config.guided
        if config.guided:
            self.around = nn.Sequential(_Residual(eighth), _Residual(eighth))
        else:
            self.attention = nn.ModuleList(_Attention(eighth, config.heads) for _ in range(2 * config.layers))
        self.join = nn.ModuleList([_convolve(2 * eighth, eighth), _Residual(eighth)])
        self.heads = config.heads

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (2N, 3, H, W) to (2N, width, H/4, W/4) and (2N, 2 width, H/8, W/8)."""
        features = pixel_unshuffle(frames, 2)  # (2N, 12, H/2, W/2)
        features = _walk(self.at_half, features)
        quarter = _walk(self.at_quarter, features)  # (2N, width, H/4, W/4)
        eighth = _walk(self.at_eighth, quarter)  # (2N, 2 width, H/8, W/8)
        wide = self.to_sixteenth(eighth)  # (2N, 2 width, H/16, W/16)
        wide = self.around(_bend(wide)) if self.guided else self._attend(wide)
        wide = interpolate(wide, eighth.shape[-2:], mode="bilinear", align_corners=False)
        return quarter, _walk(self.join, torch.cat([eighth, wide.to(eighth.dtype)], 1))

    def _attend(self, wide: Tensor) -> Tensor:
        """Lets all places of 1/16 look at those of their own and of the other frame."""
        size = wide.shape[-2:]
        tokens = wide.flatten(2).transpose(1, 2)  # (2N, L, 2 width)
        turns = _turns(size[0], size[1], tokens.shape[2] // self.heads, wide.device)
        for number, layer in enumerate(self.attention):
            tokens = layer(tokens, _swap(tokens) if number % 2 else tokens, turns)
        return tokens.transpose(1, 2).reshape(-1, tokens.shape[2], size[0], size[1])


def _walk(layers: nn.ModuleList, features: Tensor) -> Tensor:
    """A convolution, and then blocks."""
    features = _bend(layers[0](features))
    for layer in list(layers)[1:]:
        features = layer(features)
    return features


def _swap(both: Tensor) -> Tensor:
    """The other direction's (or frame's) values: N times the one and N times the other change places."""
    return both.roll(len(both) // 2, 0)


class _Round(nn.Module):
    """One round of refinement: from what is seen around the match to a better match."""

    def __init__(self, context: int, seen: int, hidden: int, farthest: float | None = None) -> None:
        super().__init__()
        self.farthest = farthest  # cells by which the flow may change
        self.look = _convolve(seen, hidden, side=1)
        self.enter = _convolve(context + 2 * hidden + 4, hidden)
        self.think = _Residual(hidden)
        self.tell = _begin_at_zero(_convolve(hidden, 3))

    def forward(
        self, context: Tensor, seen: Tensor, hidden: Tensor, flow: Tensor, visible: Tensor, trust: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gives the hidden state (2N, hidden, h, w), flow (2N, 2, h, w) in cells and visibility (2N, 1, h, w) anew."""
        known = _lay_out(torch.cat([flow / 16, visible / 4, trust], 1).to(context.dtype))
        hidden = self.enter(torch.cat([context, _bend(self.look(seen)), hidden, known], 1))
        hidden = self.think(_bend(hidden))
        with torch.autocast(flow.device.type, enabled=False):
            told = self.tell(hidden.float())  # (2N, 3, h, w)
            change = told[:, :2]
            if self.farthest is not None:
                change = self.farthest * torch.tanh(change / self.farthest)
        return hidden, flow + change, visible + told[:, 2:]


class MotionNetwork(nn.Module):
    """Finds the motion between two frames and draws what lies between; see the module's docstring."""

    multiple = MULTIPLE

    def __init__(self, config: MotionConfig | None = None) -> None:
        super().__init__()
        config = config or MotionConfig()
        self.config = config
        quarter, eighth = config.width, 2 * config.width
        self.encoder = _Encoder(config)
        self.mark = _convolve(eighth, quarter if config.guided else eighth, side=1)  # what cells are compared by
        if config.guided:
            self.keep = _begin_at_zero(_convolve(quarter, 4))  # of the given motion's detail, before a sigmoid
            nn.init.constant_(self.keep.bias, 2.0)  # type: ignore[arg-type]
        else:
            self.sharpness = nn.Parameter(torch.zeros(()))  # log of the scores' scale
            self.none = nn.Parameter(torch.zeros(()))  # the score of no match
            self.relate = _convolve(eighth, quarter, side=1)  # what tells which cells move together
            self.nearness = nn.Parameter(torch.tensor(-2.0))  # how much nearer cells count more, before softplus
        self.coarse_context = _convolve(eighth, eighth, side=1)
        self.coarse_start = _convolve(eighth, eighth, side=1)
        seen = (2 * _GUIDED_REACH + 1) ** 2 + 3 if config.guided else (2 * _COARSE_REACH + 1) ** 2
        step = _GUIDED_STEP if config.guided else None
        self.coarse = _Round(eighth, seen, eighth, step)
        self.fine_mark = _convolve(quarter, quarter // 2, side=1)
        self.fine_context = _convolve(quarter, quarter, side=1)
        self.hand_down = _convolve(eighth, quarter, side=1)
        self.fine_reach = _GUIDED_FINE_REACH if config.guided else _FINE_REACH
        self.fine = _Round(quarter, (2 * self.fine_reach + 1) ** 2 + 3, quarter, step)
        self.outline = _begin_at_zero(_convolve(quarter, 36))
        self.order = _begin_at_zero(_convolve(quarter, 1))
        self.content = _convolve(2 * quarter, config.drawing, side=1)
        self.painter = _Painter(config.drawing)
        self.decision = nn.Parameter(torch.tensor(2.0))  # how hard to choose where the frames disagree, before softplus

    def hold_motion(self) -> None:
        """Freezes what finds the motion; what draws along it goes on learning, as in GMFSS's second stage."""
        drawing = (self.order, self.content, self.painter)
        free = {id(parameter) for part in drawing for parameter in part.parameters()} | {id(self.decision)}
        for parameter in self.parameters():
            parameter.requires_grad_(id(parameter) in free)

    def find_motion(self, first: Tensor, last: Tensor, given: Tensor | None = None) -> Motion:
        """Finds the motion between frames of a working size.

        Args:
            first: (N, 3, H, W) in [-1, 1]; H and W are multiples of 16.
            last: the same shape.
            given: (2N, 2, H/2, W/2) in cells of that grid: the motion that a guided network begins with, forward and
                then backward. Others can do without, and are helped by it.
        """
        return self.study(first, last, given)[0]

    def study(self, first: Tensor, last: Tensor, given: Tensor | None = None) -> tuple[Motion, Learning]:
        """The same, with what a training looks at."""
        guided = self.config.guided
        if guided and given is None:
            raise ValueError("a guided network wants a motion to begin with")
        frames = _lay_out(torch.cat([first, last]))  # (2N, 3, H, W)
        quarter, eighth = self.encoder(frames)
        context, hidden = _bend(self.coarse_context(eighth)), torch.tanh(self.coarse_start(eighth))
        coarse = None if given is None else avg_pool2d(given.float(), 4) / 4  # (2N, 2, h, w) at 1/8
        if not guided:
            match = self._match(eighth)
            flow, trust, tables = match.flow, match.trust, self._tables(match)
            if coarse is not None:
                sure = _tell_agreement(coarse, _CELL_GAP)
                trust = sure + (1 - sure) * trust
                share = sure / trust.clamp_min(1e-6)
                flow = share * coarse + (1 - share) * flow
            flow, trust = self._open_gate(eighth, flow, trust), trust.detach()
            visible = torch.zeros_like(flow[:, :1])

            def read(flow: Tensor) -> Tensor:
                return _read_tables(tables, flow) / 4  # scores reach 11 and more

            look: Callable[[Tensor], Tensor] = read
        else:
            assert coarse is not None
            match, flow = None, coarse
            trust = _tell_agreement(flow, _CELL_GAP)
            visible = 4 * trust - 2
            look = _prepare_look(self.mark(eighth), frames, _GUIDED_REACH)
        steps, told = [8 * flow], []
        start = flow
        for _ in range(self.config.coarse_rounds):
            seen = _lay_out(look(flow.detach()).to(context.dtype))
            hidden, flow, visible = self.coarse(context, seen, hidden, flow.detach(), visible, trust)
            steps.append(8 * flow)
            told.append(visible)

        size = quarter.shape[-2:]
        if given is None or not guided:
            flow = resize_flow(flow, *size)
        else:  # the given motion has more detail than the coarse one: only what was changed is handed down
            flow = avg_pool2d(given.float(), 2) / 2 + resize_flow(flow - start, *size)
        visible, trust = (interpolate(x, size, mode="bilinear", align_corners=False) for x in (visible, trust))
        hidden = interpolate(self.hand_down(hidden), size, mode="bilinear", align_corners=False)
        context = _bend(self.fine_context(quarter))
        look = _prepare_look(self.fine_mark(quarter), frames, self.fine_reach)
        for _ in range(self.config.fine_rounds):
            flow = flow.detach()
            seen = _lay_out(look(flow).to(context.dtype))
            hidden, flow, visible = self.fine(context, seen, hidden, flow, visible, trust)
            steps.append(4 * flow)
            told.append(visible)

        with torch.autocast(frames.device.type, enabled=False):
            told_front = self.order(hidden.float())
            mask = self.outline(hidden.float())
            kept = torch.sigmoid(self.keep(hidden.float())) if guided else None
        fine = 2 * upsample_convexly(flow, mask)  # (2N, 2, 2h, 2w)
        if given is not None and kept is not None:
            detail = given.float() - resize_flow(avg_pool2d(given.float(), 2) / 2, *given.shape[-2:])
            fine = fine + pixel_shuffle(kept, 2) * detail
        if given is not None and not guided:
            sure = _tell_agreement(given.float(), _HELPING_GAP)
            fine = sure * given.float() + (1 - sure) * fine
            flow = avg_pool2d(fine, 2) / 2
        steps.append(2 * fine)
        features = self.content(torch.cat([quarter, hidden.to(quarter.dtype)], 1))
        small = avg_pool2d(frames.float().contiguous(), 4)  # (2N, 3, h, w)
        return Motion(flow, fine, visible, told_front, features, small), Learning(match, steps, told)

    def _match(self, eighth: Tensor) -> Match:
        """Compares all cells of the first frame with all of the last."""
        height, width = eighth.shape[-2:]
        with torch.autocast(eighth.device.type, enabled=False):
            marks = layer_norm(self.mark(eighth.float()).flatten(2).transpose(1, 2), eighth.shape[1:2])  # (2N, hw, C)
            early, late = marks.chunk(2)
            scores = early @ late.transpose(1, 2) * (self.sharpness.exp() / sqrt(marks.shape[2]))  # (N, hw, hw)
            found = [_find_best(x, self.none, height, width) for x in (scores, scores.transpose(1, 2))]
        flow, belief = (torch.cat(parts) for parts in zip(*found, strict=True))
        return Match(scores, self.none, flow, belief * _tell_agreement(flow, _CELL_GAP).detach())

    def _open_gate(self, eighth: Tensor, flow: Tensor, gate: Tensor) -> Tensor:
        """Lets trusted matches through, and gives other cells the motion of trusted ones that look related.

        Attention over cells of 1/16, as GMFlow's propagation, but nobody listens to cells that are not trusted, and
        near ones are listened to rather than far ones.
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
            heed = query @ key / sqrt(self.config.width) - softplus(self.nearness) * away
            heed = (heed + trust.log().flatten(2)).softmax(2)  # (2N, hw, L)
            related = (heed @ motion.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, size)  # type: ignore[no-untyped-call]
        gate = gate.detach()
        mixed: Tensor = gate * flow + (1 - gate) * related  # (2N, 2, h, w)
        return mixed

    def _tables(self, match: Match) -> Tensor:
        """Each cell's scores as a picture of the other frame: (2N, hw, h, w)."""
        size = match.flow.shape[-2:]
        both = torch.cat([match.scores, match.scores.transpose(1, 2)])
        tables: Tensor = both.unflatten(2, size)  # type: ignore[no-untyped-call]
        return tables

    def find_way(self, motion: Motion, t: Tensor) -> Way:
        """Finds where to look for the frames at `t`, (N,) in (0, 1)."""
        passed = torch.cat([t, 1 - t]).view(-1, 1, 1, 1).float()  # (2N, 1, 1, 1): since the own key frame
        seen_there = torch.sigmoid(motion.visible)
        weight = torch.exp(motion.front.clamp(-6, 6)) * (seen_there + 0.02)
        sums, arrived = splat(torch.cat([motion.flow, seen_there], 1), motion.flow * passed, weight)
        # of the whole time and forward, so that both directions can be put together
        count = len(t)
        way = torch.ones_like(passed)
        way[count:] = -1
        sums = torch.cat([sums[:, :2] * way, sums[:, 2:]], 1)
        total, amount = sums[:count] + sums[count:], arrived[:count] + arrived[count:]
        either = fill_holes(total / (amount + 1e-6), amount.clamp_max(1) + 1e-5)
        there = (4 * arrived).clamp_max(1)
        mean = sums / (arrived + 1e-6) * there + torch.cat([either, either]) * (1 - there)  # (2N, 3, h, w)
        shift, sight = -mean[:, :2] * way * passed, mean[:, 2:]
        looked = warp(torch.cat([motion.features.float(), motion.small], 1), shift)
        told = torch.cat([shift / 16, there, sight, passed.expand_as(sight)], 1)  # (2N, 5, h, w)
        dtype = motion.features.dtype
        seen = torch.cat([looked, _swap(looked), told, _swap(told)], 1)
        mend, claim, mask = self.painter(_lay_out(seen.to(dtype)))
        # what is seen in both frames, has arrived, and is of the nearer key frame, is claimed before anything is learnt
        claim = claim + torch.log(1 - passed) + torch.log(sight + 0.03) + torch.log(there + 0.1)
        shift = shift + 4 * passed * (1 - passed) * mend
        finer = upsample_convexly(torch.cat([2 * shift, claim], 1), mask)  # (2N, 3, 2h, 2w)
        return Way(finer[:, :2], finer[:, 2:])

    def decide(self, way: Way, difference: Tensor) -> Tensor:
        """The first frame's share of the mixture.

        Args:
            way: of the frames at some time.
            difference: (N, 1, 2h, 2w): mean absolute difference of the two warped frames, colours in [-1, 1].

        Returns:
            (N, 1, 2h, 2w) in [0, 1].
        """
        early, late = way.claim.chunk(2)
        disagreement = ((difference - 0.03) / 0.05).clamp(0, 1)
        return torch.sigmoid((early - late) * (1 + softplus(self.decision) * disagreement))

    def carry(self, way: Way, first: Tensor, last: Tensor, mode: str = "bilinear") -> tuple[Tensor, Tensor]:
        """Warps frames of any size, (N, C, H, W) each, to where they are at the way's time; not mixed yet."""
        shift = resize_flow(way.shift, first.shape[2], first.shape[3])
        warped = warp(torch.cat([first, last]), shift, mode=mode)  # (2N, C, H, W)
        if mode == "bicubic":  # it overshoots
            warped = warped.clamp(-1, 1)
        early, late = warped.chunk(2)
        return early, late

    def compose(self, way: Way, first: Tensor, last: Tensor, mode: str = "bilinear") -> Tensor:
        """Warps and mixes frames of any size: (N, C, H, W) each to (N, C, H, W)."""
        early, late = self.carry(way, first, last, mode)
        mixed: Tensor = late + self.share(way, early, late) * (early - late)
        return mixed

    def share(self, way: Way, early: Tensor, late: Tensor) -> Tensor:
        """The first frame's share of the mixture of two warped frames, (N, C, H, W) each: (N, 1, H, W) in [0, 1]."""
        difference = (early - late).abs().mean(1, keepdim=True)  # (N, 1, H, W)
        share = self.decide(way, interpolate(difference, way.claim.shape[-2:], mode="area"))
        return interpolate(share, early.shape[-2:], mode="bilinear", align_corners=False)

    def forward(
        self, first: Tensor, last: Tensor, t: Tensor, given: Tensor | None = None
    ) -> tuple[Tensor, Motion, Learning]:
        """Draws the frames at `t`, (N,), and gives what a training looks at; sides are multiples of 16."""
        motion, learning = self.study(first, last, given)
        return self.compose(self.find_way(motion, t), first.float(), last.float()), motion, learning

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
    """How much of what differs between the key frames is seen in both of them: (N,) in [0, 1].

    Near 0 where motion explains nothing, as at a cut; 1 where nothing differs.

    Args:
        motion: of the pair.
        least: mean difference of colours, in [-1, 1], from which on a cell counts.
    """
    early, late = motion.small.chunk(2)
    differs = ((early - late).abs().mean(1, keepdim=True) > least).float()  # (N, 1, h, w)
    seen = torch.sigmoid(motion.visible) * torch.cat([differs, differs])  # (2N, 1, h, w)
    total = 2 * differs.sum((1, 2, 3))
    one, other = seen.sum((1, 2, 3)).chunk(2)
    return torch.where(total > 0, (one + other) / total.clamp_min(1), torch.ones_like(total))


class _Painter(nn.Module):
    """Sees what both frames have at a place at t, mends where to look, and claims the place for its own frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = _convolve(2 * (channels + 3 + 5), channels)
        self.think = nn.Sequential(_Residual(channels), _Residual(channels))
        self.tell = _begin_at_zero(_convolve(channels, 3))
        self.outline = _begin_at_zero(_convolve(channels, 36, side=1))

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(2N, 2 * (channels + 8), h, w) to a change of the shift, a claim and a mask for finer cells, all float32."""
        features = self.think(_bend(self.enter(seen)))
        with torch.autocast(features.device.type, enabled=False):
            told = self.tell(features.float())
            return told[:, :2], told[:, 2:], self.outline(features.float())


def _lay_out(features: Tensor) -> Tensor:
    """Channels last, (N, C, H, W): convolutions are twice as quick so on a CPU, and on tensor cores."""
    return features.contiguous(memory_format=torch.channels_last)


def _normalise(features: Tensor) -> Tensor:
    """Normalises each place's channels, (N, C, H, W); float32, one channel after the other in memory."""
    return layer_norm(features.float().movedim(1, 3), features.shape[1:2]).movedim(3, 1).contiguous()


def _tell_agreement(flow: Tensor, gap: float) -> Tensor:
    """How well motion both ways, (2N, 2, h, w), leads back: (2N, 1, h, w) in [0, 1], about a third at a `gap` apart."""
    apart = flow + warp(_swap(flow), flow)
    return torch.exp(-((apart / gap) ** 2).sum(1, keepdim=True))


def _find_best(scores: Tensor, none: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Each cell's best match.

    Args:
        scores: (N, hw, hw): of one frame's cells with the other's.
        none: () score of no match.
        height: rows of cells.
        width: columns of cells.

    Returns:
        Flow in cells, (N, 2, h, w), and the share of belief in the window around the match, (N, 1, h, w).
    """
    whole = torch.logaddexp(scores.logsumexp(2), none)  # (N, hw)
    best = scores.detach().argmax(2)  # (N, hw)
    row, column = best // width, best % width
    reach = torch.arange(-_MATCH_REACH, _MATCH_REACH + 1, device=scores.device)
    rows, columns = row[..., None] + reach, column[..., None] + reach  # (N, hw, 5)
    inside = ((rows >= 0) & (rows < height))[..., :, None] & ((columns >= 0) & (columns < width))[..., None, :]
    index = rows.clamp(0, height - 1)[..., :, None] * width + columns.clamp(0, width - 1)[..., None, :]
    near = scores.gather(2, index.flatten(2)).view(index.shape)  # (N, hw, 5, 5)
    belief = torch.exp(near - whole[..., None, None]) * inside
    mass = belief.sum((2, 3))  # (N, hw)
    safe = mass.clamp_min(1e-12)
    x = (belief.sum(2) * columns).sum(2) / safe
    y = (belief.sum(3) * rows).sum(2) / safe
    places = torch.stack([x, y], 1).view(-1, 2, height, width)
    return places - pixel_grid(height, width, scores.device), mass.view(-1, 1, height, width)


def _read_tables(tables: Tensor, flow: Tensor) -> Tensor:
    """Reads each cell's scores around its match: (2N, hw, h, w) and flow (2N, 2, h, w) in cells to (2N, 81, h, w)."""
    count, _, height, width = tables.shape
    side = 2 * _COARSE_REACH + 1
    around = pixel_grid(side, side, flow.device) - _COARSE_REACH  # (1, 2, 9, 9)
    centres = (pixel_grid(height, width, flow.device) + flow).permute(0, 2, 3, 1).reshape(-1, 2, 1, 1)
    read = look_up(tables.reshape(-1, 1, height, width), centres + around, padding="zeros")  # (2N hw, 1, 9, 9)
    return read.view(count, height, width, side * side).permute(0, 3, 1, 2)


def _prepare_look(marks: Tensor, frames: Tensor, reach: int) -> Callable[[Tensor], Tensor]:
    """Readies what is seen along a motion on the grid of `marks`.

    Args:
        marks: (2N, C, h, w): what places are compared by.
        frames: (2N, 3, H, W).
        reach: cells around the motion's end that are compared.

    Returns:
        A function from flow (2N, 2, h, w) in cells to ((2 reach + 1)² + 3) channels: scores, differences of colours.
    """
    own = _normalise(marks)
    small = avg_pool2d(frames.float().contiguous(), frames.shape[2] // marks.shape[2])  # (2N, 3, h, w)
    others = torch.cat([_swap(own), _swap(small)], 1)

    def look(flow: Tensor) -> Tensor:
        there = warp(others, flow)
        scores = _Compare.apply(own, there[:, :-3].contiguous(), reach)  # (2N, (2 reach + 1)², h, w)
        return torch.cat([scores, (small - there[:, -3:]).abs()], 1)

    return look


class _Compare(torch.autograd.Function):
    """Scores of each place with those around it in the other picture: two times (N, C, H, W) to (N, side², H, W).

    Written out forward and backward: PyTorch's own way back through 49 shifted products took half of a training's time.
    """

    @staticmethod
    def forward(context: Any, marks: Tensor, others: Tensor, reach: int) -> Tensor:
        """Means over channels of the products, for shifts from (-reach, -reach) on, row by row."""
        padded = pad(others, (reach,) * 4)
        context.save_for_backward(marks, padded)
        context.reach = reach
        room = torch.empty_like(marks)
        scores = [torch.mul(marks, shifted, out=room).mean(1) for shifted in _shifts(padded, reach)]
        return torch.stack(scores, 1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """What the scores' gradients, (N, side², H, W), mean for the marks of both pictures."""
        marks, padded = context.saved_tensors
        reach = context.reach
        of_marks, of_padded = torch.zeros_like(marks), torch.zeros_like(padded)
        each = (gradients[0] / marks.shape[1]).unsqueeze(2).unbind(1)  # side² of (N, 1, H, W)
        for gradient, shifted, target in zip(each, _shifts(padded, reach), _shifts(of_padded, reach), strict=True):
            of_marks.addcmul_(shifted, gradient)
            target.addcmul_(marks, gradient)
        height, width = marks.shape[-2:]
        return of_marks, of_padded[..., reach : reach + height, reach : reach + width], None


def _shifts(padded: Tensor, reach: int) -> Iterator[Tensor]:
    """Views of a picture with a margin of `reach`, one for each shift within it."""
    height, width = padded.shape[-2] - 2 * reach, padded.shape[-1] - 2 * reach
    for y in range(2 * reach + 1):
        for x in range(2 * reach + 1):
            yield padded[..., y : y + height, x : x + width]
