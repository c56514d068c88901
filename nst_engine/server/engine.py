"""The models of a worker, loaded and warm, and the queue before them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from starlette.datastructures import UploadFile

from nst_engine.environment import did_you_mean
from nst_engine.errors import BusyError, ModelNotFoundError
from nst_engine.models.find import BUNDLED_PREFIX, bundled_models
from nst_engine.runtimes.options import suitable_streams
from nst_engine.server.admission import Admission, Places
from nst_engine.server.decoders import Decoders
from nst_engine.server.kept_styles import KeptStyles
from nst_engine.server.settings import ServerSettings
from nst_engine.stylize.result import StylizeResult
from nst_engine.stylize.style_embedding import StyleEmbedding
from nst_engine.stylize.stylizer import Stylizer

_T = TypeVar("_T")
_WARMUP_SIZES = ((480, 640), (720, 1280))


class Engine:
    """Models by name; the first is the default.

    Args:
        settings: Which, on what.

    Raises:
        NSTError: A model cannot be loaded.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        threads = settings.threads_of_a_worker
        streams = suitable_streams(None, threads)
        self.models: Mapping[str, Stylizer] = {
            full_name(name): Stylizer(
                full_name(name),
                device=settings.device,
                backend=settings.backend,
                precision=settings.precision,
                threads=threads,
                streams=streams,
                max_batch_size=settings.max_batch_size,
                limits=settings.limits,
                timeout=settings.timeout,
            )
            for name in settings.models
        }
        places = max(stylizer.max_concurrency for stylizer in self.models.values())
        self.admission = Admission(places, settings.queue, settings.timeout)
        self.decoders = Decoders(settings.decoders, settings.limits, settings.decode_timeout, settings.decode_memory)
        self.live = Places(settings.live, "live connections")
        self.is_warm = False
        self.is_draining = False
        self.kept_styles = KeptStyles(settings.styles_folder)

    def warm_up(self) -> None:
        """Run every model, so that no request is slow."""
        most = self.settings.max_pixels
        sizes = [size for size in _WARMUP_SIZES if size[0] * size[1] <= most] or [(1, 1)]
        for stylizer in self.models.values():
            stylizer.warmup(*sizes)
        self.is_warm = True

    def close(self) -> None:
        """Free the models."""
        for stylizer in self.models.values():
            stylizer.close()

    def model(self, name: str | None, *, reads_styles: bool = False) -> Stylizer:
        """The model of that name; None: the first, or the first that reads style images.

        Raises:
            ModelNotFoundError: There is none.
        """
        if name is None:
            for stylizer in self.models.values():
                if not reads_styles or stylizer.spec.style is not None:
                    return stylizer
            raise ModelNotFoundError(
                f"style images: none of the models here ({', '.join(self.models)}) reads them; the service needs "
                "bundled:any-fast or bundled:any in `models`"
            )
        if full_name(name) in self.models:
            return self.models[full_name(name)]
        hint = did_you_mean(name, self.models)
        raise ModelNotFoundError(f"model: {name!r} came; {hint}there are {', '.join(self.models)}")

    async def stylize(
        self, stylizer: Stylizer, photo: UploadFile, style: Any, *, max_side: int, **options: Any
    ) -> StylizeResult[Any]:
        """One picture, when its turn comes; cancelled with its task.

        Args:
            stylizer: The model.
            photo: The file.
            style: As `Stylizer.stylize` takes it; or a style image's file.
            max_side: The photo is shrunk to it.
            options: Of `Stylizer.stylize`.

        Raises:
            BusyError: The queue is full, or the time is over.
            NSTError: What `Stylizer.stylize` raises.
        """
        return await self.in_turn(lambda: self._painted(stylizer, photo, style, max_side, options))

    async def in_turn(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """What the work returns, begun when its turn comes; cancelled with its task.

        Raises:
            BusyError: The queue is full, or the time is over.
        """
        async with self.admission.place():
            try:
                return await asyncio.wait_for(work(), self.settings.timeout)
            except TimeoutError:
                raise BusyError(
                    f"not done within {self.settings.timeout:g} s; send a smaller picture, or `max_side`"
                ) from None

    async def _painted(
        self, stylizer: Stylizer, photo: UploadFile, style: Any, max_side: int, options: dict[str, Any]
    ) -> StylizeResult[Any]:
        if isinstance(style, UploadFile):
            style = await self.decoders.decode(style, "style_image", first_frame=True)
        begun = time.perf_counter()
        picture = await self.decoders.decode(photo, "photo", max_side=max_side)
        decode_ms = 1e3 * (time.perf_counter() - begun)
        result = await stylizer.astylize(picture, style, **options)
        times = dict(result.timings_ms)
        return replace(
            result, timings_ms={**times, "decode": times["decode"] + decode_ms, "total": times["total"] + decode_ms}
        )

    async def encode(self, stylizer: Stylizer, picture: UploadFile, label: str | None) -> StyleEmbedding:
        """A style image, encoded and kept.

        Raises:
            NSTError: What `Stylizer.encode_style` raises.
        """
        async with self.admission.place():
            decoded = await self.decoders.decode(picture, "style_image", first_frame=True)
            embedding = await asyncio.to_thread(stylizer.encode_style, decoded, label=label)
            await asyncio.to_thread(self.kept_styles.keep, embedding)
            return embedding


def full_name(name: str) -> str:
    """`bundled:live` for `live`; other names as they are."""
    return BUNDLED_PREFIX + name if name in bundled_models() else name
