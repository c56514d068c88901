"""`FrameStylizer`: paint the frames of a moving picture one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.motion.opencv import opencv
from nst_engine.motion.smoothing import GRID_PX, Smoother, Stability, check_stability
from nst_engine.stylize.postprocess import check_room, finished
from nst_engine.stylize.strokes import check_stroke_size, in_proportion
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.stylizer import Stylizer, check_options

ChannelOrder = Literal["bgr", "rgb"]


class FrameStylizer:
    """Paints frames in their order, calmly. For one clip or camera and one thread; the `Stylizer` may serve many.

    Args:
        stylizer: The model.
        style: As for `Stylizer.stylize`; may be changed at any frame by `restyle`.
        stability: `off`: each frame by itself; `low`: flicker is blended away along the motion; `high`: more so, with
            motion looked at closely, in more time.
        strength: 0: the photo; 1: the painting.
        preserve_color: As for `Stylizer.stylize`.
        stroke_size: 1: the network's own strokes, whatever the frames' size; else as for `Stylizer.stylize`.
        channel_order: Of frames in and out: `bgr` is OpenCV's.

    Attributes:
        styles: Share of each style.
        timings_ms: Of the last frame: `motion` (with the conversion of channels), `stylize`, `smooth`.
        seconds: The same over all frames.
        memory_frames: After so many frames, those before them can no longer be seen in a painting.

    Raises:
        StyleNotFoundError: The model has no such style.
        OptionError: An option that cannot be used.
        MissingDependencyError: OpenCV is not installed, and is needed: for all but `off` in `rgb`.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        style: Style = None,
        *,
        stability: Stability = "low",
        strength: float = 1.0,
        preserve_color: str | None = None,
        stroke_size: float = 1.0,
        channel_order: ChannelOrder = "bgr",
    ) -> None:
        check_stability(stability)
        check_stroke_size(stroke_size)
        if channel_order not in ("bgr", "rgb"):
            raise OptionError(f"channel_order: {channel_order!r} came; choose bgr or rgb")
        self._stylizer, self._stability, self._order = stylizer, stability, channel_order
        self._strength, self._stroke_size = strength, stroke_size
        self._smoother = None if stability == "off" else Smoother(stability)
        self.timings_ms: Mapping[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.memory_frames = 0 if self._smoother is None else self._smoother.memory_frames
        self.restyle(style, strength=strength, preserve_color=preserve_color)

    def restyle(self, style: Style = None, *, strength: float | None = None, preserve_color: str | None = None) -> None:
        """Paint otherwise from the next frame on; what was painted before does not shine through.

        Args:
            style: As for `Stylizer.stylize`.
            strength: None: as it was.
            preserve_color: None: the painting's colours.

        Raises:
            StyleNotFoundError: The model has no such style.
            OptionError: An option that cannot be used.
        """
        strength = self._strength if strength is None else strength
        # what is painted twice is not calm
        check_options(strength, preserve_color, None, most_strength=1.0)
        self._style = self._stylizer.choose_style(style)
        self.styles = self._style.shares
        self._strength, self._preserve_color = strength, preserve_color
        self.reset()

    @property
    def settings(self) -> Mapping[str, Any]:
        """What a frame's painting depends on, beside the frames: for JSON."""
        return {
            "model": self._stylizer.model,
            "style": self._style.identity,
            "stability": self._stability,
            "strength": self._strength,
            "preserve-color": self._preserve_color,
            "stroke-size": self._stroke_size,
        }

    @property
    def cuts(self) -> int:
        """Scenes that began, beside the first; 0 where nobody looks."""
        return 0 if self._smoother is None else self._smoother.cuts

    def warmup(self, *sizes: tuple[int, int]) -> None:
        """Prepare for frames of these (height, width), so that none of them waits; then begin anew."""
        for height, width in sizes:
            for _ in range(2):
                self.stylize_frame(np.zeros((height, width, 3), np.uint8))
        self.reset()

    def reset(self) -> None:
        """The next frame has nothing to do with those before."""
        if self._smoother is not None:
            self._smoother.reset()

    def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Paint the next frame.

        Args:
            frame: uint8 H×W×3; it is not changed. A frame of another size begins anew.
            out: uint8 H×W×3, C-contiguous, to be filled; None: a fresh array.

        Returns:
            uint8 H×W×3, in the order of channels that came; `out` where it was given.

        Raises:
            OptionError: `out` is of another size or type.
            InferenceError: The model failed.
        """
        check_room(out, frame)
        begun = time.perf_counter()
        photo = self._swapped(frame)
        given = photo if self._smoother is None else self._smoother.held(photo)
        looked = time.perf_counter()
        painted = self._painted(given, photo, out)
        done = time.perf_counter()
        if self._smoother is not None:
            painted = finished(
                self._smoother.smoothed(painted), photo, strength=self._strength, preserve_color=self._preserve_color
            )
        painted = self._placed(painted, out)
        seconds = {"motion": looked - begun, "stylize": done - looked, "smooth": time.perf_counter() - done}
        self.timings_ms = {stage: 1e3 * spent for stage, spent in seconds.items()}
        for stage, spent in seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
        return painted

    def _painted(
        self, given: NDArray[np.uint8], photo: NDArray[np.uint8], out: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8]:
        """In RGB; finished where nothing is smoothed, since it is the same then and faster."""
        if self._smoother is not None:
            return self._on_the_grid(given, *self._smoother.phase)
        options: dict[str, Any] = {"strength": self._strength, "preserve_color": self._preserve_color}
        return self._stylized(photo, out=out if self._order == "rgb" else None, **options)

    def _stylized(self, photo: NDArray[np.uint8], **options: Any) -> NDArray[np.uint8]:
        """In strokes of one size whatever the frames' size: that may follow the machine, and shall not be seen."""
        stroke_size = self._stroke_size / in_proportion(*photo.shape[:2])
        return self._stylizer.stylize(photo, self._style, stroke_size=stroke_size, **options).pixels

    def _on_the_grid(self, photo: NDArray[np.uint8], top: int, left: int) -> NDArray[np.uint8]:
        """Painted with so much of a border, and cut out again."""
        cv2 = opencv()
        height, width = photo.shape[:2]
        bordered = cv2.copyMakeBorder(photo, top, GRID_PX - top, left, GRID_PX - left, cv2.BORDER_REFLECT_101)
        painted = self._stylized(bordered)
        return painted[top : top + height, left : left + width]

    def _swapped(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._order == "rgb":
            return pixels
        cv2 = opencv()
        swapped: NDArray[np.uint8] = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        return swapped

    def _placed(self, painted: NDArray[np.uint8], out: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        if painted is out:
            return out
        if self._order == "bgr":
            painted = self._swapped(painted)
        elif self._smoother is not None and out is None and self._strength == 1 and self._preserve_color is None:
            painted = painted.copy()  # the smoother keeps its own
        if out is None:
            return painted
        out[...] = painted
        return out
