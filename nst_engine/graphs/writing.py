"""Writes the graphs of our networks node by node, with their weights in few bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[np.float32]]
#: Version of the standard operators.
OPSET = 18
#: Of the filters in a file; all else of stylizers is kept in half precision.
StoredBits = Literal[8, 16]

#: Suffixes of the names of weights that are stored in 8 bits, and the suffix of their scales' names.
IN_8_BITS, STEP = (".weight", ".basis"), ".step"


def in_8_bits(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight as whole numbers from -127 to 127 of a step, and the steps: one per output channel, or basis matrix."""
    axes = tuple(range(1, weight.ndim))
    largest = np.abs(weight).max(axes, keepdims=True)
    step = (np.maximum(largest, np.finfo(np.float16).tiny) / 127).astype(np.float32)
    return np.rint(weight / step).astype(np.int8), step


class GraphWriter:
    """Collects nodes and initialisers; values are named after their nodes.

    Args:
        weights: float32, by name.
        bits: Of the filters among them.
    """

    def __init__(self, weights: Weights, bits: StoredBits) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._weights, self._bits = weights, bits

    def model(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto], **metadata: str
    ) -> onnx.ModelProto:
        """The checked model of all nodes so far."""
        model = helper.make_model(
            helper.make_graph(self.nodes, name, inputs, outputs, self.initializers),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=9,
            producer_name="nst-engine",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model

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
        if self._is_in_8_bits(name):
            return self._node("Mul", f"{name}.float", *self._levels(name))
        weight = self._kept(name, np.asarray(self._weights[name], np.float16))
        return self._node("Cast", f"{name}.float", weight, to=TensorProto.FLOAT)

    def _is_in_8_bits(self, name: str) -> bool:
        return self._bits == 8 and name.endswith(IN_8_BITS)

    def _levels(self, name: str) -> tuple[str, str]:
        """A weight in 8 bits as floats that are whole numbers, and the name of its steps.

        What is multiplied as matrices takes these, and the steps are applied to what goes in or comes out: OpenVINO
        2026.4 computes something else, or fails, where reshaped levels meet their steps before a MatMul.
        """
        levels, step = in_8_bits(self._weights[name])
        cast = self._node("Cast", f"{name}.levels", self._kept(name, levels), to=TensorProto.FLOAT)
        return cast, self._kept(name + STEP, step)

    def _kept(self, name: str, values: NDArray[Any]) -> str:
        """An initialiser, kept once."""
        if name not in {tensor.name for tensor in self.initializers}:
            self.initializers.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name
