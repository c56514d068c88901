"""A checkpoint that is damaged, or that somebody has meddled with, is refused in words before anything is learnt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import ModelChecksumError, OptionError
from nst_engine.training import Checkpoint, TrainOptions, load_checkpoint, train
from nst_engine.training.checkpoint import FORMAT, save_checkpoint

PHOTOS = [photo.path for photo in bundled_contents().values()][:2]
PAINTINGS = {"scream": bundled_styles()["scream"].path}
SMALL: dict[str, Any] = {"batch_size": 1, "styles_per_photo": 1, "crop_px": 64, "style_size_px": 64}
HEADER = {"arch": "live", "styles": ["a"], "training": {}, "step": 3, "seconds": 1.5, "style_weight": 10.0}


def write(path: Path, tensor: torch.Tensor | None = None, **changes: Any) -> Path:
    tensors = {"network.x": torch.ones(2) if tensor is None else tensor}
    header = json.dumps({**HEADER, "distances": [0.5, 0.5, 9.0], **changes})
    save_file(tensors, path, {"format": FORMAT, "nst_engine": header})
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = Checkpoint("live", ["a"], {"x": torch.ones(2)}, {"x": torch.zeros(2)}, step=3, distances=[0.5, 0.5, 9.0])
    save_checkpoint(tmp_path / "c.safetensors", written)
    result = load_checkpoint(tmp_path / "c.safetensors")
    assert (result.step, result.distances, result.styles) == (3, [0.5, 0.5, 9.0], ["a"])
    assert load_checkpoint(write(tmp_path / "d.safetensors")).step == 3


DAMAGED: dict[str, list[Any]] = {
    "arch": [None, 3, ["live"]],
    "styles": ["a", 3, None, [3]],
    "training": [None, []],
    "step": [None, "1", -5, 1.5, 1e300, 10**30, True],
    "seconds": [None, "x", -1, float("nan"), float("inf")],
    "style_weight": [None, "x", float("nan")],
    "distances": [None, 3, ["a"], [1], [1, 2, 3, 4], [None] * 3, [float("nan")] * 3],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in DAMAGED.items() for value in values])
def test_a_description_that_cannot_be_is_named(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(ModelChecksumError, match=rf"c\.safetensors: its description is damaged: {key} is no "):
        load_checkpoint(write(tmp_path / "c.safetensors", **{key: value}))


@pytest.mark.parametrize("tensor", [torch.tensor([1.0, float("nan")]), torch.tensor([float("inf")]), torch.arange(3)])
def test_weights_are_finite_numbers(tmp_path: Path, tensor: torch.Tensor) -> None:
    with pytest.raises(ModelChecksumError, match=r"network\.x holds what are no numbers"):
        load_checkpoint(write(tmp_path / "c.safetensors", tensor))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a training of one step."""
    place = tmp_path_factory.mktemp("training")
    train(PAINTINGS, PHOTOS, TrainOptions(steps=1, **SMALL), folder=place)
    return place


@pytest.mark.parametrize("group", ["network", "averaged", "optimizer"])
@pytest.mark.parametrize("damage", ["another shape", "missing"])
def test_weights_of_another_network_are_named(folder: Path, tmp_path: Path, group: str, damage: str) -> None:
    source = folder / "checkpoint.safetensors"
    whole, tensors = load_checkpoint(source), load_file(source)
    name = next(each for each in tensors if each.startswith(f"{group}."))
    if damage == "missing":
        del tensors[name]
    else:
        tensors[name] = torch.zeros(1)
    header = {**HEADER, "styles": whole.styles, "step": 1, "distances": whole.distances}
    save_file(tensors, tmp_path / source.name, {"format": FORMAT, "nst_engine": json.dumps(header)})
    with pytest.raises(ModelChecksumError, match="damaged, or of another network"):
        train(PAINTINGS, PHOTOS, TrainOptions(steps=2, **SMALL), folder=tmp_path, resume=True)


@pytest.mark.parametrize(
    "trace", ["{", "[1]", "{}", '[{"step": 1}]', '[{"step": null, "content": 1, "style": 1, "style_weight": 1}]']
)
def test_a_damaged_trace_is_named_before_an_hour_of_work(folder: Path, tmp_path: Path, trace: str) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes((folder / "checkpoint.safetensors").read_bytes())
    (tmp_path / "trace.json").write_text(trace)
    with pytest.raises(OptionError, match=r"trace\.json: is no trace of a training"):
        train(PAINTINGS, PHOTOS, TrainOptions(steps=2, **SMALL), folder=tmp_path, resume=True)


@pytest.mark.parametrize("name", ["batch_size", "styles_per_photo"])
def test_more_pictures_at_once_than_memory_holds_are_refused(name: str) -> None:
    with pytest.raises(OptionError, match=rf"{name}: 1000000 came; wanted a whole number from 1 to 1024"):
        TrainOptions(steps=1, **{**SMALL, name: 1_000_000})
