"""Names and texts of strangers, made fit for messages: on one line, short, and nothing that steers a terminal."""

from __future__ import annotations

import os
import re

#: Of a word, such as a path, and of all that is said.
_LONGEST_WORD, _LONGEST_TEXT = 400, 2000
_CUT = " [...] "


def label_of_path(path: str | os.PathLike[str]) -> str:
    """Return the path as printable text; bytes that are no UTF-8, and control characters, are escaped."""
    text = os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    # a line of its own could say anything
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def printable(text: str) -> str:
    """The text with all that could steer a terminal, or turn its words around, escaped; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode("ascii") for each in text
    )


def counted(number: int, noun: str) -> str:
    """`1 step`, `2,000 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def message_of(text: str) -> str:
    """What an error says: printable, on one line, and without the middle of what has no end.

    Applied again, it changes nothing.
    """
    line = re.sub(r"[\n\t]+", " ", printable(text))
    words = re.sub(rf"\S{{{_LONGEST_WORD + 1},}}", lambda word: _shortened(word[0], _LONGEST_WORD), line)
    return _shortened(words, _LONGEST_TEXT)


def _shortened(text: str, most: int) -> str:
    """Its beginning, which says what came, and its end, which says what to do."""
    if len(text) <= most:
        return text
    kept = (most - len(_CUT)) // 2
    return text[:kept] + _CUT + text[-kept:]
