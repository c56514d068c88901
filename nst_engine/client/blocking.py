"""`Client`: calls that wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self, Unpack

from nst_engine.client.answers import (
    JobEvent,
    ServedJob,
    ServedPicture,
    checked,
    field_of,
    job_of,
    path_of,
    picture_of,
    unreachable,
)
from nst_engine.client.connection import (
    DEFAULT_ADDRESS,
    LONGEST_SILENCE_S,
    check_open,
    checked_address,
    checked_timeout,
    key_headers,
    refused_arguments,
)
from nst_engine.client.requests import (
    OptimizeFields,
    Source,
    StylizeFields,
    VideoFields,
    optimize_form,
    style_form,
    stylize_form,
    video_form,
)
from nst_engine.environment import needed

with needed("nst_engine.Client asks with httpx", "client"):
    import httpx
    from httpx_sse import SSEError, connect_sse


class Client:
    """A connection to a service; a context manager.

    Args:
        address: Of the service.
        api_key: Where it wants one.
        timeout: Seconds to wait for an answer.

    Every call raises the `NSTError` that the service did, `BusyError` where it has no room, and `InferenceError` where
    it cannot be reached.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, *, api_key: str | None = None, timeout: float = 60.0) -> None:
        with refused_arguments():
            checked_timeout(timeout)
            self._http = httpx.Client(base_url=checked_address(address), headers=key_headers(api_key), timeout=timeout)
            self._patience = httpx.Timeout(timeout, read=max(timeout, LONGEST_SILENCE_S))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def stylize(self, photo: Source, **fields: Unpack[StylizeFields]) -> ServedPicture:
        """Paint a photo; see `StylizeFields`."""
        return picture_of(self._asked("POST", "/v1/stylize", **stylize_form(photo, fields)))

    def encode_style(self, style_image: Source, label: str | None = None) -> str:
        """Read a style image once; what is returned may be given as `style_id`."""
        return str(field_of(self._asked("POST", "/v1/styles/encode", **style_form(style_image, label)), "style_id"))

    def styles(self) -> list[dict[str, Any]]:
        """The styles, with their works."""
        return list(field_of(self._asked("GET", "/v1/styles"), "styles"))

    def models(self) -> list[dict[str, Any]]:
        """The models; the first is the default."""
        return list(field_of(self._asked("GET", "/v1/models"), "models"))

    def optimize(self, photo: Source, **fields: Unpack[OptimizeFields]) -> ServedJob:
        """Begin to paint a photo by optimisation; see `OptimizeFields`."""
        return job_of(self._asked("POST", "/v1/optimizations", **optimize_form(photo, fields)))

    def paint_video(self, video: Source, **fields: Unpack[VideoFields]) -> ServedJob:
        """Begin to paint a video; see `VideoFields`."""
        with video_form(video, fields) as form:
            return job_of(self._asked("POST", "/v1/videos", **form))

    def job(self, job: ServedJob | str) -> ServedJob:
        """The job as it is now; it may be given by its `path`, which outlives this process, as to the methods below."""
        return job_of(self._asked("GET", path_of(job)))

    def follow(self, job: ServedJob | str) -> Iterator[JobEvent]:
        """Everything that has happened to a job and happens, until it ends."""
        path = f"{path_of(job)}/events"
        check_open(self._http)
        try:
            with connect_sse(self._http, "GET", path, timeout=self._patience) as source:
                if not source.response.is_success:
                    source.response.read()
                    checked(source.response)
                for each in source.iter_sse():
                    yield JobEvent(each.event, each.json())
        except (httpx.HTTPError, SSEError) as failed:
            raise unreachable(self._http.base_url, failed) from failed

    def wait(self, job: ServedJob | str) -> ServedJob:
        """The job when it has ended."""
        for _ in self.follow(job):
            pass
        return self.job(job)

    def result(self, job: ServedJob | str) -> bytes:
        """What was made: the bytes of a picture's or a video's file.

        Raises:
            JobStateError: It is not done, or was cancelled.
            NSTError: What it has failed by.
        """
        return self._asked("GET", f"{path_of(job)}/result").content

    def snapshot(self, job: ServedJob | str, iteration: int) -> bytes:
        """The picture of an optimisation after one of its `snapshots`' iterations, as a JPEG."""
        return self._asked("GET", f"{path_of(job)}/snapshots/{iteration}").content

    def cancel(self, job: ServedJob | str) -> None:
        """Cancel it; one that has ended is removed with its files."""
        self._asked("DELETE", path_of(job))

    def _asked(self, method: str, path: str, **what: Any) -> httpx.Response:
        check_open(self._http)
        try:
            answer = self._http.request(method, path, **what)
        except (httpx.HTTPError, RuntimeError) as failed:  # the latter of one that is closed meanwhile
            raise unreachable(self._http.base_url, failed) from failed
        return checked(answer)
