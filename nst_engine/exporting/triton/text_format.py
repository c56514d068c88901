"""Protobuf's text format, as far as `config.pbtxt` needs it.

protobuf's own writer wants the schema, which comes with tritonclient and gRPC: fifty megabytes for some thirty lines
of text. The tests read what is written here by that schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nst_engine.models.triton import Enumerator

#: Fields of `ModelConfig` and of what is in it that are maps: pairs of key and value in text.
_MAPS = {"parameters", "inputs", "input_map", "output_map"}


def text_format(message: Mapping[str, Any]) -> str:
    """A message, given as its JSON would be, with `Enumerator`s as they are."""
    return "".join(f"{line}\n" for line in _lines(message, ""))


def _lines(message: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in message.items():
        if name in _MAPS:
            values: list[Any] = [{"key": key, "value": each} for key, each in value.items()]
        elif isinstance(value, list) and not isinstance(value[0], Mapping):
            yield f"{indent}{name}: [ {', '.join(map(_scalar, value))} ]"
            continue
        else:
            values = value if isinstance(value, list) else [value]
        for each in values:
            if isinstance(each, Mapping):
                yield f"{indent}{name} {{"
                yield from _lines(each, f"{indent}  ")
                yield f"{indent}}}"
            else:
                yield f"{indent}{name}: {_scalar(each)}"


def _scalar(value: bool | int | str) -> str:
    # JSON's escapes are C's, which protobuf reads; letters of all scripts stay, in UTF-8
    return value if isinstance(value, Enumerator) else json.dumps(value, ensure_ascii=False)
