"""Masks: how bright they are, and which of them a message means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_engine.errors import OptionError
from nst_engine.image import load_mask, load_masks

from .samples import noise, saved


def test_mask_is_the_luma() -> None:
    pixels = noise(9, 14)
    mask = load_mask(saved(Image.fromarray(pixels), "PNG"))
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, pixels.astype(float) @ [0.299, 0.587, 0.114] / 255, atol=1e-6)
    np.testing.assert_array_equal(load_mask(np.eye(3, 5) > 0), np.eye(3, 5))
    grey_alpha = np.dstack([noise(4, 6, 1), noise(4, 6, 1, seed=1)])
    np.testing.assert_allclose(load_mask(grey_alpha), grey_alpha[:, :, 0] / 255, atol=1e-6)


def test_messages_say_which_mask_is_meant(tmp_path: Path) -> None:
    white, black = np.full((3, 5), 255, np.uint8), tmp_path / "schwärze.png"
    Image.fromarray(np.zeros((3, 5), np.uint8)).save(black)
    masks = load_masks([white, black], 2, option="style_masks")
    np.testing.assert_array_equal(next(masks).inside, np.ones((3, 5)))
    with pytest.raises(OptionError, match=r"mask 2 \(.*schwärze\.png\) is black all over; paint the region white"):
        next(masks)
    with pytest.raises(OptionError, match="2 came for 1 style; give one for each style, in order"):
        next(load_masks([white, white], 1, option="style_masks"))
