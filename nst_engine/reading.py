"""Files that anybody may have put there are read: looked at before they are opened, which waits at a pipe for ever."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

#: Of a text file; the results of a long `nst bench` take a few megabytes.
_MOST_TEXT_BYTES = 64 << 20

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def why_no_file(path: str | os.PathLike[str], *, takes_open_pipes: bool = False) -> str | None:
    """What is there where a plain file was wanted, in words that follow its name in a message.

    Args:
        path: Of the file; it is not opened.
        takes_open_pipes: Whether a pipe will do that a shell has opened already, as in `<(command)`: it has a writer,
            but can be read only once.

    Returns:
        Such as "is a named pipe, not a file"; None: it is a file.
    """
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "no such file"
    except ValueError:
        return "no file name holds a null character"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    is_open = stat.S_ISFIFO(mode) and _is_open(os.fspath(path))
    if stat.S_ISREG(mode) or (is_open and takes_open_pipes):
        return None
    kind = next((kind for is_one, kind in _KINDS if is_one(mode)), "something else")
    return f"is {'a pipe' if is_open else kind}, not a file"


def _is_open(pipe: str) -> bool:
    """Whether a shell has opened it for us: such a pipe has no name of its own."""
    return pipe.startswith("/dev/fd/") or not os.path.lexists(os.path.realpath(pipe))


def text_of(path: Path) -> str:
    """What a text file says that anybody may have written.

    Raises:
        OSError: It cannot be read, or is a pipe or a device, which may have no end.
        ValueError: It is larger than any that we write, or no UTF-8.
    """
    why = why_no_file(path)
    if why is not None and path.exists():
        raise OSError(why)
    with path.open("rb") as file:
        content = file.read(_MOST_TEXT_BYTES + 1)
    if len(content) > _MOST_TEXT_BYTES:
        raise ValueError(f"larger than {_MOST_TEXT_BYTES >> 20} MiB")
    return content.decode("utf-8")
