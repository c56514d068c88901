"""Arrays that are used again."""

from __future__ import annotations

import contextlib

import numpy as np

from nst_engine.stylize.workspace import Workspaces


def test_arrays_are_lent_again_but_not_those_of_one_that_failed() -> None:
    workspaces = Workspaces()
    with workspaces.borrowed() as first:
        lent = first.array("painted", (2, 3), np.float32)
    with contextlib.suppress(RuntimeError), workspaces.borrowed() as again:
        assert np.shares_memory(lent, again.array("painted", (2, 3), np.float32))
        raise RuntimeError("what works on it could not be stopped")
    with workspaces.borrowed() as other:
        assert not np.shares_memory(lent, other.array("painted", (2, 3), np.float32))
