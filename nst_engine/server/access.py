"""Who may ask, and how often: keys, origins, rates."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from pathlib import Path

from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Scope

from nst_engine.errors import OptionError
from nst_engine.reading import text_of
from nst_engine.server.handshakes import is_own_origin, key_of
from nst_engine.server.rate import Rate, caller_at
from nst_engine.server.replies import error_reply

#: For the description of the API; `Access` looks itself, before a body is read.
KEY_SCHEMES = (HTTPBearer(auto_error=False), APIKeyHeader(name="X-API-Key", auto_error=False))
# the page asks for the key itself
_OPEN_PATHS = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/")
_OPEN_FOLDER = "/assets/"


def keys_of(file: Path | None) -> tuple[bytes, ...]:
    """The keys in a file, a line each; empty: none is needed.

    Raises:
        OptionError: It cannot be read, or holds none.
    """
    if file is None:
        return ()
    try:
        lines = [line.strip() for line in text_of(file).splitlines()]
    except (OSError, ValueError) as error:
        raise OptionError(f"{file}: cannot be read ({error})", option="api_key_file") from error
    keys = tuple(line.encode() for line in lines if line and not line.startswith("#"))
    if not keys:
        raise OptionError(f"{file}: holds no key; write one in a line", option="api_key_file")
    return keys


class Access:
    """What is asked of every request before it is answered.

    Args:
        keys: One of them is wanted, where there are any: `Authorization: Bearer KEY`, or `X-API-Key: KEY`.
        origins: Whose pages may open WebSockets, beside our own.
        rate: Of each key, and of each address that comes without one.
    """

    def __init__(self, keys: Sequence[bytes], origins: Sequence[str], rate: Rate) -> None:
        self._keys, self._origins, self._rate = keys, origins, rate

    def refusal(self, request: Request, headers: Headers) -> Response | None:
        """401 or 429; None: it is welcome."""
        path = request.url.path
        if path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER):
            return None
        return self._refusal_by_key(request, key_of(headers, ()))

    def refusal_to_open(self, handshake: HTTPConnection) -> Response | None:
        """403, 401 or 429 for a WebSocket; None: it may be opened."""
        if not is_own_origin(handshake.headers, self._origins):
            message = "pages of that origin may not open it; the service needs it in `cors_origin`"
            return error_reply(403, "HTTPError", message, handshake)
        given = key_of(handshake.headers, handshake.scope.get("subprotocols", []))
        return self._refusal_by_key(handshake, given)

    def _refusal_by_key(self, request: HTTPConnection, given: bytes) -> Response | None:
        is_known = self._is_key(given)
        seconds = self._rate.seconds_to_wait(given if is_known else _address_of(request.scope))
        if seconds > 0:
            message = f"too many requests came in the last minute; try again in {math.ceil(seconds)} s"
            reply = error_reply(429, "BusyError", message, request)
            reply.headers["Retry-After"] = str(math.ceil(seconds))
            return reply
        if self._keys and not is_known:
            reply = error_reply(401, "HTTPError", "a key is wanted: Authorization: Bearer KEY", request)
            reply.headers["WWW-Authenticate"] = "Bearer"
            return reply
        return None

    def _is_key(self, given: bytes) -> bool:
        # all are compared, whole, so that the time says nothing about them
        return sum(secrets.compare_digest(given, key) for key in self._keys) > 0


def _address_of(scope: Scope) -> bytes:
    return caller_at((scope.get("client") or ("",))[0])
