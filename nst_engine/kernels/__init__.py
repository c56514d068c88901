"""The engine's three kernels, and the choice of their implementation: native code or NumPy.

`NST_ENGINE_NO_EXT=1` turns the native code off; `NST_ENGINE_ISA=scalar|avx2|avx512|neon` forces one
instruction set. Both are read once, at import. `active()` reports the choice.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import numpy as np
import numpy.typing as npt

from nst_engine.errors import ProviderUnavailableError
from nst_engine.kernels import _checks, _numpy
from nst_engine.kernels._checks import Rounding

__all__ = ["KernelSet", "active", "denormalize", "gram_matrix", "normalize"]

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32 | np.float16]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class KernelSet:
    """The implementation of the kernels.

    Attributes:
        implementation: "native" or "numpy".
        isa: The instruction set of the native kernels; "none" with NumPy, which picks its own.
        available: The instruction sets that this machine could run, best first; empty with NumPy.
        reason: Why NumPy is used; empty with native kernels.

    """

    implementation: Literal["native", "numpy"]
    isa: str
    available: tuple[str, ...]
    reason: str


class _Kernels(Protocol):
    """Checked arguments in, outputs filled in place."""

    @property
    def isa(self) -> str: ...
    def gram_matrix(
        self, features: Float32, gram: Float32, denominator: float, weights: Float32 | None, threads: int
    ) -> None: ...
    def normalize(
        self,
        image_hwc: UInt8,
        tensor_nchw: Floats,
        *,
        multiplier: Triple,
        offset: Triple,
        swap_rb: bool,
        threads: int,
    ) -> None: ...
    def denormalize(
        self,
        tensor_nchw: Floats,
        image_hwc: UInt8,
        scale: float,
        *,
        swap_rb: bool,
        photo: UInt8 | None,
        strength: float,
        half_up: bool,
        threads: int,
    ) -> None: ...


def _choose() -> tuple[_Kernels, KernelSet]:
    if os.environ.get("NST_ENGINE_NO_EXT") == "1":
        return _numpy.Kernels(), KernelSet("numpy", "none", (), "NST_ENGINE_NO_EXT=1 is set")
    try:
        from nst_engine.kernels._native import available, chosen_kernels
    except ImportError as error:
        remedy = (
            "pip install --force-reinstall --no-deps nst-engine (with a C++ compiler), "
            "or set NST_ENGINE_NO_EXT=1 to accept NumPy"
        )
        reason = f"the native extension cannot be imported ({error})"
        forced = os.environ.get("NST_ENGINE_ISA")
        if forced:
            raise ProviderUnavailableError(f"NST_ENGINE_ISA={forced} is set, but {reason}; type: {remedy}") from error
        message = f"{reason}; slower NumPy kernels are used; type: {remedy}"
        warnings.warn(message, RuntimeWarning, stacklevel=3)
        return _numpy.Kernels(), KernelSet("numpy", "none", (), reason)
    try:
        kernels = chosen_kernels()
    except RuntimeError as error:
        raise ProviderUnavailableError(str(error)) from None
    return kernels, KernelSet("native", kernels.isa, available(), "")


_kernels, _active = _choose()


def active() -> KernelSet:
    """The implementation that this process uses."""
    return _active


def gram_matrix(
    features: Float32, *, normalize: str = "chw", pixel_weights: Float32 | None = None, threads: int = 1
) -> Float32:
    """Return the Gram matrix of features: the inner products of all pairs of channels.

    With `pixel_weights` it is the guided Gram matrix of Gatys et al. 2017, arXiv:1611.07865: the products of
    each pixel count by its weight.

    Args:
        features: float32 C×H×W or N×C×H×W, C-contiguous, no axis empty, any range.
        normalize: What the products are divided by: "none" (1), "hw" (H·W) or "chw" (C·H·W). The
            field has no standard; loss weights are only comparable at the same choice.
        pixel_weights: float32 H×W for C×H×W, N×H×W for N×C×H×W features, C-contiguous, any values; None: all 1.
        threads: 1 … 1024 threads of the native kernels (NumPy follows its BLAS's own setting). The
            native result does not depend on it.

    Returns:
        float32 C×C or N×C×C, symmetric. Native sums leave float32 after at most 1024 products.

    Raises:
        OptionError: An argument cannot be used; nothing is converted or copied in silence.

    """
    batch = _checks.feature_batch(features)
    denominator = _checks.gram_denominator(batch, normalize)
    weights = _checks.pixel_weights(pixel_weights, features)
    threads = _checks.threads(threads)
    channels = batch.shape[1]
    gram = np.empty((batch.shape[0], channels, channels), np.float32)
    _kernels.gram_matrix(batch, gram, denominator, weights, threads)
    return gram if features.ndim == 4 else gram[0]


def normalize(
    image_hwc: UInt8,
    *,
    scale: float = 1 / 255,
    mean: Sequence[float] = (0, 0, 0),
    std: Sequence[float] = (1, 1, 1),
    swap_rb: bool = False,
    pad_multiple: int = 1,
    padded_size: tuple[int, int] | None = None,
    dtype: npt.DTypeLike = np.float32,
    out: Floats | None = None,
    threads: int = 1,
) -> Floats:
    """Preprocess a picture for a network: (x·scale − mean)/std, planes, padded; in one pass over memory.

    Args:
        image_hwc: uint8 H×W×3, 0…255; rows may lie apart (a part of a picture) or upside down, the pixels of
            a row lie side by side.
        scale: Factor of the bytes.
        mean: One number per output channel, subtracted after scaling.
        std: One number per output channel, not 0, divided by.
        swap_rb: The input is BGR and the output is RGB (or the other way round).
        pad_multiple: Height and width grow at the bottom and right to a multiple of this (1 … 65536)
            by reflection without the edge, as `np.pad(mode="reflect")` does, back and forth where the
            picture is small; a side of 1 pixel is repeated.
        padded_size: (height, width) to grow to instead, at least the picture's.
        dtype: float32, or float16 (computed in float32, rounded to nearest even); of `out` where it is given.
        out: 1×3×Hp×Wp, C-contiguous and writeable, to be filled instead of a fresh array; it must not
            overlap image_hwc.
        threads: 1 … 1024 threads of the native kernels; the result does not depend on it.

    Returns:
        float32 or float16 1×3×Hp×Wp, C-contiguous; `out` where it was given.

    Raises:
        OptionError: An argument cannot be used; nothing is converted or copied in silence.

    """
    _checks.pixels("image_hwc", image_hwc)
    multiplier, offset = _checks.factors(scale, mean, std)
    threads = _checks.threads(threads)
    height, width = _checks.padded_size(padded_size, image_hwc.shape[:2], pad_multiple)
    float_dtype = _checks.float_type(dtype if out is None else getattr(out, "dtype", np.float32))
    tensor = cast(Floats, _checks.output(out, float_dtype, (1, 3, height, width), image_hwc))
    _kernels.normalize(image_hwc, tensor, multiplier=multiplier, offset=offset, swap_rb=bool(swap_rb), threads=threads)
    return tensor


def denormalize(
    tensor_nchw: Floats,
    *,
    scale: float = 255.0,
    size: tuple[int, int] | None = None,
    swap_rb: bool = False,
    photo: UInt8 | None = None,
    strength: float = 1.0,
    rounding: Rounding = "even",
    out: UInt8 | None = None,
    threads: int = 1,
) -> UInt8:
    """Postprocess a network's output: x·scale clipped to 0…255, blended with a photo, rounded; in one pass.

    Args:
        tensor_nchw: float32 or float16 1×3×H×W, C-contiguous, any values: NaN becomes 0, ±inf is clipped.
        scale: Factor of the values; the product is taken in float32.
        size: (height, width) of the top left corner that is kept; None keeps all.
        swap_rb: The input is RGB and the output is BGR (or the other way round).
        photo: uint8 height×width×3 in the output's channel order, rows as in `normalize`: what lies under the
            picture; None: nothing.
        strength: 0…1, of the picture over the photo: photo + (picture − photo)·strength in float32.
        rounding: "even": halves go to the even number; "half-up": to the larger one.
        out: uint8 height×width×3, writeable, rows as in `normalize`, to be filled instead of a fresh array; it
            must not overlap tensor_nchw, and the photo only if it is the very photo.
        threads: 1 … 1024 threads of the native kernels; the result does not depend on it.

    Returns:
        uint8 height×width×3, C-contiguous, or `out` where it was given. All kernels give the same bytes.

    Raises:
        OptionError: An argument cannot be used; nothing is converted or copied in silence.

    """
    _checks.tensor(tensor_nchw)
    scale = _checks.number("scale", scale)
    strength = _checks.share("strength", strength)
    half_up = _checks.is_half_up(rounding)
    threads = _checks.threads(threads)
    height, width = _checks.crop(size, tensor_nchw)
    image = _checks.picture_output(out, (height, width), tensor_nchw)
    if photo is not None:
        _checks.photo_under(photo, image)
    _kernels.denormalize(
        tensor_nchw,
        image,
        scale,
        swap_rb=bool(swap_rb),
        photo=None if strength == 1 else photo,
        strength=strength,
        half_up=half_up,
        threads=threads,
    )
    return image
