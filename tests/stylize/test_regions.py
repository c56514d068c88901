"""Different styles in different regions: each is applied to the whole picture, and shows where its mask is white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.running import code_of, nst, painting, pixels_of, write
from numpy.typing import NDArray
from tiny_models import photo, write_own

from nst_engine import Stylizer
from nst_engine.errors import ImageNotFoundError, NSTError, OptionError

Pixels = NDArray[np.uint8]


@pytest.fixture
def stylizer(tmp_path: Path) -> Stylizer:
    return Stylizer(write_own(tmp_path), device="cpu")


def halves(height: int, width: int) -> tuple[Pixels, Pixels]:
    """Masks of the left and of the right half."""
    left = np.zeros((height, width, 3), np.uint8)
    left[:, : width // 2] = 255
    return left, 255 - left


def test_each_style_is_painted_where_its_mask_is_white(stylizer: Stylizer) -> None:
    picture = photo(40, 60)
    wave, scream = (stylizer.stylize(picture, style).pixels for style in ("wave", "scream"))
    result = stylizer.stylize(picture, {"wave": 1, "scream": 3}, style_masks=halves(40, 60))
    np.testing.assert_array_equal(result.pixels[:, :30], wave[:, :30])
    np.testing.assert_array_equal(result.pixels[:, 30:], scream[:, 30:])
    assert result.styles == {"wave": 0.25, "scream": 0.75}
    out = np.empty_like(picture)
    again = stylizer.stylize(picture, {"wave": 1, "scream": 3}, style_masks=halves(40, 60), out=out)
    assert again.pixels is out
    np.testing.assert_array_equal(out, result.pixels)


def test_where_no_mask_is_white_the_photo_stays_and_greys_blend(stylizer: Stylizer) -> None:
    picture = photo(40, 60)
    (left, right), grey = halves(40, 60), np.full((40, 60, 3), 128, np.uint8)
    wave, scream = (stylizer.stylize(picture, style).pixels.astype(float) for style in ("wave", "scream"))
    result = stylizer.stylize(picture, "wave", style_masks=[right]).pixels
    np.testing.assert_array_equal(result[:, :30], picture[:, :30])
    np.testing.assert_array_equal(result[:, 30:], wave[:, 30:])
    share = 128 / 255
    result = stylizer.stylize(picture, "wave", style_masks=[grey]).pixels
    assert float(np.abs(result - (share * wave + (1 - share) * picture)).max()) <= 0.51
    # two at one place: by their shares, and no brighter than one
    result = stylizer.stylize(picture, {"wave": 1, "scream": 3}, style_masks=[left, left]).pixels
    assert float(np.abs(result[:, :30] - (0.25 * wave + 0.75 * scream)[:, :30]).max()) <= 0.51
    np.testing.assert_array_equal(result[:, 30:], picture[:, 30:])


def test_masks_follow_the_size_of_the_picture(stylizer: Stylizer) -> None:
    picture, styles = photo(80, 120), {"wave": 1, "scream": 1}
    small = stylizer.stylize(picture, styles, style_masks=halves(80, 120), max_side=60).pixels
    assert small.shape == (40, 60, 3)
    plain = stylizer.stylize(picture, "wave", max_side=60).pixels
    np.testing.assert_array_equal(small[:, :25], plain[:, :25])
    coarse = stylizer.stylize(picture, styles, style_masks=halves(40, 60)).pixels
    whole = stylizer.stylize(picture, "wave").pixels
    np.testing.assert_array_equal(coarse[:, :50], whole[:, :50])


@pytest.mark.parametrize(
    ("masks", "error", "message"),
    [
        ([np.full((40, 60), 255, np.uint8)], OptionError, "1 came for 2 styles"),
        ([np.full((40, 40), 255, np.uint8)] * 2, OptionError, r"mask 1 \(<array>\) has 40×40 px, but the photo 60×40"),
        ([np.full((40, 60), 255, np.uint8), np.zeros((40, 60))], OptionError, r"mask 2 \(<array>\) is black all over"),
        (["none.png", "none.png"], ImageNotFoundError, "none.png"),
    ],
)
def test_masks_that_do_not_fit_are_refused(
    stylizer: Stylizer, masks: list[Pixels | str], error: type[NSTError], message: str
) -> None:
    with pytest.raises(error, match=message):
        stylizer.stylize(photo(40, 60), {"wave": 1, "scream": 1}, style_masks=masks)


def test_the_command_paints_style_images_into_regions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, pixels in (
        ("photo", painting(96, 128)),
        ("one", painting(80, 80, 1)),
        ("two", 255 - painting(90, 70, 2)),
    ):
        write(tmp_path / f"{name}.png", pixels)
    for name, mask in zip(("left", "right"), halves(96, 128), strict=True):
        write(tmp_path / f"{name}.png", mask)
    styles = ("--model", "any-fast", "--style-image", "one.png", "--style-image", "two.png")
    masks = ("--style-mask", "left.png", "--style-mask", "right.png")
    completed = nst("stylize", "photo.png", *styles, *masks, "-o", "regions.png", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        single = ("--model", "any-fast", "--style-image", f"{name}.png", "-o", f"{name}-alone.png")
        assert code_of("stylize", "photo.png", *single) == 0, capsys.readouterr().err
    result, one, two = (pixels_of(tmp_path / f"{name}.png") for name in ("regions", "one-alone", "two-alone"))
    np.testing.assert_array_equal(result[:, :64], one[:, :64])
    np.testing.assert_array_equal(result[:, 64:], two[:, 64:])
    assert code_of("stylize", "photo.png", *styles, "--style-mask", "left.png", "-o", "x.png") == 2
    assert "--style-mask: 1 came for 2 styles" in capsys.readouterr().err
    assert code_of("stylize", "photo.png", *styles, *masks, "-o", "left.png") == 2
    assert "left.png" in capsys.readouterr().err
    np.testing.assert_array_equal(pixels_of(tmp_path / "left.png"), halves(96, 128)[0])
