"""Writes ONNX graphs in Python's arithmetic: a `Value` is a node's output, and operators on it add nodes.

Only this package imports `onnx`, which is part of the extra "export": drawing needs the finished graphs alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 16
"""The operators' version: the first with GridSample, and the last that every execution provider of ours takes."""
_IR_VERSION = 8  # of the file, as it came with the operators' version

Array = NDArray[Any]
Number = Union["Value", Array, float, int]


class Value:
    """A tensor of a graph."""

    __array_ufunc__ = None  # arrays on the left leave the operation to it

    def __init__(self, graph: "Graph", name: str) -> None:
        """Takes a name that the graph knows."""
        self.graph, self.name = graph, name

    def __add__(self, other: Number) -> "Value":
        return self.graph.op("Add", self, other)

    def __radd__(self, other: Number) -> "Value":
        return self.graph.op("Add", other, self)

    def __sub__(self, other: Number) -> "Value":
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: Number) -> "Value":
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Number) -> "Value":
        return self.graph.op("Mul", self, other)

    def __rmul__(self, other: Number) -> "Value":
        return self.graph.op("Mul", other, self)

    def __truediv__(self, other: Number) -> "Value":
        return self.graph.op("Div", self, other)

    def __rtruediv__(self, other: Number) -> "Value":
        return self.graph.op("Div", other, self)

    def __matmul__(self, other: Number) -> "Value":
        return self.graph.op("MatMul", self, other)

    def __neg__(self) -> "Value":
        return self.graph.op("Neg", self)


class Graph:
    """A graph that is being written."""

    def __init__(self, name: str, weights: Mapping[str, Array]) -> None:
        """Starts an empty graph.

        Args:
            name: the graph's name.
            weights: the network's parameters by their names in a checkpoint, float32.
        """
        self._name, self._weights = name, weights
        self._nodes: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: dict[str, Array] = {}
        self._used: dict[str, Array] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str]) -> Value:
        """Adds an input, float32; text in its shape names a side of any length."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return Value(self, name)

    def output(self, name: str, value: Value, shape: Sequence[int | str]) -> None:
        """Makes a value an output."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def weight(self, name: str) -> Value:
        """A parameter of the network."""
        self._used[name] = self._weights[name]
        return Value(self, name)

    def constant(self, value: Array | Sequence[int] | float, kind: Any = None) -> Value:
        """A constant; numbers without a type become float32, and lists of whole numbers int64."""
        if kind is None:
            kind = value.dtype if isinstance(value, np.ndarray) else np.int64 if isinstance(value, list) else np.float32
        array = np.asarray(value, kind)
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = f"constant.{len(self._constants)}"
            self._initializers[self._constants[key]] = array
        return Value(self, self._constants[key])

    def op(self, kind: str, *inputs: Number | Sequence[int] | None, **attributes: Any) -> Value:
        """Adds a node with one output; None leaves an optional input out."""
        return self.ops(kind, *inputs, count=1, **attributes)[0]

    def ops(self, kind: str, *inputs: Number | Sequence[int] | None, count: int, **attributes: Any) -> list[Value]:
        """Adds a node with `count` outputs."""
        names = [
            "" if part is None else part.name if isinstance(part, Value) else self.constant(part).name
            for part in inputs
        ]
        while names and not names[-1]:
            names.pop()  # ONNX Runtime takes a bias without a name for one that it does not know
        number = len(self._nodes)
        outputs = [f"{kind}.{number}" + (f".{k}" if k else "") for k in range(count)]
        self._nodes.append(helper.make_node(kind, names, outputs, f"{kind}.{number}", **attributes))
        return [Value(self, name) for name in outputs]

    def finish(self, *, with_weights: bool) -> Any:
        """Makes the model.

        Args:
            with_weights: whether it holds the network's parameters. Otherwise it names them only, and who runs it gives
                them to the session (`SessionOptions.add_external_initializers`).
        """
        initializers = [numpy_helper.from_array(array, name) for name, array in self._initializers.items()]
        for name, array in self._used.items():
            if with_weights:
                initializers.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
                continue
            named = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape)
            named.data_location = TensorProto.EXTERNAL
            named.external_data.add(key="location", value="weights")
            initializers.append(named)
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, initializers)
        opsets = [helper.make_operatorsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="animi", ir_version=_IR_VERSION)
        if with_weights:
            onnx.checker.check_model(model, full_check=True)
        return model
