"""The shipped models on real photos: what their users would notice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import load_image, resize_image
from nst_engine.models.find import bundled_models
from nst_engine.runtimes.devices import Backend
from nst_engine.training.photos import sized

Pixels = NDArray[np.uint8]
PHOTOS = Path(__file__).parents[2] / "benchmarks" / "photos"


@pytest.fixture(scope="module", params=["quality", "live"])
def stylizer(request: pytest.FixtureRequest) -> Stylizer:
    return Stylizer(f"bundled:{request.param}", device="cpu")


def photo(name: str, longer_side_px: int = 256) -> Pixels:
    return sized(load_image(bundled_contents()[name].path).pixels, longer_side_px)


def smoothed(pixels: Pixels) -> NDArray[np.float64]:
    """Mean colour of an 8 x 8 grid: what a picture looks like from afar."""
    return resize_image(pixels, 8, 8).astype(np.float64)


def test_models_hold_the_bundled_styles_and_fit_the_package() -> None:
    for name in ("quality", "live"):
        assert Stylizer(f"bundled:{name}", device="cpu").styles == tuple(bundled_styles())
    files = {file for model in bundled_models().values() for file in (model.path.name, *model.companions)}
    folder = bundled_models()["live"].path.parent
    sizes = {name: (folder / name).stat().st_size for name in files}
    assert sizes["quality.onnx"] + sizes["live.onnx"] <= 12e6
    of_any_style = sum(sizes[name] for name in ("any.onnx", "any-fast.onnx", "any-encoder.onnx"))
    assert of_any_style <= 16e6
    assert sum(sizes.values()) - of_any_style - sizes["live-int8.onnx"] <= 17e6
    assert sizes["live-int8.onnx"] <= 1.5e6


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("model", ["quality", "live"])
def test_the_quantised_model_paints_nearly_the_same_in_each_style(model: str, backend: Backend) -> None:
    stylizer = Stylizer(f"bundled:{model}", device="cpu")
    quantised = Stylizer(f"bundled:{model}", device="cpu", precision="int8", backend=backend)
    assert quantised.model == f"{stylizer.model}-int8"
    assert quantised.styles == stylizer.styles
    psnr = {}
    for number, style in enumerate(stylizer.styles):
        # that it was not calibrated on
        picture = sized(load_image(PHOTOS / ("china.jpg", "flower.jpg")[number % 2]).pixels, 320)
        expected, actual = (each.stylize(picture, style).pixels.astype(float) for each in (stylizer, quantised))
        psnr[style] = 10 * np.log10(255**2 / np.square(actual - expected).mean())
    # 36 and more; where a CPU multiplies in bfloat16, what is not quantised is in that
    assert min(psnr.values()) >= 34.5, psnr


@pytest.mark.parametrize("name", ["quality", "live", "any", "any-fast"])
def test_opencv_reads_the_files_and_paints_the_same(name: str) -> None:
    path = str(bundled_models()[name].path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    image, style = session.get_inputs()
    pictures = np.stack([photo(content, 96)[:57, :83] for content in ("astronaut", "chelsea")])
    given = {image.name: pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255}
    given[style.name] = np.eye(2, style.shape[1], dtype=np.float32)
    net = cv2.dnn.readNetFromONNX(path)
    for each, values in given.items():
        net.setInput(values, each)
    np.testing.assert_allclose(net.forward(), session.run(None, given)[0], atol=1e-4)


@pytest.mark.parametrize("style", ["great-wave", "starry-night", "tableau-no-2"])
def test_pictures_come_near_the_style_and_keep_the_photo(
    stylizer: Stylizer, judge_of: Callable[[Path, Path], Any], style: str
) -> None:
    judge = judge_of(bundled_contents()["astronaut"].path, bundled_styles()[style].path)
    style_distance, content_distance = judge.distances(stylizer.stylize(photo("astronaut", 512), style).pixels)
    assert style_distance < 0.26
    assert style_distance < 0.35 * judge.untouched
    assert content_distance < 1.1  # the photo itself is at 0; means of what the networks paint are at 1.0 and 1.1


def test_no_style_paints_a_frame(stylizer: Stylizer) -> None:
    """Along the two inner borders of a corner, colours differ from those a little further in as in the whole photo."""

    def shift(difference: NDArray[np.float64]) -> NDArray[np.float64]:
        outermost, further_in = (difference[rows].mean((0, 1)) for rows in (slice(6), slice(12, 30)))
        return np.asarray(outermost - further_in)

    frames = {}
    for style in stylizer.styles:
        shifts = []
        for name in bundled_contents():
            for whole in (photo(name, 352), np.ascontiguousarray(photo(name, 352)[::-1, ::-1])):
                alone = stylizer.stylize(np.ascontiguousarray(whole[48:, 48:]), style).pixels
                within = stylizer.stylize(whole, style).pixels[48:, 48:]
                difference = np.subtract(alone, within, dtype=np.float64)
                shifts += [shift(difference), shift(difference.transpose(1, 0, 2))]
        frames[style] = float(np.abs(np.mean(shifts, 0)).max())
    # of 255; 7 and 13 where nothing keeps networks from painting one
    assert np.mean([*frames.values()]) < 5.5, frames
    assert max(frames.values()) < 10, frames


def test_styles_differ_clearly_from_each_other(stylizer: Stylizer) -> None:
    stylized = {style: smoothed(stylizer.stylize(photo("coffee"), style).pixels) for style in stylizer.styles}
    for (one, first), (other, second) in itertools.combinations(stylized.items(), 2):
        assert float(np.abs(first - second).mean()) > 4, (one, other)


def test_colours_come_from_the_painting(stylizer: Stylizer) -> None:
    def mean_colour(pixels: Pixels) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = pixels.reshape(-1, 3).mean(0)
        return mean

    nearer = 0
    for style, work in bundled_styles().items():
        expected = mean_colour(load_image(work.path).pixels)
        actual = mean_colour(stylizer.stylize(photo("rocket"), style).pixels)
        nearer += float(np.abs(actual - expected).mean()) < float(
            np.abs(mean_colour(photo("rocket")) - expected).mean()
        )
    assert nearer >= 14


@pytest.mark.parametrize("style", ["poppies", "contrast-of-forms", "composition-viii"])
def test_what_a_painting_is_known_by_does_not_stand_on_a_forehead(style: str) -> None:
    """A blossom, a lozenge and a disc stood there, 39 to 72 from the fur's colour (CIE Lab)."""
    painted = Stylizer("bundled:quality", device="cpu").stylize(photo("chelsea", 512), style).pixels
    lab = cv2.cvtColor(painted.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    fur = cv2.blur(lab[..., 1:], (12, 12))[20:76, 210:290]
    assert float(np.linalg.norm(fur - np.median(fur, (0, 1)), axis=2).max()) < 30


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (333, 127), (1, 1), (9, 200)])
def test_any_size_is_painted_at_its_size_and_always_the_same(stylizer: Stylizer, size: tuple[int, int]) -> None:
    picture = resize_image(photo("chelsea"), *size)
    first, second = (stylizer.stylize(picture, "scream").pixels for _ in range(2))
    assert first.shape == picture.shape
    np.testing.assert_array_equal(first, second)


def test_flat_black_and_white_pictures_are_painted_without_nan(stylizer: Stylizer) -> None:
    for level in (0, 128, 255):
        assert stylizer.stylize(np.full((96, 80, 3), level, np.uint8), "auvers").pixels.shape == (96, 80, 3)


@pytest.mark.parametrize("name", ["quality", "live", "any", "any-fast"])
def test_a_ground_of_one_colour_is_painted(name: str) -> None:
    """Far from a disc, where networks see nothing of it; in levels of 255."""
    ground = np.full((300, 560, 3), 230, np.uint8)
    rows, columns = np.ogrid[:300, :560]
    ground[(rows - 210) ** 2 + (columns - 90) ** 2 < 50**2] = (30, 80, 200)
    stylizer = Stylizer(f"bundled:{name}", device="cpu")
    for style in stylizer.styles:
        painted = stylizer.stylize(ground, style).pixels[60:-60, 400:-60]
        assert painted.std((0, 1)).mean() > 3, style


def test_blends_lie_between_their_styles(stylizer: Stylizer) -> None:
    picture = photo("coffee")
    first, second = (stylizer.stylize(picture, style).pixels.astype(float) for style in ("great-wave", "scream"))
    blend = stylizer.stylize(picture, {"great-wave": 1, "scream": 1}).pixels.astype(float)
    apart = float(np.abs(first - second).mean())
    assert float(np.abs(blend - first).mean()) < apart
    assert float(np.abs(blend - second).mean()) < apart


def test_many_threads_paint_what_one_does(stylizer: Stylizer) -> None:
    picture, styles = photo("astronaut", 128), stylizer.styles[:8]
    expected = [stylizer.stylize(picture, style).pixels for style in styles]
    with ThreadPoolExecutor(8) as pool:
        actual = list(pool.map(lambda style: stylizer.stylize(picture, style).pixels, styles))
    for each, other in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(each, other)


def test_there_is_no_frame_around_the_picture(stylizer: Stylizer) -> None:
    """A crop is stylized up to its border as the whole picture is there, except for the context it lacks."""
    picture = photo("rocket", 320)
    for style in ("great-wave", "composition-viii", "scream"):
        stylized = stylizer.stylize(picture, style).pixels.astype(float)
        ring = np.ones(stylized.shape[:2], bool)
        ring[3:-3, 3:-3] = False
        inner = np.ones(stylized.shape[:2], bool)
        inner[:16], inner[-16:], inner[:, :16], inner[:, -16:] = (False,) * 4
        next_to = ~inner & ~ring
        assert float(np.abs(stylized[ring].mean(0) - stylized[next_to].mean(0)).max()) < 14


def test_no_grid_is_painted_into_a_calm_sky(stylizer: Stylizer) -> None:
    """The mean of every fourth pixel, by its place in a 4 x 4 pattern, all over the picture: levels of 255."""
    pattern: list[Any] = []
    picture = photo("rocket", 640)
    for style in stylizer.styles:
        stylized = stylizer.stylize(picture, style).pixels.astype(float)
        height, width = (side - side % 4 for side in stylized.shape[:2])
        cells = stylized[:height, :width].reshape(height // 4, 4, width // 4, 4, 3)
        pattern.append(float(cells.mean((0, 2)).std(axis=(0, 1)).max()))
    assert np.mean(pattern) < 1.5
