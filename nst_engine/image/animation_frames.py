"""A GIF, an animated WebP or an animated PNG becomes its frames."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from nst_engine.errors import ImageDecodeError, NSTError
from nst_engine.files import PathLike
from nst_engine.image.cost import check_coded_size
from nst_engine.image.formats import OPENERS, sniff
from nst_engine.image.picture import Pixels
from nst_engine.image.profile import srgb_of
from nst_engine.image.quiet import pillow_quiet
from nst_engine.image.read import read_path
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.wording import label_of_path

# Viewers show frames that claim 10 ms or less for 100 ms.
_TOO_SHORT_MS, _SHOWN_INSTEAD_MS = 10, 100


@dataclass(frozen=True, eq=False)
class AnimationFrame:
    """One frame as it is shown, composited over those before it.

    Attributes:
        pixels: uint8 H×W×3, sRGB.
        alpha: uint8 H×W; None: opaque.
        duration_ms: For how long it is shown, above 0.
    """

    pixels: Pixels
    alpha: Pixels | None
    duration_ms: int


class Animation:
    """The frames of a file.

    Attributes:
        frame_count: How many it claims to have; None: it ends before it says so.
        height: In pixels.
        width: In pixels.
        loop: How often it is played again; 0: for ever; None: once.
        damage: After the last frame: why there are fewer than claimed; else None.
    """

    def __init__(self, path: PathLike, *, limits: ImageLimits = DEFAULT_LIMITS) -> None:
        """Read the file; its frames are decoded one at a time.

        Raises:
            ImageNotFoundError: There is no such file.
            ImageDecodeError: It is no picture, or cannot be read.
            ImageTooLargeError: Beyond `limits`.
        """
        self._label = label_of_path(path)
        content = read_path(path, self._label, limits)
        kind = sniff(content, self._label)
        if kind == "AVIF":
            check_coded_size(content, self._label, limits)
        self.frame_count: int | None = None
        try:
            with pillow_quiet():
                self._image = OPENERS[kind](io.BytesIO(content))
                with contextlib.suppress(Exception):  # Pillow's decoders raise nearly anything on damaged input
                    self.frame_count = int(getattr(self._image, "n_frames", 1))
                if self.frame_count is None:  # where that failed, the decoder is lost
                    self._image = OPENERS[kind](io.BytesIO(content))
        except NSTError:
            raise
        except Exception as error:  # see above
            raise ImageDecodeError(f"{self._label}: the {kind} is damaged ({error}). Download it again.") from error
        # an APNG may begin with a picture for programs that cannot play it
        self._first = 1 if getattr(self._image, "default_image", False) else 0
        if self.frame_count is not None:
            self.frame_count -= self._first
        self.height, self.width = self._image.height, self._image.width
        limits.check_pixels(self._label, self.height, self.width)
        loop = self._image.info.get("loop")
        self.loop = None if loop is None else int(loop)
        self.damage: str | None = None

    def __iter__(self) -> Iterator[AnimationFrame]:
        """Decode in turn, up to the first damaged frame."""
        for place in itertools.count() if self.frame_count is None else range(self.frame_count):
            try:
                with pillow_quiet():
                    self._image.seek(self._first + place)
                    pixels, alpha, _ = srgb_of(self._image, self._label)
            except Exception as error:  # see above
                among = "" if self.frame_count is None else f" of {self.frame_count}"
                self.damage = f"frame {place + 1}{among} cannot be decoded ({error})"
                return
            duration_ms = round(float(self._image.info.get("duration") or 0))
            yield AnimationFrame(pixels, alpha, duration_ms if duration_ms > _TOO_SHORT_MS else _SHOWN_INSTEAD_MS)
