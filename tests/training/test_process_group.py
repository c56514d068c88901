"""Two processes that share a training do what one does with the whole batch, and end together."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import OptimizationError, OptionError, ProviderUnavailableError
from nst_engine.training import (
    Checkpoint,
    TrainOptions,
    TrainProgress,
    any_style,
    likeness,
    load_checkpoint,
    train,
    train_any,
)
from nst_engine.training.checkpoint import ANY_STYLE_FORMAT
from nst_engine.training.lesson import Batch, Lesson, Outcome
from nst_engine.training.process_group import process_group
from nst_engine.training.ranks import RENDEZVOUS

PHOTOS = [photo.path for photo in bundled_contents().values()]
PAINTINGS = {name: bundled_styles()[name].path for name in ("great-wave", "scream")}
#: In bfloat16 two halves of a batch differ from the whole by more than rounding.
SMALL: dict[str, Any] = {
    "batch_size": 2,
    "crop_px": 64,
    "style_size_px": 64,
    "photo_size_px": 96,
    "device": "cpu",
    "precision": "float32",
}
#: All that is drawn or decided for a step: a batch that is larger at first, noise, a weight that is steered.
FIXED = TrainOptions(steps=3, small_until=0.5, stability_weight=20.0, content_distance=0.3, **SMALL)
#: Of styles, which an encoder looks at before its first step; 64 take longer than all steps.
FIRST_PICTURES = 8
#: Of each picture; six of them take longer than all else of a step.
PIECES = 1
ANY = TrainOptions(steps=2, small_until=0.5, likeness_weight=0.0, **SMALL)


class Noted:
    """Notes the steps, and stops after one of them."""

    def __init__(self, last: int = 1000) -> None:
        self.steps: list[dict[str, Any]] = []
        self._last = last

    def __call__(self, progress: TrainProgress) -> bool:
        noted = asdict(progress)
        del noted["seconds"]
        self.steps.append(noted)
        return progress.step < self._last


def as_one_of_two(number: int, folder: Path) -> None:
    """What each process does, in the same order."""
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2")

    def meet(name: str) -> Path:
        os.environ[RENDEZVOUS] = str(folder / f"{name}-rendezvous")
        return folder / name

    any_style._FIRST_PICTURES, likeness._PIECES = FIRST_PICTURES, PIECES
    noted = {name: Noted(last) for name, last in (("begun", 1 if number else 9), ("on", 9), ("any", 9), ("bad", 9))}
    options = replace(FIXED, devices=2)
    train(PAINTINGS, PHOTOS, options, folder=meet("begun"), on_step=noted["begun"])
    train(PAINTINGS, PHOTOS, options, folder=meet("on"), on_step=noted["on"], resume=True)
    train_any(PHOTOS, list(PAINTINGS.values()), replace(ANY, devices=2), folder=meet("any"), on_step=noted["any"])
    outcome = Lesson.outcome

    def no_number(lesson: Lesson, batch: Batch, step: int, style_weight: float, usual_energy: float | None) -> Outcome:
        return outcome(lesson, batch, step, float("nan") if number and step == 0 else style_weight, usual_energy)

    Lesson.outcome = no_number  # type: ignore[method-assign, assignment]
    with pytest.raises(OptimizationError, match="nothing was learnt"):
        train(PAINTINGS, PHOTOS, replace(options, steps=1), folder=meet("bad"), on_step=noted["bad"])
    (folder / f"noted-{number}.json").write_text(json.dumps({name: each.steps for name, each in noted.items()}))


@pytest.fixture(scope="module", autouse=True)
def few_pieces() -> Iterator[None]:
    """In this process as in the two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likeness, "_PIECES", PIECES)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of what two processes have done."""
    place = tmp_path_factory.mktemp("shared")
    train(PAINTINGS, PHOTOS, FIXED, folder=place / "on", on_step=Noted(1))
    shutil.copytree(place / "on", place / "first")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=as_one_of_two, args=(number, place)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    return place


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, list[dict[str, Any]]]:
    """A training by one process, and its steps."""
    noted = Noted()
    return train(PAINTINGS, PHOTOS, FIXED, folder=tmp_path_factory.mktemp("alone"), on_step=noted), noted.steps


def noted_by(number: int, folder: Path) -> dict[str, list[dict[str, Any]]]:
    noted: dict[str, list[dict[str, Any]]] = json.loads((folder / f"noted-{number}.json").read_text())
    return noted


def assert_steps(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    assert len(found) == len(wanted)
    for step, expected in zip(found, wanted, strict=True):
        # once weights have moved, as far as rounding moves them apart: see `assert_weights`
        assert step == pytest.approx(expected, rel=1e-5 if expected["step"] == 1 else 1e-4)


def difference(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    assert found.keys() == wanted.keys()
    own, expected = (torch.cat([each[name].flatten() for name in wanted]) for each in (found, wanted))
    return float((own - expected).norm() / expected.norm())


def assert_weights(found: Checkpoint, wanted: Checkpoint) -> None:
    # of a gradient that is nothing but rounding, Adam makes a whole step
    for group in ("network", "averaged"):
        assert difference(getattr(found, group), getattr(wanted, group)) < 1e-3, group


def test_the_losses_are_those_of_one_process(folder: Path, alone: tuple[Checkpoint, list[dict[str, Any]]]) -> None:
    first, second = (noted_by(number, folder) for number in range(2))
    assert first == second
    # the second process alone was told to stop after one
    assert_steps(first["begun"], alone[1][:1])
    assert_steps(first["on"], alone[1][1:])


def test_the_gradients_are_those_of_one_process(folder: Path) -> None:
    together, alone = (load_checkpoint(folder / name / "checkpoint.safetensors") for name in ("begun", "first"))
    assert difference(together.optimizer, alone.optimizer) < 1e-5


def test_what_two_have_begun_is_gone_on_with_by_one_and_the_other_way_round(
    folder: Path, alone: tuple[Checkpoint, list[dict[str, Any]]]
) -> None:
    begun = load_checkpoint(folder / "begun" / "checkpoint.safetensors")
    assert (begun.step, begun.training["devices"]) == (1, 2)
    noted = Noted()
    assert_weights(train(PAINTINGS, PHOTOS, FIXED, folder=folder / "begun", resume=True, on_step=noted), alone[0])
    assert_steps(noted.steps, alone[1][1:])
    finished = load_checkpoint(folder / "on" / "checkpoint.safetensors")
    assert (finished.step, finished.training["devices"]) == (3, 2)
    assert_weights(finished, alone[0])


def test_networks_for_any_style_are_trained_alike(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(any_style, "_FIRST_PICTURES", FIRST_PICTURES)
    noted = Noted()
    alone = train_any(PHOTOS, list(PAINTINGS.values()), ANY, folder=tmp_path, on_step=noted)
    assert_steps(noted_by(0, folder)["any"], noted.steps)
    assert_weights(load_checkpoint(folder / "any" / "checkpoint.safetensors", ANY_STYLE_FORMAT), alone)


def test_a_step_that_is_bad_for_one_is_left_out_by_both(folder: Path) -> None:
    for number in range(2):
        assert [step["skipped"] for step in noted_by(number, folder)["bad"]] == [1]


RANK = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "3"}
RANK |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environment", "options", "message"),
    [
        ({}, {"devices": 2}, "devices: 2 came, but this is the only process"),
        (RANK, {"devices": 2}, "devices: 2 came, but 3 processes were started"),
        (RANK, {"batch_size": 4}, "`batch_size=4` pictures cannot be shared by 3 devices evenly; take `batch_size=6`"),
        ({"WORLD_SIZE": "2"}, {}, "RANK is not: start by torchrun"),
        ({**RANK, "WORLD_SIZE": "many"}, {}, "WORLD_SIZE=many cannot be"),
        ({**RANK, "RANK": "3"}, {}, "RANK=3 cannot be"),
        ({**RANK, "LOCAL_WORLD_SIZE": "0"}, {}, "LOCAL_RANK=1 cannot be"),
        ({**RANK, "MASTER_ADDR": ""}, {}, "MASTER_ADDR is not"),
        ({**RANK, "MASTER_PORT": "65536"}, {}, "MASTER_PORT=65536 cannot be"),
        (RANK, {"batch_size": 6, "device": "cuda:1"}, "which is one GPU for 3 processes"),
        (RANK, {"batch_size": 6, "device": "cuda"}, "this machine has 2 CUDA devices"),
        (RANK, {"batch_size": 6, "device": "auto"}, "this machine has 2 CUDA devices"),
        (RANK, {"batch_size": 6, "device": "cpu"}, "this torch is built without gloo"),
    ],
)
def test_what_does_not_fit_to_the_processes_is_refused(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], options: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.distributed, "is_gloo_available", lambda: False)
    for name in RANK:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    refused = pytest.raises((OptionError, ProviderUnavailableError), match=message)
    with refused, process_group(TrainOptions(steps=1, **{**SMALL, **options})):
        pass
