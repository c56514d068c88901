"""The states of all jobs, in one SQLite file that every worker's process reads and writes."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from nst_engine.errors import BusyError, JobNotFoundError, OutputError
from nst_engine.server.jobs.job import Job, JobKind, JobState

#: A running job whose runner has said nothing for so long is nobody's.
LEASE_S = 10.0
_WAIT_FOR_LOCK_S = 10.0
_MOST_ATTEMPTS = 3
_RESERVED_PAGES, _PAGE_BYTES = 16, 4096
_COLUMNS = "identity, kind, state, created, started, ended, expires, attempts, error_type, error_message"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    identity TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    expires REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error_type TEXT NOT NULL DEFAULT '',
    error_message TEXT NOT NULL DEFAULT '',
    runner TEXT NOT NULL DEFAULT '',
    lease REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created);
"""


class JobStore:
    """Each call is a transaction: what a process that was killed has done of one counts for nothing.

    Args:
        file: Made by `prepare`.
        running: Jobs that run at once, in all processes.
        waiting: Jobs that may wait.
        time_to_live_s: From a job's end to its removal.

    Every call raises `OutputError` where the disk is full or may not be written to.
    """

    def __init__(self, file: Path, *, running: int, waiting: int, time_to_live_s: float) -> None:
        self._file, self._running, self._waiting, self._time_to_live_s = file, running, waiting, time_to_live_s
        self._kept: sqlite3.Connection | None = None

    def prepare(self) -> None:
        """Make the file, if it is not there."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self._file.parent}: cannot be made ({error.strerror})") from error
        with _refused():
            self._kept = database = self._connection()
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(_SCHEMA)
            database.execute("BEGIN IMMEDIATE")
            self._reserve(database)
            database.commit()
            database.execute("PRAGMA wal_checkpoint")

    @staticmethod
    def _reserve(database: sqlite3.Connection) -> None:
        """Room for what happens to jobs while the disk is full: free pages in the file, and in the log beside it.

        That the connection stays open belongs to it: the last one removes the log, and the next could not make it
        again, not even to read.
        """
        (free,) = database.execute("PRAGMA freelist_count").fetchone()
        if free < _RESERVED_PAGES:
            database.execute("CREATE TABLE reserved (room BLOB)")
            database.execute("INSERT INTO reserved VALUES (zeroblob(?))", (_RESERVED_PAGES * _PAGE_BYTES,))
            database.execute("DROP TABLE reserved")

    def close(self) -> None:
        """Nothing more is asked."""
        if self._kept is not None:
            self._kept.close()

    def check_room(self) -> None:
        """Before anything is written for a job.

        Raises:
            BusyError: So many wait as may.
        """
        with self._opened(reads_only=True) as database:
            self._check_room(database)

    def add(self, identity: str, kind: JobKind) -> Job:
        """A new job, which waits.

        Raises:
            BusyError: So many wait as may.
        """
        now = time.time()
        with self._opened() as database:
            self._check_room(database)
            database.execute(
                "INSERT INTO jobs (identity, kind, state, created, expires) VALUES (?, ?, 'waiting', ?, ?)",
                (identity, kind, now, now + self._time_to_live_s),
            )
        return self.job(identity)

    def _check_room(self, database: sqlite3.Connection) -> None:
        (count,) = database.execute("SELECT count(*) FROM jobs WHERE state = 'waiting'").fetchone()
        if count >= self._waiting:
            raise BusyError(f"{count} jobs wait, which is all there is room for; try again later")

    def job(self, identity: str, kind: JobKind | None = None) -> Job:
        """One job.

        Args:
            identity: Of it.
            kind: That it must be of; None: any.

        Raises:
            JobNotFoundError: There is none.
        """
        with self._opened(reads_only=True) as database:
            row = database.execute(f"SELECT {_COLUMNS} FROM jobs WHERE identity = ?", (identity,)).fetchone()
            if row is None or (kind is not None and row[1] != kind):
                raise JobNotFoundError("there is no such job; it never was, or its time has passed")
            before = None
            if row[2] == "waiting":
                query = "SELECT count(*) FROM jobs WHERE state = 'waiting' AND created < ?"
                (before,) = database.execute(query, (row[3],)).fetchone()
        return replace(Job(*row), position=before)

    def counts(self) -> dict[str, int]:
        """Number of jobs in each state, the empty ones included."""
        with self._opened(reads_only=True) as database:
            found = database.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
        return {**dict.fromkeys(get_args(JobState), 0), **dict(found)}

    def claim(self, runner: str) -> Job | None:
        """The job that has waited longest, now this runner's; None: none waits, or enough run.

        Jobs of runners that are no more wait again, or have failed where that has happened too often.
        """
        now = time.time()
        with self._opened() as database:
            self._take_back(database, now)
            (running,) = database.execute("SELECT count(*) FROM jobs WHERE state = 'running'").fetchone()
            if running >= self._running:
                return None
            found = database.execute(
                "SELECT identity FROM jobs WHERE state = 'waiting' ORDER BY created LIMIT 1"
            ).fetchone()
            if found is None:
                return None
            database.execute(
                "UPDATE jobs SET state = 'running', started = ?, attempts = attempts + 1, runner = ?, lease = ? "
                "WHERE identity = ?",
                (now, runner, now + LEASE_S, *found),
            )
        return self.job(found[0])

    def _take_back(self, database: sqlite3.Connection, now: float) -> None:
        orphaned = "state = 'running' AND lease < ?"
        database.execute(
            f"UPDATE jobs SET state = 'failed', ended = ?, expires = ?, error_type = 'InferenceError', "
            f"error_message = 'its process was killed {_MOST_ATTEMPTS} times' WHERE {orphaned} AND attempts >= ?",
            (now, now + self._time_to_live_s, now, _MOST_ATTEMPTS),
        )
        database.execute(f"UPDATE jobs SET state = 'waiting', started = NULL WHERE {orphaned}", (now,))

    def renew(self, identity: str, runner: str) -> bool:
        """Whether the job is still this runner's to run: it was not cancelled."""
        with self._opened() as database:
            return self._changed(database, "lease = ?", (time.time() + LEASE_S,), identity, runner)

    def end(self, identity: str, runner: str, error: tuple[str, str] | None = None) -> None:
        """It is done, or has failed by an exception of that name and text."""
        now, state = time.time(), "done" if error is None else "failed"
        values = (state, now, now + self._time_to_live_s, *(error or ("", "")))
        changes = "state = ?, ended = ?, expires = ?, error_type = ?, error_message = ?"
        with self._opened() as database:
            self._changed(database, changes, values, identity, runner)

    def put_back(self, identity: str, runner: str) -> None:
        """It waits again, since the service ends; this attempt does not count."""
        with self._opened() as database:
            changes = "state = 'waiting', started = NULL, attempts = attempts - 1"
            self._changed(database, changes, (), identity, runner)

    def cancel(self, identity: str) -> bool:
        """Whether it waited or ran, which it does no longer."""
        now = time.time()
        with self._opened() as database:
            cursor = database.execute(
                "UPDATE jobs SET state = 'cancelled', ended = ?, expires = ? "
                "WHERE identity = ? AND state IN ('waiting', 'running')",
                (now, now + self._time_to_live_s, identity),
            )
            return cursor.rowcount > 0

    def remove(self, identity: str) -> None:
        """Forget it."""
        with self._opened() as database:
            database.execute("DELETE FROM jobs WHERE identity = ?", (identity,))

    def expired(self) -> list[str]:
        """Identities of jobs whose time has passed."""
        query = "SELECT identity FROM jobs WHERE state NOT IN ('waiting', 'running') AND expires < ?"
        with self._opened(reads_only=True) as database:
            return [identity for (identity,) in database.execute(query, (time.time(),))]

    def identities(self) -> set[str]:
        """Of all jobs."""
        with self._opened(reads_only=True) as database:
            return {identity for (identity,) in database.execute("SELECT identity FROM jobs")}

    @staticmethod
    def _changed(
        database: sqlite3.Connection, changes: str, values: tuple[Any, ...], identity: str, runner: str
    ) -> bool:
        cursor = database.execute(
            f"UPDATE jobs SET {changes} WHERE identity = ? AND runner = ? AND state = 'running'",
            (*values, identity, runner),
        )
        return cursor.rowcount > 0

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file, timeout=_WAIT_FOR_LOCK_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_RESERVED_PAGES}")  # then the log begins anew, in its own room
        return connection

    @contextlib.contextmanager
    def _opened(self, *, reads_only: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction on a connection of its own, so that none crosses threads or forks.

        One that reads sees the store as it was when it began, and waits for nobody; nor does anybody for it. One that
        writes takes the lock before it reads what it decides by.
        """
        with _refused(), contextlib.closing(self._connection()) as database:
            database.execute("BEGIN" if reads_only else "BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.rollback()
                raise
            database.commit()


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OutputError(f"the store of jobs cannot be used ({error})") from error
