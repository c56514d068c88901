"""Which models there are, and what each takes and holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst_engine.errors import NSTError
from nst_engine.graphs.model_bytes import metadata_of
from nst_engine.models.find import BUNDLED_PREFIX, ModelFile, bundled_models, find_model, typed_name
from nst_engine.models.spec import ModelSpec


def listed_models(places: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """The bundled models, then those of the places, for JSON.

    Args:
        places: Model files or names, and folders of files.

    Returns:
        For each `name`, `path`, `size_bytes`, and `description`, `styles`, `takes`; or, of a file in a folder, the
        `error` that it would give.

    Raises:
        ModelNotFoundError: There is no such place.
        NSTError: A file that was named is no model, or does not say what it takes.
    """
    bundled = bundled_models()
    files = [find_model(BUNDLED_PREFIX + name) for name in bundled]
    named = []
    for place in places:
        if place.is_dir():
            files += [find_model(path) for path in sorted(place.glob("*.onnx"))]
        else:
            named.append(find_model(typed_name(str(place))))
    named = [file for file in named if file not in files]
    listed = [_described(file) for file in files] + [_checked(file) for file in named]
    for entry, model in zip(listed, bundled.values(), strict=False):
        entry["description"] = model.description
    return listed


def _described(file: ModelFile) -> dict[str, Any]:
    try:
        return _checked(file)
    except NSTError as error:
        return _place_of(file) | {"error": str(error)}


def _checked(file: ModelFile) -> dict[str, Any]:
    spec = file.spec(metadata_of(file.path.read_bytes(), file.name))
    return _place_of(file) | {"styles": list(spec.styles), "any_style": spec.style is not None, "takes": _takes(spec)}


def _place_of(file: ModelFile) -> dict[str, Any]:
    return {"name": file.name, "path": str(file.path), "size_bytes": file.path.stat().st_size}


def _takes(spec: ModelSpec) -> str:
    shape = "N×3×H×W" if spec.layout == "nchw" else "N×H×W×3"
    low, high = spec.value_range
    numbers = "0 to 255" if spec.dtype == "uint8" else f"{low:g} to {high:g}"
    return f"{spec.dtype} {shape}, {spec.channel_order.upper()}, {numbers}"
