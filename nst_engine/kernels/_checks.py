"""The checks of every argument, in one place: native and NumPy kernels refuse alike.

Each message says what came, what was wanted, and what to type next.
"""

import math
import operator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nst_engine.errors import OptionError

MOST_THREADS = 1024
MOST_PAD_MULTIPLE = 65536
MOST_FLOAT32 = float(np.finfo(np.float32).max)
DENOMINATORS = ("none", "hw", "chw")

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
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


def image(image_hwc: UInt8) -> None:
    """Refuse what is no uint8 H×W×3."""
    _array("image_hwc", image_hwc, np.uint8, "H×W×3", (3,))
    if image_hwc.shape[2] != 3:
        raise OptionError(
            f"image_hwc has shape {image_hwc.shape}, wanted H×W×3; drop an alpha channel with "
            "image_hwc[:, :, :3].copy(), turn grey into colour with np.stack([grey] * 3, axis=-1)"
        )


def tensor(tensor_nchw: Float32) -> None:
    """Refuse what is no float32 1×3×H×W."""
    _array("tensor_nchw", tensor_nchw, np.float32, "1×3×H×W", (4,))
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


def padded(side: int, pad_multiple: int) -> int:
    """Return the smallest multiple of pad_multiple that is at least side."""
    multiple = _whole("pad_multiple", pad_multiple, 1, MOST_PAD_MULTIPLE)
    return -(-side // multiple) * multiple


def crop(size: tuple[int, int] | None, tensor_nchw: Float32) -> tuple[int, int]:
    """Return (height, width) of the crop, by default the whole tensor."""
    height, width = tensor_nchw.shape[2:]
    if size is None:
        return height, width
    try:
        asked_height, asked_width = size
    except (TypeError, ValueError):
        raise OptionError(f"size is {size!r}, wanted (height, width) or None") from None
    checked_height = _whole("size[0] (height)", asked_height, 1, height)
    return checked_height, _whole("size[1] (width)", asked_width, 1, width)


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
    if out.shape != shape:
        raise OptionError(
            f"out has shape {out.shape}, wanted {shape}; type out=np.empty({shape}, np.{dtype.__name__}), "
            "or leave out away"
        )
    if not out.flags.writeable:
        raise OptionError("out is read-only, wanted a writeable array; pass a copy of it: out=out.copy()")
    if np.may_share_memory(out, source):  # exact: both are contiguous
        raise OptionError(
            f"out overlaps the input, wanted memory of its own; type out=np.empty({shape}, np.{dtype.__name__})"
        )
    return out


def _array(name: str, array: object, dtype: type[np.generic], axes: str, dimensions: tuple[int, ...]) -> None:
    wanted = f"wanted {dtype.__name__} {axes}"
    if not isinstance(array, np.ndarray):
        raise OptionError(f"{name} is a {type(array).__name__}, {wanted} in a NumPy array; use np.asarray")
    came = f"{name} is {array.dtype} of shape {array.shape}"
    if array.dtype != dtype:
        raise OptionError(f"{came}, {wanted}; convert the values with {name}.astype(np.{dtype.__name__})")
    if array.ndim not in dimensions:
        raise OptionError(f"{came}, {wanted}; add an axis with {name}[np.newaxis], drop one with {name}[0]")
    if array.size == 0:
        raise OptionError(f"{came}, which is empty; {wanted} with at least one element")
    if not array.flags.c_contiguous:
        raise OptionError(f"{came}, not C-contiguous; pass np.ascontiguousarray({name})")
    if not array.flags.aligned:
        raise OptionError(f"{came}, not aligned in memory; pass {name}.copy()")


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
