"""A model in another form: of bytes, in fewer bits, for OpenVINO. All its styles stay."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import OptionError, OutputError
from nst_engine.exporting.openvino import write_openvino
from nst_engine.exporting.reduced import ModelPrecision
from nst_engine.exporting.stylizer import checkpoint_of, export_stylizer
from nst_engine.files import check_is_no_input
from nst_engine.image import load_image
from nst_engine.training.checkpoint import Checkpoint, load_checkpoint
from nst_engine.training.photos import find_photos, sized

ModelFormat = Literal["onnx", "onnx-uint8", "openvino"]
_SUFFIXES = {"onnx": ".onnx", "onnx-uint8": ".onnx", "openvino": ".xml"}

_LONGER_SIDE_PX, _MOST_PICTURES = 384, 64


@dataclass(frozen=True)
class Exported:
    """A model that was written.

    Attributes:
        files: All that belong to it, the model first.
        styles: Its styles, in order.
        difference: From torch, at most, before the precision was reduced; in units of 0-1.
    """

    files: Sequence[Path]
    styles: Sequence[str]
    difference: float


def source_of(path: Path) -> Checkpoint:
    """The network of a model file of this project, or of a training's checkpoint.

    Raises:
        ModelChecksumError: It is damaged, or another project's.
    """
    return load_checkpoint(path) if path.suffix.lower() == ".safetensors" else checkpoint_of(path)


def export_model(
    source: Path,
    output: Path,
    *,
    model_format: ModelFormat = "onnx",
    precision: ModelPrecision = "float32",
    name: str | None = None,
    licence: str | None = None,
    pictures: Path | None = None,
) -> Exported:
    """Write a network of fixed styles in another form; nothing is written unless its pictures are right.

    Args:
        source: A model file of this project, or a training's checkpoint.
        output: `.onnx`, or `.xml` for OpenVINO, whose weights go to a `.bin` beside it.
        model_format: `onnx`: float32 N×3×H×W in [0, 1]; `onnx-uint8` and `openvino`: uint8 N×H×W×3, with all that is
            before and after the network in the graph.
        precision: Of the convolutions; `int8` not for OpenVINO.
        name: Stored in the model; None: the file's.
        licence: Of the weights; None: the source's.
        pictures: A folder to calibrate int8 and to check the precision on; None: the bundled pictures.

    Raises:
        OptionError: A format and a precision that do not go together.
        OutputError: Another suffix than the format's, or a file that is the source.
        ModelChecksumError: The source is damaged, or another project's.
        ModelParityError: The pictures differ too much.
    """
    files = output_files(output, model_format)
    for file in files:
        check_is_no_input(file, [source])
    if model_format == "openvino" and precision == "int8":
        raise OptionError("OpenVINO takes float32 or float16 here; choose `precision='float16'`")
    checkpoint = source_of(source)
    if licence is None:
        licence = str(checkpoint.training.get("licence", ""))
    training = {key: value for key, value in checkpoint.training.items() if key != "licence"}
    with tempfile.TemporaryDirectory() as folder:
        target = output if model_format != "openvino" else Path(folder) / f"{output.stem}.onnx"
        difference = export_stylizer(
            replace(checkpoint, training=training),
            target,
            name=name or output.stem,
            licence=licence,
            is_self_contained=model_format != "onnx",
            precision="float32" if model_format == "openvino" else precision,
            pictures=[] if precision == "float32" else calibration_pictures(pictures),
        )
        if model_format == "openvino":
            write_openvino(
                target.read_bytes(), output, styles=len(checkpoint.styles), is_float16=precision == "float16"
            )
    return Exported(files, checkpoint.styles, difference)


def output_files(output: Path, model_format: ModelFormat) -> list[Path]:
    """All files that an export writes.

    Raises:
        OutputError: Another suffix than the format's.
    """
    suffix = _SUFFIXES[model_format]
    if output.suffix.lower() != suffix:
        raise OutputError(f"{output}: the name of such a model ends in {suffix}; use {output.with_suffix(suffix)}")
    return [output, output.with_suffix(".bin")] if model_format == "openvino" else [output]


def calibration_pictures(folder: Path | None) -> list[NDArray[np.uint8]]:
    """Below the folder, or the bundled paintings and photos, at a size that is quick to run."""
    bundled = [*bundled_styles().values(), *bundled_contents().values()]
    paths = [each.path for each in bundled] if folder is None else find_photos(folder)[:_MOST_PICTURES]
    return [sized(load_image(path).pixels, _LONGER_SIDE_PX) for path in paths]
