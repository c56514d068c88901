"""Transparency of a moving picture is kept where the output format supports it, and a note says so where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from moving_clips import Identity, pictures, times_of
from numpy.typing import NDArray
from PIL import Image

from nst_engine.image import load_image
from nst_engine.video import VideoOptions, paint_video

BASE = Fraction(1, 10)
LIBVPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
TOLD = "is transparent in places, which are white in the result"


def with_hole(count: int = 4, hole: int = 0) -> list[NDArray[np.uint8]]:
    """uint8 H×W×4: nothing at the left, half of something above that."""
    frames = []
    for pixels in pictures(count):
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
        alpha[:, :32] = hole
        alpha[:16, :32] = (hole + 255) // 2
        frames.append(np.dstack([pixels, alpha]))
    return frames


def transparent(
    path: Path, codec: str, pixel_format: str, options: Mapping[str, str], frames: Sequence[NDArray[np.uint8]]
) -> Path:
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=10, options=dict(options)))
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
            frame.pts, frame.time_base = number, BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


SOURCES = {
    "vp9.webm": ("libvpx-vp9", "yuva420p", {"b": "0", "crf": "20", "cpu-used": "8"}),
    "vp8.webm": ("libvpx", "yuva420p", {"auto-alt-ref": "0", "b": "900k"}),
    "prores.mov": ("prores_ks", "yuva444p10le", {"profile": "4444"}),
    "animation.mov": ("qtrle", "argb", {}),
    "png.mov": ("png", "rgba", {}),
    "ffv1.mkv": ("ffv1", "yuva420p", {}),
}


def alpha_of(path: Path) -> list[NDArray[np.uint8]]:
    """Of all frames, H×W, read by FFmpeg itself."""
    alphas: list[NDArray[np.uint8]] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder: VideoStream | VideoCodecContext = stream
        if stream.codec_context.name in LIBVPX and stream.metadata.get("alpha_mode") == "1":
            decoder = cast("VideoCodecContext", av.CodecContext.create(LIBVPX[stream.codec_context.name], "r"))
        for packet in container.demux(stream):
            frames = decoder.decode(packet if packet.size else None)
            alphas += [np.asarray(frame.to_ndarray(format="rgba")[..., 3], np.uint8) for frame in frames]
    return alphas


def is_kept(alpha: NDArray[np.uint8]) -> bool:
    places = [alpha[40, 10], alpha[4, 10], alpha[20, 50]]
    return bool(np.abs(np.array(places, int) - (0, 127, 255)).max() <= 6)


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_kept_in_every_output_that_holds_it(tmp_path: Path, name: str) -> None:
    source = transparent(tmp_path / name, *SOURCES[name], with_hole())
    for output, codec in (("a.webm", None), ("a.mkv", "vp9"), ("a.mov", "prores"), ("b.mkv", "prores")):
        result = paint_video(source, tmp_path / output, Identity(), options=VideoOptions(codec=codec))
        assert result.notes == ()
        actual = alpha_of(tmp_path / output)
        assert len(actual) == 4
        assert all(is_kept(alpha) for alpha in actual), output
    for output in ("a.webp", "%d.png"):
        assert paint_video(source, tmp_path / output, Identity()).notes == ()
    for output in ("a.webp", "1.png"):
        alpha = load_image(tmp_path / output, first_frame=True).alpha
        assert alpha is not None
        assert is_kept(alpha)


def test_where_it_cannot_be_kept_that_is_told_once(tmp_path: Path) -> None:
    source = transparent(tmp_path / "in.mov", *SOURCES["animation.mov"], with_hole())
    stills = [Image.fromarray(frame) for frame in with_hole()]
    stills[0].save(tmp_path / "in.gif", save_all=True, append_images=stills[1:], duration=100, loop=0, disposal=2)
    for path in (source, tmp_path / "in.gif"):
        for output in ("out.mp4", "out.avi", "%d.jpg"):
            messages: list[str] = []
            result = paint_video(path, tmp_path / output, Identity(), on_note=messages.append)
            assert list(result.notes) == messages
            assert [TOLD in note for note in messages] == [True], output
    with av.open(str(tmp_path / "out.mp4")) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert pixels[40, 10].min() > 250


def test_frames_that_could_be_transparent_and_are_not_are_not_told_of(tmp_path: Path) -> None:
    source = transparent(tmp_path / "in.mov", *SOURCES["png.mov"], with_hole(hole=255))
    assert paint_video(source, tmp_path / "out.mp4", Identity()).notes == ()
    assert paint_video(source, tmp_path / "out.webp", Identity()).notes == ()
    assert load_image(tmp_path / "out.webp", first_frame=True).alpha is None


def test_many_segments_keep_it_and_their_times(tmp_path: Path) -> None:
    source = transparent(tmp_path / "in.mov", *SOURCES["animation.mov"], with_hole(70))
    output = tmp_path / "out.webm"
    paint_video(source, output, Identity())
    assert all(is_kept(alpha) for alpha in alpha_of(output))
    assert times_of(output) == [number * BASE for number in range(70)]
