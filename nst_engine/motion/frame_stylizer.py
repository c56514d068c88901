"""`FrameStylizer`: stylize the frames of a video one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from nst_engine.checks import require_count
from nst_engine.color import ColorMode
from nst_engine.errors import OptionError
from nst_engine.models.spec import ChannelOrder
from nst_engine.motion.frames import check_frame, exchanged
from nst_engine.motion.options import FrameOptions, Stability
from nst_engine.motion.transition import Transition
from nst_engine.runtimes.forks import finish_before_fork, renew_in_children
from nst_engine.stylize.loaded_model import height_and_width
from nst_engine.stylize.postprocess import check_room, finished
from nst_engine.stylize.result import Stopwatch
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.stylizer import Stylizer, require_stylizer

if TYPE_CHECKING:
    from nst_engine.motion.smoothing import Scene, Smoother

_STAGES = ("motion", "stylize", "smooth")


class FrameStylizer:
    """Stylizes consecutive frames without flicker. For one clip or camera; the `Stylizer` may serve many.

    Calls from several threads wait for each other, and their frames count as one sequence. In another process (pickled,
    or after a fork) it begins a sequence of its own.

    Args:
        stylizer: The model.
        style: As for `Stylizer.stylize`; may be changed at any frame by `restyle`.
        stability: `off`: each frame by itself; `low`: flicker is blended away along the motion; `high`: more so, with
            motion looked at closely, in more time.
        strength: 0: the photo; 1: the stylized picture.
        preserve_color: As for `Stylizer.stylize`.
        stroke_size: 1: the network's own strokes, whatever the frames' size; else as for `Stylizer.stylize`.
        channel_order: Of frames in and out: `bgr` is OpenCV's.

    Attributes:
        styles: Share of each style.
        timings_ms: Of the last frame: `motion` (with the conversion of channels), `stylize`, `smooth`.
        seconds: The same over all frames.
        memory_frames: Number of frames after which earlier ones no longer affect the output.

    Raises:
        StyleNotFoundError: The model has no such style.
        OptionError: An invalid option.
        MissingDependencyError: OpenCV is not installed, and is needed: for all but `off`, and to exchange channels
            where the model does not do it in passing.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        style: Style = None,
        *,
        stability: Stability = "low",
        strength: float = 1.0,
        preserve_color: ColorMode | None = None,
        stroke_size: float = 1.0,
        channel_order: ChannelOrder = "bgr",
    ) -> None:
        if channel_order not in get_args(ChannelOrder):
            raise OptionError(f"channel_order: {channel_order!r} came; choose bgr or rgb")
        self._options = FrameOptions(strength=strength, stroke_size=stroke_size, stability=stability)
        self._strength = strength
        self._stylizer, self._is_bgr = require_stylizer(stylizer), channel_order == "bgr"
        self._grid_px = stylizer.spec.stride_px
        self._transition: Transition | None = None
        self._weights: NDArray[np.float32] = np.empty((1, 0), np.float32)
        self._exchanges = self._swap_rb = False
        self._begin()
        self.timings_ms: Mapping[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.memory_frames = 0 if self._smoother is None else self._smoother.memory_frames
        self.restyle(style, strength=strength, preserve_color=preserve_color)

    def _begin(self) -> None:
        """A sequence, in this process."""
        self._turn = threading.RLock()  # OpenCV works on the smoother's state
        self._smoother = None if self._options.stability == "off" else _smoother(self._options.stability, self._grid_px)
        self._bordered = np.empty((0, 0, 3), np.uint8)
        finish_before_fork(self._turn)
        renew_in_children(self)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: all but the frames."""
        return {name: value for name, value in vars(self).items() if name not in ("_turn", "_smoother", "_bordered")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def renew_after_fork(self) -> None:
        """Begin anew: a frame may have been in progress, in a thread that the child has not."""
        self._begin()

    def restyle(
        self,
        style: Style = None,
        *,
        strength: float | None = None,
        preserve_color: ColorMode | None = None,
        frames: int = 0,
    ) -> None:
        """Change the style from the next frame on; earlier frames do not affect it.

        Args:
            style: As for `Stylizer.stylize`.
            strength: None: unchanged.
            preserve_color: None: the style's colours.
            frames: Number of frames over which the old style is blended into the new one; 0: at once.

        Raises:
            StyleNotFoundError: The model has no such style.
            OptionError: An invalid option.
        """
        if frames:
            require_count("frames", frames)
        strength = self._options.strength if strength is None else strength
        changed = replace(self._options, strength=strength, preserve_color=preserve_color)
        with self._turn:
            before = (self._weights, self._strength, self._exchanges, self._swap_rb) if frames else None
            self._set(style, changed)
            if before is None or before[2:] != (self._exchanges, self._swap_rb):
                self.reset()
            self._transition = None
            if before is not None:
                self._transition = Transition(before[0], self._weights, (before[1], changed.strength), frames)
                self._weights, self._strength = before[:2]

    def _set(self, style: Style, options: FrameOptions) -> None:
        self._style = self._stylizer.choose_style(style)
        self.styles, self._weights = self._style.shares, self._style.weights
        self._options, self._strength = options, options.strength
        # colours are kept in RGB; else a model of numbers exchanges the channels while it scales
        in_passing = self._stylizer.pipeline.swaps_in_passing and options.preserve_color is None
        self._exchanges, self._swap_rb = self._is_bgr and not in_passing, self._is_bgr and in_passing

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that the output depends on, for JSON."""
        return {
            "model": self._stylizer.model,
            "style": self._style.identity,
            "stability": self._options.stability,
            "strength": self._options.strength,
            "preserve-color": self._options.preserve_color,
            "stroke-size": self._options.stroke_size,
        }

    @property
    def _finishes(self) -> bool:
        """Whether the output is postprocessed after the smoother."""
        return self._strength != 1 or self._options.preserve_color is not None

    @property
    def cuts(self) -> int:
        """Number of scene cuts; 0 where they are not detected."""
        return 0 if self._smoother is None else self._smoother.cuts

    def warmup(self, *sizes: tuple[int, int]) -> None:
        """Warm up for frames of these (height, width), then reset; an `OptionError` for anything else."""
        for size in sizes:
            frame = np.zeros((*height_and_width(size), 3), np.uint8)
            for _ in range(2):
                self.stylize_frame(frame)
        self.reset()

    def reset(self) -> None:
        """Forget all previous frames."""
        with self._turn:
            if self._smoother is not None:
                self._smoother.reset()

    @property
    def scene(self) -> Scene | None:
        """What later frames depend on beside the outputs of the last `memory_frames`; None: nothing."""
        with self._turn:
            return None if self._smoother is None else self._smoother.scene

    def go_on_from(self, scene: Scene | None) -> None:
        """Forget all frames; the next one follows those of `scene`, which another one has watched or stylized."""
        with self._turn:
            self.reset()
            if scene is not None and self._smoother is not None:
                self._smoother.go_on_from(scene)

    def watch_frame(self, frame: NDArray[np.uint8]) -> None:
        """Follow the scene without stylizing, in a fraction of the time; the frame is as for `stylize_frame`.

        Raises:
            OptionError: The frame is invalid.
        """
        check_frame(frame, self._stylizer.limits, self._options.stroke_size)
        with self._turn:
            if self._smoother is not None:
                self._smoother.steadied(exchanged(frame) if self._exchanges else frame, is_bgr=self._swap_rb)

    def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Stylize the next frame.

        Args:
            frame: uint8 H×W×3; it is not modified. A new size resets the stylizer.
            out: uint8 H×W×3, C-contiguous, the output array; None: a new array.

        Returns:
            uint8 H×W×3, in the input's channel order; `out` where it was given.

        Raises:
            OptionError: The frame is invalid, or `out` has another size or type.
            InferenceError: The model failed.
        """
        check_frame(frame, self._stylizer.limits, self._options.stroke_size)
        check_room(out, frame)
        with self._turn:
            return self._next(frame, out)

    def _next(self, frame: NDArray[np.uint8], out: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        laps = [time.perf_counter()]
        self._weights, self._strength = self._in_transition()
        photo = exchanged(frame) if self._exchanges else frame
        smoother = self._smoother
        finish: dict[str, Any] = {"strength": self._strength, "preserve_color": self._options.preserve_color}
        if smoother is None:
            laps.append(time.perf_counter())
            stylized = self._stylized(photo, None if self._exchanges else out, **finish)
            laps.append(time.perf_counter())
        else:
            steadied = smoother.steadied(photo, is_bgr=self._swap_rb)
            laps.append(time.perf_counter())
            stylized = smoother.on_the_grid(steadied, self._stylized_bordered)
            laps.append(time.perf_counter())
            stylized = finished(smoother.smoothed(stylized), photo, **finish)
        stylized = self._placed(stylized, out)
        laps.append(time.perf_counter())
        self._count(laps)
        return stylized

    def _in_transition(self) -> tuple[NDArray[np.float32], float]:
        """Style weights and strength of this frame."""
        if self._transition is None or self._transition.is_over:
            return self._weights, self._strength
        return self._transition.step()

    def _stylized(self, photo: NDArray[np.uint8], out: NDArray[np.uint8] | None, **finish: Any) -> NDArray[np.uint8]:
        """With strokes of one size whatever the frames' size, which may adapt to the machine."""
        (stylized,) = self._stylizer.pipeline.stylize(
            [photo],
            self._weights,
            Stopwatch(),
            stroke_scale=self._options.stroke_size,
            swap_rb=self._swap_rb,
            out=out,
            **finish,
        )
        return stylized

    def _stylized_bordered(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Into memory that the next frame overwrites: the smoother keeps its own copy."""
        if self._bordered.shape != photo.shape:
            self._bordered = np.empty_like(photo)
        return self._stylized(photo, self._bordered)

    def _placed(self, stylized: NDArray[np.uint8], out: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        if stylized is out:
            return out
        if self._exchanges:
            stylized = exchanged(stylized)
        elif self._smoother is not None and out is None and not self._finishes:
            stylized = stylized.copy()  # the smoother keeps its own copy
        if out is None:
            return stylized
        out[...] = stylized
        return out

    def _count(self, laps: list[float]) -> None:
        seconds = {name: after - before for name, (before, after) in zip(_STAGES, pairwise(laps), strict=True)}
        self.timings_ms = {stage: 1e3 * spent for stage, spent in seconds.items()}
        for stage, spent in seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent


def _smoother(stability: Stability, grid_px: int) -> Smoother:
    from nst_engine.motion.smoothing import Smoother  # this imports OpenCV

    return Smoother(stability, grid_px)
