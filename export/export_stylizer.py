"""Export a training's checkpoint as the model that `nst_engine.Stylizer` runs.

python export/export_stylizer.py runs/live/checkpoint.safetensors -o live.onnx
python export/export_stylizer.py runs/live/checkpoint.safetensors -o live-uint8.onnx --self-contained
python export/export_stylizer.py runs/live/checkpoint.safetensors -o live-int8.onnx --precision int8
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from reporting import exit_code_of

from nst_engine.models.formats import ModelPrecision


def main() -> int:
    """Export one checkpoint; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint.safetensors of a training")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the model, .onnx")
    parser.add_argument("--name", help="of the model (default: the file's)")
    parser.add_argument("--licence", default="", help="of the weights, written into the model")
    parser.add_argument("--self-contained", action="store_true", help="uint8 N x H x W x 3 in and out")
    parser.add_argument("--precision", choices=get_args(ModelPrecision), default="float32")
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="to calibrate and check precisions on (default: the bundled ones)"
    )
    arguments = parser.parse_args()
    return exit_code_of("export_stylizer", lambda: export(arguments))


def export(arguments: argparse.Namespace) -> int:
    """Write the model and print how well it agrees."""
    from nst_engine.exporting.conversion import calibration_pictures
    from nst_engine.exporting.stylizer import export_stylizer
    from nst_engine.training import load_checkpoint

    output: Path = arguments.output
    difference = export_stylizer(
        load_checkpoint(arguments.checkpoint),
        output,
        name=arguments.name or output.stem,
        licence=arguments.licence,
        is_self_contained=arguments.self_contained,
        precision=arguments.precision,
        pictures=[] if arguments.precision == "float32" else calibration_pictures(arguments.pictures),
    )
    print(f"{output}: {output.stat().st_size:,} bytes, differs from torch by {difference:.2g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
