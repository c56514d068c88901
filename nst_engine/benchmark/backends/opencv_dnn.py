"""OpenCV's `dnn` module, on the CPU. Its engine before OpenCV 5 does not take models of free size."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.backends.backend import BenchModel, Precision, refuse_precision
from nst_engine.environment import is_importable, pip_install


class OpenCVDnn:
    """The engine that OpenCV chooses by itself: from 5 on the one for free sizes, then the classic one."""

    name = "opencv-dnn"
    modules = ("cv2",)

    def __init__(self) -> None:
        self._net: Any = None
        self._names: tuple[str, str | None] = ("", None)
        self._style_weights = np.empty((0, 0), np.float32)

    def why_absent(self) -> str | None:
        """Whether the package is there."""
        if is_importable("cv2"):
            return None
        return f"opencv-python is not installed; type: {pip_install('opencv')}"

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Read the file; int8 takes the quantised one."""
        import cv2

        refuse_precision(self.name, precision, ("float32", "int8"))
        cv2.setNumThreads(threads)
        self._net = cv2.dnn.readNetFromONNX(np.frombuffer(model.content_in(precision), np.uint8))
        self._names = (model.image_input, model.style_input)
        self._style_weights = model.weights_of(1)

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Both inputs, then forward."""
        image, styles = self._names
        self._net.setInput(batch, image)
        if styles is not None:
            self._net.setInput(np.repeat(self._style_weights, len(batch), axis=0), styles)
        return cast(NDArray[Any], self._net.forward())

    def close(self) -> None:
        """The net holds all the rest."""
        self._net = None


FAMILY = (OpenCVDnn(),)
