"""The bundled paintings and photos, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nst_engine.environment import did_you_mean
from nst_engine.errors import ImageNotFoundError, StyleNotFoundError

_FOLDER = Path(__file__).parent / "bundled"


@dataclass(frozen=True)
class BundledPicture:
    """A picture that comes with the package.

    Attributes:
        name: As used in commands.
        path: Of the file.
        title: Of the work.
        painter: Empty for photos.
        year: As text; empty for photos.
        source: Where the reproduction is from.
    """

    name: str
    path: Path
    title: str
    painter: str
    year: str
    source: str


def bundled_styles() -> Mapping[str, BundledPicture]:
    """The paintings, by name, in alphabetical order."""
    return _catalogue()["styles"]


def bundled_contents() -> Mapping[str, BundledPicture]:
    """The sample photos, by name."""
    return _catalogue()["contents"]


def style_path(name_or_file: str) -> Path:
    """The file of a bundled painting's name, or the file itself.

    Raises:
        StyleNotFoundError: Neither a bundled name nor an existing file.
    """
    bundled = bundled_styles()
    if name_or_file in bundled:
        return bundled[name_or_file].path
    path = Path(name_or_file)
    if name_or_file and path.exists():  # an empty one is this folder
        return path
    hint, came = did_you_mean(name_or_file, bundled), name_or_file or "an empty name"
    raise StyleNotFoundError(
        f"{came}: neither a file nor a bundled style; {hint}the bundled ones are {', '.join(bundled)}"
    )


def content_path(name_or_file: str) -> Path:
    """The file of a bundled photo's name if no such file is here, or the file itself, which may be missing.

    Raises:
        ImageNotFoundError: There is no such file, but a painting of that name, or a photo of nearly that name.
    """
    if not name_or_file:  # which is this folder, for `Path`
        raise ImageNotFoundError("an empty name came; give a file, or a bundled photo's name")
    path = Path(name_or_file)
    photos = bundled_contents()
    if name_or_file in photos and not path.is_file():
        return photos[name_or_file].path
    if path.exists():
        return path
    if name_or_file in bundled_styles():
        raise ImageNotFoundError(
            f"{name_or_file}: is a bundled painting, for `style='{name_or_file}'`, and no photo; give a file, or a "
            f"bundled photo: {', '.join(photos)}"
        )
    if hint := did_you_mean(name_or_file, photos):
        raise ImageNotFoundError(f"{name_or_file}: no such file; {hint}the bundled photos are {', '.join(photos)}")
    return path


@cache
def _catalogue() -> Mapping[str, Mapping[str, BundledPicture]]:
    stored = json.loads((_FOLDER / "catalogue.json").read_text(encoding="utf-8"))
    return {
        kind: {
            name: BundledPicture(
                name=name,
                path=_FOLDER / entry["file"],
                title=entry["title"],
                painter=entry.get("painter", ""),
                year=entry.get("year", ""),
                source=entry["source"],
            )
            for name, entry in entries.items()
        }
        for kind, entries in stored.items()
    }
