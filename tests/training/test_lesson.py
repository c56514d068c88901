"""What the steps of a training are made of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.networks.stylizer_net import StylizerNet
from nst_engine.training import TrainOptions, lesson, train
from nst_engine.training.artefacts import frame_loss
from nst_engine.training.lesson import FixedStyles, Share

SMALL: dict[str, Any] = {
    "crop_px": 64,
    "small_until": 0.0,
    "stability_weight": 0.0,
    "style_size_px": 64,
    "photo_size_px": 160,
    "device": "cpu",
    "precision": "float32",
}


def learn(folder: Path, **options: Any) -> None:
    """Two styles, on the bundled photos."""
    paintings = {name: bundled_styles()[name].path for name in ("great-wave", "scream")}
    photos = [photo.path for photo in bundled_contents().values()]
    train(paintings, photos, TrainOptions(**{**SMALL, **options}), folder=folder)


@pytest.mark.parametrize(("styles", "per_photo", "photos"), [(3, 2, 9), (5, 3, 7), (16, 2, 8), (2, 2, 3), (4, 1, 6)])
def test_no_photo_comes_twice_in_one_style_and_all_come_in_turn(styles: int, per_photo: int, photos: int) -> None:
    loss: Any = SimpleNamespace(targets={})
    source = FixedStyles(loss, styles, torch.device("cpu"))
    for seed in range(20):
        share = Share(range(photos * per_photo), per_photo)
        drawn = source.draw(photos, share, 64, np.random.default_rng(seed))
        assert len(drawn) == photos * per_photo
        for number in range(photos):
            assert len(set(drawn[number * per_photo : (number + 1) * per_photo])) == per_photo
        counts = np.bincount(drawn, minlength=styles)
        assert counts.max() - counts.min() <= 1
        half = Share(range(per_photo, 2 * per_photo), per_photo)  # of another process
        assert source.draw(photos, half, 64, np.random.default_rng(seed)) == drawn[per_photo : 2 * per_photo]


def test_a_step_has_as_many_pictures_as_asked_for_with_fewer_styles_than_a_photo_gets(tmp_path: Path) -> None:
    """Of five styles a photo there are two: five photos in one each, instead of two in two."""
    shown: list[int] = []
    measure = FixedStyles.targets_of

    def counted(self: FixedStyles, drawn: list[int], rng: np.random.Generator) -> Any:
        shown.append(len(drawn))
        return measure(self, drawn, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FixedStyles, "targets_of", counted)
        learn(tmp_path / "t", steps=1, batch_size=5, styles_per_photo=5, photo_size_px=96, likeness_weight=0.0)
    assert shown == [5]


@pytest.mark.parametrize("crop_px", [64, 90])
def test_frames_are_looked_for_where_the_photo_goes_on(
    crop_px: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A painting that is the photo has none, on all four sides; one of which the outermost pixels are lighter has."""

    def forward(self: StylizerNet, image: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        framed = torch.ones(height, width)
        framed[6:-6, 6:-6] = 0
        bias = self.up1.conv.bias
        assert bias is not None
        return image + lightness * framed + 0 * bias[0]

    def noted(alone: torch.Tensor, within: torch.Tensor) -> torch.Tensor:
        assert alone.requires_grad, "the border learns from what lies within, not the other way round"
        assert not within.requires_grad
        loss = frame_loss(alone, within)
        found.append(loss.item())
        return loss

    monkeypatch.setattr(StylizerNet, "forward", forward)
    monkeypatch.setattr(lesson, "frame_loss", noted)
    for lightness in (0.0, 0.1):
        found: list[float] = []
        steps, folder = 3 * lesson._FRAME_STEPS + 1, tmp_path / str(lightness)
        learn(folder, steps=steps, batch_size=1, styles_per_photo=1, crop_px=crop_px, likeness_weight=0.0)
        assert len(found) == 4
        if lightness:
            # of the outermost of three cells three quarters are lighter, but for where the photo ends
            assert min(found) > 0.8 * (0.75 * lightness) ** 2 / 3
        else:
            assert max(found) < 1e-12
    found = []
    learn(tmp_path / "without", steps=1, batch_size=1, styles_per_photo=1, crop_px=64, frame_weight=0.0)
    assert not found
