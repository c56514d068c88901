"""The quantised model: what it keeps beside the eight bits."""

from __future__ import annotations

import numpy as np
import pytest

from nst_engine.graphs.stages import cut_at_norms
from nst_engine.models.canvas import CANVAS, canvas_patterns
from nst_engine.models.find import find_model


@pytest.mark.parametrize("model", ["quality", "quality-int8", "live", "live-int8"])
def test_the_canvas_stays_where_tiles_find_it(model: str) -> None:
    canvas = cut_at_norms(find_model(f"bundled:{model}").path.read_bytes()).canvas
    for name, pattern in zip(CANVAS, canvas_patterns(), strict=True):
        np.testing.assert_array_equal(canvas[name], pattern)
