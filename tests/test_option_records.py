"""Options declared once: what Python refuses, and the flags that come of them."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from nst_engine.benchmark.options import KernelsBench, OptimizeBench, StylizeBench
from nst_engine.cli.option_flags import add_options, explicit_options, options_of
from nst_engine.errors import OptionError
from nst_engine.models.formats import ExportOptions
from nst_engine.models.triton import TritonOptions
from nst_engine.motion.options import FrameOptions
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.options import check_options, declared, option
from nst_engine.runtimes.options import SessionOptions
from nst_engine.stylize.options import StylizeOptions
from nst_engine.training.options import TrainOptions
from nst_engine.video.options import VideoOptions
from nst_engine.webcam.options import WebcamOptions


@dataclass(frozen=True, kw_only=True)
class Cake:
    """An example."""

    layers: int = option(2, "how high", metavar="N", limits=(1, 9))
    sugar: float | None = option(
        None, "how sweet (default: a little)", metavar="G", limits=(0.0, math.inf), is_open=True
    )
    filling: Literal["jam", "cream"] = option("jam", "what is between")
    is_cut: bool = option(False, "with a knife")
    candles: tuple[int, ...] = option((), "on top", metavar="N", read=int, flag="--candle")

    def __post_init__(self) -> None:
        check_options(self)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layers": 0}, "layers: 0 came; wanted a whole number from 1 to 9"),
        ({"layers": 10}, "layers: 10 came"),
        ({"layers": 2.0}, "layers: 2.0 came; wanted a whole number"),
        ({"layers": True}, "layers: True came"),
        ({"layers": None}, "layers: None came"),
        ({"layers": "2"}, "layers: '2' came"),
        ({"sugar": 0.0}, "sugar: 0.0 came; wanted a number above 0"),
        ({"sugar": math.nan}, "sugar: nan came"),
        ({"sugar": math.inf}, "sugar: inf came"),
        ({"filling": "ham"}, "filling: 'ham' came; choose from jam, cream"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as refused:
        Cake(**values)
    assert str(refused.value).startswith(message)
    assert refused.value.option == next(iter(values))


def test_numbers_of_numpy_are_numbers() -> None:
    numbers: dict[str, Any] = {"layers": np.int64(3), "sugar": np.float32(0.5)}
    assert Cake(**numbers).layers == 3


def test_flags_are_the_options() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, Cake, layers=4)
    arguments = parser.parse_args(["--sugar", "1.5", "--is-cut", "--candle", "1", "--candle", "2"])
    assert explicit_options(arguments, Cake) == {"sugar": 1.5, "is_cut": True, "candles": [1, 2]}
    assert options_of(parser.parse_args([]), Cake, layers=4) == Cake(layers=4)
    text = " ".join(parser.format_help().split())
    assert "--layers N how high (default: 4)" in text
    assert "how sweet (default: a little)" in text
    assert "--filling {jam,cream} what is between (default: jam)" in text


@pytest.mark.parametrize(
    "record",
    [
        OptimizeOptions,
        TrainOptions,
        VideoOptions,
        StylizeOptions,
        FrameOptions,
        SessionOptions,
        WebcamOptions,
        StylizeBench,
        OptimizeBench,
        KernelsBench,
        ExportOptions,
        TritonOptions,
    ],
)
def test_every_option_is_declared_and_explained(record: type) -> None:
    options = declared(record)
    assert options.keys() == record.__dataclass_fields__.keys()  # type: ignore[attr-defined]
    for name, each in options.items():
        assert each.text, name
        assert each.kind is not object or each.read is not None or each.choices, name
        if each.kind in (int, float) and not each.may_be_none:
            with pytest.raises(OptionError, match=name):
                each.check(math.nan)
        assert f"{name}: " in (record.__doc__ or ""), name


@pytest.mark.parametrize("strength", [-0.1, 2.1, math.nan, math.inf, "1", None, True])
def test_a_strength_beyond_its_range_is_refused(strength: Any) -> None:
    with pytest.raises(OptionError, match=r"strength: .* came; wanted a number from 0 to 2"):
        StylizeOptions(strength=strength)
    with pytest.raises(OptionError, match=r"strength: .* came; wanted a number from 0 to 1"):
        FrameOptions(strength=strength)


def test_frames_are_not_painted_twice() -> None:
    assert StylizeOptions(strength=1.5).strength == 1.5
    with pytest.raises(OptionError, match="strength"):
        FrameOptions(strength=1.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 1e308),
        ("style_weight", 1e308),
        ("tv_weight", 1e308),
        ("stability_weight", 1e308),
        ("minutes", 1e300),
        ("steps", 10**30),
        ("seed", -1),
        ("seed", 10**400),
    ],
)
def test_a_training_takes_no_absurd_numbers(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=rf"^{name}: .* came; wanted a") as refused:
        TrainOptions(**{"steps": 1, name: value})
    assert refused.value.option == name
