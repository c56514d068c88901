"""A real service in a process of its own, on a free port of the loopback."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from cli.running import ENVIRONMENT


@dataclass
class Service:
    """A running service."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60, **options)  # type: ignore[arg-type]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def service(folder: Path, *options: object, is_ready: bool = True, **environment: str) -> Iterator[Service]:
    """Started with these options; killed at the end, if it still runs."""
    log = folder / "serve.log"
    command = ["-m", "nst_engine", "serve", "--port", "0", "--data-folder", folder / "data", *options]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=folder,
            env={**ENVIRONMENT, "NST_ENGINE_THREADS": "1", **environment},
            stderr=file,
            text=True,
            start_new_session=True,
        )
    try:
        address = _address(process, log)
        if is_ready:
            wait_until_ready(address)
        yield Service(address, process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def wait_until_ready(address: str) -> None:
    """`/readyz` answers 200."""
    # Ray's takes half a minute where it is alone, and more beside other tests
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/readyz", timeout=10).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the service did not become ready")


def _address(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if matched := re.search(r"at (http://\S+);", log.read_text()):
            return matched[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())
