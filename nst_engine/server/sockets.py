"""What every WebSocket passes: its number, who may open it, figures, a line in the log when it ends."""

from __future__ import annotations

import json
import logging
import time

from fastapi.exceptions import WebSocketRequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from nst_engine.server.access import Access
from nst_engine.server.monitoring import Monitor
from nst_engine.server.replies import invalid_reply

_LOG = logging.getLogger("nst_engine.server.access")
_OPENED, _REFUSED, _CLOSED = 101, 403, 499
#: Of ASGI: a handshake may be answered as a request is.
_ANSWERS = "websocket.http.response"


class Socket:
    """One WebSocket, from its handshake to its end.

    Args:
        scope: Its own.
        request_id: Of its handshake.
        monitor: Counts.
    """

    def __init__(self, scope: Scope, request_id: str, monitor: Monitor) -> None:
        self._scope, self._request_id, self._monitor = scope, request_id, monitor
        self._begun, self._status, self._code = time.perf_counter(), _CLOSED, 0
        self._bytes_in = self._bytes_out = 0

    async def run(self, app: ASGIApp, access: Access, receive: Receive, send: Send) -> None:
        """Let it be answered, if it may be opened."""

        async def counted_receive() -> Message:
            message = await receive()
            self._bytes_in += _size_of(message)
            self._code = message.get("code", 0) or self._code
            return message

        async def counted_send(message: Message) -> None:
            self._take_note(message)
            await send(message)

        refused = access.refusal_to_open(HTTPConnection(self._scope))
        try:
            if refused is not None:
                await deny(refused, self._scope, counted_receive, counted_send)
            else:
                await app(self._scope, counted_receive, counted_send)
        finally:
            self._note()

    def _take_note(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._status = _OPENED
            self._monitor.open_sockets.inc()
        elif kind == "websocket.close":
            self._code = message.get("code", 1000)
            self._status = _REFUSED if self._status == _CLOSED else self._status
        elif kind == "websocket.http.response.start":
            self._status = message["status"]
            MutableHeaders(scope=message)["X-Request-ID"] = self._request_id
        self._bytes_out += _size_of(message)

    def _note(self) -> None:
        if self._status == _OPENED:
            self._monitor.open_sockets.dec()
        self._monitor.count_socket(getattr(self._scope.get("route"), "path", "unknown"), self._status)
        record = {
            "request_id": self._request_id,
            "client": (self._scope.get("client") or ("",))[0],
            "method": "GET",
            "path": self._scope["path"],
            "status": self._status,
            "ms": round(1e3 * (time.perf_counter() - self._begun), 1),
            "bytes_in": self._bytes_in,
            "bytes_out": self._bytes_out,
            "code": self._code,
        }
        _LOG.info(json.dumps(record))


async def deny(reply: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake with a refusal; where the server cannot, it is a bare 403."""
    if _ANSWERS in scope.get("extensions", {}):
        await reply(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": ""})


async def refuse_invalid_handshake(socket: WebSocket, error: Exception) -> None:
    """For `FastAPI.add_exception_handler`: 422, with the first field that is wrong."""
    assert isinstance(error, WebSocketRequestValidationError)
    await deny(invalid_reply(error.errors()[0], socket), socket.scope, socket.receive, socket.send)


def _size_of(message: Message) -> int:
    text = message.get("text")
    return len(message.get("bytes") or b"") + (0 if text is None else len(text.encode()))
