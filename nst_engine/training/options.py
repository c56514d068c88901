"""Options of a training, with their defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from nst_engine.errors import OptionError
from nst_engine.optimization.options import Precision
from nst_engine.options import WEIGHTS, check_options, option

ArchitectureName = Literal["quality", "live"]
# Ten years are no training, and at larger steps weights are thrown about.
_STEPS, _MINUTES, _RATES = (1, 10**12), (0.0, 10 * 365.0 * 24 * 60), (0.0, 10.0)
_TOGETHER = (1, 1024)  # more fill the memory of any machine
#: Sides of crops and pictures, px: smaller ones are too small for VGG-19, larger ones for memory.
_SIDES = (64, 8192)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Options of a training.

    Attributes:
        arch: Network to train.
        steps: Steps to make; None where `minutes` is the limit.
        minutes: Time to train for, as measured, over all resumed parts; None where `steps` is the limit.
        devices: Processes that share the pictures of each step, each with a GPU of its own or a part of the cores.
        batch_size: Pictures painted in a step, by all devices together.
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
            noise. Without it, videos flicker, and what is painted into calm or evenly textured areas comes to repeat
            itself every `STRIDE_PX` pixels, as the network's own grid does.
        likeness_weight: Of how little pieces of what is painted are like the photo's, colours aside. Without it, what a
            painting shows (a blossom, a disc, a wave) is stamped on things as readily as on walls.
        face_weight: Likewise, of faces, where it was said in which photos there are some.
        frame_weight: Of what is painted along the border only because the photo ends there. Without it, a network whose
            kernels are trained learns to paint a frame: canvases and their scans have edges, and its padding tells it
            where the photo has them.
        learning_rate: Of Adam, at its peak.
        style_size_px: Longer side at which the paintings are looked at.
        photo_size_px: Longer side to which photos are brought.
        seed: Of the network's first weights, the cut-outs and the styles.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: Of convolutions, and of the products that Gram matrices sum; those sums and norms are float32.
    """

    arch: ArchitectureName = option("live", "size of the network")
    steps: int | None = option(None, "train for N steps", metavar="N", limits=_STEPS)
    minutes: float | None = option(None, "train for M minutes", metavar="M", limits=_MINUTES, is_open=True)
    devices: int = option(1, "GPUs, or processes on a CPU, that share each step", metavar="N", limits=_TOGETHER)
    batch_size: int = option(2, "pictures painted in a step, on all devices together", metavar="N", limits=_TOGETHER)
    styles_per_photo: int = option(2, "styles in which each photo of a step is painted", metavar="N", limits=_TOGETHER)
    crop_px: int = option(320, "side of the cut-outs of photos", metavar="PX", limits=_SIDES)
    small_until: float = option(
        0.0, "share of the training in which they are smaller and more", metavar="S", limits=(0.0, 1.0)
    )
    style_size_px: int = option(
        512, "longer side of the paintings: larger means larger strokes", metavar="PX", limits=_SIDES
    )
    content_distance: float | None = option(
        None,
        "adapt the style's weight until photos are this far, 0.5-1.3 (default: the weight stays)",
        metavar="D",
        limits=(0.0, 2.0),
        is_open=True,
    )
    style_weight: float = option(10.0, "of the style: more paints bolder", metavar="W", limits=WEIGHTS, is_open=True)
    tv_weight: float = option(0.0, "smoothness", metavar="W", limits=WEIGHTS)
    stability_weight: float = option(
        25.0, "calm in moving pictures, and no patterns that repeat; 100 is much", metavar="W", limits=WEIGHTS
    )
    likeness_weight: float = option(
        1.0, "of things that shall be recognised: motifs keep off them", metavar="W", limits=WEIGHTS
    )
    face_weight: float = option(
        3.0, "of faces that shall stay faces, with --faces; 2 paints them more", metavar="W", limits=WEIGHTS
    )
    frame_weight: float = option(150.0, "of no frame being painted along the border", metavar="W", limits=WEIGHTS)
    learning_rate: float = option(2e-3, "of Adam, at its peak", metavar="R", limits=_RATES, is_open=True)
    photo_size_px: int = option(512, "longer side to which photos are brought", metavar="PX", limits=_SIDES)
    seed: int = option(0, "of everything random", metavar="N", limits=(0, 2**63 - 1))
    device: str = option("auto", "auto, cpu, cuda or cuda:N", metavar="NAME")
    precision: Precision = option("auto", "of convolutions")

    def __post_init__(self) -> None:
        check_options(self)
        if (self.steps is None) == (self.minutes is None):
            raise OptionError("give either `steps` or `minutes`, to say when the training ends")
        if self.batch_size % self.styles_per_photo:
            raise OptionError(
                f"`batch_size={self.batch_size}` is no multiple of `styles_per_photo={self.styles_per_photo}`"
            )
        self.check_shares(self.devices)

    def check_shares(self, devices: int) -> None:
        """Refuse a step of which some devices would have more pictures than others.

        Raises:
            OptionError: It is one.
        """
        if self.batch_size % devices:
            step = math.lcm(devices, self.styles_per_photo)
            more = step * -(-self.batch_size // step)
            raise OptionError(
                f"`batch_size={self.batch_size}` pictures cannot be shared by {devices} devices evenly; take "
                f"`batch_size={more}`, for all of them together"
            )

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
