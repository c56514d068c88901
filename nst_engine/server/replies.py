"""Answers: pictures with what is known of them, and errors as JSON."""

from __future__ import annotations

import base64
import time
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from nst_engine.checks import came
from nst_engine.errors import (
    BusyError,
    CancelledError,
    ImageDecodeError,
    ImageEncodeError,
    ImageNotFoundError,
    ImageTooLargeError,
    InferenceError,
    JobNotFoundError,
    JobStateError,
    MissingDependencyError,
    ModelNotFoundError,
    NSTError,
    OptionError,
    OutOfMemoryError,
    OutputError,
    StyleNotFoundError,
    VideoDecodeError,
)
from nst_engine.files import is_no_room
from nst_engine.stylize.result import StylizeResult

RETRY_AFTER_S = 1
#: The client has gone: nobody reads it, but logs and metrics do.
CLIENT_GONE = 499

#: Errors of KServe's protocol are a text, and 400 where a request cannot be used.
_KSERVE = "/v2"

_STATUS: tuple[tuple[type[NSTError], int], ...] = (
    (BusyError, 503),
    (CancelledError, CLIENT_GONE),
    (ImageTooLargeError, 413),
    (OutOfMemoryError, 503),
    (InferenceError, 500),
    (OutputError, 507),
    (MissingDependencyError, 501),
    (ModelNotFoundError, 404),
    (JobNotFoundError, 404),
    (JobStateError, 409),
    (StyleNotFoundError, 404),
    (ImageNotFoundError, 422),
    (ImageDecodeError, 422),
    (ImageEncodeError, 422),
    (VideoDecodeError, 422),
    (OptionError, 422),
)
_WHEN = {
    400: "The body is not the form that its headers say",
    401: "No key came, or a wrong one",
    404: "No such style, model or job",
    408: "The request came too slowly",
    409: "The job is in another state",
    413: "Too many bytes or pixels",
    422: "A field, or a picture, that cannot be used",
    429: "Too many requests of this key, or address",
    501: "What that needs is not installed here",
    503: "No room; `Retry-After` says when to try again",
    507: "No room on the disk, or in the quota",
}
#: What FastAPI says, in its own words, of a field that holds text instead.
_NO_FILE = "expected uploadfile"
MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class Problem(BaseModel):
    """What went wrong.

    Attributes:
        type: Name of the exception that the library would raise.
        message: What came, what was wanted, what to do.
        request_id: As in the header `X-Request-ID`, and in the service's log.
    """

    type: str
    message: str
    request_id: str


def error_replies() -> dict[int | str, dict[str, Any]]:
    """For the description of the routes: how they may fail."""
    body = {"type": "object", "required": ["error"], "properties": {"error": Problem.model_json_schema()}}
    # as `content`: a `model` would be described in the media type of the route, such as that of events
    content = {"application/json": {"schema": body}}
    return {status: {"content": content, "description": description} for status, description in _WHEN.items()}


def status_of(error: NSTError) -> int:
    """The HTTP status of an error; 500 for what is no client's doing."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def error_reply(status: int, kind: str, message: str, request: HTTPConnection) -> JSONResponse:
    """An error as every client gets it."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    if request.scope["path"].startswith(_KSERVE):
        return JSONResponse({"error": message}, 400 if status == 422 else status, headers)
    body = {"error": {"type": kind, "message": message, "request_id": getattr(request.state, "request_id", "")}}
    return JSONResponse(body, status, headers)


async def reply_to_nst_error(request: Request, error: Exception) -> Response:
    """For `FastAPI.add_exception_handler`."""
    assert isinstance(error, NSTError)
    here = f"{request.app.state.engine.settings.storage}/"  # where that is, is nobody's business
    return error_reply(status_of(error), type(error).__name__, str(error).replace(here, ""), request)


async def reply_to_os_error(request: Request, error: Exception) -> Response:
    """For `FastAPI.add_exception_handler`: an upload that the disk has no room for; others are faults."""
    if isinstance(error, OSError) and is_no_room(error):
        return error_reply(507, "OutputError", f"the disk of the service is full ({error.strerror})", request)
    raise error


async def reply_to_invalid_request(request: Request, error: Exception) -> Response:
    """For `FastAPI.add_exception_handler`: the first field that is missing or wrong."""
    assert isinstance(error, RequestValidationError)
    return invalid_reply(error.errors()[0], request)


def invalid_reply(problem: Any, request: HTTPConnection) -> Response:
    """422 for what FastAPI says of a field."""
    place = ".".join(str(part) for part in problem["loc"][1:]) or "the request"
    reason = problem["msg"].lower()
    if _NO_FILE in reason:
        reason = f"text came where a file is wanted, as by curl -F {place}=@FILE"
    elif isinstance(value := problem.get("input"), str | int | float):
        reason = f"{came(value)} came; {reason}"
    return error_reply(422, "OptionError", f"{place}: {reason}", request)


async def reply_to_http_error(request: Request, error: Exception) -> Response:
    """For `FastAPI.add_exception_handler`: unknown paths, methods and the like."""
    assert isinstance(error, HTTPException)
    reply = error_reply(error.status_code, "HTTPError", str(error.detail), request)
    reply.headers.update(error.headers or {})
    described = request.app.openapi()["paths"].get(getattr(request.scope.get("route"), "path", None))
    if error.status_code == 405 and described:  # Starlette names the methods of the first route of that path alone
        reply.headers["Allow"] = ", ".join(method.upper() for method in described)
    return reply


def picture_reply(
    result: StylizeResult[Any], *, output_format: str, quality: int, as_json: bool
) -> tuple[Response, dict[str, float]]:
    """A stylized picture, as its bytes or as JSON with base64; and what it took, with encoding.

    Raises:
        ImageEncodeError: It cannot be written in that format.
    """
    started = time.perf_counter()
    background = (255, 255, 255) if output_format == "jpeg" else None
    content = result.encode(output_format, quality=quality, background=background)
    timings = {**result.timings_ms, "encode": 1e3 * (time.perf_counter() - started)}
    timings["total"] += timings["encode"]
    headers = {
        "X-NST-Provider": result.provider,
        "X-NST-Model": result.model.encode("ascii", "backslashreplace").decode(),
        "X-NST-Size": f"{result.width}x{result.height}",
        "Server-Timing": ", ".join(f"{stage};dur={ms:.1f}" for stage, ms in timings.items()),
        **{f"X-NST-{stage.capitalize()}-Ms": f"{ms:.1f}" for stage, ms in timings.items()},
    }
    if not as_json:
        return Response(content, media_type=MEDIA_TYPES[output_format], headers=headers), timings
    body = {
        "image": base64.b64encode(content).decode("ascii"),
        "media_type": MEDIA_TYPES[output_format],
        "width": result.width,
        "height": result.height,
        "styles": dict(result.styles),
        "model": result.model,
        "provider": result.provider,
        "timings_ms": {stage: round(ms, 2) for stage, ms in timings.items()},
    }
    return JSONResponse(body, headers=headers), timings
