"""Progress of the optimisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LossTerms:
    """The weighted terms of one evaluation; `total` is what is minimised.

    Attributes:
        total: Sum of the others.
        content: Content weight times the content losses.
        style: Style weight times the style losses.
        tv: Total variation weight times that loss.
        by_layer: `content relu4_2`, `style relu1_1`, ... to their weighted losses.
    """

    total: float
    content: float
    style: float
    tv: float
    by_layer: Mapping[str, float]


@dataclass(frozen=True)
class Progress:
    """One iteration: an evaluation of the loss and its gradient.

    Attributes:
        iteration: From 1, over all scales.
        num_iterations: Planned in total; fewer are done when nothing improves any more.
        scale: Number of the scale, from 1 (coarsest).
        num_scales: How many there are.
        height: Of the picture at this scale, px.
        width: Of the picture at this scale, px.
        losses: Of this iteration.
        seconds: Since the start, the network's loading and the targets included.
        eta_seconds: Estimate of what remains.
        note: A problem that was handled (a stalled or diverging optimiser), else empty.
        picture: Makes the picture as it stands, uint8 height×width×3; call it within the callback.
    """

    iteration: int
    num_iterations: int
    scale: int
    num_scales: int
    height: int
    width: int
    losses: LossTerms
    seconds: float
    eta_seconds: float
    note: str
    picture: Callable[[], NDArray[np.uint8]] = field(repr=False, compare=False)

    def record(self) -> dict[str, Any]:
        """All but the picture, for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("picture", "losses")}
        return {**values, "losses": asdict(self.losses)}


#: Receives each `Progress`; returning False stops the run, which then gives the best picture so far.
ProgressCallback: TypeAlias = Callable[[Progress], bool | None]
