"""A model in another form: of bytes, in fewer bits, for OpenVINO. All its styles stay."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import OutputError
from nst_engine.exporting.openvino import write_openvino
from nst_engine.exporting.stylizer import checkpoint_of, export_stylizer
from nst_engine.files import check_is_no_input
from nst_engine.image import load_image
from nst_engine.models.formats import SUFFIXES, ExportOptions, ModelFormat
from nst_engine.training.checkpoint import Checkpoint, load_checkpoint
from nst_engine.training.photos import find_photos, sized

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
        ModelNotFoundError: No such file, or a folder.
        ModelChecksumError: It is damaged, or another project's.
    """
    return load_checkpoint(path) if path.suffix.lower() == ".safetensors" else checkpoint_of(path)


def export_model(source: Path, output: Path, options: ExportOptions) -> Exported:
    """Write a network of fixed styles in another form; nothing is written unless its pictures are right.

    Args:
        source: A model file of this project, or a training's checkpoint.
        output: `.onnx`, or `.xml` for OpenVINO, whose weights go to a `.bin` beside it.
        options: Format, precision and what is stored beside the weights.

    Raises:
        OutputError: Another suffix than the format's, or a file that is the source.
        ModelChecksumError: The source is damaged, or another project's.
        ModelParityError: The pictures differ too much.
    """
    files = output_files(output, options.format)
    for file in files:
        check_is_no_input(file, [source])
    checkpoint = source_of(source)
    licence = options.licence
    if licence is None:
        licence = str(checkpoint.training.get("licence", ""))
    training = {key: value for key, value in checkpoint.training.items() if key != "licence"}
    is_openvino = options.format == "openvino"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{output.stem}.onnx" if is_openvino else output
        difference = export_stylizer(
            replace(checkpoint, training=training),
            target,
            name=output.stem if options.name is None else options.name,
            licence=licence,
            is_self_contained=options.format != "onnx",
            precision="float32" if is_openvino else options.precision,
            pictures=[] if options.precision == "float32" else calibration_pictures(options.pictures),
        )
        if is_openvino:
            is_float16 = options.precision == "float16"
            write_openvino(target.read_bytes(), output, styles=len(checkpoint.styles), is_float16=is_float16)
    return Exported(files, checkpoint.styles, difference)


def output_files(output: Path, model_format: ModelFormat) -> list[Path]:
    """All files that an export writes.

    Raises:
        OutputError: Another suffix than the format's.
    """
    suffix = SUFFIXES[model_format]
    if output.suffix.lower() != suffix:
        raise OutputError(f"{output}: the name of such a model ends in {suffix}; use {output.with_suffix(suffix)}")
    return [output, output.with_suffix(".bin")] if model_format == "openvino" else [output]


def calibration_pictures(folder: Path | None) -> list[NDArray[np.uint8]]:
    """Below the folder, or the bundled paintings and photos, at a size that is quick to run."""
    # photos first: paintings are looked at in others' styles, as each sets wider ranges in its own (0.7 dB less)
    bundled = [*bundled_contents().values(), *bundled_styles().values()]
    paths = [each.path for each in bundled] if folder is None else find_photos(folder)[:_MOST_PICTURES]
    return [sized(load_image(path).pixels, _LONGER_SIDE_PX) for path in paths]
