"""Prepares a benchmark: the reference pictures, and the model in other precisions."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nst_engine.benchmark.model import BenchModel
from nst_engine.benchmark.pictures import photos_of
from nst_engine.errors import ModelNotFoundError, ModelSpecError, NSTError, OptionError
from nst_engine.models.find import ModelFile, find_model, int8_model
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.devices import Precision
from nst_engine.runtimes.opening import open_session
from nst_engine.stylize.pipeline import Pipeline
from nst_engine.stylize.result import Stopwatch
from nst_engine.stylize.style_choice import StyleChoice, choice_of_fixed
from nst_engine.stylize.style_mix import parse_style_mix
from nst_engine.stylize.stylizer import Stylizer

_CALIBRATION_PX = 256


def measure(
    *,
    model: str,
    style: str | None,
    style_images: Sequence[tuple[str, float]] = (),
    sizes: Sequence[tuple[int, int]],
    batch: int,
    threads: int,
    precision: Precision,
    folder: str,
) -> dict[str, Any]:
    """Paint each size by ONNX Runtime on the CPU in float32, and make the file of the precision that is measured.

    Args:
        model: As for `nst_engine.models.find.find_model`.
        style: As `nst_engine.stylize.style_mix.parse_style_mix` reads it; None: the model's first.
        style_images: Files and their weights, for a model for any style; none: `style`.
        sizes: Width and height each.
        batch: Pictures of each size.
        threads: Number of CPU threads.
        precision: Of the rows to come.
        folder: For what is made.

    Returns:
        The `model`, the `style` that was taken, and for each size (`512x512`) the file of its `pictures`: uint8
        N×H×W×3.

    Raises:
        NSTError: There is no such model or style, or it does not run.
    """
    file = find_model(model)
    session = open_session(file, device="cpu", threads=threads, precision="float32", backend="onnxruntime")
    if style_images and session.spec.style is None:
        raise OptionError(f"{file.name} holds its styles and reads no others; take bundled:any or bundled:any-fast")
    named = parse_style_mix(style) if style is not None else {session.spec.styles[0]: 1.0}
    styles = tuple(style_images) or tuple(named.items())
    chosen = _chosen(file, session.spec, styles)
    made, why_not = _other_files(file, session.spec, precision, Path(folder))
    bench_model = BenchModel(
        name=file.name,
        path=str(file.path.resolve()),
        spec=session.spec,
        image_input=session.signature.image_input,
        style_input=session.signature.style_input,
        style=styles,
        style_weights=tuple(map(float, chosen.weights[0])),
        style_axes=session.signature.style_axes,
        styles_last=session.signature.styles_last,
        other_files=made,
        without_file=why_not,
    )
    pictures, pipeline = {}, Pipeline(session, None)
    for width, height in sizes:
        stylized = pipeline.stylize(photos_of(width, height, batch), chosen.weights, Stopwatch())
        path = Path(folder) / f"reference-{width}x{height}.npy"
        np.save(path, np.stack(stylized))
        pictures[f"{width}x{height}"] = str(path)
    return {"model": bench_model.to_json(), "style": dict(chosen.shares), "pictures": pictures}


def _chosen(file: ModelFile, spec: ModelSpec, styles: Sequence[tuple[str, float]]) -> StyleChoice:
    if spec.style is None:
        return choice_of_fixed(dict(styles), spec.styles, file.name)
    return Stylizer(file.name, device="cpu", backend="onnxruntime").choose_style(
        [(str(path), float(weight)) for path, weight in styles]
    )


def _other_files(
    file: ModelFile, spec: ModelSpec, precision: Precision, folder: Path
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The model's file in a precision, by precision; or why there is none."""
    if precision == "int8":
        try:
            return {precision: str(int8_model(file).path.resolve())}, {}
        except ModelNotFoundError:
            pass  # then one is made
    conversions: Mapping[str, Callable[[bytes, ModelSpec], bytes]] = {"int8": _quantised, "float16": _halved}
    if precision not in conversions:
        return {}, {}
    path = folder / f"{file.path.stem}-{precision}{file.path.suffix}"
    try:
        path.write_bytes(conversions[precision](file.path.read_bytes(), spec))
    except NSTError as refused:
        return {}, {precision: str(refused)}
    # the tools have no common base for models they cannot take
    except Exception as failed:
        return {}, {precision: f"{type(failed).__name__}: {' '.join(str(failed).split())[:200]}"}
    beside = file.path.with_suffix(".json")
    if beside.is_file():
        shutil.copy(beside, path.with_suffix(".json"))
    return {precision: str(path)}, {}


def _quantised(model: bytes, spec: ModelSpec) -> bytes:
    from nst_engine.exporting.int8 import with_int8

    if spec.style is not None:
        raise ModelSpecError("int8 is calibrated on the styles that a model holds, and this one takes any")
    photos = photos_of(_CALIBRATION_PX, _CALIBRATION_PX, 4)
    # each photo in each style: ranges that one style alone does not reach would be cut off
    return with_int8(model, [photo for photo in photos for _ in spec.styles], len(spec.styles))


def _halved(model: bytes, _: ModelSpec) -> bytes:
    from nst_engine.graphs.float16 import with_float16

    return with_float16(model)
