"""The page of the service: files that Vite has built (`web/`), kept compressed, and the model that browsers run."""

from __future__ import annotations

import asyncio
import gzip
from functools import cache
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from nst_engine.models.find import BUNDLED_PREFIX, bundled_models, find_model

router = APIRouter(include_in_schema=False)

_BUILT = Path(__file__).parent / "page_files"
_LIVE = "live-uint8"
# WebAssembly wants its own permission; pictures of the visit are blobs; no word of 'unsafe-inline'
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# isolated from other origins, so that WebAssembly may use threads
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
_MEDIA_TYPES = {  # those of `mimetypes` are the machine's, and Windows has other ones for scripts
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
_IMMUTABLE = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@router.get("/")
async def page(request: Request) -> Response:
    """The page itself: browsers ask each time whether it is still the same."""
    return await _built_file("index.html", request, _ASK_AGAIN)


@router.get("/assets/live.onnx")
async def live_model(request: Request) -> Response:
    """The model that paints in browsers: bytes in, bytes out."""
    etag = f'"{bundled_models()[_LIVE].sha256}"'
    headers = {**_HEADERS, "Cache-Control": _ASK_AGAIN, "ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(_live_bytes(), media_type="application/octet-stream", headers=headers)


@router.get("/assets/{name}")
async def asset(name: str, request: Request) -> Response:
    """A script, a style sheet or the runtime; its name holds a hash of what is in it."""
    return await _built_file(f"assets/{name}", request, _IMMUTABLE)


async def _built_file(name: str, request: Request, caching: str) -> Response:
    if name not in _names():
        raise HTTPException(404, "there is no such file of the page")
    content, etag = _compressed(name)
    headers = {**_HEADERS, "Cache-Control": caching, "ETag": etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = await asyncio.to_thread(gzip.decompress, content)  # a fifth of a second for the runtime
    return Response(content, media_type=_MEDIA_TYPES[PurePosixPath(name).suffix], headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.relative_to(_BUILT).as_posix().removesuffix(".gz") for path in _BUILT.rglob("*.gz"))


@cache
def _compressed(name: str) -> tuple[bytes, str]:
    content = (_BUILT / f"{name}.gz").read_bytes()
    return content, f'"{content[-8:].hex()}"'  # gzip ends with a checksum and the length of what is in it


@cache
def _live_bytes() -> bytes:
    return find_model(BUNDLED_PREFIX + _LIVE).path.read_bytes()
