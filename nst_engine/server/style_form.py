"""The fields that several requests have: which style, by which model, and how large."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import File, Form, UploadFile

from nst_engine.catalogue import bundled_styles
from nst_engine.environment import did_you_mean
from nst_engine.errors import OptionError, StyleNotFoundError
from nst_engine.server.engine import Engine
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.style_mix import parse_style_mix
from nst_engine.stylize.stylizer import Stylizer

MaxSide = Annotated[
    int | None, Form(ge=16, description="shrink to it, px; the service's own `--max-side` is never exceeded")
]


@dataclass
class StyleForm:
    """A name or blend, an image, or what was read of one before; and the model. See `style_form`."""

    style: str | None
    style_image: UploadFile | None
    style_id: str | None
    model: str | None

    def model_of(self, engine: Engine) -> Stylizer:
        """The model.

        Raises:
            ModelNotFoundError: There is none of that name, or none that reads style images.
            OptionError: Several styles of different kinds came.
        """
        given = [name for name in ("style", "style_image", "style_id") if getattr(self, name)]
        if len(given) > 1:
            raise OptionError(f"{given[0]} and {given[1]} came; give one of them")
        return engine.model(self.model, reads_styles=bool(self.style_image or self.style_id))

    async def choice(self, engine: Engine, stylizer: Stylizer) -> Style | UploadFile:
        """The style, for this model; None: its only one.

        Raises:
            StyleNotFoundError: There is none of that name or `style_id`.
        """
        if self.style_image is not None:
            return self.style_image
        return await asyncio.to_thread(named_choice, engine, stylizer, self.style, self.style_id)


async def style_form(
    style: Annotated[str | None, Form(description="a name, or a blend as great-wave:0.7,scream:0.3")] = None,
    style_image: Annotated[UploadFile | None, File(description="any picture as the style")] = None,
    style_id: Annotated[str | None, Form(description="of a style image that was encoded before")] = None,
    model: Annotated[str | None, Form(description="default: the first, or the first that reads style images")] = None,
) -> StyleForm:
    """The dependency of routes: FastAPI would make the class itself in a thread, whose turn costs more than that."""
    return StyleForm(style, style_image, style_id, model)


def named_choice(engine: Engine, stylizer: Stylizer, style: str | None, style_id: str | None) -> Style:
    """A style that was not uploaded.

    Raises:
        StyleNotFoundError: There is none of that name or `style_id`.
    """
    if style_id is not None:
        return engine.kept_styles.read(style_id)
    if style is None:
        return None
    return named_mix(style, stylizer.styles if stylizer.spec.style is None else tuple(bundled_styles()))


def named_mix(text: str, names: tuple[str, ...]) -> dict[str, float]:
    """A style's name or a blend, with weights; the engine would take names of files too.

    Raises:
        StyleNotFoundError: One is not among the names.
        OptionError: It cannot be read.
    """
    mix = parse_style_mix(text)
    for name in mix:
        if name not in names:
            raise StyleNotFoundError(f"style: {name!r} came; {did_you_mean(name, names)}GET /v1/styles lists them")
    return mix
