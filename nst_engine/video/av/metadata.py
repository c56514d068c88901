"""Metadata of a file and its streams, and which of it goes into the painted one."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Of the container that was read, or of how it was encoded: true of the source only.
_OF_THE_SOURCE = re.compile(
    r"major_brand|minor_version|compatible_brands|encoder|duration.*|bps.*|number_of_.*|_statistics.*|rotate|timecode|alpha_mode"
    r"|vendor_id",
    re.IGNORECASE,
)


def clip_metadata(found: Mapping[str, str]) -> dict[str, str]:
    """Title, artist, creation time, place, ...: all but what is true of the source file only."""
    return {name: text for name, text in found.items() if text and not _OF_THE_SOURCE.fullmatch(name)}


def stream_metadata(found: Mapping[str, str]) -> dict[str, str]:
    """Language, title, creation time, ...; an unknown language and FFmpeg's own names for handlers are left out."""
    kept = clip_metadata(found)
    if kept.get("language") == "und":
        del kept["language"]
    if kept.get("handler_name") in ("VideoHandler", "SoundHandler"):
        del kept["handler_name"]
    return kept
