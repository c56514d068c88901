"""What is rebuilt from a layer's features has these features, and resembles no other input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nst_engine.cli.main import main
from nst_engine.vgg19.layers import LAYERS
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import load_vgg19_weights

from .running import nst, painting, pixels_of, write

LAYER = "relu3_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")


def features_of(pixels: NDArray[np.uint8]) -> dict[str, torch.Tensor]:
    network = VGG19(load_vgg19_weights(), STYLE_LAYERS)
    image = torch.from_numpy(pixels[..., :3].astype(np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        features: dict[str, torch.Tensor] = network(image)
    return features


def gram_of(features: torch.Tensor) -> torch.Tensor:
    flat = features[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Squared distance relative to the other's energy."""
    return float((one - other).square().sum() / other.square().sum())


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write(tmp_path / "image.png", painting(48, 64, seed=4))


def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def test_content_comes_back(tmp_path: Path, image: Path) -> None:
    output = tmp_path / "rebuilt.png"
    arguments = ["reconstruct", str(image), "--layer", LAYER, "--image-size", "64", "--num-iterations", "40"]
    assert main([*arguments, "--tv-weight", "0", "-o", str(output)]) == 0
    rebuilt = pixels_of(output)
    assert rebuilt.shape == (48, 64, 3)
    target, actual, start = (features_of(each)[LAYER] for each in (pixels_of(image), rebuilt, noise()))
    assert distance(actual, target) < 0.25 * distance(start, target)


def test_style_comes_back_but_not_its_places(tmp_path: Path, image: Path) -> None:
    output = tmp_path / "rebuilt.png"
    arguments = ["reconstruct", str(image), "--layer", LAYER, "--style", "--image-size", "64"]
    assert main([*arguments, "--num-iterations", "40", "--tv-weight", "0", "-o", str(output)]) == 0
    target, actual, start = (features_of(each) for each in (pixels_of(image), pixels_of(output), noise()))
    for layer in STYLE_LAYERS:
        expected = gram_of(target[layer])
        assert distance(gram_of(actual[layer]), expected) < 0.25 * distance(gram_of(start[layer]), expected)
    assert distance(actual[LAYER], target[LAYER]) > 0.25


def test_the_whole_command_and_its_default_name(tmp_path: Path, image: Path) -> None:
    fast = ("--image-size", 48, "--num-iterations", 2)
    completed = nst("reconstruct", image.name, "--layer", "conv2_2", "--style", *fast, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.startswith("image_conv2_2_style.png: 48×36 px, 2 iterations in ")
    assert pixels_of(tmp_path / "image_conv2_2_style.png").shape == (36, 48, 3)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["chelsea", "scream"])
def test_bundled_photos_and_paintings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reconstruct", name, "--layer", "relu1_1", "--image-size", "48", "--num-iterations", "1"]) == 0
    assert max(pixels_of(tmp_path / f"{name}_relu1_1.png").shape[:2]) == 48


def test_every_layer_can_be_asked_for(tmp_path: Path, image: Path) -> None:
    for layer in (LAYERS[0], LAYERS[-1]):
        for style in ([], ["--style"]):
            output = tmp_path / "rebuilt.png"
            arguments = ["reconstruct", str(image), "--layer", layer, *style, "--image-size", "48", "-o", str(output)]
            assert main([*arguments, "--num-iterations", "1"]) == 0
            assert pixels_of(output).shape == (36, 48, 3)
