"""Style and display settings, as changed by keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nst_engine.color import ColorMode

#: What each key does, for people.
KEYS: Mapping[str, str] = {
    "n p": "next, previous style",
    "1-9": "style by number",
    "i": "next style image of the folder",
    "b": "blend with the next style",
    "+ -": "more, less of the painting",
    "c": "colours of the photo",
    "s": "snapshot",
    "r": "record, stop recording",
    "o": "overlay",
    "h": "help",
    "q": "quit",
}

_STRENGTH_STEP = 0.1


@dataclass(frozen=True)
class Look:
    """Style and display settings of frames.

    Attributes:
        styles: All there are to choose from: names, or embeddings of style images.
        mix: Weights of the current styles.
        strength: 0-1.
        preserve_color: How the photo's colours are kept; None: they are not.
        shows_overlay: Whether figures are shown over the picture.
        shows_help: Whether the keys are.
    """

    styles: Sequence[Any]
    mix: Mapping[Any, float]
    strength: float = 1.0
    preserve_color: ColorMode | None = None
    shows_overlay: bool = True
    shows_help: bool = False

    @property
    def label(self) -> str:
        """For people."""
        names = " + ".join(map(str, self.mix))
        strength = "" if self.strength == 1 else f" at {100 * self.strength:.0f} %"
        return f"{names}{strength}{', its own colours' if self.preserve_color else ''}"

    def _style(self, step: int) -> Any:
        """The style at this offset from the first current one."""
        first = next(iter(self.mix))
        return self.styles[(self.styles.index(first) + step) % len(self.styles)]

    def in_style(self, style: Any) -> Look:
        """In this one alone, which keys can come back to."""
        styles = self.styles if style in self.styles else (*self.styles, style)
        return replace(self, styles=styles, mix={style: 1.0})

    def after(self, key: str) -> Look:
        """The look that a key asks for; the same where it asks for none."""
        if key in ("n", "p"):
            return replace(self, mix={self._style(1 if key == "n" else -1): 1.0})
        if key.isdigit() and 1 <= int(key) <= len(self.styles):
            return replace(self, mix={self.styles[int(key) - 1]: 1.0})
        if key == "b":
            first, second = self._style(0), self._style(1)
            is_one = len(self.mix) == 1 and first != second
            return replace(self, mix={first: 0.5, second: 0.5} if is_one else {first: 1.0})
        if key in ("+", "=", "-"):
            step = -_STRENGTH_STEP if key == "-" else _STRENGTH_STEP
            return replace(self, strength=round(min(1.0, max(0.0, self.strength + step)), 2))
        toggled: Mapping[str, Any] = {
            "c": {"preserve_color": None if self.preserve_color else "luma"},
            "o": {"shows_overlay": not self.shows_overlay},
            "h": {"shows_help": not self.shows_help},
        }
        return replace(self, **toggled.get(key, {}))
