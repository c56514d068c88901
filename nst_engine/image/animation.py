"""Writes frames as a GIF or an animated WebP."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from nst_engine.environment import pip_install
from nst_engine.errors import ImageEncodeError, OptionError
from nst_engine.files import PathLike, check_output, write_through
from nst_engine.image.picture import Pixels, require_pixels
from nst_engine.image.quiet import pillow_quiet

ANIMATION_SUFFIXES = (".gif", ".webp")
LAST_FRAME_MS = 1500
# Viewers play GIF frames shorter than 20 ms at 100 ms.
_HIGHEST_FPS = {".gif": 50.0, ".webp": 1000.0}


def save_animation(path: PathLike, frames: Iterable[Pixels], *, fps: float) -> Path:
    """Write frames as an endless loop; the last one stays for 1.5 s.

    GIF frames get a palette of their own, with Floyd–Steinberg dithering, so that a painting that changes
    its colours keeps them; GIF times are multiples of 10 ms and are spread so that the sum is right.

    Args:
        path: ".gif" or ".webp".
        frames: uint8 H×W×3, all of one size; taken one at a time.
        fps: Frames per second, above 0; at most 50 for GIF.

    Raises:
        ImageEncodeError: Another suffix (videos are not written here), no frames, or frames of several sizes.
        OptionError: `fps` out of range.
        OutputError: The file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".mp4", ".mov", ".mkv", ".webm"):
        raise ImageEncodeError(
            f"{path}: a {suffix} video is not written by save_animation, which wants "
            f"{' or '.join(ANIMATION_SUFFIXES)}. Use the video writer ({pip_install('video')})."
        )
    target = check_output(path, suffixes=ANIMATION_SUFFIXES)
    highest = _HIGHEST_FPS[suffix]
    if not 0 < fps <= highest:
        raise OptionError(f"fps: came {fps:g}, wanted more than 0 and at most {highest:g} for {suffix}.")
    images = [_frame(frame, suffix) for frame in frames]
    if not images:
        raise ImageEncodeError(f"{path}: came no frames, wanted at least one.")
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise ImageEncodeError(f"{path}: the frames differ in size ({sorted(sizes)}). Resize them to one.")
    durations_ms = _durations_ms(len(images), fps, 10 if suffix == ".gif" else 1)

    def write(file: BinaryIO) -> None:
        options = {"quality": 90, "method": 4} if suffix == ".webp" else {"optimize": False}
        with pillow_quiet():
            images[0].save(
                file,
                format=suffix[1:].upper(),
                save_all=True,
                append_images=images[1:],
                duration=durations_ms,
                loop=0,
                **options,
            )

    write_through(target, write)
    return target


def _frame(frame: Pixels, suffix: str) -> Image.Image:
    image = Image.fromarray(require_pixels(frame, "frame"))
    if suffix == ".webp":
        return image
    # Two passes: Pillow dithers only against a palette it is given.
    palette = image.quantize(256, method=Image.Quantize.MEDIANCUT)
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _durations_ms(count: int, fps: float, step_ms: int) -> list[int]:
    """`count` durations in multiples of `step_ms`, whose running sum is off by at most one step."""
    ends = [round(1000 * (index + 1) / fps / step_ms) * step_ms for index in range(count)]
    durations = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [*durations[:-1], max(LAST_FRAME_MS, durations[-1])]
