"""What a source holds beside pictures and sound is kept where the output format supports it, and noted where not."""

from __future__ import annotations

import io
import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from moving_clips import Identity, Tone, pictures, write_clip
from PIL import Image

from nst_engine.video import VideoOptions, paint_video

MS = Fraction(1, 1000)
FONT = bytes(range(200)) * 3


def jpeg() -> bytes:
    content = io.BytesIO()
    Image.fromarray(pictures(1)[0]).save(content, "JPEG")
    return content.getvalue()


def covered(container: OutputContainer) -> Packet[Any]:
    """A track for a cover is added; its packet."""
    with av.open(io.BytesIO(jpeg()), "r", "jpeg_pipe") as picture:
        cover = container.add_stream_from_template(picture.streams.video[0], opaque=True)
        cover.disposition = Disposition.attached_pic
        packet = next(picture.demux(video=0))
    packet.stream, packet.pts, packet.dts = cover, 0, 0
    return packet


def rich(path: Path, *, tracks: int = 2, timecode: str | None = None) -> Path:
    """A second of pictures with chapters, a cover, in a Matroska a font, and as many tracks of pictures."""
    with av.open(str(path), "w") as container:
        container.set_chapters(
            [
                {"id": number, "start": start, "end": end, "time_base": MS, "metadata": {"title": title}}
                for number, (start, end, title) in enumerate([(0, 400, "One"), (400, 1000, "Two")], 1)
            ]
        )
        streams = [container.add_stream("libx264", rate=10) for _ in range(tracks)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            if timecode is not None:
                stream.metadata["timecode"] = timecode
        if path.suffix == ".mkv":
            container.add_attachment("cover.jpg", "image/jpeg", jpeg())
            container.add_attachment("font.ttf", "application/x-truetype-font", FONT)
        else:
            container.mux(covered(container))
        for number, pixels in enumerate(pictures(10)):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def extras_of(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        covers = [each for each in container.streams.video if each.disposition & Disposition.attached_pic]
        return {
            "chapters": [
                (round(each["start"] * (each["time_base"] or 0), 2), round(each["end"] * (each["time_base"] or 0), 2))
                for each in container.chapters()
            ],
            "titles": [each["metadata"]["title"] for each in container.chapters()],
            "fonts": [(each.name, bytes(each.data)) for each in container.streams.attachments],
            "covers": [bytes(next(packet for packet in container.demux(each) if packet.size)) for each in covers],
            "subtitles": len(container.streams.subtitles),
        }


CHAPTERS = [(0, Fraction(2, 5)), (Fraction(2, 5), 1)]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("source_suffix", [".mkv", ".mp4"])
def test_chapters_covers_and_fonts_are_kept_where_they_are_held(
    tmp_path: Path, source_suffix: str, suffix: str
) -> None:
    source = rich(tmp_path / f"in{source_suffix}", tracks=1)
    result = paint_video(source, tmp_path / f"out{suffix}", Identity())
    extras = extras_of(tmp_path / f"out{suffix}")
    assert (extras["chapters"], extras["titles"], extras["subtitles"]) == (CHAPTERS, ["One", "Two"], 0)
    assert extras["covers"] == ([jpeg()] if suffix in (".mkv", ".mp4") else [])
    fonts = [("font.ttf", FONT)] if source_suffix == ".mkv" else []
    assert extras["fonts"] == (fonts if suffix == ".mkv" else [])
    lost = {"a cover": suffix in (".mov", ".webm"), "font.ttf": bool(fonts) and suffix != ".mkv"}
    assert len(result.notes) == sum(lost.values())
    for name, is_lost in lost.items():
        assert any(name in note for note in result.notes) == is_lost


def test_what_is_never_kept_is_told_of_each_by_its_name(tmp_path: Path) -> None:
    source = rich(tmp_path / "in.mov", timecode="01:02:03:04")
    notes = paint_video(source, tmp_path / "out.mp4", Identity()).notes
    assert len(notes) == 2
    assert "track 2 (video); one track is painted" in "".join(notes)
    assert "the timecode 01:02:03:" in "".join(notes)


@pytest.mark.parametrize("output", ["out.avi", "out.gif", "out.webp", "%d.png"])
def test_pictures_alone_leave_the_rest_out_in_words(tmp_path: Path, output: str) -> None:
    notes = "\n".join(paint_video(rich(tmp_path / "in.mkv"), tmp_path / output, Identity()).notes)
    for name in ("2 chapters", "track 2 (video)", "a cover", "the attachment font.ttf"):
        assert notes.count(name) == 1, name


def test_sound_that_an_animation_does_not_hold_is_told_of(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(5), sounds=[Tone(300, 0.2)])
    for name in ("out.gif", "%03d.png"):
        (note,) = paint_video(source, tmp_path / name, Identity()).notes
        assert "left out of the result: sound" in note


def test_a_part_has_the_chapters_of_that_part(tmp_path: Path) -> None:
    source = rich(tmp_path / "in.mkv", tracks=1)
    paint_video(source, tmp_path / "out.mkv", Identity(), options=VideoOptions(start=0.3, end=0.9))
    assert extras_of(tmp_path / "out.mkv")["chapters"] == [(0, Fraction(1, 10)), (Fraction(1, 10), Fraction(3, 5))]
    paint_video(source, tmp_path / "late.mkv", Identity(), options=VideoOptions(start=0.5))
    assert extras_of(tmp_path / "late.mkv")["titles"] == ["Two"]


def test_the_names_of_chapters_are_no_subtitles_however_often_painted(tmp_path: Path) -> None:
    paths = [rich(tmp_path / "0.mp4", tracks=1), *(tmp_path / f"{number}.mp4" for number in (1, 2))]
    for source, output in itertools.pairwise(paths):
        assert paint_video(source, output, Identity()).notes == ()
    assert extras_of(paths[-1]) == extras_of(paths[1])


def test_a_cover_that_stands_first_is_not_what_is_painted(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        packet = covered(container)
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(packet)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    result = paint_video(source, tmp_path / "out.mp4", Identity())
    assert (result.frames, result.notes) == (3, ())
    assert extras_of(tmp_path / "out.mp4")["covers"] == [jpeg()]


# Of ATSC A/53, part 4: a message of pictures in H.264 (SEI), with one pair of letters on line 21.
CAPTION = bytes([0xB5, 0x00, 0x31]) + b"GA94" + bytes([0x03, 0xC1, 0xFF, 0xFC, 0x94, 0x2C, 0xFF])
SEI = bytes([0x06, 0x04, len(CAPTION)]) + CAPTION + b"\x80"


def captioned(path: Path, begin: int) -> Path:
    """Ten pictures, of which those from `begin` on carry closed captions."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=10, options={"bf": "0", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, pixels in enumerate(pictures(10)):
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                content = bytes(packet) if number < begin else b"\0\0\0\1" + SEI + bytes(packet)
                written = Packet(content)
                written.pts = written.dts = number
                written.time_base, written.stream, written.is_keyframe = Fraction(1, 10), stream, packet.is_keyframe
                container.mux(written)
    return path


@pytest.mark.parametrize("begin", [0, 6])
@pytest.mark.parametrize("output", ["out.mp4", "out.gif", "%d.png"])
def test_captions_in_pictures_are_told_of_once(tmp_path: Path, output: str, begin: int) -> None:
    source = captioned(tmp_path / "in.ts", begin)
    result = paint_video(source, tmp_path / output, Identity())
    assert [note for note in result.notes if "closed captions" in note] == [
        f"{source}: left out of the result: closed captions; pictures are painted without"
    ]


def test_pictures_without_captions_are_not_told_of(tmp_path: Path) -> None:
    assert not paint_video(captioned(tmp_path / "in.ts", 10), tmp_path / "out.mp4", Identity()).notes
