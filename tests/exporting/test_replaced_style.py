"""A style fitted further takes its own place: what it paints then, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nst_engine import Stylizer
from nst_engine.errors import ModelChecksumError, ModelNotFoundError, OptionError
from nst_engine.exporting.conversion import source_of
from nst_engine.exporting.replaced_style import with_replaced_style
from nst_engine.exporting.stylizer import export_stylizer
from nst_engine.models.halos import REMOVED
from nst_engine.models.restraint import CALM, CONTRAST, EVENNESS
from nst_engine.networks.stylizer_net import OF_STYLES, StylizerNet, architecture
from nst_engine.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

SCRIPTS = Path(__file__).parents[2] / "export"
STYLES = ["first", "second"]
PHOTO = np.random.default_rng(0).integers(0, 256, (45, 58, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def fitted() -> Checkpoint:
    """Of three styles that differ."""
    torch.manual_seed(0)
    network = StylizerNet(architecture("live"), 3)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    weights = dict(network.state_dict())
    return Checkpoint("live", [*STYLES, "again"], weights, weights, training={"added": [{"steps_made": 7}]})


@pytest.fixture(scope="module")
def network(fitted: Checkpoint) -> Checkpoint:
    """The first two of them."""
    weights = {name: value[:2] if name.endswith(OF_STYLES) else value for name, value in fitted.averaged.items()}
    return Checkpoint("live", STYLES, weights, weights, training={"steps_made": 5})


def exported(checkpoint: Checkpoint, path: Path) -> Stylizer:
    export_stylizer(checkpoint, path, name="m", licence="")
    return Stylizer(path, device="cpu")


def test_it_paints_as_the_fitted_one_and_the_others_as_before(
    network: Checkpoint, fitted: Checkpoint, tmp_path: Path
) -> None:
    before, grown = exported(network, tmp_path / "before.onnx"), exported(fitted, tmp_path / "grown.onnx")
    after = exported(with_replaced_style(network, "second", fitted), tmp_path / "after.onnx")
    assert after.styles == tuple(STYLES)
    np.testing.assert_array_equal(
        after.stylize(PHOTO, "second").pixels, grown.stylize(PHOTO, "again").pixels, strict=True
    )
    np.testing.assert_array_equal(after.stylize(PHOTO, "first").pixels, before.stylize(PHOTO, "first").pixels)
    assert (
        np.abs(before.stylize(PHOTO, "second").pixels - after.stylize(PHOTO, "second").pixels.astype(float)).max() > 9
    )
    assert after.spec.training["replaced"] == [
        {"style": "second", "share": 1, "calm": None, "evenness": None, "contrast": None, "removed": None, "steps": 7}
    ]


def test_a_share_of_it_is_the_blend_of_both(network: Checkpoint, fitted: Checkpoint, tmp_path: Path) -> None:
    grown = exported(fitted, tmp_path / "grown.onnx")
    shared = exported(with_replaced_style(network, "second", fitted, share=0.25), tmp_path / "shared.onnx")
    wanted = grown.stylize(PHOTO, {"second": 0.75, "again": 0.25}).pixels
    # weights are kept in half precision
    assert np.abs(shared.stylize(PHOTO, "second").pixels - wanted.astype(float)).max() <= 2


def test_restraint_is_as_it_was_or_as_set_and_nothing_given_is_changed(network: Checkpoint, fitted: Checkpoint) -> None:
    others = {**fitted.averaged, EVENNESS: 3 * torch.ones(3, 1)}  # which is not taken
    fitted = replace(fitted, averaged=others)
    before = network.averaged[EVENNESS].clone()
    assert torch.equal(with_replaced_style(network, "first", fitted).averaged[EVENNESS], before)
    once = with_replaced_style(network, "first", fitted, evenness=0.0)
    twice = with_replaced_style(once, "second", fitted, calm=0.75, evenness=1.25, contrast=0.5, removed=0.25)
    assert twice.averaged[CALM][1] == 0.75
    assert twice.averaged[CALM][0] == network.averaged[CALM][0]
    assert twice.averaged[CONTRAST][1] == 0.5
    assert twice.averaged[CONTRAST][0] == network.averaged[CONTRAST][0]
    assert twice.averaged[REMOVED].flatten().tolist() == [1.0, 0.25]
    assert twice.averaged[EVENNESS].flatten().tolist() == [0.0, 1.25]
    assert [taken["style"] for taken in twice.training["replaced"]] == STYLES
    assert torch.equal(network.averaged[EVENNESS], before)
    assert network.training == {"steps_made": 5}


@pytest.mark.parametrize(
    ("style", "options", "said"),
    [
        ("third", {}, "no style 'third'; the network has first, second"),
        ("first", {"share": 1.5}, "share must be 0 to 1, 1.5 came"),
        ("first", {"share": float("nan")}, "share must be 0 to 1, nan came"),
        ("first", {"calm": 1.1}, "calm must be 0 to 1, 1.1 came"),
        ("first", {"evenness": -1.0}, "evenness must be 0 to 1000, -1 came"),
        ("first", {"removed": 1.5}, "removed must be 0 to 1, 1.5 came"),
        ("first", {"contrast": 2.0}, "contrast must be 0 to 1, 2 came"),
        ("first", {"evenness": float("inf")}, "evenness must be 0 to 1000, inf came"),
    ],
)
def test_what_cannot_be_is_refused(
    network: Checkpoint, fitted: Checkpoint, style: str, options: dict[str, float], said: str
) -> None:
    with pytest.raises(OptionError) as refusal:
        with_replaced_style(network, style, fitted, **options)
    assert str(refusal.value) == said


def test_styles_of_other_networks_are_refused(network: Checkpoint, fitted: Checkpoint) -> None:
    others = dict(fitted.averaged)
    others["down2.weight"] = others["down2.weight"] + 0.5
    larger = dict(StylizerNet(architecture("quality"), 3).state_dict())
    for weights in (others, larger, {}, network.averaged):
        with pytest.raises(ModelChecksumError, match="fitted to another network"):
            with_replaced_style(network, "first", replace(fitted, averaged=weights))


@pytest.mark.parametrize("name", ["gone.onnx", "gone.safetensors", "folder.onnx"])
def test_what_is_no_file_is_not_called_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.onnx").mkdir()
    why = "is a folder" if name == "folder.onnx" else "no such file"
    with pytest.raises(ModelNotFoundError, match=why):
        source_of(tmp_path / name)


def test_the_script_writes_a_checkpoint_and_nothing_over_another(
    network: Checkpoint, fitted: Checkpoint, tmp_path: Path
) -> None:
    export_stylizer(network, tmp_path / "m.onnx", name="m", licence="")
    save_checkpoint(tmp_path / "fitted.safetensors", fitted)
    script = [sys.executable, "-W", "error", SCRIPTS / "replace_style.py", "m.onnx", "second", "fitted.safetensors"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [*map(str, script), *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    done = run("--share", "0.5", "--calm", "0.3", "-o", "c.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    made, wanted = (
        load_checkpoint(tmp_path / "c.safetensors"),
        with_replaced_style(network, "second", fitted, share=0.5, calm=0.3),
    )
    for name, value in wanted.averaged.items():
        torch.testing.assert_close(made.averaged[name], value, rtol=1e-3, atol=1e-4)  # the model keeps half precision
    before = (tmp_path / "c.safetensors").read_bytes()
    for output in ("c.safetensors", "m.onnx"):
        refused = run("-o", output)
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
    assert (tmp_path / "c.safetensors").read_bytes() == before
