"""`nst train` and `nst add-style` as they are typed; a few steps on a few photos."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents, bundled_styles, content_path
from nst_engine.cli import training_run
from nst_engine.training import TrainProgress, load_any_style, load_checkpoint

from .running import assert_refused, code_of, nst, painting, pixels_of, write

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
SMALL = (
    *("--crop-px", "64", "--style-size-px", "96", "--batch-size", "2", "--precision", "float32", "--device", "cpu"),
    *("--likeness-weight", "0"),  # pieces of 112 px take longer than all else of such a step
)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two photos, in the folder in which the command is typed."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("coffee", "astronaut"):
        (folder / f"{name}.jpg").write_bytes(bundled_contents()[name].path.read_bytes())
    return folder


def test_photos_that_are_left_out_are_told(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(8):  # so many that one is drawn at once
        write(photos / f"ribbon{number}.png", painting(5, 900))
    for command in (("train", "scream"), ("add-style", content_path("chelsea"))):
        assert code_of(*command, "-o", f"{command[0]}.onnx", "--photos", photos, "--steps", "2", *SMALL) == 0
        assert f"of the photos could not be learnt from; why: {command[0]}.training/left_out.json" in (
            capsys.readouterr().err.replace("\n", " ")
        )
        reasons = json.loads((tmp_path / f"{command[0]}.training" / "left_out.json").read_text(encoding="utf-8"))
        assert all("too thin: 512x3 px" in reason for reason in reasons.values())


def test_a_network_is_trained_written_and_painted_with(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write(tmp_path / "my painting.png", painting(80, 100))
    command = ("train", own, "scream", "-o", "my.onnx", "--photos", photos, "--steps", "2", *SMALL)
    completed = nst(*command, "--likeness-weight", "1", "--licence", "CC0-1.0", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert "my.onnx: 2 styles" in completed.stdout
    assert "undertrained: " in completed.stderr
    assert "more --steps, --resume and --overwrite" in completed.stderr
    stylizer = Stylizer(tmp_path / "my.onnx", device="cpu")
    assert stylizer.styles == ("my painting", "scream")
    assert stylizer.spec.licence == "CC0-1.0"
    assert stylizer.spec.training["steps_made"] == 2
    stylized = stylizer.stylize(painting(50, 40), "scream")
    assert stylized.pixels.shape == (50, 40, 3)
    assert pixels_of(tmp_path / "my.preview.jpg").ndim == 3
    assert (tmp_path / "my.training" / "checkpoint.safetensors").exists()
    assert code_of(*command) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert code_of(*command, "--resume", "--overwrite", "--likeness-weight", "1") == 0
    said = capsys.readouterr().err.replace("\n", " ")
    assert "nothing was left to train: all of its 2 steps were made before" in said
    assert "undertrained: " in said


@pytest.mark.parametrize(
    "command",
    [("train", "scream"), ("add-style", content_path("chelsea")), ("train-any", "--start-from", "bundled:any-fast")],
)
@pytest.mark.usefixtures("few_first_pictures")
def test_faces_in_the_photos_are_learnt(
    tmp_path: Path, photos: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "faces.json").write_text('{"astronaut.jpg": [[170, 60, 110, 140]]}')
    typed = (*command, "-o", "my.onnx", "--photos", photos, "--steps", "2", *SMALL)
    assert_refused(capsys, "--face-weight came without --faces", *typed, "--face-weight", "4")
    assert code_of(*typed, "--faces", "faces.json", "--face-weight", "4") == 0, capsys.readouterr().err
    learnt = load_any_style if command[0] == "train-any" else load_checkpoint
    training = learnt(tmp_path / "my.training" / "checkpoint.safetensors").training
    training = training["added"][-1] if command[0] == "add-style" else training
    assert training["face_weight"] == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_is_resumed(
    tmp_path: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    command = ("train", "scream", "-o", "m.onnx", "--photos", photos, *SMALL)
    original = training_run.TrainingDisplay.__call__

    def interrupting(display: training_run.TrainingDisplay, progress: TrainProgress) -> bool:
        original(display, progress)
        if progress.step == 2:
            os.kill(os.getpid(), number)
        return original(display, progress)

    with monkeypatch.context() as patched:
        patched.setattr(training_run.TrainingDisplay, "__call__", interrupting)
        assert code_of(*command, "--steps", 100_000) == 128 + number
    assert "--resume" in capsys.readouterr().err
    assert not (tmp_path / "m.onnx").exists()
    assert load_checkpoint(tmp_path / "m.training" / "checkpoint.safetensors").step == 2
    assert code_of(*command, "--steps", 4, "--resume") == 0, capsys.readouterr().err
    assert Stylizer(tmp_path / "m.onnx").spec.training["steps_made"] == 4


def test_a_style_is_added_to_a_bundled_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = write(tmp_path / "mine.png", painting(90, 90))
    assert code_of("add-style", own, "-o", "more.onnx", "--steps", 3, *SMALL) == 0, capsys.readouterr().err
    grown, base = Stylizer(tmp_path / "more.onnx", device="cpu"), Stylizer("bundled:live", device="cpu")
    assert grown.styles == (*bundled_styles(), "mine")
    photo = painting(64, 64)
    before = base.stylize(photo, "scream").pixels.astype(int)
    assert int(np.abs(grown.stylize(photo, "scream").pixels - before).max()) <= 1
    assert float(np.abs(grown.stylize(photo, "mine").pixels - before).mean()) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "scream", "-o", "m.onnx", "--photos", "nothing", "--steps", "1"), "nothing: no such folder"),
        (("train", "scream", "-o", "m.onnx", "--photos", "."), "--minutes"),
        (("train", "scream", "-o", "m.pt", "--photos", ".", "--steps", "1"), "--output m.onnx"),
        (("train", "scream", "-o", "no/m.onnx", "--photos", ".", "--steps", "1"), "mkdir -p no"),
        (("train", "screem", "-o", "m.onnx", "--photos", ".", "--steps", "1"), "did you mean scream"),
        (("train", "scream", "scream", "-o", "m.onnx", "--photos", ".", "--steps", "1"), "FILE:NAME"),
        (("train", "scream", "-o", "m.onnx", "--photos", ".", "--steps", "1", "--device", "cuda"), "cuda"),
        (
            ("train", "scream", "-o", "m.onnx", "--photos", "photos", "--steps", "1", "--start-from", "live"),
            "the same paintings in the same order",
        ),
        (("add-style", "scream", "-o", "m.onnx"), "--name"),
        (("add-style", "nothing.jpg", "-o", "m.onnx"), "nothing.jpg"),
        (("add-style", "p.png", "-o", "m.onnx", "--model", "p.png"), "p.png"),
        (("add-style", "p.png", "-o", "m.onnx", "--model", "any"), "takes any painting as it is"),
        (("add-style", "thin.png", "-o", "m.onnx", "--steps", "1"), "thin.png is too thin: 512x1 px"),
        (("train", "thin.png", "-o", "m.onnx", "--photos", "photos", "--steps", "1"), "thin.png is too thin"),
        (("add-style", "tiny.png", "-o", "m.onnx", "--steps", "1"), "tiny.png has 16×16 px, too few"),
        (("add-style", "flat.png", "-o", "m.onnx", "--steps", "1"), "flat.png has one colour only"),
        (("add-style", "clear.png", "-o", "m.onnx", "--steps", "1"), "clear.png: is transparent everywhere"),
        (("add-style", "p.png", "-o", "m.onnx", "--name", ""), "'' came as a style's name"),
        (
            ("train", "scream", "-o", "m.onnx", "--photos", "photos", "--steps", "½"),
            "wanted a whole number from 1 to 1000",
        ),
        (("train", "scream", "-o", "", "--photos", "photos", "--steps", "1"), "'' came; wanted the name of a file"),
        (("train-any", "-o", ".", "--photos", "photos", "--steps", "1"), "'.' came; wanted the name of a file"),
        (("add-style", "p.png", "-o", "m.onnx", "--photos", ""), "'' came; wanted a path"),
        (("train-any", "-o", "m.onnx", "--photos", "photos", "--styles", "", "--steps", "1"), "'' came; wanted a path"),
        (("train", "scream", "-o", ".onnx", "--photos", "photos", "--steps", "1"), "use --output model.onnx"),
        (
            ("train", "scream", "-o", "m.onnx", "--photos", "photos", "--steps", "1", "--faces", "none.json"),
            "none.json: cannot be read as JSON",
        ),
        (
            ("train", "p.png", "-o", "m.onnx", "--photos", "photos", "--steps", "1", "--folder", "p.png"),
            "p.png: cannot be made (File exists); choose another --folder",
        ),
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
    write(tmp_path / "p.png", painting(64, 64))
    write(tmp_path / "thin.png", painting(4, 3000))
    write(tmp_path / "tiny.png", painting(16, 16))
    write(tmp_path / "flat.png", np.full((40, 30, 3), 200, np.uint8))
    write(tmp_path / "clear.png", np.dstack([painting(64, 64), np.zeros((64, 64), np.uint8)]))
    (tmp_path / "photos").mkdir()
    write(tmp_path / "photos" / "a.png", painting(64, 64))
    assert_refused(capsys, message, *arguments)
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize("command", [("train", "scream"), ("train-any",), ("add-style", "scream")])
@pytest.mark.parametrize(
    "options",
    [
        ("--learning-rate", "1e308"),
        ("--style-weight", "1e308"),
        ("--minutes", "1e300"),
        ("--steps", "9" * 400),
        ("--seed", "-1"),
        ("--seed", "9" * 30),
    ],
)
def test_absurd_numbers_are_refused_before_any_work(
    photos: Path, command: tuple[str, ...], options: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    length = () if options[0] in ("--minutes", "--steps") else ("--steps", "1")
    message = f"{options[0]}: "
    assert_refused(capsys, message, *command, "-o", "my.onnx", "--photos", photos, *length, *options)
    assert [path.name for path in photos.parent.iterdir()] == ["photos"]


def test_the_largest_seed_is_one(photos: Path, tmp_path: Path) -> None:
    seed = ("--seed", 2**63 - 1)
    command = ("train", "scream", "-o", "my.onnx", "--photos", photos, "--steps", "2", *SMALL, *seed)
    assert code_of(*command) == 0
    assert (tmp_path / "my.onnx").exists()


def test_what_was_measured_of_trainings_is_what_is_said(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines at the start of a training, against the files that the figures are from."""
    adding = json.loads((RESULTS / "add_style.json").read_text(encoding="utf-8"))
    distances = [each["style_distance"] for each in adding["paintings"]]
    own, said = adding["own_styles_mean"]["style_distance"], training_run.MEASURED_ADDING
    assert (adding["model"], adding["machine"]["cores"]) == ("live", 2)
    assert f"{adding['minutes']:g} minutes on two cores of an {adding['machine']['cpu']}" in said
    assert f"{min(distances):.2f} to {max(distances):.2f} " in said
    assert f"({own:.2f})" in said
    slower = json.loads((RESULTS / "avx2" / "add_style.json").read_text(encoding="utf-8"))
    assert slower["machine"]["instruction_sets"] == ["avx2", "fma", "f16c"]
    distances = [each["style_distance"] for each in slower["paintings"]]
    assert f"two with AVX2 alone to {min(distances):.2f} to {max(distances):.2f}" in said
    assert f"{own:.2f} from its paintings" in training_run.MEASURED_TRAINING
    readme = (RESULTS.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"| any-fast | {training_run.MEASURED_ANY.partition('is ')[2][:4]}" in readme
    assert code_of("add-style", content_path("chelsea"), "-o", "own.onnx", "--steps", "2", *SMALL) == 0
    assert f"training for 2 steps, 2 pictures a step; measured (style distance): {said}\n" in capsys.readouterr().err
