"""Pictures of several threads that a busy device computes at once: which, whose result is whose, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import STYLES, photo, write_own

from nst_engine import CancelledError, CancelToken, OptionError, Stylizer, StylizeResult
from nst_engine.cancellation import cancelled_by
from nst_engine.runtimes.session import Session
from nst_engine.stylize.gathering import Gathering
from nst_engine.stylize.style_choice import Style


class Device:
    """Doubles numbers; busy until it is told to go on. Fails where a negative one is among them."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.goes_on = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        assert self.goes_on.wait(60)
        if min(numbers) < 0:
            raise ValueError(f"{min(numbers)} came")
        return [2 * number for number in numbers]


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


class Recorded(Gathering[int, int]):
    """Knows which numbers wait or are worked at."""

    def __init__(self, work: Callable[[Sequence[int]], Sequence[int]], most: int) -> None:
        self.begun: list[int] = []
        self.most = most

        def recorded(numbers: Sequence[int]) -> Sequence[int]:
            self.begun += numbers
            return work(numbers)

        super().__init__(recorded, at_once=1)

    def knows(self, number: int) -> bool:
        return number in self.begun or number in [asked.item for asked in self._waiting]


def ask(
    threads: ThreadPoolExecutor,
    gathering: Recorded,
    numbers: Sequence[int],
    kinds: str = "",
    token: CancelToken | None = None,
) -> list[Future[int]]:
    """Each from a thread of its own, one after the other."""

    def result_of(kind: str, number: int) -> int:
        with cancelled_by(token):
            return gathering.result_of(kind, number, gathering.most)

    futures = []
    for kind, number in zip(kinds or "a" * len(numbers), numbers, strict=True):
        futures.append(threads.submit(result_of, kind, number))
        wait_until(partial(gathering.knows, number))
    return futures


def wait_until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_comes_while_the_device_is_busy_is_done_in_groups_of_a_power_of_two(
    threads: ThreadPoolExecutor, device: Device
) -> None:
    gathering = Recorded(device, most=4)
    futures = ask(threads, gathering, range(9))
    device.goes_on.set()
    assert [future.result(60) for future in futures] == [2 * number for number in range(9)]
    assert device.groups == [[0], [1, 2, 3, 4], [5, 6, 7, 8]]
    assert ask(threads, gathering, [50])[0].result(60) == 100  # alone, at once


def test_three_that_wait_are_two_and_one(threads: ThreadPoolExecutor, device: Device) -> None:
    futures = ask(threads, Recorded(device, most=8), range(4))
    device.goes_on.set()
    assert [future.result(60) for future in futures] == [0, 2, 4, 6]
    assert device.groups == [[0], [1, 2], [3]]


def test_only_those_of_a_kind_are_together_and_who_came_first_is_first(
    threads: ThreadPoolExecutor, device: Device
) -> None:
    futures = ask(threads, Recorded(device, most=4), range(6), "aababb")
    device.goes_on.set()
    assert [future.result(60) for future in futures] == [0, 2, 4, 6, 8, 10]
    assert device.groups == [[0], [1, 3], [2, 4], [5]]


def test_of_a_group_that_fails_only_the_faulty_one_does(threads: ThreadPoolExecutor, device: Device) -> None:
    futures = ask(threads, Recorded(device, most=4), [0, 1, -7, 3, 4])
    device.goes_on.set()
    assert [futures[place].result(60) for place in (0, 1, 3, 4)] == [0, 2, 6, 8]
    with pytest.raises(ValueError, match="-7 came"):
        futures[2].result(60)


def test_who_is_cancelled_leaves_and_the_others_do_not_wait_for_it(threads: ThreadPoolExecutor, device: Device) -> None:
    token, gathering = CancelToken(), Recorded(device, most=4)
    first = ask(threads, gathering, [0])
    gone = ask(threads, gathering, [1], token=token)
    stays = ask(threads, gathering, [2])
    token.cancel()
    with pytest.raises(CancelledError):
        gone[0].result(60)
    device.goes_on.set()
    assert [first[0].result(60), stays[0].result(60)] == [0, 4]
    assert device.groups == [[0], [2]]


def test_when_the_leading_thread_is_cancelled_the_rest_of_its_group_is_done_again(
    threads: ThreadPoolExecutor,
) -> None:
    token, groups, busy = CancelToken(), [], threading.Event()

    def work(numbers: Sequence[int]) -> list[int]:
        groups.append(list(numbers))
        if len(groups) == 1:
            assert busy.wait(60)
        if len(groups) == 2:  # as a runtime that is interrupted
            token.cancel()
            token.check()
        return [2 * number for number in numbers]

    gathering = Recorded(work, most=4)
    first = ask(threads, gathering, [0])
    leads = ask(threads, gathering, [1], token=token)
    follows = ask(threads, gathering, [2, 3, 4])
    busy.set()
    assert [future.result(60) for future in first + follows] == [0, 4, 6, 8]
    with pytest.raises(CancelledError):
        leads[0].result(60)
    assert groups == [[0], [1, 2, 3, 4], [2, 3], [4]]


def test_a_group_of_which_all_are_cancelled_stops_nobody_else(threads: ThreadPoolExecutor) -> None:
    leading, following = CancelToken(), CancelToken()
    groups, busy, breaks_off = [], threading.Event(), threading.Event()

    def work(numbers: Sequence[int]) -> list[int]:
        groups.append(list(numbers))
        if len(groups) == 1:
            assert busy.wait(60)
        if len(groups) == 2:
            assert breaks_off.wait(60)
            leading.check()
        return [2 * number for number in numbers]

    gathering = Recorded(work, most=2)
    first = ask(threads, gathering, [0])
    leads = ask(threads, gathering, [1], token=leading)
    follows = ask(threads, gathering, [2], token=following)
    busy.set()
    wait_until(lambda: len(groups) == 2)
    following.cancel()  # and its thread is gone before the group is broken off
    with pytest.raises(CancelledError):
        follows[0].result(60)
    leading.cancel()
    breaks_off.set()
    with pytest.raises(CancelledError):
        leads[0].result(60)
    others = [threads.submit(gathering.result_of, "a", number, 2) for number in (3, 4)]
    assert [future.result(20) for future in first + others] == [0, 6, 8]


def test_pictures_of_several_threads_are_painted_in_one_run_each_in_its_own_style(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    may_go, run = threading.Event(), Session.run

    def counted(self: Session, pictures: NDArray[np.float32], *rest: object) -> NDArray[np.float32]:
        runs.append(len(pictures))
        assert may_go.wait(60)
        return run(self, pictures, *rest)  # type: ignore[arg-type]

    photos = [photo(33, 47, seed=seed) for seed in range(5)]
    styles: list[Style] = [STYLES[0], STYLES[1], {STYLES[0]: 0.3, STYLES[1]: 0.7}, STYLES[0], STYLES[1]]
    outputs = [None, None, np.zeros((33, 47, 3), np.uint8), None, None]
    with Stylizer(write_own(tmp_path), device="cpu", backend="onnxruntime", max_batch_size=4) as stylizer:

        def paint(content: NDArray[np.uint8], style: Style, out: NDArray[np.uint8] | None) -> StylizeResult[Any]:
            return stylizer.stylize(content, style, out=out)

        alone = [stylizer.stylize(*pair).image for pair in zip(photos, styles, strict=True)]
        monkeypatch.setattr(Session, "run", counted)
        futures = []
        for content, style, out in zip(photos, styles, outputs, strict=True):
            futures.append(threads.submit(paint, content, style, out))
            wait_until(lambda: runs)
        gathering = stylizer.pipeline._gathering
        assert gathering is not None
        wait_until(lambda: len(gathering._waiting) == 4)
        may_go.set()
        results = [future.result(60) for future in futures]
    assert runs == [1, 4]
    for result, expected in zip(results, alone, strict=True):
        assert np.abs(result.pixels.astype(int) - expected).max() <= 1
        assert result.timings_ms["inference"] > 0
        stages = sum(value for stage, value in result.timings_ms.items() if stage != "total")
        assert result.timings_ms["total"] == pytest.approx(stages)
        assert min(result.timings_ms.values()) >= 0
        assert result.provider == "CPUExecutionProvider"
    assert results[2].pixels is outputs[2]


def test_how_many_are_painted_at_once_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="max_batch_size"):
        Stylizer(write_own(tmp_path), max_batch_size=0)
    with Stylizer(write_own(tmp_path), device="cpu", max_batch_size=None, streams=2) as stylizer:
        assert (stylizer.max_batch_size, stylizer.max_concurrency) == (1, 3)  # a CPU gains nothing
    with Stylizer(write_own(tmp_path), device="cpu", max_batch_size=4) as stylizer:
        assert (stylizer.max_batch_size, stylizer.max_concurrency) == (4, 5)
