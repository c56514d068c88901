"""Who may open a WebSocket: a browser lets pages of any origin try."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers

#: Of the subprotocol by which browsers give the key, in URL-safe base64 without padding: they set no headers.
KEY_PREFIX = "nst.key."


def key_of(headers: Headers, subprotocols: Sequence[str]) -> bytes:
    """The key that came with a request or a handshake; empty: none."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip().encode("latin-1")
    for each in subprotocols:
        if each.startswith(KEY_PREFIX):
            return _decoded(each.removeprefix(KEY_PREFIX))
    return headers.get("x-api-key", "").encode("latin-1")


def is_own_origin(headers: Headers, allowed: Sequence[str]) -> bool:
    """Whether a handshake comes from a page of this service, of an allowed origin, or from no page."""
    origin = headers.get("origin")
    return origin is None or origin in allowed or urlsplit(origin).netloc == headers.get("host")


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
