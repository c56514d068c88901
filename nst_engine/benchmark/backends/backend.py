"""What every backend does, and the model it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.models.content import ModelContent
from nst_engine.models.find import find_model
from nst_engine.models.signature import weights_in_axes
from nst_engine.models.spec import ModelSpec, parse_spec

Precision = Literal["float32", "float16", "bfloat16", "int8"]


class Backend(Protocol):
    """Something that runs a stylizer. One object runs one model, in a process of its own."""

    @property
    def name(self) -> str:
        """As asked for with `--backend`."""

    @property
    def modules(self) -> tuple[str, ...]:
        """What `load` imports, which is timed apart."""

    def why_absent(self) -> str | None:
        """Why it cannot be used on this machine, and what to type; None if it can."""

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Get ready to run; called once.

        Args:
            model: What to run.
            threads: Of the CPU.
            precision: Of the convolutions.

        Raises:
            NSTError: It cannot run this model, or not in this precision.
        """

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Paint N pictures in the model's layout, type and range; N painted ones in the same.

        What is returned may be overwritten by the next run.
        """

    def close(self) -> None:
        """Let go of what was loaded."""


@dataclass(frozen=True, kw_only=True)
class BenchModel:
    """A model as files, and how it is called.

    Attributes:
        name: `bundled:live`, or a path.
        path: Of the model as it was asked for.
        spec: What it takes and returns.
        image_input: Name of the pictures' input.
        style_input: Name of the style weights' input; None for models of one style.
        style_weights: Share of each style.
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
    style_weights: tuple[float, ...]
    style_axes: int = 2
    styles_last: bool = False
    other_files: Mapping[str, str] = field(default_factory=dict)
    without_file: Mapping[str, str] = field(default_factory=dict)

    def file_in(self, precision: Precision) -> str:
        """Path of the file in another precision than its own.

        Raises:
            OptionError: There is none.
        """
        if precision not in self.other_files:
            reason = self.without_file.get(precision, "none was made")
            raise OptionError(f"{self.name}: no file in {precision}: {reason}")
        return self.other_files[precision]

    def content_in(self, precision: Precision) -> bytes:
        """Of the file for that precision, which is the model's own but for int8, with all of its weights.

        Raises:
            OptionError: There is none.
            ModelChecksumError: It is damaged, or its weights lie where they may not.
        """
        return ModelContent(find_model(self.file_in("int8") if precision == "int8" else self.path)).read()

    def weights_of(self, pictures: int) -> NDArray[np.float32]:
        """Style weights of a batch, float32, with the axes that the model gives them."""
        weights = np.repeat(np.array([self.style_weights], np.float32), pictures, axis=0)
        return weights_in_axes(weights, self.style_axes, styles_last=self.styles_last)

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


def model_from_json(stored: Mapping[str, Any]) -> BenchModel:
    """What `BenchModel.to_json` gave."""
    spec = parse_spec(json.dumps(stored["spec"]), source=stored["name"], name=stored["name"])
    return BenchModel(**{**stored, "spec": spec, "style_weights": tuple(stored["style_weights"])})


def refuse_precision(backend: str, precision: Precision, offered: tuple[Precision, ...]) -> None:
    """Refuse a precision that a backend does not offer.

    Raises:
        OptionError: It is not among those offered.
    """
    if precision not in offered:
        raise OptionError(f"`precision='{precision}'`: {backend} has {', '.join(offered)}")
