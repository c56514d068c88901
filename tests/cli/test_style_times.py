"""Styles with times, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from moving_clips import pictures, write_clip
from tiny_models import write_own

from nst_engine.cli.style_times import timed_style

from .running import assert_refused, code_of, painting, write


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("model"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command is typed in, with a clip."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4", pictures(30))
    return tmp_path


def with_styles(model: Path, *styles: str) -> tuple[str, ...]:
    flags = [part for style in styles for part in ("--style", style)]
    return ("video", "in.mp4", "-o", "out.mp4", *flags, "--model", str(model), "--device", "cpu")


@pytest.mark.parametrize(
    ("text", "seconds", "style"),
    [
        ("0:scream", 0.0, "scream"),
        ("5s:scream", 5.0, "scream"),
        ("2.5:wave:0.7,scream:0.3", 2.5, "wave:0.7,scream:0.3"),
        ("1:05:scream", 65.0, "scream"),
        ("1:02:03.5:scream", 3723.5, "scream"),
        ("90:two.jpg:0.5", 90.0, "two.jpg:0.5"),
        (r"7:C:\two.jpg", 7.0, r"C:\two.jpg"),
        (r"C:\two.jpg", None, r"C:\two.jpg"),
        ("./5:two.jpg", None, "./5:two.jpg"),
        ("scream", None, "scream"),
        ("wave:0.7,scream:0.3", None, "wave:0.7,scream:0.3"),
        ("19:0.7,scream:0.3", None, "19:0.7,scream:0.3"),  # a style whose name is a number, with its weight
    ],
)
def test_what_is_a_time(text: str, seconds: float | None, style: str) -> None:
    result = timed_style(text)
    assert (result.seconds, result.text) == (seconds, style)


def test_a_file_of_that_name_is_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "5:two.jpg").touch()
    assert timed_style("5:two.jpg").seconds is None
    assert timed_style("6:5:two.jpg").text == "5:two.jpg"


def test_the_run_tells_of_its_keyframes(here: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blend = "0.5s:wave:1,scream:1"
    assert code_of(*with_styles(model, blend, "0:scream", "1:05:poppies"), "--json") == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert "styles" not in record
    assert record["style_keyframes"] == [
        {"seconds": 0.0, "styles": {"scream": 1.0}},
        {"seconds": 0.5, "styles": {"wave": 0.5, "scream": 0.5}},
        {"seconds": 65.0, "styles": {"poppies": 1.0}},
    ]
    assert "keyframes at 65 s come after the painted part" in captured.err.replace("\n", "")
    arguments = with_styles(model, "0:scream", "1:poppies")
    assert code_of(*arguments[:2], *arguments[4:]) == 0
    assert (here / "in_scream+poppies.mp4").exists()


@pytest.mark.parametrize(
    ("styles", "message"),
    [
        (("-1:wave", "5:scream"), "'-1' came as the time; wanted seconds from 0 on"),
        (("nan:wave", "5:scream"), "'nan' came as the time"),
        (("999999999:wave", "0:scream"), "argument --style: '999999999' came as the time; wanted seconds from 0 on"),
        (("inf:wave",), "'inf' came as the time"),
        (("1:75:wave",), "'1:75' came as the time"),
        (("5s:",), "without a style after its time"),
        (("wave", "5s:scream"), "wave came without a time beside others; type 0:wave"),
        (("wave", "scream"), "2 came; blend them as wave:0.5,scream:0.5, or say when"),
        (("5:wave", "0:05:scream"), "two came for 5 s"),
        (("0:wave", "5:screm"), "did you mean scream"),
        (("0:wave", "5:scream:much"), "the weight of scream is 'much'"),
        (("0:wave", "5:photo.png"), "type --style-image photo.png"),
    ],
)
def test_keyframes_that_cannot_be(
    here: Path, model: Path, capsys: pytest.CaptureFixture[str], styles: tuple[str, ...], message: str
) -> None:
    flags = [f"--style={style}" for style in styles]
    arguments = ("video", "in.mp4", "-o", "out.mp4", *flags, "--model", str(model), "--device", "cpu")
    assert_refused(capsys, message, *arguments)
    assert [path.name for path in here.iterdir()] == ["in.mp4"]


def test_style_images_of_one_time_are_blended(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("one.png", "two.png")):
        write(here / name, painting(70, 90, seed=seed))
    images = ("0:one.png", "0.5:two.png:3", "0.5:scream")
    flags = [part for image in images for part in ("--style-image", image)]
    assert code_of("video", "in.mp4", "-o", "out.mp4", *flags, "--device", "cpu", "--end", "0.2", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["model"] == "bundled:any-fast"
    assert [each["styles"] for each in record["style_keyframes"]] == [{"one": 1.0}, {"two": 0.75, "scream": 0.25}]
    both = ("--style", "0:wave", "--style-image", "5:two.png")
    assert_refused(capsys, "--style and --style-image: give one of them", "video", "in.mp4", "-o", "b.mp4", *both)
    assert_refused(capsys, "no.png: ", "video", "in.mp4", "--style-image", "5:no.png")


@pytest.mark.parametrize("flag", ["--style", "--style-image"])
@pytest.mark.parametrize("command", [("webcam",), ("stylize", "photo.png")])
def test_other_commands_take_no_times(capsys: pytest.CaptureFixture[str], command: tuple[str, ...], flag: str) -> None:
    message = f"argument {flag}: '5s:scream' is a style with a time, which nst video alone takes; type scream"
    assert_refused(capsys, message, *command, flag, "5s:scream")


def test_the_report_compares_one_style(here: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = with_styles(model, "0:wave", "5:scream")
    assert_refused(capsys, "--report: paints nothing; leave --output out", *command, "--report")
    command = tuple(each for each in command if each not in ("-o", "out.mp4"))
    assert_refused(capsys, "--report: compares", *command, "--report")
