"""The package's loggers, below `nst_engine`: silent until the program that uses it sets handlers and levels.

They are made here, not in the package's `__init__`: importing `logging` takes as long as the package itself.
"""

from __future__ import annotations

import logging

logging.getLogger("nst_engine").addHandler(logging.NullHandler())


def logger_of(module: str) -> logging.Logger:
    """The logger of one of our modules, by its `__name__`."""
    return logging.getLogger(module)
