"""What the library warns of goes to stderr, and with `-v` what it logs."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from nst_engine.cli.messages import with_flags
from nst_engine.wording import message_of

_LEVELS = (logging.INFO, logging.DEBUG)


def add_verbosity(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the flag to each command, and to the forms of `nst bench`; see `verbosity_of`."""
    for parser in commands.choices.values():
        parser.add_argument(
            "-v",
            "--verbose",
            action="count",
            default=argparse.SUPPRESS,
            help="say on stderr what is loaded and chosen, and why; -vv: more",
        )
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                add_verbosity(action)


def verbosity_of(arguments: argparse.Namespace) -> int:
    """How often the flag came; it is taken out, for commands that look at all of their arguments."""
    return int(vars(arguments).pop("verbose", 0))


@contextlib.contextmanager
def logged(verbosity: int) -> Iterator[None]:
    """Within it, the library's logs are shown: with 1 what an operator wants to know, with 2 or more all of it."""
    if not verbosity:
        yield
        return
    logger, handler = logging.getLogger("nst_engine"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    before = logger.level
    logger.setLevel(_LEVELS[min(verbosity, len(_LEVELS)) - 1])
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextlib.contextmanager
def warned_in_a_line() -> Iterator[None]:
    """Within it, a warning is a line as of all that the command says, without the place in the source."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"nst: {message_of(with_flags(str(message)))}", file=sys.stderr)

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = before


class _OneLine(logging.Formatter):
    """As all that the command says on stderr."""

    def format(self, record: logging.LogRecord) -> str:
        return f"nst: {record.levelname.lower()}: {message_of(with_flags(record.getMessage()))}"
