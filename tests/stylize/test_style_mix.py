from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nst_engine.errors import OptionError, StyleNotFoundError
from nst_engine.stylize.style_mix import parse_style_mix, resolve_style_mix, style_vector

STYLES = ("great-wave", "scream", "poppies")


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("great-wave", {"great-wave": 1}),
        ("great-wave:0.7,scream:0.3", {"great-wave": 0.7, "scream": 0.3}),
        (" scream : 2 , poppies ", {"scream": 2, "poppies": 1}),
    ],
)
def test_a_mix_is_read(text: str, mix: dict[str, float]) -> None:
    assert parse_style_mix(text) == mix


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a name is missing"),
        ("scream,", "a name is missing"),
        (":1", "a name is missing"),
        ("scream,scream:2", "scream is there twice"),
        ("scream:much", "the weight of scream is 'much', wanted a number"),
        ("scream:", "the weight of scream is ''"),
    ],
)
def test_what_is_no_mix_is_refused(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_style_mix(text)


@pytest.mark.parametrize(
    ("style", "shares"),
    [
        ("scream", [0, 1, 0]),
        ({"poppies": 3, "great-wave": 1}, [0.25, 0, 0.75]),
        ({"scream": 0, "poppies": 0.1}, [0, 0, 1]),
        ({"scream": np.float32(2)}, [0, 1, 0]),
    ],
)
def test_shares_sum_to_one_in_the_models_order(style: Any, shares: list[float]) -> None:
    mix = resolve_style_mix(style, STYLES)
    assert math.isclose(sum(mix.values()), 1)
    assert all(share > 0 for share in mix.values())
    vector = style_vector(mix, STYLES)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [shares], rtol=1e-6)


def test_none_is_the_only_style() -> None:
    assert resolve_style_mix(None, ("mosaic",)) == {"mosaic": 1}
    with pytest.raises(OptionError, match="none came, and the model has several; choose from great-wave, scream"):
        resolve_style_mix(None, STYLES)


@pytest.mark.parametrize("style", ["great-wav", {"scream": 1, "great-wav": 1}])
def test_an_unknown_style_gets_a_hint_and_the_list(style: Any) -> None:
    message = r"great-wav: .*did you mean great-wave\? it has great-wave, scream, poppies"
    with pytest.raises(StyleNotFoundError, match=message):
        resolve_style_mix(style, STYLES)


@pytest.mark.parametrize(
    "style",
    [{}, {"scream": 0}, {"scream": -1}, {"scream": math.nan}, {"scream": math.inf}, {"scream": "1"}, ["scream"], 3],
)
def test_weights_that_cannot_be_used_are_refused(style: Any) -> None:
    with pytest.raises(OptionError, match=r"^style: "):
        resolve_style_mix(style, STYLES)


def test_weights_too_large_to_sum_are_refused() -> None:
    with pytest.raises(OptionError, match="too large to add up"):
        resolve_style_mix({"scream": 1.7e308, "poppies": 1.7e308}, STYLES)
