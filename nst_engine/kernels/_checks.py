"""The checks of every argument, in one place: native and NumPy kernels refuse alike.

Each message names the value, what was expected, and what to type next.
"""

import math
import operator
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from nst_engine.errors import OptionError

MOST_THREADS = 1024
MOST_PAD_MULTIPLE = 65536
MOST_SIDE = 2**24
MOST_FLOAT32 = float(np.finfo(np.float32).max)
DENOMINATORS = ("none", "hw", "chw")
Rounding = Literal["even", "half-up"]

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32 | np.float16]
Triple = tuple[float, float, float]


def feature_batch(features: Float32) -> Float32:
    """Refuse what is no float32 C×H×W or N×C×H×W; return it as N×C×H×W, not copied."""
    _array("features", features, np.float32, "C×H×W or N×C×H×W", (3, 4))
    return features if features.ndim == 4 else features[np.newaxis]


def gram_denominator(features: Float32, normalize: str) -> float:
    """Return 1, H·W or C·H·W of N×C×H×W features."""
    channels, height, width = features.shape[1:]
    if normalize == "none":
        return 1.0
    if normalize == "hw":
        return float(height * width)
    if normalize == "chw":
        return float(channels * height * width)
    choices = ", ".join(f'"{name}"' for name in DENOMINATORS)
    raise OptionError(f'normalize is {normalize!r}, wanted one of {choices}; type normalize="chw"')


def pixel_weights(weights: Float32 | None, features: Float32) -> Float32 | None:
    """Refuse what is no float32 weight per pixel of the features; return it as N×H×W, not copied."""
    if weights is None:
        return None
    shape = (*features.shape[: features.ndim - 3], *features.shape[-2:])
    _array("pixel_weights", weights, np.float32, "×".join(map(str, shape)), (len(shape),))
    if weights.shape != shape:
        raise OptionError(f"pixel_weights has shape {weights.shape}, wanted one weight a pixel, {shape}")
    return weights.reshape(-1, *shape[-2:])


def pixels(name: str, image_hwc: UInt8) -> None:
    """Refuse what is no uint8 H×W×3 with the pixels of a row side by side."""
    _typed(name, image_hwc, np.uint8, "H×W×3", (3,))
    if image_hwc.shape[2] != 3:
        raise OptionError(
            f"{name} has shape {image_hwc.shape}, wanted H×W×3; drop an alpha channel with "
            f"{name}[:, :, :3].copy(), turn grey into colour with np.stack([grey] * 3, axis=-1)"
        )
    if image_hwc.strides[2] != 1 or (image_hwc.shape[1] > 1 and image_hwc.strides[1] != 3):
        raise OptionError(
            f"{name} is uint8 of shape {image_hwc.shape} with the bytes of a row apart (strides {image_hwc.strides}), "
            f"wanted them side by side; pass np.ascontiguousarray({name}), or swap_rb=True instead of [:, :, ::-1]"
        )


def float_type(dtype: npt.DTypeLike) -> type[np.generic]:
    """Refuse what is neither float32 nor float16."""
    try:
        kind = np.dtype(dtype).type
    except TypeError:
        kind = np.void
    if kind not in (np.float32, np.float16):
        raise OptionError(f"dtype is {dtype!r}, wanted float32 or float16; type dtype=np.float32")
    return kind


def tensor(tensor_nchw: Floats) -> None:
    """Refuse what is no float32 or float16 1×3×H×W."""
    is_half = isinstance(tensor_nchw, np.ndarray) and tensor_nchw.dtype == np.float16
    _array("tensor_nchw", tensor_nchw, np.float16 if is_half else np.float32, "1×3×H×W", (4,))
    if tensor_nchw.shape[:2] != (1, 3):
        raise OptionError(
            f"tensor_nchw has shape {tensor_nchw.shape}, wanted 1×3×H×W; pass one picture of a batch with "
            "batch[i : i + 1], add the batch axis with tensor[np.newaxis]"
        )


def factors(scale: float, mean: Sequence[float], std: Sequence[float]) -> tuple[Triple, Triple]:
    """Turn (x·scale − mean)/std into x·multiplier + offset, both finite in float32."""
    scale = number("scale", scale)
    means = _triple("mean", mean)
    stds = _triple("std", std)
    if 0.0 in stds:
        raise OptionError(f"std is {stds}, wanted three numbers other than 0; leave std out for (1, 1, 1)")
    multiplier = (scale / stds[0], scale / stds[1], scale / stds[2])
    offset = (-means[0] / stds[0], -means[1] / stds[1], -means[2] / stds[2])
    largest = max(abs(m) * 255 + abs(o) for m, o in zip(multiplier, offset, strict=True))
    if not largest <= MOST_FLOAT32:
        raise OptionError(
            f"scale {scale}, mean {means} and std {stds} give values up to {largest:g}, wanted values that "
            "float32 holds; type a smaller scale or a larger std"
        )
    return multiplier, offset


def number(name: str, value: float) -> float:
    """Refuse what is no finite number in the range of float32."""
    try:
        checked = float(value)
    except (TypeError, ValueError, OverflowError):
        checked = math.nan
    if not abs(checked) <= MOST_FLOAT32:
        raise OptionError(f"{name} is {value!r}, wanted a finite number in the range of float32")
    return checked


def threads(value: int) -> int:
    """Refuse what is no whole number 1 … MOST_THREADS."""
    return _whole("threads", value, 1, MOST_THREADS)


def share(name: str, value: float) -> float:
    """Refuse what is no number from 0 to 1."""
    checked = number(name, value)
    if not 0 <= checked <= 1:
        raise OptionError(f"{name} is {value!r}, wanted a number from 0 to 1")
    return checked


def is_half_up(rounding: str) -> bool:
    """Whether halves are rounded up; refuse what is no way of rounding."""
    if rounding not in get_args(Rounding):
        raise OptionError(f'rounding is {rounding!r}, wanted "even" or "half-up"')
    return rounding == "half-up"


def padded_size(size: tuple[int, int] | None, sides: tuple[int, ...], pad_multiple: int) -> tuple[int, int]:
    """Return (height, width) after padding: as requested, or the smallest multiples that hold the sides."""
    multiple = _whole("pad_multiple", pad_multiple, 1, MOST_PAD_MULTIPLE)
    height, width = (-(-side // multiple) * multiple for side in sides)
    if size is None:
        return height, width
    if multiple != 1:
        raise OptionError(f"padded_size {size!r} and pad_multiple {multiple} came, wanted one of them")
    return _sides("padded_size", size, sides, (MOST_SIDE, MOST_SIDE))


def crop(size: tuple[int, int] | None, tensor_nchw: Floats) -> tuple[int, int]:
    """Return (height, width) of the crop, by default the whole tensor."""
    height, width = tensor_nchw.shape[2:]
    return (height, width) if size is None else _sides("size", size, (1, 1), (height, width))


def picture_output(out: UInt8 | None, size: tuple[int, int], source: Floats) -> UInt8:
    """Return `out` where it can take a picture of this size, a fresh array where it is None."""
    shape = (*size, 3)
    if out is None:
        return np.empty(shape, np.uint8)
    pixels("out", out)
    _writeable(out, shape, source, np.uint8)
    if len(out) > 1 and out.strides[0] == 0:
        raise OptionError("out has all its rows in one place, wanted memory for each; pass out.copy()")
    return out


def photo_under(photo: UInt8, image: UInt8) -> None:
    """Refuse a photo that cannot lie under the image: of another size, or partly in its memory."""
    pixels("photo", photo)
    if photo.shape != image.shape:
        raise OptionError(f"photo has shape {photo.shape}, wanted that of the picture, {image.shape}")
    is_itself = photo.ctypes.data == image.ctypes.data and photo.strides[0] == image.strides[0]
    if not is_itself and np.may_share_memory(photo, image):
        raise OptionError("out overlaps the photo in part, wanted the very photo or memory of its own; leave out away")


def output(
    out: npt.NDArray[np.generic] | None,
    dtype: type[np.generic],
    shape: tuple[int, ...],
    source: npt.NDArray[np.generic],
) -> npt.NDArray[np.generic]:
    """Return `out` where it can take the result, a fresh array where it is None."""
    if out is None:
        return np.empty(shape, dtype)
    _array("out", out, dtype, "×".join(map(str, shape)), (len(shape),))
    _writeable(out, shape, source, dtype)
    return out


def _writeable(
    out: npt.NDArray[np.generic], shape: tuple[int, ...], source: npt.NDArray[np.generic], dtype: type[np.generic]
) -> None:
    """Refuse an output of another shape, read-only, or in the input's memory."""
    if out.shape != shape:
        raise OptionError(
            f"out has shape {out.shape}, wanted {shape}; type out=np.empty({shape}, np.{dtype.__name__}), "
            "or leave out away"
        )
    if not out.flags.writeable:
        raise OptionError("out is read-only, wanted a writeable array; pass a copy of it: out=out.copy()")
    if np.may_share_memory(out, source):  # by their bounds: a picture between another's rows is refused too
        raise OptionError(
            f"out overlaps the input, wanted memory of its own; type out=np.empty({shape}, np.{dtype.__name__})"
        )


def _array(name: str, array: object, dtype: type[np.generic], axes: str, dimensions: tuple[int, ...]) -> None:
    came = _typed(name, array, dtype, axes, dimensions)
    assert isinstance(array, np.ndarray)
    if not array.flags.c_contiguous:
        raise OptionError(f"{came}, not C-contiguous; pass np.ascontiguousarray({name})")
    if not array.flags.aligned:
        raise OptionError(f"{came}, not aligned in memory; pass {name}.copy()")


def _typed(name: str, array: object, dtype: type[np.generic], axes: str, dimensions: tuple[int, ...]) -> str:
    expected = f"wanted {dtype.__name__} {axes}"
    if not isinstance(array, np.ndarray):
        raise OptionError(f"{name} is a {type(array).__name__}, {expected} in a NumPy array; use np.asarray")
    came = f"{name} is {array.dtype} of shape {array.shape}"
    if array.dtype != dtype:
        raise OptionError(f"{came}, {expected}; convert the values with {name}.astype(np.{dtype.__name__})")
    if array.ndim not in dimensions:
        raise OptionError(f"{came}, {expected}; add an axis with {name}[np.newaxis], drop one with {name}[0]")
    if array.size == 0:
        raise OptionError(f"{came}, which is empty; {expected} with at least one element")
    return came


def _sides(name: str, size: tuple[int, int], lowest: tuple[int, ...], highest: tuple[int, ...]) -> tuple[int, int]:
    try:
        height, width = size
    except (TypeError, ValueError):
        raise OptionError(f"{name} is {size!r}, wanted (height, width) or None") from None
    checked = _whole(f"{name}[0] (height)", height, lowest[0], highest[0])
    return checked, _whole(f"{name}[1] (width)", width, lowest[1], highest[1])


def _triple(name: str, values: Sequence[float]) -> Triple:
    try:
        first, second, third = values
    except (TypeError, ValueError):
        raise OptionError(f"{name} is {values!r}, wanted three numbers, one per output channel") from None
    return number(f"{name}[0]", first), number(f"{name}[1]", second), number(f"{name}[2]", third)


def _whole(name: str, value: int, lowest: int, highest: int) -> int:
    try:
        checked = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        checked = None
    if checked is None or not lowest <= checked <= highest:
        raise OptionError(f"{name} is {value!r}, wanted a whole number from {lowest} to {highest}")
    return checked
