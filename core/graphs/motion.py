"""The four steps of a `MotionNetwork` as ONNX graphs: encode a frame, find the motion, find the way at t, decide.

The formulas are those of `models.motion`, which describes them; tests hold the two to each other. Here each is written
with the operators that ONNX Runtime is quick at. The first step takes one frame; the others take one pair, whose two
directions are a batch of 2:

- Sums over splatted values are one ScatterND with addition.
- Scores around a motion at 1/4 are matrix products of tiles of 4 x 4 cells with all cells within reach of the tile,
  from which those within reach of each cell are picked: a seventh of the time of 49 shifted products.
- The pyramid that fills holes has a fixed number of levels; levels above a single cell change nothing.

Sides of the pictures are multiples of 16, of any length.
"""

from collections.abc import Mapping
from math import pi, sqrt
from typing import Any

import numpy as np

from ...models.correlation import COARSE_REACH, FINE_REACH, GUIDED_FINE_REACH, GUIDED_REACH, MATCH_REACH
from ...models.motion import CELL_GAP, GUIDED_STEP, HELPING_GAP
from ..weights.find import STEPS
from .layers import Grid, Layers
from .writing import Array, Graph, Value

_LEVELS = 10  # of the pyramid that fills holes: grids of up to 1024 cells a side end in a single cell
_TILE = 4  # cells a side in which scores are computed together at 1/4; half as many at 1/8


def write_graphs(config: Mapping[str, Any], weights: Mapping[str, Array], *, with_weights: bool) -> dict[str, Any]:
    """Writes the graphs of a motion network.

    Args:
        config: the fields of its `MotionConfig`.
        weights: its parameters, by their names in a checkpoint.
        with_weights: see `Graph.finish`.

    Returns:
        The models, by names of STEPS.
    """
    written = (_write_encode, _write_find_motion, _write_find_way, _write_decide)
    return {
        name: write(name, config, weights).finish(with_weights=with_weights)
        for name, write in zip(STEPS, written, strict=True)
    }


_PARTS = {1: "", 2: "half_", 4: "quarter_", 8: "eighth_", 16: "sixteenth_"}
_SIDES = {part: (f"{word}height", f"{word}width") for part, word in _PARTS.items()}
"""The names of sides in inputs and outputs, by the part of the working size."""


def _list_features(config: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """What the first step gives to the second: each one's channels, and its part of the working size."""
    width = config["width"]
    return {
        "quarter": (width, 4),
        "fine_context": (width, 4),
        "fine_mark": (width // 2, 4),
        "small": (3, 4),
        "eighth": (2 * width, 8),
        "wide": (2 * width, 16),
    }


def _write_encode(name: str, config: Mapping[str, Any], weights: Mapping[str, Array]) -> Graph:
    graph = Graph(name, weights)
    frame = graph.input("frame", [1, 3, *_SIDES[1]])
    features = _FrameEncoder(graph, config).encode(frame)
    for (name, (channels, part)), value in zip(_list_features(config).items(), features, strict=True):
        graph.output(name, value, [1, channels, *_SIDES[part]])
    return graph


def _write_find_motion(name: str, config: Mapping[str, Any], weights: Mapping[str, Array]) -> Graph:
    graph = Graph(name, weights)
    features = {
        name: graph.input(name, [2, channels, *_SIDES[part]])
        for name, (channels, part) in _list_features(config).items()
    }
    given = graph.input("given", [2, 2, *_SIDES[2]])
    found = _Finder(graph, config).find(given, **features)
    outputs = {"flow": (2, 4), "fine": (2, 2), "visible": (1, 4), "front": (1, 4), "features": (config["drawing"], 4)}
    for (name, (channels, part)), value in zip(outputs.items(), found, strict=True):
        graph.output(name, value, [2, channels, *_SIDES[part]])
    return graph


class _FrameEncoder(Layers):
    """Writes the first step."""

    def encode(self, frame: Value) -> list[Value]:
        """A frame (1, 3, H, W) to what `_list_features` lists."""
        halves = self.op("SpaceToDepth", frame, blocksize=2)  # the place in the square first, then the colour
        order = [channel + 3 * place for channel in range(3) for place in range(4)]
        inverse = [order.index(k) for k in range(12)]
        weight = self.op("Gather", self.graph.weight("encoder.at_half.0.weight"), inverse, axis=1)
        features = self.activate(self.apply(weight, self.graph.weight("encoder.at_half.0.bias"), halves))
        features = self.residual("encoder.at_half.1", features)
        quarter = self.run_blocks("encoder.at_quarter", features, 2)
        eighth = self.run_blocks("encoder.at_eighth", quarter, 2)
        wide = self.convolve("encoder.to_sixteenth", eighth, stride=2)
        context = self.activate(self.convolve("fine_context", quarter, 1))
        context = self.see_context("fine", context, self.config["width"])
        return [quarter, context, self.convolve("fine_mark", quarter, 1), self.shrink(frame, 4), eighth, wide]


class _Finder(Layers):
    """Writes the second step."""

    def find(
        self,
        given: Value,
        *,
        quarter: Value,
        fine_context: Value,
        fine_mark: Value,
        small: Value,
        eighth: Value,
        wide: Value,
    ) -> list[Value]:
        """What the first step gives of both frames, and a search's motion, to the motion; see `FoundMotion`."""
        config, op = self.config, self.op
        guided, width = config["guided"], config["width"]
        eighth = self._join(eighth, wide)
        context = self.activate(self.convolve("coarse_context", eighth, 1))
        hidden = op("Tanh", self.convolve("coarse_start", eighth, 1))
        near, fine_grid, half_grid = Grid(self, eighth), Grid(self, quarter), Grid(self, given)
        coarse = self.shrink(given, 4) * 0.25  # (2, 2, h, w) at 1/8
        if guided:
            flow, trust = coarse, near.agreement(coarse, CELL_GAP)
            visible = 4 * trust - 2
            mark = self.convolve("mark", eighth, 1)
            compare = _Comparison(self, mark, width, self.shrink(small, 2), near, GUIDED_REACH, _TILE // 2)
        else:
            tables, flow, trust = self._match(eighth, near)
            agreement = near.agreement(coarse, CELL_GAP)
            trust = agreement + (1 - agreement) * trust
            share = agreement / self.clip(trust, 1e-6, None)
            flow = share * coarse + (1 - share) * flow
            flow = self._open_gate(eighth, flow, trust, near)
            visible = self.cut(flow, 0, 1, 1) * 0.0
        start, context = flow, self.see_context("coarse", context, 2 * width)
        for _ in range(config["coarse_rounds"]):
            seen = compare.read(flow) if guided else self._read_around(tables, flow, near) * 0.25
            hidden, flow, visible = self._refine("coarse", context, seen, hidden, flow, visible, trust, 2 * width)

        # a given motion has more detail than the coarse one, so only the change of that is passed on
        flow = self.shrink(given, 2) * 0.5 + 2 * self.double(flow - start) if guided else 2 * self.double(flow)
        visible, trust = self.double(visible), self.double(trust)
        hidden = self.double(self.convolve("hand_down", hidden, 1))
        reach = GUIDED_FINE_REACH if guided else FINE_REACH
        compare = _Comparison(self, fine_mark, width // 2, small, fine_grid, reach, _TILE)
        for _ in range(config["fine_rounds"]):
            seen = compare.read(flow)
            hidden, flow, visible = self._refine("fine", fine_context, seen, hidden, flow, visible, trust, width)

        front, mask = self.convolve("order", hidden), self.convolve("outline", hidden)
        fine = 2 * self.upsample_convexly(flow, mask, 2)  # (2, 2, 2h, 2w)
        if guided:
            kept = op("DepthToSpace", self.sigmoid(self.convolve("keep", hidden)), blocksize=2, mode="CRD")
            detail = given - 2 * self.double(self.shrink(given, 2) * 0.5)
            fine = fine + kept * detail
        else:
            agreement = half_grid.agreement(given, HELPING_GAP)
            fine = agreement * given + (1 - agreement) * fine
            flow = self.shrink(fine, 2) * 0.5
        features = self.convolve("content", self.join(quarter, hidden), 1)
        return [flow, fine, visible, front, features]

    def _join(self, eighth: Value, wide: Value) -> Value:
        """As `Encoder.join_both`."""
        if self.config["guided"]:
            wide = self.activate(wide)
            for k in range(2):
                wide = self.residual(f"encoder.around.{k}", wide)
        else:
            wide = self._attend(wide)
        joined = self.activate(self.convolve("encoder.join.0", self.join(eighth, self.double(wide))))
        return self.residual("encoder.join.1", joined)

    def _attend(self, wide: Value) -> Value:
        channels, heads = 2 * self.config["width"], self.config["heads"]
        height, width = self.sides(wide)
        tokens = self.turn(self.shape(wide, 2, channels, -1), 0, 2, 1)  # (2, L, C)
        angles = self._rotary_angles(Grid(self, wide), channels // heads)
        for number in range(2 * self.config["layers"]):
            name = f"encoder.attention.{number}"
            others = self.swap(tokens) if number % 2 else tokens
            asked, offered = self._layer_norm(f"{name}.ask", tokens), self._layer_norm(f"{name}.offer", others)
            query, key, value = (
                self.turn(self.shape(self._linear(f"{name}.{part}", source), 2, -1, heads, channels // heads), *order)
                for part, source, order in (
                    ("query", asked, (0, 2, 1, 3)), ("key", offered, (0, 2, 1, 3)), ("value", offered, (0, 2, 1, 3)),
                )
            )  # fmt: skip
            query, key = (self._rotate(part, angles, channels // heads) for part in (query, key))
            scores = query @ self.turn(key, 0, 1, 3, 2) * (1 / sqrt(channels // heads))
            heard = self.turn(self.op("Softmax", scores, axis=3) @ value, 0, 2, 1, 3)
            tokens = tokens + self._linear(f"{name}.give", self.shape(heard, 2, -1, channels))
            thought = self._linear(f"{name}.enter", self._layer_norm(f"{name}.norm", tokens))
            thought = thought * (self.op("Erf", thought * (1 / sqrt(2))) + 1.0) * 0.5  # GELU
            tokens = tokens + self._linear(f"{name}.leave", thought)
        return self.shape(self.turn(tokens, 0, 2, 1), 2, channels, height, width)

    def _layer_norm(self, name: str, value: Value) -> Value:
        return self.normalise(value, 2 * self.config["width"]) * self.graph.weight(
            f"{name}.weight"
        ) + self.graph.weight(f"{name}.bias")

    def _linear(self, name: str, value: Value) -> Value:
        return value @ self.turn(self.graph.weight(f"{name}.weight"), 1, 0) + self.graph.weight(f"{name}.bias")

    def _rotary_angles(self, grid: Grid, channels: int) -> tuple[Value, Value]:
        """Cosines and sines, (L, channels / 2) each."""
        each = channels // 4
        periods = np.power(16.0, np.linspace(0, 1, each)) * 6.25 if each > 1 else np.array([6.25])
        frequencies = (2 * pi / periods).astype(np.float32)
        turned = self.op("Unsqueeze", grid.xy, [3]) * frequencies  # (h, w, 2, each)
        angles = self.shape(turned, -1, 2 * each)
        return self.op("Cos", angles), self.op("Sin", angles)

    def _rotate(self, heads: Value, angles: tuple[Value, Value], channels: int) -> Value:
        first, second = self.cut(heads, 0, channels // 2, 3), self.cut(heads, channels // 2, channels, 3)
        cosine, sine = angles
        return self.join(first * cosine - second * sine, first * sine + second * cosine, axis=3)

    def _match(self, eighth: Value, grid: Grid) -> tuple[Value, Value, Value]:
        """The scores as tables (2, hw, hw), the best matches (2, 2, h, w) in cells, and their weight (2, 1, h, w)."""
        channels = 2 * self.config["width"]
        marks = self.shape(self.convolve("mark", eighth, 1), 2, channels, -1)
        marks = self.normalise(self.turn(marks, 0, 2, 1), channels)  # (2, hw, C)
        early, late = self.cut(marks, 0, 1, 0), self.cut(marks, 1, 2, 0)
        scale = self.op("Exp", self.graph.weight("sharpness")) * (1 / sqrt(channels))
        scores = early * scale @ self.turn(late, 0, 2, 1)
        tables = self.join(scores, self.turn(scores, 0, 2, 1), axis=0)  # (2, hw, hw)
        flow, belief = self._best_matches(tables, grid)
        return tables, flow, belief * grid.agreement(flow, CELL_GAP)

    def _best_matches(self, tables: Value, grid: Grid) -> tuple[Value, Value]:
        op, none = self.op, self.graph.weight("none")
        top = op("ReduceMax", tables, axes=[2])  # (2, hw, 1)
        whole = top + op("Log", op("ReduceSum", op("Exp", tables - top), [2], keepdims=1))
        more = op("Max", whole, none)
        whole = more + op("Log", 1 + op("Exp", -op("Abs", whole - none)))
        best = op("ArgMax", tables, axis=2, keepdims=1)  # (2, hw, 1) int64
        row = op("Div", best, grid.width)
        column = best - row * grid.width
        reach = np.arange(-MATCH_REACH, MATCH_REACH + 1, dtype=np.int64)
        across = len(reach)
        rows, columns = row + np.repeat(reach, across), column + np.tile(reach, across)  # (2, hw, 25)
        inside = op(
            "And",
            op("And", self._not_below(rows), op("Less", rows, grid.height)),
            op("And", self._not_below(columns), op("Less", columns, grid.width)),
        )
        one = np.array([1], np.int64)
        zero = np.array([0], np.int64)
        index = op("Max", op("Min", rows, grid.height - one), zero) * grid.width + op(
            "Max", op("Min", columns, grid.width - one), zero
        )
        near = op("GatherElements", tables, index, axis=2)  # (2, hw, 25)
        belief = op("Exp", near - whole) * op("Cast", inside, to=1)
        mass = op("ReduceSum", belief, [2], keepdims=1)  # (2, hw, 1)
        safe = self.clip(mass, 1e-12, None)
        x, y = (op("ReduceSum", belief * op("Cast", parts, to=1), [2], keepdims=1) / safe for parts in (columns, rows))
        places = self.shape(self.turn(self.join(x, y, axis=2), 0, 2, 1), 2, 2, grid.height, grid.width)
        return places - grid.places, self.shape(self.turn(mass, 0, 2, 1), 2, 1, grid.height, grid.width)

    def _not_below(self, value: Value) -> Value:
        return self.op("GreaterOrEqual", value, np.array(0, np.int64))

    def _open_gate(self, eighth: Value, flow: Value, gate: Value, grid: Grid) -> Value:
        """As `MotionNetwork._open_gate`."""
        op, width = self.op, self.config["width"]
        trust = self.shrink(gate, 2) + 1e-4  # (2, 1, h/2, w/2)
        motion = self.shrink(flow * (gate + 1e-4), 2) / trust
        marks = self.normalise(self.turn(self.convolve("relate", eighth, 1), 0, 2, 3, 1), width)  # (2, h, w, C)
        query = self.shape(marks, 2, -1, width)  # (2, hw, C)
        key = self.shape(self.shrink(self.turn(marks, 0, 3, 1, 2), 2), 2, width, -1)  # (2, C, L)
        places = self.shape(grid.places, 2, -1)
        centres = self.shape(self.shrink(grid.places, 2), 2, -1)
        gaps = op("Unsqueeze", places, [2]) - op("Unsqueeze", centres, [1])  # (2, hw, L)
        away = op("Sqrt", op("ReduceSum", gaps * gaps, [0], keepdims=1))  # (1, hw, L)
        weights = query * (1 / sqrt(width)) @ key - op("Softplus", self.graph.weight("nearness")) * away
        weights = op("Softmax", weights + self.shape(op("Log", trust), 2, 1, -1), axis=2)  # (2, hw, L)
        related = weights @ self.turn(self.shape(motion, 2, 2, -1), 0, 2, 1)  # (2, hw, 2)
        related = self.shape(self.turn(related, 0, 2, 1), 2, 2, grid.height, grid.width)
        return gate * flow + (1 - gate) * related

    def _read_around(self, tables: Value, flow: Value, grid: Grid) -> Value:
        """As `models.correlation.read_scores_around`: (2, 81, h, w)."""
        side = 2 * COARSE_REACH + 1
        steps = np.arange(side, dtype=np.float32) - COARSE_REACH
        around = np.dstack(np.meshgrid(steps, steps)).reshape(1, side * side, 2)  # (x, y)
        centres = self.shape(self.turn(grid.places + flow, 0, 2, 3, 1), -1, 2)  # (2hw, 2)
        # every place is a centre and a step; a matrix repeats the centres, as sums over rows of two numbers are slow
        repeat = np.tile(np.eye(2, dtype=np.float32), (1, side * side))
        places = (centres * 2.0 + 1.0) / grid.size @ repeat + self.shape(around * 2.0 / grid.size - 1.0, 1, -1)
        places = self.shape(places, -1, side, side, 2)
        maps = self.shape(tables, -1, 1, grid.height, grid.width)
        read = self.op("GridSample", maps, places, mode="bilinear", padding_mode="zeros", align_corners=0)
        return self.turn(self.shape(read, 2, grid.height, grid.width, side * side), 0, 3, 1, 2)

    def _refine(
        self, name: str, context: Value, seen: Value, hidden: Value, flow: Value, visible: Value, trust: Value,
        channels: int,
    ) -> tuple[Value, Value, Value]:  # fmt: skip
        """A round of refinement: the new hidden state, flow and visibility; `context` is that of `see_context`."""
        looked = self.activate(self.convolve(f"{name}.look", seen, 1))
        weight = self.graph.weight(f"{name}.enter.weight")
        # the few channels of the motion apart: whole blocks of 16 channels are convolved without copying the values
        known = self.join(flow * (1 / 16), visible * 0.25, trust)
        wide = self.apply(self.cut(weight, channels, 3 * channels, 1), None, self.join(looked, hidden))
        hidden = wide + self.apply(self.cut(weight, 3 * channels, 2**31, 1), None, known) + context
        hidden = self.residual(f"{name}.think", self.activate(hidden))
        predicted = self.convolve(f"{name}.tell", hidden)
        change = self.cut(predicted, 0, 2, 1)
        if self.config["guided"]:
            change = GUIDED_STEP * self.op("Tanh", change * (1 / GUIDED_STEP))
        return hidden, flow + change, visible + self.cut(predicted, 2, 3, 1)


class _Comparison:
    """As `models.correlation.prepare_comparison`."""

    def __init__(
        self, layers: Layers, marks: Value, channels: int, small: Value, grid: Grid, reach: int, tile: int
    ) -> None:
        self._layers, self._grid, self._reach, self._tile = layers, grid, reach, tile
        self._channels = channels
        self._own = layers.normalise(layers.turn(marks, 0, 2, 3, 1), channels)  # (2, h, w, C)
        small = layers.turn(small, 0, 2, 3, 1)
        self._others = layers.join(layers.swap(self._own), layers.swap(small), axis=3)  # (2, h, w, C + 3)
        self._small = small
        tile, side = self._tile, self._tile + 2 * reach
        op, height, width = layers.op, grid.height, grid.width
        own = layers.shape(self._own, 2, -1, tile, op("Div", width, [tile]), tile, channels)  # (2, h', T, w', T, C)
        self._tiles = layers.shape(layers.turn(own, 0, 1, 3, 5, 2, 4), -1, channels, tile * tile)  # (2h'w', C, T²)
        steps = np.arange(side, dtype=np.int64)
        zero, stride = np.array(0, np.int64), np.array(tile, np.int64)
        self._rows, self._columns = (
            op("Unsqueeze", op("Range", zero, op("Squeeze", length, [0]), stride), [1]) + steps
            for length in (height, width)
        )

    def read(self, flow: Value) -> Value:
        """Flow (2, 2, h, w) in cells to scores and differences of colours, (2, (2 reach + 1)² + 3, h, w)."""
        layers, op, grid, reach, tile = self._layers, self._layers.op, self._grid, self._reach, self._tile
        side, around = tile + 2 * reach, 2 * reach + 1
        there = grid.warp_rows(self._others, flow)
        marks, colours = layers.cut(there, 0, self._channels, 3), layers.cut(there, self._channels, 2**31, 3)
        padded = op("Pad", marks, [0, reach, reach, 0, 0, reach, reach, 0])  # (2, h + 2r, w + 2r, C)
        windows = op("Gather", op("Gather", padded, self._rows, axis=1), self._columns, axis=3)  # (2, h', S, w', S, C)
        windows = layers.shape(layers.turn(windows, 0, 1, 3, 2, 4, 5), -1, side * side, self._channels)
        products = windows @ self._tiles * (1 / self._channels)  # (2h'w', S², T²)
        # of all pairs of a cell of the tile and a cell of the window, those within reach
        y, x, v, u = np.meshgrid(*(np.arange(n) for n in (around, around, tile, tile)), indexing="ij")
        index = ((y + v) * side + x + u) * tile * tile + v * tile + u
        picked = op("Gather", layers.shape(products, -1, (side * tile) ** 2), index.ravel().astype(np.int64), axis=1)
        down, across = op("Div", grid.height, [tile]), op("Div", grid.width, [tile])
        scores = layers.shape(picked, 2, down, across, around * around, tile, tile)
        scores = layers.shape(layers.turn(scores, 0, 3, 1, 4, 2, 5), 2, around * around, grid.height, grid.width)
        return layers.join(scores, layers.turn(op("Abs", self._small - colours), 0, 3, 1, 2))


def _write_find_way(name: str, config: Mapping[str, Any], weights: Mapping[str, Array]) -> Graph:
    graph = Graph(name, weights)
    drawing = config["drawing"]
    channels = {"flow": 2, "visible": 1, "front": 1, "features": drawing, "small": 3}
    parts = {name: graph.input(name, [2, count, *_SIDES[4]]) for name, count in channels.items()}
    t = graph.input("t", [1])
    shift, claim = _WayFinder(graph, config).find(t, **parts)
    graph.output("shift", shift, [2, 2, *_SIDES[2]])
    graph.output("claim", claim, [2, 1, *_SIDES[2]])
    return graph


class _WayFinder(Layers):
    """Writes the third step."""

    def find(
        self, t: Value, *, flow: Value, visible: Value, front: Value, features: Value, small: Value
    ) -> tuple[Value, Value]:
        op = self.op
        grid = Grid(self, flow)
        passed = self.shape(self.join(t, 1 - t, axis=0), 2, 1, 1, 1)  # time from the own key frame
        seen_there = self.sigmoid(visible)
        weight = op("Exp", self.clip(front, -6.0, 6.0)) * (seen_there + 0.02)
        sums, arrived = self._splat(self.join(flow, seen_there), flow * passed, weight, grid)
        # both directions as forward motion over the whole interval, so that they can be added
        way = np.array([1, -1], np.float32).reshape(2, 1, 1, 1)
        signs = np.ones((2, 3, 1, 1), np.float32)
        signs[1, :2] = -1
        sums = sums * signs
        total, amount = (op("ReduceSum", part, [0], keepdims=1) for part in (sums, arrived))
        either = self._fill_holes(total / (amount + 1e-6), self.clip(amount, None, 1.0) + 1e-5)
        there = self.clip(4 * arrived, None, 1.0)
        mean = sums / (arrived + 1e-6) * there + either * (1 - there)  # (2, 3, h, w)
        shift, visible = self.cut(mean, 0, 2, 1) * (-(passed * way)), self.cut(mean, 2, 3, 1)
        warped = grid.warp_rows(self.turn(self.join(features, small), 0, 2, 3, 1), shift)
        warped = self.turn(warped, 0, 3, 1, 2)
        state = self.join(shift * (1 / 16), there, visible, visible * 0.0 + passed)  # (2, 5, h, w)
        seen = self.join(warped, self.swap(warped), state, self.swap(state))
        painted = self.activate(self.convolve("painter.enter", seen))
        for k in range(2):
            painted = self.residual(f"painter.think.{k}", painted)
        predicted = self.convolve("painter.tell", painted)
        mask = self.convolve("painter.outline", painted, 1)
        claim = self.cut(predicted, 2, 3, 1) + op("Log", 1 - passed)
        claim = claim + op("Log", visible + 0.03) + op("Log", there + 0.1)
        shift = shift + 4 * passed * (1 - passed) * self.cut(predicted, 0, 2, 1)
        finer = self.upsample_convexly(self.join(2 * shift, claim), mask, 3)
        return self.cut(finer, 0, 2, 1), self.cut(finer, 2, 3, 1)

    def _splat(self, values: Value, flow: Value, weight: Value, grid: Grid) -> tuple[Value, Value]:
        """As `models.warping.splat`, for three channels."""
        op = self.op
        laden = self.turn(self.join(values * weight, weight), 0, 2, 3, 1)  # (2, h, w, 4)
        places = self.turn(grid.places + flow, 0, 2, 3, 1)  # (2, h, w, 2)
        one, two, three = (np.array([k], np.int64) for k in (1, 2, 3))
        # a margin of one cell receives the values that fall outside
        places = op("Max", op("Min", places, grid.size), -1.0)
        corner = op("Floor", places)
        low_share = places - corner
        high_share = 1 - low_share
        columns, rows = grid.width + three, grid.height + three
        whole = op("Cast", corner, to=7)  # int64
        left, top = (op("Squeeze", self.cut(whole, k, k + 1, 3), [3]) for k in range(2))  # (2, h, w)
        sample = np.arange(2, dtype=np.int64).reshape(2, 1, 1) * (rows * columns)
        index = sample + (top + one) * columns + left + one
        right, left_share = self.cut(low_share, 0, 1, 3), self.cut(high_share, 0, 1, 3)
        low, top_share = self.cut(low_share, 1, 2, 3), self.cut(high_share, 1, 2, 3)
        indices = self.join(index, index + one, index + columns, index + columns + one, axis=0)
        shares = (left_share * top_share, right * top_share, left_share * low, right * low)
        updates = self.join(*(laden * share for share in shares), axis=0)  # (8, h, w, 4)
        empty = op("ConstantOfShape", self.join(two * rows * columns, self.graph.constant([4]), axis=0))
        sums = op("ScatterND", empty, self.shape(indices, -1, 1), self.shape(updates, -1, 4), reduction="add")
        sums = self.shape(sums, 2, rows, columns, 4)
        sums = op("Slice", sums, [1, 1], [-2, -2], [1, 2])  # (2, h, w, 4)
        sums = self.turn(sums, 0, 3, 1, 2)
        return self.cut(sums, 0, 3, 1), self.cut(sums, 3, 4, 1)

    def _fill_holes(self, values: Value, weight: Value) -> Value:
        """As `models.warping.fill_holes`."""
        op = self.op
        levels = [self.join(values * weight, weight)]  # (1, 4, h, w)
        for _ in range(_LEVELS):
            levels.append(
                op("AveragePool", levels[-1], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, count_include_pad=0)
            )
        split = [(self.cut(level, 0, 3, 1), self.cut(level, 3, 4, 1)) for level in levels]
        sums, weights = split[-1]
        filled = sums / self.clip(weights, 1e-8, None)
        for sums, weights in split[-2::-1]:
            around = op(
                "Resize", filled, None, None, op("Shape", sums), mode="linear",
                coordinate_transformation_mode="half_pixel",
            )  # fmt: skip
            filled = (sums + 1e-3 * around) / (weights + 1e-3)
        return filled


def _write_decide(name: str, config: Mapping[str, Any], weights: Mapping[str, Array]) -> Graph:
    graph = Graph(name, weights)
    claim = graph.input("claim", [2, 1, *_SIDES[2]])
    difference = graph.input("difference", [1, 1, *_SIDES[2]])
    layers = Layers(graph, config)
    apart = layers.cut(claim, 0, 1, 0) - layers.cut(claim, 1, 2, 0)
    disagreement = layers.clip((difference - 0.03) * (1 / 0.05), 0.0, 1.0)
    hard = 1 + graph.op("Softplus", graph.weight("decision")) * disagreement
    graph.output("share", layers.sigmoid(apart * hard), [1, 1, *_SIDES[2]])
    return graph
