"""Training data of a network for any style: paintings and other style images, in many colours and sizes.

Few paintings are available, and the network must generalise to unseen styles: so most of its style images are
made. Of paintings, crops with their colours exchanged, turned or inverted; photos that another network has painted, in
blends that no painter used; fields of noise, which are strokes and patterns without a subject; and photos.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from nst_engine.color import LUMA_WEIGHTS
from nst_engine.image import resize_image
from nst_engine.networks.stylizer_net import StylizerNet
from nst_engine.training.photos import Photos

# the rest is photos
_PAINTINGS, _PAINTED, _TEXTURES = 0.55, 0.25, 0.08
_ZOOM_OF_PAINTINGS, _ZOOM_OF_OTHERS = 0.3, 0.2  # deviations of logarithms
_SMALLEST_CROP_PX = 64
_AS_IT_IS, _EXCHANGED, _TURNED = 0.45, 0.6, 0.85

_PAINTED_SIDE_PX, _PAINTED_KEPT = 448, 256
_BLEND_SIZE, _STRENGTHS = 3, (0.8, 1.3)

_FIELDS, _LEVELS = 3, (2, 5)
_STROKE_PX = (1.0, 24.0)

Picture = NDArray[np.float32]


class StylePictures:
    """Draws style images.

    Args:
        paintings: To cut out of; their longer side is `Photos`' own.
        painting_px: Longer side at which their strokes count, px.
        photos: As styles.
        painted: Draws a photo painted by another network, uint8 S×S×3; None: paintings instead.
    """

    def __init__(
        self,
        paintings: Photos,
        painting_px: int,
        photos: Photos,
        painted: Callable[[np.random.Generator], NDArray[np.uint8]] | None,
    ) -> None:
        self._paintings, self._painting_px, self._photos, self._painted = paintings, painting_px, photos, painted

    def draw(self, side_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A style image: uint8 side×side×3."""
        kind = rng.random()
        if kind >= _PAINTINGS + _PAINTED and kind < _PAINTINGS + _PAINTED + _TEXTURES:
            return _as_bytes(recoloured(texture(side_px, rng), rng))
        if kind < _PAINTINGS or (kind < _PAINTINGS + _PAINTED and self._painted is None):
            image = self._paintings.draw(rng)
            shown = max(image.shape[:2]) / self._painting_px * side_px
            crop = _cut_out(image, shown * math.exp(-abs(rng.normal(0, _ZOOM_OF_PAINTINGS))), rng)
        else:
            image = self._painted(rng) if kind < _PAINTINGS + _PAINTED and self._painted else self._photos.draw(rng)
            crop = _cut_out(image, min(image.shape[:2]) * math.exp(-abs(rng.normal(0, _ZOOM_OF_OTHERS))), rng)
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < 0.25:
            crop = np.rot90(crop, int(rng.integers(1, 4)))
        sized = resize_image(np.ascontiguousarray(crop), side_px, side_px)
        return _as_bytes(recoloured(sized.astype(np.float32) / np.float32(255), rng))


class PaintedPhotos:
    """Photos in random blends of a network's styles, painted when one is first drawn.

    Args:
        network: Of fixed styles, ready to paint.
        photos: To paint.
        seed: Of which photos and blends: the same however often a training is interrupted.
    """

    def __init__(self, network: StylizerNet, photos: Photos, seed: int) -> None:
        self._network, self._photos, self._seed = network, photos, seed
        self._kept: dict[int, NDArray[np.uint8]] = {}

    def __call__(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """One of them: uint8 S×S×3."""
        number = int(rng.integers(_PAINTED_KEPT))
        if number not in self._kept:
            self._kept[number] = self._paint(np.random.default_rng((self._seed, number, 3)))
        return self._kept[number]

    @torch.no_grad()
    def _paint(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        device = next(self._network.parameters()).device
        weights = np.zeros((1, self._network.styles), np.float32)
        count = min(int(rng.integers(1, _BLEND_SIZE + 1)), self._network.styles)
        chosen = rng.choice(self._network.styles, count, replace=False)
        weights[0, chosen] = rng.dirichlet(np.ones(count)) * rng.uniform(*_STRENGTHS)
        photo = torch.from_numpy(self._photos.cut_out(_PAINTED_SIDE_PX, rng).pixels).to(device)
        planes = photo.permute(2, 0, 1)[None].float() / 255
        painted = self._network(planes, torch.from_numpy(weights).to(device))
        levels: NDArray[np.uint8] = (painted[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        return levels


def texture(side_px: int, rng: np.random.Generator) -> Picture:
    """Oriented noise cut into levels of a few colours: float32 side×side×3, 0-1."""
    field = np.zeros((side_px, side_px))
    rows, columns = np.fft.fftfreq(side_px)[:, np.newaxis], np.fft.rfftfreq(side_px)[np.newaxis]
    for _ in range(int(rng.integers(1, _FIELDS + 1))):
        across, along = sorted(math.exp(rng.uniform(*np.log(_STROKE_PX))) for _ in range(2))
        angle = rng.uniform(0, math.pi)
        u = columns * math.cos(angle) + rows * math.sin(angle)
        v = rows * math.cos(angle) - columns * math.sin(angle)
        blur = np.exp(-2 * math.pi**2 * ((u * across) ** 2 + (v * along) ** 2))
        noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side_px, side_px))) * blur, (side_px, side_px))
        field += rng.uniform(0.3, 1) * noise / max(float(noise.std()), 1e-9)
    field /= max(float(field.std()), 1e-9)
    count = int(rng.integers(_LEVELS[0], _LEVELS[1] + 1))
    palette = np.clip(rng.random((count, 3)) * rng.uniform(0.5, 1) + rng.uniform(0, 0.3), 0, 1)
    softness = rng.uniform(0.02, 0.5)
    out = np.broadcast_to(palette[0], (side_px, side_px, 3)).copy()
    for number, edge in enumerate(np.linspace(-1.2, 1.2, count + 1)[1:-1]):
        share = 0.5 + 0.5 * np.tanh((field - edge) / (2 * softness))
        out += share[..., np.newaxis] * (palette[number + 1] - palette[number])
    if rng.random() < 0.5:
        out += rng.uniform(0.01, 0.08) * rng.standard_normal((side_px, side_px, 1))
    levels: Picture = np.clip(out, 0, 1).astype(np.float32)
    return levels


def recoloured(image: Picture, rng: np.random.Generator) -> Picture:
    """A picture, float32 H×W×3, 0-1, most often in other colours: exchanged, turned around grey, or tinted grey."""
    kind = rng.random()
    if kind < _AS_IT_IS:
        return image
    if kind < _EXCHANGED:
        image = image[..., rng.permutation(3)]
    elif kind < _TURNED:
        mean = image.mean((0, 1))
        turned = (image - mean) @ _turn_around_grey(rng.uniform(-math.pi, math.pi)).T
        image = turned * np.float32(rng.uniform(0.6, 1.4)) + mean
    else:
        grey = (image @ LUMA_WEIGHTS)[..., np.newaxis] * np.float32(rng.uniform(0.8, 1.1))
        image = grey + ((rng.random(3) - 0.5) * 0.2).astype(np.float32)
    image = np.clip(image, 0, 1)
    if rng.random() < 0.4:
        image = image ** np.float32(math.exp(rng.uniform(-0.5, 0.5)))
    return 1 - image if rng.random() < 0.1 else image


def _turn_around_grey(angle: float) -> NDArray[np.float32]:
    """Rodrigues' formula for the axis (1, 1, 1): 3×3."""
    k = 1 / math.sqrt(3)
    cross = np.array([[0, -k, k], [k, 0, -k], [-k, k, 0]])
    turn = np.eye(3) * math.cos(angle) + (1 - math.cos(angle)) / 3 + math.sin(angle) * cross
    return turn.astype(np.float32)


def _cut_out(image: NDArray[np.uint8], side: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    length = max(min(_SMALLEST_CROP_PX, height, width), min(round(side), height, width))
    top, left = (int(rng.integers(whole - length + 1)) for whole in (height, width))
    return image[top : top + length, left : left + length]


def _as_bytes(image: Picture) -> NDArray[np.uint8]:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
