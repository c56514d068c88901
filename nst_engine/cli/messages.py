"""What the library says, in the words of the command line: `max_side` becomes --max-side; and safe to be printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from nst_engine.errors import OptionError
from nst_engine.wording import printable

#: Options that a command takes one by one, and Python all at once.
_SINGULAR = {"style_images": "style_image", "content_masks": "content_mask", "style_masks": "style_mask"}
#: Flags of the command that runs; empty: of any.
_FLAGS: set[str] = set()
_IN_BACKTICKS = re.compile(r"`([a-z][a-z_]*)(?:=([^`]*))?`")


def flag_of(option: str) -> str:
    """`max_side` is `--max-side`, and `style_layers relu1_1` is `--style-layers relu1_1`."""
    name, space, of_it = option.partition(" ")
    return "--" + _SINGULAR.get(name, name).replace("_", "-") + space + of_it


def speak_of(flags: Iterable[str]) -> None:
    """From now on a command runs that has these flags, and no others are named; empty: all are."""
    _FLAGS.clear()
    _FLAGS.update(flags)


def with_flags(message: Exception | str, *, of_any_command: bool = False) -> str:
    """What an error or a text of the library says, with flags for options, and stdin for where it came from.

    Args:
        message: As the library says it.
        of_any_command: Whether it speaks of other commands' options, too: others stay as they are.
    """
    known = set() if of_any_command else _FLAGS
    text = str(message).replace("<bytes>", "stdin")  # a picture without a name has come by it
    if isinstance(message, OptionError) and message.option is not None:
        flag = flag_of(message.option)
        if not known or flag.split()[0] in known:
            text = flag + text.removeprefix(message.option)

    def replaced(option: re.Match[str]) -> str:
        flag = _flag(option)
        return flag if not known or flag.split()[0] in known else option[0]

    return printable(_IN_BACKTICKS.sub(replaced, text))


def as_json(value: Any, indent: int | None = None) -> str:
    """For stdout: ASCII, which is the same in every locale."""
    return json.dumps(value, indent=indent)


def _flag(option: re.Match[str]) -> str:
    value = option[2]
    return flag_of(option[1]) + ("" if value in (None, "True") else f" {value.strip(chr(39))}")
