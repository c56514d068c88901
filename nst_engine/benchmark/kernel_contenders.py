"""The engine's kernels, and their equivalents in OpenCV and torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.pictures import photos_of
from nst_engine.environment import is_importable, pip_install
from nst_engine.vgg19.weights import IMAGENET_MEAN_RGB

Kernel = Literal["normalize", "denormalize", "gram_matrix"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)

#: VGG-19's relu2_1 is what Gram matrices are taken of: channels, and pixels per feature along each side.
GRAM_CHANNELS, GRAM_STRIDE = 128, 2

_SCALE = 1 / 255
# ImageNet's mean alone: OpenCV's function divides by one number for all channels, so none do here
_MEAN = IMAGENET_MEAN_RGB

_Array = NDArray[Any]
_Call = Callable[[], _Array]


@dataclass(frozen=True, eq=False)
class Task:
    """What a kernel computes, and how exactly it should.

    Attributes:
        input_array: uint8 H×W×3 (normalize), float32 1×3×H×W, 0-1 (denormalize) or float32 C×H×W (gram_matrix).
        expected: The result of float64 NumPy.
        tolerance: Largest difference that rounding explains.
    """

    input_array: _Array
    expected: NDArray[np.float64]
    tolerance: float


def task_of(kernel: Kernel, width: int, height: int) -> Task:
    """The task on a real photo, or on features that are half zeros, as after a ReLU."""
    (photo,) = photos_of(width, height, 1)
    planes = photo.transpose(2, 0, 1)[None].astype(np.float64)
    if kernel == "normalize":
        return Task(photo, planes * _SCALE - np.reshape(_MEAN, (1, 3, 1, 1)), 1e-6)
    if kernel == "denormalize":
        # between the levels and beyond their ends, so that rounding and clipping are seen
        tensor = np.ascontiguousarray((planes * 1.02 - 2.3) * _SCALE, np.float32)
        # by its contract the product is taken in float32; from there on there is one right level
        product = (tensor[0] * np.float32(255)).astype(np.float64)
        return Task(tensor, np.rint(np.clip(product, 0, 255)).transpose(1, 2, 0), 0.0)
    shape = (GRAM_CHANNELS, max(1, height // GRAM_STRIDE), max(1, width // GRAM_STRIDE))
    features = np.maximum(np.random.default_rng(0).standard_normal(shape, np.float32), 0)
    rows = features.reshape(len(features), -1).astype(np.float64)
    gram = rows @ rows.T / rows.size
    return Task(features, gram, 1e-5 * float(np.abs(gram).max()))


def call_of(contender: str, kernel: Kernel, input_array: _Array, threads: int) -> _Call:
    """The call that is timed; it allocates its result each time.

    Args:
        contender: `engine`: the kernels that this process has chosen; or a name of `PEERS`.
        kernel: The kernel to call.
        input_array: The task's.
        threads: Number of CPU threads.
    """
    if contender != "engine":
        return PEERS[contender].calls[kernel](input_array, threads)
    from nst_engine import kernels

    if kernel == "normalize":
        return lambda: kernels.normalize(input_array, scale=_SCALE, mean=_MEAN, threads=threads)
    if kernel == "denormalize":
        return lambda: kernels.denormalize(input_array, threads=threads)
    return lambda: kernels.gram_matrix(input_array, normalize="chw", threads=threads)


def _opencv_normalize(input_array: _Array, threads: int) -> _Call:
    import cv2

    cv2.setNumThreads(threads)
    mean = tuple(each / _SCALE for each in _MEAN)  # subtracted before scaling
    return lambda: cv2.dnn.blobFromImage(input_array, _SCALE, mean=mean)


def _torch_normalize(input_array: _Array, threads: int) -> _Call:
    import torch

    torch.set_num_threads(threads)
    image, mean = torch.from_numpy(input_array), torch.tensor(_MEAN).reshape(1, 3, 1, 1)
    return lambda: (image.permute(2, 0, 1)[None].float() * _SCALE - mean).contiguous().numpy()


def _torch_denormalize(input_array: _Array, threads: int) -> _Call:
    import torch

    torch.set_num_threads(threads)
    planes = torch.from_numpy(input_array)[0]
    return lambda: (planes * 255).clamp_(0, 255).round_().byte().permute(1, 2, 0).contiguous().numpy()


def _torch_gram(input_array: _Array, threads: int) -> _Call:
    import torch

    torch.set_num_threads(threads)
    rows = torch.from_numpy(input_array).flatten(1)

    def gram() -> _Array:
        matrix: _Array = (rows @ rows.T / rows.numel()).numpy()
        return matrix

    return gram


@dataclass(frozen=True)
class Peer:
    """Another library.

    Attributes:
        module: That it is imported as.
        extra: Of this package, that brings it.
        calls: The kernels it offers.
    """

    module: str
    extra: str
    calls: Mapping[str, Callable[[_Array, int], _Call]]

    def why_absent(self) -> str | None:
        """Why it cannot be used here; None if it can."""
        return (
            None if is_importable(self.module) else f"{self.module} is not installed; type: {pip_install(self.extra)}"
        )


PEERS: Mapping[str, Peer] = {
    "opencv": Peer("cv2", "opencv", {"normalize": _opencv_normalize}),
    "torch": Peer(
        "torch",
        "optimize",
        {"normalize": _torch_normalize, "denormalize": _torch_denormalize, "gram_matrix": _torch_gram},
    ),
}
