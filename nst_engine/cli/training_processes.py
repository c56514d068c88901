"""`--devices N`: the same command in N processes that train together, as `torchrun` would start it on one machine.

`torchrun` is the way to several machines, and works; but it ends in a traceback of its own, also after Ctrl-C, and
shows what each process says.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from nst_engine.cli.exit_codes import INTERRUPTED
from nst_engine.cli.progress_bar import console
from nst_engine.errors import ProcessLostError
from nst_engine.training.ranks import RENDEZVOUS, own_rank

# of a process that ends because another has: EX_TEMPFAIL of sysexits.h
_LOST = 75
_LOOK_EVERY_S = 0.05
# for others to notice that one has ended; on GPUs they may wait for it for ever
_GRACE_S = 3.0


def in_processes(arguments: argparse.Namespace, devices: int, train: Callable[[], int]) -> int:
    """Train in this process; or, where it is to be on several devices and this is what was typed, in others.

    Args:
        arguments: Of the command; `typed` is how it was called.
        devices: On how many to train.
        train: Trains in this process; returns the exit code.
    """
    rank = own_rank()
    if devices > 1 and rank.size == 1:
        with tempfile.TemporaryDirectory(prefix="nst-") as folder:
            return _Processes(arguments.typed, devices, Path(folder)).run()
    console.quiet = not rank.is_first
    if RENDEZVOUS not in os.environ:
        return train()
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    try:
        return train()
    except ProcessLostError:  # which one, says the process that started all of them
        return _LOST


def _stop_when_alone() -> None:
    """Stop with a checkpoint when the process that started this one is gone, and with it the pipe's other end."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class _Processes:
    """The processes of a training on this machine, of which the first speaks for all.

    Each has a session of its own, so that Ctrl-C comes from here, and once.

    Args:
        typed: The command's arguments.
        count: How many processes.
        folder: For what they leave there for one another.
    """

    def __init__(self, typed: Sequence[str], count: int, folder: Path) -> None:
        self._typed, self._count, self._folder = typed, count, folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._was_interrupted = False

    def run(self) -> int:
        """Start them, wait, and end all where one has failed; returns the exit code."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            for number in range(self._count):
                self._start(number)
            self._wait(lambda codes: any(codes) or None not in codes)
            codes = self._wait(lambda codes: None not in codes, _GRACE_S)
        finally:
            for process in self._running:
                process.kill()
                process.communicate()
            signal.signal(signal.SIGINT, before)
        return self._outcome(codes)

    def _start(self, number: int) -> None:
        ranks = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": self._count, "LOCAL_WORLD_SIZE": self._count}
        environment = {name: str(value) for name, value in ranks.items()}
        with self._said_by(number).open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "nst_engine", *self._typed],
                env={**os.environ, **environment, RENDEZVOUS: str(self._folder / "rendezvous")},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL if number else None,
                stderr=said if number else None,
                start_new_session=True,
            )
        self._running.append(process)

    def _said_by(self, number: int) -> Path:
        return self._folder / f"said-by-{number}"

    def _wait(self, until: Callable[[list[int | None]], bool], longest_s: float = math.inf) -> list[int | None]:
        """The exit codes of the processes, None of those that are running, once they are as wanted."""
        end = time.monotonic() + longest_s
        while not until(codes := [process.poll() for process in self._running]) and time.monotonic() < end:
            time.sleep(_LOOK_EVERY_S)
        return codes

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._was_interrupted:
            raise KeyboardInterrupt
        self._was_interrupted = True
        if os.name != "nt":  # where Ctrl-C comes to all that share a console
            for process in self._running:
                process.terminate()

    def _outcome(self, codes: Sequence[int | None]) -> int:
        first = codes[0]
        if first is not None and first >= 0 and first != _LOST:  # it has said why
            return INTERRUPTED if self._was_interrupted and first else first
        if self._was_interrupted:
            raise KeyboardInterrupt
        failed = ((number, code) for number, code in enumerate(codes) if code not in (None, 0, _LOST))
        number, code = next(failed, (0, None))
        if code is not None and code > 0:
            sys.stderr.write(self._said_by(number).read_text(encoding="utf-8", errors="replace"))
            return code
        how = "has lost the others" if code is None else f"was ended by signal {-code}, {signal.strsignal(-code)}"
        raise ProcessLostError(
            f"process {number + 1} of {self._count} {how}; all were ended; go on from the last checkpoint, if there is "
            "one yet, with the same command and `resume`"
        )
