"""The formats and precisions that model files are exported in; needs no torch, so that parsers know them too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nst_engine.errors import OptionError
from nst_engine.options import check_options, option

ModelFormat = Literal["onnx", "onnx-uint8", "openvino"]
ModelPrecision = Literal["float32", "float16", "int8"]

SUFFIXES: Mapping[ModelFormat, str] = {"onnx": ".onnx", "onnx-uint8": ".onnx", "openvino": ".xml"}


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        format: `onnx`: float32 N×3×H×W in [0, 1]; `onnx-uint8` and `openvino`: uint8 N×H×W×3, with all that is before
            and after the network in the graph.
        precision: Of the convolutions; `int8` not for OpenVINO.
        name: Stored in the model; None: the file's.
        licence: Of the weights; None: the source's.
        pictures: A folder to calibrate int8 and to check float16 and int8 on; None: the bundled pictures.

    Raises:
        OptionError: An invalid value, or values that do not go together.
    """

    format: ModelFormat = option("onnx", "onnx: numbers in and out; onnx-uint8 and openvino: pictures in bytes")
    precision: ModelPrecision = option("float32", "of the convolutions")
    name: str | None = option(None, "stored in the model (default: the file's)", metavar="NAME")
    licence: str | None = option(None, "of the weights (default: the model's)", metavar="TEXT")
    pictures: Path | None = option(None, "to calibrate and check on (default: the bundled)", metavar="DIR", read=Path)

    def __post_init__(self) -> None:
        check_options(self)
        if self.format == "openvino" and self.precision == "int8":
            raise OptionError("OpenVINO takes float32 or float16 here; choose `precision='float16'`")
        if self.name == "":
            raise OptionError("nothing came; wanted a name", option="name")
        if self.pictures is not None and self.precision == "float32":
            raise OptionError(
                f"{self.pictures} came, and nothing is calibrated in float32; leave it out, or choose "
                "`precision='int8'` or `precision='float16'`",
                option="pictures",
            )
