"""Workers that are killed under load, and disks that are full."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cli.running import painting

from nst_engine.server.jobs import store
from nst_engine.server.jobs.job import new_identity
from nst_engine.server.jobs.store import JobStore

from .jobs_of import begin, state_of, wait_for
from .running import Service, service, wait_until_ready
from .test_jobs import ENDLESS, PHOTO, TINY, processes_of
from .test_painting import encoded, stylize

LARGE = encoded(painting(300, 400), "PNG")


def workers_of(running: Service) -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(running.process.pid), "-f", "spawn_main"], capture_output=True, text=True, check=True
    )
    return [int(line) for line in found.stdout.split()]


def test_killing_workers_under_load_leaves_the_others_answering(tmp_path: Path) -> None:
    answers: Counter[int] = Counter()
    lost: list[httpx.TransportError] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            with running.client(headers={"Connection": "close"}) as client:
                try:
                    answers[stylize(client, style="scream").status_code] += 1
                except httpx.TransportError as error:  # it was the dead one's
                    lost.append(error)

    with service(tmp_path, "--models", "live", "--workers", "2") as running:
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        with running.client(headers={"Connection": "close"}) as client:
            job = begin(client, "optimizations", PHOTO, **{**ENDLESS, "image_size": 128, "num_iterations": 12})
            wait_for(client, job, "running")
            killed = workers_of(running)[0]
            os.kill(killed, signal.SIGKILL)
            before, deadline = answers[200], time.monotonic() + 20
            while answers[200] < before + 20 and time.monotonic() < deadline:
                assert state_of(client, job)["state"] in ("running", "waiting", "done")  # the store is readable
                time.sleep(0.05)
            assert answers[200] >= before + 20
        is_over.set()
        for thread in threads:
            thread.join()
        assert set(answers) <= {200, 503}
        assert len(lost) <= 3 * 5
        wait_until_ready(running.address)
        with running.client() as client:
            wait_for(client, job, "done")
        wait_for_another_than(killed, running)
        assert running.stop() == 0


def wait_for_another_than(killed: int, running: Service) -> None:
    """Until there are two workers again: the dead one is missed before long, but not at once."""
    deadline = time.monotonic() + 20
    while len(workers := workers_of(running)) != 2 or killed in workers:
        assert time.monotonic() < deadline, workers
        time.sleep(0.1)


def test_workers_end_with_the_service(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "live", "--workers", "2") as running:
        wait_until_ready(running.address)
        workers = workers_of(running)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(timeout=60)
        deadline = time.monotonic() + 30
        while any(is_running(worker) for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{running.address}/healthz")


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_job_that_takes_its_workers_along_fails_at_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LEASE_S", -1.0)  # whoever has claimed it is dead
    jobs = JobStore(tmp_path / "jobs.sqlite", running=1, waiting=1, time_to_live_s=60)
    jobs.prepare()
    identity = new_identity()
    jobs.add(identity, "optimization")
    for attempt in (1, 2, 3):
        claimed = jobs.claim(f"worker {attempt}")
        assert claimed is not None
        assert (claimed.identity, claimed.attempts) == (identity, attempt)
    assert jobs.claim("worker 4") is None
    failed = jobs.job(identity)
    assert (failed.state, failed.error_type) == ("failed", "InferenceError")
    jobs.close()


@contextlib.contextmanager
def full_disk(*processes: int, most_bytes: int) -> Iterator[None]:
    """No file of these processes, and of those that they start, grows beyond that."""
    before = [resource.prlimit(process, resource.RLIMIT_FSIZE) for process in processes]
    for process, (_, hard) in zip(processes, before, strict=True):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        for process, limits in zip(processes, before, strict=True):
            if Path(f"/proc/{process}").exists():
                resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


def parts(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith(".part")]


def test_a_disk_that_is_full_when_a_job_comes(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "live") as running, running.client() as client:
        with full_disk(running.process.pid, most_bytes=50_000):
            for _ in range(3):
                answer = client.post("/v1/optimizations", files={"photo": LARGE}, data={"style": "scream"})
                assert answer.status_code == 507
                assert answer.json()["error"]["type"] == "OutputError"
                assert str(tmp_path) not in answer.text
            assert stylize(client, style="scream").status_code == 200
        assert not list((tmp_path / "data" / "jobs").iterdir())
        job = begin(client, "optimizations", PHOTO, **TINY)
        wait_for(client, job, "done")


def test_a_disk_that_fills_while_a_job_writes(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "live") as running, running.client() as client:
        job = begin(client, "optimizations", LARGE, **{**ENDLESS, "image_size": 512, "save_every": 1})
        wait_for(client, job, "running")
        folder, deadline = tmp_path / "data" / "jobs" / job["id"], time.monotonic() + 60
        while not state_of(client, job)["snapshots"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with full_disk(running.process.pid, *processes_of(job), most_bytes=8_000):
            while processes_of(job):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert stylize(client, style="scream").status_code == 200
        failed = wait_for(client, job, "failed")
        assert failed["error"]["type"] == "OutputError"
        answer = client.get(job["links"]["result"])
        assert answer.status_code == 507
        assert str(tmp_path) not in answer.text
        assert not parts(folder)
        for iteration in state_of(client, job)["snapshots"]:
            snapshot = client.get(f"{job['links']['self']}/snapshots/{iteration}").content
            assert snapshot.endswith(b"\xff\xd9")  # each is whole
        again = begin(client, "optimizations", PHOTO, **TINY)
        wait_for(client, again, "done")
        assert running.process.poll() is None
