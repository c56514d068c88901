"""A picture in, the stylized one out; style images in, what is read of them kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from nst_engine.color import ColorMode
from nst_engine.errors import CancelledError
from nst_engine.server.engine import Engine
from nst_engine.server.replies import picture_reply
from nst_engine.server.style_form import MaxSide, StyleForm, style_form
from nst_engine.server.tracing import trace_stages

router = APIRouter(prefix="/v1", tags=["stylize"])

#: Whatever is sent here needs a place of the engine's.
PATHS = ("/v1/stylize", "/v1/styles/encode")
_T = TypeVar("_T")
OutputFormat = Literal["jpeg", "png", "webp"]
_PICTURES: dict[str, Any] = {f"image/{kind}": {} for kind in ("jpeg", "png", "webp")}


@router.post("/stylize", response_class=Response, responses={200: {"content": {**_PICTURES, "application/json": {}}}})
async def stylize(
    *,
    request: Request,
    photo: Annotated[UploadFile, File(description="PNG, JPEG, WebP, TIFF or BMP")],
    wanted: Annotated[StyleForm, Depends(style_form)],
    strength: Annotated[float, Form(ge=0, le=2, description="0: the photo; 1: the stylized one")] = 1.0,
    stroke_size: Annotated[float, Form(ge=0.1, le=8)] = 1.0,
    preserve_color: Annotated[ColorMode | None, Form(description="keep the photo's colours")] = None,
    max_side: MaxSide = None,
    format: Annotated[OutputFormat, Form()] = "jpeg",  # noqa: A002
    quality: Annotated[int, Form(ge=1, le=100, description="of JPEG and WebP")] = 90,
    response: Annotated[Literal["image", "json"], Form(description="json: with the picture in base64")] = "image",
) -> Response:
    """Paint a photo in a style of a model, in a style image, or in a style that was encoded before."""
    engine: Engine = request.app.state.engine
    stylizer = wanted.model_of(engine)
    chosen = await wanted.choice(engine, stylizer)
    result = await unless_gone(
        request,
        engine.stylize(
            stylizer,
            photo,
            chosen,
            strength=strength,
            stroke_size=stroke_size,
            preserve_color=preserve_color,
            max_side=engine.settings.longest_side(max_side),
        ),
    )
    reply, timings = await asyncio.to_thread(
        picture_reply, result, output_format=format, quality=quality, as_json=response == "json"
    )
    request.app.state.monitor.count_stages(result.model, timings)
    trace_stages(result.model, timings)
    return reply


@router.post("/styles/encode", status_code=201)
async def encode(
    request: Request,
    style_image: Annotated[UploadFile, File(description="any picture")],
    label: Annotated[str | None, Form(max_length=200)] = None,
    model: Annotated[str | None, Form()] = None,
) -> JSONResponse:
    """Read a style image once; its `style_id` is then given to /v1/stylize, to any worker.

    The 10,000 that were used last are known; of another one, the answer is 404, and it is encoded again.
    """
    engine: Engine = request.app.state.engine
    stylizer = engine.model(model, reads_styles=True)
    embedding = await engine.encode(stylizer, style_image, label)
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
