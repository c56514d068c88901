"""Checks of arguments that several doors share."""

from __future__ import annotations

import json
import operator
import os
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


def require_path(name: str, value: object, wanted: str = "a path, as text or as a pathlib.Path") -> str:
    """A path as text, of what anybody may have given for one.

    Raises:
        OptionError: It is something else, such as bytes.
    """
    path = value.__fspath__() if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise OptionError(f"{came(path)} came; wanted {wanted}", option=name)
    return path


def came(value: object) -> str:
    """What an argument of the wrong type is, in messages."""
    is_short = value is None or isinstance(value, str | bytes | int | float)
    return repr(value)[:40] if is_short else f"a {type(value).__name__}"
