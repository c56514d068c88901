"""Models in OpenVINO's own format."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ModelParityError
from nst_engine.exporting.parity import run_once
from nst_engine.files import write_atomically
from nst_engine.image.likeness import psnr_db
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS
from nst_engine.runtimes.openvino.loader import import_openvino, openvino_core

_SIZE = (97, 131)
# of bytes: a level more or less where a value lies between two
_LEAST_PSNR_DB = {False: 50.0, True: 45.0}


def write_openvino(model: bytes, output: Path, *, styles: int, is_float16: bool) -> None:
    """Write a self-contained ONNX model as `.xml`, with its weights in the `.bin` beside it.

    Args:
        model: ONNX, uint8 N×H×W×3 in and out.
        output: Of the `.xml` file.
        styles: How many the model holds.
        is_float16: Whether the weights are stored in half precision.

    Raises:
        ModelParityError: OpenVINO's pictures are not ONNX Runtime's.
        MissingDependencyError: openvino is not installed.
        OutputError: A file cannot be written.
    """
    openvino = import_openvino()
    core = openvino_core()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "model.xml"
        openvino.save_model(core.read_model(model), written, compress_to_fp16=is_float16)
        _check(
            core.compile_model(written, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}), model, output, styles, is_float16
        )
        # first what the other needs
        write_atomically(output.with_suffix(".bin"), written.with_suffix(".bin").read_bytes())
        write_atomically(output, written.read_bytes())


def _check(compiled: Any, model: bytes, output: Path, styles: int, is_float16: bool) -> None:
    rng = np.random.default_rng(0)
    feed: dict[str, NDArray[Any]] = {
        IMAGE: rng.integers(0, 256, (1, *_SIZE, 3), dtype=np.uint8),
        STYLE_WEIGHTS: rng.dirichlet(np.ones(styles), size=1).astype(np.float32),
    }
    (expected,) = run_once(model, feed)
    psnr, least = psnr_db(np.asarray(compiled(feed)[0]), expected), _LEAST_PSNR_DB[is_float16]
    if not psnr >= least:
        raise ModelParityError(f"{output}: OpenVINO's picture is at {psnr:.1f} dB of ONNX Runtime's, wanted {least:g}")
