"""Parsing and resolving style mixes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nst_engine.environment import did_you_mean
from nst_engine.errors import OptionError, StyleNotFoundError

#: A name; names with their weights; or None for a model's only style.
StyleMix: TypeAlias = str | Mapping[str, float] | None


def parse_style_mix(text: str) -> dict[str, float]:
    """Read `great-wave`, or `great-wave:0.7,scream:0.3`; a name without a number weighs 1.

    Raises:
        OptionError: A name is missing or there twice, or a weight is no number.
    """
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, has_weight, weight = (each.strip() for each in part.partition(":"))
        if not name or name in mix:
            problem = f"{name} is there twice" if name else "a name is missing"
            raise OptionError(f"style {text!r}: {problem}; wanted a name, or such as great-wave:0.7,scream:0.3")
        try:
            mix[name] = float(weight) if has_weight else 1.0
        except ValueError:
            raise OptionError(
                f"style {text!r}: the weight of {name} is {weight!r}, wanted a number such as {name}:0.7"
            ) from None
    return mix


def check_style_name(name: str, option: str) -> str:
    """The name, if `parse_style_mix` reads it as one and files can be called after it.

    Raises:
        OptionError: It is empty, has spaces around it, or holds a comma, a colon or a slash.
    """
    if not name or name != name.strip() or any(each in name for each in ",:/\\"):
        raise OptionError(f"{name!r} came as a style's name; wanted one without , : / \\ : give one with {option}")
    return name


def resolve_style_mix(style: StyleMix, styles: Sequence[str]) -> dict[str, float]:
    """The shares of the requested styles, of sum 1, without those of share 0.

    Args:
        style: One name, or weights of several, at least 0 and not all 0; None where there is one style only.
        styles: Those the model has.

    Raises:
        StyleNotFoundError: A name is not among them.
        OptionError: No style was given for a model of several, or invalid weights.
    """
    if style is None:
        if len(styles) != 1:
            raise OptionError(f"none came, and the model has several; choose from {', '.join(styles)}", option="style")
        style = styles[0]
    if not isinstance(style, str | Mapping):
        raise OptionError(f"style: came {style!r}, wanted a name or a mapping of names to weights")
    weights = {style: 1.0} if isinstance(style, str) else dict(style)
    for name, weight in weights.items():
        if name not in styles:
            raise _not_found(name, styles)
        if not is_weight(weight):
            raise OptionError(
                f"style: the weight of {name} is {repr(weight)[:40]}, wanted a finite number of at least 0"
            )
    total = sum(float(weight) for weight in weights.values())
    check_total(total)
    return {name: float(weight) / total for name, weight in weights.items() if weight > 0}


def check_total(total: float) -> None:
    """Refuse weights of no sum to divide by.

    Raises:
        OptionError: All are 0, or they are too large.
    """
    if total == math.inf:
        raise OptionError(
            "style: the weights are too large to add up; their ratio alone counts: give such as 0.7 and 0.3"
        )
    if total <= 0:
        raise OptionError(f"style: the weights sum to {total:g}; give at least one style a weight above 0")


def is_weight(value: object) -> bool:
    """Whether it is a finite number of at least 0."""
    try:
        return isinstance(value, int | float | np.number) and 0 <= float(value) < math.inf
    except OverflowError:  # Python's integers are unbounded
        return False


def style_vector(mix: Mapping[str, float], styles: Sequence[str]) -> NDArray[np.float32]:
    """The shares in the model's order: float32 1×styles."""
    return np.array([[mix.get(name, 0.0) for name in styles]], dtype=np.float32)


def _not_found(name: object, styles: Sequence[str]) -> StyleNotFoundError:
    hint = did_you_mean(str(name), styles)
    if any(each in str(name) for each in ",:"):
        hint = "a blend is a mapping: {'great-wave': 0.7, 'scream': 0.3} (parse_style_mix() reads text); "
    return StyleNotFoundError(f"{name or repr(name)}: the model has no such style; {hint}it has {', '.join(styles)}")


def weighted_file(text: str) -> tuple[str, float]:
    """Read `painting.jpg`, or `painting.jpg:0.7`; without a number it weighs 1.

    Raises:
        OptionError: The file name is missing.
    """
    file, colon, weight = text.rpartition(":")
    try:
        # a file name may contain a colon, as C:\\painting.jpg
        pair = (file, float(weight)) if colon and not Path(text).exists() else (text, 1.0)
    except ValueError:
        pair = (text, 1.0)
    if not pair[0]:
        raise OptionError(f"{text!r} came; a file is missing, such as painting.jpg:0.7", option="style_image")
    return pair
