"""What is asked: fields and files, as forms."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypedDict

from nst_engine.checks import require_path
from nst_engine.color import ColorMode
from nst_engine.errors import OptionError, VideoNotFoundError
from nst_engine.image.read import read_path
from nst_engine.limits import DEFAULT_LIMITS

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


class OptimizeFields(TypedDict, total=False):
    """What may be asked of an optimisation; see `nst_engine.optimize` for each.

    `save_every` is the number of iterations between snapshots.
    """

    style: str | Mapping[str, float]
    style_image: Source
    image_size: int
    num_iterations: int
    content_weight: float
    style_weight: float
    tv_weight: float
    init: Literal["content", "random", "style"]
    optimizer: Literal["lbfgs", "adam"]
    learning_rate: float
    style_loss: Literal["gram", "moments"]
    preserve_color: ColorMode
    seed: int
    content_layers: str
    style_layers: str
    save_every: int
    format: Literal["jpeg", "png", "webp"]
    quality: int


class VideoFields(TypedDict, total=False):
    """What may be asked of a video; see `nst_engine.video.stylize_video` for each."""

    style: str | Mapping[str, float]
    style_image: Source
    style_id: str
    model: str
    strength: float
    stroke_size: float
    preserve_color: ColorMode
    stability: Literal["off", "low", "high"]
    max_side: int


def stylize_form(photo: Source, fields: StylizeFields) -> dict[str, Any]:
    """Of a request for httpx: files and fields.

    Raises:
        OptionError: There is no such field, or a value of the wrong kind.
        ImageNotFoundError: There is no such file; its siblings where it cannot be read.
    """
    return _form({"photo": _file_of(photo, "photo")}, dict(fields), StylizeFields)


def optimize_form(photo: Source, fields: OptimizeFields) -> dict[str, Any]:
    """Likewise."""
    return _form({"photo": _file_of(photo, "photo")}, dict(fields), OptimizeFields)


def style_form(style_image: Source, label: str | None) -> dict[str, Any]:
    """Likewise; where no label is given, the file's name is it."""
    file = _file_of(style_image, "style_image")
    name = label or (Path(style_image).stem if isinstance(style_image, str | os.PathLike) else None)
    return {
        "files": {"style_image": file},
        "data": {} if name is None else {"label": name[:200]},
    }


@contextlib.contextmanager
def video_form(video: Source, fields: VideoFields) -> Iterator[dict[str, Any]]:
    """Likewise; a file is open while the block runs, and not read into memory.

    Raises:
        OptionError: It is no path, and no bytes.
        VideoNotFoundError: There is no such file.
    """
    with contextlib.ExitStack() as opened:
        content: bytes | BinaryIO
        if isinstance(video, bytes):
            content = video
        elif not isinstance(video, str | os.PathLike):
            raise _no_source(video, "video")
        else:
            path = Path(require_path("video", video))
            try:
                content = opened.enter_context(path.open("rb"))
            except (OSError, ValueError) as error:
                raise VideoNotFoundError(f"{video}: cannot be read ({getattr(error, 'strerror', error)})") from error
        yield _form({"video": ("video", content)}, dict(fields), VideoFields)


def _form(files: dict[str, Any], fields: dict[str, Any], known: type) -> dict[str, Any]:
    if unknown := fields.keys() - known.__annotations__.keys():
        raise OptionError(f"{min(unknown)}: no such field; there are {', '.join(known.__annotations__)}")
    texts = {name: value for name, value in fields.items() if value is not None}
    if "style_image" in texts:
        files["style_image"] = _file_of(texts.pop("style_image"), "style_image")
    if isinstance(texts.get("style"), Mapping):
        texts["style"] = ",".join(f"{name}:{weight!r}" for name, weight in texts["style"].items())
    return {"files": files, "data": {name: str(value) for name, value in texts.items()}}


def _file_of(source: Source, name: str) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return name, source
    if isinstance(source, str | os.PathLike):
        path = require_path(name, source)
        return name, read_path(path, path, DEFAULT_LIMITS)
    raise _no_source(source, name)


def _no_source(came: object, name: str) -> OptionError:
    return OptionError(f"came a {type(came).__name__}; wanted a path, or the bytes of a file", option=name)
