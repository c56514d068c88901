"""Frames are shown when they were shown."""

from __future__ import annotations

import errno
import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from moving_clips import TICK, Identity, Tone, decoded_frames, error_of, pictures, stream_of, times_of, write_clip
from PIL import Image

from nst_engine.errors import OutputError
from nst_engine.video import VideoOptions, finished_frames, paint_video
from nst_engine.video.av.encoder import is_refused
from nst_engine.video.formats import CODECS

NTSC = Fraction(1001, 30000)
UNEVEN = [0, 512, 1024, 1500, 2000, 2601, 2621, 3300, 9000, 9512, 31000, 31512]
MS = Fraction(1, 1000)


def stylized(source: Path, output: Path, **options: object) -> Path:
    result = paint_video(source, output, Identity(), options=VideoOptions(**options))  # type: ignore[arg-type]
    assert result.output == output
    assert result.frames == len(times_of(output))
    assert not [path for path in output.parent.iterdir() if path.name.startswith(".")]
    return output


def slack(suffix: str) -> Fraction:
    """Matroska counts in milliseconds."""
    return MS / 2 if suffix in (".mkv", ".webm") else Fraction(0)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv"])
def test_uneven_times_stay(tmp_path: Path, source_suffix: str, suffix: str) -> None:
    frames = pictures(len(UNEVEN))
    source = write_clip(tmp_path / f"in{source_suffix}", frames, pts=UNEVEN)
    before, pixels_before = decoded_frames(source)
    output = stylized(source, tmp_path / f"öut {suffix}")
    after, pixels_after = decoded_frames(output)
    assert len(after) == len(before)
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) <= slack(suffix)
    for one, other in zip(pixels_after, pixels_before, strict=True):
        assert error_of(one, other) < 4


@pytest.mark.parametrize("codec", ["hevc", "vp9", "av1"])
def test_uneven_times_stay_in_every_codec(tmp_path: Path, codec: str) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(len(UNEVEN)), pts=UNEVEN)
    output = stylized(source, tmp_path / "out.mp4", codec=codec)
    assert times_of(output) == [pts * TICK for pts in UNEVEN]
    if codec == "hevc":
        assert stream_of(output)["tag"] == "hvc1"


def test_prores_is_written(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(6), pts=UNEVEN[:6])
    output = stylized(source, tmp_path / "out.mov", codec="prores")
    assert times_of(output) == [pts * TICK for pts in UNEVEN[:6]]
    assert (stream_of(output)["codec"], stream_of(output)["pixel_format"]) == ("prores", "yuv422p10le")


def test_a_broadcast_rate_a_late_start_and_many_segments_stay_exact(tmp_path: Path) -> None:
    pts = [7 + i for i in range(200)]
    exact = {"movie_timescale": "30000"}
    source = write_clip(
        tmp_path / "in.mp4", pictures(200, 32, 48), pts=pts, time_base=NTSC, rate=1 / NTSC, container_options=exact
    )
    assert times_of(source) == [each * NTSC for each in pts]
    output = stylized(source, tmp_path / "out.mp4")
    assert times_of(output) == [each * NTSC for each in pts]
    assert stream_of(output)["end"] == 207 * NTSC


def test_the_last_frame_stands_as_long_as_it_did(tmp_path: Path) -> None:
    frames = pictures(3)
    gif = tmp_path / "in.gif"
    stills = [Image.fromarray(frame) for frame in frames]
    stills[0].save(gif, save_all=True, append_images=stills[1:], duration=[70, 200, 1300], loop=0)
    output = stylized(gif, tmp_path / "out.mp4")
    assert times_of(output) == [0, 70 * MS, 270 * MS]
    assert stream_of(output)["end"] == 1570 * MS


# frames out of order, whose last stored one is shown before others; times with a pause before the end
OUT_OF_ORDER = {"preset": "veryfast", "x264-params": "b-adapt=0:bframes=3:scenecut=0"}
PAUSED = [0, 1, 2, 3, 4, 5, 6, 7, 50, 51]


def film_ends(path: Path) -> dict[str, Fraction]:
    """When the video ends, s, by the durations that the file states in one place and another."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        ends = {"container": Fraction(container.duration or 0, 1_000_000)}
        if stream.duration:  # by the times between decodings
            ends["stream"] = ((stream.start_time or 0) + stream.duration) * (stream.time_base or Fraction(1))
    content = path.read_bytes()
    if (place := content.find(b"mvhd")) > 0:
        scale, length = (int.from_bytes(content[place + at : place + at + 4], "big") for at in (16, 20))
        ends["head"] = Fraction(length, scale)
    return ends


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("count", [2, 3, 7, 8, 9, 10])
@pytest.mark.parametrize("source_options", [{"bf": "0"}, OUT_OF_ORDER], ids=["in order", "out of order"])
def test_a_pause_before_the_end_makes_the_film_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_options: dict[str, str], count: int, suffix: str
) -> None:
    monkeypatch.setitem(CODECS, "h264", replace(CODECS["h264"], options=OUT_OF_ORDER))
    tenth = Fraction(1, 10)
    times = [each - PAUSED[-count] for each in PAUSED[-count:]]
    source = write_clip(
        tmp_path / "in.mkv", pictures(count), pts=times, time_base=tenth, rate=1 / tenth, options=source_options
    )
    for output in (tmp_path / f"out{suffix}", tmp_path / f"again{suffix}"):
        stylized(source, output)
        assert times_of(output) == [each * tenth for each in times]
        assert set(film_ends(output).values()) == {(times[-1] + 1) * tenth}
        source = output


@pytest.mark.parametrize("options", [{"bf": "0"}, OUT_OF_ORDER], ids=["in order", "out of order"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_last_frame_that_stands_for_long_still_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, options: dict[str, str]
) -> None:
    monkeypatch.setitem(CODECS, "h264", replace(CODECS["h264"], options=options))
    stills = [Image.fromarray(frame) for frame in pictures(8)]
    source = tmp_path / "in.gif"
    stills[0].save(source, save_all=True, append_images=stills[1:], duration=[100] * 7 + [3000], loop=0)
    once, twice = stylized(source, tmp_path / f"once{suffix}"), tmp_path / f"twice{suffix}"
    stylized(once, twice)
    for output in (once, twice):
        assert set(film_ends(output).values()) == {Fraction(37, 10)}
    # and a part that ends within the pause ends there
    stylized(once, twice, end=2.5)
    assert set(film_ends(twice).values()) == {Fraction(5, 2)}


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(1))
    assert times_of(stylized(source, tmp_path / "out.mp4")) == [0]


def test_an_avi_keeps_an_even_rate_and_tells_of_other_times(tmp_path: Path) -> None:
    even = write_clip(tmp_path / "even.mp4", pictures(100, 32, 48), rate=Fraction(25), sounds=[Tone(seconds=3)])
    assert times_of(stylized(even, tmp_path / "even.avi")) == [Fraction(i, 25) for i in range(100)]
    again = stylized(tmp_path / "even.avi", tmp_path / "again.mp4")
    assert times_of(again) == [Fraction(i, 25) for i in range(100)]
    uneven = write_clip(tmp_path / "uneven.mp4", pictures(len(UNEVEN)), pts=UNEVEN)
    result = paint_video(uneven, tmp_path / "uneven.avi", Identity())
    assert any("one frame rate only" in note for note in result.notes)


def test_a_part_counts_from_its_start(tmp_path: Path) -> None:
    frames = pictures(60)
    source = write_clip(tmp_path / "in.mp4", frames, options={"crf": "10", "g": "20", "preset": "veryfast"})
    output = stylized(source, tmp_path / "out.mp4", start=0.5, end=1.25)
    times, pixels = decoded_frames(output)
    assert times == [Fraction(i, 30) for i in range(23)]  # 15 to 37 of 60
    for actual, expected in zip(pixels, frames[15:38], strict=True):
        assert error_of(actual, expected) < 8
    assert error_of(pixels[0], frames[14]) > error_of(pixels[0], frames[15])


def test_a_start_between_key_frames_and_frames_is_found(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", pictures(60), rate=Fraction(30), options={"g": "50"})
    output = stylized(source, tmp_path / "out.mp4", start=1.01)
    assert times_of(output)[0] == Fraction(1033, 1000) - Fraction(1010, 1000)
    assert len(times_of(output)) == 60 - 31


def test_a_transport_stream_begins_at_nought(tmp_path: Path) -> None:
    clock = [450_000 + 3000 * i for i in range(20)]
    sound = Tone(seconds=0.6, start=5.0)
    source = write_clip(tmp_path / "in.ts", pictures(20), pts=clock, time_base=Fraction(1, 90_000), sounds=[sound])
    assert times_of(source)[0] > 1
    output = stylized(source, tmp_path / "out.mp4")
    times = times_of(output)
    assert times[0] < Fraction(1, 20)
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    assert steps == {Fraction(1, 30)}


def test_times_that_jump_back_are_mended(tmp_path: Path) -> None:
    from nst_engine.video.frames import Clip
    from nst_engine.video.timeline import RawFrame, in_order

    blank = np.zeros((2, 2, 3), np.uint8)
    clip = Clip("clip", 2, 2, Fraction(1, 100), Fraction(10))
    ticks = (0, 10, None, 30, 30, 29, 40, 150, 5, 15)
    raw = [RawFrame(pts, 10, None, lambda: (blank, None)) for pts in ticks]
    notes: list[str] = []
    ticks_in_order = [frame.pts for frame in in_order(raw, clip, lambda index, number: index != 1, notes)]
    assert ticks_in_order == [0, 20, 30, 31, 32, 40, 150, 160, 170]
    assert "jump back" in notes[0]


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_times_that_a_file_does_not_hold_are_not_the_disks_fault(tmp_path: Path, suffix: str) -> None:
    source, output = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    write_clip(source, pictures(4), pts=[0, 40, 80, 2**41], time_base=Fraction(1, 1000))
    with pytest.raises(OutputError, match=f"does not write these frames into a {suffix}") as refused:
        paint_video(source, output, Identity())
    assert "disk" not in str(refused.value)
    # going on would end in the same way
    assert finished_frames(output) is None
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_full_or_broken_disk_is_still_called_so(number: int) -> None:
    with pytest.raises((OSError, ValueError)) as failed:
        av.error.err_check(-number)
    assert not is_refused(failed.value)
