"""What a step of a training is made of, and how far what is painted is from what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nst_engine.models.spec import STRIDE_PX
from nst_engine.networks.stylizer_net import StylizerNet
from nst_engine.training.artefacts import (
    detail_kept,
    flicker_loss,
    frame_loss,
    grid_loss,
    halo_loss,
    motif_loss,
    roughness_loss,
)
from nst_engine.training.faces import Boxes
from nst_engine.training.likeness import random_pieces
from nst_engine.training.options import TrainOptions
from nst_engine.training.perceptual import PerceptualLoss, PerceptualMeasure, Targets, energies, evened
from nst_engine.training.photos import Photos
from nst_engine.training.process_group import ProcessGroup
from nst_engine.training.variations import as_shown, varied
from nst_engine.vgg19.losses import total_variation_loss

_GRID_WEIGHT, _MOTIF_WEIGHT, _REPEATS_WEIGHT, _ROUGHNESS_WEIGHT = 400.0, 60.0, 100.0, 800.0
_HALO_WEIGHT = 300.0
# looked for in some of the steps: another painting takes a third of a step
_FRAME_STEPS = 3
# by how much a picture goes on where a frame is looked for, if it is large enough
_BEYOND_PX, _LEAST_PX = 3 * STRIDE_PX, 3 * STRIDE_PX
_NOISE = 0.02  # of a webcam by lamplight, 0-1
_DETAIL_WEIGHT, _MOST_DETAIL = 4.0, 0.45
# of the cut-outs' side while they are small, and how many more of them there are then
_SMALL, _MORE = 8 / 11, 2


@dataclass(frozen=True)
class Share:
    """Which pictures of a step this process paints.

    Attributes:
        pictures: By their number in the whole step; one photo in all its styles, then the next.
        per_photo: Styles in which each photo is painted.
    """

    pictures: range
    per_photo: int

    @property
    def photos(self) -> range:
        """That they show, by number in the whole step."""
        return range(self.pictures.start // self.per_photo, -(-self.pictures.stop // self.per_photo))

    @property
    def shown(self) -> list[int]:
        """Which of those photos each picture shows."""
        return [number // self.per_photo - self.photos.start for number in self.pictures]

    def generators_of_photos(self, key: tuple[int, ...]) -> list[np.random.Generator]:
        """One for each photo, so that what is drawn for it does not depend on who draws it."""
        return np.random.default_rng(key).spawn(self.photos.stop)[self.photos.start :]

    def generators_of_pictures(self, key: tuple[int, ...]) -> list[np.random.Generator]:
        """Likewise, for each picture."""
        return np.random.default_rng(key).spawn(self.pictures.stop)[self.pictures.start :]


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step is made of, as far as it is this process's.

    Attributes:
        crops: uint8 photos x S x S x 3, larger by `STRIDE_PX` than what VGG-19 is shown.
        styles: What was drawn for the pictures.
        share: Which pictures these are.
        faces: In each of the crops, as far as they are known.
        offset: Where it is shown, top and left. At random: were the network's grid always on that of VGG-19's pooling,
            it would learn to please the pooling with a pattern that repeats every few pixels.
    """

    crops: NDArray[np.uint8]
    styles: Any
    share: Share
    faces: list[Boxes]
    offset: tuple[int, int]

    def seen(self, images: torch.Tensor) -> torch.Tensor:
        """What VGG-19 is shown of larger pictures N x 3 x H x W."""
        side = self.crops.shape[1] - STRIDE_PX
        top, left = self.offset
        return images[..., top : top + side, left : left + side]


@dataclass(frozen=True, eq=False)
class StyleTargets:
    """A step's styles, for the network and for the loss.

    Attributes:
        weights: The network's `style_weights`: float N x styles, for each photo in turn as many as it is painted in.
        targets: Of the styles.
        rows: int64 N: which of the targets each picture is painted by.
        floors: See `PerceptualMeasure`.
        penalty: Of the style weights themselves, a scalar.
    """

    weights: torch.Tensor
    targets: Targets
    rows: torch.Tensor
    floors: Targets | None = None
    penalty: torch.Tensor | float = 0.0


class Styles(Protocol):
    """Where a training's styles come from."""

    def draw(self, photos: int, share: Share, side_px: int, rng: np.random.Generator) -> Any:
        """For a share of a step of so many photos; in a thread beside the step before."""

    def targets_of(self, drawn: Any, rng: np.random.Generator) -> StyleTargets:
        """What is made of what was drawn."""


class FixedStyles:
    """The styles that a network holds.

    Args:
        loss: Against their paintings, in the network's order.
        count: How many there are.
        device: To compute on.
    """

    def __init__(self, loss: PerceptualLoss, count: int, device: torch.device) -> None:
        self._targets, self._count, self._device = loss.targets, count, device

    def draw(self, photos: int, share: Share, side_px: int, rng: np.random.Generator) -> list[int]:
        """Styles by number: all in turn before one comes again, and none twice for a photo."""
        order: list[int] = []
        while len(order) < photos * share.per_photo:
            photos_last = order[len(order) - len(order) % share.per_photo :]
            order += sorted(rng.permutation(self._count).tolist(), key=photos_last.__contains__)
        return [order[number] for number in share.pictures]

    def targets_of(self, drawn: list[int], rng: np.random.Generator) -> StyleTargets:
        """Each by itself."""
        rows = torch.tensor(drawn, device=self._device)
        return StyleTargets(nn.functional.one_hot(rows, self._count).float(), self._targets, rows)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Of a step.

    Attributes:
        total: What the step lowers, a scalar, as far as it is of this process's pictures.
        loss: Its mean over all processes.
        content, style, energy: Mean distances and the photos' mean energy, of all processes, to be shown and steered
            by.
    """

    total: torch.Tensor
    loss: float
    content: float
    style: float
    energy: float


class Lesson:
    """Photos, styles and losses of a training.

    Args:
        network: On the device to train on.
        measure: Of distances.
        styles: To paint in.
        photos: To paint.
        options: How.
        styles_per_photo: In which each photo of a step is painted.
        dtype: Of the convolutions.
        group: The processes that share each step.
    """

    def __init__(
        self,
        network: StylizerNet,
        measure: PerceptualMeasure,
        styles: Styles,
        photos: Photos,
        options: TrainOptions,
        *,
        styles_per_photo: int,
        dtype: torch.dtype,
        group: ProcessGroup,
    ) -> None:
        self._network, self._measure, self._styles, self._photos = network, measure, styles, photos
        self._options, self._styles_per_photo, self._dtype = options, styles_per_photo, dtype
        self._group, self._device = group, group.device

    def batch(self, step: int, fraction: float) -> Batch:
        """The same for the same step and seed.

        Args:
            step: From 0.
            fraction: Of the training that is done, 0-1.
        """
        options = self._options
        side, count = options.crop_px, options.batch_size // self._styles_per_photo
        if fraction < options.small_until:
            side, count = max(64, round(_SMALL * side / STRIDE_PX) * STRIDE_PX), _MORE * count
        share = Share(self._group.rank.share(count * self._styles_per_photo), self._styles_per_photo)
        of_photos = share.generators_of_photos((options.seed, step))
        cut = [self._photos.cut_out(side + STRIDE_PX, rng) for rng in of_photos]
        rng = np.random.default_rng((options.seed, step))
        styles = self._styles.draw(count, share, side, rng)
        top, left = rng.integers(STRIDE_PX, size=2).tolist()
        return Batch(np.stack([each.pixels for each in cut]), styles, share, [each.faces for each in cut], (top, left))

    def outcome(self, batch: Batch, step: int, style_weight: float, usual_energy: float | None) -> Outcome:
        """Paint a batch, and compare.

        Args:
            batch: Of that step.
            step: From 0.
            style_weight: Of the style distance.
            usual_energy: Of photos' features so far; None before the first step.
        """
        options, rngs = self._options, batch.share.generators_of_photos((self._options.seed, step, 1))
        clean = varied(torch.from_numpy(batch.crops).to(self._device).permute(0, 3, 1, 2).float() / 255, rngs)
        targets = self._measure.content_features(batch.seen(clean))
        shown, targets, clean = (each[batch.share.shown] for each in (as_shown(clean, rngs), targets, clean))
        style = self._styles.targets_of(batch.styles, np.random.default_rng((options.seed, step, 2)))
        painted = self._painted(shown, style.weights)
        seen = batch.seen(painted)
        distances = self._measure(seen, targets, style.targets, style.rows, style.floors)
        energy = energies(targets)
        usual = float(self._group.mean(energy.mean())) if usual_energy is None else usual_energy
        total = evened(distances.content, energy, usual).mean() + style_weight * distances.painted.mean()
        total = total + self._artefacts(batch.seen(clean), seen, style) + _REPEATS_WEIGHT * distances.repeats.mean()
        total = total + (options.tv_weight * total_variation_loss(painted) + _GRID_WEIGHT * grid_loss(painted))
        total = total + style.penalty
        total = total + self._unlike(clean, painted, batch, step)
        if options.frame_weight and step % _FRAME_STEPS == 0:
            total = total + options.frame_weight * self._frame(shown, style.weights, painted, step)
        if options.stability_weight:
            total = total + options.stability_weight * self._flicker(shown, style.weights, painted, batch, step)
        means = [total, *(each.mean() for each in (distances.content, distances.style, energy))]
        return Outcome(total, *self._group.mean(torch.stack(means).detach()).tolist())

    def _painted(self, photos: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not torch.float32):
            painted: torch.Tensor = self._network(photos, weights)
        return painted

    def _artefacts(self, photos: torch.Tensor, painted: torch.Tensor, style: StyleTargets) -> torch.Tensor:
        detail = nn.functional.relu(detail_kept(photos, painted) - _MOST_DETAIL)
        calm = style.targets["calm"]["roughness"][style.rows]
        in_calm_areas = _MOTIF_WEIGHT * motif_loss(photos, painted)
        in_calm_areas = in_calm_areas + _ROUGHNESS_WEIGHT * roughness_loss(photos, painted, calm)
        in_calm_areas = in_calm_areas + _HALO_WEIGHT * halo_loss(photos, painted)
        return _DETAIL_WEIGHT * detail.square().mean() + in_calm_areas

    def _unlike(self, photos: torch.Tensor, painted: torch.Tensor, batch: Batch, step: int) -> torch.Tensor | float:
        """What of faces, and of pieces at random, is not recognised any more."""
        total: torch.Tensor | float = 0.0
        if self._options.face_weight:
            faces = [batch.faces[number] for number in batch.share.shown]
            total = total + self._options.face_weight * self._measure.unlikeness(photos, painted, faces).mean()
        if self._options.likeness_weight:
            rngs = batch.share.generators_of_pictures((self._options.seed, step, 6))
            pieces = [random_pieces(painted.shape[-1], rng) for rng in rngs]
            total = total + self._options.likeness_weight * self._measure.unlikeness(photos, painted, pieces).mean()
        return total

    def _frame(self, photos: torch.Tensor, weights: torch.Tensor, painted: torch.Tensor, step: int) -> torch.Tensor:
        """What stands along the border of a painting and would not if the photo went on there."""
        side = photos.shape[-1]
        beyond = min(_BEYOND_PX, (side - _LEAST_PX) // STRIDE_PX * STRIDE_PX)
        # of a corner of the photo, two sides lie within the photo
        at_end = np.random.default_rng((self._options.seed, step, 7)).integers(2, size=2).tolist()
        top, left = (beyond * each for each in at_end)
        corner = (..., slice(top, top + side - beyond), slice(left, left + side - beyond))
        turned = [axis for axis, each in zip((2, 3), at_end, strict=True) if not each]
        alone = self._painted(photos[corner], weights)
        return frame_loss(alone.flip(turned), painted.detach()[corner].flip(turned))

    def _flicker(
        self, photos: torch.Tensor, weights: torch.Tensor, painted: torch.Tensor, batch: Batch, step: int
    ) -> torch.Tensor:
        """What of the painting changes where the photo moves by less than the stride and gets noise."""
        moved = batch.seen(photos)
        rngs = batch.share.generators_of_pictures((self._options.seed, step, 5))
        noise = np.stack([rng.standard_normal(moved.shape[1:], np.float32) for rng in rngs])
        moved = (moved + _NOISE * torch.from_numpy(noise).to(moved.device)).clamp(0, 1)
        return flicker_loss(batch.seen(painted), self._painted(moved, weights))
