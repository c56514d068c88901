"""Any picture as the style, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from moving_clips import pictures, write_clip

from nst_engine import Stylizer
from nst_engine.cli.style_arguments import weighted_files
from nst_engine.errors import OptionError

from .running import assert_refused, code_of, nst, painting, pixels_of, write

FAST = ("--model", "any-fast", "--device", "cpu")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command is typed in, with a photo and two style images."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "photo.png", painting(61, 83))
    write(tmp_path / "red.png", painting(70, 90, seed=1) // 2 + np.array((120, 0, 0), np.uint8))
    write(tmp_path / "blue.png", painting(90, 70, seed=2) // 2 + np.array((0, 0, 120), np.uint8))
    return tmp_path


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer("bundled:any-fast", device="cpu")


def test_a_photo_is_painted_by_default_with_the_best_model(here: Path) -> None:
    completed = nst("stylize", "photo.png", "--style-image", "red.png", "--device", "cpu", cwd=here)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("photo_red.png: 83×61 px in ")
    assert "by bundled:any on" in completed.stdout
    expected = Stylizer("bundled:any", device="cpu").stylize("photo.png", "red.png").pixels
    np.testing.assert_array_equal(pixels_of(here / "photo_red.png"), expected)


def test_a_style_that_was_encoded_before_paints_the_same(here: Path, stylizer: Stylizer) -> None:
    completed = nst("encode-style", "red.png", "--name", "my red", *FAST, cwd=here)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout == "red.safetensors: my red, 97 numbers for bundled:any-fast\n"
    images = ("--style-image", "red.safetensors:3", "--style-image", "great-wave:1")
    completed = nst("stylize", "photo.png", *images, "-o", "p.png", "--json", *FAST, cwd=here)
    assert completed.returncode == 0, completed.stderr
    record = json.loads(completed.stdout)
    assert record["styles"] == {"my red": 0.75, "great-wave": 0.25}
    assert record["model"] == "bundled:any-fast"
    expected = stylizer.stylize("photo.png", {"red.png": 0.75, "great-wave": 0.25}).pixels
    np.testing.assert_array_equal(pixels_of(here / "p.png"), expected)


def test_bundled_paintings_and_folders_work_as_with_fixed_styles(here: Path) -> None:
    (here / "photos").mkdir()
    for name in ("one.png", "two.png"):
        write(here / "photos" / name, painting(50, 64))
    assert code_of("stylize", "photos", "--style", "scream:0.5,auvers:0.5", "-o", "out", *FAST) == 0
    assert code_of("stylize", "photos", "--style-image", "blue.png", "-o", "out", *FAST) == 0
    names = sorted(path.name for path in (here / "out").iterdir())
    assert names == ["one_blue.png", "one_scream+auvers.png", "two_blue.png", "two_scream+auvers.png"]


def test_pipes_take_style_images(here: Path, stylizer: Stylizer, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert code_of("stylize", "photo.png", "--style-image", "red.png", "-o", "-", *FAST) == 0
    (here / "piped.png").write_bytes(capfdbinary.readouterr().out)
    np.testing.assert_array_equal(pixels_of(here / "piped.png"), stylizer.stylize("photo.png", "red.png").pixels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--style", "red.png"), "type --style-image red.png; or teach a network: nst add-style red.png"),
        (("--style", "red.png", *FAST), "to paint in the style of any picture, type --style-image red.png"),
        (("--style", "scream", "--style-image", "red.png"), "--style and --style-image: give one of them"),
        (("--style-image", "nosuch.png"), "nosuch.png: neither a file nor a bundled style"),
        (("--style-image", "red.png", "--model", "bundled:quality"), "holds its styles and reads no others; leave"),
        (("--style-image", "red.png:0", *FAST), "the weights sum to 0"),
        (("--style-image", "red.png:-1", *FAST), "a weight is -1.0"),
        (("--style-image", ":2", *FAST), "a file is missing"),
        (("--style-image", "bad.jpg", *FAST), "bad.jpg"),
        (("--style-image", "bad.safetensors", *FAST), "no style embedding; make it again: nst encode-style"),
        (("--style-image", "clear.png", *FAST), "is transparent everywhere"),
        (FAST, "style: none came; give a style image"),
        (("--style", "nosuch", *FAST), "nosuch"),
    ],
)
def test_bad_input_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    (here / "bad.jpg").write_bytes(b"no picture")
    (here / "bad.safetensors").write_bytes(b"no embedding")
    write(here / "clear.png", np.zeros((8, 8, 4), np.uint8))
    before = set(here.iterdir())
    assert_refused(capsys, message, "stylize", "photo.png", *arguments)
    assert set(here.iterdir()) == before


def test_an_embedding_of_another_model_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("encode-style", "red.png", *FAST) == 0
    assert code_of("stylize", "photo.png", "--style-image", "red.safetensors") == 2
    assert "is bundled:any-fast's, which bundled:any cannot read; use that model, or" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("red.png", "-o", "red.jpg"), "wanted one of .safetensors"),
        (("red.png", "--model", "bundled:live"), "bundled:live holds its styles and reads no others"),
        (("nosuch.png",), "neither a file nor a bundled style"),
        (("red.png", "-o", "nowhere/red.safetensors"), "nowhere"),
    ],
)
def test_what_cannot_be_encoded_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert_refused(capsys, message, "encode-style", *arguments)
    assert not list(here.glob("*.safetensors"))


def test_weights_stand_behind_the_last_colon(here: Path) -> None:
    write(here / "a:1", painting(8, 8), format="PNG")
    texts = ["red.png", "red.png:0.7", "a:1", r"C:\red.png", "red.png:much"]
    assert weighted_files(texts) == [
        ("red.png", 1.0),
        ("red.png", 0.7),
        ("a:1", 1.0),
        (r"C:\red.png", 1.0),
        ("red.png:much", 1.0),
    ]
    with pytest.raises(OptionError, match="a file is missing"):
        weighted_files([":0.5"])


def test_a_video_is_painted_and_gone_on_with_in_the_same_style_only(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(here / "in.mp4", pictures(8))
    assert code_of("video", "in.mp4", "--style-image", "red.png", "--device", "cpu", "--stability", "off") == 0
    assert "by bundled:any-fast on" in capsys.readouterr().out
    assert (here / "in_red.mp4").stat().st_size > 0
    assert code_of("video", "in.mp4", "--style-image", "red.png", "--report", "--max-side", "64") == 0
    assert code_of("video", "in.mp4", "--style", "red.png", "-o", "out.mp4") == 2
    assert "type --style-image red.png" in capsys.readouterr().err


def test_a_webcam_begins_with_the_style_images(here: Path) -> None:
    write_clip(here / "in.mp4", pictures(30))
    images = ("--style-image", "red.png:1", "--style-image", "blue.png:3")
    camera = ("--camera", "in.mp4", "--no-window", "--frames", "4", "--json", "--stability", "off")
    completed = nst("webcam", *images, *camera, "--device", "cpu", cwd=here)
    assert completed.returncode == 0, completed.stderr
    statistics = json.loads(completed.stdout)
    assert (statistics["frames"], statistics["model"]) == (4, "bundled:any-fast")
    assert statistics["styles"] == {"red": 0.25, "blue": 0.75}


def test_other_commands_know_models_for_any_style(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("styles", "--model", "bundled:any-fast", "--device", "cpu") == 0
    assert capsys.readouterr().out.endswith("--style-image painting.jpg\n")
    assert code_of("styles", "--model", "bundled:any-fast", "--sheet", "s.jpg", "--photo", "photo.png") == 0
    assert code_of("info") == 0
    assert "bundled:any-fast" in capsys.readouterr().out
    assert code_of("add-style", "red.png", "-o", "mine.onnx", "--model", "bundled:any") == 2
    assert "takes any painting as it is (nst stylize --style-image)" in capsys.readouterr().err


def test_the_bench_runs_them(here: Path) -> None:
    backends = ("onnxruntime-cpu", "openvino")
    flags = [each for backend in backends for each in ("--backend", backend)]
    short = ("--sizes", "96x64", "--seconds", "0.05", "-o", "a.json")
    completed = nst("bench", "--model", "bundled:any-fast", *short, *flags, cwd=here)
    assert completed.returncode == 0, completed.stderr
    measured = {row["case"]["backend"]: row for row in json.loads((here / "a.json").read_text())["rows"]}
    assert {name for name, row in measured.items() if row["times_ms"]} == set(backends)
    assert not any(row["is_wrong"] for row in measured.values())
