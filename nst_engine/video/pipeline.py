"""Decodes, stylizes and encodes concurrently."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from nst_engine.video.frames import Frame

#: Frames that wait between two stages at most: enough to absorb jitter, in little memory.
QUEUE_FRAMES = 3

_Item = TypeVar("_Item")


@dataclass
class StageSeconds:
    """How long each stage has worked, without waiting; conversions from and to RGB belong to decoding and encoding."""

    decode: float = 0.0
    paint: float = 0.0
    encode: float = 0.0


class ChannelClosedError(Exception):
    """Another stage has failed: this one must end."""


class Channel(Generic[_Item]):
    """A bounded queue between two threads that either side can end."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[_Item] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._has_ended = self._is_closed = False

    def put(self, item: _Item) -> None:
        """Wait for room, then add an item.

        Raises:
            ChannelClosedError: The channel was closed.
        """
        with self._changed:
            while len(self._items) >= self._capacity and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                raise ChannelClosedError
            self._items.append(item)
            self._changed.notify_all()

    def take(self) -> _Item | None:
        """Wait for an item; None: there will be no more.

        Raises:
            ChannelClosedError: The channel was closed.
        """
        with self._changed:
            while not self._items and not self._has_ended and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                raise ChannelClosedError
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """After the last item."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wake up and end both sides; what waits is dropped."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()


def run_pipeline(
    frames: Iterator[Frame],
    stylize: Callable[[Frame], Frame | None],
    write: Callable[[Frame], None],
    *,
    stopped: threading.Event | None = None,
) -> StageSeconds:
    """Run frames through three concurrent stages, stylizing in the caller's thread.

    Whatever any stage raises, Ctrl-C included, ends all of them; no thread is left when this returns or raises.

    Args:
        frames: Decoded in its own thread.
        stylize: Stylizes a frame; returns None if it is not written.
        write: Takes stylized frames, in order, in its own thread.
        stopped: Set when a stage has failed, for who waits at a pipe.

    Raises:
        BaseException: What the first stage to fail has raised.
    """
    return _Run(frames, stylize, write, stopped or threading.Event()).seconds_of_stages()


class _Run:
    """One run: two channels, two threads and the caller's."""

    def __init__(
        self,
        frames: Iterator[Frame],
        stylize: Callable[[Frame], Frame | None],
        write: Callable[[Frame], None],
        stopped: threading.Event,
    ) -> None:
        self._stopped = stopped
        self._frames, self._stylize, self._write = frames, stylize, write
        self._seconds = StageSeconds()
        self._decoded, self._stylized = Channel[Frame](QUEUE_FRAMES), Channel[Frame](QUEUE_FRAMES)
        self._failures: list[BaseException] = []

    def seconds_of_stages(self) -> StageSeconds:
        """Do it."""
        threads = [
            threading.Thread(target=self._guarded, args=(stage,), name=stage.__name__.strip("_"))
            for stage in (self._decode_all, self._encode_all)
        ]
        try:
            for thread in threads:
                thread.start()
            self._stylize_frames()
            _join(threads)
        except BaseException as error:
            self._fail(error)
            while any(thread.is_alive() for thread in threads):
                try:
                    _join(threads)
                except KeyboardInterrupt as again:  # both are about to end
                    self._fail(again)
        if self._failures:
            raise self._failures[0]
        return self._seconds

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, ChannelClosedError):
            self._failures.append(error)
        self._stopped.set()
        self._decoded.close()
        self._stylized.close()

    def _decode_all(self) -> None:
        while True:
            begun = time.perf_counter()
            frame = next(self._frames, None)
            self._seconds.decode += time.perf_counter() - begun
            if frame is None:
                break
            self._decoded.put(frame)
        self._decoded.end()

    def _stylize_frames(self) -> None:
        while (frame := self._decoded.take()) is not None:
            begun = time.perf_counter()
            stylized = self._stylize(frame)
            self._seconds.paint += time.perf_counter() - begun
            if stylized is not None:
                self._stylized.put(stylized)
        self._stylized.end()

    def _encode_all(self) -> None:
        while (frame := self._stylized.take()) is not None:
            begun = time.perf_counter()
            self._write(frame)
            self._seconds.encode += time.perf_counter() - begun


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        if thread.ident is not None:
            thread.join()
