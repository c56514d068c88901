"""Transitions between styles: the networks are linear in their style weights, so these are blended."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(eq=False)
class Transition:
    """Of style weights and strength.

    Attributes:
        before: The old style weights, float32 1×styles.
        after: The new ones.
        strengths: Of both.
        frames: Length of the transition; its last frame has the new style.
        done: Number of frames so far.
    """

    before: NDArray[np.float32] = field(repr=False)
    after: NDArray[np.float32] = field(repr=False)
    strengths: tuple[float, float]
    frames: int
    done: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the transition is complete."""
        return self.done >= self.frames

    def step(self) -> tuple[NDArray[np.float32], float]:
        """Style weights and strength of the next frame."""
        self.done += 1
        if self.is_over:
            return self.after, self.strengths[1]
        share = self.done / self.frames
        weights = self.before + np.float32(share) * (self.after - self.before)
        return weights, self.strengths[0] + share * (self.strengths[1] - self.strengths[0])
