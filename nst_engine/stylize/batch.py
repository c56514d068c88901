"""Many pictures: which files are painted, where each result goes, and which can be painted together."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_engine.errors import ImageNotFoundError, OptionError
from nst_engine.image import IMAGE_SUFFIXES, READABLE_SUFFIXES, Picture


@dataclass(frozen=True)
class Job:
    """One picture to paint.

    Attributes:
        source: The photo.
        output: Where its result goes.
    """

    source: Path
    output: Path


def plan(photos: Sequence[Path], output_folder: Path, label: str, left_out: Counter[str] | None = None) -> list[Job]:
    """Jobs for photos and, recursively, for the pictures in folders.

    Args:
        photos: Files and folders. What lies in a folder keeps its place below `output_folder`.
        output_folder: Where results go; what is in it is not taken for photos, or only what is no other's result where
            the photos lie in the same folder.
        label: Appended to each name; the suffix stays where its format can be written, else it becomes .png.
        left_out: Gets the kinds of files in folders that are not painted, by suffix, and how many of each.

    Raises:
        ImageNotFoundError: A folder without pictures, or nothing of that name.
        OptionError: Two results would have one name.
    """
    jobs: list[Job] = []
    for photo in photos:
        if photo.is_dir():
            found = [
                Job(file, output_folder / file.relative_to(photo).parent / result_name(file, label))
                for file in _pictures_below(photo, output_folder, Counter() if left_out is None else left_out)
            ]
            results = {job.output.absolute() for job in found}  # of an earlier run, in the photos' own folder
            jobs += [job for job in found if job.source.absolute() not in results]
        elif photo.exists():
            jobs.append(Job(photo, output_folder / result_name(photo, label)))
        else:
            raise ImageNotFoundError(f"{photo}: no such file or folder")
    sources: dict[Path, Path] = {}
    for job in jobs:
        other = sources.setdefault(job.output, job.source)
        if other != job.source:
            raise OptionError(f"{other} and {job.source} would both be painted to {job.output}; rename one of them")
    return list({job.output: job for job in jobs}.values())


def result_name(photo: Path, label: str) -> str:
    """Such as `cat_great-wave.jpg` for `cat.jpg`."""
    suffix = photo.suffix if photo.suffix.lower() in IMAGE_SUFFIXES else ".png"
    return f"{photo.stem}_{label}{suffix}"


def style_label(styles: Iterable[str]) -> str:
    """Of a blend, for file names: other people's models may call styles what no file can be called."""
    return re.sub(r"[^\w .,()+-]", "_", "+".join(styles))


def groups_of(pictures: Sequence[Picture], largest: int) -> list[list[int]]:
    """Places of pictures of one size, at most so many together."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for place, picture in enumerate(pictures):
        by_size.setdefault((picture.height, picture.width), []).append(place)
    return [places[i : i + largest] for places in by_size.values() for i in range(0, len(places), largest)]


def _pictures_below(folder: Path, output_folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    skipped = output_folder.resolve()
    is_inside = skipped != folder.resolve()
    found = False
    for root, folders, files in os.walk(folder):
        if is_inside:
            folders[:] = [name for name in folders if (Path(root) / name).resolve() != skipped]
        folders.sort()
        for name in sorted(files):
            file = Path(root) / name
            if name.startswith("."):
                continue
            if not file.is_file():  # nobody waits at a pipe
                left_out["no plain file"] += 1
            elif file.suffix.lower() in READABLE_SUFFIXES:
                found = True
                yield file
            else:
                left_out[file.suffix.lower() or "no suffix"] += 1
    if not found:
        raise ImageNotFoundError(f"{folder}: no pictures in it or below ({', '.join(READABLE_SUFFIXES)})")
