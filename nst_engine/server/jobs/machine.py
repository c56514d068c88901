"""On what jobs are done: what the service tells their processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from nst_engine.limits import ImageLimits
from nst_engine.runtimes.devices import Backend, Precision


@dataclass(frozen=True)
class Machine:
    """On what jobs are done.

    Attributes:
        device: As for `nst stylize`.
        backend: Likewise, of one pass.
        precision: Likewise.
        threads: Of the CPU.
        max_bytes: Of pictures, see `ImageLimits`.
        max_pixels: Of pictures and frames.
    """

    device: str
    backend: Backend
    precision: Precision
    threads: int
    max_bytes: int
    max_pixels: int

    @property
    def limits(self) -> ImageLimits:
        """Of pictures."""
        return ImageLimits(max_bytes=self.max_bytes, max_pixels=self.max_pixels)

    def line(self) -> bytes:
        """For stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"
