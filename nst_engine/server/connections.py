"""Connections that nobody holds for ever, by headers that never end or an answer that is not read; and how many."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Until the headers of a request have come, from its first byte; and until a connection is used at all.
HEADERS_PATIENCE_S = 5.0
#: A connection that is slower than that for long is given up, in both directions.
LEAST_BYTES_PER_S = 16 * 1024
#: Open at once in a worker. Each may hold a body that is on its way.
MOST_CONNECTIONS = 512

_WATCH_S = 5.0
_PROBE_S = 0.1
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
_FULL_BODY = b'{"error": {"type": "BusyError", "message": "too many connections are open", "request_id": ""}}'
_SLOW_BODY = (
    b'{"error": {"type": "HTTPError", "message": "the headers did not come within %g s", "request_id": ""}}'
    % HEADERS_PATIENCE_S
)


class BoundedConnection(H11Protocol):
    """uvicorn's HTTP/1.1 connection, with limits; and for clients that end their side when they have sent a request."""

    _headers_timer: asyncio.TimerHandle | None = None
    _reading_timer: asyncio.TimerHandle | None = None
    _probe_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(_FULL + b"Content-Length: %d\r\n\r\n" % len(_FULL_BODY) + _FULL_BODY)
            transport.close()
            return
        transport.set_write_buffer_limits(0)  # so that whatever is not read is watched
        self._headers_timer = self.loop.call_later(HEADERS_PATIENCE_S, self._give_up_headers)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        for timer in (self._headers_timer, self._reading_timer, self._probe_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the time of headers: from their first byte to their last."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.transport.get_protocol() is not self:  # it is a WebSocket now
            self._forget_headers()
            return
        is_between = self.cycle is None or self.cycle.response_complete
        if is_between and self._headers_timer is None:
            self._headers_timer = self.loop.call_later(HEADERS_PATIENCE_S, self._give_up_headers)
        elif not is_between:
            self._forget_headers()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: it may have gone, or wait for the answer to a request that is whole."""
        if self.cycle is None or self.cycle.response_started or self.cycle.more_body:
            return False
        if self.scope["http_version"] == "1.1":
            # to one that has gone, the packet comes back, which is the only way to know; others pass it over (RFC 9110)
            processing = h11.InformationalResponse(status_code=102, headers=[], reason="Processing")
            self.transport.write(self.conn.send(processing) or b"")
        self.cycle.keep_alive = False
        self._probe()
        return True

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._watch_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has read nearly all."""
        super().resume_writing()
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None

    def _watch_reading(self, left: int) -> None:
        def look() -> None:
            now = self.transport.get_write_buffer_size()
            if left - now < _WATCH_S * LEAST_BYTES_PER_S:
                self.transport.abort()
            else:
                self._watch_reading(now)

        self._reading_timer = self.loop.call_later(_WATCH_S, look)

    def _forget_headers(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _give_up_headers(self) -> None:
        self._headers_timer = None
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            headers: list[tuple[str, str]] = [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(_SLOW_BODY))),
                ("Connection", "close"),
            ]
            events: list[Any] = [
                h11.Response(status_code=408, headers=headers, reason="Request Timeout"),
                h11.Data(data=_SLOW_BODY),
                h11.EndOfMessage(),
            ]
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()

    def _probe(self) -> None:
        """Whether the packet came back."""
        connected: socket.socket | None = self.transport.get_extra_info("socket")
        if self.transport.is_closing() or connected is None:
            return
        if connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
        else:
            self._probe_timer = self.loop.call_later(_PROBE_S, self._probe)
