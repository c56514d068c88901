"""Styles with times, as `nst video` takes them: `5s:scream`, `1:05:two.jpg`."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from nst_engine.video.options import LONGEST_SECONDS

_CLOCK = r"(?:(?P<hours>\d+):)?(?P<minutes>\d{1,2}):(?P<rest>\d\d(?:\.\d+)?)"
_SECONDS = r"(?P<seconds>[-+]?(?:\d+\.?\d*|\.\d+|nan|inf))s?"
_TIMED = re.compile(rf"(?P<time>{_CLOCK}|{_SECONDS}):(?P<style>.*)", re.DOTALL | re.IGNORECASE)
_WANTED = (
    f"wanted seconds from 0 on, at most {LONGEST_SECONDS:,.0f}, or minutes and seconds, such as 5s:{{0}}, 2.5:{{0}} or "
    "1:05:{0}"
)


@dataclass(frozen=True)
class TimedStyle:
    """A style as it was typed.

    Attributes:
        seconds: When it is fully there; None: it has no time.
        text: What was typed behind the time.
    """

    seconds: float | None
    text: str


def timed_style(text: str) -> TimedStyle:
    r"""Read a style, which may have a time before it.

    `C:\painting.jpg` has none, nor has a number that is followed by its weight; a file of that very name is the file.

    Raises:
        ArgumentTypeError: The time is none, or nothing follows it.
    """
    found = _TIMED.fullmatch(text)
    if found is None or _is_number(found["style"].partition(",")[0]) or Path(text).exists():
        return TimedStyle(None, text)
    style = found["style"]
    if not style:
        raise argparse.ArgumentTypeError(f"{text!r} came, without a style after its time; {_WANTED.format('scream')}")
    if found["seconds"] is not None:
        seconds = float(found["seconds"])
    else:
        seconds = int(found["hours"] or 0) * 3600 + int(found["minutes"]) * 60 + float(found["rest"])
    is_clock_wrong = found["rest"] is not None and (float(found["rest"]) >= 60 or int(found["minutes"]) >= 60)
    if is_clock_wrong or not 0 <= seconds <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"{found['time']!r} came as the time; {_WANTED.format(style)}")
    return TimedStyle(seconds, style)


def timeless_style(text: str) -> str:
    """A style of a command whose style does not change by times.

    Raises:
        ArgumentTypeError: It has a time.
    """
    if timed_style(text).seconds is not None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is a style with a time, which nst video alone takes; type {timed_style(text).text}"
        )
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
