"""What the graphs of all steps of a motion network consist of: layers, and grids of cells."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .writing import Graph, Value


class Layers:
    """Writes layers of the network into a graph."""

    def __init__(self, graph: Graph, config: Mapping[str, Any]) -> None:
        self.graph, self.config = graph, config
        self.op = graph.op

    def convolve(self, name: str, value: Value, side: int = 3, stride: int = 1) -> Value:
        """A convolution of the network, with its bias."""
        weight, bias = self.graph.weight(f"{name}.weight"), self.graph.weight(f"{name}.bias")
        return self.apply(weight, bias, value, side, stride)

    def apply(self, weight: Value, bias: Value | None, value: Value, side: int = 3, stride: int = 1) -> Value:
        """A convolution with other weights; the size stays, or is divided by `stride`."""
        return self.op(
            "Conv", value, weight, bias, kernel_shape=[side, side], strides=[stride] * 2, pads=[side // 2] * 4
        )

    def activate(self, value: Value) -> Value:
        """Leaky ReLU."""
        return self.op("LeakyRelu", value, alpha=0.1)

    def residual(self, name: str, value: Value) -> Value:
        """As `models.motion_layers.Residual`."""
        changed = self.convolve(f"{name}.leave", self.activate(self.convolve(f"{name}.enter", value)))
        return self.activate(changed + value)

    def join(self, *values: Value, axis: int = 1) -> Value:
        """Concatenates."""
        return self.op("Concat", *values, axis=axis)

    def cut(self, value: Value, start: int, end: int, axis: int) -> Value:
        """The values from `start` to `end` along an axis."""
        return self.op("Slice", value, [start], [end], [axis])

    def swap(self, value: Value) -> Value:
        """Exchanges the two frames."""
        return self.op("Gather", value, [1, 0], axis=0)

    def turn(self, value: Value, *order: int) -> Value:
        """Transposes."""
        return self.op("Transpose", value, perm=list(order))

    def shape(self, value: Value, *sides: int | Value) -> Value:
        """Reshapes; sides that are values are lengths, (1,) int64."""
        lengths = [side for side in sides if isinstance(side, int)]
        if len(lengths) == len(sides):
            return self.op("Reshape", value, lengths)
        parts = [side if isinstance(side, Value) else self.graph.constant([side]) for side in sides]
        return self.op("Reshape", value, self.op("Concat", *parts, axis=0))

    def sides(self, value: Value) -> tuple[Value, Value]:
        """Height and width of (N, C, H, W), (1,) int64 each."""
        height, width = self.graph.ops("Split", self.op("Shape", value, start=2, end=4), count=2, axis=0)
        return height, width

    def double(self, value: Value) -> Value:
        """Doubles the sides, bilinearly."""
        return self.op(
            "Resize", value, None, np.array([1, 1, 2, 2], np.float32), mode="linear",
            coordinate_transformation_mode="half_pixel",
        )  # fmt: skip

    def shrink(self, value: Value, factor: int) -> Value:
        """Means over squares."""
        return self.op("AveragePool", value, kernel_shape=[factor] * 2, strides=[factor] * 2)

    def normalise(self, value: Value, channels: int) -> Value:
        """Normalises along the last axis, without weights.

        Means are matrix products: the last bit of ReduceMean depends on the number of threads where ONNX Runtime moves
        it to another axis.
        """
        mean = np.full((channels, 1), 1 / channels, np.float32)
        middle = value - value @ mean
        return middle / self.op("Sqrt", (middle * middle) @ mean + 1e-5)

    def sigmoid(self, value: Value) -> Value:
        """Logistic function."""
        return self.op("Sigmoid", value)

    def clip(self, value: Value, least: float | None, most: float | None) -> Value:
        """Limits values; None: no limit."""
        return self.op("Clip", value, least, most)

    def run_blocks(self, name: str, value: Value, stride: int) -> Value:
        """As `models.motion_layers.run_blocks`, for a convolution and two residual blocks."""
        value = self.activate(self.convolve(f"{name}.0", value, stride=stride))
        return self.residual(f"{name}.2", self.residual(f"{name}.1", value))

    def see_context(self, name: str, context: Value, channels: int) -> Value:
        """What all rounds of refinement add for the context, which does not change: its part of their first layer."""
        weight = self.cut(self.graph.weight(f"{name}.enter.weight"), 0, channels, 1)
        return self.apply(weight, self.graph.weight(f"{name}.enter.bias"), context)

    def upsample_convexly(self, value: Value, mask: Value, channels: int) -> Value:
        """As `models.warping.upsample_convexly`."""
        height, width = self.sides(value)
        logits = self.shape(mask, 2, 4, 9, self.graph.constant([-1]))
        shares = self.shape(self.op("Softmax", logits, axis=2), 2, 1, 4, 9, height, width)
        padded = self.op("Pad", value, [0, 0, 1, 1, 0, 0, 1, 1], mode="edge")
        ends = [(0, -2), (1, -1), (2, 2**31)]
        rows = [self.op("Slice", padded, [start], [end], [2]) for start, end in ends]
        around = self.join(
            *(self.op("Slice", row, [start], [end], [3]) for row in rows for start, end in ends), axis=1
        )  # (2, 9 C, h, w), the shift first
        around = self.turn(self.shape(around, 2, 9, channels, height, width), 0, 2, 1, 3, 4)
        finer = self.op("ReduceSum", shares * self.op("Unsqueeze", around, [2]), [3], keepdims=0)  # (2, C, 4, h, w)
        finer = self.shape(finer, 2, 4 * channels, height, width)
        return self.op("DepthToSpace", finer, blocksize=2, mode="CRD")


class Grid:
    """Places of the cells of a grid, and look-up in values on it."""

    def __init__(self, layers: Layers, like: Value) -> None:
        """Makes the grid of a value (N, C, h, w)."""
        self._layers, op = layers, layers.op
        self.height, self.width = layers.sides(like)
        cast = {side: op("Cast", side, to=1) for side in (self.height, self.width)}
        self.size = op("Concat", cast[self.width], cast[self.height], axis=0)  # (2,) float32: width, height
        rows, columns = (
            op("Range", layers.graph.constant(0.0), op("Squeeze", cast[side], [0]), layers.graph.constant(1.0))
            for side in (self.height, self.width)
        )
        both = op("Concat", self.height, self.width, axis=0)
        x = op("Expand", columns, both)
        y = op("Expand", op("Unsqueeze", rows, [1]), both)
        self.xy = op("Concat", op("Unsqueeze", x, [2]), op("Unsqueeze", y, [2]), axis=2)  # (h, w, 2)
        self.places = layers.turn(op("Unsqueeze", self.xy, [0]), 0, 3, 1, 2)  # (1, 2, h, w)
        self._base = (2 * self.xy + 1) / self.size - 1  # (h, w, 2) from -1 to 1, as GridSample takes it
        self._unit = 2.0 / self.size

    def warp(self, values: Value, flow: Value) -> Value:
        """Samples values (2, C, h, w) at p + flow(p); outside, the edge is repeated."""
        moved = self._base + self._layers.turn(flow, 0, 2, 3, 1) * self._unit
        return self._layers.op("GridSample", values, moved, mode="bilinear", padding_mode="border", align_corners=0)

    def warp_rows(self, rows: Value, flow: Value) -> Value:
        """As `warp`, of values and to values whose channels come last, (2, h, w, C): quicker from about 8 channels on.

        GridSample computes every place anew for each channel.
        """
        layers, op = self._layers, self._layers.op
        most = self.size - 1.0
        places = op("Max", op("Min", self.xy + layers.turn(flow, 0, 2, 3, 1), most), 0.0)  # (2, h, w, 2)
        corner = op("Floor", places)
        share = places - corner
        x, y = (op("Squeeze", layers.cut(corner, k, k + 1, 3), [3]) for k in range(2))
        right, low = (op("Min", part + 1.0, layers.cut(most, k, k + 1, 0)) for k, part in enumerate((x, y)))
        width = layers.cut(self.size, 0, 1, 0)
        frame = np.array([0, 1], np.float32).reshape(2, 1, 1) * (width * layers.cut(self.size, 1, 2, 0))
        rows_above, rows_below = frame + y * width, frame + low * width
        places_read = (rows_above + x, rows_above + right, rows_below + x, rows_below + right)
        to_right, to_low = layers.cut(share, 0, 1, 3), layers.cut(share, 1, 2, 3)
        to_left, to_top = 1 - to_right, 1 - to_low
        shares = (to_left * to_top, to_right * to_top, to_left * to_low, to_right * to_low)
        flat = layers.shape(rows, -1, self._channels(rows))
        parts = [
            op("Gather", flat, op("Cast", place, to=6), axis=0) * each
            for place, each in zip(places_read, shares, strict=True)
        ]
        return (parts[0] + parts[1]) + (parts[2] + parts[3])

    def _channels(self, rows: Value) -> Value:
        return self._layers.op("Shape", rows, start=3, end=4)

    def agreement(self, flow: Value, gap: float) -> Value:
        """Consistency of motion forward and back: (2, 1, h, w)."""
        layers = self._layers
        apart = (flow + self.warp(layers.swap(flow), flow)) * (1 / gap)
        return layers.op("Exp", -layers.op("ReduceSum", apart * apart, [1], keepdims=1))
