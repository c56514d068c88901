"""The files of a job: what it was given, what it says while it runs, what it has made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from nst_engine.errors import OutputError
from nst_engine.files import write_atomically, write_through

_REQUEST, _EVENTS, _SNAPSHOTS = "request.json", "events.jsonl", "snapshots"
_LAST_EVENTS_BYTES = 8192
_COPY_BYTES = 1 << 20


class JobFolder:
    """Reads and writes them.

    Args:
        path: The folder of one job, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Make it, empty.

        Raises:
            OutputError: It cannot be made.
        """
        try:
            (self.path / _SNAPSHOTS).mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"{self.path.parent}: cannot be written to ({error.strerror})") from error

    def remove(self) -> None:
        """Remove it with all files, as far as that is possible."""
        shutil.rmtree(self.path, ignore_errors=True)

    def put(self, name: str, source: BinaryIO) -> None:
        """Keep an upload, whole or not at all.

        Raises:
            OutputError: There is no room.
        """

        def copy(file: BinaryIO) -> None:
            shutil.copyfileobj(source, file, _COPY_BYTES)

        write_through(self.path / name, copy, follows_links=False)

    def write_request(self, request: dict[str, Any]) -> None:
        """Keep what is wanted."""
        write_atomically(self.path / _REQUEST, json.dumps(request).encode())

    def request(self) -> dict[str, Any]:
        """What is wanted."""
        wanted: dict[str, Any] = json.loads((self.path / _REQUEST).read_bytes())
        return wanted

    def begin_events(self) -> Callable[[str, dict[str, Any]], None]:
        """Forget earlier attempts' events and snapshots; how events are written from now on."""
        for snapshot in (self.path / _SNAPSHOTS).iterdir():
            snapshot.unlink()
        log = (self.path / _EVENTS).open("w", encoding="ascii", buffering=1)

        def write(kind: str, values: dict[str, Any]) -> None:
            log.write(json.dumps({"event": kind, **values}) + "\n")

        return write

    def events(self, position: int = 0) -> list[tuple[dict[str, Any], int]]:
        """The events from a position on, and where each ends; one that is half written comes later.

        From the first on, where no event ends at that position: the job was begun again, or nobody was given it.
        """
        happened: list[tuple[dict[str, Any], int]] = []
        try:
            file = (self.path / _EVENTS).open("rb")
        except FileNotFoundError:
            return happened
        with file:
            file.seek(max(0, position - 1))
            if position > 0 and file.read(1) != b"\n":
                position = file.seek(0)
            for line in file:
                if line.endswith(b"\n"):
                    position += len(line)
                    happened.append((json.loads(line), position))
        return happened

    def last_progress(self) -> dict[str, Any] | None:
        """The newest event of progress."""
        try:
            size = (self.path / _EVENTS).stat().st_size
        except FileNotFoundError:
            return None
        begin = max(0, size - _LAST_EVENTS_BYTES)
        with (self.path / _EVENTS).open("rb") as file:
            file.seek(begin)
            content = file.read()
        lines = content[: content.rfind(b"\n") + 1].splitlines()[1 if begin else 0 :]
        events = [json.loads(line) for line in reversed(lines)]
        return next((event for event in events if event["event"] == "progress"), None)

    def snapshot_path(self, iteration: int) -> Path:
        """Where that snapshot is, if it is there."""
        return self.path / _SNAPSHOTS / f"{iteration:06d}.jpg"

    def snapshots(self) -> list[int]:
        """Iterations of those that are there."""
        try:
            return sorted(int(each.stem) for each in (self.path / _SNAPSHOTS).glob("[0-9]*.jpg"))
        except FileNotFoundError:
            return []

    def bytes_used(self) -> int:
        """Of all files in it."""
        return sum(_sizes(self.path))


def _sizes(folder: Path) -> Iterator[int]:
    for each in folder.rglob("*"):
        try:
            if each.is_file():
                yield each.stat().st_size
        except OSError:  # removed meanwhile
            continue
