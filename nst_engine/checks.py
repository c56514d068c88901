"""Checks of arguments that several doors share."""

from __future__ import annotations

import errno
import json
import operator
import stat
from pathlib import Path
from typing import Any

from nst_engine.errors import OptionError

#: Of a number in JSON: none that we write is longer, and floats hold none above 308.
_MOST_DIGITS = 300


#: Of a text file; the results of a long `nst bench` take a few megabytes.
_MOST_TEXT_BYTES = 64 << 20


def text_of(path: Path) -> str:
    """What a text file says that anybody may have written.

    Raises:
        OSError: It cannot be read, or is a pipe or a device, which may have no end.
        ValueError: It is larger than any that we write, or no UTF-8.
    """
    # before it is opened: that waits at a pipe
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no plain file", str(path))
    with path.open("rb") as file:
        content = file.read(_MOST_TEXT_BYTES + 1)
    if len(content) > _MOST_TEXT_BYTES:
        raise ValueError(f"larger than {_MOST_TEXT_BYTES >> 20} MiB")
    return content.decode("utf-8")


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


def require_count(name: str, value: object, *, largest: int | None = None) -> int:
    """A whole number of at least 1, of any integer type but bool.

    Args:
        name: Of the option.
        value: What came.
        largest: The largest accepted; None: any.

    Raises:
        OptionError: It is something else.
    """
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = 0
    if isinstance(value, bool) or count < 1 or (largest is not None and count > largest):
        expected = "of at least 1" if largest is None else f"from 1 to {largest}"
        raise OptionError(f"{value!r} came; wanted a whole number {expected}", option=name)
    return count
