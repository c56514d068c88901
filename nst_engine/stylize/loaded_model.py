"""A model on a device with its styles: loaded once, closed at the end."""

from __future__ import annotations

import os
from typing import Self

import numpy as np

from nst_engine.checks import require_count
from nst_engine.errors import OptionError
from nst_engine.image import ImageSource
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.devices import Backend, Precision
from nst_engine.runtimes.session import open_session
from nst_engine.stylize.asynchronous import TaskThreads
from nst_engine.stylize.pipeline import Pipeline, stylize_once
from nst_engine.stylize.result import Stopwatch
from nst_engine.stylize.style_choice import Style, StyleChoice, choice_of_fixed, weights_of_no_style
from nst_engine.stylize.style_embedding import StyleEmbedding
from nst_engine.stylize.style_encoder import StyleEncoder
from nst_engine.stylize.turns import Turns

DEFAULT_MODEL = "bundled:quality"
_WARMUP_SIZE = (256, 256)


class LoadedModel:
    """The base of `nst_engine.Stylizer`, which documents the arguments."""

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
    ) -> None:
        if tile_above_px is not None:
            require_count("tile_above_px", tile_above_px)
        if max_concurrency is not None:
            require_count("max_concurrency", max_concurrency)
        self._session = open_session(
            model,
            device=device,
            threads=threads,
            precision=precision,
            backend=backend,
            expected_pictures=expected_pictures,
            stylize=stylize_once,
            timeout=timeout,
            streams=streams,
        )
        at_once = max_concurrency or streams + 1
        #: For callers that stylize frame after frame, and check arguments themselves.
        self.pipeline = Pipeline(self._session, tile_above_px)
        prediction = self._session.spec.style
        self._encoder = None if prediction is None else StyleEncoder(self._session, prediction)
        #: Default limits on pictures.
        self.limits = limits
        self._turns = Turns(self.model, at_once, timeout, self.pipeline.trim)
        self._tasks = TaskThreads(at_once, timeout, self._turns)

    def __repr__(self) -> str:
        return f"<Stylizer {self.model} on {self._session.device} ({self.provider})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model's memory. Runs in progress finish; new ones are refused."""
        self._tasks.close()
        self._turns.close()
        self.pipeline.close()

    def trim(self) -> None:
        """Free memory that no run is using; after several concurrent runs that happens by itself."""
        self.pipeline.trim()

    @property
    def model(self) -> str:
        """Name of the model: `bundled:NAME`, or the path as given."""
        return self._session.model

    @property
    def spec(self) -> ModelSpec:
        """The model's inputs and outputs."""
        return self._session.spec

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the model's styles; of a model for any style, of paintings that it can read by name."""
        return self._session.spec.styles

    @property
    def provider(self) -> str:
        """Name of the execution provider, such as `CPUExecutionProvider`."""
        return self._session.provider

    @property
    def threads(self) -> int:
        """CPU threads for each picture."""
        return self._session.threads

    @property
    def device_report(self) -> str:
        """The device in use, and with `auto` why no better one is."""
        return self._session.report

    def warmup(self, *sizes: tuple[int, int]) -> None:
        """Stylize an empty picture of each (height, width), so that no later run is slow; by default 256×256.

        Raises:
            OptionError: A size below 1×1.
        """
        weights = weights_of_no_style(self.spec)
        for height, width in sizes or (_WARMUP_SIZE,):
            if height < 1 or width < 1:
                raise OptionError(f"warmup: came {(height, width)}, wanted (height, width) of at least 1×1 pixels")
            self.limits.check_pixels("warmup", height, width)
            with self._turns.taken():
                self.pipeline.stylize([np.zeros((height, width, 3), np.uint8)], weights, Stopwatch())

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
        if self._encoder is None:
            raise OptionError(
                f"{self.model} holds its styles and reads no others; take bundled:any or bundled:any-fast"
            )
        with self._turns.taken():
            return self._encoder.encode(style_image, label, limits=limits or self.limits)

    def choose_style(self, style: Style, *, limits: ImageLimits | None = None) -> StyleChoice:
        """Resolve a style once, to be passed to `stylize` instead.

        Raises:
            NSTError: What `stylize` raises of styles.
        """
        if isinstance(style, StyleChoice):
            if style.model != self.model:
                raise OptionError(f"style: was chosen for {style.model}, and this is {self.model}; choose it again")
            return style
        if self._encoder is None:
            return choice_of_fixed(style, self.styles, self.model)
        return self._encoder.choose(style, limits or self.limits)
