"""`Stylizer`: load a model once, stylize many pictures in one pass each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.checks import require_count
from nst_engine.errors import OptionError
from nst_engine.image import DEFAULT_LIMITS, ImageLimits, ImageSource, Picture
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.devices import Backend, Precision
from nst_engine.runtimes.session import open_session
from nst_engine.stylize.batch import groups_of
from nst_engine.stylize.options import StylizeOptions
from nst_engine.stylize.pipeline import Pipeline, stylize_once
from nst_engine.stylize.postprocess import check_room
from nst_engine.stylize.preprocess import timed_read
from nst_engine.stylize.regions import read_regions, stylize_in_regions
from nst_engine.stylize.result import Stopwatch, StylizeResult, kind_of
from nst_engine.stylize.strokes import in_proportion
from nst_engine.stylize.style_choice import Style, StyleChoice, choice_of_fixed, weighted, weights_of_no_style
from nst_engine.stylize.style_embedding import StyleEmbedding
from nst_engine.stylize.style_encoder import StyleEncoder

DEFAULT_MODEL = "bundled:quality"
_WARMUP_SIZE = (256, 256)


class Stylizer:
    """A model on a device. May be used by several threads at once.

    Args:
        model: `bundled:NAME` or the path of an ONNX file; see `nst_engine.models.find` for the metadata it needs.
        device: `auto`, `cpu`, `cuda`, `cuda:N`, `tensorrt`, `openvino`, `coreml` or `directml`.
        threads: CPU threads for each picture; None: as many as this process may use.
        precision: `auto`, `float32`, `float16`, `bfloat16` or `int8`; see `nst_engine.runtimes.session.open_session`.
        backend: `auto`, `onnxruntime` or `openvino`; see there. OpenVINO prepares for each new size of picture, in
            0.2 s, and keeps the last eight.
        expected_pictures: How many will be stylized, if that is known; see there.
        tile_above_px: Pictures of more pixels are processed in tiles, in bounded memory; None: 3 million, on CUDA 32.
        timeout: Seconds that loading the model may take, and each run of it (a picture's or a tile's), before it is
            stopped and `InferenceError` raised; None: any.

    Raises:
        OptionError: `tile_above_px` is no number of pixels.
        NSTError: What `nst_engine.runtimes.session.open_session` raises.
    """

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
    ) -> None:
        if tile_above_px is not None:
            require_count("tile_above_px", tile_above_px)
        self._session = open_session(
            model,
            device=device,
            threads=threads,
            precision=precision,
            backend=backend,
            expected_pictures=expected_pictures,
            stylize=stylize_once,
            timeout=timeout,
        )
        #: For callers that stylize frame after frame, and check arguments themselves.
        self.pipeline = Pipeline(self._session, tile_above_px)
        prediction = self._session.spec.style
        self._encoder = None if prediction is None else StyleEncoder(self._session, prediction)

    @property
    def model(self) -> str:
        """Name of the model: `bundled:NAME`, or the path as given."""
        return self._session.model

    @property
    def spec(self) -> ModelSpec:
        """What the model takes and returns."""
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
        session = self._session
        chosen = f"{session.device} ({self.provider}, {self.threads} CPU threads)"
        measured = [f"measured: {session.why}"] if session.why else []
        return "; ".join([chosen, *measured, *(f"passed over: {reason}" for reason in session.passed_over)])

    def warmup(self, *sizes: tuple[int, int]) -> None:
        """Stylize an empty picture of each (height, width), so that no later run is slow; by default 256×256.

        Raises:
            OptionError: A size below 1×1.
        """
        weights = weights_of_no_style(self.spec)
        for height, width in sizes or (_WARMUP_SIZE,):
            if height < 1 or width < 1:
                raise OptionError(f"warmup: came {(height, width)}, wanted (height, width) of at least 1×1 pixels")
            DEFAULT_LIMITS.check_pixels("warmup", height, width)
            self.pipeline.stylize([np.zeros((height, width, 3), np.uint8)], weights, Stopwatch())

    def encode_style(
        self, style_image: ImageSource, *, label: str | None = None, limits: ImageLimits = DEFAULT_LIMITS
    ) -> StyleEmbedding:
        """Encode a style image: the embedding can be used as a style, blended, saved and loaded.

        Args:
            style_image: As `nst_engine.load_image` takes it; of an animation, its first frame. The same pixels are
                not read again.
            label: Display label; None: a file's name.
            limits: Larger inputs are refused before they are decoded.

        Raises:
            OptionError: The model holds its styles and reads no others, or the picture is transparent everywhere.
            ImageDecodeError: It cannot be read; also its siblings.
            InferenceError: The encoder failed.
        """
        if self._encoder is None:
            raise OptionError(
                f"{self.model} holds its styles and reads no others; take bundled:any or bundled:any-fast"
            )
        return self._encoder.encode(style_image, label, limits=limits)

    def choose_style(self, style: Style, *, limits: ImageLimits = DEFAULT_LIMITS) -> StyleChoice:
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
        return self._encoder.choose(style, limits)

    def stylize(
        self,
        content_image: ImageSource,
        style: Style = None,
        *,
        strength: float = 1.0,
        preserve_color: str | None = None,
        stroke_size: float = 1.0,
        style_masks: Sequence[ImageSource] = (),
        max_side: int | None = None,
        out: NDArray[np.uint8] | None = None,
        limits: ImageLimits = DEFAULT_LIMITS,
    ) -> StylizeResult:
        """Stylize one picture.

        Args:
            content_image: As `nst_engine.load_image` takes it: a path, encoded bytes, an open file, a Pillow image, or
                an array (uint8 H×W×3 and others).
            style: A name of `styles`; or names with their weights, of any sum; None for a model of one style. Of a
                model for any style: a style image, what `encode_style` has returned, a file of either, a bundled
                painting's name; or several of these with their weights, as a mapping or as pairs.
            strength: 0: the photo; 1: the stylized picture; up to 2: stylized again.
            preserve_color: `luma`, `match` or `histogram` keep the photo's colours; None: the style's.
            stroke_size: Stroke size, relative to what suits the picture's size: 0.1 (fine) to 8 (broad). Up to a longer
                side of 1,280 px, 1 is the network's own stroke size; in larger pictures strokes grow in proportion.
            style_masks: For each style in order, a grey picture of the photo's proportions, white where the style
                applies; where none does, the photo remains. Empty: all styles are blended everywhere.
            max_side: Larger pictures are first shrunk to this longer side, px; None: no limit.
            out: uint8 H×W×3 of the result's size, writeable and C-contiguous: an output array to reuse; None: a new
                array.
            limits: For photos and style images; larger ones are refused before they are decoded.

        Raises:
            StyleNotFoundError: The model has no such style.
            OptionError: An invalid option, such as a style embedding of another model.
            ImageDecodeError: A picture that cannot be read; also its siblings.
            InferenceError: The model failed.
        """
        chosen = self.choose_style(style, limits=limits)
        StylizeOptions(strength=strength, preserve_color=preserve_color, stroke_size=stroke_size, max_side=max_side)
        picture, stopwatch = timed_read(content_image, max_side, limits)
        photo = picture.pixels
        check_room(out, photo)
        scale = stroke_size * in_proportion(*photo.shape[:2])

        def run(weights: NDArray[np.float32], out: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
            finish: dict[str, Any] = {"strength": strength, "preserve_color": preserve_color, "stroke_scale": scale}
            return self.pipeline.stylize([photo], weights, stopwatch, out=out, **finish)[0]

        if style_masks:
            styles = [(style, 1.0)] if style is None else weighted(style)
            regions = read_regions(style_masks, [share for _, share in styles], photo.shape[0], photo.shape[1], limits)
            each = [self.choose_style(one, limits=limits).weights for one, _ in styles]
            stylized = stylize_in_regions(photo, regions, lambda number: run(each[number], None), out)
        else:
            stylized = run(chosen.weights, out)
        return self._result(stylized, picture, chosen.shares, stopwatch.timings_ms(), content_image)

    def stylize_batch(
        self,
        content_images: Sequence[ImageSource],
        style: Style = None,
        *,
        strength: float = 1.0,
        preserve_color: str | None = None,
        stroke_size: float = 1.0,
        max_side: int | None = None,
        batch_size: int = 8,
        limits: ImageLimits = DEFAULT_LIMITS,
    ) -> list[StylizeResult]:
        """Stylize several pictures; those of one size together, which a GPU does in less time.

        Args:
            content_images: Each as for `stylize`.
            style: Of all of them; this and the other options are those of `stylize`.
            strength: See there.
            preserve_color: See there.
            stroke_size: See there.
            max_side: See there.
            batch_size: Pictures at most in one run: memory grows with it.
            limits: See there.

        Returns:
            In the order of `content_images`, each as `stylize` returns it, to rounding.

        Raises:
            NSTError: What `stylize` raises; then none is returned.
        """
        require_count("batch_size", batch_size)
        chosen = self.choose_style(style, limits=limits)
        StylizeOptions(strength=strength, preserve_color=preserve_color, stroke_size=stroke_size, max_side=max_side)
        reads = [timed_read(source, max_side, limits) for source in content_images]
        results: dict[int, StylizeResult] = {}
        for group in groups_of([picture for picture, _ in reads], batch_size):
            stopwatch = Stopwatch()
            photos = [reads[i][0].pixels for i in group]
            stylized = self.pipeline.stylize(
                photos,
                chosen.weights,
                stopwatch,
                strength=strength,
                preserve_color=preserve_color,
                stroke_scale=stroke_size * in_proportion(*photos[0].shape[:2]),
            )
            for i, pixels in zip(group, stylized, strict=True):
                picture, own_time = reads[i]
                timings = own_time.timings_ms(shared=stopwatch, among=len(group))
                results[i] = self._result(pixels, picture, chosen.shares, timings, content_images[i])
        return [results[i] for i in range(len(reads))]

    def _result(
        self,
        pixels: NDArray[np.uint8],
        picture: Picture,
        mix: Mapping[str, float],
        timings_ms: Mapping[str, float],
        source: ImageSource,
    ) -> StylizeResult:
        return StylizeResult(
            pixels=pixels,
            alpha=picture.alpha,
            timings_ms=timings_ms,
            provider=self.provider,
            model=self.model,
            styles=mix,
            kind=kind_of(source),
            source_path=Path(source) if isinstance(source, str | os.PathLike) else None,
        )
