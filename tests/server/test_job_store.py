"""The states of jobs in one file: who reads them, and who changes them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from nst_engine.errors import OutputError
from nst_engine.server.jobs import store
from nst_engine.server.jobs.job import new_identity
from nst_engine.server.jobs.store import JobStore


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobStore]:
    """One that does not wait for others."""
    monkeypatch.setattr(store, "_WAIT_FOR_LOCK_S", 0.0)
    jobs = JobStore(tmp_path / "jobs.sqlite", running=1, waiting=3, time_to_live_s=0)
    jobs.prepare()
    yield jobs
    jobs.close()


def test_readers_wait_for_no_writer(jobs: JobStore, tmp_path: Path) -> None:
    ended, waits = new_identity(), new_identity()
    jobs.add(ended, "video")
    jobs.cancel(ended)
    jobs.add(waits, "optimization")
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM jobs")
        with pytest.raises(OutputError, match="locked"):
            jobs.cancel(waits)
        jobs.check_room()
        assert (jobs.job(waits).state, jobs.job(waits).position) == ("waiting", 0)
        assert jobs.counts() == {"waiting": 1, "running": 0, "done": 0, "failed": 0, "cancelled": 1}
        assert jobs.expired() == [ended]
        assert jobs.identities() == {ended, waits}
