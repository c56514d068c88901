"""The engine as users call it: `nst_engine.Stylizer`, with arrays and with encoded bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from nst_engine.benchmark.backends.backend import Backend, Pictures
from nst_engine.benchmark.model import BenchModel
from nst_engine.environment import is_importable, pip_install
from nst_engine.image import encode_image, load_image
from nst_engine.runtimes.devices import Precision
from nst_engine.stylize.stylizer import Stylizer

_JPEG_QUALITY = 95
#: JPEG's loss in the photo and the output: at that quality some 35 dB are left.
_LEAST_JPEG_PSNR_DB = 24.0


class ArrayToPicture(Backend):
    """`Stylizer.stylize`: arrays in, pictures out, on the device and by the runtime that the engine chooses."""

    name = "stylizer"
    modules = ("onnxruntime",)
    precisions = get_args(Precision)

    def why_absent(self) -> str | None:
        """Whether there is any runtime."""
        return None if is_importable("onnxruntime") else f"onnxruntime is not installed; type: {pip_install('cpu')}"

    def load(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Load it as the README does."""
        self._stylizer = Stylizer(model.name, threads=threads, precision=precision)
        self._style = self._stylizer.choose_style(dict(model.style) if model.spec.style is None else list(model.style))

    @property
    def remarks(self) -> tuple[str, ...]:
        """The device and runtime that were chosen."""
        return (f"on {self._stylizer.device_report}",)

    def paint(self, photos: Sequence[Any]) -> tuple[Sequence[Any], Mapping[str, float]]:
        """One call of `stylize`, or of `stylize_batch`."""
        if len(photos) == 1:
            result = self._stylizer.stylize(photos[0], self._style)
            return [result.pixels], result.timings_ms
        results = self._stylizer.stylize_batch(photos, self._style, batch_size=len(photos))
        stages = results[0].timings_ms
        return [each.pixels for each in results], {
            stage: sum(each.timings_ms[stage] for each in results) for stage in stages
        }


class JpegToJpeg(ArrayToPicture):
    """As a web service: JPEG bytes in, JPEG bytes out."""

    name = "stylizer-jpeg"

    def prepared(self, photos: Pictures) -> Sequence[bytes]:
        """Files, in memory."""
        return [encode_image(photo, "jpeg", quality=_JPEG_QUALITY) for photo in photos]

    def paint(self, photos: Sequence[Any]) -> tuple[Sequence[bytes], Mapping[str, float]]:
        """Decode, paint, encode."""
        pictures, timings_ms = super().paint(photos)
        begun = time.perf_counter()
        encoded = [encode_image(picture, "jpeg", quality=_JPEG_QUALITY) for picture in pictures]
        encode_ms = (time.perf_counter() - begun) * 1e3
        return encoded, {**timings_ms, "encode": encode_ms, "total": timings_ms["total"] + encode_ms}

    def pixels_of(self, painted: Sequence[Any]) -> Pictures:
        """Decode the JPEG."""
        return [load_image(each).pixels for each in painted]

    def least_psnr_db(self, _: Precision) -> float:
        """Lower, since JPEG loses quality twice."""
        return _LEAST_JPEG_PSNR_DB


FAMILY: Sequence[Backend] = (ArrayToPicture(), JpegToJpeg())
