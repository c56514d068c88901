"""The arguments that `optimize`, `gallery` and `reconstruct` share; their defaults stand in `OptimizeOptions`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_engine.cli.option_flags import add_options
from nst_engine.errors import OptionError
from nst_engine.limits import ImageLimits
from nst_engine.optimization.options import OptimizeOptions

if TYPE_CHECKING:
    from nst_engine.optimization.inputs import Inputs


def add_transfer_arguments(parser: argparse.ArgumentParser, *, leave_out: tuple[str, ...] = ()) -> None:
    """Add a flag for every option of `OptimizeOptions` but those left out."""
    add_options(parser.add_argument_group("how to paint"), OptimizeOptions, leave_out=leave_out)
    add_options(parser.add_argument_group("limits"), ImageLimits)


def read_checked(content: str, styles: Sequence[str], options: OptimizeOptions, **files: Any) -> Inputs:
    """Read all pictures of a run, so that invalid ones are refused before torch is imported.

    Raises:
        OptionError: A picture is too small or too narrow, or masks and blend weights do not fit.
        NSTError: A picture cannot be read.
    """
    from nst_engine.optimization.inputs import read_inputs
    from nst_engine.optimization.pyramid import plan_scales

    weights = options.blend_weights(len(styles)) if styles else []
    inputs = read_inputs(content, styles, weights, preserve_color=options.preserve_color, **files)
    height, width = inputs.content_image.shape[:2]
    try:
        plan_scales(
            height,
            width,
            image_size=options.image_size,
            num_iterations=options.num_iterations,
            pyramid=options.pyramid,
        )
    except OptionError as unfit:
        raise OptionError(f"{content}: {unfit}") from unfit
    return inputs


def check_holds_alpha(output: Path, source: object) -> None:
    """Refuse an output whose format would lose the transparency of the source.

    Raises:
        OptionError: JPEG and BMP.
    """
    from nst_engine.image import ALPHA_SUFFIXES

    if output.suffix.lower() not in ALPHA_SUFFIXES:
        raise OptionError(
            f"{output}: {output.suffix} holds no transparency, which {source} has; write .png, .webp, .avif or .tiff"
        )
