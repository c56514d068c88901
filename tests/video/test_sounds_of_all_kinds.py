"""No kind of sound costs the film: it is copied, encoded as near as the output takes it, or left out with a note."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from moving_clips import Identity, Tone, pictures, write_clip

from nst_engine.video import paint_video

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
PAINTS = (
    "import sys; from moving_clips import Identity; from nst_engine.video import paint_video; "
    "paint_video(*sys.argv[1:], Identity())"
)
Kind = tuple[str, str, str, str, int]


def clip_with(path: Path, pictures: str, sound: str, layout: str, rate: int) -> Path:
    with av.open(str(path), "w") as container:
        picture: Any = container.add_stream(pictures, rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p" if pictures == "mjpeg" else "yuv420p"
        audio: Any = container.add_stream(sound, rate=rate)
        audio.codec_context.layout = layout
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        channels = av.AudioLayout(layout).nb_channels
        tone = 0.2 * np.sin(np.arange(rate // 2) * 2 * np.pi * 440 / rate)
        for begin in range(0, len(tone) - 1024, 1024):
            samples = np.repeat(tone[begin : begin + 1024].astype(np.float32), channels)[np.newaxis]
            piece = av.AudioFrame.from_ndarray(samples, format="flt", layout=layout)
            piece.sample_rate, piece.pts = rate, begin
            container.mux(audio.encode(piece))
        container.mux(audio.encode(None))
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
    assert bool(result.notes) == (
        output == ".webm" and kind[3] in ("2.1", "4.0", "quad")
    )  # not in Opus, or unspecified
    with av.open(str(result.output)) as container:
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    assert np.abs(samples).max() > 0.05 * (1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max)


def layout_of(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.audio[0].codec_context.layout.name


@pytest.mark.parametrize("layout", ["2.1", "3.0", "4.0", "quad", "5.0", "5.0(side)", "5.1", "6.1", "7.1"])
@pytest.mark.parametrize("output", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
def test_channels_stay_in_their_places_or_it_is_told_before_the_first_frame(
    tmp_path: Path, layout: str, output: str
) -> None:
    source = clip_with(tmp_path / "in.mkv", "mpeg4", "flac", layout, 48_000)
    assert layout_of(source) == layout
    messages: list[str] = []
    messages_at_first_frame: list[list[str]] = []
    result = paint_video(
        source,
        tmp_path / f"out{output}",
        Identity(),
        on_note=messages.append,
        on_progress=lambda progress: messages_at_first_frame.append(list(messages)),
    )
    kept = layout_of(tmp_path / f"out{output}")
    assert tuple(messages_at_first_frame[0]) == result.notes
    if kept.removesuffix("(side)") != layout.removesuffix("(side)"):
        assert f"its channels stand as {layout}, and as {kept} in the result" in "".join(messages)
    elif output == ".mp4":  # a copy whose layout has another name is noted as well
        assert len(messages) == (kept != layout)
    else:
        assert not messages


@pytest.mark.parametrize("layout", ["stereo", "7.1"])
def test_silence_before_a_late_sound_fits_and_keeps_it(tmp_path: Path, layout: str) -> None:
    """Of eight channels PyAV shows a ninth plane, which is memory of others; Matroska counts milliseconds."""
    source = tmp_path / "late.mkv"
    write_clip(source, pictures(4), sounds=[Tone(start=0.5, seconds=0.3, layout=layout)])
    completed = subprocess.run(
        [sys.executable, "-c", PAINTS, str(source), str(tmp_path / "out.avi")],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    with av.open(str(tmp_path / "out.avi")) as container:
        samples = np.concatenate([np.abs(frame.to_ndarray()).max(0) for frame in container.decode(audio=0)])
    begin = int(np.argmax(samples > 0.1 * samples.max())) / 48_000
    assert begin == pytest.approx(0.5, abs=0.06)  # of MP3, of which the first samples are none
