"""A model computed in float16, for devices that do so faster; pictures stay float32 in and out."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nst_engine.graphs.model_bytes import parsed_model, serialized_model

# sums over the whole picture leave float16's range; factors of sizes are not features
_IN_FLOAT32 = {"InstanceNormalization", "Resize", "Upsample"}


def with_float16(model: bytes) -> bytes:
    """The model with weights and features in float16, except normalisation and resampling.

    Args:
        model: ONNX, float32.

    Raises:
        ModelChecksumError: No ONNX model.
    """
    proto = parsed_model(model)
    graph = proto.graph
    floats = {each.name for each in graph.input if each.type.tensor_type.elem_type == TensorProto.FLOAT}
    outputs = {each.name for each in graph.output}
    kept = {name for node in graph.node if node.op_type in _IN_FLOAT32 for name in node.input[1:]}
    half: set[str] = set()  # values in float16
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in kept:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
            half.add(tensor.name)
    nodes = [helper.make_node("Cast", [name], [f"{name}/half"], to=TensorProto.FLOAT16) for name in sorted(floats)]
    renamed = {name: f"{name}/half" for name in floats}
    half |= set(renamed.values())
    for node in graph.node:
        inputs = [renamed.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
        nodes += _converted(node, half, outputs)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return serialized_model(proto)


def _converted(node: onnx.NodeProto, half: set[str], outputs: set[str]) -> list[onnx.NodeProto]:
    """The node between the casts that it needs; what it returns in float16 is noted in `half`."""
    before, after = [], []
    is_half = any(name in half for name in node.input)
    if node.op_type in _IN_FLOAT32 and is_half:
        for place, name in enumerate(node.input):
            if name in half:
                whole = f"{node.output[0]}/input{place}"
                before.append(helper.make_node("Cast", [name], [whole], to=TensorProto.FLOAT))
                node.input[place] = whole
        (output,) = node.output
        node.output[0] = f"{output}/whole"
        after.append(helper.make_node("Cast", [node.output[0]], [output], to=TensorProto.FLOAT16))
        half.add(output)
    elif is_half and node.op_type != "Shape":
        half.update(node.output)
    for place, name in enumerate(node.output):
        if name in outputs and name in half:
            node.output[place] = f"{name}/half"
            after.append(helper.make_node("Cast", [node.output[place]], [name], to=TensorProto.FLOAT))
    return [*before, node, *after]
