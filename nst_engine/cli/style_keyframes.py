"""Styles that were typed with times become keyframes of the library."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nst_engine.cli.style_arguments import choose_style
from nst_engine.cli.style_times import TimedStyle
from nst_engine.errors import OptionError

if TYPE_CHECKING:
    from nst_engine.stylize.style_choice import StyleChoice
    from nst_engine.stylize.stylizer import Stylizer


def take_times(arguments: argparse.Namespace) -> list[TimedStyle]:
    """The styles with their times; `arguments` keep what other commands know: one style, and all style images.

    Raises:
        OptionError: Some have times and some have none, there are several styles without, or two for one time.
    """
    names: list[TimedStyle] = arguments.style
    images: list[TimedStyle] = arguments.style_image
    for flag, styles in (("--style", names), ("--style-image", images)):
        timeless = [each.text for each in styles if each.seconds is None]
        if timeless and len(timeless) < len(styles):
            raise OptionError(f"{flag}: {timeless[0]} came without a time beside others; type 0:{timeless[0]}")
    if len(names) > 1 and names[0].seconds is None:
        raise OptionError(
            f"--style: {len(names)} came; blend them as {names[0].text}:0.5,{names[1].text}:0.5, or say when each is "
            f"there: --style 0:{names[0].text} --style 5s:{names[1].text}"
        )
    times = [each.seconds for each in names]
    for seconds in times:
        if seconds is not None and times.count(seconds) > 1:
            raise OptionError(f"--style: two came for {seconds:g} s; give each its own time, or blend them in one")
    arguments.style = names[0].text if names else None
    arguments.style_image = [each.text for each in images]
    return [each for each in (*names, *images) if each.seconds is not None]


def timed_choices(
    timed: Sequence[TimedStyle], arguments: argparse.Namespace, stylizer: Stylizer
) -> dict[float, StyleChoice]:
    """The style at each time; style images of one time are blended, as those without times are.

    Args:
        timed: From `take_times`.
        arguments: After it.
        stylizer: The model.

    Raises:
        NSTError: As for `choose_style`.
    """
    texts: dict[float, list[str]] = {}
    for each in timed:
        texts.setdefault(each.seconds or 0.0, []).append(each.text)
    if arguments.style_image:
        return {seconds: choose_style(stylizer, None, images) for seconds, images in texts.items()}
    return {seconds: choose_style(stylizer, name, ()) for seconds, (name,) in texts.items()}
