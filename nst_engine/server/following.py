"""Jobs, followed by whoever has handed them in: state, events, result; and cancelled."""

# without `annotations` of the future: routes are made in a function, and FastAPI could not look its names up
import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from nst_engine import errors
from nst_engine.errors import JobNotFoundError, JobStateError, NSTError, OutputError
from nst_engine.server.engine import Engine
from nst_engine.server.jobs.desk import JobDesk
from nst_engine.server.jobs.job import Job, JobKind

_PAUSE_S = 0.2
_MOST_OF_A_POSITION = 18
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".mp4": "video/mp4"}


def following(kind: JobKind) -> APIRouter:
    """The routes of one kind of jobs, but for the one that begins them."""
    router = APIRouter(prefix=f"/v1/{kind}s", tags=[f"{kind}s"])

    async def found(request: Request, identity: str) -> Job:
        return await asyncio.to_thread(desk_of(request).store.job, identity, kind)

    found_job = Annotated[Job, Depends(found)]

    @router.get("/{identity}", name=f"{kind}: state")
    async def state(request: Request, job: found_job) -> dict[str, Any]:
        """How far it is."""
        return await asyncio.to_thread(job_as_json, desk_of(request), job)

    @router.get("/{identity}/events", name=f"{kind}: events", response_class=EventSourceResponse)
    async def events(
        request: Request, job: found_job, last_event_id: Annotated[str | None, Header()] = None
    ) -> AsyncIterator[ServerSentEvent]:
        """All that has happened, and happens: `state`, `progress` and, of pictures, `snapshot`; ends with the job."""
        async for event in _events(request, job, _position(last_event_id or "")):
            yield event

    @router.get("/{identity}/result", name=f"{kind}: result", response_class=Response)
    async def result(request: Request, job: found_job) -> Response:
        """What was made; 409 while it is not."""
        return await asyncio.to_thread(_result, desk_of(request), job)

    @router.delete("/{identity}", name=f"{kind}: cancel", responses={204: {"description": "removed"}})
    async def cancel(request: Request, job: found_job) -> Response:
        """Cancel it; one that has ended is removed with its files."""
        return await asyncio.to_thread(_cancelled, desk_of(request), job)

    if kind == "optimization":

        @router.get("/{identity}/snapshots/{iteration}", name=f"{kind}: snapshot", response_class=Response)
        async def snapshot(request: Request, job: found_job, iteration: int) -> Response:
            """The picture after so many iterations, as a JPEG."""
            folder = desk_of(request).folder_of(job.identity)
            there = await asyncio.to_thread(folder.snapshots)
            if iteration not in there:  # no file is asked for under a name that anybody invents
                raise JobNotFoundError(f"there is no snapshot of iteration {iteration}; the job lists those there are")
            return FileResponse(
                folder.snapshot_path(iteration),
                media_type="image/jpeg",
                headers={"Cache-Control": "private, max-age=3600"},
            )

    return router


def desk_of(request: Request) -> JobDesk:
    """Of the application."""
    desk: JobDesk = request.app.state.desk
    return desk


def accepted(request: Request, job: Job) -> JSONResponse:
    """The answer to what has begun a job."""
    return JSONResponse(job_as_json(desk_of(request), job), 202, {"Location": job.path})


def job_as_json(desk: JobDesk, job: Job) -> dict[str, Any]:
    """A job as every client gets it."""
    folder = desk.folder_of(job.identity)
    event = folder.last_progress()
    links = {"self": job.path, **{name: f"{job.path}/{name}" for name in ("events", "result")}}
    body = {**job.as_json(), "progress": None if event is None else _progress(event), "links": links}
    if job.kind == "optimization":
        body["losses"] = None if event is None else event["losses"]
        body["snapshots"] = folder.snapshots()
        links["snapshots"] = f"{job.path}/snapshots/{{iteration}}"
    return body


def _progress(event: dict[str, Any]) -> dict[str, Any]:
    names = ("iteration", "num_iterations") if "iteration" in event else ("done", "total")
    done, total = (event[name] for name in names)
    return {"done": done, "total": total, "seconds": event["seconds"], "eta_seconds": event["eta_seconds"]}


def _position(last_event_id: str) -> int:
    """Where to go on; 0 where it is no id of ours."""
    return int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) <= _MOST_OF_A_POSITION else 0


async def _events(request: Request, job: Job, position: int) -> AsyncIterator[ServerSentEvent]:
    desk, engine, state = desk_of(request), request.app.state.engine, ""
    assert isinstance(engine, Engine)
    folder = desk.folder_of(job.identity)
    while not engine.is_draining:
        try:  # the state first: when it is an end, all events have been written
            job = await asyncio.to_thread(desk.store.job, job.identity)
        except JobNotFoundError:  # removed
            return
        for event, end in await asyncio.to_thread(folder.events, position):
            position = end
            kind = event.pop("event")
            if kind == "snapshot":
                event["url"] = f"{job.path}/snapshots/{event['iteration']}"
            yield ServerSentEvent(event=kind, data=event, id=str(end))
        if job.state != state:
            state = job.state
            yield ServerSentEvent(event="state", data=await asyncio.to_thread(job_as_json, desk, job))
        if job.has_ended:
            return
        await asyncio.sleep(_PAUSE_S)


def _result(desk: JobDesk, job: Job) -> Response:
    if job.state == "failed":
        kind = getattr(errors, job.error_type, NSTError)
        raise kind(job.error_message)
    folder = desk.folder_of(job.identity)
    if job.state != "done":
        raise JobStateError(f"the job is {job.state}; its result is there when its state is done")
    try:
        path = folder.path / folder.request()["result"]
    except OSError as error:
        raise OutputError(f"the job's files cannot be read ({error.strerror})") from error
    return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix], headers={"Cache-Control": "private, no-store"})


def _cancelled(desk: JobDesk, job: Job) -> Response:
    if desk.store.cancel(job.identity):
        return JSONResponse(job_as_json(desk, desk.store.job(job.identity)))
    desk.remove(job.identity)
    return Response(status_code=204)
