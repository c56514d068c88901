"""Pictures stylized in tiles equal those stylized in one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from graphs.test_rewrite import session, zoo_like
from graphs.test_stages import norm, small_model
from graphs.test_stylizer_graph import network_and_model
from numpy.typing import NDArray
from onnx import helper

from nst_engine.errors import InferenceError, OptionError
from nst_engine.exporting.int8 import with_int8
from nst_engine.geometry import tile_spans
from nst_engine.graphs.rewrite import with_dynamic_size
from nst_engine.graphs.self_contained import self_contained
from nst_engine.models.spec import ModelSpec
from nst_engine.stylize.postprocess import pictures_of
from nst_engine.stylize.preprocess import model_input
from nst_engine.stylize.tiling import TiledModel

MIX = np.array([[0.1, 0.6, 0.3]], np.float32)
STYLES = ("a", "b", "c")
OURS = ModelSpec(name="tiny", styles=STYLES, min_side_px=40)


def photo(height: int, width: int) -> NDArray[np.uint8]:
    """Dark and smooth at the left, bright and rough at the right: tiles differ from the whole."""
    rng = np.random.default_rng(7)
    ramp = np.linspace(20, 200, width)[None, :, None] * np.array([1.0, 0.8, 0.5])
    rough = rng.normal(0, 1, (height, width, 3)) * np.linspace(0, 40, width)[None, :, None]
    pixels: NDArray[np.uint8] = np.clip(ramp + rough, 0, 255).astype(np.uint8)
    return pixels


def our_model(*, rich: bool = True) -> bytes:
    model: bytes = network_and_model(rich=rich)[1].SerializeToString()
    return model


def at_once(model: bytes, spec: ModelSpec, picture: NDArray[np.uint8], *, bucket_px: int = 1) -> NDArray[np.uint8]:
    graph = session(model)
    prepared = model_input([picture], spec, bucket_px=bucket_px)
    values = [prepared.tensor, MIX]
    feed = {each.name: value for each, value in zip(graph.get_inputs(), values, strict=False)}
    return pictures_of(graph.run(None, feed)[0], prepared, spec, model="tiny")[0]


def largest_difference(actual: NDArray[np.uint8], expected: NDArray[np.uint8]) -> int:
    assert actual.shape == expected.shape
    return int(np.abs(actual.astype(int) - expected).max())


def tiled(model: bytes, spec: ModelSpec = OURS, *, bucket_px: int = 1) -> TiledModel:
    return TiledModel(model, spec, session, name="tiny", bucket_px=bucket_px)


@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("size", [(341, 591), (591, 341), (432, 610), (47, 650)])
def test_tiles_are_the_whole(rich: bool, size: tuple[int, int]) -> None:
    model = our_model(rich=rich)
    picture = photo(*size)
    actual = tiled(model).stylize(picture, MIX, tile_px=480, halo_px=160)
    assert largest_difference(actual, at_once(model, OURS, picture)) <= 1


# normalisation makes much of little, also of how statistics are rounded; eight bits round more
@pytest.mark.parametrize(("is_quantised", "most"), [(False, 2), (True, 16)])
def test_tiles_lie_on_one_canvas(is_quantised: bool, most: int) -> None:
    """Of a picture of one colour, the canvas is all that is painted from."""
    model = our_model()
    if is_quantised:
        model = with_int8(model, [photo(96, 128)] * 6, len(STYLES))
    picture = np.full((531, 633, 3), 150, np.uint8)
    expected = at_once(model, OURS, picture)
    assert expected.std() > 5
    assert largest_difference(tiled(model).stylize(picture, MIX, tile_px=416, halo_px=128), expected) <= most


def test_tiles_by_themselves_are_not_the_whole() -> None:
    """What the other tests compare is worth comparing."""
    model = our_model()
    picture = photo(221, 391)
    expected = at_once(model, OURS, picture)
    assert largest_difference(at_once(model, OURS, picture[:, :208].copy())[:, :100], expected[:, :100]) > 10


def test_a_picture_smaller_than_a_tile_is_the_untiled_one() -> None:
    model = our_model()
    for size in ((3, 2), (16, 16), (45, 71)):
        assert largest_difference(tiled(model).stylize(photo(*size), MIX), at_once(model, OURS, photo(*size))) <= 1


def test_a_zoo_model_by_tiles() -> None:
    model = with_dynamic_size(zoo_like()[0])
    spec = ModelSpec(name="zoo", styles=("zoo",), value_range=(0.0, 255.0), pad_multiple=2)
    picture = photo(131, 203)
    actual = tiled(model, spec).stylize(picture, MIX[:, :1], tile_px=64, halo_px=16)
    assert largest_difference(actual, at_once(model, spec, picture)) <= 1


def test_a_self_contained_model_by_tiles() -> None:
    model = self_contained(our_model(), {"name": "tiny", "styles": list(STYLES)})
    spec = ModelSpec(name="tiny", styles=STYLES, layout="nhwc", dtype="uint8", min_side_px=1)
    picture = photo(341, 511)
    actual = tiled(model, spec).stylize(picture, MIX, tile_px=400, halo_px=128)
    assert largest_difference(actual, at_once(model, spec, picture)) <= 1


def test_buckets_of_a_device_are_those_of_the_whole() -> None:
    model = our_model()
    picture = photo(330, 611)
    actual = tiled(model, bucket_px=32).stylize(picture, MIX, tile_px=416, halo_px=128)
    assert largest_difference(actual, at_once(model, OURS, picture, bucket_px=32)) <= 1


def test_features_held_in_half_precision_cost_a_level_or_two() -> None:
    model = our_model()
    picture = photo(341, 591)
    # four channels at half the size, 16 bits each, with halos: fits, and in 32 bits it does not
    actual = tiled(model).stylize(picture, MIX, tile_px=400, halo_px=128, store_bytes=1_300_000)
    difference = largest_difference(actual, at_once(model, OURS, picture))
    assert 1 <= difference <= 3


def test_features_beyond_half_precision_are_held_as_they_are() -> None:
    loud = helper.make_node("Mul", ["x", "loud"], ["louder"])
    constants = {"loud": np.array(1e4, np.float32), "scale": np.full(3, 50, np.float32)}
    model = small_model(loud, norm("louder", "y"), constants={**constants, "shift": np.full(3, 128, np.float32)})
    spec = ModelSpec(name="loud", styles=("loud",), value_range=(0.0, 255.0))
    picture = photo(64, 200)
    actual = tiled(model, spec).stylize(picture, MIX[:, :1], tile_px=64, halo_px=0, store_bytes=100_000)
    assert largest_difference(actual, at_once(model, spec, picture)) <= 1


class Counted:
    """Graphs that count their runs."""

    def __init__(self) -> None:
        self.runs: Counter[int] = Counter()
        self._opened = 0

    def open(self, model: bytes) -> Any:
        number, graph, runs = self._opened, session(model), self.runs
        self._opened += 1

        class Graph:
            def run(self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]], /) -> Any:
                runs[number] += 1
                return graph.run(output_names, input_feed)

        return Graph()


def test_nothing_is_computed_twice_where_all_tiles_can_be_held() -> None:
    counted = Counted()
    TiledModel(our_model(), OURS, counted.open, name="tiny").stylize(photo(221, 391), MIX, tile_px=208, halo_px=64)
    assert len(counted.runs) == 18
    assert set(counted.runs.values()) == {4}


def test_without_a_budget_one_tile_stands_for_all_after_the_first_stage() -> None:
    counted = Counted()
    model = TiledModel(our_model(), OURS, counted.open, name="tiny")
    picture = photo(221, 391)
    actual = model.stylize(picture, MIX, tile_px=208, halo_px=64, store_bytes=0)
    tiles, last = 4, 17
    assert counted.runs[0] == 2 * tiles - 1
    assert {counted.runs[number] for number in range(1, last)} == {tiles}
    assert counted.runs[last] == tiles
    assert actual.shape == picture.shape


def test_more_budget_is_nearer_to_the_whole() -> None:
    model = our_model()
    picture = photo(340, 900)
    expected = at_once(model, OURS, picture)
    errors = [
        float(
            np.square(
                tiled(model).stylize(picture, MIX, tile_px=400, halo_px=128, store_bytes=store_bytes).astype(float)
                - expected
            ).mean()
        )
        for store_bytes in (0, 1_500_000, 100_000_000)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01


def test_the_picture_is_not_changed_and_may_be_a_view() -> None:
    model = tiled(our_model(rich=False))
    picture = photo(221, 500)
    kept = picture.copy()
    view = picture[:, 50:441]
    first, second = (model.stylize(each, MIX, tile_px=400) for each in (view, view.copy()))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(picture, kept)


def test_a_model_that_returns_no_numbers_is_an_error() -> None:
    weights = np.full((1, 3), np.nan, np.float32)
    with pytest.raises(InferenceError, match="NaN"):
        tiled(our_model()).stylize(photo(221, 391), weights, tile_px=400)


@pytest.mark.parametrize(
    "options", [{"tile_px": 128}, {"halo_px": -8}, {"store_bytes": -1}, {"halo_px": 600, "tile_px": 768}]
)
def test_tiles_that_are_all_halo_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="tile_px of at least"):
        tiled(our_model(rich=False)).stylize(photo(40, 40), MIX, **options)


def test_a_model_whose_sides_come_in_large_steps_gets_tiles_that_hold_them() -> None:
    model = TiledModel(our_model(), replace(OURS, pad_multiple=1024), Counted().open, name="tiny")
    picture = photo(40, 5000)
    assert model.stylize(picture, MIX).shape == picture.shape


@pytest.mark.parametrize("length", [1, 207, 208, 209, 391, 1000, 1001, 6007])
@pytest.mark.parametrize(("tile", "halo", "multiple"), [(208, 64, 8), (1024, 64, 8), (256, 0, 64), (200, 92, 8)])
def test_spans_cover_a_side(length: int, tile: int, halo: int, multiple: int) -> None:
    spans = tile_spans(length, tile=tile, halo=halo, multiple=multiple)
    assert spans[0].start == spans[0].core_start == 0
    assert spans[-1].stop == spans[-1].core_stop == length
    assert [span.is_first for span in spans] == [True] + [False] * (len(spans) - 1)
    assert [span.is_last for span in spans] == [False] * (len(spans) - 1) + [True]
    for before, after in pairwise(spans):
        assert before.core_stop == after.core_start
        assert after.start % multiple == after.core_start % multiple == 0
        # the middle of an overlap, rounded
        assert before.stop - before.core_stop > halo - multiple
        assert after.core_start - after.start > halo - multiple
    for span in spans:
        assert span.core_start < span.core_stop
        assert span.stop - span.start < tile + multiple
    assert len({span.stop - span.start for span in spans[:-1]}) <= 1
