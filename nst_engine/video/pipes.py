"""Open files that are read or written once, such as pipes, and end when the run does."""

from __future__ import annotations

import errno
import io
import os
import select
import threading
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast

from nst_engine.checks import came, require_path
from nst_engine.errors import OptionError
from nst_engine.wording import label_of_path

#: An open binary file, used as it comes. Waiting at it ends with the run if it is a raw one (`buffering=0`).
Stream: TypeAlias = BinaryIO | io.RawIOBase

_WAIT_MS, _HEAD_BYTES = 100, 64
# As much as a pipe takes at once, if it takes anything: more would wait for who reads it.
_MOST_AT_ONCE = getattr(select, "PIPE_BUF", 512)
_STANDARD = {0: "stdin", 1: "stdout"}


def label_of_stream(stream: Stream) -> str:
    """What messages call it."""
    name = getattr(stream, "name", None)
    if isinstance(name, str):
        return label_of_path(name)
    return _STANDARD.get(name, "the stream") if isinstance(name, int) else "the stream"


def end_of(given: object, name: str, use: Literal["read", "write"]) -> Path | Stream:
    """One end of a run: a file, or an open one.

    Args:
        given: By whoever calls.
        name: Of the argument.
        use: What is done with it.

    Raises:
        OptionError: It is neither, or open in text mode.
    """
    if isinstance(given, str | os.PathLike):
        return Path(require_path(name, given))
    if hasattr(given, "encoding"):
        raise OptionError(f"a file in text mode came; open it with mode '{use[0]}b'", option=name)
    if not callable(getattr(given, use, None)):
        raise OptionError(f"{came(given)} came; wanted a path, or an open binary file", option=name)
    return cast("Stream", given)


class _Pipe:
    """What both ends have in common.

    Attributes:
        label: What messages call it.
        failure: What has ended it: PyAV, which calls `read` and `write`, may have something else to say, or nothing.

    Args:
        stream: The open file.
        stopped: Whoever waits at it is to give up.
    """

    def __init__(self, stream: Stream, stopped: threading.Event) -> None:
        self.label = label_of_stream(stream)
        self.failure: BaseException | None = None
        self._stream, self._stopped = stream, stopped

    def check(self) -> None:
        """Raise what has ended it."""
        if self.failure is not None:
            raise self.failure

    def _wait(self, event: int) -> bool:
        """Until there is something to read, or room to write; False: the run has ended meanwhile."""
        if not isinstance(self._stream, io.RawIOBase) or not hasattr(select, "poll"):
            return not self._stopped.is_set()
        waiting = select.poll()
        waiting.register(self._stream.fileno(), event)
        while not self._stopped.is_set():
            if waiting.poll(_WAIT_MS):
                return True
        return False


class PipeReader(_Pipe):
    """A stream as PyAV reads it."""

    def __init__(self, stream: Stream, stopped: threading.Event) -> None:
        super().__init__(stream, stopped)
        self._ahead = self._first = b""
        # of a buffered file, `read` would wait until all has come
        self._read_some = getattr(stream, "read1", stream.read)

    def read(self, size: int) -> bytes:
        """What has come, at most so many bytes; b"": it has ended."""
        try:
            if self._ahead:
                taken, self._ahead = self._ahead[:size], self._ahead[size:]
                return taken
            return (self._read_some(size) or b"") if self._wait(getattr(select, "POLLIN", 0)) else b""
        except BaseException as error:  # in a callback of C, Ctrl-C would be lost
            self.failure = error
            self._stopped.set()
            return b""

    def head(self, size: int) -> bytes:
        """The first bytes, at most 64, also after they have been read."""
        if not self._first:
            while len(self._first) < _HEAD_BYTES and (more := self.read(_HEAD_BYTES - len(self._first))):
                self._first += more
            self._ahead = self._first
            self.check()
        return self._first[:size]


def head_of(source: Path | PipeReader, size: int) -> bytes:
    """The first bytes of a file, or of what has come by a pipe.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(source, PipeReader):
        return source.head(size)
    with source.open("rb") as file:
        return file.read(size)


class PipeWriter(_Pipe):
    """A stream as PyAV writes it."""

    def write(self, content: bytes) -> int:
        """Write all of it.

        Raises:
            OSError: It cannot be written, or the run has ended.
        """
        try:
            left = memoryview(content)
            while left and self._wait(getattr(select, "POLLOUT", 0)):
                left = left[self._stream.write(left[:_MOST_AT_ONCE]) or 0 :]
        except BaseException as error:
            self.failure = error
            self._stopped.set()
            raise OSError(errno.ECANCELED, str(error)) from error
        if left:
            raise OSError(errno.ECANCELED, "the run has ended")
        return len(content)
