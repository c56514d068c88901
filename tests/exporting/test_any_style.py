"""Networks for any style from checkpoint to model files, which the engine runs."""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nst_engine import Stylizer
from nst_engine.errors import ModelChecksumError, ModelNotFoundError, ModelParityError
from nst_engine.exporting.any_style import ENCODER_FILE, any_style_of_model, export_any_style, network_of_model
from nst_engine.exporting.stylizer import checkpoint_of
from nst_engine.models.find import bundled_models, find_model
from nst_engine.networks.style_encoder import StyleEncoder
from nst_engine.networks.stylizer_net import StylizerNet, architecture
from nst_engine.training import load_any_style
from nst_engine.training.checkpoint import ANY_STYLE_FORMAT, Checkpoint

EXPORT = Path(__file__).parents[2] / "export"
NUMBERS = 96


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    stylizer, encoder = StylizerNet(architecture("any-fast"), NUMBERS + 1), StyleEncoder(NUMBERS)
    for parameter in stylizer.parameters():
        parameter.data += 0.03 * torch.randn_like(parameter)
    tensors = {f"stylizer.{name}": value for name, value in stylizer.state_dict().items()}
    tensors |= {f"encoder.{name}": value.contiguous() for name, value in encoder.state_dict().items()}
    metadata = {"arch": "any-fast", "training": {"steps": 3}}
    path = tmp_path_factory.mktemp("checkpoint") / "any-fast.safetensors"
    save_file(tensors, path, {"format": ANY_STYLE_FORMAT, "nst_engine": json.dumps(metadata)})
    return path


def test_the_script_writes_models_that_the_engine_runs(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(EXPORT))
    typed = [str(checkpoint), "-o", str(tmp_path), "--in-8-bits", "any-fast", "--licence", "CC0"]
    monkeypatch.setattr(sys, "argv", ["export_any_style.py", *typed])
    with pytest.raises(SystemExit) as leaving:
        runpy.run_path(str(EXPORT / "export_any_style.py"), run_name="__main__")
    assert leaving.value.code == 0
    assert capsys.readouterr().out.count("differs from torch by") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"any-fast.onnx", ENCODER_FILE}
    stylizer = Stylizer(tmp_path / "any-fast.onnx", device="cpu")
    assert stylizer.spec.style is not None
    assert (stylizer.spec.style.numbers, stylizer.spec.licence) == (NUMBERS + 1, "CC0")
    assert stylizer.spec.training == {"steps": 3}
    picture = np.random.default_rng(0).integers(0, 256, (70, 80, 3), dtype=np.uint8)
    assert stylizer.stylize(picture, picture[:, ::-1].copy()).pixels.shape == picture.shape


def test_nothing_is_written_where_something_is_wrong(checkpoint: Path, tmp_path: Path) -> None:
    good = load_any_style(checkpoint)
    broken: dict[str, Any] = dict(good.encoder)
    broken["first.bias"] = torch.full_like(broken["first.bias"], torch.nan)
    with pytest.raises(ModelParityError, match=ENCODER_FILE):
        export_any_style([replace(good, encoder=broken)], tmp_path, {}, "MIT")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["stylizer.down2.weight", "encoder.first.bias", "encoder.last.bias"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_checkpoint_of_another_network_is_refused(
    checkpoint: Path, tmp_path: Path, name: str, is_missing: bool
) -> None:
    good = load_any_style(checkpoint)
    part, _, weight = name.partition(".")
    weights: Any = dict(getattr(good, part))
    weights[weight] = torch.zeros(3)
    if is_missing:
        del weights[weight]
    broken = replace(good, stylizer=weights) if part == "stylizer" else replace(good, encoder=weights)
    with pytest.raises(ModelChecksumError, match=r"the checkpoint of network 'any-fast': .*damaged, or of another"):
        export_any_style([good, broken], tmp_path, {}, "MIT")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no such file"):
        load_any_style(tmp_path / "none.safetensors")
    path = tmp_path / "it.safetensors"
    for content in (b"", checkpoint.read_bytes()[:1000]):
        path.write_bytes(content)
        with pytest.raises(ModelChecksumError, match="truncated or damaged"):
            load_any_style(path)
    save_file({"stylizer.x": torch.zeros(1)}, path, {"format": "another"})
    with pytest.raises(ModelChecksumError, match="its format is not"):
        load_any_style(path)
    for metadata in ("[]", "{}", '{"arch": "any", "else": 1}'):
        save_file({"stylizer.x": torch.zeros(1)}, path, {"format": ANY_STYLE_FORMAT, "nst_engine": metadata})
        with pytest.raises(ModelChecksumError, match="its description is damaged"):
            load_any_style(path)


@pytest.mark.parametrize("bits", [8, 16])
def test_what_files_keep_is_read_back(checkpoint: Path, tmp_path: Path, bits: Any) -> None:
    source = load_any_style(checkpoint)
    export_any_style([source], tmp_path, {"any-fast": bits}, "MIT", names={"any-fast": "mine"}, encoder_file="eye.onnx")
    result = network_of_model(find_model(tmp_path / "mine.onnx"))
    assert not isinstance(result, Checkpoint)
    assert result.arch == "any-fast"
    for part in ("stylizer", "encoder"):
        before, after = getattr(source, part), getattr(result, part)
        assert before.keys() == after.keys()
        for name, value in before.items():
            assert float((after[name] - value).norm()) <= 0.015 * float(value.norm()) + 1e-6, name
    # what was read back is kept as it is
    export_any_style(
        [result], tmp_path, {"any-fast": bits}, "MIT", names={"any-fast": "again"}, encoder_file="eye2.onnx"
    )
    again = network_of_model(find_model(tmp_path / "again.onnx"))
    assert not isinstance(again, Checkpoint)
    torch.testing.assert_close(dict(again.stylizer), dict(result.stylizer), rtol=1e-6, atol=1e-7)
    with pytest.raises(ModelChecksumError, match="not a network for any style"):
        any_style_of_model(tmp_path / "mine.onnx", tmp_path / "eye.onnx", "another")


def test_a_model_of_fixed_styles_is_read_back_as_one() -> None:
    result = network_of_model(find_model("bundled:live"))
    assert isinstance(result, Checkpoint)
    assert result.arch == "live"


def test_no_style_is_added_to_what_takes_any() -> None:
    with pytest.raises(ModelChecksumError, match="takes any painting as it is"):
        checkpoint_of(bundled_models()["any"].path)
