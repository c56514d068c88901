"""Checks of arguments that several doors share."""

from __future__ import annotations

import operator

from nst_engine.errors import OptionError


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
        wanted = "of at least 1" if largest is None else f"from 1 to {largest}"
        raise OptionError(f"{value!r} came; wanted a whole number {wanted}", option=name)
    return count
