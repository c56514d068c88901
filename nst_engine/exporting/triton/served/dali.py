"""Runs in Triton, by its DALI backend, which serialises the pipeline when it loads it: JPEGs in, pixels out."""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn, pipeline_def, types  # type: ignore[import-not-found]
from nvidia.dali.plugin.triton import autoserialize  # type: ignore[import-not-found]

# the export writes the one that was asked for
ON_GPU = True
MAX_BATCH = 8


@autoserialize  # type: ignore[untyped-decorator]
@pipeline_def(batch_size=MAX_BATCH, num_threads=2, device_id=0 if ON_GPU else None)  # type: ignore[untyped-decorator]
def decode() -> Any:
    """`jpeg` to `image`, upright."""
    jpeg = fn.external_source(device="cpu", name="jpeg", dtype=types.UINT8, ndim=1)
    return fn.decoders.image(jpeg, device="mixed" if ON_GPU else "cpu", output_type=types.RGB, name="image")
