"""Models for one-pass stylisation: which file, and what goes in and out of it."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from nst_engine.errors import ModelChecksumError, ModelNotFoundError, ModelSpecError

BUNDLED_PREFIX = "bundled:"
#: Key of the specification among an ONNX file's own metadata.
METADATA_KEY = "nst_engine"

_FORMAT = 1
_FOLDER = Path(__file__).parent / "bundled" / "models"
_LARGEST_SIDE_PX = 4096
_LARGEST_NUMBER = 1e38  # of float32, nearly

Layout = Literal["nchw", "nhwc"]
TensorType = Literal["float32", "uint8"]
ChannelOrder = Literal["rgb", "bgr"]
Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What a model takes and returns.

    Attributes:
        name: For people.
        styles: Names of the styles the model holds, in the order of its `style_weights`; one for a model without.
        layout: Axes of the pictures: `nchw` or `nhwc`.
        dtype: `float32`, or `uint8` for models that take and return bytes; value range, mean and std do not apply then.
        channel_order: `rgb` or `bgr`.
        value_range: What the bytes 0 and 255 become, in and out.
        mean: Per channel in the model's order, subtracted from the input only, in units of `value_range`.
        std: Per channel, what the input is divided by after that.
        pad_multiple: Height and width must be multiples of this.
        min_side_px: Smallest height and width.
        licence: Of the model's weights.
        training: How it came about.
    """

    name: str
    styles: tuple[str, ...]
    layout: Layout = "nchw"
    dtype: TensorType = "float32"
    channel_order: ChannelOrder = "rgb"
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    pad_multiple: int = 1
    min_side_px: int = 16
    licence: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BundledModel:
    """A model that comes with the package.

    Attributes:
        name: As used after `bundled:`.
        path: Of the file.
        sha256: Of its bytes.
        description: In a few words.
    """

    name: str
    path: Path
    sha256: str
    description: str


@dataclass(frozen=True)
class ModelFile:
    """A model file that exists.

    Attributes:
        name: `bundled:live`, or the path as given.
        path: Of the file.
        cure: What to type when the file turns out to be damaged.
    """

    name: str
    path: Path
    cure: str

    def spec(self, metadata: Mapping[str, str]) -> ModelSpec:
        """What the file says of itself in its metadata, or else the JSON beside it.

        Args:
            metadata: The file's `metadata_props`.

        Raises:
            ModelSpecError: Neither is there, or it cannot be used.
        """
        if METADATA_KEY in metadata:
            # what a later version of ours adds within the same format does no harm
            source = f"{self.name} (its metadata {METADATA_KEY!r})"
            return parse_spec(metadata[METADATA_KEY], source=source, name=self.path.stem, allow_unknown=True)
        beside = self.path.with_suffix(".json")
        try:
            text = beside.read_text(encoding="utf-8")
        except FileNotFoundError:
            example = {"styles": [self.path.stem], "value_range": [0, 255], "pad_multiple": 4}
            raise ModelSpecError(
                f"{self.name}: the model does not say what it takes (no metadata {METADATA_KEY!r}, no file {beside}); "
                f"write {beside.name} beside it, for example {json.dumps(example)}; keys left out have the defaults "
                f"{json.dumps(_defaults())}"
            ) from None
        except (OSError, UnicodeDecodeError) as unreadable:
            raise ModelSpecError(f"{beside}: cannot be read ({unreadable}); wanted JSON in UTF-8") from unreadable
        return parse_spec(text, source=str(beside), name=self.path.stem)


def bundled_models() -> Mapping[str, BundledModel]:
    """The models that come with the package, by name."""
    return _catalogue(_FOLDER)


def find_model(model: str | os.PathLike[str]) -> ModelFile:
    """The file of `bundled:NAME` or of a path.

    A bundled file's SHA-256 is checked once per process.

    Raises:
        ModelNotFoundError: No such file, or no bundled model of that name.
        ModelChecksumError: A bundled file is not the one that was shipped.
    """
    name = os.fspath(model)
    bundled = bundled_models()
    if name.startswith(BUNDLED_PREFIX):
        return _bundled_file(name.removeprefix(BUNDLED_PREFIX), bundled)
    path = Path(model)
    if path.is_file():
        return ModelFile(name, path, "export or download it again")
    came = "is a folder" if path.is_dir() else "no such file"
    names = ", ".join(BUNDLED_PREFIX + each for each in bundled)
    hint = f"did you mean {BUNDLED_PREFIX}{name}? " if name in bundled else ""
    raise ModelNotFoundError(f"{name}: {came}; {hint}a model is an .onnx file or one of the bundled ones: {names}")


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
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelSpecError(f"{source}: is no JSON ({error}); mend it or export the model again") from error
    if not isinstance(stored, dict):
        raise ModelSpecError(
            f'{source}: came {_shown(stored)}, wanted a JSON object such as {{"value_range": [0, 255]}}'
        )
    version = stored.pop("format", _FORMAT)
    if version != _FORMAT:
        raise ModelSpecError(
            f"{source}: format is {_shown(version)}, this nst-engine reads {_FORMAT}; type: pip install -U nst-engine"
        )
    known = [each.name for each in fields(ModelSpec)]
    for key in stored.keys() - set(known) if not allow_unknown else ():
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ModelSpecError(f"{source}: unknown key {key!r}; {hint}there are {', '.join(known)}")
    values = {key: _checked(key, value, source) for key, value in stored.items() if key in known}
    return ModelSpec(**{"name": name, "styles": (name,), **values})


def _bundled_file(name: str, bundled: Mapping[str, BundledModel]) -> ModelFile:
    if name not in bundled:
        close = difflib.get_close_matches(name, bundled, n=1)
        hint = f"did you mean {BUNDLED_PREFIX}{close[0]}? " if close else ""
        names = ", ".join(BUNDLED_PREFIX + each for each in bundled)
        raise ModelNotFoundError(f"{BUNDLED_PREFIX}{name}: no such model; {hint}the bundled ones are: {names}")
    model = bundled[name]
    cure = "type: pip install --force-reinstall --no-deps nst-engine"
    if not model.path.is_file():
        raise ModelNotFoundError(f"{BUNDLED_PREFIX}{name}: {model.path} is missing; {cure}")
    sha256 = _sha256(model.path)
    if sha256 != model.sha256:
        raise ModelChecksumError(
            f"{BUNDLED_PREFIX}{name}: SHA-256 of {model.path} is {sha256[:16]}..., wanted {model.sha256[:16]}...: "
            f"damaged or replaced; {cure}"
        )
    return ModelFile(BUNDLED_PREFIX + name, model.path, cure)


@cache
def _catalogue(folder: Path) -> Mapping[str, BundledModel]:
    stored = json.loads((folder / "models.json").read_text(encoding="utf-8"))
    return {
        name: BundledModel(name, folder / entry["file"], entry["sha256"], entry["description"])
        for name, entry in stored.items()
    }


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _defaults() -> dict[str, Any]:
    without = ("licence", "training")
    return {
        each.name: each.default
        for each in fields(ModelSpec)
        if each.default is not MISSING and each.name not in without
    }


def _checked(key: str, value: Any, source: str) -> Any:
    """A value of the specification in its own type."""
    usable, wanted = _CHECKS[key]
    if not usable(value):
        raise ModelSpecError(f"{source}: {key} is {_shown(value)}, wanted {wanted}")
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
        and all(isinstance(each, str) and each for each in value)
        and len(set(value)) == len(value)
    )


def _is_numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(each, int | float) and not isinstance(each, bool) for each in value)
        and all(abs(each) < _LARGEST_NUMBER for each in value)
    )


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_SIDE_PX


def _one_of(choices: Sequence[str]) -> tuple[Any, str]:
    return (lambda value: value in choices), f"one of {', '.join(choices)}"


_CHECKS: Mapping[str, tuple[Any, str]] = {
    "name": (_is_text, "a text"),
    "styles": (_is_names, "a list of different names"),
    "layout": _one_of(get_args(Layout)),
    "dtype": _one_of(get_args(TensorType)),
    "channel_order": _one_of(get_args(ChannelOrder)),
    "value_range": (
        lambda value: _is_numbers(value, 2) and value[0] < value[1],
        "two rising numbers, such as [0, 255]",
    ),
    "mean": (lambda value: _is_numbers(value, 3), "three numbers"),
    "std": (lambda value: _is_numbers(value, 3) and 0 not in value, "three numbers other than 0"),
    "pad_multiple": (_is_side, f"a whole number from 1 to {_LARGEST_SIDE_PX}"),
    "min_side_px": (_is_side, f"a whole number from 1 to {_LARGEST_SIDE_PX}"),
    "licence": (_is_text, "a text"),
    "training": (lambda value: isinstance(value, dict), "a JSON object"),
}
