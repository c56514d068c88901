"""OpenCV's `dnn` module, on the CPU. Before OpenCV 5 it does not support dynamic sizes."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.backends.backend import TensorBackend
from nst_engine.benchmark.model import BenchModel
from nst_engine.environment import is_importable, pip_install
from nst_engine.runtimes.devices import Precision


class OpenCVDnn(TensorBackend):
    """OpenCV's default engine: from 5 on the one for dynamic sizes, before that the classic one."""

    name = "opencv-dnn"
    modules = ("cv2",)
    precisions = ("float32", "int8")

    def why_absent(self) -> str | None:
        """Whether the package is installed."""
        if is_importable("cv2"):
            return None
        return f"opencv-python is not installed; type: {pip_install('opencv')}"

    def open(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Read the file; int8 takes the quantised one."""
        import cv2

        cv2.setNumThreads(threads)
        self._net: Any = cv2.dnn.readNetFromONNX(np.frombuffer(model.content_in(precision), np.uint8))

    def run(self, batch: NDArray[Any], style_weights: NDArray[np.float32]) -> NDArray[Any]:
        """Both inputs, then forward."""
        self._net.setInput(batch, self.model.image_input)
        if self.model.style_input is not None:
            self._net.setInput(style_weights, self.model.style_input)
        return cast(NDArray[Any], self._net.forward())

    def close(self) -> None:
        """Drop the net."""
        del self._net


FAMILY = (OpenCVDnn(),)
