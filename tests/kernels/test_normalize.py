from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nst_engine.kernels import normalize

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Refusal = Callable[[Callable[[], object]], str]

SIDES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 65]
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
THREADS = (1, 2, 3, 5)


def image_of(height: int, width: int) -> UInt8:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8)


def to_and_fro(side: int, padded: int) -> list[int]:
    """0 1 2 … side-1 … 2 1 0 1 2 …: np.pad(mode="reflect"), by listing it."""
    there_and_back = [*range(side), *range(side - 2, 0, -1)]
    return (there_and_back * (padded // len(there_and_back) + 1))[:padded]


def reference(
    image: UInt8,
    *,
    scale: float = 1 / 255,
    mean: Sequence[float] = (0, 0, 0),
    std: Sequence[float] = (1, 1, 1),
    swap_rb: bool = False,
    pad_multiple: int = 1,
) -> tuple[Float64, Float64]:
    """The expected tensor in float64, and the size of the terms that rounding is measured against."""
    rgb = (image[:, :, ::-1] if swap_rb else image).astype(np.float64)
    height, width = (-(-side // pad_multiple) * pad_multiple for side in image.shape[:2])
    rgb = rgb[to_and_fro(image.shape[0], height)][:, to_and_fro(image.shape[1], width)]
    values = (rgb * scale - np.asarray(mean)) / np.asarray(std)
    size = (np.abs(rgb * scale) + np.abs(mean)) / np.abs(std)
    return values.transpose(2, 0, 1)[np.newaxis], size.transpose(2, 0, 1)[np.newaxis]


def assert_tensor(tensor: npt.NDArray[Any], expected: tuple[Float64, Float64]) -> None:
    values, size = expected
    assert tensor.dtype == np.float32
    assert tensor.shape == values.shape
    assert tensor.flags.c_contiguous
    assert np.all(np.abs(tensor - values) <= 2e-7 * size)


@pytest.mark.parametrize("height", [1, 2, 3, 16, 17, 33])
@pytest.mark.parametrize("pad_multiple", [1, 4, 32])
@pytest.mark.parametrize("swap_rb", [False, True])
@pytest.mark.usefixtures("implementation")
def test_sizes_around_the_vector_widths(height: int, pad_multiple: int, swap_rb: bool) -> None:
    options: dict[str, Any] = {"mean": MEAN, "std": STD, "swap_rb": swap_rb, "pad_multiple": pad_multiple}
    for width in SIDES:
        image = image_of(height, width)
        assert_tensor(normalize(image, **options), reference(image, **options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 1.0},
        {"scale": 1.0, "mean": (123.68, 116.779, 103.939)},
        {"scale": 2 / 255, "mean": (1, 1, 1)},
        {"mean": MEAN, "std": STD},
        {"mean": np.array(MEAN), "std": list(STD)},
        {"scale": -3.0, "std": (-1, 2, -4)},
        {"scale": 0},
    ],
)
@pytest.mark.usefixtures("implementation")
def test_value_ranges(options: dict[str, Any]) -> None:
    image = image_of(21, 35)
    assert_tensor(normalize(image, **options), reference(image, **options))


@pytest.mark.usefixtures("implementation")
def test_every_byte_in_every_channel() -> None:
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert_tensor(normalize(image, mean=MEAN, std=STD), reference(image, mean=MEAN, std=STD))


@pytest.mark.usefixtures("implementation")
def test_mean_and_std_are_in_the_output_order() -> None:
    image = np.array([[[10, 20, 30]]], np.uint8)  # BGR
    tensor = normalize(image, scale=1, mean=(1, 2, 3), std=(1, 2, 4), swap_rb=True)
    np.testing.assert_array_equal(tensor.ravel(), [29, 9, 1.75])


@pytest.mark.parametrize("shape", [(17, 40), (35, 33), (64, 63)])
@pytest.mark.usefixtures("implementation")
def test_padding_is_numpys(shape: tuple[int, int]) -> None:
    image = image_of(*shape)
    tensor = normalize(image, scale=1, pad_multiple=32)
    margins = [(0, -side % 32) for side in shape]
    expected = np.pad(image, [*margins, (0, 0)], mode="reflect")
    np.testing.assert_array_equal(tensor[0].transpose(1, 2, 0), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2), (2, 3), (3, 2), (4, 7)])
@pytest.mark.usefixtures("implementation")
def test_padding_larger_than_the_image(shape: tuple[int, int]) -> None:
    image = image_of(*shape)
    for threads in THREADS:
        tensor = normalize(image, pad_multiple=64, threads=threads)
        assert_tensor(tensor, reference(image, pad_multiple=64))


@pytest.mark.parametrize("shape", [(1, 50), (15, 17), (33, 40), (97, 65)])
@pytest.mark.usefixtures("implementation")
def test_threads_do_not_change_the_result(shape: tuple[int, int]) -> None:
    image = image_of(*shape)
    tensors = [normalize(image, pad_multiple=16, threads=threads) for threads in THREADS]
    for tensor in tensors:
        np.testing.assert_array_equal(tensor, tensors[0])


@pytest.mark.usefixtures("implementation")
def test_out_is_filled_wholly_and_returned() -> None:
    image = image_of(13, 19)
    out = np.full((1, 3, 16, 24), np.nan, np.float32)
    for _ in range(2):
        assert normalize(image, pad_multiple=8, out=out) is out
        np.testing.assert_array_equal(out, normalize(image, pad_multiple=8))


@pytest.mark.usefixtures("implementation")
def test_nothing_beside_out_is_written() -> None:
    around = np.full(3 * 5 * 17 + 64, -7, np.float32)
    out = around[32:-32].reshape(1, 3, 5, 17)
    normalize(image_of(5, 17), out=out)
    assert np.all(around[:32] == -7)
    assert np.all(around[-32:] == -7)


@pytest.mark.parametrize("width", [1, 15, 16, 37, 64])
@pytest.mark.usefixtures("implementation")
def test_a_part_of_a_picture_and_one_upside_down(width: int) -> None:
    around = image_of(30, width + 9)
    for part in (around[3:17, 2 : 2 + width], around[20:5:-2, 5 : 5 + width], around[::-1][:4, -width:]):
        expected = normalize(np.ascontiguousarray(part), pad_multiple=8)
        np.testing.assert_array_equal(normalize(part, pad_multiple=8, threads=2), expected)


@pytest.mark.parametrize("width", [731, 736, 1024])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.usefixtures("implementation")
def test_large_pictures(width: int, dtype: type[np.floating[Any]]) -> None:
    """Large enough for stores past the caches, at several places against their alignment."""
    height = 1000 if dtype is np.float32 else 2000
    image = image_of(height, width)
    rows = [normalize(row, mean=MEAN, std=STD, dtype=dtype) for row in np.split(image, height)]
    expected = np.concatenate(rows, axis=2)
    for shift in (0, 1, 5):
        memory = np.zeros(3 * height * width + 16, dtype)
        out = memory[shift : shift + 3 * height * width].reshape(1, 3, height, width)
        normalize(image, mean=MEAN, std=STD, out=out, threads=2)
        np.testing.assert_array_equal(out, expected)
        assert not memory[:shift].any()
        assert not memory[shift + 3 * height * width :].any()


@pytest.mark.parametrize("scale", [1.0, 1 / 255, 1e-5, 1e-7, 1e-9, 256.9, 300.0, -1.0])
@pytest.mark.usefixtures("implementation")
def test_half_precision_is_numpys(scale: float) -> None:
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(8, 32, 1), 3, axis=2)
    for picture in (image, np.ascontiguousarray(image[:, :5])):
        tensor = normalize(picture, scale=scale, dtype=np.float16, pad_multiple=3)
        assert tensor.dtype == np.float16
        with np.errstate(over="ignore"):
            expected = normalize(picture, scale=scale, pad_multiple=3).astype(np.float16)
        np.testing.assert_array_equal(tensor, expected)


@pytest.mark.usefixtures("implementation")
def test_a_size_can_be_asked_for() -> None:
    image = image_of(13, 19)
    out = np.empty((1, 3, 40, 21), np.float16)
    assert normalize(image, padded_size=(40, 21), scale=1, out=out) is out
    expected = np.pad(np.pad(image, ((0, 12), (0, 2), (0, 0)), mode="reflect"), ((0, 15), (0, 0), (0, 0)), "reflect")
    np.testing.assert_array_equal(out[0].transpose(1, 2, 0)[:25], expected[:25])
    np.testing.assert_array_equal(out[0, 0, :, 0], image[to_and_fro(13, 40), 0, 0])


GOOD = image_of(4, 5)
READ_ONLY = np.zeros((1, 3, 4, 5), np.float32)
READ_ONLY.flags.writeable = False
SHARED = np.zeros(240, np.uint8)


@pytest.mark.parametrize(
    ("image", "options", "parts"),
    [
        (GOOD.tolist(), {}, ["image_hwc is a list", "np.asarray"]),
        (GOOD.astype(np.float32), {}, ["float32", "wanted uint8", ".astype(np.uint8)"]),
        (GOOD.astype(np.int8), {}, ["int8"]),
        (GOOD[0], {}, ["(5, 3)", "H×W×3"]),
        (GOOD[:, :, :2].copy(), {}, ["(4, 5, 2)", "wanted H×W×3"]),
        (np.zeros((4, 5, 4), np.uint8), {}, ["(4, 5, 4)", "[:, :, :3]"]),
        (GOOD[:0], {}, ["empty"]),
        (GOOD[:, ::2], {}, ["np.ascontiguousarray(image_hwc)"]),
        (GOOD[:, :, ::-1], {}, ["np.ascontiguousarray"]),
        (GOOD, {"scale": np.nan}, ["scale is nan", "finite"]),
        (GOOD, {"scale": np.inf}, ["scale is inf"]),
        (GOOD, {"scale": "a lot"}, ["scale is 'a lot'"]),
        (GOOD, {"scale": 1e38}, ["float32 holds"]),
        (GOOD, {"std": (1, 1e-39, 1)}, ["float32 holds"]),
        (GOOD, {"mean": (0, np.nan, 0)}, ["mean[1] is nan"]),
        (GOOD, {"mean": (0, 0)}, ["mean is (0, 0)", "three numbers"]),
        (GOOD, {"mean": 0.5}, ["mean is 0.5", "three numbers"]),
        (GOOD, {"std": (1, 1, 0)}, ["std is (1.0, 1.0, 0.0)", "other than 0"]),
        (GOOD, {"std": (1, np.inf, 1)}, ["std[1] is inf"]),
        (GOOD, {"std": (1, 1, 1, 1)}, ["three numbers"]),
        (GOOD, {"pad_multiple": 0}, ["pad_multiple is 0"]),
        (GOOD, {"pad_multiple": -8}, ["pad_multiple is -8"]),
        (GOOD, {"pad_multiple": 2.0}, ["pad_multiple is 2.0"]),
        (GOOD, {"pad_multiple": 10**9}, ["from 1 to 65536"]),
        (GOOD, {"padded_size": (3, 5)}, ["padded_size[0] (height) is 3", "from 4"]),
        (GOOD, {"padded_size": 8}, ["padded_size is 8", "(height, width)"]),
        (GOOD, {"padded_size": (8, 8), "pad_multiple": 8}, ["wanted one of them"]),
        (GOOD, {"dtype": np.float64}, ["dtype is", "float32 or float16"]),
        (GOOD, {"dtype": "no type"}, ["dtype is 'no type'"]),
        (GOOD, {"threads": 0}, ["threads is 0"]),
        (GOOD, {"out": [0.0]}, ["out is a list"]),
        (GOOD, {"out": np.zeros((1, 3, 4, 5))}, ["float64", "float32 or float16"]),
        (GOOD, {"out": np.zeros((1, 3, 4, 6), np.float32)}, ["(1, 3, 4, 6)", "np.empty((1, 3, 4, 5)"]),
        (GOOD, {"out": np.zeros((3, 4, 5), np.float32)}, ["(3, 4, 5)"]),
        (GOOD, {"out": np.zeros((1, 3, 4, 10), np.float32)[..., ::2]}, ["np.ascontiguousarray(out)"]),
        (GOOD, {"out": READ_ONLY}, ["read-only", "out.copy()"]),
        (
            SHARED[180:].reshape(4, 5, 3),
            {"out": SHARED.view(np.float32).reshape(1, 3, 4, 5)},
            ["overlaps the input"],
        ),
    ],
)
def test_refusals(image: Any, options: dict[str, Any], parts: list[str], refusal: Refusal) -> None:
    message = refusal(lambda: normalize(image, **options))
    for part in parts:
        assert part in message
