"""What is answered, and what is raised of answers that tell of an error."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nst_engine import errors
from nst_engine.checks import require_path
from nst_engine.environment import needed
from nst_engine.errors import InferenceError, NSTError, OptionError
from nst_engine.files import write_atomically
from nst_engine.image import Picture, load_image

with needed("nst_engine.Client asks with httpx", "client"):
    import httpx

_UNAUTHORIZED = 401
_JOB_PATH = re.compile(r"/v1/(optimizations|videos)/\w{1,64}", re.ASCII)


@dataclass(frozen=True)
class ServedPicture:
    """A stylized picture as the service has sent it.

    Attributes:
        content: Of a file in the requested format.
        model: That painted it.
        provider: What computed.
        timings_ms: Of the stages, in the service.
    """

    content: bytes = field(repr=False)
    model: str
    provider: str
    timings_ms: Mapping[str, float]

    def picture(self) -> Picture:
        """Its pixels."""
        return load_image(self.content)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file as it came, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        target = Path(require_path("path", path))
        write_atomically(target, self.content)
        return target


@dataclass(frozen=True)
class ServedJob:
    """An optimisation or a video of the service, as it was when asked.

    Attributes:
        identity: Its id.
        kind: Of it.
        state: Where it is.
        done: Iterations or frames.
        total: How many there will be; None: not known yet.
        eta_seconds: What remains, about; None: not known yet.
        losses: Of an optimisation's last iteration: `total`, `content`, `style`, `tv`.
        snapshots: Iterations of an optimisation whose pictures may be asked for.
        error: What it failed by; None: it has not.
        path: Where it is asked for; by it a job is found again, by another process, too.
    """

    identity: str
    kind: Literal["optimization", "video"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    done: int
    total: int | None
    eta_seconds: float | None
    losses: Mapping[str, float]
    snapshots: tuple[int, ...]
    error: NSTError | None
    path: str

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "failed", "cancelled")


def path_of(job: ServedJob | str) -> str:
    """Where a job is asked for.

    Raises:
        OptionError: It is neither a job nor the path of one.
    """
    path = job.path if isinstance(job, ServedJob) else job
    if not isinstance(path, str) or not _JOB_PATH.fullmatch(path):
        raise OptionError(
            f"{path!r} came; wanted what `optimize` or `paint_video` has returned, or its `path`", option="job"
        )
    return path


@dataclass(frozen=True)
class JobEvent:
    """What happens to a job.

    Attributes:
        kind: `state`, `progress` or `snapshot`.
        data: As the service sends it; of a `state`, the job.
    """

    kind: str
    data: Mapping[str, Any]


def job_of(answer: httpx.Response) -> ServedJob:
    """The job that an answer tells of."""
    try:
        body = answer.json()
        progress, error = body["progress"] or {}, body["error"]
        return ServedJob(
            identity=body["id"],
            kind=body["kind"],
            state=body["state"],
            done=progress.get("done", 0),
            total=progress.get("total"),
            eta_seconds=progress.get("eta_seconds"),
            losses=body.get("losses") or {},
            snapshots=tuple(body.get("snapshots", ())),
            error=None if error is None else error_of(error["type"], error["message"]),
            path=body["links"]["self"],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise no_service(answer) from None


def error_of(name: str, message: str) -> NSTError:
    """The exception of that name, as the service has raised it."""
    kind = getattr(errors, name, None)
    return kind(message) if isinstance(kind, type) and issubclass(kind, NSTError) else InferenceError(message)


def field_of(answer: httpx.Response, name: str) -> Any:
    """A field of an answer in JSON."""
    try:
        return answer.json()[name]
    except (ValueError, KeyError, TypeError):
        raise no_service(answer) from None


def no_service(answer: httpx.Response) -> InferenceError:
    """What is no answer of a service."""
    return InferenceError(f"{answer.url}: what answers there is no `nst serve`; see the address")


def picture_of(answer: httpx.Response) -> ServedPicture:
    """The picture that an answer holds."""
    try:
        parts = [each.strip().split(";dur=") for each in answer.headers["server-timing"].split(",")]
        timings = {stage: float(ms) for stage, ms in parts}
    except (KeyError, ValueError):
        raise no_service(answer) from None
    return ServedPicture(
        answer.content,
        answer.headers.get("x-nst-model", ""),
        answer.headers.get("x-nst-provider", ""),
        timings,
    )


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it tells of an error: that is raised here as it was there."""
    if answer.is_success:
        return answer
    if answer.status_code == _UNAUTHORIZED:
        raise OptionError("the service wants one, or another than came", option="api_key")
    try:
        error = answer.json()["error"]
        name, message = str(error["type"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        name, message = "HTTPError", answer.text[:200]
    if not hasattr(errors, name):
        message = f"the service answered {answer.status_code}: {message}"
    raise error_of(name, message)


def unreachable(address: httpx.URL, failed: Exception) -> InferenceError:
    """No answer came."""
    return InferenceError(f"{address}: {failed or type(failed).__name__}; see whether `nst serve` runs there")
