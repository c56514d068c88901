"""Makes networks that were exported for one picture size, as third-party ones often are, dynamic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from nst_engine.errors import ModelSpecError
from nst_engine.graphs.model_bytes import parsed_model, serialized_model

_CHANNELS = 3
_PROBE = 2  # scale of the picture that reveals which values follow the size
_GUESSED_SIDE_PX = 64  # where only the other side is fixed

_Shapes = Mapping[str, list[int | None]]


def with_dynamic_size(model: bytes) -> bytes:
    """The same model for pictures of any height and width, and batches of any size where the graph allows that.

    Args:
        model: ONNX whose pictures, N×3×H×W or N×H×W×3, have fixed sides, as in the ONNX model zoo.

    Returns:
        ONNX with symbolic sides. Enlargements to a fixed size become ones by the same factor.

    Raises:
        ModelChecksumError: Not an ONNX model.
        ModelSpecError: A node depends on the size in a way that cannot be undone; the message names it.
    """
    proto = parsed_model(model)
    sides = {each.name: _sides(each) for each in proto.graph.input if _is_picture(each)}
    if not sides:
        raise ModelSpecError("the model has no input of 4 axes with 3 channels, so no picture whose size could vary")
    # shapes inferred for the fixed size would keep it
    del proto.graph.value_info[:]
    declared = {each.name: [dim.dim_value for dim in _dims(each)] for each in proto.graph.output}
    for each in proto.graph.output:
        for dim in _dims(each):
            dim.Clear()
    fixed = _shapes(proto, sides, 1)
    _enlarge_by_factors(proto, sides, fixed)
    _check_all_follow(proto, fixed, _shapes(proto, sides, _PROBE), next(iter(sides.values())))
    batch = "batch" if _takes_batches(proto, sides) else None
    for each in proto.graph.input:
        if each.name in sides:
            _name_axes(each, dict(zip((0, *sides[each.name]), (batch, "height", "width"), strict=True)))
    height, width = next(iter(sides.values()))
    for each in proto.graph.output:
        for dim, value in zip(_dims(each), declared[each.name], strict=True):
            if value:
                dim.dim_value = value
        # not the names of the input's: networks may round sides
        names = {height: "painted_height", width: "painted_width"}
        shape = declared[each.name]
        _name_axes(each, {0: batch, **{axis: name for axis, name in names.items() if shape[axis : axis + 1] != [1]}})
    return serialized_model(proto)


def _dims(value: onnx.ValueInfoProto) -> Any:
    return value.type.tensor_type.shape.dim


def _is_picture(value: onnx.ValueInfoProto) -> bool:
    shape = [each.dim_value for each in _dims(value)]
    return len(shape) == 4 and _CHANNELS in (shape[1], shape[3])


def _sides(picture: onnx.ValueInfoProto) -> tuple[int, int]:
    """Axes of height and width."""
    return (2, 3) if _dims(picture)[1].dim_value == _CHANNELS else (1, 2)


def _name_axes(value: onnx.ValueInfoProto, names: Mapping[int, str | None]) -> None:
    dims = _dims(value)
    for axis, name in names.items():
        if name and axis < len(dims):
            dims[axis].dim_param = name


def _enlarge_by_factors(proto: onnx.ModelProto, sides: Mapping[str, tuple[int, int]], fixed: _Shapes) -> None:
    """Turn every Resize to a constant size into one by the equivalent factor."""
    for node in proto.graph.node:
        if node.op_type != "Resize" or len(node.input) < 4 or any(each.name == "axes" for each in node.attribute):
            continue
        # without the check of all types: behind this node, sizes may not fit together yet
        larger = _shapes(proto, sides, _PROBE, strict=False)
        if not _stands_still(node.output[0], node, fixed, larger):
            continue
        before, after = fixed.get(node.input[0]), fixed[node.output[0]]
        factors = [_factor(side, target) for side, target in zip(before or [None] * 4, after, strict=True)]
        if None in factors:
            continue
        name = f"{node.output[0]}.factors"
        proto.graph.initializer.append(numpy_helper.from_array(np.array(factors, np.float32), name))
        node.input[2] = name
        del node.input[3]


def _factor(side: int | None, target: int | None) -> float | None:
    """The factor of a side, if it gives exactly the target size."""
    if not side or target is None:
        return None
    factor = np.float32(target / side)
    return float(factor) if int(factor * np.float32(side)) == target else None


def _check_all_follow(proto: onnx.ModelProto, fixed: _Shapes, larger: _Shapes, sides: tuple[int, int]) -> None:
    for node in proto.graph.node:
        for name in node.output:
            if _stands_still(name, node, fixed, larger):
                shape = "×".join(map(str, fixed[name]))
                raise _holds_the_size(f"{node.op_type} {node.name or name!r} holds it as {shape}")
    for each in proto.graph.output:
        before, after = fixed.get(each.name, []), larger.get(each.name, [])
        for axis in sides:
            # a single number per picture does not depend on its size
            if len(before) == len(after) == 4 and before[axis] not in (None, 1) and before[axis] == after[axis]:
                raise _holds_the_size(f"its output {each.name} keeps the side {before[axis]} for another one")


def _stands_still(name: str, node: onnx.NodeProto, fixed: _Shapes, larger: _Shapes) -> bool:
    """Whether a value keeps its size for a larger picture although its inputs grow."""
    before, after = fixed.get(name), larger.get(name)
    if before is None or before != after or len(before) < 3 or all(side in (1, None) for side in before[-2:]):
        return False
    return any(fixed.get(each) != larger.get(each) for each in node.input if each)


def _shapes(
    proto: onnx.ModelProto,
    sides: Mapping[str, tuple[int, int]],
    times: int,
    *,
    batch: int | None = None,
    strict: bool = True,
) -> _Shapes:
    """Shapes of all values for a picture scaled by a factor from the model's fixed size."""
    probe = onnx.ModelProto()
    probe.CopyFrom(proto)
    for each in probe.graph.input:
        if each.name in sides:
            dims = _dims(each)
            for axis in sides[each.name]:
                dims[axis].dim_value = times * (dims[axis].dim_value or _GUESSED_SIDE_PX)
            dims[0].dim_value = batch or dims[0].dim_value or 1
    try:
        inferred = onnx.shape_inference.infer_shapes(probe, check_type=strict, strict_mode=strict, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise _holds_the_size(f"this does not fit another one: {str(error).strip().splitlines()[-1][:200]}") from error
    return {
        each.name: [dim.dim_value if dim.HasField("dim_value") else None for dim in _dims(each)]
        for each in (*inferred.input, *inferred.value_info, *inferred.output)
        if each.type.tensor_type.HasField("shape")
    }


def _takes_batches(proto: onnx.ModelProto, sides: Mapping[str, tuple[int, int]]) -> bool:
    try:
        shapes = _shapes(proto, sides, 1, batch=2)
    except ModelSpecError:
        return False
    return all((shapes.get(each.name) or [None])[0] == 2 for each in proto.graph.output)


def _holds_the_size(where: str) -> ModelSpecError:
    return ModelSpecError(
        f"the model is fixed to one size of picture: {where}; export it again with dynamic height and width "
        "(torch.onnx.export: dynamic_axes or dynamic_shapes)"
    )
