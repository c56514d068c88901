"""A model with convolutions in int8, calibrated on pictures (QDQ, by ONNX Runtime's own tool)."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.environment import forbid_telemetry
from nst_engine.graphs.model_bytes import parsed_model
from nst_engine.models.canvas import CANVAS
from nst_engine.models.spec import METADATA_KEY
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS

# The first and last convolutions: in int8 they would cost 10 dB for a seventh of the time; and what knows the photo.
_IN_FLOATS = ("down1.", "down2.", "down3.", "up3.", "refine.", "up2.", "up1.", "restraint.", "halos.")
_WORTH_HALVING = 4096  # numbers


def with_int8(model: bytes, photos: Sequence[NDArray[np.uint8]], styles: int) -> bytes:
    """Quantise the inner convolutions; everything else stays in float32.

    Args:
        model: A float32 model of this project.
        photos: uint8 H×W×3 each, whose features set the ranges; each is seen in one style after the other.
        styles: How many the model holds.

    Raises:
        ModelChecksumError: Not an ONNX model.
    """
    forbid_telemetry()
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static  # type: ignore[import-untyped]
    from onnxruntime.quantization.shape_inference import quant_pre_process  # type: ignore[import-untyped]

    source = parsed_model(model)
    metadata = {entry.key: entry.value for entry in source.metadata_props}
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # the tool logs advice on the root logger
    try:
        with tempfile.TemporaryDirectory() as folder:
            whole, prepared, quantised = (Path(folder) / f"{name}.onnx" for name in ("whole", "prepared", "quantised"))
            canvas = _canvas_as_inputs(source.graph)
            onnx.save(source, whole)
            quant_pre_process(whole, prepared, skip_symbolic_shape=True)
            quantize_static(
                prepared,
                quantised,
                _Calibration(photos, styles, canvas),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=[name for name in _conv_names(prepared) if name.startswith(_IN_FLOATS)],
            )
            proto = onnx.load(quantised)
    finally:
        logging.root.setLevel(level)
    _halve_weights(proto.graph)
    _restore_canvas(proto.graph, canvas)
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, {METADATA_KEY: metadata[METADATA_KEY]} if METADATA_KEY in metadata else {})
    content: bytes = proto.SerializeToString()
    return content


def _conv_names(path: Path) -> list[str]:
    return [node.name for node in onnx.load(path).graph.node if node.op_type == "Conv"]


def _canvas_as_inputs(graph: onnx.GraphProto) -> dict[str, NDArray[np.int8]]:
    """Make inputs of the canvas' patterns: as constants the tool would compute with them, and tiles not find them."""
    kept = [tensor for tensor in graph.initializer if tensor.name in CANVAS]
    for tensor in kept:
        graph.initializer.remove(tensor)
        graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in kept}


def _restore_canvas(graph: onnx.GraphProto, canvas: Mapping[str, NDArray[np.int8]]) -> None:
    for value in [value for value in graph.input if value.name in canvas]:
        graph.input.remove(value)
    graph.initializer.extend(numpy_helper.from_array(pattern, name) for name, pattern in canvas.items())


def _halve_weights(graph: onnx.GraphProto) -> None:
    """Store the remaining float32 weights in half precision, as the source model does."""
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and math.prod(tensor.dims) >= _WORTH_HALVING:
            halved = numpy_helper.to_array(tensor).astype(np.float16)
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
            graph.node.insert(0, helper.make_node("Cast", [tensor.name], [name], f"{name}.cast", to=TensorProto.FLOAT))


class _Calibration:
    """Calibration data for the tool: one photo after the other on the canvas, each in the next style."""

    def __init__(
        self, photos: Sequence[NDArray[np.uint8]], styles: int, canvas: Mapping[str, NDArray[np.int8]]
    ) -> None:
        self._feeds: Iterator[Mapping[str, Any]] = (
            {
                IMAGE: np.ascontiguousarray(np.moveaxis(photo, 2, 0)[None].astype(np.float32) / np.float32(255)),
                STYLE_WEIGHTS: np.eye(styles, dtype=np.float32)[number % styles][None],
                **canvas,
            }
            for number, photo in enumerate(photos)
        )

    def get_next(self) -> Mapping[str, Any] | None:
        """The next input, or None."""
        return next(self._feeds, None)
