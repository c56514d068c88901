"""Which files are stylized, and where their results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_engine.errors import ImageNotFoundError, OptionError, OutputError
from nst_engine.stylize.batch import Job, plan, style_label


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_files_of_folders_keep_their_places(tmp_path: Path) -> None:
    inside, deep = touch(tmp_path / "in" / "b.PNG"), touch(tmp_path / "in" / "x" / "y" / "a.jpeg")
    touch(tmp_path / "in" / "notes.txt")
    touch(tmp_path / "in" / ".hidden.png")
    alone = touch(tmp_path / "raw.jxl")
    out = tmp_path / "out"
    assert plan([tmp_path / "in", alone], out, "scream").jobs == [
        Job(inside, out / "b_scream.PNG"),
        Job(deep, out / "x" / "y" / "a_scream.jpeg"),
        Job(alone, out / "raw_scream.png"),
    ]


def test_results_of_earlier_runs_are_no_photos(tmp_path: Path) -> None:
    photo, _ = touch(tmp_path / "a.png"), touch(tmp_path / "out" / "a_scream.png")
    assert [job.source for job in plan([tmp_path], tmp_path / "out", "scream").jobs] == [photo]
    # beside the photos they are known by the name that they would get again
    touch(tmp_path / "a_scream.png"), touch(tmp_path / "a_wave.png")
    assert [job.source.name for job in plan([tmp_path], tmp_path, "scream").jobs] == [
        "a.png",
        "a_wave.png",
        "a_scream.png",
    ]


def test_results_in_other_styles_are_left_out_and_counted(tmp_path: Path) -> None:
    photos = [touch(tmp_path / "a.png"), touch(tmp_path / "x" / "b.jpe"), touch(tmp_path / "c_wave.png")]
    for name in ("a_scream.png", "a_wave.png", "x/b_wave.jpg"):
        touch(tmp_path / name)
    planned = plan([tmp_path], tmp_path, "scream", others={"scream", "wave"})
    assert sorted(job.source for job in planned.jobs) == sorted(photos), "what has no photo is one"
    assert planned.left_out == {"result in another style": 2}
    named = plan([tmp_path / "a_wave.png"], tmp_path, "scream", others={"wave"})
    assert [job.output.name for job in named.jobs] == ["a_wave_scream.png"]


def test_every_kind_of_picture_that_can_be_read_is_found(tmp_path: Path) -> None:
    names = ["a.gif", "b.jpg", "c.TIF", "d.webp", "e.bmp"]
    for name in names:
        touch(tmp_path / "in" / name)
    jobs = plan([tmp_path / "in"], tmp_path / "out", "scream").jobs
    assert [job.source.name for job in jobs] == names
    assert jobs[0].output.name == "a_scream.png"


def test_two_results_of_one_name_are_refused_and_one_photo_given_twice_is_painted_once(tmp_path: Path) -> None:
    one, other = touch(tmp_path / "1" / "a.png"), touch(tmp_path / "2" / "a.png")
    with pytest.raises(OptionError, match="rename one of them"):
        plan([one, other], tmp_path / "out", "scream")
    assert len(plan([one, one], tmp_path / "out", "scream").jobs) == 1


def test_nothing_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match="no such file or folder"):
        plan([tmp_path / "nothing.png"], tmp_path, "scream")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageNotFoundError, match="no pictures in it"):
        plan([tmp_path / "empty"], tmp_path, "scream")


def test_blends_have_names_for_files() -> None:
    assert style_label({"great-wave": 0.7, "scream": 0.3}) == "great-wave+scream"


def test_what_could_not_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    photo, other = touch(tmp_path / "a.png"), touch(tmp_path / "b.png")
    assert plan([photo], tmp_path / "out.jpg", "scream").jobs == [Job(photo, tmp_path / "out.jpg")]
    with pytest.raises(OutputError, match="for the results of several photos"):
        plan([photo, other], tmp_path / "out.jpg", "scream")
    with pytest.raises(OutputError, match=r"a\.png"):
        plan([photo], photo, "scream")
    assert plan([photo], photo, "scream", overwrite=True).jobs == [Job(photo, photo)]
    with pytest.raises(OptionError, match="say where the results go"):
        plan([tmp_path], None, "scream")


def test_what_is_left_out_is_counted_by_kind(tmp_path: Path) -> None:
    for name in ("a.png", "b.txt", "c.txt", "d"):
        touch(tmp_path / "in" / name)
    assert plan([tmp_path / "in"], tmp_path / "out", "scream").left_out == {".txt": 2, "no suffix": 1}
