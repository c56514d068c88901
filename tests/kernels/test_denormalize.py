from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nst_engine.kernels import denormalize, normalize

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Refusal = Callable[[Callable[[], object]], str]

SIDES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 65]
THREADS = (1, 2, 3, 5)


def tensor_of(height: int, width: int) -> Float32:
    generator = np.random.default_rng(height * 1000 + width)
    return generator.uniform(-0.2, 1.2, (1, 3, height, width)).astype(np.float32)


def reference(
    tensor: Float32, scale: float = 255.0, size: tuple[int, int] | None = None, swap_rb: bool = False
) -> UInt8:
    """The contract in float64, from the product that the contract takes in float32."""
    height, width = size or tensor.shape[2:]
    with np.errstate(over="ignore", invalid="ignore"):
        product = (tensor[0, :, :height, :width] * np.float32(scale)).astype(np.float64)
    product[np.isnan(product)] = 0.0
    image = np.round(np.clip(product, 0.0, 255.0)).transpose(1, 2, 0)
    return (image[:, :, ::-1] if swap_rb else image).astype(np.uint8)


def assert_image(image: UInt8, expected: UInt8) -> None:
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("height", [1, 2, 3, 16, 17, 33])
@pytest.mark.parametrize("swap_rb", [False, True])
@pytest.mark.usefixtures("implementation")
def test_sizes_around_the_vector_widths(height: int, swap_rb: bool) -> None:
    for width in SIDES:
        tensor = tensor_of(height, width)
        image = denormalize(tensor, swap_rb=swap_rb)
        assert_image(image, reference(tensor, swap_rb=swap_rb))
        exact = np.clip(tensor[0].astype(np.float64) * 255, 0, 255).transpose(1, 2, 0)
        error = image - (exact[:, :, ::-1] if swap_rb else exact)
        assert np.abs(error).max() <= 0.5 + 2e-5


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (40, 1), (17, 33), (39, 63), (40, 64)])
@pytest.mark.usefixtures("implementation")
def test_crop_is_the_top_left(size: tuple[int, int]) -> None:
    tensor = tensor_of(40, 64)
    for threads in THREADS:
        assert_image(denormalize(tensor, size=size, threads=threads), reference(tensor, size=size))


@pytest.mark.parametrize("scale", [255.0, 1.0, 127.5, 0.0, -255.0, 1e-30, 3e38])
@pytest.mark.usefixtures("implementation")
def test_scales(scale: float) -> None:
    tensor = tensor_of(19, 37)
    assert_image(denormalize(tensor, scale=scale), reference(tensor, scale=scale))


@pytest.mark.usefixtures("implementation")
def test_halves_are_rounded_to_even() -> None:
    values = np.arange(0, 256, 0.5, dtype=np.float32)
    neighbours = [values, np.nextafter(values, np.float32(-1)), np.nextafter(values, np.float32(999))]
    tensor = np.stack(neighbours).reshape(1, 3, 16, 32)
    image = denormalize(tensor, scale=1.0)
    assert_image(image, reference(tensor, scale=1.0))
    np.testing.assert_array_equal(image[:, :, 0].ravel()[:8], [0, 0, 1, 2, 2, 2, 3, 4])


@pytest.mark.parametrize("width", [1, 5, 16, 37])
@pytest.mark.usefixtures("implementation")
def test_what_is_no_number_or_out_of_range(width: int) -> None:
    special = np.array(
        [np.nan, -np.nan, np.inf, -np.inf, 3e38, -3e38, -0.0, 1e-40, -1e-40, 254.5, 255.5, 256, -0.5],
        np.float32,
    )
    tensor = np.resize(special, (1, 3, 13, width))
    image = denormalize(tensor, scale=1.0)
    assert_image(image, reference(tensor, scale=1.0))
    assert_image(denormalize(tensor, scale=255.0), reference(tensor, scale=255.0))
    np.testing.assert_array_equal(denormalize(np.full_like(tensor, np.nan)), 0)
    np.testing.assert_array_equal(denormalize(np.full_like(tensor, np.inf)), 255)
    np.testing.assert_array_equal(denormalize(np.full_like(tensor, np.inf), scale=0.0), 0)


@pytest.mark.parametrize("shape", [(1, 50), (15, 17), (33, 40), (97, 65)])
@pytest.mark.usefixtures("implementation")
def test_threads_do_not_change_the_result(shape: tuple[int, int]) -> None:
    tensor = tensor_of(*shape)
    for threads in THREADS:
        assert_image(denormalize(tensor, threads=threads), reference(tensor))


@pytest.mark.parametrize("swap_rb", [False, True])
@pytest.mark.usefixtures("implementation")
def test_undoes_normalize(swap_rb: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (45, 51, 3), np.uint8)
    tensor = normalize(image, pad_multiple=32, swap_rb=swap_rb)
    assert_image(denormalize(tensor, size=(45, 51), swap_rb=swap_rb), image)


@pytest.mark.usefixtures("implementation")
def test_out_is_filled_wholly_and_returned() -> None:
    tensor = tensor_of(16, 24)
    out = np.full((13, 19, 3), 77, np.uint8)
    for _ in range(2):
        assert denormalize(tensor, size=(13, 19), out=out) is out
        assert_image(out, reference(tensor, size=(13, 19)))


@pytest.mark.usefixtures("implementation")
def test_nothing_beside_out_is_written() -> None:
    around = np.full(3 * 5 * 17 + 64, 77, np.uint8)
    out = around[32:-32].reshape(5, 17, 3)
    denormalize(tensor_of(5, 17), out=out)
    assert np.all(around[:32] == 77)
    assert np.all(around[-32:] == 77)


@pytest.mark.parametrize("width", [1, 15, 16, 37, 64])
@pytest.mark.usefixtures("implementation")
def test_rows_may_lie_apart_or_upside_down(width: int) -> None:
    tensor = tensor_of(9, width)
    expected = reference(tensor)
    around = np.full((20, width + 7, 3), 77, np.uint8)
    assert denormalize(tensor, out=around[1:19:2, 3 : 3 + width], threads=2) is not None
    np.testing.assert_array_equal(around[1:19:2, 3 : 3 + width], expected)
    around[1:19:2, 3 : 3 + width] = 77
    assert np.all(around == 77)
    flipped = np.empty((9, width, 3), np.uint8)
    denormalize(tensor, out=flipped[::-1])
    np.testing.assert_array_equal(flipped, expected[::-1])


@pytest.mark.usefixtures("implementation")
def test_every_half_precision_number_is_read() -> None:
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    tensor = np.stack([halves] * 3).reshape(1, 3, 256, 256)
    for scale in (1.0, 255.0):
        assert_image(denormalize(tensor, scale=scale), reference(tensor.astype(np.float32), scale=scale))
    narrow = np.ascontiguousarray(tensor[..., :7])
    assert_image(denormalize(narrow, scale=1.0), reference(narrow.astype(np.float32), scale=1.0))


@pytest.mark.usefixtures("implementation")
def test_halves_may_be_rounded_up() -> None:
    values = np.arange(-1, 256, 0.25, dtype=np.float32)
    tensor = np.stack([values] * 3).reshape(1, 3, 4, -1)
    image = denormalize(tensor, scale=1.0, rounding="half-up")
    expected = np.floor(np.clip(values.astype(np.float64), 0, 255) + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(image[..., 1].ravel(), expected)
    np.testing.assert_array_equal(image[..., 0].ravel()[4:14], [0, 0, 1, 1, 1, 1, 2, 2, 2, 2])


def blended(tensor: Float32, photo: UInt8, strength: float, *, half_up: bool) -> UInt8:
    """The contract, each operation in float32."""
    value = np.clip(tensor[0] * np.float32(255), 0, 255).transpose(1, 2, 0)
    below = photo.astype(np.float32)
    value = below + (value - below) * np.float32(strength)
    rounded: UInt8 = (np.floor(value + np.float32(0.5)) if half_up else np.rint(value)).astype(np.uint8)
    return rounded


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 0.999])
@pytest.mark.parametrize("rounding", ["even", "half-up"])
@pytest.mark.usefixtures("implementation")
def test_a_photo_shines_through(strength: float, rounding: Any) -> None:
    for width in SIDES:
        tensor = tensor_of(5, width)
        photo = np.random.default_rng(width).integers(0, 256, (5, width, 3), np.uint8)
        expected = blended(tensor, photo, strength, half_up=rounding == "half-up")
        options: dict[str, Any] = {"strength": strength, "rounding": rounding}
        assert_image(denormalize(tensor, photo=photo, **options), expected)
        assert_image(denormalize(tensor, photo=photo[:, ::-1].copy()[:, ::-1].copy(), threads=3, **options), expected)
        in_place = photo.copy()
        denormalize(tensor, photo=in_place, out=in_place, **options)
        assert_image(in_place, expected)
        if strength == 0:
            np.testing.assert_array_equal(expected, photo)


@pytest.mark.usefixtures("implementation")
def test_at_full_strength_the_photo_does_not_matter() -> None:
    tensor = tensor_of(5, 19)
    photo = np.full((5, 19, 3), 200, np.uint8)
    assert_image(denormalize(tensor, photo=photo, strength=1.0), reference(tensor))


GOOD = tensor_of(4, 5)
TALL = np.zeros((9, 5, 3), np.uint8)
READ_ONLY = np.zeros((4, 5, 3), np.uint8)
READ_ONLY.flags.writeable = False
SHARED = np.zeros(60, np.float32)


@pytest.mark.parametrize(
    ("tensor", "options", "parts"),
    [
        (None, {}, ["tensor_nchw is a NoneType", "NumPy array"]),
        (GOOD.astype(np.float64), {}, ["float64", "wanted float32"]),
        (GOOD[0], {}, ["(3, 4, 5)", "1×3×H×W", "np.newaxis"]),
        (GOOD[:, :2].copy(), {}, ["(1, 2, 4, 5)", "wanted 1×3×H×W"]),
        (np.zeros((2, 3, 4, 5), np.float32), {}, ["(2, 3, 4, 5)", "batch[i : i + 1]"]),
        (GOOD[:, :, :0], {}, ["empty"]),
        (GOOD[..., ::-1], {}, ["np.ascontiguousarray(tensor_nchw)"]),
        (GOOD, {"scale": np.nan}, ["scale is nan"]),
        (GOOD, {"scale": -np.inf}, ["scale is -inf"]),
        (GOOD, {"scale": 1e39}, ["scale is 1e+39", "range of float32"]),
        (GOOD, {"scale": None}, ["scale is None"]),
        (GOOD, {"size": (5, 5)}, ["size[0] (height) is 5", "from 1 to 4"]),
        (GOOD, {"size": (4, 6)}, ["size[1] (width) is 6", "from 1 to 5"]),
        (GOOD, {"size": (0, 5)}, ["size[0] (height) is 0"]),
        (GOOD, {"size": (4, 2.5)}, ["size[1] (width) is 2.5"]),
        (GOOD, {"size": 4}, ["size is 4", "(height, width)"]),
        (GOOD, {"size": (4, 5, 3)}, ["size is (4, 5, 3)"]),
        (GOOD, {"threads": 0}, ["threads is 0"]),
        (GOOD, {"threads": 1025}, ["threads is 1025"]),
        (GOOD, {"out": np.zeros((4, 5, 3), np.float32)}, ["float32", "wanted uint8"]),
        (GOOD, {"out": np.zeros((4, 4, 3), np.uint8)}, ["(4, 4, 3)", "np.empty((4, 5, 3)"]),
        (GOOD, {"size": (3, 5), "out": np.zeros((4, 5, 3), np.uint8)}, ["wanted (3, 5, 3)"]),
        (GOOD, {"out": np.zeros((5, 4, 3), np.uint8).transpose(1, 0, 2)}, ["np.ascontiguousarray(out)"]),
        (GOOD, {"out": READ_ONLY}, ["read-only"]),
        (GOOD, {"out": np.lib.stride_tricks.as_strided(TALL, (4, 5, 3), (0, 3, 1))}, ["out has all its rows in one"]),
        (GOOD, {"rounding": "down"}, ["rounding is 'down'", '"half-up"']),
        (GOOD, {"strength": 1.5}, ["strength is 1.5", "from 0 to 1"]),
        (GOOD, {"strength": None}, ["strength is None"]),
        (GOOD, {"photo": TALL, "strength": 0.5}, ["photo has shape (9, 5, 3)", "(4, 5, 3)"]),
        (GOOD, {"photo": TALL[:4].astype(np.float32)}, ["photo is float32", "wanted uint8"]),
        (GOOD, {"photo": TALL[:4], "out": TALL[2:6], "strength": 0.5}, ["overlaps the photo in part"]),
        (
            SHARED.reshape(1, 3, 4, 5),
            {"out": SHARED.view(np.uint8)[100:160].reshape(4, 5, 3)},
            ["overlaps the input"],
        ),
    ],
)
def test_refusals(tensor: Any, options: dict[str, Any], parts: list[str], refusal: Refusal) -> None:
    message = refusal(lambda: denormalize(tensor, **options))
    for part in parts:
        assert part in message
