"""The style encoder of networks for any style: a style image to a code.

A style prediction network (Ghiasi et al. 2017, arXiv:1705.06830) reads the style image and returns what, in a network
of fixed styles, are the shares of the styles (Dumoulin et al. 2017, arXiv:1610.07629): the stylizer is linear in them,
so that codes blend as styles do. Ghiasi's reads pixels; this one reads what style losses compare, means and deviations
of VGG-19's features (Huang & Belongie 2017, arXiv:1703.06868) and small Gram matrices of them (Gatys et al. 2016), so
that it has little to learn, and meets nothing new in paintings it has never seen.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

#: What is read of a style image, with the channels of each layer.
STATISTICS_LAYERS: Mapping[str, int] = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512}
#: Of which layers the Gram matrices are read, of fewer channels that are blends of the layer's own.
GRAM_LAYERS = ("relu3_1", "relu4_1")

#: Longer side at which style images are read, px; VGG-19 sees half of it.
STYLE_SIDE_PX = 512

#: Added under logarithms and roots, so that one colour has a code, too.
FLOOR, GRAM_FLOOR, ENERGY_FLOOR = 0.05, 1e-6, 1e-3


class StyleEncoder(nn.Module):
    """A style image's features to its code.

    Args:
        numbers: Of the code, beside the constant 1 at its end, whose weights are what all styles share.
        hidden: Width of the layers between.
        gram_channels: Of the Gram matrices.
    """

    def __init__(self, numbers: int = 96, hidden: int = 384, gram_channels: int = 24) -> None:
        super().__init__()
        statistics = 2 * sum(STATISTICS_LAYERS.values())
        grams = len(GRAM_LAYERS) * gram_channels * (gram_channels + 1) // 2
        self.gram_channels = gram_channels
        self.register_buffer("mean", torch.zeros(statistics))
        self.register_buffer("deviation", torch.ones(statistics))
        self.projections = nn.ModuleDict(
            {name: nn.Linear(STATISTICS_LAYERS[name], gram_channels, bias=False) for name in GRAM_LAYERS}
        )
        self.gram_norm = nn.LayerNorm(grams)
        self.first = nn.Linear(statistics + grams, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, numbers)

    def forward(self, features: Mapping[str, torch.Tensor], noise: torch.Tensor | None = None) -> torch.Tensor:
        """The code.

        Args:
            features: Of `STATISTICS_LAYERS`: float N×C×H×W.
            noise: Added to the statistics in training, so that near styles have near codes: float N x `statistics`.

        Returns:
            float N x (numbers + 1): the `style_weights` of a `StylizerNet` of so many styles.
        """
        statistics = (self.statistics(features) - self.get_buffer("mean")) / self.get_buffer("deviation")
        if noise is not None:
            statistics = statistics + noise
        grams = torch.cat([self._gram(name, features[name].float()) for name in GRAM_LAYERS], 1)
        grams = self.gram_norm(grams.sign() * (grams.abs() + GRAM_FLOOR).sqrt())
        x = F.gelu(self.first(torch.cat([statistics, grams], 1)))
        x = x + F.gelu(self.second(x))
        code: torch.Tensor = self.last(x)
        return torch.cat([code, torch.ones_like(code[:, :1])], 1)

    def statistics(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Means and deviations of each channel as logarithms, since ratios matter: float N×1,920."""
        logs = []
        for name in STATISTICS_LAYERS:
            variance, mean = torch.var_mean(features[name].float(), (2, 3), correction=0)
            logs += [torch.log(mean + FLOOR), 0.5 * torch.log(variance + FLOOR)]
        return torch.cat(logs, 1)

    def _gram(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Correlations of the channels, without their strength: the upper triangle, N×places."""
        x = x - x.mean((2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True) + ENERGY_FLOOR).sqrt()
        weight = self.projections[name].get_parameter("weight")
        y = torch.einsum("oi,nihw->nohw", weight, x).flatten(2)
        gram = y @ y.transpose(1, 2) / y.shape[2]
        rows, columns = torch.triu_indices(self.gram_channels, self.gram_channels, device=x.device)
        return gram[:, rows, columns]
