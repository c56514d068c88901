"""Many pictures: which files are stylized, where each result goes, and which can be stylized together."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_engine.errors import ImageNotFoundError, OptionError, OutputError
from nst_engine.files import file_id, make_folder
from nst_engine.image import IMAGE_SUFFIXES, READABLE_SUFFIXES, Picture, check_image_output


@dataclass(frozen=True)
class Job:
    """One picture to stylize, and where its result goes."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Plan:
    """What is to be stylized.

    Attributes:
        jobs: In order.
        left_out: The kinds of files in folders that are not stylized, mostly suffixes, and how many of each.
        unreadable: Folders in folders that may not be looked into, with the reasons.
    """

    jobs: list[Job]
    left_out: Counter[str]
    unreadable: list[str]


def plan(
    photos: Sequence[Path],
    output: str | Path | None,
    label: str,
    *,
    others: Collection[str] = (),
    kept: Sequence[Path] = (),
    overwrite: bool = False,
) -> Plan:
    """Jobs for photos and, recursively, for the pictures in folders, whose results can all be written.

    Folders for the results are made.

    Args:
        photos: Files and folders. What lies in a folder keeps its place below the output's.
        output: Of one photo, a file; else, or where it ends in a slash, a folder. What is in it is not taken for
            photos, or only what is no other's result where the photos lie in the same folder. None: here.
        label: Appended to each name; the suffix stays where its format can be written, else it becomes .png.
        others: Labels of earlier results, which are no photos either where they lie beside theirs.
        kept: Further files that no result may replace.
        overwrite: Whether a result may replace a photo.

    Raises:
        ImageNotFoundError: A folder without pictures, or nothing of that name.
        OptionError: Two results would have one name, or no output was given for a folder.
        OutputError: A result cannot be written, or would replace a photo.
    """
    if output == "":
        raise OptionError("an empty name came; say where the results go", option="output")
    is_file_name = output is not None and not Path(output).is_dir() and not str(output).endswith(("/", "\\"))
    folder, planned = Path(output or ""), Plan([], Counter(), [])
    if is_file_name and len(photos) == 1 and not photos[0].is_dir():
        planned.jobs.append(Job(photos[0], folder))
    elif output is None and any(photo.is_dir() for photo in photos):
        raise OptionError("none came; for a folder, say where the results go: `output='DIR'`", option="output")
    elif (folder.exists() and not folder.is_dir()) or (is_file_name and folder.suffix.lower() in IMAGE_SUFFIXES):
        raise OutputError(
            f"{folder}: is a file's name, and a folder is needed for the results of several photos; use `output='DIR'`"
        )
    else:
        _add_jobs(planned, photos, folder, label, others)
        for parent in dict.fromkeys(job.output.parent for job in planned.jobs):
            make_folder(parent, "choose another `output`")
    _check_outputs(planned.jobs, kept, overwrite)
    return planned


def _add_jobs(planned: Plan, photos: Sequence[Path], folder: Path, label: str, others: Collection[str]) -> None:
    jobs: list[Job] = []
    for photo in photos:
        if photo.is_dir():
            jobs += _jobs_below(planned, photo, folder, label, others)
        elif photo.exists():
            jobs.append(Job(photo, folder / result_name(photo, label)))
        else:
            raise ImageNotFoundError(f"{photo}: no such file or folder")
    sources: dict[Path, Path] = {}
    for job in jobs:
        other = sources.setdefault(job.output, job.source)
        if other != job.source and file_id(other) != file_id(job.source):
            raise OptionError(f"{other} and {job.source} would both be painted to {job.output}; rename one of them")
    planned.jobs.extend({job.output: job for job in jobs}.values())


def _jobs_below(planned: Plan, photos: Path, folder: Path, label: str, others: Collection[str]) -> list[Job]:
    """Results of earlier runs, in the photos' own folder, are passed over; those of other styles are told."""
    files = list(_pictures_below(photos, folder, planned))
    places = [folder / file.relative_to(photos).parent for file in files]

    def results(of: str) -> set[Path]:
        return {(place / result_name(file, of)).absolute() for place, file in zip(places, files, strict=True)}

    endings = {file.stem.rpartition("_")[2] for file in files}  # of few labels there are results, of many photos
    again = results(label)
    other = {file for each in others if each.rpartition("_")[2] in endings for file in results(each)} - again
    jobs = []
    for place, file in zip(places, files, strict=True):
        if file.absolute() in other:
            planned.left_out["result in another style"] += 1
        elif file.absolute() not in again:
            jobs.append(Job(file, place / result_name(file, label)))
    return jobs


def _check_outputs(jobs: Sequence[Job], protected: Sequence[Path], overwrite: bool) -> None:
    sources = {file_id(job.source): job.source for job in jobs}
    for job in jobs:
        there = sources.get(file_id(job.output))
        check_image_output(job.output, inputs=[there, *protected], overwrite=overwrite)


def result_name(photo: Path, label: str) -> str:
    """Such as `cat_great-wave.jpg` for `cat.jpg`."""
    is_jpeg = photo.suffix.lower() in (".jfif", ".jpe")
    suffix = ".jpg" if is_jpeg else photo.suffix if photo.suffix.lower() in IMAGE_SUFFIXES else ".png"
    return f"{photo.stem}_{label}{suffix}"


def style_label(styles: Iterable[str]) -> str:
    """Of a blend, for file names: third-party models may call styles what no file can be called."""
    return re.sub(r"[^\w .,()+-]", "_", "+".join(styles))


def groups_of(pictures: Sequence[Picture], largest: int) -> list[list[int]]:
    """Places of pictures of one size, at most so many together."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for place, picture in enumerate(pictures):
        by_size.setdefault((picture.height, picture.width), []).append(place)
    return [places[i : i + largest] for places in by_size.values() for i in range(0, len(places), largest)]


def _pictures_below(folder: Path, output_folder: Path, planned: Plan) -> Iterator[Path]:
    """What is passed over is noted in the plan."""

    def note(error: OSError) -> None:
        planned.unreadable.append(f"{error.filename}: cannot be looked into ({error.strerror})")

    skipped = output_folder.resolve()
    is_inside = skipped != folder.resolve()
    has_pictures = False
    for root, folders, files in os.walk(folder, onerror=note):
        if is_inside:
            folders[:] = [name for name in folders if (Path(root) / name).resolve() != skipped]
        folders.sort()
        for name in sorted(files):
            file = Path(root) / name
            if name.startswith("."):
                continue
            if not file.is_file():  # nobody waits at a pipe
                planned.left_out["no plain file"] += 1
            elif file.suffix.lower() in READABLE_SUFFIXES:
                has_pictures = True
                yield file
            else:
                planned.left_out[file.suffix.lower() or "no suffix"] += 1
    if not has_pictures and planned.unreadable:
        raise ImageNotFoundError(planned.unreadable[0])
    if not has_pictures:
        raise ImageNotFoundError(f"{folder}: no pictures in it or below ({', '.join(READABLE_SUFFIXES)})")
