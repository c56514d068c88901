"""The reference: the same kernels in NumPy, for machines without the extension.

Arguments are checked already (`_checks.py`); outputs are filled in place. `threads` is accepted and not
used: NumPy's BLAS has its own setting.
"""

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32 | np.float16]
Triple = tuple[float, float, float]


class Kernels:
    """`_native.Kernels` in NumPy."""

    @property
    def isa(self) -> str:
        """No instruction set: NumPy picks its own."""
        return "none"

    def gram_matrix(
        self, features: Float32, gram: Float32, denominator: float, weights: Float32 | None, threads: int
    ) -> None:
        """Fill gram (N×C×C) with the Gram matrices of features (N×C×H×W), by weights (N×H×W) where there are any."""
        batch, channels = features.shape[:2]
        rows = features.reshape(batch, channels, -1)
        with np.errstate(over="ignore", invalid="ignore"):
            weighted = rows if weights is None else rows * weights.reshape(batch, 1, -1)
            for item, item_weighted, item_rows in zip(gram, weighted, rows, strict=True):
                np.matmul(item_weighted, item_rows.T, out=item)
            gram /= np.float32(denominator)

    def normalize(
        self,
        image_hwc: UInt8,
        tensor_nchw: Floats,
        *,
        multiplier: Triple,
        offset: Triple,
        swap_rb: bool,
        threads: int,
    ) -> None:
        """Fill tensor_nchw (1×3×Hp×Wp) with image_hwc · multiplier + offset, reflected outwards."""
        rows = _reflected(image_hwc.shape[0], tensor_nchw.shape[2])
        columns = _reflected(image_hwc.shape[1], tensor_nchw.shape[3])
        for plane in range(3):
            channel = 2 - plane if swap_rb else plane
            table = (np.arange(256.0) * multiplier[plane] + offset[plane]).astype(np.float32)
            # values too large for float16 become infinite, as in the native kernels
            with np.errstate(over="ignore"):
                tensor_nchw[0, plane] = table[image_hwc[:, :, channel]][rows[:, None], columns]

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
    ) -> None:
        """Fill image_hwc (h×w×3) from the top left of tensor_nchw (1×3×H×W)."""
        height, width = image_hwc.shape[:2]
        planes = tensor_nchw[0, ::-1] if swap_rb else tensor_nchw[0]
        with np.errstate(over="ignore", invalid="ignore"):
            values = planes[:, :height, :width].astype(np.float32) * np.float32(scale)
        # fmax ignores NaN, which becomes 0
        values = np.minimum(np.fmax(values, 0), 255).transpose(1, 2, 0)
        if photo is not None:
            below = photo.astype(np.float32)
            values = below + (values - below) * np.float32(strength)
        image_hwc[:] = values + np.float32(0.5) if half_up else np.rint(values)


def _reflected(side: int, padded: int) -> npt.NDArray[np.intp]:
    """Where each of `padded` positions lies on a side that is mirrored back and forth, edges once."""
    phase = np.arange(padded) % max(2 * (side - 1), 1)
    return np.minimum(phase, 2 * (side - 1) - phase)
