"""Options of the webcam, with their limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nst_engine.options import check_options, option


@dataclass(frozen=True, kw_only=True)
class WebcamOptions:
    """Of `nst webcam`.

    Attributes:
        target_fps: Frame rate, held by adapting the size; None: the camera's.
        max_side: Of the largest pictures, px; None: the camera's.
        frames: Number of frames to show; None: no limit.

    Raises:
        OptionError: An invalid value.
    """

    target_fps: float | None = option(
        None, "held by smaller pictures (default: the camera's)", metavar="N", limits=(0.0, 1000.0), is_open=True
    )
    max_side: int | None = option(
        None, "of the largest pictures (default: the camera's)", metavar="PX", limits=(1, math.inf)
    )
    frames: int | None = option(None, "end after so many frames", metavar="N", limits=(1, math.inf))

    def __post_init__(self) -> None:
        check_options(self)
