"""`nst export` and `nst models`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from nst_engine import Stylizer, load_image
from nst_engine.catalogue import bundled_contents
from nst_engine.exporting.stylizer import checkpoint_of
from nst_engine.image.likeness import psnr_db
from nst_engine.models.find import find_model
from nst_engine.runtimes.openvino.loader import openvino_core
from nst_engine.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

from .running import assert_refused, code_of, nst

PHOTO = load_image(bundled_contents()["coffee"].path, max_side=200).pixels


@pytest.fixture(scope="module")
def seventeen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`live` with a style more, as `add-style` leaves it: that of scream and poppies."""
    base = checkpoint_of(find_model("bundled:live").path)
    grown = {
        key: value
        if len(value) != len(base.styles) or value.ndim < 2
        else np.concatenate([value, value[[7]] / 2 + value[[6]] / 2])
        for key, value in ((key, value.numpy()) for key, value in base.averaged.items())
    }
    import torch

    weights = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in grown.items()}
    path = tmp_path_factory.mktemp("grown") / "checkpoint.safetensors"
    save_checkpoint(path, Checkpoint(base.arch, [*base.styles, "both"], weights, weights, training=dict(base.training)))
    return path


def test_every_form_paints_the_same_and_keeps_all_styles(seventeen: Path, tmp_path: Path) -> None:
    assert code_of("export", seventeen, "-o", tmp_path / "numbers.onnx") == 0
    stylizer = Stylizer(tmp_path / "numbers.onnx", device="cpu", backend="onnxruntime")
    assert len(stylizer.styles) == 17
    expected = stylizer.stylize(PHOTO, "both").pixels

    model = tmp_path / "numbers.onnx"
    assert code_of("export", model, "--format", "onnx-uint8", "-o", tmp_path / "bytes.onnx") == 0
    in_bytes = Stylizer(tmp_path / "bytes.onnx", device="cpu", backend="onnxruntime")
    assert in_bytes.styles == stylizer.styles
    assert psnr_db(in_bytes.stylize(PHOTO, "both").pixels, expected) > 50

    (tmp_path / ".float32.onnx").write_bytes(b"somebody's own")
    for precision, least in (("float32", 50), ("float16", 40)):
        output = tmp_path / f"{precision}.xml"
        assert code_of("export", model, "--format", "openvino", "--precision", precision, "-o", output) == 0
        compiled = openvino_core().compile_model(output, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        weights = np.eye(17, dtype=np.float32)[[16]]
        (result,) = compiled({"image": PHOTO[np.newaxis], "style_weights": weights}).values()
        assert psnr_db(result[0], expected) > least
    assert (tmp_path / ".float32.onnx").read_bytes() == b"somebody's own"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(".float32.onnx", "bytes.onnx", "float16.bin", "float16.xml", "float32.bin", "float32.xml", "numbers.onnx")
    ]


def test_the_licence_stays_or_is_another(tmp_path: Path) -> None:
    for licence, options in (("MIT", []), ("CC0", ["--licence", "CC0"])):
        output = tmp_path / f"{licence}.onnx"
        assert code_of("export", "bundled:live", "-o", output, *options) == 0
        metadata = {entry.key: entry.value for entry in onnx.load(output).metadata_props}
        assert json.loads(metadata["nst_engine"])["licence"] == licence


def test_a_checkpoint_of_another_network_is_refused(
    seventeen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = load_checkpoint(seventeen)
    path = tmp_path / "short.safetensors"
    save_checkpoint(path, replace(whole, styles=whole.styles[:-1]))
    message = "the checkpoint of network 'live': "
    assert_refused(capsys, message, "export", path, "-o", tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundled:live", "-o", "m.xml"], "ends in .onnx"),
        (["bundled:live", "--format", "openvino", "-o", "m.onnx"], "ends in .xml"),
        (["bundled:live", "--format", "openvino", "--precision", "int8", "-o", "m.xml"], "--precision float16"),
        (["bundled:any", "-o", "m.onnx"], "it is ONNX already: other programs take the file as it is"),
        (["bundled:quality-int8", "-o", "m.onnx"], "is quantised, and its weights cannot be had back; take"),
        (["bundled:liv", "-o", "m.onnx"], "did you mean"),
        (["nothing.safetensors", "-o", "m.onnx"], "nothing.safetensors"),
        (["bundled:live", "-o", "there.onnx"], "is there already"),
        (["there.onnx", "--overwrite", "-o", "there.onnx"], "is the input"),
        (["bundled:live", "-o", "no/m.onnx"], "mkdir -p no"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.onnx").write_bytes(b"mine")
    assert_refused(capsys, message, "export", *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["there.onnx"]
    assert (tmp_path / "there.onnx").read_bytes() == b"mine"


def test_models_are_listed_with_what_they_take(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "no.onnx", "PNG")
    completed = nst("models", "--json", tmp_path, cwd=tmp_path)
    listed = {each["name"]: each for each in json.loads(completed.stdout)}
    live = listed["bundled:live"]
    assert live["path"] == str(find_model("bundled:live").path)
    assert live["takes"] == "float32 N×3×H×W, RGB, 0 to 1"
    assert "great-wave" in live["styles"]
    assert not live["any_style"]
    assert listed["bundled:any"]["any_style"]
    assert listed["bundled:live-uint8"]["takes"] == "uint8 N×H×W×3, RGB, 0 to 255"
    assert "no ONNX model" in listed[str(tmp_path / "no.onnx")]["error"]
    listing = nst("models", cwd=tmp_path)
    assert "16 styles: auvers" in listing.stdout
    for name in ("live", "bundled:live"):  # is among them already
        assert nst("models", name, cwd=tmp_path).stdout == listing.stdout
    for place, message in (("nowhere", "no such file"), ("no.onnx", "no ONNX model")):
        refused = nst("models", place, cwd=tmp_path)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert message in refused.stderr
    assert json.loads(nst("info", "--json", cwd=tmp_path).stdout)["model_files"]["bundled:live"] == live["path"]
