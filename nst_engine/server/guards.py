"""What every request passes: its number, the key, a limit on its body, headers for browsers, a line in the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import time
from collections.abc import Callable

import h11
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst_engine.server.access import Access
from nst_engine.server.connections import LEAST_BYTES_PER_S
from nst_engine.server.monitoring import Monitor
from nst_engine.server.replies import error_reply
from nst_engine.server.sockets import Socket

#: Of everything in a form beside the picture.
FORM_OVERHEAD_BYTES = 64 * 1024

_LITTLE_BYTES = 1 << 20

_LOG = logging.getLogger("nst_engine.server.access")
_FAILURES = logging.getLogger("nst_engine.server")
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_FAULT = "the service failed, and its log says why; give its operator this request_id"
#: Of every answer, for browsers.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def request_id_of(headers: Headers) -> str:
    """The number that a request came with, if it can be one, or else a new one."""
    asked = headers.get("x-request-id", "")
    return asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)


class Guards:
    """ASGI middleware around the service.

    Args:
        app: What it guards.
        most_bytes_of: Of bodies to a path; more are answered 413, and not read.
        access: Who may ask.
        has_room: Whether what is sent to a path would find a place.
        patience_s: How long the next part of a body may take; and how far a body may lag behind `LEAST_BYTES_PER_S`.
        monitor: Counts.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        most_bytes_of: Callable[[str], int],
        access: Access,
        has_room: Callable[[str], bool],
        patience_s: float,
        monitor: Monitor,
    ) -> None:
        self._app, self._most_bytes_of = app, most_bytes_of
        self._access, self._has_room, self._patience_s, self._monitor = access, has_room, patience_s, monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["type"] == "websocket":
            await Socket(scope, request_id, self._monitor).run(self._app, self._access, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":  # is answered as GET is, without the body
            scope = {**scope, "method": "GET"}
        request = Request(scope)
        body = _Body(receive, headers, self._most_of(request), self._patience_s)
        answer = _Answer(send, method, request_id, body)
        started = time.perf_counter()

        async def send_unless_cut_off(message: Message) -> None:
            if not body.is_cut_off:  # what the application says of half a body is not the reason
                await answer.send(message)

        try:
            refused = self._refusal(request, headers)
            if refused is not None:
                # of a body that only lacks a place, all: else who sends pixels would see no 503, and come again
                await body.pass_over(self._most_of(request) if refused.status_code == 503 else _LITTLE_BYTES)
                await refused(scope, receive, answer.send)
                return
            with contextlib.suppress(_CutOffError):
                await self._app(scope, body.receive, send_unless_cut_off)
            if body.is_cut_off and not answer.has_begun:
                await self._cut_off(request, body)(scope, receive, answer.send)
        except h11.LocalProtocolError:
            pass  # uvicorn has answered what is no HTTP itself
        except Exception:
            _FAILURES.exception("request %s failed, which is a fault of the service", request_id)
            if answer.has_begun:
                raise
            await error_reply(500, "InferenceError", _FAULT, request)(scope, receive, answer.send)
        finally:
            self._note(scope, answer, time.perf_counter() - started, body.size)

    def _most_of(self, request: Request) -> int:
        return self._most_bytes_of(request.url.path)

    def _cut_off(self, request: Request, body: _Body) -> Response:
        if body.size > self._most_of(request):
            reply = self._too_large(request)
        else:
            reply = error_reply(408, "HTTPError", "the body came too slowly, or stopped", request)
        return reply

    def _refusal(self, request: Request, headers: Headers) -> Response | None:
        refused = self._access.refusal(request, headers)
        if refused is not None:
            return refused
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self._most_of(request):
            return self._too_large(request)
        if request.method == "POST" and not self._has_room(request.url.path):
            # before the form is read: in an overload that would take more time than the pictures
            message = "all places are taken, in progress and waiting; try again later"
            return error_reply(503, "BusyError", message, request)
        return None

    def _too_large(self, request: Request) -> Response:
        message = f"the request is larger than {self._most_of(request):,} bytes; send a smaller file"
        return error_reply(413, "ImageTooLargeError", message, request)

    def _note(self, scope: Scope, answer: _Answer, seconds: float, size: int) -> None:
        route = scope.get("route")
        path = getattr(route, "path", "unknown")
        self._monitor.count(answer.method, path, answer.status, seconds)
        record = {
            "request_id": answer.request_id,
            "client": (scope.get("client") or ("",))[0],
            "method": answer.method,
            "path": scope["path"],
            "status": answer.status,
            "ms": round(1e3 * seconds, 1),
            "bytes_in": size,
        }
        _LOG.info(json.dumps(record))


class _CutOffError(Exception):
    """Too much of a body came, or nothing for too long."""


class _Body:
    """The parts of a body as they come, counted."""

    def __init__(self, receive: Receive, headers: Headers, most_bytes: int, patience_s: float) -> None:
        self._receive, self._most_bytes, self._patience_s = receive, most_bytes, patience_s
        self._begun = time.monotonic()
        self.size, self.is_cut_off = 0, False
        self._declared = headers.get("content-length", "0") if "transfer-encoding" not in headers else ""
        self.is_whole = self._declared == "0"

    async def receive(self) -> Message:
        if self.is_whole:  # what comes now is only that the client goes away
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._time_left())
        except TimeoutError:
            self.is_cut_off = True
            raise _CutOffError from None
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            self.is_whole = not message.get("more_body", False)
            if self.size > self._most_bytes:
                self.is_cut_off = True
                raise _CutOffError
        return message

    async def pass_over(self, most_bytes: int) -> None:
        """Read what is left of it, if all of it is no more: who is still sending may not see the answer."""
        if self._declared.isdigit() and int(self._declared) <= most_bytes:
            with contextlib.suppress(_CutOffError):
                while not self.is_whole and (await self.receive())["type"] == "http.request":
                    pass

    def _time_left(self) -> float:
        """For the next part: bytes that come one by one do not hold a connection for ever."""
        lasting = self._patience_s + self.size / LEAST_BYTES_PER_S - (time.monotonic() - self._begun)
        return max(0.0, min(self._patience_s, lasting))


class _Answer:
    """What is sent, with the headers that all answers have."""

    def __init__(self, send: Send, method: str, request_id: str, body: _Body) -> None:
        self.method, self.request_id, self._send, self._body = method, request_id, send, body
        self.has_begun, self.has_ended, self.status = False, False, 499

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            if not self._body.is_whole:  # else all the rest of it would be read
                headers["Connection"] = "close"
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        elif self.method == "HEAD":  # of a stream, nobody waits for the end
            if self.has_ended:
                return
            message = {"type": "http.response.body"}
        self.has_ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)
