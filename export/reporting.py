"""How the scripts end: an error that a reader can mend is one line and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable

from nst_engine.errors import NSTError


def exit_code_of(script: str, work: Callable[[], int]) -> int:
    """Do the work; what it returns, or 2 for bad input and missing packages."""
    try:
        return work()
    except NSTError as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 2
