"""Export networks for any style as the models that `nst_engine.Stylizer` runs.

python export/export_any_style.py runs/any.safetensors runs/any-fast.safetensors -o models --in-8-bits any

Writes a stylizer for each checkpoint, named after its architecture, and one any-encoder.onnx for all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from reporting import exit_code_of


def main() -> int:
    """Export; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="FILE", help="of different architectures")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="an existing folder")
    parser.add_argument("--in-8-bits", nargs="*", default=[], metavar="ARCH", help="whose filters are kept in 8 bits")
    parser.add_argument("--licence", default="MIT", help="of the weights, written into the models (default: MIT)")
    arguments = parser.parse_args()
    return exit_code_of("export_any_style", lambda: export(arguments))


def export(arguments: argparse.Namespace) -> int:
    """Write the models and print how well they agree."""
    from nst_engine.exporting.any_style import export_any_style
    from nst_engine.graphs.writing import StoredBits
    from nst_engine.training import load_any_style

    checkpoints = [load_any_style(path) for path in arguments.checkpoints]
    bits: dict[str, StoredBits] = dict.fromkeys(arguments.in_8_bits, 8)
    for name, difference in export_any_style(checkpoints, arguments.output, bits, arguments.licence).items():
        path = arguments.output / name
        print(f"{path}: {path.stat().st_size:,} bytes, differs from torch by {difference:.2g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
