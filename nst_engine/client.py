"""Clients of `nst serve`: the same calls, waiting or with `await`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, Unpack

from nst_engine import errors
from nst_engine.color import ColorMode
from nst_engine.environment import needed
from nst_engine.errors import InferenceError, NSTError, OptionError
from nst_engine.files import write_atomically
from nst_engine.image import Picture, load_image
from nst_engine.image.read import read_path
from nst_engine.limits import DEFAULT_LIMITS

with needed("nst_engine.Client asks with httpx", "client"):
    import httpx

DEFAULT_ADDRESS = "http://127.0.0.1:8000"
#: A path, or the bytes of a file.
Source = str | os.PathLike[str] | bytes


class StylizeFields(TypedDict, total=False):
    """What may be asked of the service; see `nst_engine.Stylizer.stylize` for each."""

    style: str | Mapping[str, float]
    style_image: Source
    style_id: str
    model: str
    strength: float
    stroke_size: float
    preserve_color: ColorMode
    max_side: int
    format: Literal["jpeg", "png", "webp"]
    quality: int


@dataclass(frozen=True)
class ServedPicture:
    """A stylized picture as the service has sent it.

    Attributes:
        content: Of a file in the requested format.
        model: That painted it.
        provider: What computed.
        timings_ms: Of the stages, in the service.
    """

    content: bytes = field(repr=False)
    model: str
    provider: str
    timings_ms: Mapping[str, float]

    def picture(self) -> Picture:
        """Its pixels."""
        return load_image(self.content)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file as it came, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        write_atomically(path, self.content)
        return Path(path)


class Client:
    """A connection to a service; a context manager.

    Args:
        address: Of the service.
        api_key: Where it wants one.
        timeout: Seconds to wait for an answer.

    Every call raises the `NSTError` that the service did, `BusyError` where it has no room, and `InferenceError` where
    it cannot be reached.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, *, api_key: str | None = None, timeout: float = 60.0) -> None:
        with _refused_arguments():
            self._http = httpx.Client(base_url=_checked_address(address), headers=_headers(api_key), timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def stylize(self, photo: Source, **fields: Unpack[StylizeFields]) -> ServedPicture:
        """Paint a photo; see `StylizeFields`."""
        return _picture_of(self._asked("POST", "/v1/stylize", **_form(photo, fields)))

    def encode_style(self, style_image: Source, label: str | None = None) -> str:
        """Read a style image once; what is returned may be given as `style_id`."""
        return str(_field(self._asked("POST", "/v1/styles/encode", **_style_form(style_image, label)), "style_id"))

    def styles(self) -> list[dict[str, Any]]:
        """The styles, with their works."""
        return list(_field(self._asked("GET", "/v1/styles"), "styles"))

    def models(self) -> list[dict[str, Any]]:
        """The models; the first is the default."""
        return list(_field(self._asked("GET", "/v1/models"), "models"))

    def _asked(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            return _checked(self._http.request(method, path, **what))
        except (httpx.HTTPError, RuntimeError) as failed:  # the latter of a client that is closed
            raise _unreachable(self._http.base_url, failed) from failed


class AsyncClient:
    """The same as `Client`, with `await` and `async with`."""

    def __init__(self, address: str = DEFAULT_ADDRESS, *, api_key: str | None = None, timeout: float = 60.0) -> None:
        with _refused_arguments():
            self._http = httpx.AsyncClient(
                base_url=_checked_address(address), headers=_headers(api_key), timeout=timeout
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def stylize(self, photo: Source, **fields: Unpack[StylizeFields]) -> ServedPicture:
        """Paint a photo; see `StylizeFields`."""
        return _picture_of(await self._asked("POST", "/v1/stylize", **_form(photo, fields)))

    async def encode_style(self, style_image: Source, label: str | None = None) -> str:
        """Read a style image once; what is returned may be given as `style_id`."""
        answer = await self._asked("POST", "/v1/styles/encode", **_style_form(style_image, label))
        return str(_field(answer, "style_id"))

    async def styles(self) -> list[dict[str, Any]]:
        """The styles, with their works."""
        return list(_field(await self._asked("GET", "/v1/styles"), "styles"))

    async def models(self) -> list[dict[str, Any]]:
        """The models; the first is the default."""
        return list(_field(await self._asked("GET", "/v1/models"), "models"))

    async def _asked(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            return _checked(await self._http.request(method, path, **what))
        except (httpx.HTTPError, RuntimeError) as failed:
            raise _unreachable(self._http.base_url, failed) from failed


def _headers(api_key: str | None) -> dict[str, str]:
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def _form(photo: Source, fields: StylizeFields) -> dict[str, Any]:
    """Fields and files of a request."""
    if unknown := fields.keys() - StylizeFields.__annotations__.keys():
        raise OptionError(f"{min(unknown)}: no such field; there are {', '.join(StylizeFields.__annotations__)}")
    texts: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    files = {"photo": _file_of(photo, "photo")}
    if "style_image" in texts:
        files["style_image"] = _file_of(texts.pop("style_image"), "style_image")
    if isinstance(texts.get("style"), Mapping):
        texts["style"] = ",".join(f"{name}:{weight!r}" for name, weight in texts["style"].items())
    return {"files": files, "data": {name: str(value) for name, value in texts.items()}}


def _style_form(style_image: Source, label: str | None) -> dict[str, Any]:
    name = label or (Path(style_image).stem if isinstance(style_image, str | os.PathLike) else None)
    return {
        "files": {"style_image": _file_of(style_image, "style_image")},
        "data": {} if name is None else {"label": name[:200]},
    }


def _file_of(source: Source, name: str) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return name, source
    if isinstance(source, str | os.PathLike):
        return name, read_path(source, str(source), DEFAULT_LIMITS)
    raise OptionError(f"came a {type(source).__name__}; wanted a path, or the bytes of a file", option=name)


def _field(answer: httpx.Response, name: str) -> Any:
    """A field of an answer in JSON."""
    try:
        return answer.json()[name]
    except (ValueError, KeyError, TypeError):
        raise _no_service(answer) from None


def _no_service(answer: httpx.Response) -> InferenceError:
    return InferenceError(f"{answer.url}: what answers there is no `nst serve`; see the address")


def _checked_address(address: str) -> str:
    if not str(address).startswith(("http://", "https://")):
        raise OptionError(f"{address!r} came; type http://{address}", option="address")
    return address


@contextlib.contextmanager
def _refused_arguments() -> Iterator[None]:
    """Httpx has no one exception for arguments that it cannot use."""
    try:
        yield
    except (httpx.InvalidURL, UnicodeError, TypeError, ValueError) as refused:
        if isinstance(refused, NSTError):
            raise
        raise OptionError(f"address, api_key or timeout cannot be used ({refused})") from refused


def _picture_of(answer: httpx.Response) -> ServedPicture:
    try:
        parts = [each.strip().split(";dur=") for each in answer.headers["server-timing"].split(",")]
        timings = {stage: float(ms) for stage, ms in parts}
    except (KeyError, ValueError):
        raise _no_service(answer) from None
    return ServedPicture(
        answer.content,
        answer.headers.get("x-nst-model", ""),
        answer.headers.get("x-nst-provider", ""),
        timings,
    )


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it tells of an error: that is raised here as it was there."""
    if answer.is_success:
        return answer
    try:
        error = answer.json()["error"]
        kind, message = getattr(errors, error["type"], None), str(error["message"])
    except (ValueError, KeyError, TypeError):
        kind, message = None, answer.text[:200]
    if not (isinstance(kind, type) and issubclass(kind, NSTError)):
        kind, message = InferenceError, f"the service answered {answer.status_code}: {message}"
    raise kind(message)


def _unreachable(address: httpx.URL, failed: Exception) -> InferenceError:
    return InferenceError(f"{address}: {failed or type(failed).__name__}; see whether `nst serve` runs there")
