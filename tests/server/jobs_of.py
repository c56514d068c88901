"""Jobs over HTTP, as clients see them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx


def begin(client: httpx.Client, kind: str, photo: bytes, **fields: object) -> dict[str, Any]:
    """A job that was accepted."""
    name = "photo" if kind == "optimizations" else "video"
    data = {key: str(value) for key, value in fields.items()}
    answer = client.post(f"/v1/{kind}", files={name: ("x", photo)}, data=data)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == job["links"]["self"]
    return job


def state_of(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = client.get(job["links"]["self"]).raise_for_status().json()
    return state


def wait_for(client: httpx.Client, job: dict[str, Any], *states: str, seconds: float = 120) -> dict[str, Any]:
    """The job, as soon as it is in one of these states."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = state_of(client, job)
        if now["state"] in states:
            return now
        assert now["state"] in ("waiting", "running"), now
        time.sleep(0.1)
    raise AssertionError(f"still {now}")


def events(client: httpx.Client, job: dict[str, Any], after: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name, data and id of each server-sent event."""
    headers = {"Last-Event-ID": after} if after else {}
    with client.stream("GET", job["links"]["events"], headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "event" in fields:
                yield fields["event"], json.loads(fields["data"]), fields.get("id", "")
            fields = {}
