"""Where the service is, and who asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nst_engine.environment import needed
from nst_engine.errors import NSTError, OptionError
from nst_engine.options import check_number

with needed("nst_engine.Client asks with httpx", "client"):
    import httpx

#: Between two signs of life of a job that is followed.
LONGEST_SILENCE_S = 60.0
#: As of commands; what more means is no answer at all.
LONGEST_TIMEOUT_S = 1e6
DEFAULT_ADDRESS = "http://127.0.0.1:8000"


def key_headers(api_key: str | None) -> dict[bytes, bytes]:
    """With the key, in UTF-8 as the service reads its file.

    Raises:
        OptionError: It can be no key: empty, or not on one line.
    """
    if api_key is None:
        return {}
    if not api_key.strip() or not api_key.isprintable():
        raise OptionError(
            f"{api_key!r} came; a key is one line of text, such as the service has in its file", option="api_key"
        )
    return {b"Authorization": f"Bearer {api_key}".encode()}


def checked_address(address: str) -> str:
    """The address, if it is one.

    Raises:
        OptionError: It is none.
    """
    if not isinstance(address, str) or not address.startswith(("http://", "https://")):
        has_scheme = not isinstance(address, str) or not address.strip() or "://" in address
        wanted = f"wanted such as {DEFAULT_ADDRESS}" if has_scheme else f"type http://{address}"
        raise OptionError(f"{address!r} came; {wanted}", option="address")
    return address


def check_open(http: httpx.Client | httpx.AsyncClient) -> None:
    """Refuse to ask by connections that were closed.

    Raises:
        OptionError: They were.
    """
    if http.is_closed:
        raise OptionError(f"{http.base_url}: this client is closed; make a new one")


def checked_timeout(timeout: float) -> None:
    """Refuse seconds in which nothing can be waited for.

    Raises:
        OptionError: They are no number above 0.
    """
    check_number("timeout", timeout, 0.0, LONGEST_TIMEOUT_S, is_open=True)


@contextlib.contextmanager
def refused_arguments() -> Iterator[None]:
    """Httpx has no one exception for arguments that it cannot use."""
    try:
        yield
    except (httpx.InvalidURL, UnicodeError, TypeError, ValueError) as refused:
        if isinstance(refused, NSTError):
            raise
        raise OptionError(f"address, api_key or timeout cannot be used ({refused})") from refused
