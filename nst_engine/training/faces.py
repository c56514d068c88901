"""Where faces are in photos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nst_engine.checks import parsed_json
from nst_engine.errors import OptionError
from nst_engine.reading import text_of

#: Rectangles in a picture: float N×4, each left, top, right and bottom in px.
Boxes: TypeAlias = NDArray[np.float64]

_WANTED = 'wanted {"photo.jpg": [[left, top, width, height], …], …}, in px of the picture as it is shown'


def read_faces(path: Path, photos: Sequence[Path]) -> dict[Path, Boxes]:
    """Where faces are, as any detector or anybody's hand may have written it down.

    Args:
        path: JSON: by the name of a photo, or the end of its path, a list of left, top, width and height in px each.
        photos: Files to learn on.

    Returns:
        The boxes of each photo that has some.

    Raises:
        OptionError: It is something else, or names a photo that is not there.
    """
    try:
        named = parsed_json(text_of(path))
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: cannot be read as JSON ({error}); {_WANTED}", option="faces") from error
    if not isinstance(named, dict) or not named:
        raise OptionError(f"{path}: names no photos; {_WANTED}", option="faces")
    by_name: dict[str, list[Path]] = {}
    for photo in photos:
        by_name.setdefault(photo.name, []).append(photo)
    found: dict[Path, Boxes] = {}
    for name, boxes in named.items():
        wanted = Path(name).parts
        matching = [photo for photo in by_name.get(Path(name).name, []) if photo.parts[-len(wanted) :] == wanted]
        if len(matching) != 1:
            many = "several photos" if matching else "none of the photos"
            said = f"{path}: {name!r} is the name of {many}; name each by the end of its path"
            raise OptionError(said, option="faces")
        before = found.get(matching[0], np.zeros((0, 4)))  # by another of its names
        found[matching[0]] = np.concatenate([before, _boxes(boxes, f"{path}: {name}")])
    return {photo: boxes for photo, boxes in found.items() if len(boxes)}


def _boxes(listed: Any, where: str) -> Boxes:
    boxes = []
    for box in listed if isinstance(listed, list) else [listed]:
        numbers = box if isinstance(box, list) and len(box) == 4 else []
        is_number = [isinstance(each, int | float) and not isinstance(each, bool) for each in numbers]
        if not all(is_number) or not numbers or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
            raise OptionError(f"{where}: {str(box)[:100]} came for a face; {_WANTED}", option="faces")
        left, top, width, height = numbers
        boxes.append((left, top, left + width, top + height))
    return np.array(boxes, np.float64).reshape(-1, 4)


def within(boxes: Boxes, left: float, top: float, width: float, height: float) -> Boxes:
    """Those of them that lie wholly in a piece of the picture, in its coordinates."""
    moved = boxes - [left, top, left, top]
    is_in = (moved[:, :2] >= 0).all(1) & (moved[:, 2:] <= [width, height]).all(1)
    inside: Boxes = moved[is_in]
    return inside


def clipped(boxes: Boxes, width: float, height: float) -> Boxes:
    """What of them lies in a picture: detectors look a little beyond borders."""
    inside = np.clip(boxes, 0, [width, height] * 2)
    return inside[(inside[:, 2:] - inside[:, :2] >= 1).all(1)]


def mirrored(boxes: Boxes, width: float) -> Boxes:
    """In the picture that is so wide, left and right exchanged."""
    return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
