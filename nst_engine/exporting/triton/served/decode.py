"""Runs in Triton, by its Python backend, with Pillow: JPEGs in, pixels out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as backend  # type: ignore[import-not-found]
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

_MOST_PIXELS = 25_000_000


class TritonPythonModel:
    """`jpeg` uint8 N×bytes, the shorter ones with zeros behind them, to `image` uint8 N×H×W×3, upright."""

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One answer for each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        files = backend.get_input_tensor_by_name(request, "jpeg").as_numpy()
        try:
            pictures = [_pixels(file.tobytes()) for file in files]
        except UnidentifiedImageError:
            return _error("jpeg: is no JPEG")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return _error(f"jpeg: cannot be decoded ({error})")
        if len({picture.shape for picture in pictures}) > 1:
            return _error("jpeg: pictures of several sizes came in one request; send each by itself")
        return backend.InferenceResponse([backend.Tensor("image", np.stack(pictures))])


def _pixels(file: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(file), formats=["JPEG"]) as picture:
        if picture.width * picture.height > _MOST_PIXELS:
            raise ValueError(f"{picture.width}×{picture.height}: more than {_MOST_PIXELS:,} pixels")
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def _error(message: str) -> Any:
    return backend.InferenceResponse(error=backend.TritonError(message, backend.TritonError.INVALID_ARG))
