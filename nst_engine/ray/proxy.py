"""What Serve's proxies do beside passing on, where they are told to when Ray is started.

    export RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=nst_engine.ray.proxy:middlewares

A proxy reads bodies as fast as they come, whoever takes them, so that it is here that they have to be bounded; and of a
replica that dies with a request it says 500, in its own words.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst_engine.errors import BusyError
from nst_engine.server.admission import Places
from nst_engine.server.app import most_bytes_of
from nst_engine.server.connections import MOST_CONNECTIONS
from nst_engine.server.guards import SECURITY_HEADERS, request_id_of
from nst_engine.server.replies import error_reply
from nst_engine.server.settings import ServerSettings, read_settings

#: Below whatever prefix the service is.
_PATH = re.compile(r"/v[12]/.*", re.DOTALL)
#: All answers of the service have it.
_OF_THE_SERVICE = "x-content-type-options"
_GONE = "the replica that was at it has gone, or all are taken; try again"


def middlewares() -> list[Middleware]:
    """For Serve; limits are those of the environment, `NST_ENGINE_MAX_BYTES` and the like."""
    return [Middleware(ProxyGuards, settings=read_settings())]


class ProxyGuards:
    """ASGI middleware around a proxy: so many requests at once, bodies so large, errors as those of the service.

    Args:
        app: The proxy.
        settings: Of the service.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app, self._settings = app, settings
        self._places = Places(MOST_CONNECTIONS, "requests at once")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        headers["x-request-id"] = number = request_id_of(headers)  # of the answer and the log, whoever answers
        scope = {**scope, "headers": headers.raw}
        path = _PATH.search(scope["path"])
        request = Request({**scope, "path": path[0] if path else scope["path"], "state": {"request_id": number}})
        most_bytes = most_bytes_of(self._settings, request.scope["path"])
        exchange = _Exchange(receive, send, most_bytes)
        try:
            with self._places.place():
                await self._app(scope, exchange.receive, exchange.send)
        except BusyError as error:
            reply: Response = error_reply(503, "BusyError", str(error), request)
        else:
            if exchange.has_begun:
                return
            reply = error_reply(503, "BusyError", _GONE, request)
            if exchange.is_cut_off:
                message = f"the request is larger than {most_bytes:,} bytes; send a smaller file"
                reply = error_reply(413, "ImageTooLargeError", message, request)
        # without that, what is left of the body would be read
        reply.headers.update({**SECURITY_HEADERS, "X-Request-ID": number, "Connection": "close"})
        await reply(scope, receive, send)


class _Exchange:
    """A body on its way to a replica, and the answer on its way back."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int) -> None:
        self._receive, self._send, self._left = receive, send, most_bytes
        self.is_cut_off, self.has_begun = False, False
        self._is_passed_over = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.is_cut_off = True
                return {"type": "http.disconnect"}  # Serve ends what it had begun
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self.has_begun:
            of_serve = _OF_THE_SERVICE not in Headers(raw=message["headers"])
            self._is_passed_over = self.is_cut_off or (of_serve and message["status"] >= 500)
        if not self._is_passed_over:
            self.has_begun = True
            await self._send(message)
