from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents
from nst_engine.cli import progress_bar
from nst_engine.cli.main import main
from nst_engine.image import contact_sheet, load_image
from nst_engine.optimization import Progress

from .running import assert_refused, code_of, nst, painting, pixels_of, write

FAST = ["--image-size", "48", "--num-iterations", "2"]


def test_a_sheet_of_every_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = [write(tmp_path / f"photo {seed}.png", painting(45, 60, seed)) for seed in (1, 2)]
    styles = [write(tmp_path / f"style{seed}.png", painting(56, 40, seed)) for seed in (3, 4)]
    cells, sheet = tmp_path / "cells", tmp_path / "sheet.png"
    cells.mkdir()
    arguments = ["gallery", *map(str, contents), "--styles", *map(str, styles), *FAST, "--cell-size", "64"]
    assert main([*arguments, "-o", str(sheet), "--save-cells", str(cells)]) == 0
    assert capsys.readouterr().out == f"{sheet}: 4 of 4 pictures\n"
    assert sorted(path.name for path in cells.iterdir()) == [
        "photo 1_style3.png",
        "photo 1_style4.png",
        "photo 2_style3.png",
        "photo 2_style4.png",
    ]
    pictures = [[pixels_of(cells / f"{content.stem}_{style.stem}.png") for style in styles] for content in contents]
    assert {picture.shape for row in pictures for picture in row} == {(36, 48, 3)}
    assert not np.array_equal(pictures[0][0], pictures[0][1])
    assert not np.array_equal(pictures[0][0], pictures[1][0])
    expected = contact_sheet(
        pictures,
        column_labels=["style3", "style4"],
        row_labels=["photo 1", "photo 2"],
        cell_px=64,
        column_images=[pixels_of(path) for path in styles],
        row_images=[pixels_of(path) for path in contents],
    )
    assert np.array_equal(pixels_of(sheet), expected)
    assert min(expected.shape[:2]) > 3 * 64


def test_bundled_names(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jpg"
    cells = ["--cell-size", "32", "--save-cells", str(tmp_path)]
    assert main(["gallery", "rocket", "--styles", "scream", *FAST, "-o", str(sheet), *cells]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rocket_scream.png", "sheet.jpg"]
    rocket = load_image(bundled_contents()["rocket"].path)
    height, width, _ = pixels_of(tmp_path / "rocket_scream.png").shape
    assert max(height, width) == 48
    assert height / width == pytest.approx(rocket.height / rocket.width, abs=0.02)


def test_an_interrupted_sheet_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = write(tmp_path / "content.png", painting(45, 60))
    styles = [str(write(tmp_path / f"style{seed}.png", painting(40, 40, seed))) for seed in (1, 2, 3)]
    sheet = tmp_path / "sheet.png"
    calls: list[int] = []
    original = progress_bar.RunDisplay.__call__

    def interrupting(display: progress_bar.RunDisplay, progress: Progress) -> bool:
        wish = original(display, progress)
        calls.append(progress.iteration)
        if len(calls) == 3:  # in the middle of the second picture
            signal.raise_signal(signal.SIGINT)
        return wish

    monkeypatch.setattr(progress_bar.RunDisplay, "__call__", interrupting)
    before = signal.getsignal(signal.SIGINT)
    code = main(["gallery", str(content), "--styles", *styles, *FAST, "--num-iterations", "2", "-o", str(sheet)])
    assert code == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().out == f"{sheet}: 2 of 3 pictures\n"
    assert pixels_of(sheet).shape[1] > 4 * 256
    assert not list(tmp_path.glob(".*"))


def test_a_sheet_in_one_pass_takes_any_picture_as_the_style(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "photo.png", painting(45, 60, 1))
    write(tmp_path / "mine.png", painting(56, 40, 3))
    (tmp_path / "cells").mkdir()
    completed = nst("gallery", "photo.png", "--styles", "mine.png", "scream", "--model", "any-fast", "--image-size", 48,
               "-o", "sheet.png", "--save-cells", "cells", cwd=tmp_path)  # fmt: skip
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout == "sheet.png: 2 of 2 pictures\n"
    stylizer = Stylizer("bundled:any-fast")
    for style in ("mine.png", "scream"):
        expected = stylizer.stylize("photo.png", style, max_side=48).pixels
        np.testing.assert_array_equal(pixels_of(tmp_path / "cells" / f"photo_{Path(style).stem}.png"), expected)
    # a model of fixed styles paints in those, and in no others
    fixed = ["gallery", "photo.png", "--model", "live", "--image-size", "48", "--overwrite", "-o", "sheet.png"]
    assert main([*fixed, "--styles", "scream"]) == 0
    assert main([*fixed, "--styles", "mine.png"]) == 2
    assert "mine.png: bundled:live holds its styles" in capsys.readouterr().err


def test_a_model_that_holds_its_styles_is_given_no_other_paintings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write(tmp_path / "photo.png", painting(45, 60))
    options = ("--image-size", "48", "--threads", "1", "--model", "live", "-o", tmp_path / "sheet.png")
    for name in ("scream.png", "mine.png"):
        mine = write(tmp_path / name, painting(30, 40))
        assert_refused(capsys, "reads no files; name some of them", "gallery", photo, "--styles", mine, *options)
    assert code_of("gallery", photo, "--styles", "scream", *options) == 0
