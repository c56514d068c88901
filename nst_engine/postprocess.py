"""What a model returns becomes pictures: checked, cropped, blended with the photo, in the photo's colours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine import kernels
from nst_engine.color import COLOR_MODES, keep_luma, match_color
from nst_engine.errors import InferenceError, OptionError
from nst_engine.model_spec import ModelSpec
from nst_engine.preprocess import ModelInput, with_whole_rows

_BLOCK_ROWS = 64  # of a blend: no float copy of a whole photo


def pictures_of(
    painted: NDArray[Any],
    given: ModelInput,
    spec: ModelSpec,
    *,
    model: str,
    threads: int = 1,
    photos: Sequence[NDArray[np.uint8]] | None = None,
    strength: float = 1.0,
) -> list[NDArray[np.uint8]]:
    """Turn a model's output into pictures.

    Args:
        painted: What the model returned for `given`.
        given: What went in.
        spec: Of the model.
        model: What messages call it.
        threads: Of the CPU.
        photos: uint8 H×W×3 each, RGB: what shines through where `strength` is below 1.
        strength: 0: the photo; 1: the painting; in between, in sRGB, rounded.

    Returns:
        uint8 H×W×3 each, RGB, of the size before padding; values beyond the range are clipped.

    Raises:
        InferenceError: Another shape came out than went in, or something that is no number.
    """
    if painted.shape != given.tensor.shape:
        came, wanted = ("×".join(map(str, tensor.shape)) for tensor in (painted, given.tensor))
        raise InferenceError(
            f"{model}: returned {came} for {wanted}, wanted the same size; the model needs sides that are multiples "
            'of some number: write it to its specification, such as "pad_multiple": 4'
        )
    under = None if photos is None or strength == 1 else photos
    if spec.dtype == "uint8":
        pictures = _of_bytes(painted, given, spec)
        return pictures if under is None else list(map(partial(_blended, strength=strength), pictures, under))
    _check_finite(painted, model)
    low, high = spec.value_range
    batch = painted if spec.layout == "nchw" else np.moveaxis(painted, 3, 1)
    batch = np.ascontiguousarray(batch - np.float32(low) if low else batch)
    return [
        kernels.denormalize(
            batch[place : place + 1],
            scale=255 / (high - low),
            size=(given.height, given.width),
            swap_rb=spec.channel_order == "bgr",
            photo=None if under is None else with_whole_rows(under[place]),
            strength=strength,
            threads=threads,
        )
        for place in range(len(batch))
    ]


def check_finish(strength: float, preserve_color: str | None) -> None:
    """Refuse what `finished` cannot do, before long work.

    Raises:
        OptionError: A strength outside 0–1, or an unknown way to keep colours.
    """
    is_number = isinstance(strength, int | float | np.number) and not isinstance(strength, bool)
    if not is_number or not 0 <= strength <= 1:
        raise OptionError(f"--strength: {strength!r} came; wanted a number from 0 (the photo) to 1 (the painting)")
    if preserve_color is not None and preserve_color not in COLOR_MODES:
        raise OptionError(f"--preserve-color: {preserve_color!r} came; choose from {', '.join(COLOR_MODES)}")


def finished(
    painted: NDArray[np.uint8], photo: NDArray[np.uint8], *, strength: float = 1.0, preserve_color: str | None = None
) -> NDArray[np.uint8]:
    """Give a painted picture the photo's colours, then blend it with the photo.

    Args:
        painted: uint8 H×W×3.
        photo: uint8 H×W×3 of the same size.
        strength: 0: the photo; 1: the painting; in between, in sRGB, rounded.
        preserve_color: `luma`: the photo's chroma; `match` or `histogram`: the photo's colour statistics, see
            `nst_engine.color`; None: the painting's colours.

    Raises:
        OptionError: As `check_finish`.
    """
    check_finish(strength, preserve_color)
    if preserve_color == "luma":
        painted = keep_luma(painted, photo)
    elif preserve_color is not None:
        painted = match_color(painted, photo, method=preserve_color)
    return painted if strength == 1 else _blended(painted, photo, strength)


def _blended(painted: NDArray[np.uint8], photo: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    share = np.float32(strength)
    blended = np.empty_like(photo)
    for top in range(0, len(photo), _BLOCK_ROWS):
        rows = slice(top, top + _BLOCK_ROWS)
        below = photo[rows].astype(np.float32)
        # between two bytes: no clipping
        blended[rows] = np.rint(below + (painted[rows] - below) * share)
    return blended


def _of_bytes(painted: NDArray[np.uint8], given: ModelInput, spec: ModelSpec) -> list[NDArray[np.uint8]]:
    batch = painted if spec.layout == "nhwc" else np.moveaxis(painted, 1, 3)
    if spec.channel_order == "bgr":
        batch = batch[..., ::-1]
    return [np.ascontiguousarray(pixels) for pixels in batch[:, : given.height, : given.width]]


def _check_finite(painted: NDArray[np.float32], model: str) -> None:
    """Refuse NaN and infinity, which would become black and white pixels without a word."""
    with np.errstate(all="ignore"):
        # one pass without a copy; a sum that overflows is looked at closely
        suspicious = not np.isfinite(painted.sum())
    if suspicious and (count := int(painted.size - np.isfinite(painted).sum())):
        raise InferenceError(
            f"{model}: returned NaN or infinity in {count:,} of {painted.size:,} values: its weights are damaged, or "
            "its specification (value_range, mean, std) is wrong, or the precision too low; use --precision float32"
        )
