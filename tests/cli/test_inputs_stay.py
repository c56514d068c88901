"""No command replaces what it reads, by any file that it writes, under any name of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from moving_clips import pictures, write_clip
from PIL import Image

from nst_engine.models.find import bundled_models
from nst_engine.training.checkpoint import load_checkpoint

from .running import code_of, nst, painting, write

LINKS = ["the file itself", "a symbolic link", "a hard link", "another spelling"]


def picture(path: Path, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def another_name(path: Path, kind: str, name: str) -> str:
    """An argument that leads to the file."""
    other = path.parent / name
    if kind == "a symbolic link":
        other.symlink_to(path)
    elif kind == "a hard link":
        other.hardlink_to(path)
    else:
        return path.name if kind == "the file itself" else f"./{path.parent.name}/../{path.parent.name}/../{path.name}"
    return name


@pytest.mark.parametrize("kind", LINKS[:3])
def test_a_recording_does_not_replace_the_film_that_is_its_camera(tmp_path: Path, kind: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(5))
    before = clip.read_bytes()
    record = another_name(clip, kind, "other.mp4")
    completed = nst("webcam", "--camera", "clip.mp4", "--record", record, "--no-window", "--frames", 3, cwd=tmp_path)
    assert completed.returncode == 2
    assert "is the input clip.mp4, which would be lost" in completed.stderr
    assert clip.read_bytes() == before


@pytest.mark.parametrize("command", ["train", "add-style"])
def test_a_preview_does_not_replace_the_painting(tmp_path: Path, command: str) -> None:
    painting = picture(tmp_path / "mine.preview.png")
    painting = painting.rename(tmp_path / "mine.preview.jpg")
    before = painting.read_bytes()
    inputs = [f"{painting.name}:mine"] if command == "train" else [painting.name, "--name", "mine"]
    more = ["--photos", "."] if command == "train" else []
    completed = nst(command, *inputs, *more, "--steps", 1, "-o", "mine.onnx", "--overwrite", cwd=tmp_path)
    assert completed.returncode == 2
    assert "is the input" in completed.stderr
    assert painting.read_bytes() == before


@pytest.mark.parametrize("option", ["--output", "--plot", "--trace", "--sidecar", "--animation"])
@pytest.mark.parametrize("kind", ["a symbolic link", "a hard link"])
def test_no_record_of_an_optimisation_replaces_an_input(tmp_path: Path, option: str, kind: str) -> None:
    suffix = {"--output": ".png", "--plot": ".png", "--animation": ".gif"}.get(option, ".json")
    content = picture(tmp_path / "content.png")
    before = content.read_bytes()
    link = another_name(content, kind, f"link{suffix}")
    output = [] if option == "--output" else ["-o", "out.png"]
    completed = nst("optimize", "content.png", "--style", "great-wave", *output, option, link, cwd=tmp_path)
    assert completed.returncode == 2
    assert "is the input" in completed.stderr
    assert content.read_bytes() == before


@pytest.mark.parametrize("option", ["--trace", "--sidecar"])
def test_what_is_replayed_is_not_replaced(tmp_path: Path, option: str) -> None:
    picture(tmp_path / "content.png")
    few = ["--image-size", 48, "--num-iterations", 1]
    made = nst(
        "optimize", "content.png", "--style", "great-wave", *few, "-o", "a.png", "--sidecar", "a.json", cwd=tmp_path
    )
    assert made.returncode == 0, made.stderr
    before = (tmp_path / "a.json").read_bytes()
    completed = nst("optimize", "--replay", "a.json", "-o", "b.png", option, "a.json", cwd=tmp_path)
    assert completed.returncode == 2
    assert (tmp_path / "a.json").read_bytes() == before


@pytest.mark.parametrize("way", ["the snapshot is a link to the input", "the input is a link to the snapshot"])
def test_a_snapshot_does_not_replace_an_input_through_a_link(tmp_path: Path, way: str) -> None:
    snapshot, content = tmp_path / "o_00001.png", tmp_path / "content.png"
    link, real = (snapshot, content) if way.startswith("the snapshot") else (content, snapshot)
    picture(real)
    link.symlink_to(real)
    before = real.read_bytes()
    completed = nst("optimize", "content.png", "--style", "great-wave", "--save-every", 1, "-o", "o.png", cwd=tmp_path)
    assert completed.returncode == 2
    assert "A snapshot would replace it" in completed.stderr
    assert real.read_bytes() == before


@pytest.mark.parametrize("kind", ["style image", "model"])
@pytest.mark.parametrize("command", ["stylize", "video"])
def test_what_a_style_comes_from_stays(
    command: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "photo.png", painting(24, 24))
    suffix = ".gif" if command == "video" else ".png"
    read = tmp_path / ("model.onnx" if kind == "model" else "style.png")
    if kind == "model":
        read.write_bytes(bundled_models()["live"].path.read_bytes())
        options = ["--model", "model.onnx", "--style", "scream"]
    else:
        write(read, painting(24, 24, seed=1))
        options = ["--style-image", "style.png"]
    before = read.read_bytes()
    source = "photo.png"
    if command == "video":
        (tmp_path / "frames").mkdir()
        write(tmp_path / "frames" / "1.png", painting(24, 24))
        source = "frames/%d.png"
    output = tmp_path / f"link{suffix}"
    output.symlink_to(read)
    assert code_of(command, source, *options, "-o", output.name) == 2
    assert "is the input" in capsys.readouterr().err
    assert read.read_bytes() == before


SMALL = ["--steps", 1, "--batch-size", 1, "--styles-per-photo", 1, "--crop-px", 64, "--style-size-px", 64]
LEFT = ["losses.png", "trace.json", "left_out.json", "preview-000001.jpg"]


def test_a_training_writes_through_no_link_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    photo = picture(tmp_path / "photos" / "1.png")
    before = photo.read_bytes()
    (tmp_path / "mine.training").mkdir()
    for name in LEFT:
        (tmp_path / "mine.training" / name).symlink_to(photo)
    assert code_of(*trained(tmp_path, tmp_path / "photos", tmp_path / "mine.onnx")) == 0
    assert photo.read_bytes() == before
    assert not any((tmp_path / "mine.training" / name).is_symlink() for name in LEFT)


def trained(folder: Path, photos: Path, output: Path, *more: object) -> list[object]:
    painting = folder / "painting.png"
    if not painting.exists():
        picture(painting, seed=1)
    return ["train", f"{painting}:mine", "--photos", photos, *SMALL, "-o", output, *more]


@pytest.mark.parametrize("name", ["losses.png", "preview-000001.jpg"])
@pytest.mark.parametrize("command", ["train", "add-style", "train-any"])
def test_a_training_replaces_no_photo_in_its_folder(
    tmp_path: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    photo = picture(tmp_path / "photos" / name)
    before = photo.read_bytes()
    picture(tmp_path / "painting.png", seed=1)
    named = {"train": f"{tmp_path / 'painting.png'}:a", "add-style": tmp_path / "painting.png"}
    inputs = [named[command]] if command in named else []
    photos = tmp_path / "photos"
    code = code_of(command, *inputs, "--photos", photos, "--folder", photos, *SMALL, "-o", tmp_path / "mine.onnx")
    assert code == 2
    assert f"{name}: a training writes such a file" in capsys.readouterr().err
    assert photo.read_bytes() == before


@pytest.mark.parametrize("kind", ["a symbolic link", "a hard link"])
def test_a_preview_replaces_no_photo(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    photo = picture(tmp_path / "photos" / "1.png")
    before = photo.read_bytes()
    link = tmp_path / "mine.preview.jpg"
    link.symlink_to(photo) if kind == "a symbolic link" else link.hardlink_to(photo)
    command = trained(tmp_path, tmp_path / "photos", tmp_path / "mine.onnx")
    assert code_of(*command) == 2
    assert "mine.preview.jpg is there already" in capsys.readouterr().err
    assert code_of(*command, "--overwrite") == 2
    assert "is the input" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_what_a_training_has_left_among_the_photos_is_not_learnt_from(tmp_path: Path) -> None:
    """Who keeps photos and model in one folder goes on without its previews."""
    picture(tmp_path / "1.png")
    assert code_of(*trained(tmp_path, tmp_path, tmp_path / "mine.onnx")) == 0
    assert (tmp_path / "mine.training" / "preview-000001.jpg").is_file()
    again = trained(tmp_path, tmp_path, tmp_path / "mine.onnx", "--resume", "--overwrite")
    assert code_of(*again, "--steps", 2) == 0
    checkpoint = load_checkpoint(tmp_path / "mine.training" / "checkpoint.safetensors")
    assert (checkpoint.step, checkpoint.training["photos"]) == (2, 2)  # the painting lies there, too
