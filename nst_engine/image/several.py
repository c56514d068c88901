"""Several pictures, where a lone one may have been given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import cast

import numpy as np
from PIL import Image

from nst_engine.checks import came
from nst_engine.errors import OptionError
from nst_engine.image.decode import ImageSource
from nst_engine.image.picture import Picture, describe


def pictures_of(sources: ImageSource | Iterable[ImageSource] | None, option: str) -> list[ImageSource]:
    """As a list: a lone picture is one of one, None is an empty one.

    Raises:
        OptionError: It is neither a picture nor several.
    """
    if sources is None:
        return []
    return [cast("ImageSource", sources)] if _is_one(sources) else _listed(sources, option)


def several_pictures(sources: Iterable[ImageSource], option: str) -> list[ImageSource]:
    """As a list.

    Raises:
        OptionError: It is one picture, whose rows or letters would be taken for pictures, or nothing of the kind.
    """
    if _is_one(sources):
        raise OptionError(f"{describe(sources)} came; wanted several pictures: give one as [picture]", option=option)
    return _listed(sources, option)


def _is_one(source: object) -> bool:
    if isinstance(source, np.ndarray):
        return source.ndim < 4  # of four axes, the first counts pictures
    kinds = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, Picture)
    return isinstance(source, kinds) or callable(getattr(source, "read", None))


def _listed(sources: object, option: str) -> list[ImageSource]:
    if not isinstance(sources, Iterable):
        raise OptionError(f"{came(sources)} came; wanted pictures, such as a list of paths", option=option)
    return list(sources)
