"""Results reach the disk whole or not at all, and never on top of an input by accident."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from nst_engine.errors import ImageEncodeError, OptionError, OutputError
from nst_engine.wording import label_of_path

PathLike: TypeAlias = str | os.PathLike[str]

_PART_BEGIN, _PART_END = ".nst-", ".part"
#: Between its beginning and its lock, a file that is being written looks like one that was left.
_YOUNGEST_LEFT_S = 0.5


def check_output(
    path: PathLike,
    suffixes: Collection[str],
    *,
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> Path:
    """Check, before long work starts, that a result can be written to `path`.

    Args:
        path: the output to be.
        suffixes: the valid ones, lower case with the dot.
        inputs: sources that must stay; anything that is no path (bytes, arrays) is passed over.
        overwrite: allow `path` to be one of `inputs`.

    Returns:
        `path` as a `Path`, as given.

    Raises:
        ImageEncodeError: the suffix is not among `suffixes`.
        OutputError: the folder is missing or not writable, `path` is a folder or a device, or it is the
            same file as one of `inputs` (also through a symbolic or hard link).
    """
    target, label = Path(path), label_of_path(path)
    if target.suffix.lower() not in suffixes:
        came = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
        raise ImageEncodeError(f"{label}: came {came}, wanted one of {', '.join(suffixes)}.")
    check_place(target)
    if not overwrite:
        check_is_no_input(target, inputs, " Choose another name, or say `overwrite=True`.")
    return target


def make_folder(folder: Path, cure: str) -> None:
    """Make a folder, and those that it is to lie in, where there is none.

    Args:
        folder: The path.
        cure: What to do where that fails, for the message.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{label_of_path(folder)}: cannot be made ({error.strerror}); {cure}") from error


def file_id(path: Path) -> tuple[int, int] | None:
    """The same for all names of a file; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OptionError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as unreadable:
        raise OptionError(f"{path}: cannot be read ({unreadable.strerror})") from unreadable


def check_is_no_input(path: Path, inputs: Iterable[object], cure: str = " Choose another name for the output.") -> None:
    """Refuse to replace an input by something that is written on the way, or by the result.

    Args:
        path: Where something would be written.
        inputs: Sources that must stay; anything that is no path is passed over.
        cure: What to do, for the message.

    Raises:
        OutputError: `path` is one of them, by whatever name or link.
    """
    for source in inputs:
        if isinstance(source, str | os.PathLike) and _same_file(path, Path(source)):
            name = label_of_path(source)
            raise OutputError(f"{label_of_path(path)}: is the input {name}, which would be lost.{cure}")


def is_no_room(error: OSError) -> bool:
    """Whether a disk, a quota or a limit on files is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomically(path: PathLike, content: bytes, *, follows_links: bool = True) -> None:
    """Write `content` to a temporary file beside `path`, then rename it.

    Args:
        path: Where to.
        content: Of the file.
        follows_links: Whether a symbolic link stays and the file behind it is replaced: in folders of our own, where
            nobody asked for that very name, the link is replaced itself.

    Raises:
        OutputError: the place cannot be written; nothing is left behind and an older file is untouched.
    """

    def write(file: BinaryIO) -> None:
        file.write(content)

    write_through(path, write, follows_links=follows_links)


def write_through(path: PathLike, write: Callable[[BinaryIO], None], *, follows_links: bool = True) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it; on any failure it is removed.

    The result is on the disk before it takes the name, and has the mode of the file that it replaces. What processes
    that were killed left beside it is removed.

    Raises:
        OutputError: the place cannot be written. What `write` raises beside `OSError` passes through.
    """
    with (
        _part_beside(Path(path), follows_links=follows_links) as (_, descriptor),
        os.fdopen(os.dup(descriptor), "wb") as file,
    ):
        write(file)


@contextlib.contextmanager
def part_beside(path: PathLike) -> Iterator[Path]:
    """As `write_through`, for what opens files by their name: the temporary file, empty, which becomes the result.

    Raises:
        OutputError: The place cannot be written. What the block raises beside `OSError` passes through.
    """
    with _part_beside(Path(path)) as (partial, _):
        yield partial


def put_in_place(finished: Path, path: PathLike) -> None:
    """Give a finished file of the same disk the name of a result, as `write_through` does: it is on the disk first.

    Raises:
        OSError: The place cannot be written.
    """
    target = Path(path).resolve()
    descriptor = os.open(finished, os.O_RDWR)
    try:
        _take_mode(target, descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    finished.replace(target)


@contextlib.contextmanager
def _part_beside(path: Path, *, follows_links: bool = True) -> Iterator[tuple[Path, int]]:
    """A temporary file and its descriptor: renamed after the block, removed on any failure."""
    label = label_of_path(path)
    target = check_place(path)
    if not follows_links:
        target = path.parent.resolve() / path.name
    _remove_left_over(target.parent)
    partial = target.with_name(f"{_PART_BEGIN}{secrets.token_hex(8)}{_PART_END}")
    try:
        # os.open, not tempfile: its files are private (0600), ours shall follow the umask.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _lock(descriptor)
            _take_mode(target, descriptor)
            yield partial, descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        partial.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise OutputError(
                f"{label}: cannot be written ({error.strerror or error}). Check the space and the permissions."
            ) from error
        raise


@functools.cache  # once a process and folder: one may hold a hundred thousand pictures
def _remove_left_over(folder: Path) -> None:
    """Remove temporary files that nobody holds any more."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PART_BEGIN) and entry.name.endswith(_PART_END):
                with contextlib.suppress(OSError):
                    _remove_if_left(entry)


def _remove_if_left(entry: os.DirEntry[str]) -> None:
    found = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode) or time.time() - found.st_mtime < _YOUNGEST_LEFT_S:
        return
    descriptor = os.open(entry.path, os.O_RDONLY)
    try:
        if _lock(descriptor):
            Path(entry.path).unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Hold a file as long as it is open; False where another process does, or the system knows no such locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _take_mode(target: Path, descriptor: int) -> None:
    """Whoever may read the old file may read the new one, and nobody else."""
    with contextlib.suppress(OSError, AttributeError):  # no old file; a system without modes
        if not target.is_symlink():
            os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))


def check_place(path: Path) -> Path:
    """Return the real path (links followed) if a file can be put there.

    Raises:
        OutputError: It cannot.
    """
    label = label_of_path(path)
    try:
        target = path.resolve()
        if target.is_dir():
            raise OutputError(f"{label}: is a folder, a file name was wanted. Add a name with a suffix.")
        if target.exists() and not target.is_file():
            raise OutputError(f"{label}: is a device or pipe, not a file. Choose a file name.")
        folder_exists = target.parent.is_dir()
    except (RuntimeError, ValueError) as error:  # a loop of links; a null character
        raise OutputError(f"{label!r}: is no usable path ({error}). Choose another name.") from error
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{label}: is no usable path ({error.strerror or error}). Choose another name.") from error
    folder = label_of_path(target.parent)
    if not folder_exists:
        raise OutputError(f"{label}: there is no folder {folder}. Create it first, or choose another.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{label}: the folder {folder} may not be written to. Choose another, or change its mode.")
    return target


def _same_file(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):  # one of the two does not exist
        return False
