"""Sound stays as it is, and in step."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from moving_clips import Identity, Tone, at_times, decoded_sound, pictures, stream_of, times_of, write_clip
from numpy.typing import NDArray

from nst_engine.video import VideoOptions, paint_video

TWO = (Tone(300, 1.5, start=0.25, language="fra"), Tone(700, 1.0, start=0.5, layout="mono", language="eng"))


def packets_of(path: Path, track: int) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[track]) if packet.size]


def likeness(one: NDArray[np.float64], other: NDArray[np.float64], *, within: int = 0) -> float:
    """Correlation, 1 for the same wave at the same time; at the best place within so many samples."""
    middle = one[within : len(one) - within]
    shifted = (other[place : place + len(middle)] for place in range(2 * within + 1))
    return max(float(np.corrcoef(middle, each)[0, 1]) for each in shifted)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_packets_of_all_tracks_are_copied_with_their_starts(tmp_path: Path, suffix: str) -> None:
    exact = {"movie_timescale": "48000"}
    source = write_clip(tmp_path / "in.mp4", pictures(60), sounds=TWO, container_options=exact)
    output = tmp_path / f"out{suffix}"
    paint_video(source, output, Identity())
    assert stream_of(output)["sounds"] == [("aac", "fra"), ("aac", "eng")]
    for track in range(2):
        assert packets_of(output, track) == packets_of(source, track)
        source_sound, output_sound = (at_times(path, track, seconds=2) for path in (source, output))
        # a Matroska counts in milliseconds
        assert likeness(source_sound, output_sound, within=48 if suffix == ".mkv" else 0) > 0.99999


def test_sound_from_the_first_moment_on_moves_nothing(tmp_path: Path) -> None:
    """AAC has a packet before its beginning, which an .mp4 hides; in a Matroska it would move the pictures."""
    source = write_clip(tmp_path / "in.mp4", pictures(30), sounds=[Tone(seconds=1.0)])
    for suffix in (".mp4", ".mkv", ".webm", ".avi"):
        output = tmp_path / f"out{suffix}"
        paint_video(source, output, Identity())
        assert times_of(output)[0] == 0
        source_sound, output_sound = (at_times(path, seconds=0.9)[4800:] for path in (source, output))
        assert likeness(source_sound, output_sound, within=1200 if suffix == ".avi" else 48) > 0.98, suffix


@pytest.mark.parametrize(("suffix", "codec"), [(".webm", "opus"), (".mkv", "pcm_s16le")])
def test_what_the_output_does_not_hold_is_encoded_anew(tmp_path: Path, suffix: str, codec: str) -> None:
    tone = Tone(400, 1.0, start=0.25, codec="pcm_s16le", language="fra")
    source = write_clip(tmp_path / "in.mkv", pictures(40), sounds=[tone])
    output = tmp_path / f"out{suffix}"
    paint_video(source, output, Identity())
    assert stream_of(output)["sounds"] == [(codec, "fra")]
    assert decoded_sound(output)[0] == pytest.approx(0.25, abs=0.002)
    source_sound, output_sound = (at_times(path, seconds=1.4) for path in (source, output))
    assert likeness(source_sound, output_sound, within=96) > 0.98


def test_opus_becomes_aac_in_a_mov(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.webm",
        pictures(30),
        codec="libvpx-vp9",
        options={"crf": "30", "b": "0", "cpu-used": "8"},
        sounds=[Tone(400, 1.0, codec="libopus")],
    )
    paint_video(source, tmp_path / "out.mov", Identity())
    assert stream_of(tmp_path / "out.mov")["sounds"][0][0] == "aac"
    source_sound, output_sound = (at_times(path, seconds=0.9) for path in (source, tmp_path / "out.mov"))
    assert likeness(source_sound, output_sound, within=48) > 0.98


def test_in_an_avi_silence_stands_before_a_late_sound(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(60), sounds=[Tone(300, 1.0, start=0.5)])
    paint_video(source, tmp_path / "out.avi", Identity())
    assert times_of(tmp_path / "out.avi") == [Fraction(i, 30) for i in range(60)]
    source_sound, output_sound = (at_times(path, seconds=1.9) for path in (source, tmp_path / "out.avi"))
    # within the delay of the MP3 encoder
    assert likeness(source_sound, output_sound, within=1300) > 0.98


def test_a_part_has_the_sound_of_that_part(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(90), sounds=[Tone(300, 3.0)])
    paint_video(source, tmp_path / "out.mp4", Identity(), options=VideoOptions(start=1.0, end=2.0))
    source_sound, output_sound = at_times(source, seconds=2.0)[48_000:], at_times(tmp_path / "out.mp4", seconds=1.0)
    # packets are not cut: the first one may begin a little later
    assert likeness(source_sound[2400:-2400], output_sound[2400:-2400]) > 0.99
    begins, samples = decoded_sound(tmp_path / "out.mp4")
    assert 0 <= begins < 0.03
    assert begins + samples.shape[1] / 48_000 < 1.05


def test_a_sound_that_is_longer_than_the_pictures_stays_whole(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(10), sounds=[Tone(300, 2.0)])
    paint_video(source, tmp_path / "out.mp4", Identity())
    assert packets_of(tmp_path / "out.mp4", 0) == packets_of(source, 0)


def test_animations_and_sequences_go_without_sound(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(5), sounds=[Tone(300, 0.2)])
    for name in ("out.gif", "out.webp", "%03d.png"):
        assert paint_video(source, tmp_path / name, Identity()).frames == 5


def subtitled(path: Path) -> Path:
    """A Matroska with pictures and two lines to read."""
    pictures_only = write_clip(path.with_name("silent.mkv"), pictures(30))
    with av.open(str(pictures_only)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0], opaque=True)
        words = container.add_mux_stream("subrip")
        words.time_base = Fraction(1, 1000)
        for begin, text in ((0, b"first"), (500, b"second")):
            line = av.Packet(text)
            line.stream, line.time_base = words, Fraction(1, 1000)
            line.pts = line.dts = begin
            line.duration = 300
            container.mux(line)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    return path


def test_subtitles_come_along_where_they_are_held(tmp_path: Path) -> None:
    source = subtitled(tmp_path / "in.mkv")
    assert paint_video(source, tmp_path / "out.mkv", Identity()).notes == ()
    with av.open(str(tmp_path / "out.mkv")) as container:
        lines = [(packet.pts, bytes(packet)) for packet in container.demux(subtitles=0) if packet.size]
    assert lines == [(0, b"first"), (500, b"second")]
    result = paint_video(source, tmp_path / "out.mp4", Identity())
    assert any("subtitles 1 are left out" in note for note in result.notes)
    assert times_of(tmp_path / "out.mp4") == times_of(source)
