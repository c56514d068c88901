"""Graphs of our own networks, written node by node; their weights in few bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[np.float32]]
#: Of the filters in a file; all else is kept in half precision.
StoredBits = Literal[8, 16]

#: How the names end of the weights that 8 bits are enough for, and what is appended to the names of their steps.
IN_8_BITS, STEP = (".weight", ".basis"), ".step"


def in_8_bits(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight as whole numbers from -127 to 127 of a step, and the steps: one per output channel."""
    # matrices of a basis are b x o x i, kernels o x i x 3 x 3, layers o x i: what follows the outputs shares a step
    axes = tuple(range(2 if weight.ndim == 3 else 1, weight.ndim))
    largest = np.abs(weight).max(axes, keepdims=True)
    step = (np.maximum(largest, np.finfo(np.float16).tiny) / 127).astype(np.float32)
    return np.rint(weight / step).astype(np.int8), step


class GraphWriter:
    """Nodes and initialisers in the making; values are named after what makes them.

    Args:
        weights: float32, by name.
        bits: Of the filters among them.
    """

    def __init__(self, weights: Weights, bits: StoredBits) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._weights, self._bits = weights, bits

    def _node(self, operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def _reshaped(self, x: str, name: str, shape: Sequence[int]) -> str:
        return self._node("Reshape", name, x, self._constant(f"shape_{'x'.join(map(str, shape))}", shape))

    def _constant(self, name: str, values: Sequence[int]) -> str:
        return self._kept(name, np.array(values, np.int64))

    def _number(self, name: str, value: float) -> str:
        return self._kept(name, np.array(value, np.float32))

    def _stored(self, name: str) -> str:
        """A weight, kept in few bits under the network's own name; returns the name of its floats."""
        if self._bits == 8 and name.endswith(IN_8_BITS):
            levels, step = in_8_bits(self._weights[name])
            cast = self._node("Cast", f"{name}.levels", self._kept(name, levels), to=TensorProto.FLOAT)
            return self._node("Mul", f"{name}.float", cast, self._kept(name + STEP, step))
        weight = self._kept(name, np.asarray(self._weights[name], np.float16))
        return self._node("Cast", f"{name}.float", weight, to=TensorProto.FLOAT)

    def _kept(self, name: str, values: NDArray[Any]) -> str:
        """An initialiser, kept once."""
        if name not in {tensor.name for tensor in self.initializers}:
            self.initializers.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name
