"""Cycles through the style images of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nst_engine.errors import NSTError
from nst_engine.image import READABLE_SUFFIXES


class StyleFolder:
    """Chooses the next picture that can be read as a style.

    Args:
        files: In turn.
        first: After which the first one comes; anything else: the first of them.
        read: Makes a style of a picture.
    """

    def __init__(self, files: Sequence[Path], first: Path | None, read: Callable[[Path], Any]) -> None:
        self._files, self._read = list(files), read
        self._number = self._files.index(first) if first in self._files else -1

    def next(self) -> tuple[Any | None, str]:
        """The next style, and a message; None where no other can be read."""
        left_out: list[str] = []
        for _ in self._files:
            self._number = (self._number + 1) % len(self._files)
            file = self._files[self._number]
            try:
                return self._read(file), " ".join([f"style: {file.name}", *left_out])
            except NSTError:
                left_out.append(f"({file.name} cannot be read)")
        return None, "there is no style image to go on to; begin with --style-image FOLDER"


def style_images_in(folder: Path) -> list[Path]:
    """Pictures in a folder, not below it, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in READABLE_SUFFIXES and path.is_file())
