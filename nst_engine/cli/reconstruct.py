"""`nst reconstruct`: a picture rebuilt from one layer of VGG-19."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.cli.exit_codes import INTERRUPTED
from nst_engine.cli.option_flags import options_of
from nst_engine.cli.transfer_arguments import add_transfer_arguments, check_holds_alpha, read_checked
from nst_engine.limits import ImageLimits
from nst_engine.optimization.options import OptimizeOptions

_SET_HERE = ("content_layers", "style_layers", "init", "style_blend_weights", "preserve_color")


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "reconstruct",
        help="what a layer knows of a picture (Gatys et al. 2015, figure 1)",
        description="Rebuild IMAGE from noise, so that only the features of one layer (or, with --style, the Gram "
        "matrices of the layers up to it) are as they were.",
    )
    parser.add_argument("image", metavar="IMAGE", help="a picture, or a bundled photo's or painting's name")
    parser.add_argument("--layer", required=True, metavar="LAYER", help="conv1_1 ... relu5_4")
    parser.add_argument("--style", action="store_true", help="its style (Gram matrices) instead of its content")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: IMAGE_LAYER[_style].png, here")
    parser.add_argument("--overwrite", action="store_true", help="the output may replace the input")
    add_transfer_arguments(parser, leave_out=_SET_HERE)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct and write."""
    from nst_engine.catalogue import bundled_styles, content_path
    from nst_engine.cli.progress_bar import RunDisplay, result_line
    from nst_engine.image import check_image_output
    from nst_engine.optimization.options import reconstruction_options

    options = options_of(arguments, OptimizeOptions)
    reconstruction_options(options, arguments.layer, style=arguments.style)  # refuses invalid options
    painting = bundled_styles().get(arguments.image)
    is_painting = painting is not None and not Path(arguments.image).exists()
    image = painting.path if painting is not None and is_painting else content_path(arguments.image)
    name = f"{image.stem}_{arguments.layer}{'_style' if arguments.style else ''}.png"
    output = check_image_output(arguments.output or Path(name), inputs=[image], overwrite=arguments.overwrite)
    inputs = read_checked(str(image), [], options, limits=options_of(arguments, ImageLimits))
    if inputs.alpha is not None:
        check_holds_alpha(output, image)
    from nst_engine.optimization import reconstruct  # torch is imported after all checks

    with RunDisplay(output.name) as display:
        result = reconstruct(inputs, arguments.layer, style=arguments.style, options=options, on_progress=display)
    result.save(output, inputs=[image], overwrite=arguments.overwrite)
    result_line(
        f"{output}: {result.image.shape[1]}×{result.image.shape[0]} px, {result.iterations} iterations in "
        f"{result.seconds:.1f} s, loss {result.losses.total:.4g}"
    )
    return INTERRUPTED if display.was_interrupted else 0
