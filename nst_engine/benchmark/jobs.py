"""Measurements, each in a fresh process, so that start-up, memory and crashes are isolated."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst_engine import errors
from nst_engine.benchmark.row import Case, Row
from nst_engine.errors import InferenceError, NSTError

#: Timeout of a process, s; a compiler or TensorRT may take minutes for a network.
LIMIT_S = 1800.0

_ROOT = Path(__file__).parents[2]
# -P and an appended path: a file torch.py in the user's folder must not shadow torch
_START = "import sys; sys.path.append(sys.argv[1]); from nst_engine.benchmark.worker import main; main(*sys.argv[2:])"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """What a process runs.

    Attributes:
        module: Whose `measure` is called, by its whole name.
        case: Of the row it makes; empty for one that makes none.
        arguments: Of `measure`, for JSON.
        threads: Number of CPU threads.
        environment: Set for the process.
    """

    module: str
    case: Case
    arguments: Mapping[str, Any]
    threads: int
    environment: Mapping[str, str] = field(default_factory=dict)


class JobFailedError(Exception):
    """A process did not return what it was asked for.

    Args:
        reason: For display.
        kind: Name of the package's exception that it raised, or empty.
    """

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.reason, self.kind = reason, kind

    def as_nst_error(self) -> NSTError:
        """The package's exception that was raised there, or the nearest one."""
        kind = getattr(errors, self.kind, InferenceError)
        error: NSTError = kind(self.reason)
        return error


def measured(job: Job, folder: Path) -> Row:
    """The row of a job; if it fails, the row holds the reason."""
    try:
        answer = answer_of(job, folder)
    except JobFailedError as failed:
        return Row(job.case, reason=failed.reason)
    return Row(
        job.case,
        times_ms=answer["times_ms"],
        figures=answer["figures"],
        is_wrong=answer["is_wrong"],
        remarks=tuple(answer["remarks"]),
    )


def answer_of(job: Job, folder: Path) -> dict[str, Any]:
    """What `measure` returned in a fresh process.

    Raises:
        JobFailedError: It raised, crashed, or took longer than `LIMIT_S`.
    """
    own = folder / secrets.token_hex(8)
    own.mkdir()
    request, answer, log = own / "job.json", own / "answer.json", own / "log.txt"
    request.write_text(json.dumps({"module": job.module, "arguments": dict(job.arguments)}), encoding="utf-8")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(_ROOT), str(request), str(answer)],
            env=_environment(job, own),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C comes to us alone, and we end it with all that it started
        )
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise JobFailedError(f"no answer within {LIMIT_S:.0f} s") from None
        finally:
            _end(process)
    if not answer.is_file():
        raise JobFailedError(_how_it_ended(process.returncode, log))
    response: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "reason" in response:
        raise JobFailedError(response["reason"], response["kind"])
    result: dict[str, Any] = response["result"]
    return result


def _environment(job: Job, own: Path) -> dict[str, str]:
    caches = own / "caches"
    return {
        **os.environ,
        **dict.fromkeys(_THREAD_VARIABLES, str(job.threads)),
        # an earlier process's cache would turn a cold start into a warm one
        "NST_ENGINE_CACHE": str(caches / "nst_engine"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "TRITON_CACHE_DIR": str(caches / "triton"),
        **job.environment,
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, and those it has started: compilers, for one."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _how_it_ended(code: int, log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = f" ({lines[-1].strip()[:200]})" if lines else ""
    if code >= 0:
        return f"the process ended with exit code {code} and no answer{last}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        hint = ", for want of memory perhaps" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{hint}{last}"
    return f"the process was ended by signal {-code}{last}"
