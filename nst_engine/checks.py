"""Checks of arguments that several doors share."""

from __future__ import annotations

import json
import operator
from typing import Any

from nst_engine.errors import OptionError

#: Of a number in JSON: none that we write is longer, and floats hold none above 308.
_MOST_DIGITS = 300


def parsed_json(text: str) -> Any:
    """What JSON says that anybody may have written.

    Raises:
        ValueError: It is no JSON, nested too deeply, or has a whole number of more digits than a float holds.
    """
    try:
        return json.loads(text, parse_int=_whole_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def require_count(name: str, value: object) -> int:
    """A whole number of at least 1, of any integer type but bool.

    Raises:
        OptionError: It is something else.
    """
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = 0
    if isinstance(value, bool) or count < 1:
        raise OptionError(f"{value!r} came; wanted a whole number of at least 1", option=name)
    return count
