"""What is no video, or not a whole one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from moving_clips import Identity, Tone, pictures, times_of, write_clip
from PIL import Image

from nst_engine.errors import (
    ImageEncodeError,
    ImageTooLargeError,
    MissingDependencyError,
    OptionError,
    OutputError,
    VideoDecodeError,
    VideoNotFoundError,
)
from nst_engine.limits import ImageLimits
from nst_engine.video import VideoOptions, paint_video

FAST = {"movflags": "+faststart"}


def fails(error: type[Exception], message: str, source: Path, output: Path | None = None, **options: Any) -> None:
    target = output or source.parent / "out.mp4"
    before = sorted(path.name for path in source.parent.iterdir()) if source.parent.is_dir() else []
    with pytest.raises(error, match=message):
        paint_video(source, target, Identity(), options=VideoOptions(**options))
    if source.parent.is_dir():
        assert sorted(path.name for path in source.parent.iterdir()) == before


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.mp4", b"hello, this is a text\n" * 50, "no video"),
        ("text.txt", b"hello, this is a text\n" * 50, "is text"),
        ("empty.mp4", b"", "no video"),
        ("noise.mkv", np.random.default_rng(0).bytes(20_000), "no video"),
        (
            "sdp.mp4",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
            "list of other files",
        ),
        ("broken.gif", b"GIF89a" + bytes(3), "damaged"),
    ],
)
def test_files_that_are_no_video(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        paint_video(source, tmp_path / "out.mp4", Identity())
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("disguise", [".mp4", ".mkv", ".ts", ".txt"])
@pytest.mark.parametrize("form", ["concat", "concat after a mark", "hls", "hls absolute", "dash"])
def test_a_file_that_names_others_gets_none_of_them_painted(tmp_path: Path, form: str, disguise: str) -> None:
    private = write_clip(tmp_path / "private.ts", pictures(5))
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    lists = {
        "concat": "ffconcat version 1.0\nfile private.ts\n",
        "concat after a mark": "\ufeffffconcat version 1.0\nfile private.ts\n",
        "hls": hls.format("private.ts"),
        "hls absolute": hls.format(private),
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        f"<Representation><BaseURL>{private}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    }
    source = tmp_path / f"list{disguise}"
    source.write_text(lists[form], encoding="utf-8")
    fails(VideoDecodeError, "is a list of other files", source)


def test_what_is_not_there_and_folders(tmp_path: Path) -> None:
    fails(VideoNotFoundError, r"clip\.mp4: there is no such file", tmp_path / "clip.mp4")
    fails(VideoNotFoundError, r"%03d\.png: there is no such picture", tmp_path / "%03d.png")
    (tmp_path / "frames").mkdir()
    fails(VideoDecodeError, r"is a folder; .*FOLDER/%05d\.png", tmp_path / "frames")


def test_stills_are_sent_to_their_command(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".webp", ".gif", ".bmp"):
        still = tmp_path / f"still{suffix}"
        Image.fromarray(pictures(1)[0]).save(still)
        fails(VideoDecodeError, rf"still\{suffix}: is a still picture, and no video: nst stylize paints such", still)


def test_sound_alone_and_a_cover_are_no_video(tmp_path: Path) -> None:
    source = tmp_path / "song.m4a"
    with av.open(str(source), "w", format="mp4") as container:
        track = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48_000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    fails(VideoDecodeError, "sound and no pictures", source)


def test_a_video_without_frames(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(30), container_options=FAST)
    content = source.read_bytes()
    source.write_bytes(content[: content.index(b"mdat") + 4])
    fails(VideoDecodeError, "no frame that can be decoded", source)


@pytest.mark.parametrize(("suffix", "share"), [(".mp4", 0.6), (".mkv", 0.6), (".avi", 0.7), (".webm", 0.6)])
def test_a_cut_off_video_is_painted_as_far_as_it_goes(tmp_path: Path, suffix: str, share: float) -> None:
    codec, options = {
        ".webm": ("libvpx-vp9", {"crf": "20", "b": "0", "cpu-used": "8"}),
        ".avi": ("mpeg4", {}),
    }.get(suffix, ("libx264", {"crf": "14", "g": "10"}))
    source = write_clip(
        tmp_path / f"in{suffix}",
        pictures(60, 96, 128),
        codec=codec,
        options=options,
        sounds=[] if suffix == ".webm" else [Tone(seconds=2.0)],
        container_options=FAST if suffix == ".mp4" else {},
    )
    whole = times_of(source)
    cut(source, share)
    messages: list[str] = []
    result = paint_video(source, tmp_path / "out.mp4", Identity(), on_note=messages.append)
    assert 10 < result.frames < len(whole)
    assert set(times_of(tmp_path / "out.mp4")) <= set(whole)
    assert len(messages) == 1
    assert f"in{suffix}" in messages[0]
    assert "cut off" in messages[0] or "damaged" in messages[0]


def test_a_whole_video_is_told_nothing_of(tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv", ".mov"):
        late = [90_000 + 512 * i for i in range(40)]
        source = write_clip(tmp_path / f"in{suffix}", pictures(40), pts=late, sounds=[Tone(seconds=3.0)])
        assert paint_video(source, tmp_path / "out.mp4", Identity()).notes == ()


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(60, 96, 128), options={"crf": "14", "g": "10"})
    content = bytearray(source.read_bytes())
    middle = content.index(b"mdat") + 4000
    content[middle : middle + 600] = np.random.default_rng(0).bytes(600)
    source.write_bytes(content)
    result = paint_video(source, tmp_path / "out.mp4", Identity())
    assert result.frames > 40
    assert any("damaged" in note for note in result.notes)


def test_a_cut_off_animation_is_painted_as_far_as_it_goes(tmp_path: Path) -> None:
    stills = [Image.fromarray(frame) for frame in pictures(12)]
    for suffix in (".gif", ".webp"):
        source = tmp_path / f"in{suffix}"
        stills[0].save(source, save_all=True, append_images=stills[1:], duration=50, lossless=True)
        cut(source, 0.6)
        if suffix == ".webp":  # which claims its length in its first bytes, and is refused without it
            fails(ValueError, r"in\.webp", source)
            continue
        result = paint_video(source, tmp_path / "out.mp4", Identity())
        assert 2 < result.frames < 12


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(3))
    fails(OutputError, "is the input", source, source)
    fails(OutputError, "there is no folder", source, tmp_path / "no" / "out.mp4")
    fails(ImageEncodeError, r"\.xyz.*wanted one of \.mp4", source, tmp_path / "out.xyz")
    fails(ImageEncodeError, "no suffix", source, tmp_path / "out")
    (tmp_path / "folder.mp4").mkdir()
    fails(OutputError, "is a folder", source, tmp_path / "folder.mp4")
    fails(OptionError, "one number", source, tmp_path / "%d-%d.png")
    fails(OptionError, r"came the suffix '\.txt'", source, tmp_path / "%d.txt")
    link = tmp_path / "link.mp4"
    link.symlink_to(source)
    fails(OutputError, "is the input", source, link)


def test_the_source_is_replaced_where_that_is_asked_for(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(5))
    before = source.read_bytes()
    paint_video(source, source, Identity(), options=VideoOptions(overwrite=True))
    assert source.read_bytes() != before
    assert len(times_of(source)) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codec": "h265"}, r"codec: h265 came; a \.mp4 takes h264, hevc, vp9, av1"),
        ({"codec": "prores"}, r"a \.mp4 takes h264"),
        ({"crf": 52}, "0 .best. to 51"),
        ({"crf": -1}, "crf: "),
        ({"fps": 25.0}, "fps: "),
        ({"start": 2.0, "end": 1.0}, "end: 1 s came"),
        ({"start": -1.0}, "start: -1.0 came; wanted a number from 0 to"),
        ({"start": float("nan")}, "start: nan came"),
        ({"max_side": 0}, "max_side: "),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(3))
    fails(OptionError, message, source, **options)


def test_a_start_behind_the_end_says_so(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(3))
    fails(VideoDecodeError, "no frame from `start`", source, start=9.0)
    fails(VideoDecodeError, "no frame from `start`", source, tmp_path / "out.gif", start=9.0)
    fails(OptionError, "gif has no codec", source, tmp_path / "out.gif", crf=3)


def test_frames_beyond_all_measure_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(2))
    stills = [Image.fromarray(frame) for frame in pictures(2)]
    stills[0].save(tmp_path / "in.gif", save_all=True, append_images=stills[1:], duration=50)
    stills[0].save(tmp_path / "1.png")
    for path in (source, tmp_path / "in.gif", tmp_path / "%d.png"):
        with pytest.raises(ImageTooLargeError, match="64×48 = 3,072 pixels"):
            paint_video(path, tmp_path / "out.mp4", Identity(), limits=ImageLimits(max_pixels=64 * 48 - 1))


def test_frames_that_grow_beyond_all_measure_are_not_decoded(tmp_path: Path) -> None:
    """A clip of two sizes, one after the other, as broadcasts have them."""
    source = tmp_path / "in.h264"
    source.write_bytes(
        b"".join(write_clip(tmp_path / f"{side}.h264", pictures(3, side, side)).read_bytes() for side in (48, 480))
    )
    result = paint_video(source, tmp_path / "out.mp4", Identity(), limits=ImageLimits(max_pixels=100_000))
    assert 1 <= result.frames <= 3
    assert any("is damaged" in note for note in result.notes)
    assert paint_video(source, tmp_path / "out.mp4", Identity()).frames == 6


def test_frames_that_an_encoder_does_not_take_are_told_of(tmp_path: Path) -> None:
    source = tmp_path / "%d.png"
    Image.fromarray(np.zeros((2, 20_000, 3), np.uint8)).save(tmp_path / "1.png")
    with pytest.raises(OutputError, match=r"libx264 does not encode 20000×2 px .*`max_side`"):
        paint_video(source, tmp_path / "out.mp4", Identity())
    assert [path.name for path in tmp_path.iterdir()] == ["1.png"]


def test_without_pyav_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(3))
    stills = [Image.fromarray(frame) for frame in pictures(3)]
    stills[0].save(tmp_path / "in.gif", save_all=True, append_images=stills[1:], duration=50)
    monkeypatch.setitem(sys.modules, "av", None)
    fails(MissingDependencyError, r"out\.mp4 needs PyAV.*pip install .*\[video\]', or take \.gif", source)
    fails(MissingDependencyError, r"in\.mp4 needs PyAV", source, tmp_path / "out.gif")
    assert paint_video(tmp_path / "in.gif", tmp_path / "out.webp", Identity()).frames == 3


def test_sound_that_begins_hours_later_is_left_out_of_avi(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        pictures_stream = container.add_stream("mpeg4", rate=10)
        pictures_stream.width, pictures_stream.height, pictures_stream.pix_fmt = 64, 48, "yuv420p"
        sound_stream = container.add_stream("pcm_s16le", rate=8000)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(pictures_stream.encode(frame))
        container.mux(pictures_stream.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate, sound.pts = 8000, 8000 * 100_000
        container.mux(sound_stream.encode(sound))
        container.mux(sound_stream.encode(None))
    result = paint_video(source, tmp_path / "out.avi", Identity())
    assert result.frames == 5
    assert any("begins after 100,000 s" in note for note in result.notes)
    assert (tmp_path / "out.avi").stat().st_size < 1_000_000


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_colours_that_nobody_here_can_read_are_named(tmp_path: Path, matrix: int) -> None:
    """YCgCo, BT.2020 of constant luminance, ICtCp."""
    clip = tagged(tmp_path, matrix)
    with pytest.raises(VideoDecodeError, match="turned into RGB"):
        paint_video(clip, tmp_path / "painted.mkv", Identity())
    assert not (tmp_path / "painted.mkv").exists()


def test_a_matrix_that_is_none_is_passed_over_as_players_do(tmp_path: Path) -> None:
    assert paint_video(tagged(tmp_path, 65), tmp_path / "painted.mkv", Identity()).frames == 3


def tagged(folder: Path, matrix: int) -> Path:
    """A clip whose file, not whose pixels, says that matrix; `ffv1` has it in the container alone."""
    clip = write_clip(folder / "clip.mkv", pictures(3, 24, 32), codec="ffv1", tags=(5, 1, 5, 6))
    content = clip.read_bytes()
    said = b"\x55\xb1\x81"  # MatrixCoefficients, of one byte
    assert content.count(said + b"\x05") == 1
    clip.write_bytes(content.replace(said + b"\x05", said + bytes([matrix])))
    return clip
