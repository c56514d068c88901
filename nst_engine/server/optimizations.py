"""`POST /v1/optimizations`: a picture, painted by optimisation (Gatys et al. 2015)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response

from nst_engine.catalogue import bundled_styles
from nst_engine.color import ColorMode
from nst_engine.environment import is_importable, pip_install
from nst_engine.errors import MissingDependencyError, OptionError
from nst_engine.optimization.inputs import MIN_PICTURE_SIDE_PX
from nst_engine.optimization.options import OptimizeOptions, OptimizerName, StyleLoss, layer_list
from nst_engine.server.engine import Engine
from nst_engine.server.following import accepted, desk_of, following
from nst_engine.server.painting import OutputFormat
from nst_engine.server.style_form import named_mix

router: APIRouter = following("optimization")

MOST_STYLE_IMAGES = 8
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass
class OptimizationForm:
    """Options of `nst_engine.optimize`, by its names; a dependency of routes. None: as there."""

    image_size: Annotated[int, Form(ge=32, description="longest side of the result, px")] = 512
    num_iterations: Annotated[int | None, Form(ge=1, le=2000, description="over all scales")] = None
    content_weight: Annotated[float | None, Form(ge=0, le=1e12)] = None
    style_weight: Annotated[float | None, Form(ge=0, le=1e12)] = None
    tv_weight: Annotated[float | None, Form(ge=0, le=1e12)] = None
    init: Annotated[Literal["content", "random", "style"], Form(description="the first picture")] = "content"
    optimizer: Annotated[OptimizerName, Form()] = "lbfgs"
    learning_rate: Annotated[float | None, Form(gt=0, le=1000)] = None
    style_loss: Annotated[StyleLoss, Form()] = "gram"
    preserve_color: Annotated[ColorMode | None, Form(description="keep the photo's colours")] = None
    seed: Annotated[int, Form(ge=0, le=2**31 - 1, description="of the random first picture")] = 0
    content_layers: Annotated[str | None, Form(description="as relu4_2, or relu4_1:2,relu4_2:1")] = None
    style_layers: Annotated[str | None, Form(description="likewise")] = None

    def options(self, largest: int, blend: tuple[float, ...]) -> dict[str, Any]:
        """For `nst_engine.optimize`.

        Raises:
            OptionError: A value that cannot be used, or too large a picture.
        """
        if self.image_size > largest:
            raise OptionError(f"{self.image_size} came; at most {largest} px are made here", option="image_size")
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        options = {name: value for name, value in given.items() if value is not None}
        for name in ("content_layers", "style_layers"):
            if name in options:
                options[name] = layer_list(options[name])
        options["style_blend_weights"] = blend
        OptimizeOptions(**options)
        return options


@router.post("", status_code=202, name="optimization: begin")
async def optimize(
    *,
    request: Request,
    photo: Annotated[UploadFile, File(description="PNG, JPEG, WebP, TIFF or BMP")],
    style: Annotated[str | None, Form(description="a painting's name, or a blend as great-wave:0.7,scream:0.3")] = None,
    style_image: Annotated[list[UploadFile] | None, File(description="any pictures as the style")] = None,
    form: Annotated[OptimizationForm, Depends()],
    save_every: Annotated[int, Form(ge=1, le=2000, description="iterations between snapshots")] = 10,
    format: Annotated[OutputFormat, Form()] = "png",  # noqa: A002
    quality: Annotated[int, Form(ge=1, le=100, description="of JPEG and WebP")] = 95,
) -> Response:
    """Begin; the answer is a job, to be followed by its links.

    The losses are the mean squared differences of VGG-19's features (content) and of their Gram matrices (style).
    """
    if not is_importable("torch"):
        raise MissingDependencyError(f"optimisation needs torch, which is not here: {pip_install('optimize')}")
    engine: Engine = request.app.state.engine
    images = style_image or []
    names = {} if style is None else named_mix(style, tuple(bundled_styles()))
    if not images and not names:
        raise OptionError("none came; give a painting's name, or style_image", option="style")
    if len(images) > MOST_STYLE_IMAGES:
        raise OptionError(f"{len(images)} came; at most {MOST_STYLE_IMAGES} are taken", option="style_image")
    uploads = {"photo": photo, **{f"style_image_{number}": each for number, each in enumerate(images)}}
    async with engine.admission.place():
        for name, upload in uploads.items():
            picture = await engine.decoders.decode(upload, name, max_side=form.image_size)
            if min(picture.height, picture.width) < MIN_PICTURE_SIDE_PX:
                came = f"{picture.width}x{picture.height} px came"
                raise OptionError(f"{came}; at least {MIN_PICTURE_SIDE_PX} px each way are needed", option=name)
            await upload.seek(0)
    wanted = {
        "options": form.options(engine.settings.max_side, (*[1.0] * len(images), *names.values())),
        "styles": list(names),
        "style_images": [name for name in uploads if name != "photo"],
        "save_every": save_every,
        "result": f"result{_SUFFIXES[format]}",
        "quality": quality,
    }
    files = {name: upload.file for name, upload in uploads.items()}
    job = await asyncio.to_thread(desk_of(request).hand_in, "optimization", wanted, files)
    return await asyncio.to_thread(accepted, request, job)
