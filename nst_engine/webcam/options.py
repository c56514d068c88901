"""What is shown of a camera: the options, with their limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nst_engine.options import check_options, option


@dataclass(frozen=True, kw_only=True)
class WebcamOptions:
    """Of `nst webcam`.

    Attributes:
        target_fps: Held by smaller pictures; None: the camera's.
        max_side: Of the largest pictures, px; None: the camera's.
        frames: After so many it ends; None: never.

    Raises:
        OptionError: A value that cannot be used.
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
