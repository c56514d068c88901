"""`-v`: what the library logs goes to stderr."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator

from nst_engine.cli.messages import with_flags
from nst_engine.wording import message_of

_LEVELS = (logging.INFO, logging.DEBUG)


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add the flag."""
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="say on stderr what is loaded and chosen, and why; -vv: more"
    )


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


class _OneLine(logging.Formatter):
    """As all that the command says on stderr."""

    def format(self, record: logging.LogRecord) -> str:
        return f"nst: {record.levelname.lower()}: {message_of(with_flags(record.getMessage()))}"
