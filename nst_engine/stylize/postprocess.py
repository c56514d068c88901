"""Turns a model's output into pictures: checks, crops, blends with the photo, keeps the photo's colours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine import kernels
from nst_engine.color import ColorMode, keep_luma, match_color
from nst_engine.errors import InferenceError, OptionError
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.base import not_finite
from nst_engine.stylize.preprocess import ModelInput, with_whole_rows
from nst_engine.stylize.workspace import Workspace

_BLOCK_ROWS = 64  # rows of a blend: avoids a float copy of the whole photo


def pictures_of(
    output: NDArray[Any],
    prepared: ModelInput,
    spec: ModelSpec,
    *,
    model: str,
    swap_rb: bool = False,
    threads: int = 1,
    photos: Sequence[NDArray[np.uint8]] | None = None,
    strength: float = 1.0,
    out: NDArray[np.uint8] | None = None,
) -> list[NDArray[np.uint8]]:
    """Turn a model's output into pictures.

    Args:
        output: What the model returned for `prepared`.
        prepared: The model's input.
        spec: Of the model.
        model: Name in messages.
        swap_rb: Whether the photos, and then the outputs, are BGR.
        threads: Number of CPU threads.
        photos: uint8 H×W×3 each, blended in where `strength` is below 1.
        strength: 0: the photo; 1: the stylized picture.
        out: uint8 H×W×3, the output array for a single picture; None: a new array.

    Returns:
        uint8 H×W×3 each, of the size before padding; values beyond the range are clipped.

    Raises:
        InferenceError: The output has another shape than the input, or holds NaN or infinity.
    """
    if output.shape != prepared.tensor.shape:
        came, expected = ("×".join(map(str, tensor.shape)) for tensor in (output, prepared.tensor))
        raise InferenceError(
            f"{model}: returned {came} for {expected}, wanted the same size; the model needs sides that are multiples "
            'of some number: write it to its specification, such as "pad_multiple": 4'
        )
    under = None if photos is None or strength == 1 else photos
    swap_rb = swap_rb != (spec.channel_order == "bgr")
    if spec.dtype == "uint8":
        pictures = _of_bytes(output, prepared, spec, swap_rb=swap_rb)
        pictures = pictures if under is None else list(map(partial(_blended, strength=strength), pictures, under))
        return pictures if out is None else [_copied(pictures[0], out)]
    _check_finite(output, model)
    low, high = spec.value_range
    batch = output if spec.layout == "nchw" else np.moveaxis(output, 3, 1)
    batch = np.ascontiguousarray(batch - np.float32(low) if low else batch)
    return [
        kernels.denormalize(
            batch[place : place + 1],
            scale=255 / (high - low),
            size=(prepared.height, prepared.width),
            swap_rb=swap_rb,
            photo=None if under is None else with_whole_rows(under[place]),
            strength=strength,
            out=out,
            threads=threads,
        )
        for place in range(len(batch))
    ]


def room_for(
    prepared: ModelInput, spec: ModelSpec, workspace: Workspace, out: NDArray[np.uint8] | None
) -> NDArray[Any]:
    """The array for a model's output.

    Floats go to the workspace; bytes are the picture itself, and go to `out` or a new array.
    """
    if spec.dtype != "uint8":
        return workspace.array("painted", prepared.tensor.shape, prepared.tensor.dtype)
    if out is not None and prepared.tensor.shape == (1, *out.shape):
        return out[np.newaxis]
    return np.empty(prepared.tensor.shape, np.uint8)


def check_room(out: NDArray[np.uint8] | None, photo: NDArray[np.uint8]) -> None:
    """Refuse an array that cannot hold the stylized photo, before the work.

    Raises:
        OptionError: Of another type or size, not writeable or not C-contiguous, or the photo's own memory.
    """
    if out is None:
        return
    came = f"{out.dtype} {'×'.join(map(str, out.shape))}" if isinstance(out, np.ndarray) else type(out).__name__
    problem = f"out: came {came}, wanted uint8 {'×'.join(map(str, photo.shape))}"
    if not isinstance(out, np.ndarray) or out.dtype != np.uint8 or out.shape != photo.shape:
        raise OptionError(f"{problem}; type out=np.empty({photo.shape}, np.uint8)")
    if not (out.flags.writeable and out.flags.c_contiguous):
        raise OptionError(f"{problem}, writeable and C-contiguous; type out=np.empty({photo.shape}, np.uint8)")
    if np.may_share_memory(out, photo):
        raise OptionError("out: is the photo's own memory, wanted memory of its own; type out=np.empty_like(photo)")


def finished(
    stylized: NDArray[np.uint8],
    photo: NDArray[np.uint8],
    *,
    strength: float = 1.0,
    preserve_color: ColorMode | None = None,
) -> NDArray[np.uint8]:
    """Give a stylized picture the photo's colours, then blend it with the photo.

    Args:
        stylized: uint8 H×W×3.
        photo: uint8 H×W×3 of the same size.
        strength: 0: the photo; 1: the stylized picture; in between, blended in sRGB and rounded.
        preserve_color: `luma`: the photo's chroma; `match` or `histogram`: the photo's colour statistics, see
            `nst_engine.color`; None: the style's colours.
    """
    if preserve_color == "luma":
        stylized = keep_luma(stylized, photo)
    elif preserve_color is not None:
        stylized = match_color(stylized, photo, method=preserve_color)
    return stylized if strength == 1 else _blended(stylized, photo, strength)


def _blended(stylized: NDArray[np.uint8], photo: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    share = np.float32(strength)
    blended = np.empty_like(photo)
    for top in range(0, len(photo), _BLOCK_ROWS):
        rows = slice(top, top + _BLOCK_ROWS)
        below = photo[rows].astype(np.float32)
        # between two bytes: no clipping needed
        blended[rows] = np.rint(below + (stylized[rows] - below) * share)
    return blended


def _copied(pixels: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ctypes.data != out.ctypes.data:  # the runtime may have written there directly
        out[...] = pixels
    return out


def _of_bytes(
    output: NDArray[np.uint8], prepared: ModelInput, spec: ModelSpec, *, swap_rb: bool
) -> list[NDArray[np.uint8]]:
    batch = output if spec.layout == "nhwc" else np.moveaxis(output, 1, 3)
    if swap_rb:
        batch = batch[..., ::-1]
    return [np.ascontiguousarray(pixels) for pixels in batch[:, : prepared.height, : prepared.width]]


def _check_finite(output: NDArray[np.float32], model: str) -> None:
    """Refuse NaN and infinity, which would silently become black and white pixels."""
    with np.errstate(all="ignore"):
        # one pass without a copy; only a non-finite sum is examined
        suspicious = not np.isfinite(output.sum())
    if suspicious and (count := int(output.size - np.isfinite(output).sum())):
        raise not_finite(model, f" in {count:,} of {output.size:,} values")
