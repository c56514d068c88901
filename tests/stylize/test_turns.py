"""Turns on one model: nobody is forgotten."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from nst_engine.cancellation import CancelToken, cancelled_by
from nst_engine.errors import BusyError, CancelledError
from nst_engine.stylize.turns import Turns


def test_who_waits_behind_a_cancelled_one_gets_the_turn() -> None:
    turns, token, entered = Turns("m", 1, None, lambda: None), CancelToken(), threading.Event()

    def cancelled() -> None:
        with contextlib.suppress(CancelledError), cancelled_by(token), turns.taken():
            pass

    def patient() -> None:
        with turns.taken():
            entered.set()

    threads = [threading.Thread(target=each, daemon=True) for each in (cancelled, patient)]
    with turns.taken():
        for thread in threads:
            thread.start()
            time.sleep(0.02)  # in this order; a twentieth of a second is how often the first one looks
        token.cancel()
    assert entered.wait(10)
    for thread in threads:
        thread.join(10)


def test_who_waits_too_long_is_told() -> None:
    turns = Turns("m", 1, 0.05, lambda: None)
    with turns.taken(), pytest.raises(BusyError, match="1 pictures are in progress"), turns.taken():
        pass
    with turns.taken():
        pass
