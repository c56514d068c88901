"""Training of networks for any style: it learns, it goes on, it starts from others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import ModelChecksumError, OptionError
from nst_engine.exporting.any_style import network_of_model
from nst_engine.models.find import find_model
from nst_engine.training import (
    AnyStyleCheckpoint,
    Checkpoint,
    TrainOptions,
    TrainProgress,
    any_style_of,
    load_any_style,
    load_checkpoint,
    train_any,
)
from nst_engine.training.checkpoint import ANY_STYLE_FORMAT

PHOTOS = [photo.path for photo in bundled_contents().values()]
PAINTINGS = [bundled_styles()[name].path for name in ("great-wave", "scream")]
pytestmark = pytest.mark.usefixtures("few_first_pictures")
SMALL: dict[str, Any] = {
    "batch_size": 2,
    "crop_px": 64,
    "style_size_px": 96,
    "photo_size_px": 96,
    "device": "cpu",
    "precision": "float32",
    "likeness_weight": 0.0,  # as `nst train-any` does
}


def run(folder: Path, steps: int, *, start: Any = None, **options: Any) -> Checkpoint:
    return train_any(PHOTOS, PAINTINGS, TrainOptions(steps=steps, **{**SMALL, **options}), folder=folder, start=start)


def shipped(name: str) -> Any:
    return network_of_model(find_model(f"bundled:{name}"))


def assert_same(actual: Checkpoint, expected: Checkpoint) -> None:
    assert actual.averaged.keys() == expected.averaged.keys()
    for name, value in expected.averaged.items():
        torch.testing.assert_close(actual.averaged[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_training_comes_nearer_to_styles_and_leaves_its_records(tmp_path: Path) -> None:
    seen: list[TrainProgress] = []

    def on_step(progress: TrainProgress) -> bool:
        seen.append(progress)
        return True

    options = TrainOptions(steps=24, small_until=0.2, learning_rate=1e-3, **SMALL)
    checkpoint = train_any(PHOTOS, PAINTINGS, options, folder=tmp_path / "t", on_step=on_step)
    assert [each.step for each in seen] == list(range(1, 25))
    # the first step again, now that something was learnt: the same photos in the same styles
    still = {**SMALL, "batch_size": 2 * SMALL["batch_size"], "learning_rate": 1e-9}
    again: list[TrainProgress] = []
    for start in (None, any_style_of(checkpoint)):
        folder = tmp_path / str(len(again))
        train_any(
            PHOTOS,
            PAINTINGS,
            TrainOptions(steps=1, **still),
            folder=folder,
            start=start,
            on_step=lambda each: not again.append(each),  # type: ignore[func-returns-value]
        )
    assert again[1].style < 0.9 * again[0].style
    assert (tmp_path / "t" / "preview-000024.jpg").stat().st_size > 5000
    assert [record["step"] for record in json.loads((tmp_path / "t" / "trace.json").read_text())] == [10, 20, 24]
    stored = load_any_style(tmp_path / "t" / "checkpoint.safetensors")
    assert (stored.arch, stored.training["steps_made"]) == ("any-fast", 24)
    made = any_style_of(checkpoint)
    for part in ("stylizer", "encoder"):
        for name, value in getattr(made, part).items():
            torch.testing.assert_close(getattr(stored, part)[name], value, rtol=0, atol=0)


def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    painter = shipped("live")
    options = TrainOptions(steps=4, small_until=0.5, seed=3, **SMALL)
    whole = train_any(PHOTOS, PAINTINGS, options, folder=tmp_path / "whole", painter=painter)
    parts: dict[str, Any] = {"folder": tmp_path / "parts", "painter": painter}
    stopped = train_any(PHOTOS, PAINTINGS, options, on_step=lambda each: each.step < 2, **parts)
    assert stopped.step == 2
    resumed = train_any(PHOTOS, PAINTINGS, options, resume=True, **parts)
    assert resumed.step == 4
    assert_same(resumed, whole)
    other = run(tmp_path / "other", 4, seed=4)
    assert not torch.allclose(other.averaged["encoder.last.weight"], whole.averaged["encoder.last.weight"])


def test_both_parts_learn_and_the_shipped_networks_are_gone_on_from(tmp_path: Path) -> None:
    start = shipped("any-fast")
    still = any_style_of(run(tmp_path / "still", 1, start=start, learning_rate=1e-9))
    moved = any_style_of(run(tmp_path / "moved", 1, start=start, learning_rate=0.05))
    for part in ("stylizer", "encoder"):
        kept = set()
        for name, value in getattr(start, part).items():
            torch.testing.assert_close(getattr(still, part)[name], value, rtol=1e-4, atol=1e-6, msg=name)
            if torch.allclose(getattr(moved, part)[name], value, atol=1e-4):
                kept.add(name)
        # what the encoder reads in multiples of, canvas and halos are no parameters, and what is normalised away has
        # no gradient
        fixed = ("mean", "deviation", "canvas.grain", "halos.removed")
        assert all(name in fixed or name.endswith((".bias", ".shift")) for name in kept), kept


def test_a_network_of_fixed_styles_is_begun_from_with_the_mean_of_its_styles(tmp_path: Path) -> None:
    start = shipped("live")
    begun = any_style_of(run(tmp_path, 1, start=start, learning_rate=1e-9)).stylizer
    torch.testing.assert_close(begun["down3.weight"], start.averaged["down3.weight"], rtol=1e-4, atol=1e-6)
    mean = start.averaged["norm_up3.shift"].mean(0)
    torch.testing.assert_close(begun["norm_up3.shift"][-1], mean, rtol=1e-4, atol=1e-6)
    matrix = torch.einsum("b,boi->oi", begun["bank_after.mix"][-1], begun["bank_after.basis"])
    torch.testing.assert_close(matrix, start.averaged["bank_after.filters"].mean(0), rtol=1e-3, atol=1e-5)


def test_networks_of_another_size_and_other_trainings_are_refused(tmp_path: Path) -> None:
    for name in ("quality", "any"):
        with pytest.raises(OptionError, match="choose another `arch`"):
            run(tmp_path / "new", 1, start=shipped(name))
    made = run(tmp_path / "t", 1)
    with pytest.raises(OptionError, match="`resume`"):
        run(tmp_path / "t", 2)
    with pytest.raises(OptionError, match="`arch='live'`"):
        train_any(PHOTOS, PAINTINGS, TrainOptions(steps=2, arch="quality", **SMALL), folder=tmp_path / "t", resume=True)
    with pytest.raises(ModelChecksumError, match="its format is not"):
        load_checkpoint(tmp_path / "t" / "checkpoint.safetensors")
    # what was exported from has nothing to go on with
    from nst_engine.training.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "t" / "checkpoint.safetensors", replace(made, network={}), ANY_STYLE_FORMAT)
    with pytest.raises(OptionError, match="no training to go on with"):
        train_any(PHOTOS, PAINTINGS, TrainOptions(steps=2, **SMALL), folder=tmp_path / "t", resume=True)
    assert isinstance(load_any_style(tmp_path / "t" / "checkpoint.safetensors"), AnyStyleCheckpoint)
