"""`AsyncClient`: calls with `await`."""

from __future__ import annotations

from collections.abc import AsyncIterator
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
    from httpx_sse import SSEError, aconnect_sse


class AsyncClient:
    """The same as `Client`, with `await` and `async with`."""

    def __init__(self, address: str = DEFAULT_ADDRESS, *, api_key: str | None = None, timeout: float = 60.0) -> None:
        with refused_arguments():
            checked_timeout(timeout)
            self._http = httpx.AsyncClient(
                base_url=checked_address(address), headers=key_headers(api_key), timeout=timeout
            )
            self._patience = httpx.Timeout(timeout, read=max(timeout, LONGEST_SILENCE_S))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def stylize(self, photo: Source, **fields: Unpack[StylizeFields]) -> ServedPicture:
        """Paint a photo; see `StylizeFields`."""
        return picture_of(await self._asked("POST", "/v1/stylize", **stylize_form(photo, fields)))

    async def encode_style(self, style_image: Source, label: str | None = None) -> str:
        """Read a style image once; what is returned may be given as `style_id`."""
        answer = await self._asked("POST", "/v1/styles/encode", **style_form(style_image, label))
        return str(field_of(answer, "style_id"))

    async def styles(self) -> list[dict[str, Any]]:
        """The styles, with their works."""
        return list(field_of(await self._asked("GET", "/v1/styles"), "styles"))

    async def models(self) -> list[dict[str, Any]]:
        """The models; the first is the default."""
        return list(field_of(await self._asked("GET", "/v1/models"), "models"))

    async def optimize(self, photo: Source, **fields: Unpack[OptimizeFields]) -> ServedJob:
        """Begin to paint a photo by optimisation; see `OptimizeFields`."""
        return job_of(await self._asked("POST", "/v1/optimizations", **optimize_form(photo, fields)))

    async def paint_video(self, video: Source, **fields: Unpack[VideoFields]) -> ServedJob:
        """Begin to paint a video; see `VideoFields`."""
        with video_form(video, fields) as form:
            return job_of(await self._asked("POST", "/v1/videos", **form))

    async def job(self, job: ServedJob | str) -> ServedJob:
        """The job as it is now; it may be given by its `path`, which outlives this process, as to the methods below."""
        return job_of(await self._asked("GET", path_of(job)))

    async def follow(self, job: ServedJob | str) -> AsyncIterator[JobEvent]:
        """Everything that has happened to a job and happens, until it ends."""
        path = f"{path_of(job)}/events"
        check_open(self._http)
        try:
            async with aconnect_sse(self._http, "GET", path, timeout=self._patience) as source:
                if not source.response.is_success:
                    await source.response.aread()
                    checked(source.response)
                async for each in source.aiter_sse():
                    yield JobEvent(each.event, each.json())
        except (httpx.HTTPError, SSEError) as failed:
            raise unreachable(self._http.base_url, failed) from failed

    async def wait(self, job: ServedJob | str) -> ServedJob:
        """The job when it has ended."""
        async for _ in self.follow(job):
            pass
        return await self.job(job)

    async def result(self, job: ServedJob | str) -> bytes:
        """What was made: the bytes of a picture's or a video's file.

        Raises:
            JobStateError: It is not done, or was cancelled.
            NSTError: What it has failed by.
        """
        return (await self._asked("GET", f"{path_of(job)}/result")).content

    async def snapshot(self, job: ServedJob | str, iteration: int) -> bytes:
        """The picture of an optimisation after one of its `snapshots`' iterations, as a JPEG."""
        return (await self._asked("GET", f"{path_of(job)}/snapshots/{iteration}")).content

    async def cancel(self, job: ServedJob | str) -> None:
        """Cancel it; one that has ended is removed with its files."""
        await self._asked("DELETE", path_of(job))

    async def _asked(self, method: str, path: str, **what: Any) -> httpx.Response:
        check_open(self._http)
        try:
            answer = await self._http.request(method, path, **what)
        except (httpx.HTTPError, RuntimeError) as failed:
            raise unreachable(self._http.base_url, failed) from failed
        return checked(answer)
