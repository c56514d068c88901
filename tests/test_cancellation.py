"""Stops of work that is not ours."""

from __future__ import annotations

from nst_engine.cancellation import Stop


def test_a_stop_reaches_the_work_that_is_registered_and_nothing_after_it() -> None:
    asked: list[str] = []
    stop = Stop()
    with stop.done_by(lambda: asked.append("first")):
        pass
    stop.ask()  # late: what stopped the first may be at somebody else's work by now
    assert asked == []
    with stop.done_by(lambda: asked.append("second")):
        assert asked == ["second"]  # at once, as it was asked for before
