"""A model on a device with its styles: loaded once in each process, closed at the end."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from nst_engine.checks import require_count
from nst_engine.errors import OptionError
from nst_engine.image import ImageSource
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits, require_limits
from nst_engine.models.find import ModelFile, find_model
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.base import closed_error
from nst_engine.runtimes.devices import Backend, Precision
from nst_engine.runtimes.forks import abandon, renew_in_children
from nst_engine.runtimes.opening import open_session
from nst_engine.runtimes.options import StreamOptions, suitable_batch_size
from nst_engine.runtimes.session import Session
from nst_engine.stylize.asynchronous import TaskThreads
from nst_engine.stylize.pipeline import Pipeline, stylize_once
from nst_engine.stylize.result import Stopwatch
from nst_engine.stylize.strokes import in_proportion
from nst_engine.stylize.style_choice import Style, StyleChoice, choice_of_fixed, weights_of_no_style
from nst_engine.stylize.style_embedding import StyleEmbedding
from nst_engine.stylize.style_encoder import StyleEncoder
from nst_engine.stylize.turns import Turns

DEFAULT_MODEL = "bundled:quality"
_WARMUP_SIZE = (256, 256)


@dataclass(frozen=True, eq=False)
class _Loaded:
    """What a process has of a model: threads, locks, memory."""

    session: Session
    pipeline: Pipeline
    encoder: StyleEncoder | None
    turns: Turns
    tasks: TaskThreads

    def close(self) -> None:
        self.tasks.close()
        self.turns.close()
        self.pipeline.close()


class LoadedModel:
    """The base of `nst_engine.Stylizer`, which documents the arguments."""

    _loaded: _Loaded | None

    def __init__(
        self,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: Precision = "auto",
        backend: Backend = "auto",
        expected_pictures: int | None = None,
        tile_above_px: int | None = None,
        timeout: float | None = None,
        limits: ImageLimits = DEFAULT_LIMITS,
        max_concurrency: int | None = None,
        streams: int = 1,
        max_batch_size: int | None = 1,
    ) -> None:
        if tile_above_px is not None:
            require_count("tile_above_px", tile_above_px)
        if max_concurrency is not None:
            require_count("max_concurrency", max_concurrency)
        if max_batch_size is not None:
            require_count("max_batch_size", max_batch_size)
        StreamOptions(streams=streams)
        self._begin(
            {
                "model": find_model(model).absolute(),  # processes may work in other folders
                "device": device,
                "threads": threads,
                "precision": precision,
                "backend": backend,
                "expected_pictures": expected_pictures,
                "tile_above_px": tile_above_px,
                "timeout": timeout,
                "limits": require_limits(limits),
                "max_concurrency": max_concurrency,
                "streams": streams,
                "max_batch_size": max_batch_size,
            }
        )
        self._loaded = _load(**self._arguments)

    def _begin(self, arguments: Mapping[str, Any]) -> None:
        """Before the model is loaded, at its first use in this process."""
        self._arguments = dict(arguments)
        #: Default limits on pictures.
        self.limits: ImageLimits = self._arguments.pop("limits")
        self._loaded = None
        self._is_closed = False
        self._loading = threading.Lock()
        renew_in_children(self)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: what it takes to load the model elsewhere."""
        if self._is_closed:
            raise closed_error(self._arguments["model"].name)
        return {**self._arguments, "limits": self.limits}

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self._begin(arguments)

    def renew_after_fork(self) -> None:
        """Let the parent's model be, and load another one at its first use."""
        abandon(self._loaded)
        self._loading = threading.Lock()
        if not self._is_closed:
            self._loaded = None

    @property
    def _turns(self) -> Turns:
        return self._in_this_process().turns

    @property
    def _tasks(self) -> TaskThreads:
        return self._in_this_process().tasks

    def _in_this_process(self) -> _Loaded:
        """The model; of a `Stylizer` that came from another process, it is loaded first."""
        if self._loaded is None:
            with self._loading:
                if self._is_closed:
                    raise closed_error(self._arguments["model"].name)
                if self._loaded is None:
                    self._loaded = _load(**self._arguments)
        return self._loaded

    def __repr__(self) -> str:
        return f"<Stylizer {self.model} on {self._in_this_process().session.device} ({self.provider})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model's memory. Runs in progress finish; new ones are refused."""
        self._is_closed = True
        if self._loaded is not None:
            self._loaded.close()

    def trim(self) -> None:
        """Free memory that no run is using; after several concurrent runs that happens by itself."""
        if self._loaded is not None:
            self._loaded.pipeline.trim()

    @property
    def pipeline(self) -> Pipeline:
        """For callers that stylize frame after frame, and check arguments themselves."""
        return self._in_this_process().pipeline

    @property
    def model(self) -> str:
        """Name of the model: `bundled:NAME`, or the path as given."""
        return self._in_this_process().session.model

    @property
    def spec(self) -> ModelSpec:
        """The model's inputs and outputs."""
        return self._in_this_process().session.spec

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the model's styles; of a model for any style, of paintings that it can read by name."""
        return self._in_this_process().session.spec.styles

    @property
    def provider(self) -> str:
        """Name of the execution provider, such as `CPUExecutionProvider`."""
        return self._in_this_process().session.provider

    @property
    def threads(self) -> int:
        """CPU threads for each picture."""
        return self._in_this_process().session.threads

    @property
    def max_concurrency(self) -> int:
        """Pictures decoded and stylized at once."""
        return self._in_this_process().turns.at_once

    @property
    def max_batch_size(self) -> int:
        """Pictures of one size that are computed at once."""
        return self.pipeline.max_batch_size

    @property
    def device_report(self) -> str:
        """The device in use, and with `auto` why no better one is."""
        return self._in_this_process().session.report

    def warmup(self, *sizes: tuple[int, int]) -> None:
        """Stylize an empty picture of each (height, width), so that no later run is slow; by default 256×256.

        Raises:
            OptionError: A size below 1×1.
        """
        weights = weights_of_no_style(self.spec)
        for size in sizes or (_WARMUP_SIZE,):
            height, width = height_and_width(size)
            self.limits.check_pixels("warmup", height, width)
            with self._turns.taken():
                # of a large picture, its smaller one as well
                photo, scale = np.zeros((height, width, 3), np.uint8), in_proportion(height, width)
                self.pipeline.stylize([photo], weights, Stopwatch(), stroke_scale=scale)

    def encode_style(
        self, style_image: ImageSource, *, label: str | None = None, limits: ImageLimits | None = None
    ) -> StyleEmbedding:
        """Encode a style image: the embedding can be used as a style, blended, saved and loaded.

        Args:
            style_image: As `nst_engine.load_image` takes it; of an animation, its first frame. The same pixels are
                not read again.
            label: Display label; None: a file's name.
            limits: Larger inputs are refused before they are decoded; None: the `Stylizer`'s.

        Raises:
            OptionError: The model holds its styles and reads no others, or the picture is transparent everywhere.
            ImageDecodeError: It cannot be read; also its siblings.
            InferenceError: The encoder failed.
        """
        encoder = self._in_this_process().encoder
        if encoder is None:
            raise OptionError(
                f"{self.model} holds its styles and reads no others; take bundled:any or bundled:any-fast"
            )
        with self._turns.taken():
            return encoder.encode(style_image, label, limits=limits or self.limits)

    def choose_style(self, style: Style, *, limits: ImageLimits | None = None) -> StyleChoice:
        """Resolve a style once, to be passed to `stylize` instead.

        Raises:
            NSTError: What `stylize` raises of styles.
        """
        if isinstance(style, StyleChoice):
            if style.model != self.model:
                raise OptionError(f"style: was chosen for {style.model}, and this is {self.model}; choose it again")
            return style
        encoder = self._in_this_process().encoder
        if encoder is None:
            return choice_of_fixed(style, self.styles, self.model)
        return encoder.choose(style, limits or self.limits)


def _load(
    model: ModelFile,
    *,
    tile_above_px: int | None,
    max_concurrency: int | None,
    timeout: float | None,
    streams: int,
    max_batch_size: int | None,
    **options: Any,
) -> _Loaded:
    session = open_session(model, stylize=stylize_once, timeout=timeout, streams=streams, **options)
    together = suitable_batch_size(session.device) if max_batch_size is None else max_batch_size
    max_concurrency = max_concurrency or streams * together + 1
    pipeline = Pipeline(session, tile_above_px, max_batch_size=together, streams=streams)
    encoder = None if session.spec.style is None else StyleEncoder(session, session.spec.style)
    turns = Turns(session.model, max_concurrency, timeout, pipeline.trim)
    return _Loaded(session, pipeline, encoder, turns, TaskThreads(session.model, max_concurrency, timeout, turns))


def height_and_width(size: object) -> tuple[int, int]:
    """Those of a picture to warm up for.

    Raises:
        OptionError: Something else, or below 1×1.
    """
    try:
        height, width = map(operator.index, size)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise OptionError(f"warmup: came {size!r}, wanted (height, width) of at least 1×1 pixels")
    return height, width
