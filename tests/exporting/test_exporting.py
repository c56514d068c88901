"""From checkpoint to model file: parity, metadata, the way back, and the scripts as users run them."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents
from nst_engine.errors import ModelChecksumError, ModelParityError, OptionError
from nst_engine.exporting.parity import largest_difference, require_parity, run_once
from nst_engine.exporting.reduced import psnr_db, require_psnr
from nst_engine.exporting.stylizer import checkpoint_of, export_stylizer, parity_of
from nst_engine.exporting.vgg19 import export_vgg19
from nst_engine.image import load_image
from nst_engine.models.find import bundled_models
from nst_engine.models.formats import ModelPrecision
from nst_engine.networks.stylizer_net import StylizerNet, architecture
from nst_engine.runtimes.devices import LEAST_PSNR_DB
from nst_engine.training.checkpoint import Checkpoint, save_checkpoint
from nst_engine.training.photos import sized
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import load_vgg19_weights

EXPORT = Path(__file__).parents[2] / "export"
STYLES = ["first", "second"]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    network = StylizerNet(architecture("live"), len(STYLES))
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    weights = dict(network.state_dict())
    return Checkpoint("live", list(STYLES), weights, weights, training={"steps_made": 7})


@pytest.fixture
def code_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Runs a script in this process, which has loaded torch already; gives its exit code."""
    monkeypatch.syspath_prepend(str(EXPORT))

    def run(name: str, *arguments: object) -> object:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            runpy.run_path(str(EXPORT / name), run_name="__main__")
        return leaving.value.code

    return run


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_a_model_in_fewer_bits_paints_nearly_the_same(
    checkpoint: Checkpoint, tmp_path: Path, precision: ModelPrecision
) -> None:
    pictures = [sized(load_image(each.path).pixels, 160) for each in bundled_contents().values()]
    names = {"full": {}, precision: {"precision": precision, "pictures": pictures}}
    for name, options in names.items():
        export_stylizer(checkpoint, tmp_path / f"{name}.onnx", name=name, licence="", **options)  # type: ignore[arg-type]
    full, reduced = ((tmp_path / f"{name}.onnx").read_bytes() for name in names)
    # weights are kept in half precision in any case
    assert len(reduced) < {"float16": 1.05, "int8": 0.9}[precision] * len(full)
    assert psnr_db(full, reduced, pictures, 2) >= LEAST_PSNR_DB[precision]
    assert Stylizer(tmp_path / f"{precision}.onnx", device="cpu").styles == tuple(STYLES)
    with pytest.raises(OptionError, match="give pictures to try it on"):
        export_stylizer(checkpoint, tmp_path / "x.onnx", name="x", licence="", precision=precision)
    with pytest.raises(ModelParityError, match="stay with float32"):
        require_psnr("x", precision, 20.0)


def test_an_exported_model_paints_what_torch_paints(checkpoint: Checkpoint, tmp_path: Path) -> None:
    difference = export_stylizer(checkpoint, tmp_path / "m.onnx", name="m", licence="CC0-1.0")
    assert 0 < difference < 1e-4
    stylizer = Stylizer(tmp_path / "m.onnx", device="cpu")
    assert stylizer.styles == tuple(STYLES)
    assert stylizer.spec.licence == "CC0-1.0"
    assert stylizer.spec.training["steps_made"] == 7
    photo = np.random.default_rng(0).integers(0, 256, (45, 58, 3)).astype(np.uint8)
    network = StylizerNet(architecture("live"), 2).eval()
    network.load_state_dict(checkpoint.averaged)
    with torch.no_grad():
        planes = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
        expected = (network(planes, torch.tensor([[0.25, 0.75]]))[0].permute(1, 2, 0) * 255).round().numpy()
    actual = stylizer.stylize(photo, {"first": 1, "second": 3}).pixels
    assert int(np.abs(actual - expected).max()) <= 1


def test_a_self_contained_export_paints_the_same(checkpoint: Checkpoint, tmp_path: Path) -> None:
    export_stylizer(checkpoint, tmp_path / "m.onnx", name="m", licence="")
    export_stylizer(checkpoint, tmp_path / "u.onnx", name="m", licence="", is_self_contained=True)
    photo = np.random.default_rng(0).integers(0, 256, (33, 71, 3)).astype(np.uint8)
    plain, contained = (Stylizer(tmp_path / f"{name}.onnx", device="cpu") for name in "mu")
    assert contained.spec.dtype == "uint8"
    difference = contained.stylize(photo, "first").pixels.astype(int) - plain.stylize(photo, "first").pixels
    assert int(np.abs(difference).max()) <= 1


def test_a_model_becomes_a_checkpoint_again(checkpoint: Checkpoint, tmp_path: Path) -> None:
    export_stylizer(checkpoint, tmp_path / "m.onnx", name="m", licence="")
    back = checkpoint_of(tmp_path / "m.onnx")
    assert (back.arch, back.styles) == ("live", STYLES)
    for name, value in checkpoint.averaged.items():
        torch.testing.assert_close(back.averaged[name], value, rtol=2**-11, atol=1e-7)
    assert parity_of(back, (tmp_path / "m.onnx").read_bytes()) < 1e-4


def test_models_of_others_and_broken_ones_are_no_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x01 broken")
    with pytest.raises(ModelChecksumError, match="damaged"):
        checkpoint_of(tmp_path / "broken.onnx")
    value = onnx.helper.make_tensor_value_info("x", 1, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value], [onnx.helper.make_tensor_value_info("y", 1, [1])])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "other.onnx")
    with pytest.raises(ModelChecksumError, match="nst train"):
        checkpoint_of(tmp_path / "other.onnx")


def test_a_difference_is_found_and_refused() -> None:
    one = np.ones((2, 3), np.float32)
    assert largest_difference([one, one], [one, one + np.float32(0.25)]) == 0.25
    assert largest_difference([one], [one[:1]]) == float("inf")
    assert largest_difference([one], [one * np.float32("nan")]) == float("inf")
    require_parity("m", 1e-3)
    for difference in (1.1e-3, float("inf"), float("nan")):
        with pytest.raises(ModelParityError, match=r"wanted at most 0\.001"):
            require_parity("m", difference)


def test_what_does_not_run_has_no_parity(checkpoint: Checkpoint, tmp_path: Path) -> None:
    export_stylizer(checkpoint, tmp_path / "m.onnx", name="m", licence="")
    with pytest.raises(ModelParityError, match="does not run"):
        run_once((tmp_path / "m.onnx").read_bytes(), {"image": np.zeros((1, 3, 16, 16), np.float32)})
    with pytest.raises(ModelParityError, match="does not run"):
        run_once(b"", {})


@pytest.mark.parametrize("name", ["live", "quality"])
def test_bundled_models_are_what_their_weights_say(name: str) -> None:
    path = bundled_models()[name].path
    assert parity_of(checkpoint_of(path), path.read_bytes()) < 1e-3


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_vgg19_gives_the_features_that_torch_gives(tmp_path: Path, pooling: Any) -> None:
    layers, weights = ["relu2_1", "conv1_2"], load_vgg19_weights()
    assert export_vgg19(weights, layers, tmp_path / "v.onnx", pooling=pooling) < 1e-3
    session = onnxruntime.InferenceSession(tmp_path / "v.onnx", providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((3, 3, 37, 51), dtype=np.float32)
    actual = session.run(layers, {"image": image})
    expected = VGG19(weights, layers, pooling=pooling)(torch.from_numpy(image))
    for layer, features in zip(layers, actual, strict=True):
        np.testing.assert_allclose(features, expected[layer].numpy(), rtol=1e-3, atol=1e-2)


def test_an_unknown_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="relu9_9"):
        export_vgg19(load_vgg19_weights(), ["relu9_9"], tmp_path / "v.onnx")
    assert not list(tmp_path.iterdir())


def test_the_scripts_export_and_check(
    checkpoint: Checkpoint, tmp_path: Path, code_of: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "c.safetensors", checkpoint)
    script = [sys.executable, "-W", "error", str(EXPORT / "export_stylizer.py")]
    arguments = [str(tmp_path / "c.safetensors"), "-o", str(tmp_path / "m.onnx"), "--licence", "MIT"]
    completed = subprocess.run([*script, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert completed.returncode == 0, completed.stderr
    assert "differs from torch by" in completed.stdout
    metadata = onnx.load(tmp_path / "m.onnx").metadata_props[0].value
    assert json.loads(metadata)["licence"] == "MIT"
    assert code_of("check_parity.py", tmp_path / "m.onnx", tmp_path / "c.safetensors") == 0, capsys.readouterr().err
    checkpoint.averaged["down2.weight"] = checkpoint.averaged["down2.weight"] + 0.5
    save_checkpoint(tmp_path / "other.safetensors", checkpoint)
    assert code_of("check_parity.py", tmp_path / "m.onnx", tmp_path / "other.safetensors") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("export_stylizer.py", "nothing.safetensors", "-o", "m.onnx"),
        ("export_vgg19.py", "-o", "v.onnx", "--layers", "relu9_9"),
        ("check_parity.py", "nothing.onnx"),
        ("replace_style.py", "nothing.onnx", "first", "nothing.onnx", "-o", "c.safetensors"),
        ("replace_style.py", "nothing.onnx", "first", "nothing.onnx", "-o", "c.onnx"),
    ],
)
def test_the_scripts_refuse_in_one_line(
    command: tuple[str, ...], code_of: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*command) == 2
    assert capsys.readouterr().err.count("\n") == 1


DAMAGES: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
    "another shape": lambda weights: weights.update({"down2.weight": torch.zeros(3)}),
    "another number of styles": lambda weights: weights.update({"norm_down2.scale": torch.zeros(5, 48)}),
    "missing": lambda weights: weights.pop("down2.weight"),
    "another network's": lambda weights: weights.update({"unheard.of": torch.zeros(3)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_checkpoint_of_another_network_is_refused_in_one_line(
    checkpoint: Checkpoint,
    damage: str,
    tmp_path: Path,
    code_of: Callable[..., object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    export_stylizer(checkpoint, tmp_path / "m.onnx", name="m", licence="")
    weights = dict(checkpoint.averaged)
    DAMAGES[damage](weights)
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, replace(checkpoint, averaged=weights))
    for script, *arguments in (
        ("export_stylizer.py", path, "-o", tmp_path / "new.onnx"),
        ("check_parity.py", tmp_path / "m.onnx", path),
    ):
        assert code_of(script, *arguments) == 2
        stderr = capsys.readouterr().err
        assert "the checkpoint of network 'live': " in stderr
        assert "damaged, or of another network" in stderr
        assert stderr.count("\n") == 1
    assert not (tmp_path / "new.onnx").exists()


def test_a_checkpoint_in_half_precision_is_exported(checkpoint: Checkpoint, tmp_path: Path) -> None:
    halved = {name: value.bfloat16() for name, value in checkpoint.averaged.items()}
    export_stylizer(replace(checkpoint, averaged=halved), tmp_path / "m.onnx", name="m", licence="")
    assert Stylizer(tmp_path / "m.onnx", device="cpu").styles == tuple(STYLES)
