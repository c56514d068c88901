"""A resolved style: style weights, with display labels and an identity for later runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.image import ImageSource
from nst_engine.models.spec import ModelSpec
from nst_engine.stylize.style_embedding import StyleEmbedding
from nst_engine.stylize.style_mix import StyleMix, check_total, is_weight, resolve_style_mix, style_vector


@dataclass(frozen=True, eq=False)
class StyleChoice:
    """Resolved styles for a model; accepted wherever a style is.

    Attributes:
        shares: Weight of each style, by label; sum 1.
        weights: The model's `style_weights`: float32 1×numbers.
        model: Name of the model.
        identity: Equal only for equal styles; for JSON.
    """

    shares: Mapping[str, float]
    weights: NDArray[np.float32] = field(repr=False)
    model: str
    identity: Mapping[str, float]


#: A style image of any kind, its embedding, or a name.
AnyStyle: TypeAlias = StyleEmbedding | ImageSource
#: One style; several with their weights, as a mapping or as pairs; or None for a model's only style.
Style: TypeAlias = StyleChoice | StyleMix | AnyStyle | Mapping[Any, float] | Sequence[tuple[AnyStyle, float]]

_CURES = (
    "for any picture as the style take `model='bundled:any'`; "
    "nst add-style teaches this one another painting, and nst optimize takes any"
)


def choice_of_fixed(style: Style, styles: Sequence[str], model: str) -> StyleChoice:
    """A choice among the styles that a model holds.

    Raises:
        StyleNotFoundError: A name is not among them.
        OptionError: No style was given for a model of several, invalid weights, or a picture.
    """
    pairs = _pairs_of(style)
    named = [style] if pairs is None else [name for name, _ in pairs]
    takes = str | Mapping | int | float | None if pairs is None else str
    if not all(isinstance(each, takes) for each in named):
        raise OptionError(f"style: {model} holds its styles ({', '.join(styles)}); {_CURES}")
    if pairs is not None:
        if twice := next((name for name in named if named.count(name) > 1), None):
            raise OptionError(f"style: {twice!s} came twice; give each style once, with all of its weight")
        style = dict(pairs)
    shares = resolve_style_mix(style, styles)  # type: ignore[arg-type]
    return StyleChoice(shares, style_vector(shares, styles), model, shares)


def weighted(style: Style) -> list[tuple[Any, float]]:
    """Styles with their shares of sum 1, without those of share 0.

    Raises:
        OptionError: None given, or invalid weights.
    """
    if style is None:
        raise OptionError("none came; give a style image, an embedding, or a bundled painting's name", option="style")
    pairs = list(style.items()) if isinstance(style, Mapping) else _pairs_of(style)
    if pairs is None:
        return [(style, 1.0)]
    for _, weight in pairs:
        if not is_weight(weight):
            raise OptionError(f"style: a weight is {repr(weight)[:40]}, wanted finite numbers of at least 0")
    total = sum(float(weight) for _, weight in pairs)
    check_total(total)
    return [(each, float(weight) / total) for each, weight in pairs if weight > 0]


def weights_of_no_style(spec: ModelSpec) -> NDArray[np.float32]:
    """Default style weights for trials: the first style, or the constant of codes; float32 1×numbers."""
    weights = np.zeros((1, spec.style_numbers), np.float32)
    weights[0, 0 if spec.style is None else -1] = 1
    return weights


def _pairs_of(style: object) -> list[tuple[Any, float]] | None:
    """None where it is no pairs."""
    is_pairs = isinstance(style, list | tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in style)
    return list(style) if is_pairs else None  # type: ignore[call-overload]
