"""Types of the extension; the contract is in csrc/kernels/*.h, the checks are in _checks.py."""

import numpy as np
import numpy.typing as npt

SANITIZED: bool
"""Whether it was built with NST_ENGINE_SANITIZE=1."""

class Kernels:
    @property
    def isa(self) -> str: ...
    def gram_matrix(
        self,
        features: npt.NDArray[np.float32],
        gram: npt.NDArray[np.float32],
        denominator: float,
        weights: npt.NDArray[np.float32] | None,
        threads: int,
    ) -> None: ...
    def normalize(
        self,
        image_hwc: npt.NDArray[np.uint8],
        tensor_nchw: npt.NDArray[np.float32 | np.float16],
        *,
        multiplier: tuple[float, float, float],
        offset: tuple[float, float, float],
        swap_rb: bool,
        threads: int,
    ) -> None: ...
    def denormalize(
        self,
        tensor_nchw: npt.NDArray[np.float32 | np.float16],
        image_hwc: npt.NDArray[np.uint8],
        scale: float,
        *,
        swap_rb: bool,
        photo: npt.NDArray[np.uint8] | None,
        strength: float,
        half_up: bool,
        threads: int,
    ) -> None: ...

def available() -> tuple[str, ...]: ...
def kernels_of(isa: str) -> Kernels: ...
def chosen_kernels() -> Kernels: ...
