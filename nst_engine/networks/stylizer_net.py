"""The feed-forward stylizers, one set of weights for many styles.

An encoder to a sixteenth of the size, residual blocks there (Johnson et al. 2016, arXiv:1603.08155), and a decoder by
nearest-neighbour upsampling. Styles differ in the scales and shifts after instance normalisation (Dumoulin et al. 2017,
arXiv:1610.07629) and in two small banks of filters (after Chen et al. 2017, arXiv:1703.09210); both blend by weights.
Networks for any style have as many "styles" as a style image's code has numbers (`networks.style_encoder`).

The photo's forms reach the painting through features at an eighth of the size and no finer: with a shortcut at a
quarter, its own fine detail stands in every picture, and what comes out is a photo with a filter. The blocks at a
sixteenth see 300 px and more, as large forms need. Where the photo is calm, what is added to the features at an
eighth may be held back, so that walls and skies are painted and no motif is stamped on them (`Restraint`). Kernels that
see so far paint auras around things, which are taken away (`Halos`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from nst_engine.errors import OptionError
from nst_engine.models.restraint import CELL_PX
from nst_engine.models.spec import BORDER_PX, NORM_EPSILON, STRIDE_PX
from nst_engine.networks.canvas import Canvas, with_canvas
from nst_engine.networks.halos import Halos, with_halos
from nst_engine.networks.restraint import Restraint, held_back, with_restraint

#: Shorter sides cannot be reflected that far.
MIN_IMAGE_SIDE_PX = 40

#: Suffixes of the names of what each style has of its own.
OF_STYLES = (".scale", ".shift", ".filters", ".mix", ".calm", ".contrast", ".evenness", ".removed")


@dataclass(frozen=True)
class Architecture:
    """Size of a network.

    Attributes:
        channels: At a half, a quarter, an eighth and a sixteenth of the picture's size.
        blocks: Residual blocks at an eighth before and after those at a sixteenth, which stand in the middle.
        stem_at_half: Whether there are features at half the size on the way down, and whether what is at half the size
            is normalised: finer control, more time. Without, the first convolution goes to a quarter at once.
        refining_block: Whether a residual block stands at a quarter on the way up, or a single convolution.
        basis: Matrices that the styles' own filters are blended from; 0: each style has its own.
        restraint: Whether less is added to the features at an eighth where the photo is calm, and forms are levelled.
    """

    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int]
    stem_at_half: bool
    refining_block: bool
    basis: int = 0
    restraint: bool = False


ARCHITECTURES: Mapping[str, Architecture] = {
    "quality": Architecture((32, 64, 128, 160), (1, 4, 1), stem_at_half=True, refining_block=True, restraint=True),
    "live": Architecture((12, 24, 48, 96), (0, 3, 1), stem_at_half=False, refining_block=False, restraint=True),
    "any": Architecture((32, 64, 128, 160), (1, 6, 2), stem_at_half=True, refining_block=True, basis=32),
    "any-fast": Architecture((12, 24, 48, 96), (0, 3, 1), stem_at_half=False, refining_block=False, basis=24),
}


def architecture(name: str) -> Architecture:
    """The size of the network of that name.

    Raises:
        OptionError: It does not exist.
    """
    if name not in ARCHITECTURES:
        raise OptionError(f"unknown architecture {name!r}; choose from {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def completed(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A network's weights by name; one from before some of its parts paints with them what it painted."""
    return with_canvas(with_halos(with_restraint(weights)))


class StylizerNet(nn.Module):
    """Stylizes pictures, each in its own blend of styles."""

    def __init__(self, size: Architecture, styles: int) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = size.channels
        before, deepest, after = size.blocks
        self.size, self.styles = size, styles
        self.canvas = Canvas()
        self.restraint = Restraint(styles) if size.restraint else None
        self.halos = Halos(styles)
        if size.stem_at_half:
            self.down1: nn.Conv2d | None = nn.Conv2d(3, half, 7, stride=2)
            self.norm_down1: ConditionalInstanceNorm | None = ConditionalInstanceNorm(styles, half)
            self.down2 = nn.Conv2d(half, quarter, 3, stride=2)
        else:
            self.down1, self.norm_down1 = None, None
            self.down2 = nn.Conv2d(3, quarter, 8, stride=4)
        self.norm_down2 = ConditionalInstanceNorm(styles, quarter)
        self.down3 = nn.Conv2d(quarter, eighth, 3, stride=2)
        self.norm_down3 = ConditionalInstanceNorm(styles, eighth)
        self.before = nn.ModuleList(ResidualBlock(styles, eighth) for _ in range(before))
        self.down4 = nn.Conv2d(eighth, sixteenth, 3, stride=2)
        self.norm_down4 = ConditionalInstanceNorm(styles, sixteenth)
        self.deepest = nn.ModuleList(ResidualBlock(styles, sixteenth) for _ in range(deepest))
        self.bank_deepest = _bank(styles, sixteenth, size.basis)
        self.up4 = UpsampledConv(sixteenth, eighth)
        self.norm_up4 = ConditionalInstanceNorm(styles, eighth)
        self.after = nn.ModuleList(ResidualBlock(styles, eighth) for _ in range(after))
        self.bank_after = _bank(styles, eighth, size.basis)
        self.up3 = UpsampledConv(eighth, quarter)
        self.norm_up3 = ConditionalInstanceNorm(styles, quarter)
        if size.refining_block:
            self.refine: nn.Module = ResidualBlock(styles, quarter)
        else:
            self.refine = NormedConv(styles, quarter)
        self.up2 = UpsampledConv(quarter, half)
        self.norm_up2 = ConditionalInstanceNorm(styles, half) if size.stem_at_half else None
        self.up1 = UpsampledConv(half, 3)

    def forward(self, image: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Paint.

        Args:
            image: float N×3×H×W, RGB, 0-1; H and W at least `MIN_IMAGE_SIDE_PX`.
            style_weights: float N×styles; one 1 among zeros for one style, or shares of several.

        Returns:
            float N×3×H×W, RGB, 0-1.
        """
        height, width = image.shape[-2:]
        bordered = self._bordered(self.canvas(image))
        cells = F.avg_pool2d(bordered.float(), CELL_PX)
        share = None if self.restraint is None else self.restraint(cells, style_weights)
        x = self._stem(bordered, style_weights)
        x = F.relu(self.norm_down3(self.down3(_reflected(x)), style_weights))
        for block in self.before:
            x = block(x, style_weights, share)
        deep = F.relu(self.norm_down4(self.down4(_reflected(x)), style_weights))
        for block in self.deepest:
            deep = block(deep, style_weights)
        deep = self.bank_deepest(deep, style_weights)
        forms = self.norm_up4(self.up4(deep), style_weights)
        scale, shift = (style_weights @ each for each in (self.norm_up4.scale, self.norm_up4.shift))
        if self.restraint is not None:
            forms = self.restraint.levelled(forms, style_weights, scale, shift)
        x = x + F.relu(held_back(forms, shift, share))
        for block in self.after:
            x = block(x, style_weights, share)
        x = self.bank_after(x, style_weights)
        x = self.halos(x, cells, style_weights)
        x = F.relu(self.norm_up3(self.up3(x), style_weights))
        x = self.refine(x, style_weights)
        x = self.up2(x)
        x = F.relu(x if self.norm_up2 is None else self.norm_up2(x, style_weights))
        # float32 before the sigmoid: eight bits of mantissa would cause banding
        stylized = torch.sigmoid(self.up1(x).float())
        return stylized[..., BORDER_PX : BORDER_PX + height, BORDER_PX : BORDER_PX + width]

    def _bordered(self, image: torch.Tensor) -> torch.Tensor:
        """The picture, reflected to a multiple of the stride and what the first convolution takes away."""
        height, width = image.shape[-2:]
        border = BORDER_PX + (2 if self.down1 is None else 3)
        return F.pad(image, (border, border + -width % STRIDE_PX, border, border + -height % STRIDE_PX), mode="reflect")

    def _stem(self, x: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features at a quarter of the picture's size."""
        if self.down1 is not None and self.norm_down1 is not None:
            x = _reflected(F.relu(self.norm_down1(self.down1(x), style_weights)))
        return F.relu(self.norm_down2(self.down2(x), style_weights))


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), both convolutions on reflected borders."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3)
        self.norm1 = ConditionalInstanceNorm(styles, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3)
        self.norm2 = ConditionalInstanceNorm(styles, channels)

    def forward(self, x: torch.Tensor, style_weights: torch.Tensor, share: torch.Tensor | None = None) -> torch.Tensor:
        """Features of the same shape; what is added is held back to a share N×1×H×W of its departures from its mean."""
        inner = F.relu(self.norm1(self.conv1(_reflected(x)), style_weights))
        outer: torch.Tensor = self.norm2(self.conv2(_reflected(inner)), style_weights)
        return x + held_back(outer, style_weights @ self.norm2.shift, share)


class NormedConv(nn.Module):
    """relu(norm(conv(x))) on a reflected border."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3)
        self.norm = ConditionalInstanceNorm(styles, channels)

    def forward(self, x: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features of the same shape."""
        return F.relu(self.norm(self.conv(_reflected(x)), style_weights))


class ConditionalInstanceNorm(nn.Module):
    """Instance normalisation with a scale and a shift per style (Dumoulin et al. 2017, equation 5)."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features of the same shape and dtype; statistics in float32."""
        with torch.autocast(x.device.type, enabled=False):
            variance, mean = torch.var_mean(x.float(), (2, 3), correction=0)
            factor = (style_weights @ self.scale) * torch.rsqrt(variance + NORM_EPSILON)
            offset = style_weights @ self.shift - mean * factor
            return torch.addcmul(offset[..., None, None], x.float(), factor[..., None, None]).to(x.dtype)


class StyleFilters(nn.Module):
    """x plus a per-style 1×1 convolution of x: capacity that styles do not share."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.zeros(styles, channels, channels))

    def forward(self, x: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features of the same shape."""
        matrix = torch.einsum("ns,soi->noi", style_weights, self.filters)
        return x + torch.einsum("noi,nihw->nohw", matrix.to(x.dtype), x)


class BlendedFilters(nn.Module):
    """`StyleFilters` whose matrices are blends of a few that all styles share.

    A code of many numbers would otherwise need a matrix for each of them; what styles do to the channels varies in
    fewer ways.
    """

    def __init__(self, styles: int, channels: int, basis: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(styles, basis))
        self.basis = nn.Parameter(torch.zeros(basis, channels, channels))

    def forward(self, x: torch.Tensor, style_weights: torch.Tensor) -> torch.Tensor:
        """Features of the same shape."""
        matrix = torch.einsum("nb,boi->noi", style_weights @ self.mix, self.basis)
        return x + torch.einsum("noi,nihw->nohw", matrix.to(x.dtype), x)


def _bank(styles: int, channels: int, basis: int) -> StyleFilters | BlendedFilters:
    return BlendedFilters(styles, channels, basis) if basis else StyleFilters(styles, channels)


class UpsampledConv(nn.Module):
    """Nearest-neighbour upsampling by two, a reflected border, and a 3×3 convolution, in one 2×2 convolution.

    The four pixels around each corner between small pixels see the same 2×2 small pixels, each through its own
    kernel, whose entries are sums of the 3×3 kernel's; the result is the same to rounding, for 16 multiplications
    where 36 stood. Unlike free sub-pixel kernels it cannot paint a grid (Odena et al. 2016, "Deconvolution and
    checkerboard artifacts").
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """N×inputs×H×W to N×outputs×2H×2W."""
        bias = self.conv.bias
        assert bias is not None
        # the reflected border of the large picture is the repeated border of the small one
        bordered = F.pad(x, (1, 1, 1, 1), mode="replicate")
        corners = F.conv2d(bordered, self.phase_kernels(), bias.repeat_interleave(4))
        return F.pixel_shuffle(corners, 2)[..., 1:-1, 1:-1]

    def phase_kernels(self) -> torch.Tensor:
        """4 outputs×inputs×2×2, in the order of pixel_shuffle."""
        phases = [column for row in _phases(self.conv.weight, -2) for column in _phases(row, -1)]
        return torch.stack(phases, 1).flatten(0, 1)


def _phases(kernel: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the kernel is, along one axis, to the pixel before and to the one after a corner."""
    before, middle, after = kernel.unbind(axis)
    return torch.stack([before + middle, after], axis), torch.stack([before, middle + after], axis)


def _reflected(x: torch.Tensor) -> torch.Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="reflect")
