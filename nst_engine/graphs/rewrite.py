"""Anybody's stylizer made free of a fixed size, or self-contained; without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from nst_engine.errors import ModelSpecError
from nst_engine.graphs.model_bytes import default_opset, parsed_model, serialized_model
from nst_engine.graphs.stylizer_graph import METADATA_KEY, OPSET

_INNER = "network/"
_SIZE_AXES = (2, 3)
# far from the sizes that models are exported with, and multiples of all strides in use
_TRIAL_SIZE = (448, 320)


def with_dynamic_size(model: bytes) -> bytes:
    """A model exported for one height and width, made to take any.

    Args:
        model: ONNX; its pictures are float N x 3 x H x W.

    Raises:
        ModelChecksumError: No ONNX model.
        ModelSpecError: The size is built into it in a way that cannot be undone; the message names the operator.
    """
    proto = parsed_model(model)
    _scale_instead_of_size(proto)
    values = [*proto.graph.input, *proto.graph.output]
    pictures = [value for value in values if len(value.type.tensor_type.shape.dim) == 4]
    # what a built-in size would break is found by inferring the shapes for another one
    for value in pictures:
        _set_size(value, _TRIAL_SIZE)
    _check_trial(proto)
    for value in pictures:
        _set_size(value, ("height", "width"))
    return serialized_model(proto)


def self_contained(model: bytes, spec: Mapping[str, Any]) -> bytes:
    """The model with everything that happens to pictures before and after it inside the graph.

    Args:
        model: ONNX, float32 N x 3 x H x W in and out.
        spec: What it takes, as in `nst_engine.models.ModelSpec`; keys left out have the defaults there.

    Returns:
        `image` uint8 N x H x W x 3, RGB, in; the model's output of the same kind out: grown by reflection to what the
        model takes and cropped again, scaled, rounded half to even, clamped; NaN becomes 0.

    Raises:
        ModelChecksumError: No ONNX model.
        ModelSpecError: It cannot be wrapped.
    """
    proto = _at_least_opset(parsed_model(model), OPSET)
    pictures = [value.name for value in proto.graph.input if len(value.type.tensor_type.shape.dim) == 4]
    others = [value for value in proto.graph.input if value.name not in pictures]
    if len(pictures) != 1 or len(proto.graph.output) != 1 or spec.get("dtype", "float32") != "float32":
        raise ModelSpecError("one float32 picture in and one out were wanted; this model has others")
    inner = onnx.compose.add_prefix(proto, _INNER)
    wrapper = _Wrapper(spec)
    wrapper.before("image", _INNER + pictures[0])
    for value in others:
        wrapper.node("Identity", [value.name], _INNER + value.name)
    nodes = [*wrapper.nodes, *inner.graph.node]
    wrapper.nodes.clear()
    painted = _INNER + proto.graph.output[0].name
    wrapper.after(painted, "stylized_image")
    shape = ("batch", "height", "width", 3)
    wrapped = helper.make_model(
        helper.make_graph(
            [*nodes, *wrapper.nodes],
            "self_contained_stylizer",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, shape), *others],
            [helper.make_tensor_value_info("stylized_image", TensorProto.UINT8, shape)],
            [*inner.graph.initializer, *wrapper.initializers],
        ),
        opset_imports=list(proto.opset_import),
        ir_version=max(proto.ir_version, 9),
        producer_name="nst-engine",
    )
    told = {"value_range": [0, 255], "mean": [0, 0, 0], "std": [1, 1, 1], "pad_multiple": 1, "min_side_px": 1}
    told |= {"layout": "nhwc", "dtype": "uint8", "channel_order": "rgb"}
    helper.set_model_props(wrapped, {METADATA_KEY: json.dumps({**spec, **told})})
    return serialized_model(wrapped)


def _scale_instead_of_size(proto: onnx.ModelProto) -> None:
    """Resize to constant sizes becomes resize by the factor that this was for the exported size."""
    known = _known_shapes(proto)
    constants = _constants(proto)
    for node in proto.graph.node:
        if node.op_type != "Resize" or len(node.input) < 4 or not node.input[3]:
            continue
        sizes, before = constants.get(node.input[3]), known.get(node.input[0])
        if sizes is None or before is None or len(before) != len(sizes):
            continue
        name = f"{node.output[0]}/scales"
        factors = np.array([after / old for after, old in zip(sizes.tolist(), before, strict=True)], np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(factors, name))
        inputs = [node.input[0], node.input[1], name]
        del node.input[:]
        node.input.extend(inputs)


def _check_trial(proto: onnx.ModelProto) -> None:
    del proto.graph.value_info[:]
    wanted = [*_TRIAL_SIZE]
    advice = "export it with dynamic axes for height and width"
    try:
        inferred = shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError as broken:
        raise ModelSpecError(
            f"the model takes one size of picture only, and it is built in ({str(broken).splitlines()[0][:200]}); "
            f"{advice}"
        ) from broken
    constants = _constants(proto)
    for node in inferred.graph.node:
        if node.op_type in ("Reshape", "Expand") and _builds_in_size(constants.get(node.input[1])):
            raise ModelSpecError(f"{node.op_type} {node.name!r} builds the size of the picture in; {advice}")
    for value in inferred.graph.output:
        found = [value.type.tensor_type.shape.dim[axis].dim_value for axis in _SIZE_AXES]
        if found != wanted and any(found):
            raise ModelSpecError(
                f"the model turns {wanted[1]}x{wanted[0]} px into {found[1]}x{found[0]}: its size is built in; {advice}"
            )


def _builds_in_size(shape: np.ndarray[Any, Any] | None) -> bool:
    return shape is not None and shape.size == 4 and all(int(shape[axis]) > 1 for axis in _SIZE_AXES)


def _known_shapes(proto: onnx.ModelProto) -> dict[str, list[int]]:
    inferred = shape_inference.infer_shapes(proto)
    values = [*inferred.graph.input, *inferred.graph.value_info]
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}
    return {name: shape for name, shape in shapes.items() if shape and all(shape)}


def _constants(proto: onnx.ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Constant":
            for each in node.attribute:
                if each.name == "value":
                    found[node.output[0]] = numpy_helper.to_array(each.t)
    return found


def _set_size(value: onnx.ValueInfoProto, size: tuple[int | str, int | str]) -> None:
    for axis, side in zip(_SIZE_AXES, size, strict=True):
        dimension = value.type.tensor_type.shape.dim[axis]
        if isinstance(side, int):
            dimension.dim_value = side
        else:
            dimension.dim_param = side


def _at_least_opset(proto: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    if default_opset(proto) >= opset:
        return proto
    try:
        return onnx.version_converter.convert_version(proto, opset)
    # the converter raises what its adapters do
    except Exception as unable:
        raise ModelSpecError(
            f"the model is written in ONNX's operator set {default_opset(proto)}, which cannot be converted to {opset} "
            f"({str(unable).splitlines()[0][:160]}); export it anew"
        ) from unable


class _Wrapper:
    """Nodes around a network."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        low, high = spec.get("value_range", (0.0, 1.0))
        mean, std = np.array(spec.get("mean", (0, 0, 0))), np.array(spec.get("std", (1, 1, 1)))
        self._is_bgr = spec.get("channel_order", "rgb") == "bgr"
        self._multiple, self._smallest = int(spec.get("pad_multiple", 1)), int(spec.get("min_side_px", 16))
        # level -> (low + level (high - low) / 255 - mean) / std
        self._scale_in, self._shift_in = (high - low) / 255 / std, (low - mean) / std
        self._scale_out, self._shift_out = 255 / (high - low), -low * 255 / (high - low)

    def before(self, image: str, network_input: str) -> None:
        """uint8 N x H x W x 3 to what the network takes."""
        x = image
        for axis, side in ((1, "height"), (2, "width")):
            x = self.node("Gather", [x, self._reflection(image, axis, side)], f"grown_{side}", axis=axis)
        x = self.node("Cast", [x], "levels", to=TensorProto.FLOAT)
        x = self.node("Transpose", [x], "planes", perm=[0, 3, 1, 2])
        if self._is_bgr:
            x = self.node("Gather", [x, self._constant("reverse", np.array([2, 1, 0]))], "bgr", axis=1)
        scale, shift = (value.astype(np.float32).reshape(1, 3, 1, 1) for value in (self._scale_in, self._shift_in))
        x = self.node("Mul", [x, self._constant("scale_in", scale)], "scaled")
        self.node("Add", [x, self._constant("shift_in", shift)], network_input)

    def after(self, painted: str, image: str) -> None:
        """What the network returns to uint8 N x H x W x 3."""
        ends = [self.node("Identity", [f"{side}_given"], f"{side}_end") for side in ("height", "width")]
        end = self.node("Concat", ends, "size_given", axis=0)
        x = self.node("Slice", [painted, self._constant("zeros", np.zeros(2, np.int64)), end, self._axes()], "cropped")
        if self._is_bgr:
            x = self.node("Gather", [x, "reverse"], "rgb", axis=1)
        x = self.node("Mul", [x, self._constant("scale_out", np.float32(self._scale_out))], "unscaled")
        x = self.node("Add", [x, self._constant("shift_out", np.float32(self._shift_out))], "unclamped")
        is_nan = self.node("IsNaN", [x], "is_nan")
        x = self.node("Where", [is_nan, self._constant("nothing", np.float32(0)), x], "numbers")
        x = self.node("Clip", [x, "nothing", self._constant("white", np.float32(255))], "clamped")
        x = self.node("Round", [x], "rounded")
        x = self.node("Cast", [x], "bytes", to=TensorProto.UINT8)
        self.node("Transpose", [x], image, perm=[0, 2, 3, 1])

    def _reflection(self, image: str, axis: int, side: str) -> str:
        """Indices that grow a side by reflection, to and fro where it is small: min(i mod p, p - i mod p)."""
        length = self.node("Shape", [image], f"{side}_given", start=axis, end=axis + 1)
        one, two = self._constant("one", np.array([1])), self._constant("two", np.array([2]))
        at_least = self.node("Max", [length, self._constant("smallest", np.array([self._smallest]))], f"{side}_least")
        multiple = self._constant("multiple", np.array([self._multiple]))
        below = self._constant("below", np.array([self._multiple - 1]))
        parts = self.node("Div", [self.node("Add", [at_least, below], f"{side}_over"), multiple], f"{side}_parts")
        grown = self.node("Squeeze", [self.node("Mul", [parts, multiple], f"{side}_grown")], f"{side}_count")
        start, step = self._constant("start", np.array(0)), self._constant("step", np.array(1))
        indices = self.node("Range", [start, grown, step], f"{side}_indices")
        span = self.node("Mul", [self.node("Sub", [length, one], f"{side}_last"), two], f"{side}_span")
        period = self.node("Max", [span, one], f"{side}_period")
        there = self.node("Mod", [indices, period], f"{side}_there")
        return self.node("Min", [there, self.node("Sub", [period, there], f"{side}_back")], f"{side}_source")

    def _axes(self) -> str:
        return self._constant("axes", np.array(_SIZE_AXES))

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Append a node; returns its output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, value: Any) -> str:
        if name not in {tensor.name for tensor in self.initializers}:
            self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name
