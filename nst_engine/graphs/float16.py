"""Stylizers in half precision, for devices that compute faster in it."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nst_engine.graphs.model_bytes import parsed_model, serialized_model

# All else stays in float32: normalisation, whose sums overflow float16 (in ONNX Runtime's kernels, too); what
# turns bytes into numbers and back; and the last activation, where eight bits of mantissa would show as bands.
_IN_HALF = {
    "Add", "AveragePool", "Concat", "Conv", "ConvTranspose", "DepthToSpace", "LeakyRelu", "MaxPool", "Pad", "PRelu",
    "Relu", "Reshape", "Resize", "SpaceToDepth", "Transpose", "Upsample",
}  # fmt: skip
#: Their other inputs are factors and regions, float32 by the standard.
_FIRST_INPUT_ONLY = {"Resize", "Upsample"}


def with_float16(model: bytes) -> bytes:
    """The same model with float16 weights and arithmetic where that is safe; inputs and outputs keep their types.

    Returns:
        ONNX with convolutions, additions and what moves features in float16, and all normalisation in float32.

    Raises:
        ModelChecksumError: Not an ONNX model.
        ModelSpecError: It keeps weights in a second file, or branches.
    """
    proto = parsed_model(model)
    _Halving(proto).run()
    del proto.graph.value_info[:]
    return serialized_model(proto)


class _Halving:
    """Each float value exists in the precision it is computed in, and in the other one on demand."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self._graph = proto.graph
        inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
        self._floats = {
            each.name
            for each in (*inferred.input, *inferred.value_info, *inferred.output)
            if each.type.tensor_type.elem_type == TensorProto.FLOAT
        }
        self._weights = {each.name: each for each in proto.graph.initializer if each.data_type == TensorProto.FLOAT}
        self._floats |= self._weights.keys()
        self._stored_half = {each.name for each in proto.graph.initializer if each.data_type == TensorProto.FLOAT16}
        self._half: dict[str, str] = {}
        self._full: set[str] = self._floats & ({each.name for each in proto.graph.input} | self._weights.keys())
        self._nodes: list[onnx.NodeProto] = []

    def run(self) -> None:
        """Rewrite the graph in place."""
        for node in self._graph.node:
            if node.op_type == "Cast" and node.input[0] in self._stored_half and self._floats.issuperset(node.output):
                self._half[node.output[0]] = node.input[0]  # float32 again on demand
            elif node.op_type in _IN_HALF and self._floats.issuperset(node.output):
                self._halve(node)
            else:
                for name in node.input:
                    self._as_full(name)
                self._nodes.append(node)
                self._full.update(self._floats.intersection(node.output))
        for each in self._graph.output:
            self._as_full(each.name)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        weights = [each for each in self._graph.initializer if each.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(weights)

    def _halve(self, node: onnx.NodeProto) -> None:
        for place, name in enumerate(node.input):
            if name in self._floats and (place == 0 or node.op_type not in _FIRST_INPUT_ONLY):
                node.input[place] = self._as_half(name)
            else:
                self._as_full(name)
        for place, name in enumerate(node.output):
            self._half[name] = node.output[place] = f"{name}.float16"
        self._nodes.append(node)

    def _as_half(self, name: str) -> str:
        if name not in self._half:
            half = self._half[name] = f"{name}.float16"
            if name in self._weights:
                values = numpy_helper.to_array(self._weights[name])
                limit = np.finfo(np.float16).max
                halved = np.clip(values, -limit, limit).astype(np.float16)
                self._graph.initializer.append(numpy_helper.from_array(halved, half))
            else:
                self._nodes.append(helper.make_node("Cast", [name], [half], half, to=TensorProto.FLOAT16))
        return self._half[name]

    def _as_full(self, name: str) -> None:
        if name in self._half and name not in self._full:
            half = self._half[name]
            self._nodes.append(helper.make_node("Cast", [half], [name], f"{name}.float32", to=TensorProto.FLOAT))
            self._full.add(name)
