"""What the pages in docs/ tell people to type works, and gives the engine's own picture."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst_engine import Stylizer, load_image
from nst_engine.catalogue import bundled_contents
from nst_engine.image.likeness import psnr_db
from nst_engine.models.find import find_model

MODELS = (Path(__file__).parent.parent / "docs" / "models.md").read_text(encoding="utf-8")
PHOTO = load_image(bundled_contents()["rocket"].path, max_side=203).pixels


def code_of(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", MODELS, re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def expected() -> NDArray[np.uint8]:
    return Stylizer("bundled:live", device="cpu", backend="onnxruntime").stylize(PHOTO, "great-wave").pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(find_model("bundled:live-uint8").path, tmp_path / "live-uint8.onnx")
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    return tmp_path


def in_python(folder: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code_of("python")], cwd=folder, check=True)


def in_node(folder: Path) -> None:
    """Node's packages come from the npm registry."""
    (folder / "example.mjs").write_text(code_of("js"))
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "onnxruntime-web@1", "pngjs@7"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True)
    subprocess.run(["node", "example.mjs"], cwd=folder, check=True, capture_output=True)


_NEEDS_NODE = pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not installed")


@pytest.mark.parametrize("run", [in_python, pytest.param(in_node, marks=_NEEDS_NODE)])
def test_the_examples_give_the_picture_of_the_engine(
    folder: Path, expected: NDArray[np.uint8], run: Callable[[Path], None]
) -> None:
    run(folder)
    assert psnr_db(load_image(folder / "stylized.png").pixels, expected) > 45


def test_weights_of_any_sum_are_shares(folder: Path) -> None:
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(folder / "live-uint8.onnx")
    results = []
    for total in (1, 7):
        weights = np.zeros((1, 16), np.float32)
        weights[0, [4, 7]] = total * 0.25, total * 0.75
        results += session.run(None, {"image": PHOTO[np.newaxis], "style_weights": weights})
    assert psnr_db(*results) > 60
