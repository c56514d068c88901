"""Frame rate and latency of the shown frames."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

_REMEMBERED = 150  # frames: five seconds


class FrameStatistics:
    """Statistics of the shown frames."""

    def __init__(self) -> None:
        self.count = 0
        self._begun: float | None = None
        self._last = 0.0
        self._shown = deque[float](maxlen=_REMEMBERED)
        self._ages_s = deque[float](maxlen=_REMEMBERED)
        self._all_ages_ms = np.zeros(10_001, np.int64)  # a histogram, in bounded memory

    def shown(self, captured_at: float) -> None:
        """Count a shown frame, captured at this time."""
        self._last = time.perf_counter()
        self._begun = self._begun or self._last
        self.count += 1
        self._shown.append(self._last)
        self._ages_s.append(self._last - captured_at)
        self._all_ages_ms[min(10_000, int(1e3 * (self._last - captured_at)))] += 1

    @property
    def fps(self) -> float:
        """Recent frames per second."""
        if len(self._shown) < 2:
            return 0.0
        return (len(self._shown) - 1) / max(1e-9, self._shown[-1] - self._shown[0])

    def latency_ms(self, percent: float) -> float:
        """Percentile of the recent latency from camera to screen."""
        return 1e3 * float(np.percentile(self._ages_s, percent)) if self._ages_s else 0.0

    def overall(self) -> dict[str, float]:
        """Statistics of all frames, for JSON: frames per second, and percentiles of the latency in ms."""
        seconds = self._last - self._begun if self._begun is not None else 0.0
        ranks = self._all_ages_ms.cumsum()
        ages = {f"latency_p{p}_ms": float(np.searchsorted(ranks, p / 100 * ranks[-1])) for p in (50, 95)}
        fps = (self.count - 1) / seconds if seconds > 0 else 0.0
        return {"frames": self.count, "seconds": round(seconds, 2), "frames_per_second": round(fps, 2), **ages}
