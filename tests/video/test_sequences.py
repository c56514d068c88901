"""Sequences of pictures, in and out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from moving_clips import Identity, decoded_frames, error_of, pictures, times_of, write_clip
from PIL import Image

from nst_engine.errors import OptionError, OutputError, VideoDecodeError
from nst_engine.video import VideoOptions, is_pattern, paint_video
from nst_engine.video.sequences import Pattern


def sequence(folder: Path, numbers: list[int], name: str = "%05d.png") -> Path:
    folder.mkdir(exist_ok=True)
    for number, frame in zip(numbers, pictures(len(numbers)), strict=True):
        Image.fromarray(frame).save(folder / (name % number))
    return folder / name


def numbers_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_pictures_become_a_video_and_pictures_again(tmp_path: Path) -> None:
    source = sequence(tmp_path / "in", [1, 2, 3, 4, 5])
    paint_video(source, tmp_path / "out.mp4", Identity())
    assert times_of(tmp_path / "out.mp4") == [Fraction(i, 25) for i in range(5)]
    paint_video(source, tmp_path / "fast.mp4", Identity(), options=VideoOptions(fps=29.97))
    assert times_of(tmp_path / "fast.mp4")[1] == Fraction(100, 2997)
    result = paint_video(tmp_path / "out.mp4", tmp_path / "again" / "%03d.png", Identity())
    assert result.frames == 5
    assert numbers_in(tmp_path / "again") == ["001.png", "002.png", "003.png", "004.png", "005.png"]
    for number, frame in enumerate(pictures(5), 1):
        with Image.open(tmp_path / "again" / f"{number:03d}.png") as image:
            assert error_of(np.asarray(image), frame) < 4


def test_numbers_and_names_stay_and_gaps_stand(tmp_path: Path) -> None:
    source = sequence(tmp_path / "in", [7, 8, 11, 1200], "shot %d_ä.png")
    result = paint_video(source, tmp_path / "out" / "p%03d.png", Identity())
    assert numbers_in(tmp_path / "out") == ["p007.png", "p008.png", "p011.png", "p1200.png"]
    assert result.frames == 4
    assert any("1190 numbers are missing" in note for note in result.notes)
    with Image.open(tmp_path / "out" / "p011.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pictures(4)[2])
    paint_video(source, tmp_path / "out.mkv", Identity(), options=VideoOptions(fps=10, end=1.0))
    assert times_of(tmp_path / "out.mkv") == [0, Fraction(1, 10), Fraction(4, 10)]


def test_alpha_is_kept_where_the_pictures_hold_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        alpha = np.full((48, 64), 100 * number, np.uint8)
        Image.fromarray(np.dstack([pictures(1)[0], alpha])).save(tmp_path / "in" / f"{number}.png")
    source = tmp_path / "in" / "%d.png"
    paint_video(source, tmp_path / "out" / "%d.png", Identity())
    with Image.open(tmp_path / "out" / "2.png") as image:
        assert np.asarray(image)[0, 0, 3] == 200
    paint_video(source, tmp_path / "out" / "%d.jpg", Identity())
    with Image.open(tmp_path / "out" / "2.jpg") as image:
        assert image.mode == "RGB"


def test_pictures_that_are_there_are_skipped(tmp_path: Path) -> None:
    source = sequence(tmp_path / "in", [1, 2, 3, 4, 5, 6])
    output = tmp_path / "out" / "%05d.png"
    (tmp_path / "out").mkdir()
    for number in (1, 2, 5):
        (tmp_path / "out" / f"{number:05d}.png").write_bytes(b"painted before")
    painter = Identity()
    result = paint_video(source, output, painter, options=VideoOptions(resume=True))
    assert (result.frames, result.resumed_frames, painter.frames) == (6, 3, 3)
    assert (tmp_path / "out" / "00005.png").read_bytes() == b"painted before"
    paint_video(source, output, painter)
    assert painter.frames == 9


def test_the_sources_are_not_overwritten(tmp_path: Path) -> None:
    source = sequence(tmp_path / "in", [1, 2])
    with pytest.raises(OutputError, match=r"00001\.png: is a picture to be painted"):
        paint_video(source, source, Identity())
    other = tmp_path / "link"
    other.symlink_to(tmp_path / "in")
    with pytest.raises(OutputError, match="is a picture to be painted"):
        paint_video(source, other / "%05d.png", Identity())
    assert paint_video(source, source, Identity(), options=VideoOptions(overwrite=True)).frames == 2


def test_pictures_of_other_sizes_are_told_of(tmp_path: Path) -> None:
    source = sequence(tmp_path / "in", [1, 2, 3])
    Image.fromarray(pictures(1, 50, 64)[0]).save(tmp_path / "in" / "00002.png")
    with pytest.raises(VideoDecodeError, match=r"00002\.png: has 64×50 px, and the first picture 64×48"):
        paint_video(source, tmp_path / "out.mp4", Identity())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_pattern_is_read_as_printf_does(tmp_path: Path) -> None:
    assert Pattern(Path("a/%05d.png")).path_of(42) == Path("a/00042.png")
    assert Pattern(Path("a/x%dy.jpg")).path_of(123456) == Path("a/x123456y.jpg")
    assert Pattern(Path("a/%3d.png")).path_of(7) == Path("a/  7.png")
    for wrong in ("a/%d%d.png", "a/50%.png", "a/%s.png"):
        with pytest.raises(OptionError, match="one number"):
            Pattern(Path(wrong))
    sequence(tmp_path, [1, 12], "%03d.png")
    (tmp_path / "1.png").write_bytes(b"")  # another pattern's
    assert Pattern(tmp_path / "%03d.png").numbers() == [1, 12]
    with pytest.raises(OptionError, match="fps: "):
        paint_video(tmp_path / "%03d.png", tmp_path / "out.mp4", Identity(), options=VideoOptions(fps=0))


def test_a_file_with_such_a_name_is_a_file(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "take %02d.mp4", pictures(3))
    assert not is_pattern(source)
    paint_video(source, tmp_path / "out.mp4", Identity())
    assert len(decoded_frames(tmp_path / "out.mp4")[0]) == 3


def test_a_video_may_have_a_percent_sign_in_its_name(tmp_path: Path) -> None:
    for name in ("100%done.mp4", "%d.mkv", "50%05d.gif"):
        assert not is_pattern(tmp_path / name)
    assert is_pattern(tmp_path / "%05d.png")
    (tmp_path / "%d.png").write_bytes(b"a file of that name")
    assert not is_pattern(tmp_path / "%d.png")
