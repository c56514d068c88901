"""What a model takes and returns, and how it is said in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

from nst_engine.catalogue import bundled_styles
from nst_engine.checks import parsed_json
from nst_engine.environment import did_you_mean
from nst_engine.errors import ModelSpecError

#: Key of the specification among an ONNX file's own metadata.
METADATA_KEY = "nst_engine"
#: Of specifications, their key `format`.
FORMAT = 1

#: Of networks that halve the size four times, as ours do.
STRIDE_PX = 16
#: Of our networks: reflection padding that is cropped again, as at their border networks paint a frame.
BORDER_PX = 16
#: Of our networks' instance normalisations: added to variances.
NORM_EPSILON = 1e-5
#: A weight that all our networks have: styles×channels, or codes×channels.
FIRST_SCALES = "norm_down2.scale"

_LARGEST_SIDE_PX = 4096
# Of value ranges; and how much wider or narrower than the range deviations are, at most.
_LARGEST_NUMBER, _NARROWEST_RANGE = 1e6, 1e-3
_MOST_DEVIATIONS = 1e4

Layout = Literal["nchw", "nhwc"]
TensorType = Literal["float32", "uint8"]
ChannelOrder = Literal["rgb", "bgr"]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class StylePrediction:
    """How a model for any style reads a style image (Ghiasi et al. 2017, arXiv:1705.06830: style prediction).

    Attributes:
        predict: The ONNX file beside the model's that turns a style image into codes.
        output: Name of the one that this model takes, as its `style_weights`.
        numbers: In it.
        side_px: Longer side at which style images are read, px.
        input: Name of the style image: RGB, with the axes of `layout`.
        dtype: Of the style image: `uint8`, or `float32` for numbers of `value_range`.
        layout: Its axes: `nhwc` or `nchw`.
        value_range: What the bytes 0 and 255 become in a style image of numbers.
        mean: Per channel, subtracted from that.
        std: Per channel, what it is divided by after that.
    """

    predict: str
    output: str
    numbers: int
    side_px: int = 512
    input: str = "style_image"
    dtype: TensorType = "uint8"
    layout: Layout = "nhwc"
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What a model takes and returns.

    Attributes:
        name: For people.
        styles: Names of the styles the model holds, in the order of its `style_weights`; one for a model without.
            Of a model for any style: names of bundled paintings.
        style: How a model for any style reads a style image; None: the model holds its styles.
        layout: Axes of the pictures: `nchw` or `nhwc`.
        dtype: `float32`, or `uint8` for models that take and return bytes; value range, mean and std do not apply then.
        channel_order: `rgb` or `bgr`.
        value_range: What the bytes 0 and 255 become, in and out.
        mean: Per channel in the model's order, subtracted from the input only, in units of `value_range`.
        std: Per channel, what the input is divided by after that.
        pad_multiple: Height and width must be multiples of this.
        min_side_px: Smallest height and width.
        stride_px: What has moved by so much is painted the same: tiles and frames are aligned to this grid.
        licence: Of the model's weights.
        training: How it came about.
    """

    name: str
    styles: tuple[str, ...]
    style: StylePrediction | None = None
    layout: Layout = "nchw"
    dtype: TensorType = "float32"
    channel_order: ChannelOrder = "rgb"
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    pad_multiple: int = 1
    min_side_px: int = 16
    stride_px: int = STRIDE_PX
    licence: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def style_numbers(self) -> int:
        """How many `style_weights` the model takes."""
        return len(self.styles) if self.style is None else self.style.numbers


def parse_spec(text: str, *, source: str, name: str, allow_unknown: bool = False) -> ModelSpec:
    """Read a specification in JSON.

    Args:
        text: A JSON object with keys of `ModelSpec`, and `format`, which is 1.
        source: What messages call it.
        name: The model's, and its only style's, where the text does not say.
        allow_unknown: Pass over keys that are not known here.

    Raises:
        ModelSpecError: It is no such object, or a value cannot be used.
    """
    try:
        stored = parsed_json(text)
    except (ValueError, RecursionError) as error:
        raise ModelSpecError(f"{source}: is no JSON ({error}); mend it or export the model again") from error
    if not isinstance(stored, dict):
        raise ModelSpecError(
            f'{source}: came {_shown(stored)}, wanted a JSON object such as {{"value_range": [0, 255]}}'
        )
    version = stored.pop("format", FORMAT)
    if version != FORMAT:
        raise ModelSpecError(
            f"{source}: format is {_shown(version)}, this nst-engine reads {FORMAT}; type: pip install -U nst-engine"
        )
    known = [each.name for each in fields(ModelSpec)]
    for key in stored.keys() - set(known) if not allow_unknown else ():
        raise ModelSpecError(f"{source}: unknown key {key!r}; {did_you_mean(key, known)}there are {', '.join(known)}")
    values = {key: _checked(key, value, source) for key, value in stored.items() if key in known}
    known_styles = (name,) if values.get("style") is None else tuple(bundled_styles())
    spec = ModelSpec(**{"name": name, "styles": known_styles, **values})
    _check_scale(spec, source)
    if spec.style is not None:
        _check_scale(spec.style, source, "style's ")
    return spec


def spec_defaults() -> dict[str, Any]:
    """What a specification means by what it leaves out, for JSON: float32 N x 3 x H x W, RGB, 0-1, of any size."""
    without = ("licence", "training", "style")
    return {
        each.name: each.default
        for each in fields(ModelSpec)
        if each.default is not MISSING and each.name not in without
    }


def _check_scale(scale: ModelSpec | StylePrediction, source: str, whose: str = "") -> None:
    """Refuse what makes a picture black, white or a negative: a mean of bytes where the range is 0 to 1, say."""
    low, high = scale.value_range
    span = high - low
    # 0 and 1, which mean none, go with every range
    limits = {
        "mean": (min(0, low - span), max(0, high + span)),
        "std": (min(1, span) / _MOST_DEVIATIONS, max(1, span) * _MOST_DEVIATIONS),
    }
    for key, (least, most) in limits.items():
        values = getattr(scale, key)
        if not all(least <= each <= most for each in values):
            raise ModelSpecError(
                f"{source}: {whose}{key} is {_shown(list(values))}, wanted three numbers from {least:g} to {most:g} "
                f"for a value_range of {_shown(list(scale.value_range))}"
            )


def _checked(key: str, value: Any, source: str) -> Any:
    """A value of the specification in its own type."""
    usable, wanted = _CHECKS[key]
    if not usable(value):
        raise ModelSpecError(f"{source}: {key} is {_shown(value)}, wanted {wanted}")
    if key == "style":
        return None if value is None else StylePrediction(**{name: _frozen(each) for name, each in value.items()})
    return _frozen(value)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(each, str) and each and each.isprintable() for each in value)
        and len(set(value)) == len(value)
    )


def _is_numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(each, int | float) and not isinstance(each, bool) for each in value)
        and all(abs(each) <= _LARGEST_NUMBER for each in value)
    )


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_SIDE_PX


def _is_prediction(value: object) -> bool:
    if value is None:
        return True
    known = {each.name for each in fields(StylePrediction)}
    if not isinstance(value, dict) or not {"predict", "output", "numbers"} <= value.keys() <= known:
        return False
    # a file beside the model, and nowhere else
    is_name = (
        _is_text(value["predict"])
        and value["predict"] not in ("", ".", "..")
        and not set("/\\") & set(value["predict"])
    )
    are_names = all(_is_text(value.get(each, "")) for each in ("output", "input"))
    are_sides = all(_is_side(value.get(each, 512)) for each in ("numbers", "side_px"))
    as_of_models = ("dtype", "layout", "value_range", "mean", "std")
    return (
        is_name
        and are_names
        and are_sides
        and all(_CHECKS[each][0](value[each]) for each in as_of_models if each in value)
    )


def _one_of(choices: Sequence[str]) -> tuple[Any, str]:
    return (lambda value: value in choices), f"one of {', '.join(choices)}"


_CHECKS: Mapping[str, tuple[Any, str]] = {
    "name": (_is_text, "a text"),
    "style": (_is_prediction, 'such as {"predict": "encoder.onnx", "output": "code", "numbers": 97, "side_px": 512}'),
    "styles": (_is_names, "a list of different names without control characters"),
    "layout": _one_of(get_args(Layout)),
    "dtype": _one_of(get_args(TensorType)),
    "channel_order": _one_of(get_args(ChannelOrder)),
    "value_range": (
        lambda value: _is_numbers(value, 2) and value[1] - value[0] >= _NARROWEST_RANGE,
        "two rising numbers, such as [0, 255]",
    ),
    "mean": (lambda value: _is_numbers(value, 3), "three numbers"),
    "std": (lambda value: _is_numbers(value, 3) and min(value) > 0, "three numbers above 0"),
    "pad_multiple": (_is_side, f"a whole number from 1 to {_LARGEST_SIDE_PX}"),
    "min_side_px": (_is_side, f"a whole number from 1 to {_LARGEST_SIDE_PX}"),
    "stride_px": (_is_side, f"a whole number from 1 to {_LARGEST_SIDE_PX}"),
    "licence": (_is_text, "a text"),
    "training": (lambda value: isinstance(value, dict), "a JSON object"),
}
