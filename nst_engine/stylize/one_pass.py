"""One pass through a model: preprocess, run, postprocess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nst_engine.models.spec import ModelSpec
from nst_engine.stylize.postprocess import pictures_of, room_for
from nst_engine.stylize.preprocess import model_input
from nst_engine.stylize.result import Stopwatch
from nst_engine.stylize.workspace import Workspace


class Run(Protocol):
    """Runs a model."""

    def __call__(self, tensor: NDArray[Any], into: NDArray[Any] | None, /) -> NDArray[Any]:
        """Stylize N pictures, in the specification's layout, type and range; into `into` if possible."""


def one_pass(
    photos: Sequence[NDArray[np.uint8]],
    spec: ModelSpec,
    run: Run,
    *,
    model: str,
    threads: int = 1,
    bucket_px: int = 1,
    swap_rb: bool = False,
    strength: float = 1.0,
    workspace: Workspace | None = None,
    out: NDArray[np.uint8] | None = None,
    stopwatch: Stopwatch | None = None,
) -> list[NDArray[np.uint8]]:
    """Stylize pictures of one size.

    Args:
        photos: uint8 H×W×3 each; not modified.
        spec: What `run` takes and returns.
        run: Runs the model.
        model: Name in messages.
        threads: CPU threads for everything outside the model.
        bucket_px: As `nst_engine.stylize.preprocess.model_input` takes it.
        swap_rb: Whether the photos, and then the outputs, are BGR.
        strength: 0: the photo; 1: the stylized picture; in between, blended in sRGB and rounded.
        workspace: Memory for the tensors; None: new arrays.
        out: uint8 H×W×3, C-contiguous, the output array for a single picture; None: a new array.
        stopwatch: Gets a lap for each stage.

    Returns:
        uint8 H×W×3 each.

    Raises:
        InferenceError: The model failed, or returned an invalid picture.
    """
    stopwatch = stopwatch or Stopwatch()
    prepared = model_input(photos, spec, bucket_px=bucket_px, swap_rb=swap_rb, threads=threads, workspace=workspace)
    stopwatch.lap("preprocess")
    output = run(prepared.tensor, None if workspace is None else room_for(prepared, spec, workspace, out))
    stopwatch.lap("inference")
    pictures = pictures_of(
        output,
        prepared,
        spec,
        model=model,
        swap_rb=swap_rb,
        threads=threads,
        photos=photos,
        strength=strength,
        out=out,
    )
    stopwatch.lap("postprocess")
    return pictures
