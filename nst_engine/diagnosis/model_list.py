"""Which models there are, and what each takes and holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst_engine.errors import ModelNotFoundError, NSTError
from nst_engine.graphs.model_bytes import metadata_of
from nst_engine.models.find import BUNDLED_PREFIX, ModelFile, bundled_models, find_model
from nst_engine.models.spec import ModelSpec


def listed_models(places: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """The bundled models, then those of the places, for JSON.

    Args:
        places: Model files, and folders of them.

    Returns:
        For each `name`, `path`, `size_bytes`, and `description`, `styles`, `takes`; or the `error` that it would give.

    Raises:
        ModelNotFoundError: There is no such place.
    """
    bundled = bundled_models()
    files = [find_model(BUNDLED_PREFIX + name) for name in bundled]
    for place in places:
        if not place.exists():
            raise ModelNotFoundError(f"{place}: no such file or folder")
        matches = sorted(place.glob("*.onnx")) if place.is_dir() else [place]
        files += [find_model(path) for path in matches]
    listed = [_described(file) for file in files]
    for entry, model in zip(listed, bundled.values(), strict=False):
        entry["description"] = model.description
    return listed


def _described(file: ModelFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": file.name, "path": str(file.path), "size_bytes": file.path.stat().st_size}
    try:
        spec = file.spec(metadata_of(file.path.read_bytes(), file.name))
    except NSTError as error:
        return entry | {"error": str(error)}
    return entry | {"styles": list(spec.styles), "any_style": spec.style is not None, "takes": _takes(spec)}


def _takes(spec: ModelSpec) -> str:
    shape = "N×3×H×W" if spec.layout == "nchw" else "N×H×W×3"
    low, high = spec.value_range
    numbers = "0 to 255" if spec.dtype == "uint8" else f"{low:g} to {high:g}"
    return f"{spec.dtype} {shape}, {spec.channel_order.upper()}, {numbers}"
