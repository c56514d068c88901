"""The feed-forward networks that paint in one pass, one set of weights for many styles.

An encoder to an eighth of the size, residual blocks there (Johnson et al. 2016, arXiv:1603.08155), and a decoder by
nearest-neighbour upsampling; styles differ only in the scales and shifts after instance normalisation (Dumoulin et
al. 2017, arXiv:1610.07629), so that they blend by weights. Against Johnson's network: the residual blocks stand at an
eighth of the size instead of a quarter, where a block sees twice as far for a quarter of the work, and a shortcut at
a quarter keeps edges sharp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from nst_engine.errors import OptionError

#: Sides shorter than this have nothing to reflect at the border.
MIN_IMAGE_SIDE_PX = 16

#: Of the smallest features, px.
STRIDE = 8

_EPSILON = 1e-5


@dataclass(frozen=True)
class Architecture:
    """Size of a network.

    Attributes:
        channels: At a half, a quarter and an eighth of the picture's size.
        blocks: Residual blocks at an eighth and at a quarter.
        first_kernel_px: Side of the first convolution's kernel, odd.
        norm_at_half: Whether features at half the size are normalised too: finer control, more time.
    """

    channels: tuple[int, int, int]
    blocks: tuple[int, int]
    first_kernel_px: int
    norm_at_half: bool


ARCHITECTURES: Mapping[str, Architecture] = {
    "quality": Architecture((32, 64, 128), (4, 1), 7, norm_at_half=True),
    "live": Architecture((16, 32, 64), (4, 1), 5, norm_at_half=False),
}


def architecture(name: str) -> Architecture:
    """The size of the network of that name.

    Raises:
        OptionError: There is none.
    """
    if name not in ARCHITECTURES:
        raise OptionError(f"unknown architecture {name!r}; choose from {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


class StylizerNet(nn.Module):
    """Paints pictures in the blend of styles given for each.

    Args:
        size: See `ARCHITECTURES`.
        styles: How many styles the network holds.
    """

    def __init__(self, size: Architecture, styles: int) -> None:
        super().__init__()
        half, quarter, eighth = size.channels
        self.size, self.styles = size, styles
        self.down1 = nn.Conv2d(3, half, size.first_kernel_px, stride=2)
        self.down2 = nn.Conv2d(half, quarter, 3, stride=2)
        self.down3 = nn.Conv2d(quarter, eighth, 3, stride=2)
        self.norm_down1 = ConditionalInstanceNorm(styles, half) if size.norm_at_half else None
        self.norm_down2 = ConditionalInstanceNorm(styles, quarter)
        self.norm_down3 = ConditionalInstanceNorm(styles, eighth)
        self.body = nn.ModuleList(ResidualBlock(styles, eighth) for _ in range(size.blocks[0]))
        self.up1 = UpsampledConv(eighth, quarter)
        self.norm_up1 = ConditionalInstanceNorm(styles, quarter)
        self.refine = nn.ModuleList(ResidualBlock(styles, quarter) for _ in range(size.blocks[1]))
        self.up2 = UpsampledConv(quarter, half)
        self.norm_up2 = ConditionalInstanceNorm(styles, half) if size.norm_at_half else None
        self.up3 = UpsampledConv(half, 3)

    def forward(self, image: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Paint.

        Args:
            image: float N x 3 x H x W, RGB, 0-1; H and W at least `MIN_IMAGE_SIDE_PX`.
            style_weights: float N x styles; one 1 among zeros for one style, or shares of several.

        Returns:
            float N x 3 x H x W, RGB, 0-1.
        """
        height, width = image.shape[-2:]
        x = self._bordered(image)
        x = F.relu(_normed(self.down1(x), self.norm_down1, style_weights))
        shortcut = F.relu(self.norm_down2(self.down2(x), style_weights))
        x = F.relu(self.norm_down3(self.down3(_reflected(shortcut)), style_weights))
        for block in self.body:
            x = block(x, style_weights)
        x = F.relu(self.norm_up1(self.up1(x), style_weights)) + shortcut
        for block in self.refine:
            x = block(x, style_weights)
        x = F.relu(_normed(self.up2(x), self.norm_up2, style_weights))
        # float32 before the sigmoid: eight bits of mantissa would show as bands
        return torch.sigmoid(self.up3(x).float())[..., :height, :width]

    def _bordered(self, image: torch.Tensor) -> torch.Tensor:
        """The picture, reflected to a multiple of the stride and by what the first two convolutions take away."""
        height, width = image.shape[-2:]
        border = self.size.first_kernel_px // 2 + 2
        return F.pad(image, (border, border + -width % STRIDE, border, border + -height % STRIDE), mode="reflect")


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), both convolutions on reflected borders."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3)
        self.norm1 = ConditionalInstanceNorm(styles, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3)
        self.norm2 = ConditionalInstanceNorm(styles, channels)

    def forward(self, x: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features of the same shape."""
        inner = F.relu(self.norm1(self.conv1(_reflected(x)), style_weights))
        outer: torch.Tensor = self.norm2(self.conv2(_reflected(inner)), style_weights)
        return x + outer


class ConditionalInstanceNorm(nn.Module):
    """Instance normalisation with a scale and a shift per style (Dumoulin et al. 2017, equation 5)."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features of the same shape and dtype; statistics in float32."""
        with torch.autocast(x.device.type, enabled=False):
            scale = (style_weights @ self.scale).reshape(-1)
            shift = (style_weights @ self.shift).reshape(-1)
            # each picture of the batch has its own scale: to the operator they are one picture with more channels
            as_one = x.float().reshape(1, -1, x.shape[2], x.shape[3])
            normed = F.instance_norm(as_one, weight=scale, bias=shift, eps=_EPSILON)
            return normed.reshape(-1, x.shape[1], x.shape[2], x.shape[3]).to(x.dtype)


class UpsampledConv(nn.Module):
    """Nearest-neighbour upsampling by two, a reflected border, and a 3 x 3 convolution, in one convolution.

    Each of the four phases of the output sees the small picture through its own kernel, whose entries are sums of the
    3 x 3 kernel's; the result is the same to rounding, for a quarter of the memory traffic. Unlike free sub-pixel
    kernels it cannot paint a grid (Odena et al. 2016, "Deconvolution and checkerboard artifacts").
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """N x inputs x H x W to N x outputs x 2H x 2W."""
        bias = self.conv.bias
        assert bias is not None
        # the reflected border of the large picture is the repeated border of the small one
        bordered = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.pixel_shuffle(F.conv2d(bordered, self.phase_kernels(), bias.repeat_interleave(4)), 2)

    def phase_kernels(self) -> torch.Tensor:
        """4 outputs x inputs x 3 x 3, in the order of pixel_shuffle."""
        phases = [column for row in _phases(self.conv.weight, -2) for column in _phases(row, -1)]
        return torch.stack(phases, 1).flatten(0, 1)


def _phases(kernel: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the kernel is, along one axis, to the first and to the second of two pixels made from one."""
    before, middle, after = kernel.unbind(axis)
    nothing = torch.zeros_like(middle)
    return (
        torch.stack([before, middle + after, nothing], axis),
        torch.stack([nothing, before + middle, after], axis),
    )


def _normed(x: torch.Tensor, norm: ConditionalInstanceNorm | None, style_weights: torch.Tensor) -> torch.Tensor:
    return x if norm is None else norm(x, style_weights)


def _reflected(x: torch.Tensor) -> torch.Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="reflect")
