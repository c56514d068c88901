"""VGG-19's convolutional part as a feature extractor (Simonyan & Zisserman 2015, arXiv:1409.1556)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
import torch.nn.functional as F
from torch import nn

from nst_engine.errors import OptionError
from nst_engine.vgg19.layers import CONVOLUTIONS, LAYERS, Pooling, check_layers
from nst_engine.vgg19.weights import VGGWeights


class VGG19(nn.Module):
    """The features of named layers, computed no deeper than the deepest of them.

    Args:
        weights: Of the convolutions; see `nst_engine.vgg19.weights`.
        layers: Names of `LAYERS` to return.
        pooling: `"max"` as trained, or `"avg"`, which Gatys et al. found to give smoother gradients.
        dtype: Of the convolutions and features; the picture and its mean stay as they come.

    Raises:
        OptionError: An unknown layer or pooling.
    """

    def __init__(
        self,
        weights: VGGWeights,
        layers: Sequence[str],
        *,
        pooling: Pooling = "max",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        check_layers(layers)
        if not layers:
            raise OptionError("no layer was asked for; name at least one, such as relu4_2")
        if pooling not in get_args(Pooling):
            raise OptionError(f"unknown pooling {pooling!r}; choose from {', '.join(get_args(Pooling))}")
        self.layers = tuple(layers)
        self.pooling = pooling
        deepest = max(LAYERS.index(name) for name in layers)
        self.convolutions = tuple(CONVOLUTIONS)[: deepest // 2 + 1]
        self.register_buffer("mean", torch.tensor(weights.mean).view(1, 3, 1, 1))
        for name in self.convolutions:
            self.register_buffer(f"{name}_weight", weights.kernels[name].to(dtype))
            self.register_buffer(f"{name}_bias", weights.biases[name].to(dtype))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features of the picture at each requested layer.

        Args:
            image: float N×3×H×W, RGB, 0-1; H and W at least `MIN_SIDE_PX` to reach block 5.

        Returns:
            Layer name to N×C×H'×W'; H' and W' are halved (rounded down) at every pooling passed.
        """
        features: dict[str, torch.Tensor] = {}
        x = (image - self.get_buffer("mean")).to(self.get_buffer("conv1_1_weight").dtype)
        block = "1"
        for conv in self.convolutions:
            if conv[4] != block:
                block = conv[4]
                x = F.max_pool2d(x, 2) if self.pooling == "max" else F.avg_pool2d(x, 2)
            x = F.conv2d(x, self.get_buffer(f"{conv}_weight"), self.get_buffer(f"{conv}_bias"), padding=1)
            if conv in self.layers:
                features[conv] = x
            relu = conv.replace("conv", "relu")
            if relu not in self.layers and relu[4:] == self.convolutions[-1][4:]:
                break
            # in place unless the value before is asked for: a picture's worth of memory a layer
            x = F.relu(x, inplace=conv not in self.layers)
            if relu in self.layers:
                features[relu] = x
        return features
