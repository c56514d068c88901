"""What is known of a job."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from nst_engine.errors import JobNotFoundError

JobKind = Literal["optimization", "video"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")

_IDENTITY = re.compile(r"[0-9a-f]{32}")


def new_identity() -> str:
    """Of a job: 128 random bits, since whoever knows it may see the pictures."""
    return secrets.token_hex(16)


def checked_identity(identity: str) -> str:
    """It names a folder.

    Raises:
        JobNotFoundError: It was never given out.
    """
    if not _IDENTITY.fullmatch(identity):
        raise JobNotFoundError("there is no such job; its id is in the answer to the POST that began it")
    return identity


@dataclass(frozen=True)
class Job:
    """A row of the store.

    Attributes:
        identity: See `new_identity`.
        kind: What is made.
        state: Where it is; see `ENDED`.
        created: Seconds since 1970, like the following.
        started: None: not yet.
        ended: None: not yet.
        expires: When it is removed with its files.
        attempts: How often its process was started.
        error_type: Name of the exception that it failed by; empty: none.
        error_message: Its text.
        position: Number of jobs that wait before it; None: it does not wait.
    """

    identity: str
    kind: JobKind
    state: JobState
    created: float
    started: float | None
    ended: float | None
    expires: float
    attempts: int
    error_type: str
    error_message: str
    position: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED

    @property
    def path(self) -> str:
        """Where it is asked for."""
        return f"/v1/{self.kind}s/{self.identity}"

    def as_json(self) -> dict[str, Any]:
        """The part of an answer that is in the store."""
        return {
            "id": self.identity,
            "kind": self.kind,
            "state": self.state,
            "created": self.created,
            "started": self.started,
            "ended": self.ended,
            "expires": self.expires,
            "position": self.position,
            "error": {"type": self.error_type, "message": self.error_message} if self.error_type else None,
        }
