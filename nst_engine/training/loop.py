"""The training loop: batches, schedule, averaging, guards."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nst_engine.errors import OptimizationError
from nst_engine.networks.stylizer_net import STRIDE, StylizerNet
from nst_engine.training.artefacts import detail_kept, flicker_loss, grid_loss, motif_loss
from nst_engine.training.checkpoint import Checkpoint
from nst_engine.training.options import TrainOptions
from nst_engine.training.perceptual import PerceptualLoss, energies, evened
from nst_engine.training.photos import Photos
from nst_engine.training.variations import as_shown, varied
from nst_engine.vgg19.losses import total_variation_loss

_WARMUP = 0.05  # of the training, until the learning rate's peak
_LAST_RATE = 0.01  # of the peak, at the end
_CLIP_NORM = 1.0
_AVERAGING = 0.999
_SMOOTHING = 0.98  # of the distances shown and steered by
_STEERING = 0.004  # how fast the style's weight answers to the content's distance
_STYLE_WEIGHT_RANGE = (0.5, 100.0)
_MAX_BAD_STEPS = 20
_GRID_WEIGHT, _MOTIF_WEIGHT = 400.0, 60.0
_NOISE = 0.02  # of a webcam by lamplight, 0-1
_DETAIL_WEIGHT, _MOST_DETAIL = 4.0, 0.45


@dataclass(frozen=True)
class TrainProgress:
    """One step.

    Attributes:
        step: From 1.
        fraction: Of the training, 0-1.
        seconds: Spent so far, over all resumed parts.
        content, style: Distances, smoothed.
        style_weight: As adapted, where a content distance was asked for.
        learning_rate: Of this step.
        skipped: Steps left out so far because the loss was not finite.
    """

    step: int
    fraction: float
    seconds: float
    content: float
    style: float
    style_weight: float
    learning_rate: float
    skipped: int


@dataclass(frozen=True, eq=False)
class _Batch:
    """What a step is made of.

    Attributes:
        crops: uint8 photos x S x S x 3, larger by `STRIDE` than what VGG-19 is shown.
        styles: For each photo in turn, as many as it is painted in.
        offset: Where it is shown, top and left. At random: were the network's grid always on that of VGG-19's pooling,
            it would learn to please the pooling with a pattern that repeats every few pixels.
    """

    crops: NDArray[np.uint8]
    styles: list[int]
    offset: tuple[int, int]

    def seen(self, images: torch.Tensor) -> torch.Tensor:
        """What VGG-19 is shown of larger pictures N x 3 x H x W."""
        side = self.crops.shape[1] - STRIDE
        top, left = self.offset
        return images[..., top : top + side, left : left + side]


class Training:
    """A training in progress, which can be stopped and gone on with at any step.

    Args:
        network: On the device to train on.
        loss: Against the paintings, one for each of the network's styles in their order.
        photos: To paint.
        parameters: Names of what is learnt; everything else stays as it is.
        options: How.
        dtype: Of the convolutions.
    """

    def __init__(
        self,
        network: StylizerNet,
        loss: PerceptualLoss,
        photos: Photos,
        options: TrainOptions,
        *,
        parameters: Collection[str],
        dtype: torch.dtype,
    ) -> None:
        self.network, self.options = network, options
        self.step, self.seconds, self.skipped = 0, 0.0, 0
        self.style_weight = options.style_weight
        self._loss, self._photos, self._dtype = loss, photos, dtype
        self._device = next(network.parameters()).device
        self._parameters = {name: value for name, value in network.named_parameters() if name in set(parameters)}
        for name, value in network.named_parameters():
            value.requires_grad_(name in self._parameters)
        self._averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}
        # one tensor per parameter and moment, so that a checkpoint is plain names and tensors
        self._optimizer = torch.optim.Adam(self._parameters.values(), lr=options.learning_rate)
        # a photo painted twice in one style would be the same picture
        self._styles_per_photo = min(options.styles_per_photo, network.styles)
        self._distances: list[float] = []  # of content and style, and the energy of photos, smoothed
        self._bad_steps = 0

    def run(self, on_step: Callable[[TrainProgress], bool]) -> None:
        """Train until the end, or until `on_step` returns False.

        Raises:
            OptimizationError: The loss stays NaN or infinite.
        """
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._batch, self.step)
            while self.fraction < 1:
                begun = time.perf_counter()
                batch = coming.result()
                coming = reader.submit(self._batch, self.step + 1)
                rate = self._learning_rate()
                self._make_step(batch, rate)
                self.step += 1
                self.seconds += time.perf_counter() - begun
                if not on_step(self._progress(rate)):
                    return
        if not self._distances:
            raise OptimizationError(
                f"the loss was not finite in any of the {self.step} steps; nothing was learnt; train again with a "
                f"smaller `learning_rate` or `precision='float32'`"
            )

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0-1."""
        steps, minutes = self.options.steps, self.options.minutes
        return self.step / steps if steps is not None else min(1.0, self.seconds / (60 * (minutes or 1)))

    def checkpoint(self, styles: Sequence[str]) -> Checkpoint:
        """All that is needed to go on."""
        moments: dict[str, torch.Tensor] = {}
        for name, value in self._parameters.items():
            state = self._optimizer.state.get(value, {})
            if state:
                moments |= {f"first.{name}": state["exp_avg"], f"second.{name}": state["exp_avg_sq"]}
        return Checkpoint(
            arch=self.options.arch,
            styles=list(styles),
            network={name: value.cpu() for name, value in self.network.state_dict().items()},
            averaged={name: value.cpu() for name, value in self._averaged.items()},
            optimizer={name: value.cpu() for name, value in moments.items()},
            step=self.step,
            seconds=self.seconds,
            style_weight=self.style_weight,
            distances=list(self._distances),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same network."""
        self.network.load_state_dict(checkpoint.network)
        self._averaged = {name: value.to(self._device) for name, value in checkpoint.averaged.items()}
        for name, value in self._parameters.items():
            if f"first.{name}" in checkpoint.optimizer:
                self._optimizer.state[value] = {
                    "step": torch.tensor(float(checkpoint.step)),
                    "exp_avg": checkpoint.optimizer[f"first.{name}"].to(self._device),
                    "exp_avg_sq": checkpoint.optimizer[f"second.{name}"].to(self._device),
                }
        self.step, self.seconds = checkpoint.step, checkpoint.seconds
        self.style_weight, self._distances = checkpoint.style_weight, list(checkpoint.distances)

    @contextlib.contextmanager
    def averaged_network(self) -> Iterator[StylizerNet]:
        """The network with its averaged weights, to look at."""
        training = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self._averaged)
        try:
            yield self.network
        finally:
            self.network.load_state_dict(training)

    def _batch(self, step: int) -> _Batch:
        """The same for the same step and seed."""
        options = self.options
        rng = np.random.default_rng((options.seed, step))
        styles = self.network.styles
        count = options.batch_size // self._styles_per_photo
        crops = np.stack([self._photos.crop(options.crop_px + STRIDE, rng) for _ in range(count)])
        order = np.concatenate([rng.permutation(styles) for _ in range(-(-options.batch_size // styles))])
        top, left = rng.integers(STRIDE, size=2).tolist()
        return _Batch(crops, order[: count * self._styles_per_photo].tolist(), (top, left))

    def _make_step(self, batch: _Batch, rate: float) -> None:
        rng = np.random.default_rng((self.options.seed, self.step, 1))
        clean = varied(torch.from_numpy(batch.crops).to(self._device).permute(0, 3, 1, 2).float() / 255, rng)
        targets = self._loss.content_features(batch.seen(clean))
        shown, targets, clean = (
            each.repeat_interleave(self._styles_per_photo, 0) for each in (as_shown(clean, rng), targets, clean)
        )
        weights = nn.functional.one_hot(torch.tensor(batch.styles, device=self._device), self.network.styles).float()
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not torch.float32):
            painted = self.network(shown, weights)
        seen = batch.seen(painted)
        distances = self._loss(seen, targets, batch.styles)
        content, style, energy = distances.content.mean(), distances.style.mean(), energies(targets)
        photos = batch.seen(clean)
        detail = nn.functional.relu(detail_kept(photos, seen) - _MOST_DETAIL)
        smoothness = self.options.tv_weight * total_variation_loss(painted) + _GRID_WEIGHT * grid_loss(painted)
        usual = self._distances[2] if self._distances else float(energy.mean())
        total = evened(distances.content, energy, usual).mean() + self.style_weight * distances.painted.mean()
        artefacts = _DETAIL_WEIGHT * detail.square().mean() + _MOTIF_WEIGHT * motif_loss(photos, seen)
        total = total + artefacts + smoothness
        if self.options.stability_weight:
            total = total + self.options.stability_weight * self._flicker(shown, weights, painted, batch)
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), _CLIP_NORM)
        if not bool(torch.isfinite(norm) & torch.isfinite(total)):
            self._skip()
            return
        self._bad_steps = 0
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._average()
        self._follow([float(each.detach()) for each in (content, style, energy.mean())])

    def _flicker(
        self, photos: torch.Tensor, weights: torch.Tensor, painted: torch.Tensor, batch: _Batch
    ) -> torch.Tensor:
        """What of the painting changes where the photo moves by less than the stride and gets noise."""
        moved = batch.seen(photos)
        noise = np.random.default_rng((self.options.seed, self.step)).standard_normal(moved.shape, np.float32)
        moved = (moved + _NOISE * torch.from_numpy(noise).to(moved.device)).clamp(0, 1)
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not torch.float32):
            again = self.network(moved, weights)
        return flicker_loss(batch.seen(painted), again)

    def _skip(self) -> None:
        self.skipped += 1
        self._bad_steps += 1
        if self._bad_steps >= _MAX_BAD_STEPS:
            raise OptimizationError(
                f"the loss was not finite for {_MAX_BAD_STEPS} steps in a row, from step {self.step - _MAX_BAD_STEPS}; "
                "go on from the last checkpoint with a smaller `learning_rate` or `precision='float32'`"
            )

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(_AVERAGING, (1 + self.step) / (10 + self.step))
        for name, value in self._parameters.items():
            self._averaged[name].lerp_(value, 1 - decay)

    def _follow(self, found: list[float]) -> None:
        """Smooth what is shown; and where a content distance was asked for, bring it there by weighing style anew."""
        before = self._distances or found
        self._distances = [seen + (1 - _SMOOTHING) * (new - seen) for seen, new in zip(before, found, strict=True)]
        wanted = self.options.content_distance
        if wanted is not None and self.fraction > _WARMUP:
            change = _STEERING * max(-1.0, min(1.0, wanted - self._distances[0]))
            lowest, highest = _STYLE_WEIGHT_RANGE
            self.style_weight = min(highest, max(lowest, self.style_weight * math.exp(change)))

    def _learning_rate(self) -> float:
        """One cycle: up in a straight line, down along a cosine."""
        done, peak = self.fraction, self.options.learning_rate
        if done < _WARMUP:
            return peak * max(0.02, done / _WARMUP)
        down = 0.5 * (1 + math.cos(math.pi * (done - _WARMUP) / (1 - _WARMUP)))
        return peak * (_LAST_RATE + (1 - _LAST_RATE) * down)

    def _progress(self, rate: float) -> TrainProgress:
        content, style, _ = self._distances or (math.nan, math.nan, math.nan)
        return TrainProgress(
            step=self.step,
            fraction=self.fraction,
            seconds=self.seconds,
            content=content,
            style=style,
            style_weight=self.style_weight,
            learning_rate=rate,
            skipped=self.skipped,
        )
