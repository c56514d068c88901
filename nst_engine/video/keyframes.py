"""Styles that change over the time of a video: keyframes, and the blend between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.checks import came
from nst_engine.errors import OptionError
from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.options import check_number
from nst_engine.stylize.style_choice import Style, StyleChoice
from nst_engine.stylize.stylizer import Stylizer, require_stylizer
from nst_engine.video.frames import Clip
from nst_engine.video.options import LONGEST_SECONDS

if TYPE_CHECKING:
    from nst_engine.motion.smoothing import Scene

# Lengths of clips are estimates: a keyframe may come so much later without a note.
_SLACK = Fraction(21, 20)


@dataclass(frozen=True)
class StyleKeyframe:
    """When a style is fully there: from each keyframe to the next, the one's style is blended into the other's.

    Attributes:
        seconds: Of the source, as of `VideoOptions.start`.
        style: As for `Stylizer.stylize`.

    Raises:
        OptionError: No such time.
    """

    seconds: float
    style: Style

    def __post_init__(self) -> None:
        check_number("keyframe", self.seconds, 0, LONGEST_SECONDS)


class StyleTimeline:
    """The style at each time: linear between keyframes, constant before the first and after the last.

    Args:
        keyframes: In any order.
        stylizer: Whose styles.

    Attributes:
        seconds: Times of the keyframes, in order.
        choices: Their styles.

    Raises:
        OptionError: None came, two at the same time, or something else.
        NSTError: What `Stylizer.choose_style` raises.
    """

    def __init__(self, keyframes: Iterable[StyleKeyframe], stylizer: Stylizer) -> None:
        require_stylizer(stylizer)
        ordered = sorted(_checked(keyframes), key=lambda each: each.seconds)
        if not ordered:
            raise OptionError("keyframes: none came; give at least one style with its time")
        for one, other in pairwise(ordered):
            if one.seconds == other.seconds:
                raise OptionError(f"keyframes: two at {one.seconds:g} s; give each a time of its own, or one a blend")
        self.seconds = [each.seconds for each in ordered]
        self.choices = [stylizer.choose_style(each.style) for each in ordered]

    @property
    def identity(self) -> list[Any]:
        """Equal only for equal keyframes; for JSON."""
        return [[at, dict(choice.identity)] for at, choice in zip(self.seconds, self.choices, strict=True)]

    def at(self, seconds: float) -> StyleChoice:
        """The style at a time: it depends on nothing else."""
        following = bisect_right(self.seconds, seconds)
        if following in (0, len(self.seconds)):
            return self.choices[max(0, following - 1)]
        before = following - 1
        begin, end = self.seconds[before], self.seconds[following]
        return _blended(self.choices[before], self.choices[following], (seconds - begin) / (end - begin))


class KeyframePainter:
    """Stylizes consecutive frames in the style of their time; a `TimedPainter`.

    Args:
        frames: Stylizes them.
        timeline: Their styles.
    """

    def __init__(self, frames: FrameStylizer, timeline: StyleTimeline) -> None:
        self._frames, self._timeline = frames, timeline
        self._preserve_color = frames.settings["preserve-color"]
        self._style: StyleChoice | None = None
        self.memory_frames = frames.memory_frames

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that the output depends on, for JSON."""
        return {**self._frames.settings, "style": self._timeline.identity}

    @property
    def seconds(self) -> Mapping[str, float]:
        """Of each stage, over all frames."""
        return self._frames.seconds

    def reset(self) -> None:
        """Begin a new clip."""
        self._frames.reset()

    @property
    def scene(self) -> Scene | None:
        """See `FrameStylizer`."""
        return self._frames.scene

    def go_on_from(self, scene: Scene | None) -> None:
        """See `FrameStylizer`."""
        self._frames.go_on_from(scene)

    def watch_frame(self, frame: NDArray[np.uint8]) -> None:
        """See `FrameStylizer`."""
        self._frames.watch_frame(frame)

    def notes_on(self, clip: Clip) -> list[str]:
        """Notes for the user: keyframes that no frame comes to, as far as it is known where the clip ends."""
        end = clip.end_seconds
        late = [] if end is None else [at for at in self._timeline.seconds if at > end * _SLACK]
        if end is None or not late:
            return []
        times = ", ".join(f"{at:g} s" for at in late)
        return [
            f"{clip.label}: keyframes at {times} come after the painted part, which ends at about {float(end):.1f} s: "
            "those styles are never fully there"
        ]

    def go_to(self, seconds: Fraction) -> None:
        """Take the style of the next frame's time; what was painted before stays for the smoothing."""
        style = self._timeline.at(float(seconds))
        if style is not self._style:
            self._frames.restyle(style, preserve_color=self._preserve_color, frames=1)
            self._style = style

    def stylize_frame(self, frame: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Stylize the next frame; see `FrameStylizer`."""
        return self._frames.stylize_frame(frame, out)


def _checked(keyframes: object) -> list[StyleKeyframe]:
    given: list[Any] = list(keyframes) if isinstance(keyframes, Iterable) else [keyframes]
    for each in given:
        if not isinstance(each, StyleKeyframe):
            raise OptionError(f"{came(each)} came; wanted such as [StyleKeyframe(0, 'scream')]", option="keyframes")
    return given


def _blended(before: StyleChoice, after: StyleChoice, share: float) -> StyleChoice:
    """The networks are linear in their style weights."""

    def mixed(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
        names = dict.fromkeys([*one, *other])
        return {name: (1 - share) * one.get(name, 0.0) + share * other.get(name, 0.0) for name in names}

    weights = before.weights + np.float32(share) * (after.weights - before.weights)
    return StyleChoice(
        mixed(before.shares, after.shares), weights, before.model, mixed(before.identity, after.identity)
    )
