"""Processes that decode strangers' pictures: where one dies, hangs or eats memory, it costs that picture alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import mmap
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import UploadFile

from nst_engine.errors import BusyError, ImageDecodeError, ImageTooLargeError, MissingDependencyError, NSTError
from nst_engine.image import Picture
from nst_engine.limits import ImageLimits

_LOG = logging.getLogger("nst_engine.server.decoders")
_MODULE = "nst_engine.server.decoder_process"
_START_S = 30.0
#: Kept by a decoder between pictures; what a larger one took is given back.
_KEPT_BYTES = 32 << 20
#: Sooner copied than a thread takes its turn.
_QUICKLY_COPIED_BYTES = 4 << 20
_ERRORS: tuple[type[NSTError], ...] = (ImageDecodeError, ImageTooLargeError, MissingDependencyError)


class Decoders:
    """Decodes pictures, several at once.

    Args:
        count: Of the processes.
        limits: Of pictures.
        timeout_s: Of each.
        most_bytes: Of memory that decoding one may take; held on Linux.
    """

    def __init__(self, count: int, limits: ImageLimits, timeout_s: float, most_bytes: int) -> None:
        self._count, self._limits, self._timeout_s, self._most_bytes = count, limits, timeout_s, most_bytes
        self._places = asyncio.Semaphore(count)
        self._idle: list[_Decoder] = []
        self._starting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start them.

        Raises:
            BusyError: One does not start.
        """
        self._idle += await asyncio.gather(*(self._started() for _ in range(self._count)))

    async def close(self) -> None:
        """End them."""
        await asyncio.gather(*self._starting)
        await asyncio.gather(*(decoder.end() for decoder in self._idle))

    async def decode(
        self, source: bytes | UploadFile, name: str, *, max_side: int | None = None, first_frame: bool = False
    ) -> Picture:
        """A picture, as `nst_engine.load_image` reads it; decoding is ended with the task.

        Args:
            source: The file; an upload is read when its turn has come, so that those that wait take no memory.
            name: For messages.
            max_side: Larger pictures are shrunk to it, px; None: none is.
            first_frame: Take the first picture of an animation.

        Raises:
            ImageDecodeError: It cannot be decoded, or its decoder died, or took too long.
            ImageTooLargeError: It is too large.
            MissingDependencyError: What reads it is not installed.
            BusyError: No decoder can be started.
        """
        size = len(source) if isinstance(source, bytes) else source.size or 0
        self._limits.check_bytes(name, size)
        asked = {"size": size, "name": name, "max_side": max_side, "first_frame": first_frame}
        async with self._one() as decoder:
            content = source if isinstance(source, bytes) else await source.read()
            try:
                said = await asyncio.wait_for(decoder.ask(content, asked), self._timeout_s)
                if "error" not in said:
                    if 4 * said["height"] * said["width"] <= _QUICKLY_COPIED_BYTES:
                        return decoder.taken(said, name)
                    return await asyncio.to_thread(decoder.taken, said, name)
            except (TimeoutError, EOFError) as error:
                took_long = isinstance(error, TimeoutError)
                what = f"was not decoded within {self._timeout_s:g} s" if took_long else "ended what decoded it"
                _LOG.warning("a picture of %d bytes %s", len(content), what)
                raise ImageDecodeError(f"{name}: {what}. Save it again, smaller or in another format.") from None
        kind = next(kind for kind in _ERRORS if kind.__name__ == said["error"])
        raise kind(said["message"])

    @contextlib.asynccontextmanager
    async def _one(self) -> AsyncIterator[_Decoder]:
        """One that is idle; if it is not afterwards, it is ended, and another takes its place."""
        await self._places.acquire()
        decoder = None
        try:
            while decoder is None or not decoder.is_alive:
                decoder = self._idle.pop() if self._idle else await self._started()
            yield decoder
        finally:
            if decoder is None or decoder.is_idle:
                self._idle += [decoder] if decoder is not None else []
                self._places.release()
            else:
                decoder.kill()
                task = asyncio.create_task(self._replace(decoder))
                self._starting.add(task)
                task.add_done_callback(self._starting.discard)

    async def _replace(self, ended: _Decoder) -> None:
        await ended.end()
        with contextlib.suppress(BusyError):  # the next picture tries again, and says so
            self._idle.append(await self._started())
        self._places.release()

    async def _started(self) -> _Decoder:
        return await _Decoder.started(self._limits, self._timeout_s, self._most_bytes)


class _Decoder:
    """One process, with the memory that it shares.

    Attributes:
        is_idle: Whether it waits for a picture; False: it is at one, or was when it was given up.
    """

    def __init__(self, process: asyncio.subprocess.Process, memory: mmap.mmap) -> None:
        self._process, self._memory, self.is_idle = process, memory, True

    @property
    def is_alive(self) -> bool:
        """Whether nothing has ended it, as far as is known."""
        return self._process.returncode is None

    @classmethod
    async def started(cls, limits: ImageLimits, timeout_s: float, most_bytes: int) -> _Decoder:
        capacity = max(4 * limits.max_pixels, limits.max_bytes)  # RGB and alpha, or the file
        with _shared_memory(capacity) as (path, inherited):
            settings = {
                "memory": str(path),
                "capacity": capacity,
                "most_bytes": most_bytes,
                "timeout_s": timeout_s,
                "max_bytes": limits.max_bytes,
                "max_pixels": limits.max_pixels,
            }
            with path.open("r+b") as file:
                memory = mmap.mmap(file.fileno(), capacity)
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", _MODULE, json.dumps(settings)),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=DEVNULL,
                    env=environment,
                    pass_fds=inherited,
                )
            except OSError as error:
                raise BusyError(f"no process to decode pictures can be started ({error.strerror})") from error
            decoder = cls(process, memory)
            try:
                await asyncio.wait_for(decoder._line(), _START_S)
            except BaseException as error:
                await decoder.end()
                if isinstance(error, TimeoutError | EOFError):
                    raise BusyError("a process to decode pictures does not start") from None
                raise
        return decoder

    async def ask(self, content: bytes, asked: dict[str, Any]) -> dict[str, Any]:
        """What it says of a picture.

        Raises:
            EOFError: It has died.
        """
        assert self._process.stdin is not None
        self.is_idle = False
        self._memory[: len(content)] = content
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        except (OSError, RuntimeError) as error:  # the latter by uvloop, of a pipe that it has closed
            raise EOFError from error
        said = await self._line()
        self.is_idle = "error" in said
        return said

    def taken(self, said: dict[str, Any], name: str) -> Picture:
        """The picture that it has said to be there."""
        height, width, count = said["height"], said["width"], said["height"] * said["width"]
        shared = np.frombuffer(self._memory, np.uint8)
        pixels: NDArray[np.uint8] = shared[: 3 * count].reshape(height, width, 3).copy()
        alpha = shared[3 * count : 4 * count].reshape(height, width).copy() if said["has_alpha"] else None
        if 4 * count > _KEPT_BYTES and hasattr(mmap, "MADV_REMOVE"):
            self._memory.madvise(mmap.MADV_REMOVE)
        self.is_idle = True
        return Picture(pixels, alpha, name, said["format"])

    def kill(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """End it, and wait for that."""
        self.kill()
        await self._process.wait()

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        said: dict[str, Any] = json.loads(line)
        return said


@contextlib.contextmanager
def _shared_memory(capacity: int) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """A file by whose path a child that inherits the descriptors maps the same memory; until the block ends."""
    if hasattr(os, "memfd_create"):  # no file system of which a container has 64 MB
        descriptor = os.memfd_create("nst-decoder")
        try:
            os.ftruncate(descriptor, capacity)
            yield Path(f"/proc/self/fd/{descriptor}"), (descriptor,)
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        with path.open("wb") as file:
            file.truncate(capacity)
        yield path, ()
