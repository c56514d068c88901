"""Which runtime is the fastest on this CPU, of those whose pixels are right: measured once per machine and model."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nst_engine.catalogue import bundled_contents
from nst_engine.checks import parsed_json
from nst_engine.environment import cpu_fields, is_importable, package_version
from nst_engine.errors import NSTError
from nst_engine.files import file_sha256, write_atomically
from nst_engine.image import load_image, resize_image
from nst_engine.image.likeness import psnr_db
from nst_engine.log import logger_of
from nst_engine.models.find import ModelFile, bundled_int8, is_int8
from nst_engine.reading import text_of
from nst_engine.runtimes.devices import LEAST_PSNR_DB, Backend, Precision, cache_folder

_LOG = logger_of(__name__)

_PHOTO = "chelsea"
_SIZE = (384, 512)
_RUNS = 5
_NOT_WORTH_CHANGING = 0.95  # of the time of a more exact one
#: What OpenVINO may compute in, by the precision requested.
_OFFERED: Mapping[Precision, tuple[Precision, ...]] = {
    "auto": ("float32", "bfloat16"),
    "float32": ("float32",),
    "int8": ("int8",),
}


class Candidate(Protocol):
    """A model that is loaded."""

    def __call__(self, picture: NDArray[np.uint8], /) -> NDArray[np.uint8]:
        """The picture, painted: uint8 H×W×3 both."""


@dataclass(frozen=True)
class Choice:
    """A runtime, and why.

    Attributes:
        backend: `onnxruntime` or `openvino`.
        precision: That it computes in.
        reason: The others' times and pixels.
    """

    backend: Backend
    precision: Precision
    reason: str


def candidates(precision: Precision, model: ModelFile) -> Sequence[tuple[Backend, Precision]]:
    """What could run the model on this CPU, the most exact first; the reference alone where nothing else is installed.

    Bundled models are tried in eight bits, too, as their quantised files are held to each of their styles by tests; a
    user's file is taken on request.
    """
    offered = _OFFERED.get(precision, ())
    if precision == "auto" and bundled_int8(model) is not None:
        offered = (*offered, "int8")
    if platform.machine().lower() not in ("x86_64", "amd64") or not is_importable("openvino"):
        offered = ()
    return [("onnxruntime", "auto"), *(("openvino", each) for each in offered)]


def choose(
    model: ModelFile, precision: Precision, threads: int, load: Callable[[Backend, Precision], Candidate]
) -> Choice:
    """The fastest candidate whose pixels are right.

    What was found out is kept in the cache folder, until the model, a runtime or the machine is another one.

    Args:
        model: That is to run.
        precision: `auto` lets bfloat16 take part, and int8 where a bundled model has a quantised file; `int8` is of
            such a file.
        threads: Of the CPU.
        load: Opens a candidate; `NSTError` where it cannot be used.
    """
    known = candidates(precision, model)
    if len(known) == 1:
        return Choice(*known[0], "")
    path = cache_folder() / "backends" / f"{_key(model, precision, threads)}.json"
    if stored := _stored(path, known):
        return stored
    _LOG.info("%s: measuring which runtime is the fastest here, once: %s", model.name, known)
    choice = _measured(known, model, load)
    # what another process has found meanwhile: all of one machine shall paint alike
    if stored := _stored(path, known):
        return stored
    _store(path, choice)
    return choice


def _measured(
    known: Sequence[tuple[Backend, Precision]], model: ModelFile, load: Callable[[Backend, Precision], Candidate]
) -> Choice:
    picture = resize_image(load_image(bundled_contents()[_PHOTO].path).pixels, *_SIZE)
    least = LEAST_PSNR_DB["int8" if is_int8(model) else "float32"]
    reference, reference_ms = _timed(load(*known[0]), picture)
    best, best_ms = known[0], reference_ms
    measurements = [f"{known[0][0]} {reference_ms:.1f} ms"]
    for backend, precision in known[1:]:
        name = f"{backend} in {precision}"
        try:
            output, ms = _timed(load(backend, precision), picture)
        except NSTError as unusable:
            measurements.append(f"{name}: {unusable}")
            continue
        psnr = psnr_db(output, reference)
        is_right = psnr >= least
        measurements.append(f"{name} {ms:.1f} ms at {psnr:.0f} dB{'' if is_right else f', wanted {least:g}'}")
        if is_right and ms < _NOT_WORTH_CHANGING * best_ms:
            best, best_ms = (backend, precision), ms
    return Choice(*best, "; ".join(measurements))


def _timed(run: Candidate, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    output = run(picture)
    times = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        output = run(picture)
        times.append(1e3 * (time.perf_counter() - started))
    return output, float(np.median(times))


def _key(model: ModelFile, precision: str, threads: int) -> str:
    """Of all that the choice depends on."""
    quantised = bundled_int8(model)
    parts = [file_sha256(model.path), quantised.sha256 if quantised else "", precision, str(threads), _cpu()]
    parts += [
        f"{name} {package_version(name) or 'none'}"
        for name in ("onnxruntime", "onnxruntime-gpu", "openvino", "nst-engine")
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _cpu() -> str:
    fields = cpu_fields()
    known = [f"{name}: {fields[name]}" for name in ("model name", "flags") if name in fields]
    return "\n".join(known) or f"{platform.processor()} {os.cpu_count()}"


def _stored(path: Path, known: Sequence[tuple[Backend, Precision]]) -> Choice | None:
    try:
        choice = Choice(**parsed_json(text_of(path)))
    except (OSError, ValueError, TypeError):
        return None
    return choice if (choice.backend, choice.precision) in known else None


def _store(path: Path, choice: Choice) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(asdict(choice)).encode(), follows_links=False)
    except OSError as error:
        _LOG.warning("%s: cannot be written (%s): every process will measure the runtimes again", path, error)
