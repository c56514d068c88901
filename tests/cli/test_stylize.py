"""`nst stylize` as it is typed: files, folders, pipes, bad files."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents, bundled_styles

from .running import ENVIRONMENT, assert_refused, code_of, nst, painting, pixels_of, python, write

LIVE = ("--model", "bundled:live", "--device", "cpu")


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer("bundled:live", device="cpu")


def test_a_photo_is_painted_as_the_library_does_it(tmp_path: Path, stylizer: Stylizer) -> None:
    photo = write(tmp_path / "photo.png", painting(61, 83))
    completed = nst("stylize", photo, "--style", "great-wave", "-o", "painted.png", *LIVE, cwd=tmp_path)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("painted.png: 83×61 px in ")
    assert "CPUExecutionProvider" in completed.stdout
    expected = stylizer.stylize(photo, "great-wave").pixels
    np.testing.assert_array_equal(pixels_of(tmp_path / "painted.png"), expected)


def test_an_empty_stdin_is_called_that(tmp_path: Path) -> None:
    command = ("-m", "nst_engine", "stylize", "-", "--style", "scream", "-o", "painted.png", *LIVE)
    completed = python(*command, cwd=tmp_path, stdin="")
    assert (completed.returncode, completed.stdout) == (2, "")
    assert completed.stderr.startswith("nst: stdin: is empty")


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = write(tmp_path / "photo.jpg", painting(20, 30), icc_profile=b"no profile")
    assert code_of("stylize", photo, "--style", "scream", "-o", tmp_path / "painted.png", *LIVE) == 0
    assert re.fullmatch(r"nst: \S+photo\.jpg: .*profile.*\n", capsys.readouterr().err)


def test_every_option_reaches_the_library(tmp_path: Path, stylizer: Stylizer) -> None:
    photo = write(tmp_path / "photo.png", painting(90, 120))
    options = ("--strength", "0.6", "--preserve-color", "luma", "--max-side", "64", "--stroke-size", "1.5")
    blend = "great-wave:0.7,scream:0.3"
    completed = nst("stylize", photo, "--style", blend, *options, "-o", "p.png", "--json", *LIVE, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    record = json.loads(completed.stdout)
    assert (record["width"], record["height"], record["output"]) == (64, 48, "p.png")
    assert record["styles"] == {"great-wave": pytest.approx(0.7), "scream": pytest.approx(0.3)}
    assert record["provider"] == "CPUExecutionProvider"
    assert record["timings_ms"]["total"] > 0
    mix = {"great-wave": 0.7, "scream": 0.3}
    expected = stylizer.stylize(photo, mix, strength=0.6, preserve_color="luma", max_side=64, stroke_size=1.5).pixels
    np.testing.assert_array_equal(pixels_of(tmp_path / "p.png"), expected)


def test_without_an_output_the_name_tells_the_style(tmp_path: Path) -> None:
    write(tmp_path / "ä photo.jpg", painting(40, 50))
    assert nst("stylize", "ä photo.jpg", "--style", "scream", *LIVE, cwd=tmp_path).returncode == 0
    assert pixels_of(tmp_path / "ä photo_scream.jpg").shape == (40, 50, 3)


def test_a_folder_is_painted_past_bad_files_and_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write(tmp_path / "in" / "a.png", painting(40, 50))
    write(tmp_path / "in" / "sub" / "b.jpg", painting(30, 30))
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    command = ("stylize", "in", "--style", "scream", "-o", "out", *LIVE)
    first = nst(*command, cwd=tmp_path)
    assert first.returncode == 3
    assert "in/broken.jpg" in first.stderr
    assert "1 of 3 pictures could not be painted" in first.stderr
    assert "Traceback" not in first.stderr
    results = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "out").rglob("*.*"))
    assert results == ["out/a_scream.png", "out/sub/b_scream.jpg"]
    (tmp_path / "in" / "broken.jpg").unlink()
    write(tmp_path / "in" / "c.png", painting(20, 25))
    again = nst(*command, "--resume", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "2 done before, skipped" in again.stderr
    assert [json.loads(line)["input"] for line in again.stdout.splitlines()] == ["in/c.png"]


def test_results_inside_the_folder_are_not_painted_again(tmp_path: Path) -> None:
    write(tmp_path / "a.png", painting(20, 20))
    for _ in range(2):
        completed = nst("stylize", ".", "--style", "scream", "-o", "out", "--json", *LIVE, cwd=tmp_path)
        assert [json.loads(line)["input"] for line in completed.stdout.splitlines()] == ["a.png"]


def test_in_the_photos_own_folder_a_run_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        write(tmp_path / "in" / name, painting(20, 20))
    command = ("stylize", "in", "--style", "scream", "-o", "in", "--json", *LIVE)
    assert nst(*command, cwd=tmp_path).returncode == 0
    write(tmp_path / "in" / "c.png", painting(24, 20))
    again = nst(*command, "--resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert [json.loads(line)["input"] for line in again.stdout.splitlines()] == ["in/c.png"]


def test_what_comes_through_stdin_is_not_overwritten(tmp_path: Path) -> None:
    photo = write(tmp_path / "photo.png", painting(20, 20))
    before = photo.read_bytes()
    command = [sys.executable, "-m", "nst_engine", "stylize", "-", "--style", "scream", "-o", str(photo), *LIVE]
    with photo.open("rb") as file:
        completed = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False, timeout=60)
    assert completed.returncode == 2
    assert "is what comes through stdin" in completed.stderr
    assert photo.read_bytes() == before


def test_pipes_carry_pictures(tmp_path: Path, stylizer: Stylizer) -> None:
    photo = write(tmp_path / "photo.png", painting(33, 47))
    command = [sys.executable, "-m", "nst_engine", "stylize", "-", "--style", "scream", *LIVE]
    completed = subprocess.run(
        command, input=photo.read_bytes(), capture_output=True, check=False, env=ENVIRONMENT, timeout=60
    )
    assert (completed.returncode, completed.stderr) == (0, b"")
    with Image.open(BytesIO(completed.stdout)) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), stylizer.stylize(photo, "scream").pixels)
    nothing = subprocess.run(command, input=b"", capture_output=True, check=False, env=ENVIRONMENT, timeout=60)
    assert nothing.returncode == 2
    assert nothing.stdout == b""
    assert nothing.stderr.count(b"\n") == 1


def test_alpha_is_kept(tmp_path: Path) -> None:
    pixels = np.dstack([painting(30, 30), np.tile(np.linspace(0, 255, 30).astype(np.uint8), (30, 1))])
    write(tmp_path / "cut.png", pixels)
    assert nst("stylize", "cut.png", "--style", "scream", "-o", "out.png", *LIVE, cwd=tmp_path).returncode == 0
    np.testing.assert_array_equal(pixels_of(tmp_path / "out.png")[..., 3], pixels[..., 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.png", "--style", "scream"), "nothing.png: no such file"),
        (("photo.png", "--style", "screm"), "did you mean scream"),
        (("photo.png",), "none came"),
        (("photo.png", "--style", "scream:x"), "wanted a number"),
        (("photo.png", "--style", "scream", "--strength", "3"), "strength"),
        (("photo.png", "--style", "scream", "--max-side", "0"), "--max-side"),
        (("photo.png", "--style", "scream", "-o", "photo.png"), "photo.png"),
        (("photo.png", "--style", "scream", "-o", "no/where.png"), "no/"),
        (("photo.png", "--style", "scream", "-o", "out.xyz"), "out.xyz"),
        (("photo.png", "--style", "scream", "--model", "bundled:fast"), "bundled:live"),
        (("photo.png", "--style", "scream", "--device", "gpu"), "choose from auto, cpu, cuda"),
        ((".", "--style", "scream"), "--output DIR"),
        (("-", "photo.png", "--style", "scream"), "one picture"),
        (("-", "--style", "scream", "--json"), "stdout"),
        (("photo.png", "--style", "scream", "--quality", "0"), "--quality"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    photo = write(tmp_path / "photo.png", painting(20, 20))
    before = photo.read_bytes()
    assert_refused(capsys, message, "stylize", *arguments)
    assert photo.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_asking_for_cuda_where_there_is_none_is_an_error(tmp_path: Path) -> None:
    completed = nst("stylize", "chelsea", "--style", "scream", "--device", "cuda", "-o", "x.png", cwd=tmp_path)
    if completed.returncode == 0:
        assert "CUDAExecutionProvider" in completed.stdout
    else:
        assert completed.returncode == 2
        assert "pip install" in completed.stderr or "driver" in completed.stderr
        assert not (tmp_path / "x.png").exists()


def test_styles_are_listed_with_their_works(tmp_path: Path) -> None:
    completed = nst("styles", *LIVE, cwd=tmp_path)
    assert completed.returncode == 0
    for name, work in bundled_styles().items():
        assert any(line.startswith(name) and work.title in line for line in completed.stdout.splitlines())
    listed = json.loads(nst("styles", "--json", *LIVE, cwd=tmp_path).stdout)
    assert [style["name"] for style in listed["styles"]] == list(bundled_styles())


def test_a_sheet_shows_the_photo_in_every_style(tmp_path: Path) -> None:
    completed = nst("styles", "--sheet", "sheet.png", "--photo", "coffee", "--columns", "6", *LIVE, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert "coffee in 16 styles" in completed.stdout
    height, width, _ = pixels_of(tmp_path / "sheet.png").shape
    with Image.open(bundled_contents()["coffee"].path) as photo:
        ratio = photo.width / photo.height
    assert width / height == pytest.approx(6 * ratio / 3, rel=0.2)


def test_the_doctor_finds_a_working_installation(tmp_path: Path) -> None:
    completed = nst("doctor", "--json", cwd=tmp_path)
    findings = json.loads(completed.stdout)
    assert completed.returncode == (1 if any(each["kind"] == "problem" for each in findings) else 0)
    messages = " ".join(each["what"] for each in findings if each["kind"] == "ok")
    assert "bundled:quality: 16 styles" in messages
    assert "bundled:live: 16 styles" in messages


def test_the_doctor_says_when_the_extension_is_off(tmp_path: Path) -> None:
    completed = nst("doctor", cwd=tmp_path, NST_ENGINE_NO_EXT="1")
    assert "NumPy kernels" in completed.stdout
    assert "unset NST_ENGINE_NO_EXT" in completed.stdout


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        (("onnxruntime", "onnxruntime-gpu"), "pip uninstall -y onnxruntime onnxruntime-gpu"),
        ((), "[cpu]'"),
    ],
)
def test_the_doctor_finds_packages_in_conflict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], installed: tuple[str, ...], message: str
) -> None:
    import importlib.metadata

    from nst_engine.cli.main import main

    real = importlib.metadata.version

    def version(name: str) -> str:
        if name.startswith("onnxruntime"):
            if name not in installed:
                raise importlib.metadata.PackageNotFoundError(name)
            return "1.31.1"
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert main(["doctor"]) == 1
    output = capsys.readouterr().out
    assert "PROBLEM" in output
    assert message in output


@pytest.mark.parametrize("command", ["stylize", "optimize"])
def test_limits_are_options_of_the_commands(tmp_path: Path, command: str) -> None:
    write(tmp_path / "photo.png", painting(48, 64))
    refused = nst(command, "photo.png", "--style", "scream", "--max-pixels", "100", "-o", "out.png", cwd=tmp_path)
    assert refused.returncode == 2
    assert "raise the limit --max-pixels" in refused.stderr
    assert not (tmp_path / "out.png").exists()


def test_names_that_are_too_long_or_empty_are_told_and_cost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / f"{'x' * 245}.png", painting(20, 30))
    style = ("--style", "scream", *LIVE)
    assert_refused(capsys, "File name too long", "stylize", "in", *style, "-o", "out")  # by seven characters
    for name in ("x" * 300, f"{'x' * 300}.png"):
        assert_refused(capsys, "File name too long", "stylize", name, *style)
    assert_refused(capsys, "an empty name came", "stylize", "", *style, "-o", "out")
    assert_refused(capsys, "--output: an empty name came", "stylize", "in", *style, "-o", "")
    assert_refused(capsys, "an empty name: neither a file", "optimize", "coffee", "--style", "", "-o", "a.png")
    assert not list((tmp_path / "out").iterdir())


def test_folders_that_may_not_be_looked_into_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "locked/b.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True, parents=True)
        write(tmp_path / "in" / name, painting(20, 30))
    scandir = os.scandir

    def refused(path: str) -> Any:  # as whoever may do all, tests are not refused themselves
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    arguments = ("--style", "scream", "-o", tmp_path / "out", *LIVE)
    assert code_of("stylize", tmp_path / "in", *arguments) == 3
    assert "locked: cannot be looked into (Permission denied)" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_scream.png"]
    assert_refused(capsys, "locked: cannot be looked into", "stylize", tmp_path / "in" / "locked", *arguments)


def test_what_would_be_without_effect_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = write(tmp_path / "photo.png", painting(20, 30))
    twice = ("--style", "scream", "--style", "great-wave")
    assert code_of("stylize", photo, *twice, "-o", tmp_path / "out.png") == 2
    assert "--style: came twice; a blend is one" in capsys.readouterr().err
    assert_refused(capsys, "--resume: skips", "stylize", "-", "--resume", "--style", "scream", "-o", tmp_path / "o.png")


def test_a_photo_that_is_named_twice_is_painted_once(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write(tmp_path / "photo.png", painting(20, 30))
    command = ("stylize", "../photo.png", "../here/../photo.png", "--style", "scream", "-o", "out", *LIVE)
    completed = nst(*command, cwd=tmp_path / "here")
    assert completed.returncode == 0, completed.stderr
    assert [path.name for path in (tmp_path / "here" / "out").iterdir()] == ["photo_scream.png"]
