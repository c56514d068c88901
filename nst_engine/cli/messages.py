"""What the library says, in the words of the command line: `max_side` becomes --max-side; and safe to be printed."""

from __future__ import annotations

import json
import re
from typing import Any

from nst_engine.errors import OptionError
from nst_engine.wording import printable

#: Options that a command takes one by one, and Python all at once.
_SINGULAR = {"style_images": "style_image", "content_masks": "content_mask", "style_masks": "style_mask"}
_IN_BACKTICKS = re.compile(r"`([a-z][a-z_]*)(?:=([^`]*))?`")


def flag_of(option: str) -> str:
    """`max_side` is `--max-side`, and `style_layers relu1_1` is `--style-layers relu1_1`."""
    name, space, of_it = option.partition(" ")
    return "--" + _SINGULAR.get(name, name).replace("_", "-") + space + of_it


def with_flags(message: Exception | str) -> str:
    """What an error or a text of the library says, with flags for options."""
    text = str(message)
    if isinstance(message, OptionError) and message.option is not None:
        text = flag_of(message.option) + text.removeprefix(message.option)
    return printable(_IN_BACKTICKS.sub(_flag, text))


def as_json(value: Any, indent: int | None = None) -> str:
    """For stdout: ASCII, which is the same in every locale."""
    return json.dumps(value, indent=indent)


def _flag(option: re.Match[str]) -> str:
    value = option[2]
    return flag_of(option[1]) + ("" if value in (None, "True") else f" {value.strip(chr(39))}")
