"""Stylizes pictures of any size in bounded memory: tile by tile, with the statistics of the whole.

All tiles go through one stage of the model, their statistics are merged, then all go through the next. Their features
between stages are kept within a memory budget; tiles beyond it count for the statistics up to there, and are
stylized from the start once all statistics are known. So the result is that of the untiled run as long as the budget
lasts, and beyond that one whose later statistics come from tiles spread evenly over the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import InferenceError, NSTError, OptionError
from nst_engine.geometry import Span, tile_spans
from nst_engine.log import logger_of
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.part import Part
from nst_engine.stylize.one_pass import one_pass
from nst_engine.stylize.preprocess import model_input
from nst_engine.stylize.tile_statistics import merged, moments_of
from nst_engine.stylize.workspace import return_free_memory

if TYPE_CHECKING:
    from nst_engine.graphs.stages import CutModel

TILE_PX = 1024
HALO_PX = 160  # receptive field of the bundled networks: with less, neighbouring tiles disagree
STORE_BYTES = 512 * 1024**2

_LOG = logger_of(__name__)

_RUNS_UNTIL_TIDY = 6
# of the R2 sequence (Roberts 2018), whose every prefix is spread evenly
_SPREAD = (0.7548776662466927, 0.5698402909980532)

_Values = Mapping[str, NDArray[Any]]


class TiledModel:
    """A model that works in tiles. May be used by several threads at once if its graphs may.

    Args:
        model: ONNX.
        spec: What it takes and returns.
        open_graph: Loads a graph from bytes; called once per stage. The graphs run one after the other: what each
            keeps allocated for its next run adds up, so they should keep nothing.
        name: The model's name in messages.
        bucket_px: Sides grow to multiples of this, see `nst_engine.stylize.preprocess.model_input`.
        threads: CPU threads for everything outside the graphs.

    Raises:
        ModelChecksumError: Not an ONNX model.
        ModelSpecError: The model cannot be processed in tiles.
    """

    def __init__(
        self,
        model: bytes,
        spec: ModelSpec,
        open_graph: Callable[[bytes], Part],
        *,
        name: str,
        bucket_px: int = 1,
        threads: int = 1,
    ) -> None:
        # onnx is imported only for tiling
        from nst_engine.graphs.stages import cut_at_norms

        self._cut = cut_at_norms(model)
        self._graphs = [open_graph(stage.model) for stage in self._cut.stages]
        self._spec, self._name, self._bucket_px, self._threads = spec, name, bucket_px, threads

    def stylize(
        self,
        picture: NDArray[np.uint8],
        style_weights: NDArray[np.float32],
        *,
        swap_rb: bool = False,
        strength: float = 1.0,
        tile_px: int | None = None,
        halo_px: int = HALO_PX,
        store_bytes: int = STORE_BYTES,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Stylize one picture.

        Args:
            picture: uint8 H×W×3.
            style_weights: float32, of one picture, with the model's axes; models without such an input do without.
            swap_rb: Whether the picture, and then the output, is BGR.
            strength: 0: the photo; 1: the stylized picture; see `nst_engine.stylize.postprocess.pictures_of`.
            tile_px: Side of a tile with its halo; None: `TILE_PX`, or more if the model's multiple asks for it.
            halo_px: Overlap of a tile beyond its core, px.
            store_bytes: Memory for all tiles' features between stages.
            out: uint8 H×W×3, apart from the picture, to be filled; None: a new array.

        Returns:
            uint8 H×W×3.

        Raises:
            OptionError: A tile without a core, or a negative number.
            InferenceError: The model failed, or returned an invalid picture.
        """
        # tiles begin at multiples of the stride, so that all have the same phase
        multiple = math.lcm(self._spec.stride_px, self._spec.pad_multiple, self._bucket_px)
        tile_px = max(TILE_PX, 2 * halo_px + 3 * multiple) if tile_px is None else tile_px
        _check_sizes(tile_px, halo_px, store_bytes, smallest=2 * halo_px + max(multiple, self._spec.min_side_px))
        rows, columns = (tile_spans(side, tile=tile_px, halo=halo_px, multiple=multiple) for side in picture.shape[:2])
        tiles, bucket_px, threads = _spread(rows, columns), self._bucket_px, self._threads
        at_hand = (self._cut, self._graphs, style_weights, tiles, store_bytes)
        run = _TiledRun(*at_hand, multiple=multiple, model=self._name)

        def tensor_of(tile: _Tile) -> NDArray[Any]:
            return model_input(
                [picture[tile.area]], self._spec, bucket_px=bucket_px, swap_rb=swap_rb, threads=threads
            ).tensor

        stylized = np.empty(picture.shape, np.uint8) if out is None else out
        run.measure(tensor_of)
        for tile in tiles:
            (pixels,) = one_pass(
                [picture[tile.area]],
                self._spec,
                lambda tensor, _, tile=tile: run.finish(tile, tensor),
                model=self._name,
                threads=threads,
                bucket_px=bucket_px,
                swap_rb=swap_rb,
                strength=strength,
            )
            stylized[tile.core] = pixels[tile.core_inside]
        return stylized


def _check_sizes(tile_px: int, halo_px: int, store_bytes: int, *, smallest: int) -> None:
    if halo_px < 0 or store_bytes < 0 or tile_px < smallest:
        raise OptionError(
            f"tile_px {tile_px}, halo_px {halo_px} and store_bytes {store_bytes} came; wanted none negative, and "
            f"tile_px of at least {smallest} for this halo"
        )


@dataclass(frozen=True)
class _Tile:
    rows: Span
    columns: Span

    @property
    def area(self) -> tuple[slice, slice]:
        """The tile with its halo, in the picture."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    @property
    def core(self) -> tuple[slice, slice]:
        """The core, in the picture."""
        return self.rows.core, self.columns.core

    @property
    def core_inside(self) -> tuple[slice, slice]:
        """The core, in the tile."""
        return self.rows.core_inside, self.columns.core_inside


class _TiledRun:
    """State of one picture: the statistics so far, and the tiles' features between stages."""

    def __init__(
        self,
        cut: CutModel,
        graphs: Sequence[Part],
        style_weights: NDArray[np.float32],
        tiles: Sequence[_Tile],
        store_bytes: int,
        *,
        multiple: int,
        model: str,
    ) -> None:
        self._cut, self._graphs, self._tiles, self._store_bytes = cut, graphs, tiles, store_bytes
        self._multiple, self._model = multiple, model
        #: Inputs shared by all tiles: style weights and statistics.
        self._shared: dict[str, NDArray[Any]] = {} if cut.style_weights is None else {cut.style_weights: style_weights}
        self._stored, self._runs = dict[_Tile, _Values](), 0
        self._needed_after = [
            {cut.output}.union(*(later.inputs for later in cut.stages[number + 1 :])) for number in range(len(graphs))
        ]

    def measure(self, tensor_of: Callable[[_Tile], NDArray[Any]]) -> None:
        """Compute all statistics: of the first stage from all tiles, of later ones from the stored tiles."""
        _LOG.debug("%s: a picture in %d tiles", self._model, len(self._tiles))
        for number, stage in enumerate(self._cut.stages[:-1]):
            measured = []
            for tile in self._tiles if number == 0 else list(self._stored):
                if number > 0 and tile not in self._stored:
                    continue
                values = self._stored[tile] if number > 0 else self._begun(tile, tensor_of(tile))
                values = self._passed(number, values)
                measured.append(
                    [moments_of(values[norm.features], tile.rows, tile.columns, self._multiple) for norm in stage.norms]
                )
                self._store(tile, values)
            for norm, moments in zip(stage.norms, zip(*measured, strict=True), strict=True):
                self._shared[norm.mean], self._shared[norm.variance] = merged(moments)

    def finish(self, tile: _Tile, tensor: NDArray[Any]) -> NDArray[Any]:
        """Return the stylized tile and drop its features."""
        last = len(self._graphs) - 1
        stored = self._stored.pop(tile, None)
        values = self._begun(tile, tensor) if stored is None else stored
        for number in range(0 if stored is None else last, last):
            values = self._passed(number, values)
        return self._passed(last, values)[self._cut.output]

    def _begun(self, tile: _Tile, tensor: NDArray[Any]) -> _Values:
        """What the first stage takes: the tile, on its piece of the canvas."""
        corner = (-tile.rows.start, -tile.columns.start)
        canvas = {name: np.roll(pattern, corner, (2, 3)) for name, pattern in self._cut.canvas.items()}
        return {self._cut.picture: tensor, **canvas}

    def _passed(self, number: int, values: _Values) -> _Values:
        """A tile's features after a stage."""
        stage = self._cut.stages[number]
        self._runs += 1
        if self._runs % _RUNS_UNTIL_TIDY == 0:
            return_free_memory()
        known = {**self._shared, **values}
        feed = {name: _unpacked(known[name]) for name in stage.inputs}
        try:
            outputs = self._graphs[number].run(stage.outputs, feed)
        except NSTError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            message = f"{error}"[:200]
            raise InferenceError(f"{self._model}: failed on a tile ({message}); shrink it (`max_side`)") from error
        known = {**values, **dict(zip(stage.outputs, outputs, strict=True))}
        return {name: value for name, value in known.items() if name in self._needed_after[number]}

    def _store(self, tile: _Tile, values: _Values) -> None:
        """Store a tile's features, dropping the last tiles if the budget is exceeded; one tile stays."""
        if _size(values) * len(self._tiles) > self._store_bytes:
            values = {name: _packed(value) for name, value in values.items()}
        self._stored[tile] = values
        while len(self._stored) > 1 and sum(map(_size, self._stored.values())) > self._store_bytes:
            self._stored.popitem()


def _size(values: _Values) -> int:
    return sum(value.nbytes for value in values.values())


def _packed(value: NDArray[Any]) -> NDArray[Any]:
    """Features in half precision: twice as many tiles fit, and the picture differs by less than rounding its bytes."""
    if value.ndim < 3 or value.dtype != np.float32:
        return value
    with np.errstate(over="ignore"):
        packed = value.astype(np.float16)
    return packed if np.isfinite(packed).all() else value


def _unpacked(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(np.float32) if value.dtype == np.float16 else value


def _spread(rows: Sequence[Span], columns: Sequence[Span]) -> list[_Tile]:
    """All tiles, ordered so that every prefix is spread evenly over the picture."""
    places = [(i, j) for i in range(len(rows)) for j in range(len(columns))]
    places.sort(key=lambda place: (place[0] * _SPREAD[0] + place[1] * _SPREAD[1]) % 1)
    return [_Tile(rows[i], columns[j]) for i, j in places]
