"""Export a training's checkpoint as the model that `nst_engine.Stylizer` runs.

python export/export_stylizer.py runs/live/checkpoint.safetensors -o live.onnx
python export/export_stylizer.py runs/live/checkpoint.safetensors -o live-uint8.onnx --self-contained
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nst_engine.errors import NSTError
from nst_engine.exporting.stylizer import export_stylizer
from nst_engine.training import load_checkpoint


def main() -> int:
    """Export one checkpoint; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint.safetensors of a training")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the model, .onnx")
    parser.add_argument("--name", help="of the model (default: the file's)")
    parser.add_argument("--licence", default="", help="of the weights, written into the model")
    parser.add_argument("--self-contained", action="store_true", help="uint8 N x H x W x 3 in and out")
    arguments = parser.parse_args()
    try:
        difference = export_stylizer(
            load_checkpoint(arguments.checkpoint),
            arguments.output,
            name=arguments.name or arguments.output.stem,
            licence=arguments.licence,
            is_self_contained=arguments.self_contained,
        )
    except NSTError as error:
        print(f"export_stylizer: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes, differs from torch by {difference:.2g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
