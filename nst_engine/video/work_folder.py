"""The unfinished work of a run, beside its output, so that the next run can go on from it.

In the folder lies a file for each finished part, and `work.jsonl`: on its first line what is made of what, then a
line for each part that is finished. A line is written after its part has reached the disk, so a run that is killed at
any time loses what was not finished, and nothing else.

Others may write to where the output goes, and put a link or files of theirs there: links are not followed, and nothing
but our own files is removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nst_engine.checks import parsed_json
from nst_engine.errors import OptionError, OutputError
from nst_engine.files import write_atomically
from nst_engine.reading import text_of
from nst_engine.wording import label_of_path

_LOG, _LOCK = "work.jsonl", "lock"
_OURS = re.compile(r"(\d{6,}|whole)\.\w+|work\.jsonl|lock|\.nst-[0-9a-f]{16}\.part")


@dataclass(frozen=True)
class Part:
    """A finished piece of the result.

    Attributes:
        file: Its name in the folder.
        size: In bytes.
        frames: How many it holds.
        first_pts: When its first frame is shown, in ticks of the clip's time base.
        end_pts: When its last frame ends.
    """

    file: str
    size: int
    frames: int
    first_pts: int
    end_pts: int


def folder_beside(target: Path) -> Path:
    """Where the unfinished work for an output lies."""
    return target.with_name(f".{target.name}.nst-video")


class WorkFolder:
    """The folder, open for one run.

    Attributes:
        parts: The finished ones, in order.

    Args:
        target: The output; links are followed.
        identity: What is made: what of it differs from an earlier run's forbids to go on; JSON can hold it.
        resume: Whether to go on from what is there.
        on_note: Told when an earlier run's work is thrown away.

    Raises:
        OptionError: The work that is there was begun from another input or with other options.
        OutputError: The folder cannot be made or read, or another run is at work in it.
    """

    def __init__(
        self, target: Path, identity: Mapping[str, Any], *, resume: bool, on_note: Callable[[str], None]
    ) -> None:
        self._folder = folder_beside(target)
        self._label = label_of_path(self._folder)
        self._identity = json.loads(json.dumps(identity))
        self.parts: list[Part] = []
        try:
            is_new = _made(self._folder, self._label)
            self._lock = _locked(self._folder / _LOCK, self._label)
            try:
                self._begin(resume=resume, on_note=None if is_new else on_note)
            except BaseException:
                self._lock.release()
                raise
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(
                f"{self._label}: cannot be written ({error.strerror or error}); remove it, or choose another output"
            ) from error

    def _begin(self, *, resume: bool, on_note: Callable[[str], None] | None) -> None:
        if (self._folder / _LOG).exists():
            if resume:
                self.parts = self._read()
            elif on_note is not None:
                on_note(f"{self._label}: the unfinished work of an earlier run is thrown away")
        lines = [json.dumps(self._identity, ensure_ascii=False), *(_line_of(part) for part in self.parts)]
        write_atomically(self._folder / _LOG, ("\n".join(lines) + "\n").encode())
        self._tidy()

    def new_path(self, suffix: str) -> Path:
        """A name for the part that is begun now."""
        return self._folder / f"{len(self.parts):06d}{suffix}"

    def path_of(self, part: Part) -> Path:
        """Where a finished part lies."""
        return self._folder / part.file

    def add(self, path: Path, *, frames: int, first_pts: int, end_pts: int) -> None:
        """Count a part as finished: its file is complete.

        Args:
            path: From `new_path`.
            frames: How many it holds.
            first_pts: When its first frame is shown, in ticks.
            end_pts: When its last frame ends, in ticks.
        """
        with contextlib.suppress(OSError), path.open("rb+") as file:
            os.fsync(file.fileno())
        part = Part(path.name, path.stat().st_size, frames, first_pts, end_pts)
        with (self._folder / _LOG).open("ab") as log:
            log.write((_line_of(part) + "\n").encode())
        self.parts.append(part)

    def whole_path(self, suffix: str) -> Path:
        """A name for the result before it is renamed to the output."""
        return self._folder / f"whole{suffix}"

    def give_up(self) -> None:
        """Nothing can be made of the parts: `close` removes them."""
        self.parts = []

    def close(self) -> None:
        """Leave the folder with what a later run can go on from; without a finished part it is removed."""
        if self.parts:
            with contextlib.suppress(OSError):
                self._tidy()
            self._lock.release()
        else:
            self.remove()

    def remove(self) -> None:
        """The result is in its place."""
        self.parts = []
        with contextlib.suppress(OSError):
            self._tidy(keeps_log=False)
        with contextlib.suppress(OSError):
            (self._folder / _LOCK).unlink(missing_ok=True)
        self._lock.release()
        with contextlib.suppress(OSError):  # where something of other people's lies in it, it stays
            self._folder.rmdir()

    def _read(self) -> list[Part]:
        """The parts that are finished and still there."""
        try:
            first, *lines = text_of(self._folder / _LOG).split("\n")
            identity = parsed_json(first)
        except ValueError as error:
            raise OutputError(f"{self._label}: cannot be read ({error}); start anew: leave out `resume`") from error
        _check_same(self._identity, identity, self._label)
        parts = []
        for line in lines:
            try:
                part = Part(**parsed_json(line))
            except (ValueError, TypeError):  # killed while it was written; or the end
                break
            if not _OURS.fullmatch(str(part.file)):
                raise OutputError(f"{self._label}: names files that are not its own; start anew: leave out `resume`")
            path = self._folder / part.file
            if path.is_symlink() or not path.is_file() or path.stat().st_size != part.size:
                break
            parts.append(part)
        return parts

    def _tidy(self, *, keeps_log: bool = True) -> None:
        """Remove what is ours, and no finished part."""
        listed = {_LOCK, *([_LOG] if keeps_log else []), *(part.file for part in self.parts)}
        for path in self._folder.iterdir():
            if path.name not in listed and _OURS.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                path.unlink()


def finished_frames(target: Path) -> int | None:
    """How many frames an unfinished run has painted; None: there is none."""
    try:
        lines = text_of(folder_beside(target.resolve()) / _LOG).split("\n")[1:]
    except (OSError, ValueError):
        return None
    total = 0
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            total += int(parsed_json(line)["frames"])
    return total


def _check_same(now: Mapping[str, Any], before: object, label: str) -> None:
    if not isinstance(before, dict) or before.get("input") != now.get("input"):
        raise OptionError(
            f"{label} was begun from another input, or that file has changed since; start anew: leave out `resume`",
            option="resume",
        )
    old, new = before.get("options") or {}, now["options"]
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if changed:
        differences = ", ".join(f"{name}: {old.get(name)} then, {new.get(name)} now" for name in changed)
        raise OptionError(
            f"{label} was begun with other options ({differences}); type the same as then, or leave out `resume`",
            option="resume",
        )


def _line_of(part: Part) -> str:
    return json.dumps(asdict(part), ensure_ascii=False)


def _made(folder: Path, label: str) -> bool:
    """Whether the folder was made now; a link of that name, or a file, is refused."""
    try:
        folder.mkdir()
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir():
            raise OutputError(f"{label}: is in the way, a link or file where a folder was wanted; remove it") from None
        return False
    return True


def _locked(path: Path, label: str) -> FileLock:
    """Held until it is released, or the process ends."""
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(f"{label}: another run is at work on this output; wait for it, or stop it") from error
    return lock
