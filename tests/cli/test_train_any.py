"""`nst train-any` as it is typed; a few steps on a few photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.training import load_any_style

from .running import assert_refused, code_of, painting, pixels_of, write

SMALL = ("--crop-px", "64", "--style-size-px", "64", "--batch-size", "2", "--precision", "float32", "--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_first_pictures: None) -> Path:
    """The folder in which the command is typed, with two photos and two folders of paintings."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "styles", "more"):
        (tmp_path / name).mkdir()
    for name in ("coffee", "astronaut"):
        (tmp_path / "photos" / f"{name}.jpg").write_bytes(bundled_contents()[name].path.read_bytes())
    (tmp_path / "styles" / "wave.jpg").write_bytes(bundled_styles()["great-wave"].path.read_bytes())
    write(tmp_path / "more" / "mine.png", painting(80, 100))
    return tmp_path


def test_a_network_is_trained_written_and_painted_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("train-any", "-o", "my.onnx", "--photos", "photos", "--styles", "styles", "--styles", "more", *SMALL)
    assert code_of(*command, "--steps", "3", "--licence", "CC0-1.0") == 0
    said = capsys.readouterr()
    assert "my.onnx: paints in the style of any picture" in said.out
    assert "my-encoder.onnx" in said.out
    assert "undertrained: " in said.err
    assert "--resume" in said.err
    stylizer = Stylizer(folder / "my.onnx", device="cpu")
    assert stylizer.spec.style is not None
    assert (stylizer.spec.style.predict, stylizer.spec.licence) == ("my-encoder.onnx", "CC0-1.0")
    assert stylizer.spec.training["steps_made"] == 3
    photo = painting(60, 70)
    stylized = [
        stylizer.stylize(photo, style).pixels.astype(int) for style in (painting(50, 50)[::-1].copy(), "scream")
    ]
    assert stylized[0].shape == photo.shape
    assert int(np.abs(stylized[0] - stylized[1]).max()) > 0
    assert pixels_of(folder / "my.preview.jpg").ndim == 3
    checkpoint = folder / "my.training" / "checkpoint.safetensors"
    assert load_any_style(checkpoint).arch == "any-fast"
    assert code_of(*command, "--steps", 4) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert code_of(*command, "--steps", 4, "--resume", "--overwrite") == 0, capsys.readouterr().err
    assert Stylizer(folder / "my.onnx", device="cpu").spec.training["steps_made"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "m.onnx", "--photos", "nothing", "--steps", "1"), "--photos takes a folder"),
        (("-o", "m.onnx", "--photos", "photos", "--styles", "nothing", "--steps", "1"), "--styles takes a folder"),
        (("-o", "m.onnx", "--photos", "photos"), "--minutes"),
        (("-o", "m.pt", "--photos", "photos", "--steps", "1"), "--output m.onnx"),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "0"), "--steps: 0"),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--small-until", "2"), "--small-until: 2"),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--device", "cuda"), "cuda"),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--resume"), "no checkpoint to go on from"),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--start-from", "bundled:none"), "bundled:none"),
        (
            ("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--start-from", "no.safetensors"),
            "no such file",
        ),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--start-from", "bundled:any"), "--arch"),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--start-from", "bundled:quality"), "--arch"),
        (("-o", "m.onnx", "--photos", "photos", "--steps", "1", "--start-from", "m.onnx", "--overwrite"), "m.onnx"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert_refused(capsys, message, "train-any", *arguments)
    assert not list(folder.glob("*.onnx"))
