"""No kind of sound costs the film: it is copied, encoded as near as the output takes it, or left out with a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from moving_clips import Identity

from nst_engine.video import paint_video

Kind = tuple[str, str, str, str, int]


def clip_with(path: Path, pictures: str, sound: str, layout: str, rate: int) -> Path:
    with av.open(str(path), "w") as container:
        shown: Any = container.add_stream(pictures, rate=10)
        shown.width, shown.height, shown.pix_fmt = 64, 48, "yuvj420p" if pictures == "mjpeg" else "yuv420p"
        heard: Any = container.add_stream(sound, rate=rate)
        heard.codec_context.layout = layout
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(shown.encode(frame))
        container.mux(shown.encode(None))
        channels = av.AudioLayout(layout).nb_channels
        tone = 0.2 * np.sin(np.arange(rate // 2) * 2 * np.pi * 440 / rate)
        for begin in range(0, len(tone) - 1024, 1024):
            samples = np.tile(tone[begin : begin + 1024].astype(np.float32), (channels, 1))
            piece = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
            piece.sample_rate, piece.pts = rate, begin
            container.mux(heard.encode(piece))
        container.mux(heard.encode(None))
    return path


@pytest.mark.parametrize("output", [".mp4", ".webm", ".avi", ".mkv"])
@pytest.mark.parametrize(
    "kind",
    [
        ("camera.avi", "mjpeg", "pcm_s16le", "stereo", 44_100),  # AVI does not say where channels stand
        ("telephone.avi", "mjpeg", "pcm_alaw", "mono", 8_000),
        ("game.avi", "mjpeg", "adpcm_ms", "stereo", 44_100),
        ("film.mkv", "mpeg4", "ac3", "5.1(side)", 48_000),
        ("film5.mkv", "mpeg4", "ac3", "5.0(side)", 48_000),
        ("film2.mkv", "mpeg4", "flac", "2.1", 48_000),
        ("film4.mkv", "mpeg4", "flac", "4.0", 48_000),
        ("slow.mkv", "mpeg4", "flac", "mono", 11_025),
        ("studio.mkv", "mpeg4", "pcm_f32le", "quad", 44_100),
    ],
)
def test_the_film_is_painted_and_heard(tmp_path: Path, kind: Kind, output: str) -> None:
    source = clip_with(tmp_path / kind[0], *kind[1:])
    result = paint_video(source, tmp_path / f"out{output}", Identity())
    assert result.frames == 5
    assert not result.notes
    with av.open(str(result.output)) as painted:
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in painted.decode(audio=0)])
    assert np.abs(heard).max() > 0.05 * (1 if heard.dtype.kind == "f" else np.iinfo(heard.dtype).max)
