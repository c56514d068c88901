"""`StylizePictures`: the callable of Ray Data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ray.data

from cluster.two_nodes import TwoNodes
from nst_engine import OptionError, Stylizer
from nst_engine.errors import NSTError
from nst_engine.image import encode_image
from nst_engine.ray import StylizePictures

MODEL = "bundled:live"


def pictures(*shapes: tuple[int, int]) -> Any:
    column = np.empty(len(shapes), object)
    for place, (height, width) in enumerate(shapes):
        column[place] = np.random.default_rng(place).integers(0, 256, (height, width, 3), np.uint8)
    return column


def test_a_dataset_of_pictures_of_all_sizes(two_nodes: TwoNodes) -> None:
    given = pictures((33, 47), (20, 64), (33, 47))
    rows = [{"place": place, "image": picture} for place, picture in enumerate(given)]
    painted = ray.data.from_items(rows).map_batches(
        StylizePictures,
        fn_constructor_kwargs={"model": MODEL, "style": {"scream": 0.5, "poppies": 0.5}, "strength": 0.8},
        batch_size=2,
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    found = sorted(painted.take_all(), key=lambda row: row["place"])
    with Stylizer(MODEL, threads=1) as stylizer:
        for row in found:
            wanted = stylizer.stylize(given[row["place"]], {"scream": 0.5, "poppies": 0.5}, strength=0.8).pixels
            assert np.array_equal(row["image"], wanted)


def test_errors_are_raised_or_recorded() -> None:
    bad = {"photo": pictures((8, 9), (0, 0), (8, 9)), "id": np.arange(3)}
    bad["photo"][2] = encode_image(np.full((9, 12, 3), 50, np.uint8), "png")
    paint = StylizePictures(MODEL, style="scream", column="photo", on_error="record", threads=1)
    painted = paint(bad)
    assert [each.shape for each in painted["photo"]] == [(8, 9, 3), (0, 0, 3), (9, 12, 3)]
    assert [bool(error) for error in painted["error"]] == [False, True, False]
    assert painted["id"].tolist() == [0, 1, 2]
    with pytest.raises(NSTError):
        StylizePictures(MODEL, style="scream", column="photo", threads=1)(bad)
    with pytest.raises(OptionError, match="'image' came; the batch has photo, id"):
        StylizePictures(MODEL, style="scream", threads=1)(bad)
    with pytest.raises(OptionError, match="choose raise or record"):
        StylizePictures(MODEL, style="scream", on_error="ignore")  # type: ignore[arg-type]
