from __future__ import annotations

import io
import itertools
import json
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image
from tiny_models import (
    STYLES,
    TINTS_OF,
    assert_rounded,
    blurred,
    expected_pixels,
    own_spec,
    painter,
    photo,
    serialized,
    write_own,
)

import nst_engine
from nst_engine import Stylizer
from nst_engine.color import keep_luma
from nst_engine.errors import (
    ImageDecodeError,
    ImageNotFoundError,
    InferenceError,
    ModelNotFoundError,
    OptionError,
    OutOfMemoryError,
    OutputError,
    StyleNotFoundError,
)
from nst_engine.image import resize_image
from nst_engine.runtimes.session import Session
from nst_engine.stylize import pipeline as pipeline_module

SIZES = [(1, 1), (1, 37), (29, 1), (15, 17), (48, 64), (101, 67)]


@pytest.fixture(scope="module")
def stylizer(tmp_path_factory: pytest.TempPathFactory) -> Stylizer:
    return Stylizer(write_own(tmp_path_factory.mktemp("model")), device="cpu")


@pytest.fixture(params=["onnxruntime", "openvino"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def other_stylizer(
    folder: Path, content: bytes, beside: dict[str, Any] | None = None, backend: Any = "onnxruntime"
) -> Stylizer:
    path = folder / "mosaic.onnx"
    path.write_bytes(content)
    if beside is not None:
        path.with_suffix(".json").write_text(json.dumps(beside), encoding="utf-8")
    return Stylizer(path, device="cpu", backend=backend)


def png(pixels: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_stylizer_says_what_it_is(stylizer: Stylizer) -> None:
    assert stylizer.styles == STYLES
    assert stylizer.provider == "CPUExecutionProvider"
    assert stylizer.model.endswith("tiny.onnx")
    assert stylizer.spec.name == "tiny"
    assert stylizer.device_report.startswith(f"cpu (CPUExecutionProvider, {stylizer.threads} CPU threads)")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("style", "mix"),
    [("scream", {"scream": 1}), ({"wave": 3, "poppies": 1}, {"wave": 0.75, "poppies": 0.25})],
)
def test_pictures_of_any_size_are_painted(
    stylizer: Stylizer, size: tuple[int, int], style: Any, mix: dict[str, float]
) -> None:
    pixels = photo(*size)
    result = stylizer.stylize(pixels, style)
    assert_rounded(result.image, expected_pixels(pixels, mix))
    assert (result.height, result.width) == size
    assert (result.styles, result.provider, result.model) == (mix, stylizer.provider, stylizer.model)


@pytest.mark.parametrize(
    ("entries", "factor"),
    [
        ({"layout": "nhwc", "dtype": "uint8"}, 255),
        ({"layout": "nchw", "dtype": "uint8"}, 255),
        ({"layout": "nhwc", "dtype": "float32", "pad_multiple": 8}, 1),
        ({"layout": "nchw", "dtype": "float32", "value_range": [0, 255], "min_side_px": 50}, 255),
    ],
)
def test_models_of_every_kind_paint_the_same(
    tmp_path: Path, backend: Any, entries: dict[str, Any], factor: float
) -> None:
    content = painter(spec=own_spec(**entries), layout=entries["layout"], dtype=entries["dtype"], factor=factor)
    stylizer = other_stylizer(tmp_path, content, backend=backend)
    pixels = photo(21, 35)
    assert_rounded(stylizer.stylize(pixels, "wave").image, expected_pixels(pixels, {"wave": 1}))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_model_of_bgr_sees_bgr(tmp_path: Path, backend: Any, layout: str) -> None:
    content = painter(spec=own_spec(channel_order="bgr", layout=layout), layout=layout)
    stylizer = other_stylizer(tmp_path, content, backend=backend)
    pixels = photo(21, 35)
    expected = expected_pixels(pixels[:, :, ::-1], {"wave": 1})[:, :, ::-1]
    assert_rounded(stylizer.stylize(pixels, "wave").image, expected)


def test_means_deviations_and_ranges_are_those_stated(tmp_path: Path, backend: Any) -> None:
    low, high, mean, std = -20.0, 40.0, np.array([3.0, -5.0, 12.5]), np.array([0.5, 2.0, 8.0])
    model_spec = own_spec(value_range=[low, high], mean=mean.tolist(), std=std.tolist())
    stylizer = other_stylizer(tmp_path, painter(spec=model_spec, factor=20), backend=backend)
    pixels = photo(23, 31)
    taken = (low + pixels.astype(np.float64) / 255 * (high - low) - mean) / std
    returned = blurred(taken) / 2 + 20 * TINTS_OF["wave"] / 2
    assert_rounded(stylizer.stylize(pixels, "wave").image, np.clip((returned - low) / (high - low) * 255, 0, 255))


@pytest.mark.parametrize("sides", [("height", "width"), (32, 48)])
def test_a_model_of_the_zoo_works_with_a_few_words_beside_it(tmp_path: Path, backend: Any, sides: Any) -> None:
    content = painter(spec=None, styles=0, sides=sides, batch=1)
    stylizer = other_stylizer(tmp_path, content, {"value_range": [0, 255], "pad_multiple": 4}, backend)
    assert stylizer.styles == ("mosaic",)
    pictures = [photo(21, 35, seed=seed) for seed in range(2)]
    for pixels, result in zip(pictures, stylizer.stylize_batch(pictures), strict=True):
        expected = np.clip(1.5 * blurred(pixels) - 20, 0, 255)  # beyond the range at both ends
        assert_rounded(result.pixels, expected)
        assert result.styles == {"mosaic": 1}
        assert {0, 255} <= set(result.pixels.ravel())


def test_pictures_come_as_anything_and_go_back_in_kind(stylizer: Stylizer, tmp_path: Path) -> None:
    pixels = photo(20, 30)
    expected = stylizer.stylize(pixels, "wave").pixels
    path = tmp_path / "photo.png"
    path.write_bytes(png(pixels))
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), Image.fromarray(pixels)):
        image = stylizer.stylize(source, "wave").image
        assert isinstance(image, Image.Image)
        assert image.mode == "RGB"
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("kind", ["grey", "grey with axis", "uint16", "floats", "16-bit file"])
def test_other_depths_and_channels_are_painted_as_what_they_show(stylizer: Stylizer, kind: str) -> None:
    grey = photo(20, 30, channels=1)
    rgb = np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    sources: dict[str, Any] = {
        "grey": grey,
        "grey with axis": grey[:, :, np.newaxis],
        "uint16": rgb.astype(np.uint16) * 257,
        "floats": rgb / 255,
        "16-bit file": png(grey.astype(np.uint16) * 257),
    }
    assert_rounded(stylizer.stylize(sources[kind], "wave").pixels, expected_pixels(rgb, {"wave": 1}))


@pytest.mark.parametrize("kind", ["array", "image", "bytes"])
def test_transparency_is_kept(stylizer: Stylizer, kind: str) -> None:
    pixels = photo(20, 30, channels=4)
    pixels[:, :, 3] |= 1  # what is hidden throughout takes colours of what is not
    source: Any = {"array": pixels, "image": Image.fromarray(pixels), "bytes": png(pixels)}[kind]
    result = stylizer.stylize(source, "wave")
    image = np.asarray(result.image)
    np.testing.assert_array_equal(image[:, :, 3], pixels[:, :, 3])
    assert_rounded(image[:, :, :3], expected_pixels(pixels[:, :, :3], {"wave": 1}))
    assert isinstance(result.image, np.ndarray if kind == "array" else Image.Image)


def test_hidden_colours_change_nothing_that_is_seen(stylizer: Stylizer) -> None:
    pixels = photo(40, 61, channels=4)
    pixels[:, :, 3] = 255
    pixels[:15, :30, 3] = 0
    others = pixels.copy()
    others[:15, :30, :3] = (0, 255, 0)
    results = [stylizer.stylize(each, "wave", max_side=side).image for each in (pixels, others) for side in (None, 33)]
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[1], results[3])


def test_an_array_with_an_opaque_channel_keeps_it(stylizer: Stylizer) -> None:
    pixels = photo(20, 30, channels=4)
    pixels[:, :, 3] = 255
    image = stylizer.stylize(pixels, "wave").image
    assert image.shape == pixels.shape
    assert (image[:, :, 3] == 255).all()


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(60, 90, (40, 60)), (90, 60, (60, 40)), (30, 60, (30, 60)), (20, 30, (20, 30))]
)
def test_max_side_shrinks_and_never_enlarges(
    stylizer: Stylizer, height: int, width: int, expected: tuple[int, int]
) -> None:
    pixels = photo(height, width, channels=4)
    pixels[:, :, 3] |= 1
    result = stylizer.stylize(pixels, "wave", max_side=60)
    assert (result.height, result.width) == expected
    shrunk = resize_image(pixels[:, :, :3].copy(), *expected)
    assert_rounded(result.pixels, expected_pixels(shrunk, {"wave": 1}))
    assert result.alpha is not None
    assert result.alpha.shape == expected


def test_styles_come_as_pairs_as_well_each_once(stylizer: Stylizer) -> None:
    pixels = photo(20, 30)
    blend = stylizer.stylize(pixels, {"wave": 3, "scream": 1}).pixels
    np.testing.assert_array_equal(stylizer.stylize(pixels, [("wave", 3), ("scream", 1)]).pixels, blend)
    with pytest.raises(OptionError, match="style: wave came twice; give each style once"):
        stylizer.stylize(pixels, [("wave", 1), ("wave", 2), ("scream", 1)])
    with pytest.raises(OptionError, match="holds its styles"):
        stylizer.stylize(pixels, [(pixels, 1)])


def test_strength_goes_from_the_photo_to_the_painting(stylizer: Stylizer) -> None:
    pixels = photo(20, 30)
    full = stylizer.stylize(pixels, "wave").pixels
    np.testing.assert_array_equal(stylizer.stylize(pixels, "wave", strength=0).pixels, pixels)
    np.testing.assert_array_equal(stylizer.stylize(pixels, "wave", strength=1).pixels, full)
    half = stylizer.stylize(pixels, "wave", strength=0.5).pixels
    assert_rounded(half, (pixels.astype(np.float64) + np.clip(expected_pixels(pixels, {"wave": 1}), 0, 255)) / 2)
    tiled = Stylizer(stylizer.model, device="cpu", tile_above_px=1).stylize(pixels, "wave", strength=0.5)
    np.testing.assert_array_equal(tiled.pixels, half)


def test_tiles_are_taken_where_memory_is_short_and_the_picture_is_large(
    stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = photo(20, 30)
    expected = stylizer.stylize(pixels, "wave").pixels

    def fail(*_: Any) -> None:
        raise OutOfMemoryError("no memory left on the GPU")

    monkeypatch.setattr(Session, "run", fail)
    with pytest.raises(OutOfMemoryError):
        stylizer.stylize(pixels, "wave")
    monkeypatch.setattr(pipeline_module, "TILE_ABOVE_PX", 20 * 30 - 1)
    np.testing.assert_array_equal(stylizer.stylize(pixels, "wave").pixels, expected)


def test_a_batch_that_memory_is_short_for_is_painted_one_by_one(
    stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [photo(20, 30, seed) for seed in range(3)]
    expected = [stylizer.stylize(pixels, "wave").pixels for pixels in photos]
    run = Session.run

    def fail(session: Session, pictures: NDArray[Any], *rest: Any) -> NDArray[Any]:
        if len(pictures) > 1:
            raise OutOfMemoryError("no memory left on the GPU")
        return run(session, pictures, *rest)

    monkeypatch.setattr(Session, "run", fail)
    results = stylizer.stylize_batch(photos, "wave")
    for result, pixels in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result.pixels, pixels)


@pytest.mark.parametrize(("device", "bucket", "most"), [("cpu", 1, 3), ("cuda:1", 1, 32), ("tensorrt", 64, 3)])
def test_devices_that_take_any_size_get_it_unpadded(device: str, bucket: int, most: int) -> None:
    assert (pipeline_module.bucket_px(device), pipeline_module.tile_above_px(device)) == (bucket, most * 1_000_000)


def test_colours_are_kept(stylizer: Stylizer) -> None:
    pixels = photo(20, 30)
    kept = stylizer.stylize(pixels, "wave", preserve_color="luma").pixels
    np.testing.assert_array_equal(kept, keep_luma(stylizer.stylize(pixels, "wave").pixels, pixels))


def test_a_batch_gives_what_single_runs_give_in_order(stylizer: Stylizer) -> None:
    sizes = [(20, 30), (33, 17), (20, 30), (1, 1), (20, 30), (33, 17)]
    sources: list[Any] = [photo(*size, seed=seed) for seed, size in enumerate(sizes)]
    sources[2] = png(sources[2])
    options: Any = {"strength": 0.8, "preserve_color": "match"}
    for batch_size in (1, 2, 8):
        results = stylizer.stylize_batch(sources, {"wave": 1, "scream": 1}, batch_size=batch_size, **options)
        for source, result in zip(sources, results, strict=True):
            alone = stylizer.stylize(source, {"wave": 1, "scream": 1}, **options)
            assert int(np.abs(result.pixels.astype(int) - alone.pixels).max()) <= 1
            assert isinstance(result.image, type(alone.image))
    assert stylizer.stylize_batch([], "wave") == []


def test_a_batch_for_a_model_of_one_picture_at_a_time(tmp_path: Path) -> None:
    stylizer = other_stylizer(tmp_path, painter(spec=own_spec(), batch=1))
    pictures = [photo(20, 30, seed=seed) for seed in range(3)]
    for pixels, result in zip(pictures, stylizer.stylize_batch(pictures, "poppies"), strict=True):
        assert_rounded(result.pixels, expected_pixels(pixels, {"poppies": 1}))


def test_a_batch_of_a_quantised_network_gives_what_single_runs_give(backend: Any) -> None:
    pictures = [photo(96, 120, seed=seed) for seed in range(2)]
    with Stylizer("bundled:live", device="cpu", backend=backend, precision="int8", threads=1) as stylizer:
        for pixels, result in zip(pictures, stylizer.stylize_batch(pictures, "scream"), strict=True):
            alone = stylizer.stylize(pixels, "scream").pixels
            np.testing.assert_array_equal(result.pixels, alone)


def test_timings_are_of_every_stage_and_shared_by_a_batch(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = photo(20, 30)
    seconds = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))  # each look at the clock takes a second
    single = stylizer.stylize(pixels, "wave").timings_ms
    batch = [result.timings_ms for result in stylizer.stylize_batch([pixels, pixels], "wave")]
    monkeypatch.undo()
    assert single == {"decode": 1000, "preprocess": 1000, "inference": 1000, "postprocess": 1000, "total": 4000}
    shared = {"decode": 1000, "preprocess": 500, "inference": 500, "postprocess": 500, "total": 2500}
    assert batch == [shared, shared]


def test_threads_get_what_a_single_one_gets(stylizer: Stylizer) -> None:
    pictures = [photo(20 + seed % 3, 30, seed=seed) for seed in range(32)]
    styles = [STYLES[seed % 3] for seed in range(32)]
    serial = [stylizer.stylize(pixels, style).pixels for pixels, style in zip(pictures, styles, strict=True)]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(lambda pixels, style: stylizer.stylize(pixels, style).pixels, pictures, styles))
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_input_stays_as_it_was(stylizer: Stylizer) -> None:
    pixels = photo(20, 30)
    kept = pixels.copy()
    stylizer.stylize(pixels, "wave", strength=0.5, preserve_color="luma").pixels[:] = 0
    np.testing.assert_array_equal(pixels, kept)


def test_a_result_is_saved_but_not_over_its_photo(stylizer: Stylizer, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content := png(photo(20, 30, channels=4)))
    result = stylizer.stylize(path, "wave")
    saved = result.save(tmp_path / "painted.png")
    np.testing.assert_array_equal(Image.open(saved), result.image)
    with pytest.raises(OutputError, match=r"photo\.png: is the input"):
        result.save(path)
    assert path.read_bytes() == content
    result.save(path, overwrite=True)
    assert path.read_bytes() == saved.read_bytes()


def test_what_is_no_token_is_named(stylizer: Stylizer) -> None:
    wrong: Any = True
    with pytest.raises(OptionError, match="cancel: True came; wanted a CancelToken"):
        stylizer.stylize(photo(8, 8), "scream", cancel=wrong)


def shapes_run(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Of what models are given from now on."""
    shapes: list[tuple[int, ...]] = []
    run = Session.run

    def spy(session: Session, pictures: NDArray[Any], *others: Any) -> NDArray[Any]:
        shapes.append(pictures.shape)
        return run(session, pictures, *others)

    monkeypatch.setattr(Session, "run", spy)
    return shapes


def test_warmup_takes_sizes(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer.warmup()
    stylizer.warmup((1, 1), (40, 60))
    sizes = shapes_run(monkeypatch)
    stylizer.warmup((700, 1600))
    warmed = set(sizes)
    sizes.clear()
    stylizer.stylize(photo(700, 1600), "wave")
    assert len(warmed) == 2
    assert set(sizes) <= warmed
    with pytest.raises(OptionError, match=r"warmup: came \(0, 5\), wanted \(height, width\)"):
        stylizer.warmup((0, 5))
    for wrong in (5, (5,), ("a", 5), (1.5, 2)):
        with pytest.raises(OptionError, match="wanted"):
            stylizer.warmup(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"style": "wav"}, StyleNotFoundError, r"did you mean wave\? it has wave, scream, poppies"),
        ({}, OptionError, "choose from wave, scream, poppies"),
        ({"style": "wave", "strength": 3}, OptionError, "strength: 3 came"),
        ({"style": "wave", "stroke_size": 0}, OptionError, "stroke_size: 0 came"),
        ({"style": "wave", "preserve_color": "hue"}, OptionError, "preserve_color: 'hue' came"),
        ({"style": "wave", "max_side": 0}, OptionError, "max_side: 0 came"),
        ({"style": "wave", "max_side": 1.5}, OptionError, r"max_side: 1\.5 came"),
        ({"style": "wave", "max_side": True}, OptionError, "max_side: True came"),
        ({"style": "wave:0.5,scream:0.5"}, StyleNotFoundError, "a blend is a mapping"),
    ],
)
def test_options_are_checked_before_the_picture_is_read(
    stylizer: Stylizer, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        stylizer.stylize("nowhere.png", **options)
    with pytest.raises(error, match=message):
        stylizer.stylize_batch(["nowhere.png"], **options)


def test_painting_one_size_again_and_again_takes_no_new_memory(tmp_path: Path, backend: Any) -> None:
    stylizer = other_stylizer(tmp_path, painter(spec=own_spec()), backend=backend)
    pixels = photo(200, 300)
    out = np.empty_like(pixels)
    for _ in range(2):
        stylizer.stylize(pixels, "wave", out=out)
    tracemalloc.start()
    try:
        for _ in range(5):
            result = stylizer.stylize(pixels, "wave", out=out)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < out.nbytes / 4
    assert result.pixels is out
    assert_rounded(out, expected_pixels(pixels, {"wave": 1}))


def test_memory_of_one_picture_is_not_that_of_the_next(tmp_path: Path, backend: Any) -> None:
    stylizer = other_stylizer(tmp_path, painter(spec=own_spec()), backend=backend)
    first, second = (stylizer.stylize(photo(20, 30, seed=seed), "wave").pixels for seed in range(2))
    assert_rounded(first, expected_pixels(photo(20, 30, seed=0), {"wave": 1}))
    assert_rounded(second, expected_pixels(photo(20, 30, seed=1), {"wave": 1}))


@pytest.mark.parametrize("size", [(1, 1), (15, 17), (48, 64), (150, 170)])
@pytest.mark.parametrize(
    "options", [{}, {"strength": 0.3}, {"preserve_color": "luma"}, {"preserve_color": "match", "strength": 0.6}]
)
def test_a_result_may_go_to_memory_that_is_there(tmp_path: Path, size: tuple[int, int], options: Any) -> None:
    stylizer = Stylizer(write_own(tmp_path), device="cpu", tile_above_px=20_000)
    pixels = photo(*size)
    before = pixels.copy()
    out = np.empty_like(pixels)
    assert stylizer.stylize(pixels, "wave", out=out, **options).pixels is out
    np.testing.assert_array_equal(out, stylizer.stylize(pixels, "wave", **options).pixels)
    np.testing.assert_array_equal(pixels, before)


def test_memory_that_cannot_take_the_result_is_refused(stylizer: Stylizer) -> None:
    pixels = photo(20, 30)
    fixed = np.empty_like(pixels)
    fixed.flags.writeable = False
    wrong: Any
    for wrong in (
        [1],
        np.empty((20, 30), np.uint8),
        np.empty((20, 30, 3)),
        np.empty((40, 30, 3), np.uint8)[::2],
        fixed,
    ):
        with pytest.raises(OptionError, match=r"out: came .*, wanted uint8 20×30×3.*type out=np\.empty\(\(20, 30, 3\)"):
            stylizer.stylize(pixels, "wave", out=wrong)
    with pytest.raises(OptionError, match="out: is the photo's own memory"):
        stylizer.stylize(pixels, "wave", out=pixels)


def test_a_model_of_other_sizes_is_told_however_often(tmp_path: Path, backend: Any) -> None:
    stylizer = other_stylizer(tmp_path, _cropping(), backend=backend)
    for _ in range(2):
        with pytest.raises(InferenceError, match=r'returned 1×.*"pad_multiple": 4'):
            stylizer.stylize(photo(20, 30), "wave")


def _cropping() -> bytes:
    """A model that loses a row."""
    picture, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")
    )
    constants = {"start": np.array([1]), "end": np.array([9999]), "axis": np.array([2])}
    return serialized(
        [helper.make_node("Slice", ["x", "start", "end", "axis"], ["y"])],
        [picture],
        [result],
        constants,
        own_spec(styles=["wave"]),
    )


def test_any_whole_number_will_do(tmp_path: Path) -> None:
    options: dict[str, Any] = {"threads": np.int64(1), "tile_above_px": np.int32(10_000)}
    side: Any = np.uint16(25)
    stylizer = Stylizer(write_own(tmp_path), device="cpu", **options)
    (result,) = stylizer.stylize_batch([photo(40, 50)], "wave", max_side=side, batch_size=side)
    assert result.pixels.shape == (20, 25, 3)
    wrong: Any
    for wrong in (0, 1.0, True, "many"):
        with pytest.raises(OptionError, match=f"tile_above_px: {wrong!r} came; wanted a whole number of at least 1"):
            Stylizer(write_own(tmp_path), tile_above_px=wrong)


def test_unreadable_pictures_are_told(stylizer: Stylizer) -> None:
    with pytest.raises(ImageNotFoundError):
        stylizer.stylize("nowhere.png", "wave")
    with pytest.raises(ImageDecodeError):
        stylizer.stylize_batch([photo(2, 2), b"no picture"], "wave")
    with pytest.raises(OptionError, match="batch_size: 0 came"):
        stylizer.stylize_batch([], "wave", batch_size=0)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_weights_that_make_no_number_are_told(tmp_path: Path, backend: Any, factor: float) -> None:
    stylizer = other_stylizer(tmp_path, painter(spec=own_spec(), factor=factor), backend=backend)
    with pytest.raises(InferenceError, match=r"mosaic\.onnx: returned NaN or infinity"):
        stylizer.stylize(photo(20, 30), "wave")


def test_off_the_cpu_sizes_are_brought_to_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "_TAKES_ANY_SIZE", "another device")
    stylizer = Stylizer(write_own(tmp_path), device="cpu")
    shapes = shapes_run(monkeypatch)
    for size in ((64, 128), (1, 65), (65, 1), (100, 70)):
        pixels = photo(*size)
        assert_rounded(stylizer.stylize(pixels, "wave").pixels, expected_pixels(pixels, {"wave": 1}))
    assert shapes == [(1, 3, 64, 128), (1, 3, 64, 128), (1, 3, 128, 64), (1, 3, 128, 128)]


def test_the_report_says_what_was_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer = Stylizer(write_own(tmp_path), device="cpu", threads=3)
    assert stylizer.device_report == "cpu (CPUExecutionProvider, 3 CPU threads)"
    monkeypatch.setattr(stylizer._in_this_process().session, "passed_over", ("`device='cuda'`: no driver",))
    assert stylizer.device_report.endswith("threads); passed over: `device='cuda'`: no driver")


def test_the_public_name_is_the_class() -> None:
    assert nst_engine.Stylizer is Stylizer
    with pytest.raises(ModelNotFoundError, match="bundled:nosuch"):
        nst_engine.Stylizer("bundled:nosuch")
