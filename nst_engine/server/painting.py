"""A picture in, the stylized one out; style images in, what is read of them kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from nst_engine.color import ColorMode
from nst_engine.errors import CancelledError, OptionError
from nst_engine.server.engine import Engine
from nst_engine.server.replies import picture_reply
from nst_engine.stylize.style_mix import parse_style_mix

router = APIRouter(prefix="/v1", tags=["stylize"])

_T = TypeVar("_T")
OutputFormat = Literal["jpeg", "png", "webp"]
_PICTURES: dict[str, Any] = {f"image/{kind}": {} for kind in ("jpeg", "png", "webp")}


@router.post("/stylize", response_class=Response, responses={200: {"content": {**_PICTURES, "application/json": {}}}})
async def stylize(
    *,
    request: Request,
    photo: Annotated[UploadFile, File(description="PNG, JPEG, WebP, TIFF or BMP")],
    style: Annotated[str | None, Form(description="a name, or a blend as great-wave:0.7,scream:0.3")] = None,
    style_image: Annotated[UploadFile | None, File(description="any picture as the style")] = None,
    style_id: Annotated[str | None, Form(description="of a style image that was encoded before")] = None,
    model: Annotated[str | None, Form(description="default: the first, or the first that reads style images")] = None,
    strength: Annotated[float, Form(ge=0, le=2, description="0: the photo; 1: the stylized one")] = 1.0,
    stroke_size: Annotated[float, Form(ge=0.1, le=8)] = 1.0,
    preserve_color: Annotated[ColorMode | None, Form(description="keep the photo's colours")] = None,
    max_side: Annotated[int | None, Form(ge=16, description="shrink the photo to it, px")] = None,
    format: Annotated[OutputFormat, Form()] = "jpeg",  # noqa: A002
    quality: Annotated[int, Form(ge=1, le=100, description="of JPEG and WebP")] = 90,
    response: Annotated[Literal["image", "json"], Form(description="json: with the picture in base64")] = "image",
) -> Response:
    """Paint a photo in a style of a model, in a style image, or in a style that was encoded before."""
    engine: Engine = request.app.state.engine
    given = [name for name, each in (("style", style), ("style_image", style_image), ("style_id", style_id)) if each]
    if len(given) > 1:
        raise OptionError(f"{given[0]} and {given[1]} came; give one of them")
    stylizer = engine.model(model, reads_styles=bool(style_image or style_id))
    chosen: Any = None if style is None else parse_style_mix(style)
    if style_image is not None:
        chosen = await _bytes_of(style_image)
    elif style_id is not None:
        chosen = await asyncio.to_thread(engine.kept_style, style_id)
    content = await _bytes_of(photo)
    largest = engine.settings.max_side
    result = await unless_gone(
        request,
        engine.stylize(
            stylizer,
            content,
            chosen,
            strength=strength,
            stroke_size=stroke_size,
            preserve_color=preserve_color,
            max_side=min(max_side or largest, largest),
        ),
    )
    reply, timings = await asyncio.to_thread(
        picture_reply, result, output_format=format, quality=quality, as_json=response == "json"
    )
    request.app.state.monitor.count_stages(result.model, timings)
    return reply


@router.post("/styles/encode")
async def encode(
    request: Request,
    style_image: Annotated[UploadFile, File(description="any picture")],
    label: Annotated[str | None, Form(max_length=200)] = None,
    model: Annotated[str | None, Form()] = None,
) -> JSONResponse:
    """Read a style image once; its `style_id` is then given to /v1/stylize, to any worker."""
    engine: Engine = request.app.state.engine
    stylizer = engine.model(model, reads_styles=True)
    embedding = await engine.encode(stylizer, await _bytes_of(style_image), label)
    return JSONResponse({"style_id": embedding.identity, "label": embedding.label, "model": embedding.model}, 201)


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """What the work returns; it is cancelled when the client goes away.

    Raises:
        CancelledError: The client has gone.
    """
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise CancelledError("the client has gone")
        return task.result()
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _bytes_of(upload: UploadFile) -> bytes:
    content = await upload.read()
    await upload.close()
    return content
