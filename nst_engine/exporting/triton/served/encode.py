"""Runs in Triton, by its Python backend, with Pillow: pixels in, JPEGs out."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as backend  # type: ignore[import-not-found]
from numpy.typing import NDArray
from PIL import Image


class TritonPythonModel:
    """`stylized_image` uint8 N×H×W×3 to `stylized_jpeg` uint8 N×bytes, the shorter ones with zeros behind them."""

    def initialize(self, given: Mapping[str, str]) -> None:
        """Read the quality."""
        parameters = json.loads(given["model_config"])["parameters"]
        self._quality = int(parameters["quality"]["string_value"])

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One answer for each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        pictures = backend.get_input_tensor_by_name(request, "stylized_image").as_numpy()
        files = [self._jpeg(picture) for picture in pictures]
        padded = np.zeros((len(files), max(map(len, files))), np.uint8)
        for row, file in zip(padded, files, strict=True):
            row[: len(file)] = np.frombuffer(file, np.uint8)
        return backend.InferenceResponse([backend.Tensor("stylized_jpeg", padded)])

    def _jpeg(self, picture: NDArray[np.uint8]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=self._quality)
        return file.getvalue()
