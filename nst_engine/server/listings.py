"""Which styles and models there are."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from nst_engine.catalogue import bundled_styles
from nst_engine.environment import did_you_mean
from nst_engine.errors import StyleNotFoundError
from nst_engine.image import encode_image, load_image
from nst_engine.server.engine import Engine

router = APIRouter(prefix="/v1", tags=["styles and models"])

_DAY = {"Cache-Control": "public, max-age=86400"}


@router.get("/styles")
async def styles(request: Request) -> dict[str, Any]:
    """Every style by name, with its work, and the models that hold it."""
    engine: Engine = request.app.state.engine
    works = bundled_styles()
    names = dict.fromkeys([*works, *(name for each in engine.models.values() for name in each.styles)])
    return {
        "styles": [
            {
                "name": name,
                "title": works[name].title if name in works else name,
                "painter": works[name].painter if name in works else "",
                "year": works[name].year if name in works else "",
                "preview": f"/v1/styles/{name}/preview" if name in works else None,
                "models": [model for model, each in engine.models.items() if name in each.styles],
            }
            for name in names
        ]
    }


@router.get("/styles/{name}/preview", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
async def preview(name: str, max_side: Annotated[int, Query(ge=16, le=1024)] = 256) -> Response:
    """The painting, as a JPEG."""
    if name not in bundled_styles():
        raise StyleNotFoundError(f"{name}: no such style; {did_you_mean(name, bundled_styles())}GET /v1/styles")
    content = await asyncio.to_thread(_preview, name, max_side)
    return Response(content, media_type="image/jpeg", headers=_DAY)


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """The models that are loaded; the first is the default."""
    engine: Engine = request.app.state.engine
    return {
        "models": [
            {
                "name": name,
                "styles": list(each.styles),
                "any_style": each.spec.style is not None,
                "provider": each.provider,
                "device": each.device_report,
            }
            for name, each in engine.models.items()
        ]
    }


@lru_cache(maxsize=64)
def _preview(name: str, max_side: int) -> bytes:
    return encode_image(load_image(bundled_styles()[name].path, max_side=max_side).pixels, "JPEG")
