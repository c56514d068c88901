"""Models for any style, with the shipped weights: style images of every kind, blends, embeddings, tiles, backends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from nst_engine import FrameStylizer, StyleEmbedding, Stylizer
from nst_engine.catalogue import bundled_contents, bundled_styles, style_path
from nst_engine.environment import is_importable
from nst_engine.errors import (
    ModelChecksumError,
    ModelNotFoundError,
    ModelSpecError,
    NSTError,
    OptionError,
    StyleNotFoundError,
)
from nst_engine.image import load_image, save_image
from nst_engine.models.find import bundled_models
from nst_engine.training.photos import sized

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def fast() -> Stylizer:
    return Stylizer("bundled:any-fast", device="cpu")


@pytest.fixture(scope="module")
def best() -> Stylizer:
    return Stylizer("bundled:any", device="cpu")


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return sized(load_image(bundled_contents()["coffee"].path).pixels, 160)


@pytest.fixture(scope="module")
def texture() -> Pixels:
    """No painting: stripes in two colours, uint8 H×W×3."""
    y, x = np.mgrid[:120, :150]
    stripes = np.sin(0.2 * x + 0.1 * y)[..., None] > 0
    return np.where(stripes, (210, 60, 30), (20, 40, 120)).astype(np.uint8)


def apart(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_all_ways_to_name_a_style_paint_the_same(fast: Stylizer, photo: Pixels, tmp_path: Path) -> None:
    path = style_path("scream")
    expected = fast.stylize(photo, "scream")
    assert expected.styles == {"scream": 1}
    embedding = fast.encode_style(path)
    saved = embedding.save(tmp_path / "it.safetensors")
    ways: list[Any] = [path, str(path), path.read_bytes(), load_image(path).pixels, embedding, saved, str(saved)]
    ways += [{path: 2.0}, [(load_image(path).pixels, 0.1)], fast.choose_style(embedding), StyleEmbedding.load(saved)]
    for way in ways:
        np.testing.assert_array_equal(fast.stylize(photo, way).pixels, expected.pixels)


def test_a_style_is_read_once(fast: Stylizer, texture: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fast.encode_style(texture)
    monkeypatch.setattr(fast._in_this_process().encoder, "_run", lambda *_: pytest.fail("read again"))
    assert fast.encode_style(texture.copy()) is first


def test_the_style_decides_the_picture_whatever_the_model(
    fast: Stylizer, best: Stylizer, photo: Pixels, texture: Pixels
) -> None:
    for stylizer in (fast, best):
        striped = stylizer.stylize(photo, texture).pixels
        waves = stylizer.stylize(photo, "great-wave").pixels
        assert apart(striped, waves) > 15
        mean = texture.reshape(-1, 3).mean(0)
        assert np.abs(striped.reshape(-1, 3).mean(0) - mean).max() < np.abs(waves.reshape(-1, 3).mean(0) - mean).max()


@pytest.mark.parametrize("model", ["any", "any-fast"])
def test_pictures_come_near_the_style_and_keep_the_photo(model: str, judge_of: Callable[[Path, Path], Any]) -> None:
    picture = sized(load_image(bundled_contents()["astronaut"].path).pixels, 512)
    judge = judge_of(bundled_contents()["astronaut"].path, bundled_styles()["great-wave"].path)
    stylized = Stylizer(f"bundled:{model}", device="cpu").stylize(picture, "great-wave").pixels
    style_distance, content_distance = judge.distances(stylized)
    assert style_distance < 0.3
    assert style_distance < 0.35 * judge.untouched
    assert content_distance < 1.3


def test_blends_lie_between_their_styles_and_sum_to_one(fast: Stylizer, photo: Pixels, texture: Pixels) -> None:
    embedding = fast.encode_style(texture, label="stripes")
    blend = fast.stylize(photo, {embedding: 3, "great-wave": 1})
    assert blend.styles == {"stripes": 0.75, "great-wave": 0.25}
    ends = [fast.stylize(photo, each).pixels for each in (embedding, "great-wave")]
    assert all(apart(blend.pixels, end) < apart(*ends) for end in ends)
    code = fast.choose_style([(embedding, 3), ("great-wave", 1)]).weights
    expected = 0.75 * embedding.code + 0.25 * fast.encode_style(style_path("great-wave")).code
    np.testing.assert_allclose(code, expected[None], atol=1e-6)
    assert fast.choose_style({embedding: 1, "great-wave": 0}).shares == {"stripes": 1}
    assert list(fast.choose_style([(texture, 1), (texture[::-1].copy(), 1)]).shares) == ["style-image", "style-image-2"]


def test_options_mean_what_they_mean_for_fixed_styles(fast: Stylizer, photo: Pixels, texture: Pixels) -> None:
    plain = fast.stylize(photo, texture).pixels
    np.testing.assert_array_equal(fast.stylize(photo, texture, strength=0).pixels, photo)
    assert 0 < apart(fast.stylize(photo, texture, strength=0.5).pixels, photo) < apart(plain, photo)
    looks: list[dict[str, Any]] = [
        {"preserve_color": "luma"},
        {"stroke_size": 0.5},
        {"stroke_size": 2},
        {"strength": 1.5},
    ]
    for options in looks:
        assert apart(fast.stylize(photo, texture, **options).pixels, plain) > 1
    out = np.empty_like(photo)
    assert fast.stylize(photo, texture, out=out).pixels is out
    np.testing.assert_array_equal(out, plain)
    batch = fast.stylize_batch([photo, photo[:90, :70], photo], texture, batch_size=2)
    np.testing.assert_allclose(batch[2].pixels.astype(int), plain, atol=1)
    assert batch[1].pixels.shape == (90, 70, 3)


@pytest.mark.parametrize("model", ["any", "any-fast"])
def test_tiles_paint_what_the_whole_does(model: str, texture: Pixels) -> None:
    picture = sized(load_image(bundled_contents()["rocket"].path).pixels, 900)
    whole = Stylizer(f"bundled:{model}", device="cpu").stylize(picture, texture).pixels
    tiled = Stylizer(f"bundled:{model}", device="cpu", tile_above_px=1).stylize(picture, texture).pixels
    error = float(np.square(whole.astype(float) - tiled).mean())
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > 40


@pytest.mark.skipif(not is_importable("openvino"), reason="needs openvino")
@pytest.mark.parametrize("model", ["any", "any-fast"])
def test_backends_paint_the_same(model: str, photo: Pixels, texture: Pixels) -> None:
    result = [
        Stylizer(f"bundled:{model}", device="cpu", backend=backend).stylize(photo, texture).pixels
        for backend in ("onnxruntime", "openvino")
    ]
    error = float(np.square(result[0].astype(float) - result[1]).mean())
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > 35


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (1, 1), (9, 200)])
def test_any_size_is_painted_at_its_size(fast: Stylizer, texture: Pixels, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert fast.stylize(picture, texture).pixels.shape == picture.shape


@pytest.mark.parametrize("stylizer", ["fast", "best"])
def test_hostile_style_images_have_sensible_pictures(
    stylizer: str, photo: Pixels, request: pytest.FixtureRequest
) -> None:
    model: Stylizer = request.getfixturevalue(stylizer)
    rng = np.random.default_rng(0)
    see_through = np.dstack([photo, np.full(photo.shape[:2], 3, np.uint8)])
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (0, 128, 255)]
    red = np.broadcast_to(np.array((255, 0, 0), np.uint8), (50, 70, 3)).copy()
    noise = rng.integers(0, 256, (300, 200, 3), dtype=np.uint8)
    checks = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    for image in (*flat, red, noise, checks, photo, photo[:1, :1], photo[:2], see_through, noise.astype(np.uint16)):
        embedding = model.encode_style(image)
        assert np.isfinite(embedding.code).all()
        assert np.abs(embedding.code).max() < 30
        stylized = model.stylize(photo, embedding).pixels
        assert stylized.std() > 1, image.shape  # something is to be seen


@pytest.mark.parametrize("stylizer", ["fast", "best"])
def test_what_a_style_image_lacks_the_picture_lacks(
    stylizer: str, photo: Pixels, request: pytest.FixtureRequest
) -> None:
    model: Stylizer = request.getfixturevalue(stylizer)
    red = np.broadcast_to(np.array((200, 30, 30), np.uint8), (50, 70, 3)).copy()
    mean = model.stylize(photo, red).pixels.mean((0, 1))
    assert float(np.abs(mean - (200, 30, 30)).max()) < 45
    wave = load_image(bundled_styles()["great-wave"].path).pixels
    grey = wave.mean(2).round().astype(np.uint8)  # H×W: a black-and-white picture
    for source in (grey, np.repeat(grey[..., None], 3, 2)):
        stylized = model.stylize(photo, source).pixels.astype(int)
        assert float((stylized.max(2) - stylized.min(2)).mean()) < 16
        assert stylized.std() > 30
    # its own style: the colours of the photo, and what is on it
    own = model.stylize(photo, photo).pixels.astype(float)
    assert float(np.abs(own.mean((0, 1)) - photo.mean((0, 1))).max()) < 40
    assert np.corrcoef(own.mean(2).ravel(), photo.mean(2).ravel())[0, 1] > 0.6


def test_a_huge_style_image_is_the_small_one(fast: Stylizer, tmp_path: Path) -> None:
    wave = sized(load_image(bundled_styles()["great-wave"].path).pixels, 600)
    save_image(tmp_path / "huge.png", wave.repeat(10, 0).repeat(10, 1))
    small, huge = fast.encode_style(wave).code, fast.encode_style(tmp_path / "huge.png").code
    other = fast.encode_style(style_path("scream")).code
    assert float(np.abs(huge - small).mean()) < 0.1 * float(np.abs(other - small).mean())


def test_clear_lines_for_what_is_no_style(fast: Stylizer, best: Stylizer, photo: Pixels, tmp_path: Path) -> None:
    (tmp_path / "it.jpg").write_bytes(b"no picture")
    refused: list[tuple[Any, type[NSTError], str]] = [
        (None, OptionError, "give a style image, an embedding, or a bundled painting's name"),
        ("nosuch", StyleNotFoundError, "neither a file nor a bundled style"),
        ("great-wav", StyleNotFoundError, "did you mean great-wave"),
        (tmp_path / "none.safetensors", StyleNotFoundError, "neither a file"),
        (tmp_path / "it.jpg", NSTError, "something else"),
        (tmp_path, NSTError, "is a folder"),
        ({}, OptionError, "sum to 0"),
        ({"scream": 0}, OptionError, "sum to 0"),
        ({"scream": -1}, OptionError, "a weight is -1"),
        ({"scream": np.nan}, OptionError, "a weight is nan"),
        ([("scream", "much")], OptionError, "a weight is 'much'"),
        (3, NSTError, "came a int"),
        (best.encode_style(photo), OptionError, "is bundled:any's, which bundled:any-fast cannot read"),
        (best.choose_style(photo), OptionError, "was chosen for bundled:any"),
    ]
    for style, kind, message in refused:
        with pytest.raises(kind, match=message):
            fast.stylize(photo, style)


def test_models_of_fixed_styles_say_which_model_takes_any(photo: Pixels) -> None:
    stylizer = Stylizer("bundled:live", device="cpu")
    with pytest.raises(OptionError, match="take bundled:any"):
        stylizer.encode_style(photo)
    for style in (photo, style_path("scream"), StyleEmbedding(np.zeros(97, np.float32), "m", "s", "l")):
        with pytest.raises(OptionError, match=r"holds its styles .*bundled:any"):
            stylizer.stylize(photo, style)
    expected = stylizer.stylize(photo, {"scream": 1, "auvers": 1}).pixels
    np.testing.assert_array_equal(stylizer.stylize(photo, [("scream", 1), ("auvers", 1)]).pixels, expected)


def test_frames_are_painted_and_restyled(fast: Stylizer, photo: Pixels, texture: Pixels) -> None:
    painter = FrameStylizer(fast, texture, stability="off", channel_order="rgb")
    np.testing.assert_array_equal(painter.stylize_frame(photo), fast.stylize(photo, texture).pixels)
    settings = json.dumps(painter.settings)
    painter.restyle([(texture, 1), ("scream", 1)])
    assert painter.styles == {"style-image": 0.5, "scream": 0.5}
    assert json.dumps(painter.settings) != settings
    other = FrameStylizer(fast, texture[:, ::-1].copy(), stability="off", channel_order="rgb")
    assert json.dumps(other.settings) != settings  # a run of one style is not gone on with in another


def test_many_threads_paint_what_one_does(photo: Pixels) -> None:
    stylizer = Stylizer("bundled:any-fast", device="cpu")
    styles = list(bundled_styles())[:4]
    with ThreadPoolExecutor(4) as pool:
        result = list(pool.map(lambda style: stylizer.stylize(photo, style).pixels, styles))
    for style, pixels in zip(styles, result, strict=True):
        np.testing.assert_array_equal(stylizer.stylize(photo, style).pixels, pixels)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The model as somebody's own file, with its encoder beside it."""
    folder = bundled_models()["any-fast"].path.parent
    for name in ("any-fast.onnx", "any-encoder.onnx"):
        shutil.copy(folder / name, tmp_path)
    return tmp_path / "any-fast.onnx"


def test_a_copied_model_needs_its_encoder_beside_it(
    copied: Path, fast: Stylizer, photo: Pixels, texture: Pixels
) -> None:
    stylizer = Stylizer(copied, device="cpu")
    np.testing.assert_array_equal(stylizer.stylize(photo, texture).pixels, fast.stylize(photo, texture).pixels)
    np.testing.assert_array_equal(  # the same encoder: the same codes
        stylizer.stylize(photo, fast.encode_style(texture)).pixels, fast.stylize(photo, texture).pixels
    )
    encoder = copied.with_name("any-encoder.onnx")
    encoder.write_bytes(encoder.read_bytes()[:1000])
    with pytest.raises(ModelChecksumError, match=r"any-fast\.onnx: cannot be loaded"):
        Stylizer(copied, device="cpu").stylize(photo, texture)
    encoder.unlink()
    with pytest.raises(ModelNotFoundError, match=r"any-encoder\.onnx: no such file"):
        Stylizer(copied, device="cpu").stylize(photo, texture)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predict": "../any-encoder.onnx"}, "style is .*wanted such as"),
        ({"predict": "", "output": 3}, "style is .*wanted such as"),
        ({"unknown": 1}, "style is .*wanted such as"),
        ({"numbers": 96}, 'takes 97 style weights, but its specification names 96; write "numbers": 97'),
    ],
)
def test_a_specification_that_does_not_fit_is_refused(copied: Path, change: dict[str, Any], message: str) -> None:
    model = onnx.load(copied)
    spec = json.loads(model.metadata_props[0].value)
    spec["style"].update(change)
    model.metadata_props[0].value = json.dumps(spec)
    onnx.save(model, copied)
    with pytest.raises(ModelSpecError, match=message):
        Stylizer(copied, device="cpu")


def test_a_damaged_encoder_of_the_package_is_noticed(monkeypatch: pytest.MonkeyPatch, photo: Pixels) -> None:
    entry = bundled_models()["any-fast"]
    changed = {**bundled_models(), "any-fast": replace(entry, companions={"any-encoder.onnx": "0" * 64})}
    monkeypatch.setattr("nst_engine.models.find.bundled_models", lambda: changed)
    with pytest.raises(ModelChecksumError, match="damaged or replaced"):
        Stylizer("bundled:any-fast", device="cpu").stylize(photo, photo)
