"""`Stylizer`: load a model once, stylize many pictures in one pass each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from nst_engine.cancellation import CancelToken, cancelled_by
from nst_engine.checks import came, require_count
from nst_engine.color import ColorMode
from nst_engine.errors import OptionError
from nst_engine.image import EncodedImage, ImageSource, Picture, PillowImage, pictures_of, several_pictures
from nst_engine.limits import ImageLimits, require_limits
from nst_engine.stylize.batch import groups_of
from nst_engine.stylize.loaded_model import LoadedModel
from nst_engine.stylize.options import StylizeArguments, StylizeOptions
from nst_engine.stylize.postprocess import check_room
from nst_engine.stylize.preprocess import timed_read
from nst_engine.stylize.regions import Regions, read_regions, stylize_in_regions
from nst_engine.stylize.result import Stopwatch, StylizeResult, kind_of
from nst_engine.stylize.strokes import check_finer, in_proportion
from nst_engine.stylize.style_choice import Style, weighted


class Stylizer(LoadedModel):
    """A model on a device. Thread-safe; a context manager that closes it.

    Other processes (it was pickled, or a process has forked) load the model at its first use, once each. OpenVINO and
    GPUs work in none that were forked after their first use; `auto` passes them over there.

    Args:
        model: `bundled:NAME` or the path of an ONNX file; see `nst_engine.models.find` for the metadata it needs.
        device: `auto`, `cpu`, `cuda`, `cuda:N`, `tensorrt`, `openvino`, `coreml` or `directml`.
        threads: CPU threads for each picture; None: as many as this process may use.
        precision: `auto`, `float32`, `float16`, `bfloat16` or `int8`; see `nst_engine.runtimes.opening.open_session`.
        backend: `auto`, `onnxruntime` or `openvino`; see there. OpenVINO prepares for each new size of picture, in
            0.2 s, and keeps the last eight; where sizes are ever new, `auto` leaves them to ONNX Runtime.
        expected_pictures: How many will be stylized, if that is known; see there.
        tile_above_px: Pictures of more pixels are processed in tiles, in bounded memory; None: 3 million, on CUDA 32.
        timeout: Seconds that loading the model may take, and each run of it (a picture's or a tile's), before it is
            stopped and `InferenceError` raised; and that a picture may wait for its turn, before `BusyError` is; None:
            any.
        limits: For photos and style images; larger ones are refused before they are decoded.
        max_concurrency: Pictures decoded and stylized at once; further ones wait. Memory grows with it, see
            docs/memory.md. None: one more than are computed, which is decoded or encoded meanwhile.
        streams: Pictures that a CPU computes side by side, each on its share of the threads, when several threads
            call `stylize`: more pictures per second, each in a longer time.
        max_batch_size: Pictures of one size, in any styles, that are computed at once when several threads call
            `stylize` while the device is busy, as GPUs do in less time than in turn, as far as all of them have no more
            than 2 million pixels; nobody waits for others. None: 8 on CUDA, else 1.

    Raises:
        OptionError: `tile_above_px` is no number of pixels, or `max_concurrency`, `streams` or `max_batch_size` no
            number of pictures.
        NSTError: What `nst_engine.runtimes.opening.open_session` raises.
    """

    @overload
    def stylize(
        self, content_image: NDArray[Any] | Picture, style: Style = None, **options: Unpack[StylizeArguments]
    ) -> StylizeResult[NDArray[np.uint8]]: ...

    @overload
    def stylize(
        self, content_image: EncodedImage, style: Style = None, **options: Unpack[StylizeArguments]
    ) -> StylizeResult[PillowImage]: ...

    def stylize(
        self,
        content_image: ImageSource,
        style: Style = None,
        *,
        strength: float = 1.0,
        preserve_color: ColorMode | None = None,
        stroke_size: float = 1.0,
        style_masks: ImageSource | Sequence[ImageSource] = (),
        max_side: int | None = None,
        out: NDArray[np.uint8] | None = None,
        limits: ImageLimits | None = None,
        cancel: CancelToken | None = None,
    ) -> StylizeResult[Any]:
        """Stylize one picture.

        Args:
            content_image: As `nst_engine.load_image` takes it: a path, encoded bytes, an open file, a Pillow image, or
                an array (uint8 H×W×3 and others).
            style: A name of `styles`; or names with their weights, of any sum; None for a model of one style. Of a
                model for any style: a style image, what `encode_style` has returned, a file of either, a bundled
                painting's name; or several of these with their weights, as a mapping or as pairs.
            strength: 0: the photo; 1: the stylized picture; up to 2: stylized again.
            preserve_color: `luma`, `match` or `histogram` keep the photo's colours; None: the style's.
            stroke_size: Of the strokes, in multiples of what suits the picture's size: 0.1 (fine) to 8 (broad). Up to
                1,280 px of the longer side (or thrice the shorter) the network's own; beyond it they grow with it.
            style_masks: For each style in order, a grey picture of the photo's proportions, white where it is seen; the
                photo where none is. Empty: all blended, everywhere.
            max_side: Pictures whose longer side is longer are shrunk to it first, px; None: none is.
            out: uint8 H×W×3 of the result's size, writeable and C-contiguous: where the result's pixels are written,
                so that painting one size again and again takes no new memory; None: to a fresh array.
            limits: For photos and style images; larger ones are refused before they are decoded; None: the
                `Stylizer`'s.
            cancel: Stops the run from another thread.

        Raises:
            StyleNotFoundError: The model has no such style.
            OptionError: An invalid option, such as a style embedding of another model.
            ImageDecodeError, ImageTooLargeError: A picture is damaged, or too large for the limits; and siblings.
            InferenceError: The model failed.
            BusyError: `max_concurrency` others ran until `timeout` was over.
            CancelledError: It was cancelled.
        """
        options = _checked(strength, preserve_color, stroke_size, max_side)
        limits = require_limits(limits or self.limits)
        masks = pictures_of(style_masks, "style_masks")
        with cancelled_by(cancel), self._turns.taken():
            chosen = self.choose_style(style, limits=limits)
            picture, stopwatch = _read(content_image, options, limits)
            photo = picture.pixels
            check_room(out, photo)
            if masks:
                regions, each = self._regions(photo, style, masks, limits)
                stylized = stylize_in_regions(
                    photo, regions, lambda place: self._run([photo], each[place], options, stopwatch)[0], out
                )
            else:
                (stylized,) = self._run([photo], chosen.weights, options, stopwatch, out)
        timings = stopwatch.timings_ms()
        return self._result(stylized, picture, chosen.shares, content_image, timings, provider=stopwatch.provider)

    async def astylize(
        self, content_image: ImageSource, style: Style = None, **options: Unpack[StylizeArguments]
    ) -> StylizeResult[Any]:
        """`stylize` for asyncio: it runs in a thread, and stops when its task is cancelled.

        Raises:
            NSTError: What `stylize` raises.
            asyncio.CancelledError: The task was cancelled.
        """
        token = options.setdefault("cancel", None) or CancelToken()
        options["cancel"] = token
        return await self._tasks.run(lambda: self.stylize(content_image, style, **options), token)

    def stylize_batch(
        self,
        content_images: Iterable[ImageSource],
        style: Style = None,
        *,
        strength: float = 1.0,
        preserve_color: ColorMode | None = None,
        stroke_size: float = 1.0,
        max_side: int | None = None,
        batch_size: int = 8,
        limits: ImageLimits | None = None,
        cancel: CancelToken | None = None,
    ) -> list[StylizeResult[Any]]:
        """Paint several pictures; those of one size together, which a GPU does in less time.

        Args:
            content_images: Each as for `stylize`; all are read before the first is painted.
            style: Of all of them; this and what follows are as for `stylize`.
            strength: As there.
            preserve_color: As there.
            stroke_size: As there.
            max_side: As there.
            batch_size: Pictures at most in one run: memory grows with it.
            limits: As for `stylize`.
            cancel: As for `stylize`.

        Returns:
            In the order of `content_images`, each as `stylize` returns it, to rounding.

        Raises:
            NSTError: What `stylize` raises; then none is returned.
        """
        require_count("batch_size", batch_size)
        sources = several_pictures(content_images, "content_images")
        options = _checked(strength, preserve_color, stroke_size, max_side)
        limits = require_limits(limits or self.limits)
        results: dict[int, StylizeResult[Any]] = {}
        with cancelled_by(cancel), self._turns.taken():
            chosen = self.choose_style(style, limits=limits)
            reads = [_read(source, options, limits) for source in sources]
            for group in groups_of([picture for picture, _ in reads], batch_size):
                stopwatch = Stopwatch()
                stylized = self._run([reads[i][0].pixels for i in group], chosen.weights, options, stopwatch)
                for i, pixels in zip(group, stylized, strict=True):
                    picture, own_time = reads[i]
                    timings = own_time.timings_ms(shared=stopwatch, among=len(group))
                    results[i] = self._result(
                        pixels, picture, chosen.shares, sources[i], timings, provider=stopwatch.provider
                    )
        return [results[i] for i in range(len(reads))]

    def _regions(
        self, photo: NDArray[np.uint8], style: Style, style_masks: Sequence[ImageSource], limits: ImageLimits
    ) -> tuple[Regions, list[NDArray[np.float32]]]:
        """Where each style applies, and each style's weights."""
        styles = [(style, 1.0)] if style is None else weighted(style)
        regions = read_regions(style_masks, [share for _, share in styles], photo.shape[0], photo.shape[1], limits)
        return regions, [self.choose_style(one, limits=limits).weights for one, _ in styles]

    def _run(
        self,
        photos: Sequence[NDArray[np.uint8]],
        weights: NDArray[np.float32],
        options: StylizeOptions,
        stopwatch: Stopwatch,
        out: NDArray[np.uint8] | None = None,
    ) -> list[NDArray[np.uint8]]:
        height, width = photos[0].shape[:2]
        return self.pipeline.stylize(
            photos,
            weights,
            stopwatch,
            strength=options.strength,
            preserve_color=options.preserve_color,
            stroke_scale=options.stroke_size * in_proportion(height, width),
            out=out,
        )

    def _result(
        self,
        pixels: NDArray[np.uint8],
        picture: Picture,
        mix: Mapping[str, float],
        source: ImageSource,
        timings_ms: Mapping[str, float],
        *,
        provider: str,
    ) -> StylizeResult[Any]:
        return StylizeResult(
            pixels=pixels,
            alpha=picture.alpha,
            timings_ms=timings_ms,
            provider=provider,
            model=self.model,
            styles=mix,
            kind=kind_of(source),
            source_path=Path(source) if isinstance(source, str | os.PathLike) else None,
        )


def require_stylizer(stylizer: object) -> Stylizer:
    """A `Stylizer` that a caller has given.

    Raises:
        OptionError: It is something else, such as a model's name.
    """
    if not isinstance(stylizer, Stylizer):
        raise OptionError(f"{came(stylizer)} came; wanted such as Stylizer('bundled:live')", option="stylizer")
    return stylizer


def _read(source: ImageSource, options: StylizeOptions, limits: ImageLimits) -> tuple[Picture, Stopwatch]:
    picture, stopwatch = timed_read(source, options.max_side, limits)
    height, width = picture.pixels.shape[:2]
    check_finer(height, width, options.stroke_size, limits, proportion=in_proportion(height, width))
    return picture, stopwatch


def _checked(
    strength: float, preserve_color: ColorMode | None, stroke_size: float, max_side: int | None
) -> StylizeOptions:
    return StylizeOptions(strength=strength, preserve_color=preserve_color, stroke_size=stroke_size, max_side=max_side)
