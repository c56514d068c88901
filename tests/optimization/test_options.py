import dataclasses
import inspect
import typing
from typing import Any

import pytest

import nst_engine
from nst_engine import OptimizeOptions
from nst_engine.errors import OptionError
from nst_engine.optimization.options import DEFAULT_STYLE_WEIGHT, OptimizeArguments

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nan": ({"style_weight": float("nan")}, "style_weight: nan"),
    "inf": ({"tv_weight": float("inf")}, "tv_weight: inf"),
    "negative": ({"content_weight": -1.0}, "content_weight: -1.0"),
    "zero rate": ({"learning_rate": 0.0}, "learning_rate: 0.0 came; wanted a number above 0"),
    "fraction": ({"num_iterations": 1.5}, "num_iterations: 1.5 came; wanted a whole number from 1 to 1000000"),
    "truth": ({"image_size": True}, "image_size: True"),
    "text": ({"style_scale": "big"}, "style_scale: 'big'"),
    "layer": ({"style_layers": ["relu6_1"]}, "unknown layer 'relu6_1'; VGG-19 has conv1_1, relu1_1"),
    "twice": ({"content_layers": ["relu4_2", "relu4_2"]}, "named twice"),
    "text for layers": ({"content_layers": "relu4_2"}, "a list of layers was wanted"),
    "layer weight": ({"content_layers": {"relu4_2": -2.0}}, "content_layers relu4_2: -2.0"),
    "choice": ({"pooling": "median"}, "pooling: 'median' came; choose from max, avg"),
    "colour": ({"preserve_color": "hue"}, "preserve_color: 'hue' came; choose from luma, match, histogram"),
    "blend": ({"style_blend_weights": (0.0, 0.0)}, "style_blend_weights: all are 0"),
    "nothing": ({"content_weight": 0.0, "style_weight": 0.0}, "weigh nothing"),
    "moments": ({"style_loss": "moments", "gram_normalization": "hw"}, "belongs to `style_loss='gram'`"),
    "none": ({"content_weight": None}, "content_weight: None"),
    "huge weight": ({"style_weight": 1e308}, "style_weight: 1e+308 came; wanted a number from 0 to 1000000000000"),
    "huge shares": ({"style_blend_weights": (1e308, 1e308)}, "style_blend_weights: 1e+308"),
    "huge layer": ({"style_layers": {"relu1_1": 1e308}}, "style_layers relu1_1: 1e+308"),
    "huge rate": ({"learning_rate": 1e308}, "learning_rate: 1e+308 came; wanted a number above 0 and at most 1000"),
    "iterations": ({"num_iterations": 10**12}, "num_iterations: 1000000000000 came; wanted a whole number from 1 to"),
    "huge side": ({"image_size": 1_000_000}, "image_size: 1000000 came; wanted a whole number from 32 to 16384"),
    "huge seed": ({"seed": 2**63}, "seed: 9223372036854775808 came; wanted a whole number from 0 to 92233720368547758"),
    "negative seed": ({"seed": -1}, "seed: -1 came"),
    "no float": ({"seed": 10**400}, "seed: 1000"),
    "no text": ({"seed": 10**5000}, "seed: a number of thousands of digits came"),
    "no layers": ({"content_layers": [], "style_layers": {}}, "weigh nothing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_by_name(case: str) -> None:
    values, message = REFUSED[case]
    with pytest.raises(OptionError) as refused:
        OptimizeOptions(**values)
    assert message in str(refused.value)


def test_names_alone_share_the_weight_one() -> None:
    options = OptimizeOptions(style_layers=["relu1_1", "relu2_1", "relu3_1", "relu5_4"])
    assert options.style_lambdas == dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu5_4"), 0.25)
    assert OptimizeOptions(style_layers={"conv1_2": 3.0}).style_lambdas == {"conv1_2": 3.0}


def test_the_style_weight_belongs_to_the_gram_normalisation() -> None:
    for normalization, weight in DEFAULT_STYLE_WEIGHT.items():
        assert OptimizeOptions(gram_normalization=normalization).effective_style_weight == weight
    assert OptimizeOptions(gram_normalization="chw", style_weight=3.0).effective_style_weight == 3.0


def test_the_layer_that_sees_faces_belongs_to_relative_losses() -> None:
    assert OptimizeOptions().content_lambdas == {"relu4_2": 1.0, "relu3_1": 0.15}
    for normalization in ("none", "hw", "chw"):
        assert OptimizeOptions(gram_normalization=normalization).content_lambdas == {"relu4_2": 1.0}
    assert OptimizeOptions(content_layers=["relu2_2"]).content_lambdas == {"relu2_2": 1.0}


def test_blend_weights_are_shares() -> None:
    assert OptimizeOptions(style_blend_weights=(3.0, 1.0)).blend_weights(2) == [0.75, 0.25]
    assert OptimizeOptions().blend_weights(4) == [0.25] * 4
    with pytest.raises(OptionError, match=r"2 came for 3 style"):
        OptimizeOptions(style_blend_weights=(3.0, 1.0)).blend_weights(3)


@pytest.mark.parametrize("door", [nst_engine.optimize, nst_engine.reconstruct])
def test_every_option_is_an_argument_with_a_name_a_type_and_a_default(door: Any) -> None:
    hints, fields = typing.get_type_hints(OptimizeOptions), dataclasses.fields(OptimizeOptions)
    assert typing.get_type_hints(OptimizeArguments) == hints
    parameters = inspect.signature(door).parameters
    assert {each.kind for each in parameters.values()} == {
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    }
    shown = typing.get_type_hints(door)
    assert set(shown) == {*parameters, "return"}
    for field in fields:
        assert parameters[field.name].default == field.default
        assert shown[field.name] == hints[field.name]
