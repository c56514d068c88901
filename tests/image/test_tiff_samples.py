"""TIFFs whose samples Pillow would decode to other values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nst_engine.errors import ImageDecodeError
from nst_engine.image import load_image

GREY = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (np.stack([GREY] * 3), {"photometric": "rgb", "planarconfig": "separate"}, "planes of 16 bits"),
        ((GREY % 256).astype(np.int16).astype(np.int8), {"photometric": "minisblack"}, "signed bytes"),
        ((GREY / 4000).astype(np.float32), {"photometric": "miniswhite"}, "0 as white"),
    ],
)
def test_what_would_be_other_pixels_is_refused(tmp_path: Path, samples: Any, options: Any, message: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", samples, **options)
    with pytest.raises(ImageDecodeError, match=message):
        load_image(tmp_path / "a.tif")
