"""The pipeline of a loaded model, from pictures to stylized pictures: in tiles, and in several passes where needed."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nst_engine.cancellation import check_cancelled
from nst_engine.color import ColorMode
from nst_engine.errors import OutOfMemoryError
from nst_engine.log import logger_of
from nst_engine.runtimes.session import Session
from nst_engine.stylize.gathering import Gathering
from nst_engine.stylize.one_pass import one_pass
from nst_engine.stylize.postprocess import finished
from nst_engine.stylize.result import Stopwatch
from nst_engine.stylize.sessions_by_size import SessionsBySize
from nst_engine.stylize.strokes import Pictures, stylize_broadly
from nst_engine.stylize.style_choice import weights_of_no_style
from nst_engine.stylize.tiling import TiledModel
from nst_engine.stylize.workspace import Workspaces, return_free_memory

#: Some devices take seconds to rebuild the network for every size of picture. There sides are padded to multiples of
#: this. Not to larger ones, and not elsewhere: instance normalisation takes the padding for picture.
BUCKET_PX = 64

#: Larger pictures are processed in tiles: from here on that saves memory, at a small cost of time.
TILE_ABOVE_PX = 3_000_000

#: A GPU is 24 times as fast on whole pictures as on tiles (`benchmarks/results/cuda.json`), at up to 320 bytes a pixel;
#: where it runs out of memory, tiles are used after all.
TILE_ABOVE_PX_ON_CUDA = 32_000_000

#: A GPU gains nothing from several pictures of together more pixels (512×512 px: 3.4 ms, 1920×1080 px: 10.3 ms by
#: `live`, `benchmarks/results/cuda.json`), and needs no more memory than for one such picture.
_TOGETHER_PX = 1 << 21

_SHORTEST_PX = 64
_LOG = logger_of(__name__)

_TAKES_ANY_SIZE = ("cpu", "cuda")


def bucket_px(device: str) -> int:
    """Multiple to which pictures' sides are padded on `cpu`, `cuda:1`, ...; 1 where every size is run as it is."""
    return 1 if device.partition(":")[0] in _TAKES_ANY_SIZE else BUCKET_PX


def tile_above_px(device: str) -> int:
    """Pictures of more pixels are processed in tiles on that device."""
    return TILE_ABOVE_PX_ON_CUDA if device.partition(":")[0] == "cuda" else TILE_ABOVE_PX


@dataclass(frozen=True, eq=False)
class _Pass:
    """Pictures of one size that are run through the model once, uint8 H×W×3 each, and how."""

    photos: Sequence[NDArray[np.uint8]]
    weights: NDArray[np.float32]
    strength: float
    swap_rb: bool
    out: NDArray[np.uint8] | None = None


class Pipeline:
    """Stylizes pictures by a session. May be used by several threads at once.

    Args:
        session: The model, loaded.
        most_px: Pictures of more pixels are processed in tiles, in bounded memory; None: see `tile_above_px`.
        max_batch_size: Pictures of one size that several threads' calls run together, while the device is busy.
        streams: Runs that are computed side by side.

    Attributes:
        max_batch_size: As given; 1 for a model that takes no more.
    """

    def __init__(
        self,
        session: Session,
        most_px: int | None,
        *,
        max_batch_size: int = 1,
        streams: int = 1,
    ) -> None:
        self._session, self._sessions = session, SessionsBySize(session)
        self.max_batch_size = 1 if session.signature.is_single else max_batch_size
        self._gathering: Gathering[_Pass, tuple[NDArray[np.uint8], Stopwatch, int]] | None = None
        if self.max_batch_size > 1:
            self._gathering = Gathering(self._run_together, streams)
        self._bucket_px = bucket_px(session.device)
        self._tile_above_px = most_px or tile_above_px(session.device)
        self._workspaces = Workspaces()
        self._tiled_model: TiledModel | None = None
        self._tiled_model_lock = threading.Lock()

    @property
    def swaps_in_passing(self) -> bool:
        """Whether BGR costs nothing: float models reorder channels while scaling."""
        return self._session.takes.dtype != "uint8"

    def stylize(
        self,
        photos: Sequence[NDArray[np.uint8]],
        weights: NDArray[np.float32],
        stopwatch: Stopwatch,
        *,
        strength: float = 1.0,
        preserve_color: ColorMode | None = None,
        stroke_scale: float = 1.0,
        swap_rb: bool = False,
        out: NDArray[np.uint8] | None = None,
    ) -> list[NDArray[np.uint8]]:
        """Stylize pictures of one size in one style.

        Args:
            photos: uint8 H×W×3 each; not modified.
            weights: float32 1×styles.
            stopwatch: Gets a lap for each stage.
            strength: As for `nst_engine.stylize.postprocess.finished`; above 1, the output is stylized again and
                blended in, up to 2.
            preserve_color: As there.
            stroke_scale: As for `nst_engine.stylize.strokes.stylize_broadly`.
            swap_rb: Whether the photos, and then the outputs, are BGR; not with `preserve_color`, which needs RGB.
            out: uint8 H×W×3, C-contiguous, the output array for a single picture; None: a new array.

        Returns:
            uint8 H×W×3 each.

        Raises:
            InferenceError: The model failed.
        """
        if preserve_color is None and stroke_scale == 1 and strength <= 1:
            return self._run(photos, weights, stopwatch, strength=strength, swap_rb=swap_rb, out=out)

        is_tiled = math.prod(photos[0].shape[:2]) > self._tile_above_px

        def run_once(pictures: Pictures) -> list[NDArray[np.uint8]]:
            painted = self._run(pictures, weights, stopwatch, strength=1.0, swap_rb=swap_rb, out=None)
            if is_tiled and pictures[0].shape != photos[0].shape:
                self.trim()  # or what a smaller picture took as a whole would stay beside the tiles
            return painted

        stylized = stylize_broadly(photos, stroke_scale, run_once)
        check_cancelled()
        if strength > 1:
            again = stylize_broadly(stylized, stroke_scale, run_once)
            stylized = [finished(*pair, strength=strength - 1) for pair in zip(again, stylized, strict=True)]
        stylized = [
            finished(pixels, photo, strength=min(strength, 1.0), preserve_color=preserve_color)
            for pixels, photo in zip(stylized, photos, strict=True)
        ]
        if out is not None:
            out[...] = stylized[0]
            stylized = [out]
        stopwatch.lap("postprocess")
        return stylized

    def trim(self) -> None:
        """Free memory that no run is using."""
        self._sessions.trim()
        self._workspaces = Workspaces()
        return_free_memory()
        _LOG.debug("%s: free memory given back", self._session.model)

    def close(self) -> None:
        """Free the model's memory; later runs are refused."""
        self._sessions.close()
        self._workspaces = Workspaces()
        with self._tiled_model_lock:
            self._tiled_model = None
        return_free_memory()
        _LOG.info("%s: closed, its memory given back", self._session.model)

    def _run(
        self,
        photos: Sequence[NDArray[np.uint8]],
        weights: NDArray[np.float32],
        stopwatch: Stopwatch,
        *,
        strength: float,
        swap_rb: bool,
        out: NDArray[np.uint8] | None,
    ) -> list[NDArray[np.uint8]]:
        """Run the model on the batch, or in tiles picture by picture; blend with the photos."""
        # networks pad small sides by reflection: a line of pixels takes the memory of a band
        pixels = math.prod(max(side, _SHORTEST_PX) for side in photos[0].shape[:2])
        if pixels <= self._tile_above_px:
            whole = _Pass(photos, weights, strength, swap_rb, out)
            try:
                together = min(self.max_batch_size, _TOGETHER_PX // pixels)
                if self._gathering is None or together < 2 or len(photos) > 1:
                    return self._run_whole(whole, stopwatch)
                return [self._gathered(self._gathering, whole, together, stopwatch)]
            except OutOfMemoryError as error:
                if len(photos) > 1:
                    _LOG.warning("%s; going on one by one", error)
                    run_one = partial(self._run, strength=strength, swap_rb=swap_rb, out=None)
                    return [run_one([each], weights, stopwatch)[0] for each in photos]
                if pixels <= TILE_ABOVE_PX:
                    raise
                _LOG.warning("%s; going on in tiles", error)
        stopwatch.provider = self._session.provider_of_parts
        model, style_weights = self._tiled(), self._session.weights_in_axes(weights)
        stylized = [model.stylize(each, style_weights, swap_rb=swap_rb, strength=strength, out=out) for each in photos]
        stopwatch.lap("inference")
        return stylized

    def _run_whole(self, whole: _Pass, stopwatch: Stopwatch) -> list[NDArray[np.uint8]]:
        photos = whole.photos
        session = self._sessions.session_for(len(photos), *photos[0].shape[:2])
        stopwatch.provider = session.provider
        weights = np.broadcast_to(whole.weights, (len(photos), whole.weights.shape[1]))
        weights = np.ascontiguousarray(weights)
        with self._workspaces.borrowed() as workspace:
            return one_pass(
                photos,
                session.takes,
                lambda tensor, into: session.run(tensor, weights, into),
                model=session.model,
                threads=session.threads,
                bucket_px=self._bucket_px,
                swap_rb=whole.swap_rb,
                strength=whole.strength,
                workspace=workspace,
                out=whole.out,
                stopwatch=stopwatch,
            )

    @staticmethod
    def _gathered(
        gathering: Gathering[_Pass, tuple[NDArray[np.uint8], Stopwatch, int]],
        whole: _Pass,
        together: int,
        stopwatch: Stopwatch,
    ) -> NDArray[np.uint8]:
        """One picture, with at most so many of other threads together."""
        kind = (whole.photos[0].shape, whole.strength, whole.swap_rb)
        stylized, shared, among = gathering.result_of(kind, whole, together)
        stopwatch.take(shared, among)
        if whole.out is None or stylized is whole.out:
            return stylized
        whole.out[...] = stylized
        return whole.out

    def _run_together(self, alone: Sequence[_Pass]) -> list[tuple[NDArray[np.uint8], Stopwatch, int]]:
        """Passes of one picture each, alike but for their styles, as one."""
        shared, first = Stopwatch(), alone[0]
        if len(alone) > 1:
            photos, weights = [each.photos[0] for each in alone], np.concatenate([each.weights for each in alone])
            first = _Pass(photos, weights, first.strength, first.swap_rb)
        return [(pixels, shared, len(alone)) for pixels in self._run_whole(first, shared)]

    def _tiled(self) -> TiledModel:
        """The tiled model, made for the first large picture."""
        with self._tiled_model_lock:
            if self._tiled_model is None:
                session = self._session
                self._tiled_model = TiledModel(
                    session.content(),
                    session.spec,
                    session.open_part,
                    name=session.model,
                    bucket_px=self._bucket_px,
                    threads=session.threads,
                )
            return self._tiled_model


def stylize_once(session: Session, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stylize one picture, uint8 H×W×3, in the model's first style if it has any; a new array."""
    weights = weights_of_no_style(session.spec)
    (stylized,) = one_pass(
        [picture],
        session.takes,
        lambda tensor, _: session.run(tensor, weights),
        model=session.model,
        threads=session.threads,
    )
    return stylized
