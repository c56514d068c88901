"""`POST /v1/videos`: a video, painted frame by frame."""

from __future__ import annotations

import asyncio
import io
from dataclasses import asdict
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response
from starlette import datastructures

from nst_engine.color import ColorMode
from nst_engine.errors import ImageTooLargeError
from nst_engine.motion.options import FrameOptions, Stability
from nst_engine.server.engine import Engine
from nst_engine.server.following import accepted, desk_of, following
from nst_engine.server.style_form import MaxSide, StyleForm, style_form
from nst_engine.stylize.style_embedding import StyleEmbedding

router: APIRouter = following("video")


@router.post("", status_code=202, name="video: begin")
async def paint(
    *,
    request: Request,
    video: Annotated[UploadFile, File(description="what PyAV reads, or a GIF, an animated WebP or PNG")],
    wanted: Annotated[StyleForm, Depends(style_form)],
    strength: Annotated[float, Form(description="0-1. 0: the video; 1: the stylized one")] = 1.0,
    stroke_size: Annotated[float, Form(ge=0.1, le=8)] = 1.0,
    preserve_color: Annotated[ColorMode | None, Form(description="keep the video's colours")] = None,
    stability: Annotated[Stability, Form(description="against flicker")] = "low",
    max_side: MaxSide = None,
) -> Response:
    """Begin; the answer is a job, to be followed by its links. The result is an MP4 with the video's sound."""
    engine: Engine = request.app.state.engine
    settings = engine.settings
    look = FrameOptions(strength=strength, stroke_size=stroke_size, preserve_color=preserve_color, stability=stability)
    if (video.size or 0) > settings.max_video_bytes:
        raise ImageTooLargeError(f"video: {video.size:,} bytes came; at most {settings.max_video_bytes:,} are taken")
    stylizer = wanted.model_of(engine)
    chosen = await wanted.choice(engine, stylizer)
    files: dict[str, BinaryIO] = {"video": video.file}
    if isinstance(chosen, datastructures.UploadFile):
        chosen = await engine.encode(stylizer, chosen, None)
    elif not isinstance(chosen, StyleEmbedding):
        await asyncio.to_thread(stylizer.choose_style, chosen)  # models for any style read the painting for that
    if isinstance(chosen, StyleEmbedding):
        files["style.safetensors"] = io.BytesIO(chosen.as_bytes())  # a copy, for as long as the job is there
    job = await asyncio.to_thread(
        desk_of(request).hand_in,
        "video",
        {
            "model": stylizer.model,
            "style": None if isinstance(chosen, StyleEmbedding) else chosen,
            "look": asdict(look),
            "max_side": settings.longest_side(max_side),
            "result": "result.mp4",
        },
        files,
    )
    return await asyncio.to_thread(accepted, request, job)
