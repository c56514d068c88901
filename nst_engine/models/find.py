"""Models for one-pass stylisation: which file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from nst_engine.checks import require_path
from nst_engine.environment import did_you_mean
from nst_engine.errors import ModelChecksumError, ModelNotFoundError, ModelSpecError
from nst_engine.files import file_sha256
from nst_engine.models.spec import METADATA_KEY, ModelSpec, parse_spec, spec_defaults
from nst_engine.reading import text_of, why_no_file

BUNDLED_PREFIX = "bundled:"
#: Of the names of quantised models.
INT8_SUFFIX = "-int8"

_OPENVINO_SUFFIX = ".xml"

_sha256 = cache(file_sha256)  # a model file is opened again and again

_FOLDER = Path(__file__).parents[1] / "bundled" / "models"


@dataclass(frozen=True)
class BundledModel:
    """A model that comes with the package.

    Attributes:
        name: As used after `bundled:`.
        path: Of the file.
        sha256: Of its bytes.
        description: In a few words.
        companions: SHA-256 of other files that the model needs, by name.
    """

    name: str
    path: Path
    sha256: str
    description: str
    companions: Mapping[str, str] = field(default_factory=dict)


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

    @property
    def is_bundled(self) -> bool:
        """Whether it comes with the package."""
        return self.name.startswith(BUNDLED_PREFIX)

    def absolute(self) -> ModelFile:
        """The same file, of the same name, whatever folder a process works in."""
        return replace(self, path=self.path.absolute())

    def __reduce__(self) -> tuple[Any, ...]:
        # the package may be installed elsewhere
        return (find_model, (self.name,)) if self.is_bundled else (ModelFile, (self.name, self.path, self.cure))

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
            text = text_of(beside)
        except FileNotFoundError:
            example = {"styles": [self.path.stem], "value_range": [0, 255], "pad_multiple": 4}
            raise ModelSpecError(
                f"{self.name}: the model does not say what it takes (no metadata {METADATA_KEY!r}, no file {beside}); "
                f"write {beside.name} beside it, for example {json.dumps(example)}; keys left out have the defaults "
                f"{json.dumps(spec_defaults())}"
            ) from None
        except (OSError, ValueError) as unreadable:
            raise ModelSpecError(f"{beside}: cannot be read ({unreadable}); wanted JSON in UTF-8") from unreadable
        return parse_spec(text, source=str(beside), name=self.path.stem)

    def companion(self, name: str) -> Path:
        """A file beside the model's that it needs; a bundled one's SHA-256 is checked once per process.

        Raises:
            ModelNotFoundError: It is not there.
            ModelChecksumError: A bundled file is not the one that was shipped.
        """
        path = self.path.with_name(name)
        expected = None
        if self.is_bundled:
            expected = bundled_models()[self.name.removeprefix(BUNDLED_PREFIX)].companions[name]
        _check_file(self.name, path, expected, self.cure)
        return path


def bundled_models() -> Mapping[str, BundledModel]:
    """The models that come with the package, by name."""
    return _catalogue(_FOLDER)


def typed_name(name: str) -> str:
    """A model as commands take it: `bundled:live` for `live`, where no file is called that; other names as they are."""
    return BUNDLED_PREFIX + name if name in bundled_models() and not Path(name).exists() else name


def find_model(model: str | os.PathLike[str]) -> ModelFile:
    """The file of `bundled:NAME` or of a path.

    A bundled file's SHA-256 is checked once per process.

    Raises:
        ModelNotFoundError: No such file, or no bundled model of that name.
        ModelChecksumError: A bundled file is not the one that was shipped.
        ModelSpecError: The file is of a format that no runtime here takes.
        OptionError: It is no name and no path.
    """
    name = require_path("model", model, "bundled:NAME, or the path of an .onnx file")
    bundled = bundled_models()
    if name.startswith(BUNDLED_PREFIX):
        return _bundled_file(name.removeprefix(BUNDLED_PREFIX), bundled)
    path = Path(name)
    came = why_no_file(path)
    if came is None and path.suffix.lower() == _OPENVINO_SUFFIX:
        raise ModelSpecError(
            f"{name}: is a model in OpenVINO's own format, for other programs; here its .onnx is wanted: give the file "
            f"that it was exported from, with `backend='openvino'` to run it by OpenVINO"
        )
    if came is None:
        return ModelFile(name, path, "export or download it again")
    names = ", ".join(BUNDLED_PREFIX + each for each in bundled)
    hint = f"did you mean {BUNDLED_PREFIX}{name}? " if name in bundled else ""
    raise ModelNotFoundError(f"{name}: {came}; {hint}a model is an .onnx file or one of the bundled ones: {names}")


def int8_model(model: ModelFile) -> ModelFile:
    """The quantised file of a model: NAME-int8 of the bundled ones, or FILE-int8.onnx beside FILE.onnx.

    Raises:
        ModelNotFoundError: There is none.
        ModelChecksumError: As for `find_model`.
    """
    if is_int8(model):
        return model
    if model.name.startswith(BUNDLED_PREFIX):
        return find_model(model.name + INT8_SUFFIX)
    beside = model.path.with_name(model.path.stem + INT8_SUFFIX + model.path.suffix)
    if not beside.is_file():
        raise ModelNotFoundError(
            f"`precision='int8'`: {model.name} has no quantised file {beside} beside it; make one with "
            f"nst export {model.name} --precision int8 -o {beside}, or use `precision='auto'`"
        )
    return ModelFile(str(Path(model.name).with_name(beside.name)), beside, model.cure)


def is_int8(model: ModelFile) -> bool:
    """Whether the file is a quantised one, by its name."""
    return model.path.stem.endswith(INT8_SUFFIX)


def bundled_int8(model: ModelFile) -> BundledModel | None:
    """The quantised file of a bundled model, if there is one."""
    return bundled_models().get(model.name.removeprefix(BUNDLED_PREFIX) + INT8_SUFFIX) if model.is_bundled else None


def _bundled_file(name: str, bundled: Mapping[str, BundledModel]) -> ModelFile:
    if name not in bundled:
        hint = did_you_mean(name, bundled, BUNDLED_PREFIX)
        names = ", ".join(BUNDLED_PREFIX + each for each in bundled)
        raise ModelNotFoundError(f"{BUNDLED_PREFIX}{name}: no such model; {hint}the bundled ones are: {names}")
    model = bundled[name]
    cure = "type: pip install --force-reinstall --no-deps nst-engine"
    _check_file(BUNDLED_PREFIX + name, model.path, model.sha256, cure)
    return ModelFile(BUNDLED_PREFIX + name, model.path, cure)


def _check_file(model: str, path: Path, expected: str | None, cure: str) -> None:
    if why := why_no_file(path):
        raise ModelNotFoundError(f"{model}: {path}: {why}; {cure}")
    sha256 = expected if expected is None else _sha256(path)
    if sha256 is not None and sha256 != expected:
        raise ModelChecksumError(
            f"{model}: SHA-256 of {path} is {sha256[:16]}..., wanted {str(expected)[:16]}...: damaged or replaced; "
            f"{cure}"
        )


@cache
def _catalogue(folder: Path) -> Mapping[str, BundledModel]:
    stored = json.loads((folder / "models.json").read_text(encoding="utf-8"))
    return {
        name: BundledModel(
            name, folder / entry["file"], entry["sha256"], entry["description"], entry.get("companions", {})
        )
        for name, entry in stored.items()
    }
