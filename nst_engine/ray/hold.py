"""One run at a time has an output: two would record what the other does, and write over it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from nst_engine.errors import OutputError
from nst_engine.ray.storage import RECORDS, Place, why

_LOCK, _SIGN = f"{RECORDS}/lock", f"{RECORDS}/running.json"
#: A run that lives writes its sign anew so often; one that does not for so long is dead.
_BEAT_S, _PATIENCE_S = 2.0, 6.0


@contextlib.contextmanager
def held(output: Place) -> Iterator[None]:
    """The output is this run's until the block ends, however it ends.

    Here it is locked, which ends with the process. Stores know no locks: there a run leaves a sign and changes it every
    few seconds, and whoever finds one waits whether it changes; clocks need not agree.

    Raises:
        OutputError: Another run has it, or it cannot be written.
    """
    with _locked(output) if output.is_local else _signed(output):
        yield


@contextlib.contextmanager
def _locked(output: Place) -> Iterator[None]:
    lock = FileLock(output.below(_LOCK).path)
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise _taken(output, "") from None
    except OSError as error:
        raise OutputError(
            f"{output.url}: cannot be written ({why(error)}); check the address and the rights"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _signed(output: Place) -> Iterator[None]:
    place, is_over = output.below(_SIGN), threading.Event()
    found = _read(place)
    if found and not is_over.wait(_PATIENCE_S) and _read(place) not in (found, b""):
        raise _taken(output, f" ({found.decode(errors='replace')})")

    def sign() -> None:
        told = {"node": socket.gethostname(), "process": os.getpid(), "sign": secrets.token_hex(4)}
        place.write(json.dumps(told).encode())

    def go_on() -> None:
        while not is_over.wait(_BEAT_S):
            with contextlib.suppress(OutputError):  # the results themselves tell of a store that is gone
                sign()

    sign()
    beating = threading.Thread(target=go_on, name="nst-output-is-held", daemon=True)
    beating.start()
    try:
        yield
    finally:
        is_over.set()
        beating.join()
        place.remove()


def _read(place: Place) -> bytes:
    try:
        return place.whole()
    except FileNotFoundError:
        return b""
    except Exception as error:  # each store has exceptions of its own
        raise OutputError(f"{place.url}: cannot be read ({why(error)}); take another output") from error


def _taken(output: Place, by: str) -> OutputError:
    return OutputError(
        f"{output.url}: another run is painting into it{by}; wait for its end, then go on by `resume=True`, or take "
        "another output"
    )
