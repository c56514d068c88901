"""Moves preprocessing and postprocessing into OpenVINO graphs: uint8 in, uint8 out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nst_engine.models.signature import Signature
from nst_engine.models.spec import ModelSpec

#: Name of the second output: the sum of the model's output, which is NaN if any value is.
SUM = "nst_engine.sum"

_TO_PLANES, _TO_PIXELS = [0, 3, 1, 2], [0, 2, 3, 1]
_SWAPPED = [2, 1, 0]


def in_bytes(model: Any, spec: ModelSpec, signature: Signature) -> tuple[Any, ModelSpec]:
    """Add scaling, channel order, layout and rounding to the graph.

    Args:
        model: OpenVINO's own, as read; it is changed.
        spec: What it takes and returns.
        signature: Names of its inputs and outputs.

    Returns:
        The model that takes and returns uint8 N×H×W×3 in RGB, and returns `SUM` besides; and the specification of
        that. A model of bytes is returned as it came.
    """
    if spec.dtype == "uint8":
        return model, spec
    from openvino import Model, Type  # type: ignore[import-untyped,unused-ignore]

    levels = _levels_of(model.output(signature.image_output).get_node().input(0).get_source_output(), spec)
    results = [_named(_bytes_of(levels, spec), signature.image_output), _named(_sum_of(levels), SUM)]
    numbers = next(each for each in model.get_parameters() if signature.image_input in each.output(0).get_names())
    picture = _picture_like(numbers, spec, signature.image_input)
    for user in list(numbers.output(0).get_target_inputs()):
        user.replace_source_output(_floats_of(picture, spec).output(0))
    others = [each for each in model.get_parameters() if each.get_friendly_name() != numbers.get_friendly_name()]
    changed = Model(results, [picture, *others], model.get_friendly_name())
    assert changed.input(signature.image_input).get_element_type() == Type.u8
    return changed, replace(spec, dtype="uint8", layout="nhwc", channel_order="rgb")


def _picture_like(numbers: Any, spec: ModelSpec, name: str) -> Any:
    import openvino.opset13 as ops  # type: ignore[import-untyped,unused-ignore]
    from openvino import PartialShape, Type

    sides = list(numbers.get_partial_shape())
    order = _TO_PIXELS if spec.layout == "nchw" else range(4)
    shape = PartialShape([sides[axis] for axis in order])
    shape[3] = 3
    picture = ops.parameter(shape, Type.u8)
    picture.output(0).get_tensor().set_names({name})
    return picture


def _floats_of(picture: Any, spec: ModelSpec) -> Any:
    """Bytes to what the model was trained on: (low + byte·(high − low)/255 − mean) / std."""
    import openvino.opset13 as ops
    from openvino import Type

    low, high = spec.value_range
    std, mean = np.array(spec.std), np.array(spec.mean)
    x = picture if spec.channel_order == "rgb" else _swapped(picture)
    if spec.layout == "nchw":
        x = ops.transpose(x, _TO_PLANES)
    x = ops.multiply(ops.convert(x, Type.f32), _per_channel((high - low) / 255 / std, spec))
    offset = (low - mean) / std
    return ops.add(x, _per_channel(offset, spec)) if offset.any() else x


def _levels_of(output: Any, spec: ModelSpec) -> Any:
    """What the model returned, of 255."""
    import openvino.opset13 as ops

    low, high = spec.value_range
    x = ops.subtract(output, np.float32(low)) if low else output
    return ops.multiply(x, np.float32(255 / (high - low)))


def _bytes_of(levels: Any, spec: ModelSpec) -> Any:
    """Clip and round to nearest even."""
    import openvino.opset13 as ops
    from openvino import Type

    x = ops.convert(ops.round(ops.clamp(levels, 0.0, 255.0), "half_to_even"), Type.u8)
    if spec.layout == "nchw":
        x = ops.transpose(x, _TO_PIXELS)
    return x if spec.channel_order == "rgb" else _swapped(x)


def _sum_of(levels: Any) -> Any:
    import openvino.opset13 as ops

    # of the levels, not of their input: a second consumer there would store it in bfloat16
    return ops.reduce_sum(levels, [0, 1, 2, 3], keep_dims=False)


def _named(node: Any, name: str) -> Any:
    import openvino.opset13 as ops

    node.output(0).get_tensor().set_names({name})
    return ops.result(node)


def _swapped(pixels: Any) -> Any:
    import openvino.opset13 as ops

    return ops.gather(pixels, np.array(_SWAPPED, np.int64), np.int64(3))


def _per_channel(values: Any, spec: ModelSpec) -> Any:
    import openvino.opset13 as ops

    shape = (1, 3, 1, 1) if spec.layout == "nchw" else (1, 1, 1, 3)
    return ops.constant(np.asarray(values, np.float32).reshape(shape))
