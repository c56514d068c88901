"""The work folder belongs to one run, and holds nothing but its own, whatever others put there."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from nst_engine.errors import OutputError
from nst_engine.video.work_folder import WorkFolder, folder_beside

IDENTITY = {"input": {"a": 1}, "options": {}}
TRIES = 60


def opened(target: Path, *, resume: bool = False) -> WorkFolder:
    return WorkFolder(target, IDENTITY, resume=resume, on_note=lambda _: None)


def with_a_part(target: Path) -> WorkFolder:
    work = opened(target)
    path = work.new_path(".mkv")
    path.write_bytes(b"pictures")
    work.add(path, frames=3, first_pts=0, end_pts=3)
    return work


def test_a_link_in_its_place_is_refused_and_not_followed(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "000000.mkv").write_bytes(b"precious")
    folder_beside(tmp_path / "out.mp4").symlink_to(others)
    with pytest.raises(OutputError, match="a link or file where a folder was wanted"):
        opened(tmp_path / "out.mp4")
    assert [path.name for path in others.iterdir()] == ["000000.mkv"]


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    folder_beside(tmp_path / "out.mp4").write_bytes(b"precious")
    with pytest.raises(OutputError, match="a link or file where a folder was wanted"):
        opened(tmp_path / "out.mp4")


@pytest.mark.parametrize("resume", [False, True])
def test_files_and_links_of_others_stay(tmp_path: Path, resume: bool) -> None:
    target = tmp_path / "out.mp4"
    with_a_part(target).close()
    folder = folder_beside(target)
    (folder / "thesis.txt").write_bytes(b"precious")
    (folder / "000007.mkv").symlink_to(tmp_path / "elsewhere")
    (folder / "000008.mkv").write_bytes(b"half a part")
    work = opened(target, resume=resume)
    assert len(work.parts) == resume
    work.remove()
    assert sorted(path.name for path in folder.iterdir()) == ["000007.mkv", "thesis.txt"]


@pytest.mark.parametrize("name", ["../out.txt", "/etc/hostname", "thesis.txt", "sub/000000.mkv"])
def test_a_log_that_names_other_files_is_refused(tmp_path: Path, name: str) -> None:
    target = tmp_path / "out.mp4"
    with_a_part(target).close()
    log = folder_beside(target) / "work.jsonl"
    first, part, *_ = log.read_text().split("\n")
    log.write_text("\n".join([first, json.dumps(json.loads(part) | {"file": name}), ""]))
    with pytest.raises(OutputError, match="names files that are not its own"):
        opened(target, resume=True)


def test_a_part_that_is_a_link_is_not_taken(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with_a_part(target).close()
    part = folder_beside(target) / "000000.mkv"
    part.rename(tmp_path / "elsewhere.mkv")
    part.symlink_to(tmp_path / "elsewhere.mkv")
    assert opened(target, resume=True).parts == []


def _compete(barrier: Any, results: Any, folder: str) -> None:
    for number in range(TRIES):
        barrier.wait()
        try:
            work = opened(Path(folder) / f"out{number}.mp4")
        except OutputError:
            work = None
        barrier.wait()
        results.put(work is not None)
        barrier.wait()
        if work is not None:
            work.remove()


def test_of_two_runs_at_the_same_moment_one_gets_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_compete, args=(barrier, results, str(tmp_path))) for _ in range(2)]
    for process in processes:
        process.start()
    got = [results.get(timeout=60) for _ in range(2 * TRIES)]
    for process in processes:
        process.join()
    assert sum(got) == TRIES
    assert list(tmp_path.iterdir()) == []
