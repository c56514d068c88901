"""What can be chosen for a training; defaults stand here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from nst_engine.errors import OptionError
from nst_engine.optimization.options import Precision

ArchitectureName = Literal["quality", "live"]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Of a training.

    Attributes:
        arch: Network to train.
        steps: Steps to make; None where `minutes` is the limit.
        minutes: Time to train for, as measured, over all resumed parts; None where `steps` is the limit.
        batch_size: Pictures painted in a step.
        styles_per_photo: Styles in which each photo of a step is painted; its features are computed only once.
        crop_px: Side of the square cut-outs that VGG-19 is shown. Small ones cannot show a painting: 224 px of one are
            at a distance of 0.2 to 0.5 from its 512 px at relu5_1.
        small_until: Share of the training, 0 to 1, in which the cut-outs are smaller by a quarter and twice as many:
            more photos and styles in the same time, before the large forms are learnt.
        content_distance: What the mean content distance is brought to by adapting the style's weight: 0 would be the
            photo itself; bold paintings have 0.7 to 1.3. None: the style's weight stays as it is.
        style_weight: Of the style distance.
        tv_weight: Of the total variation.
        stability_weight: Of what changes in a painting where the photo only moves by some pixels and gets a little
            noise, for moving pictures; 0: the painting may flicker.
        learning_rate: Of Adam, at its peak.
        style_size_px: Longer side at which the paintings are looked at.
        photo_size_px: Longer side to which photos are brought.
        seed: Of the network's first weights, the cut-outs and the styles.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: Of convolutions; norms and Gram matrices are float32 in any case.
    """

    arch: ArchitectureName = "live"
    steps: int | None = None
    minutes: float | None = None
    batch_size: int = 2
    styles_per_photo: int = 2
    crop_px: int = 320
    small_until: float = 0.0
    content_distance: float | None = None
    style_weight: float = 10.0
    tv_weight: float = 0.0
    stability_weight: float = 0.0
    learning_rate: float = 2e-3
    style_size_px: int = 512
    photo_size_px: int = 512
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        if self.arch not in get_args(ArchitectureName):
            raise OptionError(f"{self.arch!r} came; choose from {', '.join(get_args(ArchitectureName))}", option="arch")
        if (self.steps is None) == (self.minutes is None):
            raise OptionError("give either `steps` or `minutes`, to say when the training ends")
        for name in ("steps", "minutes", "batch_size", "styles_per_photo", "style_weight", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise OptionError(f"{value} came; it must be above 0", option=name)
        for name, smallest in (("crop_px", 64), ("style_size_px", 64), ("photo_size_px", 64)):
            if getattr(self, name) < smallest:
                raise OptionError(f"{getattr(self, name)} came; at least {smallest}", option=name)
        if self.batch_size % self.styles_per_photo:
            raise OptionError(
                f"`batch_size={self.batch_size}` is no multiple of `styles_per_photo={self.styles_per_photo}`"
            )
        for name in ("tv_weight", "stability_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise OptionError(f"{getattr(self, name)} came; it must be at least 0", option=name)
        if not 0 <= self.small_until <= 1:
            raise OptionError(f"{self.small_until} came; it must be between 0 and 1", option="small_until")
        if self.content_distance is not None and not 0 < self.content_distance < 2:
            raise OptionError(f"{self.content_distance} came; it must be between 0 and 2", option="content_distance")
        if not 0 <= self.seed < 2**63:
            raise OptionError(f"{self.seed} came; wanted a whole number from 0 to 2**63 - 1", option="seed")

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
