"""Replace a style of a network by what `nst add-style` made of it, or by a share of that.

nst add-style scream.jpg --name again --model quality.onnx --steps 120 -o again.onnx
python export/replace_style.py quality.onnx scream again.onnx --share 0.5 -o checkpoint.safetensors
python export/export_stylizer.py checkpoint.safetensors -o new-quality.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

from reporting import exit_code_of


def main() -> int:
    """Replace; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model file, .onnx, or a training's checkpoint")
    parser.add_argument("style", metavar="STYLE", help="to replace")
    parser.add_argument("fitted", type=Path, metavar="FITTED", help="MODEL with one style more, which takes the place")
    parser.add_argument("--share", type=float, default=1.0, help="of the change that is taken, 0-1 (default: 1)")
    parser.add_argument("--calm", type=float, help="share left where photos are calm, 0-1 (default: as it is)")
    parser.add_argument("--evenness", type=float, help="by which forms are levelled (default: as it is)")
    parser.add_argument("--contrast", type=float, help="of what half counts as calm, 0-1 (default: as it is)")
    parser.add_argument("--removed", type=float, help="share of halos that is taken away, 0-1 (default: as it is)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new .safetensors")
    arguments = parser.parse_args()
    return exit_code_of("replace_style", lambda: write(arguments))


def write(arguments: argparse.Namespace) -> int:
    """Write the checkpoint and say what it is."""
    from nst_engine.errors import OutputError
    from nst_engine.exporting.conversion import source_of
    from nst_engine.exporting.replaced_style import with_replaced_style
    from nst_engine.training.checkpoint import save_checkpoint

    output: Path = arguments.output
    if output.suffix.lower() != ".safetensors":
        raise OutputError(f"{output}: a checkpoint is a .safetensors file; choose such a name")
    if output.exists():
        raise OutputError(f"{output} exists already; choose another name, or delete it first")
    replaced = with_replaced_style(
        source_of(arguments.model),
        arguments.style,
        source_of(arguments.fitted),
        share=arguments.share,
        calm=arguments.calm,
        evenness=arguments.evenness,
        contrast=arguments.contrast,
        removed=arguments.removed,
    )
    save_checkpoint(output, replaced)
    print(f"{output}: {arguments.style} replaced; make a model of it by export/export_stylizer.py")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
