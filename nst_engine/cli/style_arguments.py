"""The arguments that choose the style: one of the model's, or any picture."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nst_engine.cli.style_times import timed_style, timeless_style
from nst_engine.errors import OptionError, StyleNotFoundError

if TYPE_CHECKING:
    from nst_engine.stylize.style_choice import Style, StyleChoice
    from nst_engine.stylize.style_embedding import StyleEmbedding
    from nst_engine.stylize.stylizer import Stylizer

#: Models for any style, for pictures and for moving ones.
ANY_STYLE, ANY_STYLE_FAST = "bundled:any", "bundled:any-fast"
_CHANGING_NAMES = (
    "; given with times, it changes: --style 0:great-wave --style 5s:scream is great-wave at 0 and scream from 5 s on, "
    "and in between the one becomes the other; times are seconds of the input (5, 2.5s) or such as 1:05; a style that "
    "is given twice stays in between"
)
_CHANGING_FILES = (
    "; with times likewise: 0:one.jpg, 1:05:two.jpg; a file whose very name is 5:two.jpg is that file, and nothing is "
    r"a time in C:\one.jpg or ./5:two.jpg"
)


class _Once(argparse.Action):
    """Of two, the first would be without effect."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "came twice; a blend is one: --style great-wave:0.7,scream:0.3")
        setattr(namespace, self.dest, values)


def add_style_arguments(parser: argparse.ArgumentParser, *, default_text: str = "", takes_times: bool = False) -> None:
    """`--style` and `--style-image`.

    Args:
        parser: Of the command.
        default_text: For the help.
        takes_times: Whether the style may change by times: see `style_keyframes.take_times`.
    """
    kind: Callable[[str], object] = timed_style if takes_times else timeless_style
    time, names_text, files_text = ("[TIME:]", _CHANGING_NAMES, _CHANGING_FILES) if takes_times else ("", "", "")
    parser.add_argument(
        "--style",
        type=kind,
        action="append" if takes_times else _Once,
        default=[] if takes_times else None,
        metavar=f"{time}NAME[:W,...]",
        help=f"such as great-wave, or great-wave:0.7,scream:0.3{default_text}{names_text}",
    )
    parser.add_argument(
        "--style-image",
        type=kind,
        action="append",
        default=[],
        metavar=f"{time}FILE[:W]",
        help=f"any picture as the style, or what nst encode-style has made of one; several are blended{files_text}",
    )


def model_of(arguments: argparse.Namespace) -> str:
    """The requested model, or the one that fits the style; bundled ones with or without prefix."""
    from nst_engine.models.find import typed_name

    name: str | None = arguments.model
    if name is None:
        fixed, any_style = arguments.default_models
        return str(any_style if getattr(arguments, "style_image", []) else fixed)
    return typed_name(name)


def check_style_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be used, before the model is loaded.

    Raises:
        OptionError: Both kinds of style, or a weight that is none.
        StyleNotFoundError: There is no such style image.
    """
    from nst_engine.catalogue import style_path

    if arguments.style is not None and arguments.style_image:
        raise OptionError(
            f"--style and --style-image: give one of them; paintings that come with the package may be blended as "
            f"style images, too: --style-image {arguments.style_image[0]} --style-image great-wave:0.5"
        )
    for file, _ in weighted_files(arguments.style_image):
        style_path(file)


def files_read(arguments: argparse.Namespace) -> list[Path]:
    """Inputs besides the photos that no output may replace: style images, masks and the model."""
    from nst_engine.catalogue import style_path
    from nst_engine.models.find import find_model

    styles = [style_path(file) for file, _ in weighted_files(getattr(arguments, "style_image", []))]
    masks = [Path(mask) for mask in getattr(arguments, "style_masks", [])]
    models = [] if getattr(arguments, "server", None) else [find_model(model_of(arguments)).path]
    return [*styles, *masks, *models]


def weighted_files(texts: Sequence[str]) -> list[tuple[str, float]]:
    """`painting.jpg`, or `painting.jpg:0.7`; see `nst_engine.stylize.style_mix.weighted_file`."""
    from nst_engine.stylize.style_mix import weighted_file

    return [weighted_file(text) for text in texts]


def chosen_style(arguments: argparse.Namespace, stylizer: Stylizer) -> StyleChoice:
    """The style that the arguments choose; see `choose_style`."""
    return choose_style(stylizer, arguments.style, arguments.style_image)


def choose_style(stylizer: Stylizer, style: str | None, style_images: Sequence[str]) -> StyleChoice:
    """The style that is typed.

    Args:
        stylizer: The model.
        style: A name or a blend of names; None: none, or the model's only one.
        style_images: Files with their weights; empty: none.

    Raises:
        OptionError: Style images for a model that holds its styles; weights that cannot be used.
        StyleNotFoundError: The model has no such style.
        NSTError: What `Stylizer.choose_style` raises.
    """
    if style_images:
        _check_reads_styles(stylizer)
    elif style is not None:
        _check_is_no_picture(style, stylizer)
    return stylizer.choose_style(_typed_style(style, style_images))


def requested_styles(arguments: argparse.Namespace) -> Style:
    """The styles as typed: files or names, with their weights; None: the model's only one.

    Raises:
        OptionError: Weights that cannot be read.
    """
    return _typed_style(arguments.style, arguments.style_image)


def typed_shares(arguments: argparse.Namespace) -> dict[str, float]:
    """The styles by the names that results are called after, with their weights as typed.

    Raises:
        OptionError: Weights that cannot be read.
    """
    from nst_engine.stylize.style_mix import parse_style_mix

    if arguments.style_image:
        return {Path(file).stem: weight for file, weight in weighted_files(arguments.style_image)}
    return {} if arguments.style is None else parse_style_mix(arguments.style)


def _typed_style(style: str | None, style_images: Sequence[str]) -> Style:
    from nst_engine.stylize.style_mix import parse_style_mix

    if style_images:
        return weighted_files(style_images)
    return None if style is None else parse_style_mix(style)


def encoded_styles(arguments: argparse.Namespace, stylizer: Stylizer) -> list[tuple[StyleEmbedding, float]]:
    """The style images one by one, with their weights.

    Raises:
        NSTError: As for `chosen_style`.
    """
    from nst_engine.catalogue import style_path
    from nst_engine.stylize.style_embedding import SUFFIX, StyleEmbedding

    _check_reads_styles(stylizer)
    styles = []
    for file, weight in weighted_files(arguments.style_image):
        path = style_path(file)
        is_embedding = path.suffix.lower() == SUFFIX
        styles.append((StyleEmbedding.load(path) if is_embedding else stylizer.encode_style(path), weight))
    return styles


def _check_reads_styles(stylizer: Stylizer) -> None:
    if stylizer.spec.style is None:
        raise OptionError(
            f"--style-image: {stylizer.model} holds its styles and reads no others; leave --model out, or type --model "
            f"{ANY_STYLE} or --model {ANY_STYLE_FAST}"
        )


def _check_is_no_picture(style: str, stylizer: Stylizer) -> None:
    """Point from a file given as `--style` to `--style-image`."""
    from nst_engine.image import READABLE_SUFFIXES
    from nst_engine.stylize.style_embedding import SUFFIX

    if style in stylizer.styles or Path(style).suffix.lower() not in (*READABLE_SUFFIXES, SUFFIX):
        return
    ways = f"to paint in the style of any picture, type --style-image {style}"
    if stylizer.spec.style is None:
        ways += f"; or teach a network: nst add-style {style} -o mine.onnx"
        ways += f"; or take half a minute for each photo: nst optimize PHOTO --style {style} -o painted.png"
    raise StyleNotFoundError(f"--style {style}: names a style of {stylizer.model}, not a file; {ways}")
