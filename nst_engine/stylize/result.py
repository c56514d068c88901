"""The result of stylization, with the time of each stage."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, TypeAlias, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.image import ImageSource, Picture, encode_image, flatten, save_image, to_pillow, with_alpha

STAGES = ("decode", "preprocess", "inference", "postprocess")

Kind = Literal["rgb", "rgba", "pillow"]

#: Colour below what is transparent; None: nothing is below it.
Background: TypeAlias = tuple[int, int, int] | None


#: What `image` is.
Image_co = TypeVar("Image_co", covariant=True)


@dataclass(frozen=True, eq=False)
class StylizeResult(Generic[Image_co]):
    """A stylized picture with its provenance.

    Attributes:
        pixels: uint8 H×W×3, RGB.
        alpha: Of the content image at the result's size, uint8 H×W; None: opaque.
        timings_ms: Wall time per stage: `decode` (including resizing), `preprocess`, `inference`, `postprocess`, and
            their `total`. In a batch: divided evenly.
        provider: Execution provider.
        model: Name of the model.
        styles: Share of each style, sum 1.
        kind: What `image` is: `rgb` or `rgba` (arrays) or `pillow`, as it came in.
        source_path: Of the content image, if it came from a file.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    alpha: NDArray[np.uint8] | None = field(repr=False)
    timings_ms: Mapping[str, float]
    provider: str
    model: str
    styles: Mapping[str, float]
    kind: Kind
    source_path: Path | None

    @property
    def image(self) -> Image_co:
        """The picture in the kind that came in: an array uint8 H×W×3, or ×4 for one with alpha; else a Pillow image."""
        image: Any
        if self.kind == "pillow":
            image = to_pillow(self.pixels, self.alpha)
        else:
            image = self.pixels if self.kind == "rgb" else with_alpha(self.pixels, self.alpha)
        return cast(Image_co, image)

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    def encode(self, format: str, *, quality: int = 95, background: Background = None) -> bytes:  # noqa: A002
        """The picture as the bytes of a file; see `nst_engine.save_image`.

        Args:
            format: `png`, `jpeg`, `webp`, `avif`, `heic`, `tiff` or `bmp`.
            quality: 1–100, for JPEG, WebP, AVIF and HEIC.
            background: RGB, 0–255, that a picture with transparency is laid on; None: it stays transparent, and a
                format that cannot hold that is refused.

        Raises:
            ImageEncodeError: Another format, or one that cannot hold the picture.
            OptionError: Another quality or background.
        """
        pixels, alpha = self._on(background)
        return encode_image(pixels, format, alpha=alpha, quality=quality)

    @overload
    def save(
        self,
        target: str | os.PathLike[str],
        *,
        quality: int = 95,
        background: Background = None,
        overwrite: bool = False,
    ) -> Path: ...

    @overload
    def save(
        self,
        target: BinaryIO,
        *,
        format: str,
        quality: int = 95,
        background: Background = None,
    ) -> None: ...

    def save(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        format: str | None = None,  # noqa: A002
        quality: int = 95,
        background: Background = None,
        overwrite: bool = False,
    ) -> Path | None:
        """Write the picture, see `nst_engine.save_image`; over the content image's own file only with `overwrite`.

        Args:
            target: A path, whose suffix says the format, or a file open for writing, with `format`.
            format: See `encode`.
            quality: See `encode`.
            background: See `encode`.
            overwrite: Allow the content image's own file.

        Returns:
            The path; None for an open file.

        Raises:
            ImageEncodeError: Another suffix or format, or one that cannot hold the picture.
            OutputError: The place cannot be written, or is the content image's.
            OptionError: A file without `format`, or a path with it.
        """
        is_file = not isinstance(target, str | os.PathLike)
        if is_file != (format is not None):
            raise OptionError("of an open file `format` says what is written, of a path its suffix does")
        if not isinstance(target, str | os.PathLike):
            target.write(self.encode(format or "", quality=quality, background=background))
            return None
        pixels, alpha = self._on(background)
        return save_image(target, pixels, alpha=alpha, quality=quality, inputs=[self.source_path], overwrite=overwrite)

    def _on(self, background: Background) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        return (self.pixels, self.alpha) if background is None else (flatten(self.pixels, self.alpha, background), None)


def kind_of(source: ImageSource) -> Kind:
    """The kind of a result's `image`."""
    if isinstance(source, Picture):
        return "rgb" if source.alpha is None else "rgba"
    if not isinstance(source, np.ndarray):
        return "pillow"
    return "rgba" if source.ndim == 3 and source.shape[2] in (2, 4) else "rgb"


class Stopwatch:
    """Adds up the time between laps, by stage.

    Attributes:
        provider: What computed, for display; empty before the model ran.
    """

    def __init__(self) -> None:
        self.provider = ""
        self._last = time.perf_counter()
        self._seconds = dict.fromkeys(STAGES, 0.0)

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to this stage."""
        now = time.perf_counter()
        self._seconds[stage] += now - self._last
        self._last = now

    def take(self, shared: Stopwatch, among: int) -> None:
        """Add what was done since the last lap, together with other pictures.

        Args:
            shared: Has timed it.
            among: Pictures, among which its stages are divided evenly; the rest of the time counts as `inference`.
        """
        self.lap("inference")
        self.provider = shared.provider
        for stage, seconds in shared._seconds.items():
            self._seconds[stage] += seconds / among
            self._seconds["inference"] -= seconds / among

    def timings_ms(self, *, shared: Stopwatch | None = None, among: int = 1) -> dict[str, float]:
        """Times per stage and in total, divided evenly among the pictures of a batch."""
        others = {} if shared is None else shared._seconds
        timings = {stage: 1000 * (seconds + others.get(stage, 0.0) / among) for stage, seconds in self._seconds.items()}
        return {**timings, "total": sum(timings.values())}
