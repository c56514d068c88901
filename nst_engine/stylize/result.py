"""The result of stylization, with the time of each stage."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nst_engine.image import ImageSource, save_image, to_pillow, with_alpha

STAGES = ("decode", "preprocess", "inference", "postprocess")

Kind = Literal["rgb", "rgba", "pillow"]


@dataclass(frozen=True, eq=False)
class StylizeResult:
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
    def image(self) -> Any:
        """The picture in the kind that came in: an array uint8 H×W×3, or ×4 for one with alpha; else a Pillow image."""
        if self.kind == "pillow":
            return to_pillow(self.pixels, self.alpha)
        return self.pixels if self.kind == "rgb" else with_alpha(self.pixels, self.alpha)

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    def save(self, path: str | os.PathLike[str], *, quality: int = 95, overwrite: bool = False) -> Path:
        """Write the picture, see `nst_engine.save_image`; over the content image's own file only with `overwrite`."""
        return save_image(
            path, self.pixels, alpha=self.alpha, quality=quality, inputs=[self.source_path], overwrite=overwrite
        )


def kind_of(source: ImageSource) -> Kind:
    """The kind of a result's `image`."""
    if not isinstance(source, np.ndarray):
        return "pillow"
    return "rgba" if source.ndim == 3 and source.shape[2] in (2, 4) else "rgb"


class Stopwatch:
    """Adds up the time between laps, by stage."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._seconds = dict.fromkeys(STAGES, 0.0)

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to this stage."""
        now = time.perf_counter()
        self._seconds[stage] += now - self._last
        self._last = now

    def timings_ms(self, *, shared: Stopwatch | None = None, among: int = 1) -> dict[str, float]:
        """Times per stage and in total, divided evenly among the pictures of a batch."""
        others = {} if shared is None else shared._seconds
        timings = {stage: 1000 * (seconds + others.get(stage, 0.0) / among) for stage, seconds in self._seconds.items()}
        return {**timings, "total": sum(timings.values())}
