"""Wraps stylizers with their preprocessing and postprocessing: uint8 in, uint8 out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.errors import ModelSpecError
from nst_engine.graphs.model_bytes import default_opset, parsed_model, serialized_model
from nst_engine.models.spec import FORMAT, METADATA_KEY, ModelSpec, parse_spec, spec_defaults
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS, STYLIZED_IMAGE

_OPSET = 13  # Range, and Min and Max of integers, with the axes of Slice and Squeeze where they are today
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
_OF_BYTES = {
    **spec_defaults(),
    "layout": "nhwc",
    "dtype": "uint8",
    "value_range": [0, 255],
    "min_side_px": 1,
}


def self_contained(model: bytes, spec: Mapping[str, Any]) -> bytes:
    """The model with scaling, reflection padding, cropping, clipping and rounding inside; style weights get the sum 1.

    Args:
        model: ONNX with dynamic sides (see `nst_engine.graphs.rewrite.with_dynamic_size`).
        spec: What it takes and returns, with the keys of `nst_engine.models.spec.ModelSpec`.

    Returns:
        ONNX: `image` uint8 N×H×W×3, RGB, to `stylized_image` of the same shape and type, rounded half to even; NaN
        becomes 0. `style_weights` float32 N×styles, of any sum above 0; further inputs as before; N varies as far as
        the model lets it. Its metadata hold the specification of this.

    Raises:
        ModelChecksumError: Not an ONNX model.
        ModelSpecError: The specification cannot be used, or the model has not one picture in and one out.
    """
    parsed = parse_spec(
        json.dumps(dict(spec)), source="the specification", name=str(spec.get("name", "stylizer")), allow_unknown=True
    )
    proto = _modern(parsed_model(model))
    graph = proto.graph
    pictures = [each for each in graph.input if len(each.type.tensor_type.shape.dim) == 4]
    if len(pictures) != 1 or len(graph.output) != 1:
        raise ModelSpecError(
            f"the model has {len(pictures)} inputs of 4 axes and {len(graph.output)} outputs; wanted one picture each"
        )
    picture, output = pictures[0].name, graph.output[0].name
    shares = [] if parsed.style is not None else [each for each in graph.input if _is_shares(each)]
    public_shares = [helper.make_tensor_value_info(STYLE_WEIGHTS, TensorProto.FLOAT, _sides(each)) for each in shares]
    _make_room(graph, {picture, output, IMAGE, STYLIZED_IMAGE, *(each.name for each in shares)})
    wrapping = _Wrapping(parsed)
    before = wrapping.before(f"inner.{picture}", shares[0].name if shares else None)
    after = wrapping.after(f"inner.{output}")
    inner = list(graph.node)
    del graph.node[:]
    graph.node.extend([*before, *inner, *after])
    graph.initializer.extend(wrapping.constants.values())
    others = [each for each in graph.input if each.name != f"inner.{picture}" and each not in shares]
    del graph.input[:]
    del graph.output[:]
    graph.input.extend([_bytes(IMAGE), *public_shares, *others])
    graph.output.append(_bytes(STYLIZED_IMAGE))
    stored = {"format": FORMAT, "name": parsed.name, "styles": list(parsed.styles), **spec, **_OF_BYTES}
    metadata = {each.key: each.value for each in proto.metadata_props}
    helper.set_model_props(proto, {**metadata, METADATA_KEY: json.dumps(stored)})
    return serialized_model(proto)


def _is_shares(each: onnx.ValueInfoProto) -> bool:
    """Whether an input holds shares of styles, one row a picture."""
    return each.name == STYLE_WEIGHTS and len(each.type.tensor_type.shape.dim) == 2


def _sides(each: onnx.ValueInfoProto) -> list[int | str]:
    return [side.dim_value or side.dim_param for side in each.type.tensor_type.shape.dim]


def _bytes(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, ("batch", "height", "width", 3))


def _modern(proto: onnx.ModelProto) -> onnx.ModelProto:
    if default_opset(proto) >= _OPSET:
        return proto
    try:
        return onnx.version_converter.convert_version(proto, _OPSET)
    except Exception as error:  # the converter raises its own exception types
        raise ModelSpecError(
            f"the model is written in opset {default_opset(proto)} and cannot be converted to {_OPSET} ({error}); "
            f"export it again with opset {_OPSET} or later"
        ) from error


def _make_room(graph: onnx.GraphProto, names: set[str]) -> None:
    """Rename the model's own values of these names."""
    for node in graph.node:
        for values in (node.input, node.output):
            for place, name in enumerate(values):
                if name in names:
                    values[place] = f"inner.{name}"
    for each in (*graph.input, *graph.output, *graph.initializer):
        if each.name in names:
            each.name = f"inner.{each.name}"
    # shapes inferred under the old names
    del graph.value_info[:]


class _Wrapping:
    """The nodes around a model; `constants` by name."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def before(self, picture: str, shares: str | None) -> list[onnx.NodeProto]:
        """Bytes to what the model takes, with the same arithmetic as `nst_engine.stylize.preprocess`."""
        self._nodes = []
        if shares is not None:
            total = self._node("ReduceSum", "share_sum", STYLE_WEIGHTS, self._integers("last", [1]), keepdims=1)
            self._nodes.append(helper.make_node("Div", [STYLE_WEIGHTS, total], [shares], "wrap.shares"))
        spec = self._spec
        x = IMAGE
        for axis, side in ((1, "height"), (2, "width")):
            x = self._reflected(x, axis, side)
        x = self._turned(x, "rgb_in")
        if spec.layout == "nchw":
            x = self._node("Transpose", "planes_in", x, perm=_TO_NCHW)
        if spec.dtype == "float32":
            low, high = spec.value_range
            std = np.array(spec.std, np.float64)
            x = self._node("Cast", "numbers", x, to=TensorProto.FLOAT)
            x = self._node("Mul", "scaled", x, self._per_channel("scale_in", (high - low) / 255 / std))
            x = self._node("Add", "shifted", x, self._per_channel("offset_in", (low - np.array(spec.mean)) / std))
        self._nodes.append(helper.make_node("Identity", [x], [picture], "wrap.picture"))
        return self._nodes

    def after(self, output: str) -> list[onnx.NodeProto]:
        """The model's output to bytes, as `stylize.postprocess` does, except that NaN becomes 0."""
        self._nodes = []
        spec = self._spec
        axes = self._integers("sides_out", [2, 3] if spec.layout == "nchw" else [1, 2])
        ends = self._node("Concat", "size", "wrap.height", "wrap.width", axis=0)
        x = self._node("Slice", "cropped", output, self._integers("origin", [0, 0]), ends, axes)
        if spec.dtype == "float32":
            low, high = spec.value_range
            zero = self._number("black", 0)
            x = self._node("Sub", "from_zero", x, self._number("low", low)) if low else x
            x = self._node("Mul", "to_255", x, self._number("scale_out", 255 / (high - low)))
            x = self._node("Where", "without_nan", self._node("IsNaN", "nan", x), zero, x)
            x = self._node("Round", "rounded", self._node("Clip", "clipped", x, zero, self._number("white", 255)))
            x = self._node("Cast", "bytes", x, to=TensorProto.UINT8)
        if spec.layout == "nchw":
            x = self._node("Transpose", "pixels_out", x, perm=_TO_NHWC)
        x = self._turned(x, "rgb_out")
        self._nodes.append(helper.make_node("Identity", [x], [STYLIZED_IMAGE], "wrap.result"))
        return self._nodes

    def _reflected(self, x: str, axis: int, side: str) -> str:
        """Padded to a size the model takes, by reflection without the edge, repeatedly where the picture is small."""
        multiple, smallest = self._spec.pad_multiple, self._spec.min_side_px
        one, zero, two = (self._integers(name, [value]) for name, value in (("one", 1), ("zero", 0), ("two", 2)))
        shape = self._node("Shape", f"{side}_of", IMAGE)
        length = self._node("Gather", side, shape, self._integers(f"{side}_axis", [axis]))
        if multiple == smallest == 1:
            return x
        at_least = self._node("Max", f"{side}_at_least", length, self._integers("smallest", [smallest]))
        rounding = self._node("Add", f"{side}_and_more", at_least, self._integers("less_one", [multiple - 1]))
        count = self._node("Div", f"{side}_count", rounding, self._integers("multiple", [multiple]))
        padded = self._node("Mul", f"{side}_padded", count, self._integers("multiple", [multiple]))
        first, stop, step = (
            self._node("Squeeze", f"{side}_{name}", value, zero)
            for name, value in (("first", zero), ("stop", padded), ("step", one))
        )
        places = self._node("Range", f"{side}_places", first, stop, step)
        there_and_back = self._node("Mul", f"{side}_period", self._node("Sub", f"{side}_last", length, one), two)
        period = self._node("Max", f"{side}_period_at_least", there_and_back, one)
        phase = self._node("Mod", f"{side}_phase", places, period)
        back = self._node("Sub", f"{side}_back", there_and_back, phase)
        return self._node("Gather", f"{side}_grown", x, self._node("Min", f"{side}_sources", phase, back), axis=axis)

    def _turned(self, x: str, name: str) -> str:
        """RGB to the model's order or back, on the last axis."""
        if self._spec.channel_order == "rgb":
            return x
        return self._node("Gather", name, x, self._integers("bgr", [2, 1, 0]), axis=3)

    def _per_channel(self, name: str, values: NDArray[np.float64]) -> str:
        shape = (3, 1, 1) if self._spec.layout == "nchw" else (3,)
        return self._constant(name, values.astype(np.float32).reshape(shape))

    def _number(self, name: str, value: float) -> str:
        return self._constant(name, np.array(value, np.float32))

    def _integers(self, name: str, values: list[int]) -> str:
        return self._constant(name, np.array(values, np.int64))

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        self.constants[f"wrap.{name}"] = numpy_helper.from_array(values, f"wrap.{name}")
        return f"wrap.{name}"

    def _node(self, operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        name = f"wrap.{output}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name
