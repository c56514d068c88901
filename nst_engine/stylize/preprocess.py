"""Turns pictures into a model's input: reads, resizes, pads, scales, sets the layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine import kernels
from nst_engine.image import ImageSource, Picture, load_image
from nst_engine.limits import ImageLimits
from nst_engine.models.spec import ModelSpec
from nst_engine.stylize.result import Stopwatch
from nst_engine.stylize.workspace import Workspace


def timed_read(source: ImageSource, max_side: int | None, limits: ImageLimits) -> tuple[Picture, Stopwatch]:
    """Read a picture, shrunk to `max_side` if larger, and measure the time."""
    stopwatch = Stopwatch()
    picture = load_image(source, limits=limits, copy=False, max_side=max_side)
    stopwatch.lap("decode")
    return picture, stopwatch


@dataclass(frozen=True, eq=False)
class ModelInput:
    """A model's input, and the size before padding.

    Attributes:
        tensor: N pictures as the specification says; in the workspace, or the only picture itself.
        height: Before padding, px; the padding is at the bottom.
        width: Before padding, px; the padding is at the right.
    """

    tensor: NDArray[Any] = field(repr=False)
    height: int
    width: int


def model_input(
    pictures: Sequence[NDArray[np.uint8]],
    spec: ModelSpec,
    *,
    bucket_px: int = 1,
    swap_rb: bool = False,
    threads: int = 1,
    workspace: Workspace | None = None,
) -> ModelInput:
    """Turn pictures of one size into a batch.

    Args:
        pictures: uint8 H×W×3 each, RGB, of one size.
        spec: Of the model. Sides grow at the bottom and right to `min_side_px` and to a multiple of `pad_multiple`,
            by reflection, back and forth where the picture is small.
        bucket_px: Sides grow to a multiple of this, too.
        swap_rb: Whether the pictures are BGR.
        threads: Number of CPU threads.
        workspace: Memory for the batch; None: a new array.
    """
    height, width = pictures[0].shape[:2]
    multiple = math.lcm(spec.pad_multiple, bucket_px)
    padded = [-(-max(side, spec.min_side_px) // multiple) * multiple for side in (height, width)]
    swap_rb = swap_rb != (spec.channel_order == "bgr")
    if spec.dtype == "uint8":
        return ModelInput(_bytes(pictures, spec, padded, swap_rb=swap_rb), height, width)
    batch = _floats(pictures, spec, padded, workspace or Workspace(), swap_rb=swap_rb, threads=threads)
    return ModelInput(batch, height, width)


def _bytes(
    pictures: Sequence[NDArray[np.uint8]], spec: ModelSpec, padded: Sequence[int], *, swap_rb: bool
) -> NDArray[np.uint8]:
    reflected = [_reflected(pixels, *padded) for pixels in pictures]
    batch = reflected[0][np.newaxis] if len(reflected) == 1 else np.stack(reflected)
    if swap_rb:
        batch = batch[..., ::-1]
    return np.ascontiguousarray(batch if spec.layout == "nhwc" else np.moveaxis(batch, 3, 1))


def _floats(
    pictures: Sequence[NDArray[np.uint8]],
    spec: ModelSpec,
    padded: Sequence[int],
    workspace: Workspace,
    *,
    swap_rb: bool,
    threads: int,
) -> NDArray[np.float32]:
    low, high = spec.value_range
    height, width = padded
    batch = workspace.array("given", (len(pictures), 3, height, width), np.float32)
    for place, pixels in enumerate(pictures):
        kernels.normalize(
            with_whole_rows(pixels),
            scale=(high - low) / 255,
            mean=[mean - low for mean in spec.mean],  # the kernel scales from 0
            std=spec.std,
            swap_rb=swap_rb,
            padded_size=(height, width),
            out=batch[place : place + 1],
            threads=threads,
        )
    return batch if spec.layout == "nchw" else np.ascontiguousarray(np.moveaxis(batch, 1, 3))


def with_whole_rows(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with contiguous rows, as the kernels need it; rows may be strided, as in a crop."""
    return pixels if pixels.strides[1:] == (3, 1) else np.ascontiguousarray(pixels)


def _reflected(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Padded at the bottom and right by reflection; a side of one pixel is repeated."""
    missing = (height - pixels.shape[0], width - pixels.shape[1])
    if not any(missing):
        return np.ascontiguousarray(pixels)
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")
