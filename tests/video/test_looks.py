"""Colours, turns, sizes and titles come out as they went in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from moving_clips import Identity, decoded_frames, error_of, pictures, stream_of, write_clip
from numpy.typing import NDArray

from nst_engine.video import VideoOptions, paint_video, write_video
from nst_engine.video.av.reader import VideoReader
from nst_engine.video.frames import WHOLE

# number of the matrix: what red and blue weigh in luma
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def yuv_of(rgb: NDArray[np.uint8], matrix: int, *, is_full: bool) -> NDArray[np.uint8]:
    """By the formulas of the standards, in float64: uint8 3×H×W."""
    red, green, blue = (rgb[..., channel].astype(np.float64) / 255 for channel in range(3))
    of_red, of_blue = WEIGHTS[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    chroma = (blue - luma) / (2 * (1 - of_blue)), (red - luma) / (2 * (1 - of_red))
    scales, offsets = ((255, 255, 255), (0, 128, 128)) if is_full else ((219, 224, 224), (16, 128, 128))
    planes = [scale * plane + offset for scale, plane, offset in zip(scales, (luma, *chroma), offsets, strict=True)]
    return np.clip(np.rint(np.stack(planes)), 0, 255).astype(np.uint8)


def planes_of(path: Path) -> NDArray[np.uint8]:
    """The first frame's YUV at full size, as it is stored."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        luma = np.asarray(frame.to_ndarray(), np.uint8)
    height, width = frame.height, frame.width
    flat = luma.reshape(-1)
    quarter = (height // 2, width // 2)
    size = height * width
    halves = [flat[size + i * size // 4 :][: size // 4].reshape(quarter) for i in range(2)]
    return np.stack([flat[:size].reshape(height, width), *(half.repeat(2, 0).repeat(2, 1) for half in halves)])


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
def test_frames_are_read_and_written_by_the_matrix_and_range_they_name(
    tmp_path: Path, matrix: int, is_full: bool
) -> None:
    (picture,) = pictures(1, 96, 128)
    tags = (matrix, 2 if is_full else 1, {1: 1, 5: 5, 6: 6, 9: 9}[matrix], 1)
    source = write_clip(
        tmp_path / "in.mp4",
        [],
        planes=[yuv_of(picture, matrix, is_full=is_full)] * 3,
        pixel_format="yuv444p",
        options={"crf": "0"},
        tags=tags,
    )
    reader = VideoReader(source, span=WHOLE)
    (first, *_) = reader.frames(lambda index, number: True)
    reader.close()
    assert error_of(first.pixels, picture) < 1.2
    output = tmp_path / "out.mp4"
    paint_video(source, output, Identity(), options=VideoOptions(crf=4))
    assert stream_of(output)["tags"] == tags
    expected = yuv_of(picture, matrix, is_full=is_full)
    stored = planes_of(output)
    for plane, reference in zip(stored, expected, strict=True):
        assert abs(float(plane.mean()) - float(reference.mean())) < 0.8
        assert error_of(plane, reference) < 1.5


def test_ranges_that_a_codec_cannot_tell_become_the_usual_one(tmp_path: Path) -> None:
    (picture,) = pictures(1, 96, 128)
    planes = [yuv_of(picture, 1, is_full=True)] * 2
    source = write_clip(
        tmp_path / "in.mp4", [], planes=planes, pixel_format="yuv444p", options={"crf": "0"}, tags=(1, 2, 1, 1)
    )
    for suffix in (".mov", ".avi"):
        output = tmp_path / f"out{suffix}"
        options = VideoOptions(codec="prores" if suffix == ".mov" else None)
        paint_video(source, output, Identity(), options=options)
        assert stream_of(output)["tags"][1] != 2
        assert error_of(decoded_frames(output)[1][0], picture) < 4


def test_untagged_frames_are_what_players_take_them_for(tmp_path: Path) -> None:
    sd, hd = pictures(1, 96, 128)[0], pictures(1, 736, 64)[0]
    for name, picture, matrix in (("sd", sd, 6), ("hd", hd, 1)):
        planes = [yuv_of(picture, matrix, is_full=False)]
        source = write_clip(tmp_path / f"{name}.mp4", [], planes=planes, pixel_format="yuv444p", options={"crf": "0"})
        assert stream_of(source)["tags"] == (2, 0, 2, 2)
        output = tmp_path / f"{name}-out.mp4"
        paint_video(source, output, Identity(), options=VideoOptions(max_side=92, crf=4))
        # smaller frames shall not be taken for another matrix
        assert stream_of(output)["tags"][:2] == (matrix, 1)


def test_frames_of_an_array_are_tagged_as_they_are_written(tmp_path: Path) -> None:
    (picture,) = pictures(1, 96, 128)
    write_video(tmp_path / "out.mp4", [picture] * 3, fps=10)
    assert stream_of(tmp_path / "out.mp4")["tags"] == (1, 1, 1, 13)
    assert error_of(planes_of(tmp_path / "out.mp4"), yuv_of(picture, 1, is_full=False)) < 1.5


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_turned_video_is_painted_upright(tmp_path: Path, rotation: int) -> None:
    frames = pictures(3, 48, 64)
    source = write_clip(tmp_path / "in.mp4", frames, rotation=rotation, aspect=Fraction(4, 3))
    output = tmp_path / "out.mp4"
    result = paint_video(source, output, Identity())
    turned = [np.rot90(frame, rotation // 90) for frame in frames]
    assert (result.height, result.width) == turned[0].shape[:2]
    stream = stream_of(output)
    assert stream["rotation"] == 0
    assert stream["aspect"] == (Fraction(4, 3) if rotation == 180 else Fraction(3, 4))
    for stylized, expected in zip(decoded_frames(output)[1], turned, strict=True):
        assert error_of(stylized, expected) < 5


@pytest.mark.parametrize("numbers", [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)])
def test_mirrored_frames_are_laid_down_as_the_matrix_says(numbers: tuple[int, int, int, int]) -> None:
    from nst_engine.video.av.orientation import Turn

    a, b, c, d = numbers
    turn = Turn(False, a < 0, d < 0) if a else Turn(True, c < 0, b < 0)
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    rotated = turn.upright(pixels)
    assert rotated.shape[:2] == turn.size(2, 3)
    for y in range(2):
        for x in range(3):
            to_x, to_y = a * x + c * y, b * x + d * y
            # corners below 0 are shifted back
            to_x += (rotated.shape[1] - 1) * (to_x < 0 or min(a, c) < 0)
            to_y += (rotated.shape[0] - 1) * (to_y < 0 or min(b, d) < 0)
            np.testing.assert_array_equal(rotated[to_y, to_x], pixels[y, x])


@pytest.mark.parametrize(("height", "width"), [(47, 63), (48, 63), (33, 48)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_odd_sides_get_their_last_pixel_twice(tmp_path: Path, height: int, width: int, suffix: str) -> None:
    frames = pictures(3, height, width)
    source = write_clip(tmp_path / "in.mkv", frames, codec="ffv1", pixel_format="yuv444p", options={})
    output = tmp_path / f"out{suffix}"
    result = paint_video(source, output, Identity())
    frame = decoded_frames(output)[1][0]
    assert frame.shape[:2] == (height + height % 2, width + width % 2)
    assert (result.height, result.width) == frame.shape[:2]
    padded = np.pad(frames[0], ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    assert error_of(frame, padded) < 5


def test_large_frames_are_shrunk_and_pixels_keep_their_shape(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(2, 96, 128), aspect=Fraction(4, 3))
    result = paint_video(source, tmp_path / "out.mp4", Identity(), options=VideoOptions(max_side=64))
    assert (result.height, result.width) == (48, 64)
    assert stream_of(tmp_path / "out.mp4")["aspect"] == Fraction(4, 3)
    halved = pictures(2, 96, 128)[0].reshape(48, 2, 64, 2, 3).mean((1, 3)).astype(np.uint8)
    assert error_of(decoded_frames(tmp_path / "out.mp4")[1][0], halved) < 6
    for suffix in (".webm", ".gif"):  # which cannot say what a pixel's shape is
        result = paint_video(source, tmp_path / f"out{suffix}", Identity())
        assert (result.height, result.width) == (96, 172 if suffix == ".webm" else round(128 * 4 / 3))


def test_titles_and_dates_are_kept(tmp_path: Path) -> None:
    metadata = {
        "title": "Übung über dem See",
        "artist": "Jemand",
        "comment": "second take",
        "creation_time": "2024-05-17T10:20:30.000000Z",
        "com.android.version": "14",
    }
    options = {"movflags": "+use_metadata_tags"}
    source = write_clip(tmp_path / "in.mp4", pictures(3), metadata=metadata, container_options=options)
    assert stream_of(source)["metadata"].items() >= metadata.items()
    paint_video(source, tmp_path / "out.mp4", Identity())
    assert stream_of(tmp_path / "out.mp4")["metadata"].items() >= metadata.items()
    paint_video(source, tmp_path / "out.mkv", Identity())
    tags = {name.lower(): text for name, text in stream_of(tmp_path / "out.mkv")["metadata"].items()}
    assert tags.items() >= {"title": metadata["title"], "artist": "Jemand"}.items()
    assert "major_brand" not in tags


def test_hdr_and_interlaced_frames_are_told_of(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(2), tags=(9, 1, 9, 18))
    result = paint_video(source, tmp_path / "out.mp4", Identity())
    assert any("HDR (HLG)" in note for note in result.notes)
    assert stream_of(tmp_path / "out.mp4")["tags"] == (9, 1, 9, 18)
