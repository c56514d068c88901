"""The model of a benchmark, as passed between its processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.models.content import ModelContent
from nst_engine.models.find import find_model
from nst_engine.models.signature import weights_in_axes
from nst_engine.models.spec import ModelSpec, parse_spec
from nst_engine.runtimes.devices import Precision


@dataclass(frozen=True, kw_only=True)
class BenchModel:
    """A model's files and how it is run.

    Attributes:
        name: `bundled:live`, or a path.
        path: Of the model as it was requested.
        spec: What it takes and returns.
        image_input: Name of the pictures' input.
        style_input: Name of the style weights' input; None for models of one style.
        style: Names, or of a model for any style, files with their weights, as `nst_engine.Stylizer` takes them.
        style_weights: The weights resulting from `style`.
        style_axes: How many axes the model gives them; see `nst_engine.models.signature.Signature`.
        styles_last: See there.
        other_files: By precision: a file of the same model in it.
        without_file: By precision: why there is no such file.
    """

    name: str
    path: str
    spec: ModelSpec
    image_input: str
    style_input: str | None
    style: tuple[tuple[str, float], ...]
    style_weights: tuple[float, ...]
    style_axes: int = 2
    styles_last: bool = False
    other_files: Mapping[str, str] = field(default_factory=dict)
    without_file: Mapping[str, str] = field(default_factory=dict)

    def file_in(self, precision: Precision) -> str:
        """Path of the file in another precision than its own.

        Raises:
            OptionError: It does not exist.
        """
        if precision not in self.other_files:
            reason = self.without_file.get(precision, "none was made")
            raise OptionError(f"{self.name}: no file in {precision}: {reason}")
        return self.other_files[precision]

    def content_in(self, precision: Precision) -> bytes:
        """Of the file for that precision, which is the model's own but for int8, with all of its weights.

        Raises:
            OptionError: It does not exist.
            ModelChecksumError: It is damaged, or its weights lie where they may not.
        """
        return ModelContent(find_model(self.file_in("int8") if precision == "int8" else self.path)).read()

    def weights_of(self, pictures: int) -> NDArray[np.float32]:
        """Style weights of a batch, float32, with the axes that the model gives them."""
        weights = np.repeat(np.array([self.style_weights], np.float32), pictures, axis=0)
        return weights_in_axes(weights, self.style_axes, styles_last=self.styles_last)

    def to_json(self) -> dict[str, Any]:
        """JSON, for another process."""
        return asdict(self)


def model_from_json(stored: Mapping[str, Any]) -> BenchModel:
    """Inverse of `BenchModel.to_json`."""
    spec = parse_spec(json.dumps(stored["spec"]), source=stored["name"], name=stored["name"])
    pairs, weights = tuple(map(tuple, stored["style"])), tuple(stored["style_weights"])
    return BenchModel(**{**stored, "spec": spec, "style": pairs, "style_weights": weights})
