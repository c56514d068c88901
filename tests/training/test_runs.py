"""Training as its users meet it: it learns, it goes on, it guards, it adds styles."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import ModelChecksumError, ModelNotFoundError, OptimizationError, OptionError
from nst_engine.image import load_image, save_image
from nst_engine.networks.stylizer_net import StylizerNet, architecture
from nst_engine.training import Checkpoint, TrainOptions, TrainProgress, add_style, load_checkpoint, train
from nst_engine.training.artefacts import flicker_loss
from nst_engine.training.lesson import Batch, Lesson, Outcome
from nst_engine.training.perceptual import image_tensor

PHOTOS = [photo.path for photo in bundled_contents().values()]
PAINTINGS = {name: bundled_styles()[name].path for name in ("great-wave", "scream")}
SMALL: dict[str, Any] = {
    "batch_size": 2,
    "crop_px": 64,
    "style_size_px": 96,
    "photo_size_px": 128,
    "device": "cpu",
    "precision": "float32",
    "likeness_weight": 0.0,  # pieces of 112 px take longer than all else of such a step; `cli/` trains with them
}


def run(folder: Path, steps: int, **options: Any) -> Checkpoint:
    return train(PAINTINGS, PHOTOS, TrainOptions(steps=steps, **SMALL, **options), folder=folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A network to go on from."""
    return run(tmp_path_factory.mktemp("base") / "t", 4)


def test_training_lowers_the_distances_and_leaves_its_records(tmp_path: Path) -> None:
    seen: list[TrainProgress] = []
    options = TrainOptions(steps=40, **SMALL)

    def on_step(progress: TrainProgress) -> bool:
        seen.append(progress)
        return True

    checkpoint = train(PAINTINGS, PHOTOS, options, folder=tmp_path / "t", on_step=on_step)
    assert [each.step for each in seen] == list(range(1, 41))
    # 0.85 to 0.884, by the seed
    assert sum(each.style for each in seen[-5:]) < 0.92 * sum(each.style for each in seen[:5])
    assert seen[-1].fraction == 1
    assert checkpoint.styles == list(PAINTINGS)
    trace = json.loads((tmp_path / "t" / "trace.json").read_text())
    assert [record["step"] for record in trace] == [10, 20, 30, 40]
    assert (tmp_path / "t" / "losses.png").stat().st_size > 5000
    assert (tmp_path / "t" / "preview-000040.jpg").stat().st_size > 5000
    stored = load_checkpoint(tmp_path / "t" / "checkpoint.safetensors")
    assert stored.step == 40
    assert stored.training["photos"] == 4
    for name, value in checkpoint.averaged.items():
        torch.testing.assert_close(stored.averaged[name], value, rtol=0, atol=0)


def test_the_distance_at_the_end_of_a_short_training_is_not_that_of_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome_of, seen = Lesson.outcome, []

    def steep(lesson: Lesson, batch: Batch, step: int, *numbers: Any) -> Outcome:
        return replace(outcome_of(lesson, batch, step, *numbers), style=1.0 if step < 2 else 0.1, content=0.7)

    def on_step(progress: TrainProgress) -> bool:
        seen.append(progress)
        return True

    monkeypatch.setattr(Lesson, "outcome", steep)
    options = TrainOptions(steps=12, **{**SMALL, "batch_size": 1, "styles_per_photo": 1})
    train(PAINTINGS, PHOTOS, options, folder=tmp_path / "t", on_step=on_step)
    assert seen[1].style == pytest.approx(1.0)
    assert seen[-1].style < 0.11
    assert [each.content for each in seen] == pytest.approx([0.7] * 12)


def test_the_same_seed_gives_the_same_network_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = (
        run(tmp_path / str(number), 2, seed=seed).averaged["deepest.0.conv1.weight"]
        for number, seed in enumerate((5, 5, 6))
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.allclose(first, other)


def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", 4)
    options = TrainOptions(steps=4, **SMALL)
    stopped = train(PAINTINGS, PHOTOS, options, folder=tmp_path / "parts", on_step=lambda each: each.step < 2)
    assert stopped.step == 2
    resumed = train(PAINTINGS, PHOTOS, options, folder=tmp_path / "parts", resume=True)
    assert resumed.step == 4
    for name, value in whole.averaged.items():
        torch.testing.assert_close(resumed.averaged[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_a_training_that_goes_on_with_other_options_says_so(tmp_path: Path) -> None:
    run(tmp_path, 1)
    options = TrainOptions(steps=2, style_weight=4.0, seed=7, **SMALL)
    with pytest.warns(
        RuntimeWarning, match=r"options than it had: `style_weight` is 4.0, before 10.0; `seed` is 7, before 0$"
    ):
        train(PAINTINGS, PHOTOS, options, folder=tmp_path, resume=True)


def test_an_earlier_training_is_not_overwritten_and_not_mixed_up(tmp_path: Path) -> None:
    run(tmp_path, 1)
    with pytest.raises(OptionError, match="`resume`"):
        run(tmp_path, 1)
    others = {"starry-night": bundled_styles()["starry-night"].path}
    with pytest.raises(OptionError, match="great-wave, scream"):
        train(others, PHOTOS, TrainOptions(steps=2, **SMALL), folder=tmp_path, resume=True)
    with pytest.raises(OptionError, match="of a live network"):
        train(PAINTINGS, PHOTOS, TrainOptions(steps=2, arch="quality", **SMALL), folder=tmp_path, resume=True)


def test_a_loss_that_stays_not_finite_ends_the_training_with_advice(tmp_path: Path) -> None:
    skipped: list[int] = []

    def on_step(progress: TrainProgress) -> bool:
        skipped.append(progress.skipped)
        return True

    options = TrainOptions(steps=60, **{**SMALL, "batch_size": 1, "styles_per_photo": 1})
    object.__setattr__(options, "style_weight", 1e300)  # options of that weight are refused
    with pytest.raises(OptimizationError, match="learning_rate"):
        train(PAINTINGS, PHOTOS, options, folder=tmp_path, on_step=on_step)
    assert skipped == list(range(1, len(skipped) + 1))


def test_a_style_is_added_without_touching_the_others(tmp_path: Path, base: Checkpoint) -> None:
    grown = add_style(
        "starry-night",
        bundled_styles()["starry-night"].path,
        base,
        PHOTOS,
        TrainOptions(steps=4, styles_per_photo=1, **SMALL),
        folder=tmp_path / "added",
    )
    assert grown.styles == ["great-wave", "scream", "starry-night"]
    learnt = 0.0
    for name, value in base.averaged.items():
        is_of_styles = name.endswith((".scale", ".shift", ".filters", ".calm", ".contrast", ".evenness", ".removed"))
        kept = grown.averaged[name][:2] if is_of_styles else grown.averaged[name]
        torch.testing.assert_close(kept, value, rtol=0, atol=0)
        if is_of_styles:
            assert grown.averaged[name].shape[0] == 3
            learnt += float((grown.averaged[name][2] - value[:2]).abs().amax(tuple(range(1, value.ndim))).min())
    assert learnt > 0.01
    # what is exported from the folder holds all styles
    stored = load_checkpoint(tmp_path / "added" / "checkpoint.safetensors")
    assert stored.styles == grown.styles
    torch.testing.assert_close(dict(stored.averaged), dict(grown.averaged), rtol=0, atol=0)
    with pytest.raises(OptionError, match="`name`"):
        add_style("scream", PAINTINGS["scream"], base, PHOTOS, TrainOptions(steps=1), folder=tmp_path / "twice")


@pytest.mark.parametrize("style_size_px", [96, 300])  # larger ones are compared at 256 px
def test_an_added_style_begins_as_the_nearest_one_that_the_model_holds(
    style_size_px: int, tmp_path: Path, base: Checkpoint
) -> None:
    copy = tmp_path / "wave.png"
    save_image(copy, load_image(PAINTINGS["great-wave"]).pixels)
    options = TrainOptions(steps=1, styles_per_photo=1, learning_rate=1e-9, **{**SMALL, "style_size_px": style_size_px})
    grown = add_style("wave", copy, base, PHOTOS, options, folder=tmp_path / "added")
    for name, value in grown.averaged.items():
        if name.endswith((".scale", ".shift", ".filters")):
            torch.testing.assert_close(value[2], value[0], rtol=1e-5, atol=1e-6, msg=name)


def test_the_styles_weight_stays_unless_a_content_distance_is_asked_for(tmp_path: Path) -> None:
    assert run(tmp_path / "stays", 3).style_weight == TrainOptions(steps=1).style_weight
    assert run(tmp_path / "steered", 3, content_distance=0.2).style_weight < TrainOptions(steps=1).style_weight


def test_nothing_to_go_on_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no checkpoint to go on from"):
        train(PAINTINGS, PHOTOS, TrainOptions(steps=1, **SMALL), folder=tmp_path / "new", resume=True)


def test_a_short_training_that_never_learnt_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StylizerNet, "forward", lambda self, image, weights: image * self.up1.conv.bias[0] * torch.nan)
    with pytest.raises(OptimizationError, match="nothing was learnt"):
        run(tmp_path, 3)


def test_a_training_starts_from_a_network(tmp_path: Path, base: Checkpoint) -> None:
    options = TrainOptions(steps=1, learning_rate=1e-9, **SMALL)
    begun = train(PAINTINGS, PHOTOS, options, folder=tmp_path / "on", start=base)
    assert begun.step == 1
    for name, value in base.averaged.items():
        torch.testing.assert_close(begun.averaged[name], value, rtol=1e-4, atol=1e-6, msg=name)
    other = Checkpoint("live", ["scream", "great-wave"], base.averaged, base.averaged)
    with pytest.raises(OptionError, match="the network to start from"):
        train(PAINTINGS, PHOTOS, options, folder=tmp_path / "other", start=other)


def test_no_checkpoint_and_broken_checkpoints_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no such file"):
        load_checkpoint(tmp_path / "checkpoint.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelChecksumError, match="truncated or damaged"):
        load_checkpoint(broken)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, broken)
    with pytest.raises(ModelChecksumError, match="no checkpoint of a training"):
        load_checkpoint(broken)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`steps` or `minutes`"),
        ({"steps": 1, "minutes": 1}, "`steps` or `minutes`"),
        ({"steps": 0}, "steps: 0"),
        ({"steps": 1, "arch": "huge"}, "quality, live"),
        ({"steps": 1, "crop_px": 8}, "crop_px: 8"),
        ({"steps": 1, "batch_size": 3}, "no multiple"),
        ({"steps": 1, "content_distance": 3.0}, "content_distance: "),
        ({"minutes": float("nan")}, "minutes"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        TrainOptions(**options)


def test_the_stability_term_makes_paintings_calm(tmp_path: Path) -> None:
    def change(checkpoint: Checkpoint) -> float:
        """Of the painting, where the photo moves by three pixels."""
        network = StylizerNet(architecture("live"), len(PAINTINGS))
        network.load_state_dict(checkpoint.averaged)
        photo = image_tensor(load_image(PHOTOS[0]).pixels[:163, :163], torch.device("cpu"))
        weights = torch.tensor([[1.0, 0.0]])
        with torch.no_grad():
            stylized, moved = network(photo[..., :160, :160], weights), network(photo[..., 3:, 3:], weights)
        return float(flicker_loss(stylized[..., 3:, 3:], moved[..., :-3, :-3]))

    few: dict[str, Any] = {**SMALL, "batch_size": 1, "styles_per_photo": 1, "learning_rate": 2e-3, "steps": 20}
    plain, calm = (
        train(PAINTINGS, PHOTOS, TrainOptions(**few, stability_weight=weight), folder=tmp_path / str(weight))
        for weight in (0.0, 300.0)
    )
    assert change(calm) < 0.6 * change(plain)
