"""Many pictures side by side: the order of the items, what failed, and how it ends."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from tiny_models import STYLES, photo, write_own

from nst_engine import CancelledError, NSTError, OptionError, Stylizer
from nst_engine.cancellation import check_cancelled
from nst_engine.runtimes.options import suitable_streams
from nst_engine.stylize.side_by_side import side_by_side


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order_with_what_failed_among_them(workers: int) -> None:
    completed = threading.Event()

    def work(number: int) -> int:
        if number == 0 and workers > 1:
            assert completed.wait(60)  # the second ends before the first
        if number == 1:
            completed.set()
        if number == 2:
            raise OptionError("two came")
        return 10 * number

    outcomes = list(side_by_side(work, range(7), workers))
    assert [item for item, _ in outcomes] == list(range(7))
    assert isinstance(outcomes[2][1], OptionError)
    assert [outcome for _, outcome in outcomes if not isinstance(outcome, NSTError)] == [0, 10, 30, 40, 50, 60]


def test_items_are_taken_only_as_workers_become_free() -> None:
    taken = []

    def items() -> object:
        for number in range(100):
            taken.append(number)
            yield number

    outcomes = side_by_side(str, items(), 2)  # type: ignore[arg-type]
    next(outcomes)
    assert len(taken) <= 4
    outcomes.close()


@pytest.mark.parametrize("how", ["closed", "raised"])
def test_what_is_in_progress_is_cancelled_when_it_ends_early(how: str) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    def work(number: int) -> int:
        if number == 1:
            begun.set()
            try:
                while True:
                    check_cancelled()
            except CancelledError:
                cancelled.set()
                raise
        assert begun.wait(60)
        if how == "raised":
            raise ZeroDivisionError
        return number

    outcomes = side_by_side(work, [0, 1, 2, 3], 2)
    if how == "raised":
        with pytest.raises(ZeroDivisionError):
            next(outcomes)
    else:
        assert next(outcomes) == (0, 0)
        outcomes.close()
    assert cancelled.is_set()


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_pictures_are_the_same_on_streams(tmp_path: Path, backend: str) -> None:
    own = write_own(tmp_path)
    pictures = [photo(40 + number % 3, 50) for number in range(9)]
    alone = Stylizer(own, device="cpu", backend=backend, threads=1)  # type: ignore[arg-type]
    with Stylizer(own, device="cpu", backend=backend, threads=2, streams=2) as stylizer:  # type: ignore[arg-type]
        assert stylizer.threads == 1
        for picture, result in side_by_side(lambda each: stylizer.stylize(each, STYLES[0]), pictures, 3):
            assert not isinstance(result, NSTError)
            np.testing.assert_array_equal(result.pixels, alone.stylize(picture, STYLES[0]).pixels)


@pytest.mark.parametrize("streams", [0, -1, 65, 1.5, "2"])
def test_a_number_of_streams_is_wanted(tmp_path: Path, streams: int) -> None:
    with pytest.raises(OptionError, match="streams"):
        Stylizer(write_own(tmp_path), device="cpu", streams=streams)


@pytest.mark.parametrize(
    ("pictures", "threads", "streams"),
    [(1, 8, 1), (15, 8, 1), (16, 1, 1), (16, 2, 2), (None, 2, 2), (None, 4, 2), (None, 16, 4), (None, 128, 8)],
)
def test_streams_that_suit(pictures: int | None, threads: int, streams: int) -> None:
    assert suitable_streams(pictures, threads) == streams
