"""Stand-ins for model files: built in milliseconds, with a float64 reference that shares no code with the engine.

They paint y = blur(x) / 2 + tint / 2, where the blur looks up and to the left, so that mixed-up axes, orders and crops
show, and the tint is the blend of the styles' colours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STYLES = ("wave", "scream", "poppies")
TINTS = np.array([[0.1, 0.3, 0.9], [0.9, 0.5, 0.1], [0.8, 0.2, 0.3]], np.float32)
TINTS_OF = dict(zip(STYLES, TINTS.astype(np.float64), strict=True))
KERNEL = np.array([[0.0, 0.2], [0.3, 0.5]], np.float32)  # above, left, itself
Dimension = int | str


def painter(
    *,
    spec: Mapping[str, Any] | None,
    styles: int = 3,
    layout: str = "nchw",
    dtype: str = "float32",
    sides: Sequence[Dimension] = ("height", "width"),
    batch: Dimension = "batch",
    channels: int = 3,
    factor: float = 1.0,
) -> bytes:
    """A model file; `factor` scales the tints to the value range. Without styles it returns 1.5 blur(x) - 20."""
    kind = TensorProto.UINT8 if dtype == "uint8" else TensorProto.FLOAT
    shape = [batch, channels, *sides] if layout == "nchw" else [batch, *sides, channels]
    inputs = [helper.make_tensor_value_info("image", kind, shape)]
    constants = {"kernel": np.tile(KERNEL, (channels, 1, 1, 1)), "half": np.float32(0.5), "last": np.array([2, 3])}
    nodes = []
    source = "image"
    if dtype == "uint8":
        nodes.append(helper.make_node("Cast", [source], ["floats"], to=TensorProto.FLOAT))
        source = "floats"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [source], ["planes"], perm=[0, 3, 1, 2]))
        source = "planes"
    nodes.append(helper.make_node("Conv", [source, "kernel"], ["blurred"], group=channels, pads=[1, 1, 0, 0]))
    if styles:
        inputs.append(helper.make_tensor_value_info("style_weights", TensorProto.FLOAT, [batch, styles]))
        constants["tints"] = np.resize(TINTS * np.float32(factor), (styles, channels))
        nodes += [
            helper.make_node("MatMul", ["style_weights", "tints"], ["blend"]),
            helper.make_node("Unsqueeze", ["blend", "last"], ["tint"]),
            helper.make_node("Add", ["blurred", "tint"], ["sum"]),
            helper.make_node("Mul", ["sum", "half"], ["painted"]),
        ]
    else:
        constants |= {"gain": np.float32(1.5), "offset": np.float32(20)}
        nodes += [
            helper.make_node("Mul", ["blurred", "gain"], ["bright"]),
            helper.make_node("Sub", ["bright", "offset"], ["painted"]),
        ]
    result = "painted"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [result], ["rows"], perm=[0, 2, 3, 1]))
        result = "rows"
    if dtype == "uint8":
        nodes += [
            helper.make_node("Round", [result], ["rounded"]),
            helper.make_node("Cast", ["rounded"], ["bytes"], to=TensorProto.UINT8),
        ]
        result = "bytes"
    nodes.append(helper.make_node("Identity", [result], ["stylized_image"]))
    outputs = [helper.make_tensor_value_info("stylized_image", kind, shape)]
    return serialized(nodes, inputs, outputs, constants, spec)


def serialized(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, Any],
    spec: Mapping[str, Any] | None,
) -> bytes:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), "tiny", list(inputs), list(outputs), tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if spec is not None:
        helper.set_model_props(model, {"nst_engine": json.dumps(spec)})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def own_spec(**changed: Any) -> dict[str, Any]:
    """What our exporter writes."""
    entries = {
        "format": 1,
        "name": "tiny",
        "styles": list(STYLES),
        "layout": "nchw",
        "dtype": "float32",
        "channel_order": "rgb",
        "value_range": [0, 1],
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
        "pad_multiple": 1,
        "min_side_px": 16,
        "licence": "MIT",
        "training": {},
    }
    return entries | changed


def write_own(folder: Path, *, name: str = "tiny.onnx", **changed: Any) -> Path:
    """A file as our exporter writes it; keyword arguments change its specification."""
    path = folder / name
    path.write_bytes(painter(spec=own_spec(**changed)))
    return path


def blurred(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """H×W×3 in float64; beyond the border there is nothing."""
    padded = np.pad(pixels.astype(np.float64), ((1, 0), (1, 0), (0, 0)))
    above, left = padded[:-1, 1:], padded[1:, :-1]
    return 0.2 * above + 0.3 * left + 0.5 * padded[1:, 1:]


def expected_pixels(pixels: NDArray[Any], mix: Mapping[str, float]) -> NDArray[np.float64]:
    """What the stand-in paints, in float64, not rounded, 0-255."""
    tint = sum(np.float64(share) * TINTS_OF[name] for name, share in mix.items())
    return np.clip(blurred(pixels) / 2 + 255 * np.asarray(tint) / 2, 0, 255)


def assert_rounded(pixels: NDArray[np.uint8], expected: NDArray[np.float64]) -> None:
    """The pixels are the expected levels, rounded; float32 may tip a tie."""
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    assert float(np.abs(pixels - expected).max()) <= 0.5 + 1e-3


def photo(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
