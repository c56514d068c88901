"""Starts the processes of jobs, watches them, and ends them: a thread of each worker of the service."""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nst_engine.errors import JobNotFoundError, OutputError
from nst_engine.server.jobs.folder import JobFolder
from nst_engine.server.jobs.job import Job, checked_identity
from nst_engine.server.jobs.machine import Machine
from nst_engine.server.jobs.store import JobStore

_LOG = logging.getLogger("nst_engine.server.jobs")
_PAUSE_S, _PAUSE_ON_FAILURE_S = 0.2, 2.0
_RENEWAL_S, _WEIGHING_S = 0.5, 5.0
_YOUNGEST_ORPHAN_S = 3600.0


class JobRunner:
    """Runs what waits in the store, until it is closed.

    Args:
        store: Of all workers.
        folder: Where the jobs' folders are.
        machine: On what.
        timeout_s: Of a job, from its start.
        quota_bytes: Of all jobs' files; one that would make them more is ended.
        places: Jobs that this worker runs at once.
        sweep_s: Time between two looks at whose time has passed.
        also_sweep: Removes what else is old, then.
    """

    def __init__(
        self,
        store: JobStore,
        folder: Path,
        machine: Machine,
        *,
        timeout_s: float,
        quota_bytes: int,
        places: int,
        sweep_s: float,
        also_sweep: Callable[[], None],
    ) -> None:
        self._store, self._folder, self._machine = store, folder, machine
        self._timeout_s, self._quota_bytes, self._sweep_s = timeout_s, quota_bytes, sweep_s
        self._sweeps = (self._remove_expired, also_sweep)
        self._name, self._closing = secrets.token_hex(8), threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"jobs-{number}") for number in range(places)]
        self._threads.append(threading.Thread(target=self._sweep, name="jobs-sweep"))

    def start(self) -> None:
        """Begin to take jobs."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Take no more, and put back what runs: whoever comes next does it."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def folder_of(self, identity: str) -> JobFolder:
        """The files of a job."""
        return JobFolder(self._folder / checked_identity(identity))

    def bytes_used(self) -> int:
        """Of all jobs' files."""
        return JobFolder(self._folder).bytes_used()

    def _run(self) -> None:
        while not self._closing.wait(_PAUSE_S):
            try:
                job = self._store.claim(self._name)
                if job is not None:
                    self._do(job)
            except Exception:  # a full disk, most likely: jobs go on when there is room again
                _LOG.exception("no job can be taken or ended")
                self._closing.wait(_PAUSE_ON_FAILURE_S)

    def _do(self, job: Job) -> None:
        folder = self.folder_of(job.identity)
        _LOG.info("%s %s: attempt %d", job.kind, job.identity, job.attempts)
        try:
            with _process(folder, self._machine) as process:
                error = self._error_of(job, process)
        except _NotOursError:
            with contextlib.suppress(JobNotFoundError):
                self._store.job(job.identity)
                return
            folder.remove()
        except _ClosingError:
            self._store.put_back(job.identity, self._name)
        else:
            self._end(job, error)
            _LOG.info("%s %s: %s", job.kind, job.identity, "done" if error is None else ": ".join(error))

    def _end(self, job: Job, error: tuple[str, str] | None) -> None:
        """Note it, as soon as there is room for that."""
        while True:
            try:
                return self._store.end(job.identity, self._name, error)
            except OutputError:
                if self._closing.wait(_PAUSE_ON_FAILURE_S):
                    raise

    def _error_of(self, job: Job, process: subprocess.Popen[bytes]) -> tuple[str, str] | None:
        """Wait for the process: None where it has done its job, else the name and the text of an exception."""
        begun = renewed = weighed = time.monotonic()
        while process.poll() is None:
            if self._closing.wait(_PAUSE_S):
                raise _ClosingError
            now = time.monotonic()
            if now - begun > self._timeout_s:
                return "BusyError", f"not done within {self._timeout_s:g} s, which is all that a job may take here"
            if now - renewed > _RENEWAL_S:
                renewed = now
                with contextlib.suppress(OutputError):  # of a full disk
                    if not self._store.renew(job.identity, self._name):
                        raise _NotOursError
            if now - weighed > _WEIGHING_S:
                weighed = now
                if self.bytes_used() > self._quota_bytes:
                    return "OutputError", f"the files of all jobs exceed the quota of {self._quota_bytes:,} bytes"
        return _said(process)

    def _sweep(self) -> None:
        while not self._closing.wait(self._sweep_s):
            for sweep in self._sweeps:
                try:
                    sweep()
                except Exception:
                    _LOG.exception("old jobs or styles cannot be removed")

    def _remove_expired(self) -> None:
        for identity in self._store.expired():
            self.folder_of(identity).remove()  # first: it makes the room for what the store writes
            self._store.remove(identity)
        known = self._store.identities()
        for path in self._folder.glob("*"):  # of processes that were killed between a job's files and its row
            if path.name not in known and time.time() - path.stat().st_mtime > _YOUNGEST_ORPHAN_S:
                JobFolder(path).remove()


class _NotOursError(Exception):
    """The job was cancelled, or taken by another runner."""


class _ClosingError(Exception):
    """The service ends."""


@contextlib.contextmanager
def _process(folder: JobFolder, machine: Machine) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "nst_engine.server.jobs.work", str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            with contextlib.suppress(OSError):  # it has died already
                process.stdin.write(machine.line())
                process.stdin.flush()
            yield process
        finally:
            process.kill()


def _said(process: subprocess.Popen[bytes]) -> tuple[str, str] | None:
    if process.returncode == 0:
        return None
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    try:
        said = json.loads(lines[-1])
        return said["type"], said["message"]
    except (IndexError, ValueError, KeyError, TypeError):
        return "InferenceError", f"its process ended with {process.returncode}; the service's log says more"
