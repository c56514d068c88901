"""How often each caller may ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_engine.server import rate
from nst_engine.server.rate import Rate, caller_at, make_table

from .running import service


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate, "time", clock)
    return clock


def test_a_minutes_requests_at_once_and_then_one_by_one(clock: Clock) -> None:
    limited = Rate(30)
    assert [limited.seconds_to_wait(b"key") for _ in range(30)] == [0.0] * 30
    assert limited.seconds_to_wait(b"key") == pytest.approx(2)
    clock.now += 1.5
    assert limited.seconds_to_wait(b"key") == pytest.approx(0.5)
    clock.now += 0.6
    assert limited.seconds_to_wait(b"key") == 0
    assert limited.seconds_to_wait(b"key") > 1
    assert limited.seconds_to_wait(b"another") == 0
    clock.now += 1000
    assert [limited.seconds_to_wait(b"key") for _ in range(31)].count(0) == 30


def test_workers_count_together(tmp_path: Path) -> None:
    make_table(tmp_path / "rates")
    workers = [Rate(10, tmp_path / "rates") for _ in range(3)]
    waits = [workers[number % 3].seconds_to_wait(b"key") for number in range(12)]
    assert waits.count(0) == 10
    assert (tmp_path / "rates").stat().st_size < 1 << 20


def test_memory_does_not_grow_with_callers(clock: Clock) -> None:
    limited = Rate(10)
    for number in range(100_000):
        limited.seconds_to_wait(str(number).encode())
    assert len(limited._memory) < 1 << 20


def test_neighbours_of_ipv6_are_one_caller() -> None:
    assert caller_at("2001:db8::1") == caller_at("2001:db8::ffff:1")
    assert caller_at("2001:db8::1") != caller_at("2001:db8:0:1::1")
    assert caller_at("192.0.2.1") != caller_at("192.0.2.2")


def test_clients_by_ipv4_are_told_apart_where_ipv6_is_listened_on() -> None:
    """`--host ::` sees them as ::ffff:192.0.2.1."""
    assert caller_at("::ffff:192.0.2.1") == caller_at("192.0.2.1")
    assert caller_at("::ffff:192.0.2.1") != caller_at("::ffff:192.0.2.2")


@pytest.mark.parametrize("workers", [1, 2])
def test_over_http_each_key_has_its_own(tmp_path: Path, workers: int) -> None:
    (tmp_path / "keys.txt").write_text("one\ntwo\n")
    options = ("--models", "live", "--rate", "5", "--api-key-file", "keys.txt", "--workers", workers)
    with service(tmp_path, *options) as running:
        for key in ("one", "two"):
            with running.client(headers={"X-API-Key": key, "Connection": "close"}) as client:
                answers = [client.get("/v1/models") for _ in range(7)]
            assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
            assert answers[-1].json()["error"]["type"] == "BusyError"
        with running.client(headers={"X-API-Key": "wrong"}) as client:
            statuses = [client.get("/v1/models").status_code for _ in range(7)]
            assert statuses == [401] * 5 + [429] * 2  # who guesses keys is slowed down, too
            assert client.get("/healthz").status_code == 200
