"""`nst video` as it is typed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moving_clips import Tone, decoded_frames, pictures, stream_of, times_of, write_clip
from tiny_models import expected_pixels, write_own

from nst_engine import Stylizer, VideoOptions, stylize_video
from nst_engine.image import Animation
from nst_engine.video import finished_frames
from nst_engine.video.segments import SEGMENT_FRAMES

from .running import code_of, nst, started, write

MANY = 13 * SEGMENT_FRAMES


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    few = pictures(30)
    folder = tmp_path_factory.mktemp("long")
    return write_clip(folder / "in.mp4", [few[i % 30] for i in range(MANY)], sounds=[Tone(seconds=2.0)])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command is typed in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_model(model: Path, *arguments: object) -> tuple[str, ...]:
    return ("video", *map(str, arguments), "--model", str(model), "--device", "cpu")


def test_every_frame_is_painted_as_the_model_paints(tmp_path: Path, model: Path) -> None:
    source = write_clip(tmp_path / "ein Film.mp4", pictures(12), sounds=[Tone(seconds=0.4)])
    completed = nst(
        *with_model(model, source, "-o", "gemält.mp4", "--style", "scream", "--crf", "4", "--stability", "off"),
        cwd=tmp_path,
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.startswith("gemält.mp4: 12 frames of 64×48 px in ")
    assert "CPUExecutionProvider" in completed.stdout
    times, frames = decoded_frames(tmp_path / "gemält.mp4")
    assert times == times_of(source)
    assert stream_of(tmp_path / "gemält.mp4")["sounds"][0][0] == "aac"
    for frame, before in zip(frames, decoded_frames(source)[1], strict=True):
        assert float(np.abs(frame - expected_pixels(before, {"scream": 1.0})).mean()) < 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ein Film.mp4", "gemält.mp4"]


def test_json_tells_of_the_run(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(10))
    blend = "wave:0.5,scream:0.5"
    options = ("--strength", "0.5", "--preserve-color", "luma", "--max-side", "32", "--start", "0.1", "--json")
    assert code_of(*with_model(model, source, "-o", tmp_path / "out.webm", "--style", blend, *options)) == 0
    captured = capsys.readouterr()
    record: dict[str, Any] = json.loads(captured.out)
    assert captured.err == ""
    assert (record["frames"], record["width"], record["height"]) == (7, 32, 24)
    assert record["styles"] == {"wave": 0.5, "scream": 0.5}
    assert record["provider"] == "CPUExecutionProvider"
    assert record["output"] == str(tmp_path / "out.webm")
    assert record["seconds"] > 0
    assert record["frames_per_second"] > 0
    assert {"decode", "paint", "encode", "join", "paint_stylize"} <= record["stage_seconds"].keys()
    assert record["notes"] == []


def test_the_library_paints_likewise(tmp_path: Path, model: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(6))
    stylizer = Stylizer(model, device="cpu")
    progress: list[tuple[int, int | None]] = []
    result = stylize_video(
        source,
        tmp_path / "out.mp4",
        stylizer,
        {"wave": 1.0},
        options=VideoOptions(codec="hevc"),
        on_progress=lambda each: progress.append((each.frames, each.total)),
    )
    assert progress == [(i, 6) for i in range(1, 7)]
    assert result.paint_seconds["stylize"] > 0
    assert stream_of(tmp_path / "out.mp4")["codec"] == "hevc"


def test_without_an_output_the_name_tells_the_style(here: Path, model: Path) -> None:
    write_clip(here / "clip.mkv", pictures(4))
    assert code_of(*with_model(model, "clip.mkv", "--style", "wave")) == 0
    assert len(times_of(here / "clip_wave.mkv")) == 4


def test_sequences_and_animations_are_painted(here: Path, model: Path) -> None:
    write_clip(here / "in.mp4", pictures(5))
    assert code_of(*with_model(model, "in.mp4", "-o", "frames/%05d.png", "--style", "wave")) == 0
    assert len(list((here / "frames").iterdir())) == 5
    assert code_of(*with_model(model, "frames/%05d.png", "-o", "a.gif", "--style", "wave", "--fps", "10")) == 0
    assert [frame.duration_ms for frame in Animation(here / "a.gif")] == [100] * 5
    assert code_of(*with_model(model, "a.gif", "-o", "b.webp", "--style", "wave")) == 0
    assert [frame.duration_ms for frame in Animation(here / "b.webp")] == [100] * 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no.mp4", "-o", "out.mp4"), "no.mp4: there is no such file"),
        (("folder", "-o", "out.mp4"), "is a folder"),
        (("text.mp4", "-o", "out.mp4"), "text.mp4: is text, and no video"),
        (("photo.png", "-o", "out.mp4"), "photo.png: is a still picture, and no video: nst stylize paints such"),
        (("in.mp4", "-o", "in.mp4"), "is the input"),
        (("in.mp4", "-o", "out.xyz"), "wanted one of .mp4"),
        (("in.mp4", "-o", "no/out.mp4"), "there is no folder"),
        (("in.mp4", "-o", "out.mp4", "--codec", "divx"), "takes h264, hevc, vp9, av1"),
        (("in.mp4", "-o", "out.mp4", "--crf", "99"), "--crf"),
        (("in.mp4", "-o", "out.mp4", "--strength", "2"), "--strength"),
        (("in.mp4", "-o", "out.mp4", "--stroke-size", "99"), "--stroke-size"),
        (("in.mp4", "-o", "out.mp4", "--max-side", "0"), "--max-side"),
        (("in.mp4", "-o", "out.mp4", "--fps", "25"), "--fps"),
        (("in.mp4", "-o", "out.mp4", "--start", "3", "--end", "2"), "--end"),
        (("in.mp4", "-o", "out.mp4", "--start", "x"), "--start"),
        (("in.mp4", "-o", "out.mp4", "--style", "screm"), "did you mean scream"),
        (("%03d.png",), "-o FILE"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    here: Path, model: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    write_clip(here / "in.mp4", pictures(2))
    (here / "folder").mkdir()
    (here / "text.mp4").write_text("a text\n" * 99)
    write(here / "photo.png", pictures(1)[0])
    before = sorted(here.iterdir())
    style = () if "--style" in arguments else ("--style", "wave")
    assert code_of(*with_model(model, *arguments, *style)) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.strip().count("\n") == 0  # a blank line is left of the progress bar
    assert captured.out == ""
    assert sorted(here.iterdir()) == before


def test_a_cut_off_video_is_painted_with_a_warning(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures(60, 96, 128), container_options={"movflags": "+faststart"})
    content = source.read_bytes()
    source.write_bytes(content[: len(content) * 6 // 10])
    assert code_of(*with_model(model, source, "-o", tmp_path / "out.mp4", "--style", "wave", "--json")) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("nst: ")
    assert "in.mp4: is cut off" in captured.err.replace("\n", "")
    assert json.loads(captured.out)["notes"]


def begun(model: Path, source: Path, output: Path, *more: str, kept: int = 0) -> subprocess.Popen[str]:
    """A run that has finished a segment beyond what was kept, and has many to go."""
    process = started("-m", "nst_engine", *with_model(model, source, "-o", output, "--style", "wave", *more))
    deadline = time.monotonic() + 60
    while (finished_frames(output) or 0) <= kept:
        assert time.monotonic() < deadline
        if process.poll() is not None:
            pytest.fail(f"it ended too early: {process.communicate()}")
        time.sleep(0.002)
    return process


@pytest.mark.parametrize("stability", ["off", "low"])
def test_killed_or_interrupted_runs_are_gone_on_with(
    tmp_path: Path,
    model: Path,
    long_clip: Path,
    capsys: pytest.CaptureFixture[str],
    stability: str,
) -> None:
    output, whole = tmp_path / "out.mp4", tmp_path / "whole.mp4"
    calm = ("--stability", stability)
    process = begun(model, long_clip, output, *calm)
    process.kill()
    process.communicate(timeout=30)
    assert not output.exists()
    kept = finished_frames(output)
    assert kept is not None
    process = begun(model, long_clip, output, *calm, "--resume", kept=kept)
    number = signal.SIGINT if stability == "off" else signal.SIGTERM
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number, stderr
    assert "nst: interrupted; " in stderr
    assert "frames are kept: go on with the same command" in stderr
    assert "Traceback" not in stderr
    assert not output.exists()
    again = finished_frames(output)
    assert again is not None
    assert kept < again < MANY
    assert code_of(*with_model(model, long_clip, "-o", output, "--style", "scream", *calm, "--resume")) == 2
    assert "other options (style: {'wave': 1.0} then, {'scream': 1.0} now" in capsys.readouterr().err
    resume = with_model(model, long_clip, "-o", output, "--style", "wave", *calm, "--resume", "--json")
    assert code_of(*resume) == 0
    assert json.loads(capsys.readouterr().out)["resumed_frames"] == again
    assert code_of(*with_model(model, long_clip, "-o", whole, "--style", "wave", *calm)) == 0
    if stability == "off":
        assert output.read_bytes() == whole.read_bytes()
    else:  # what stands and where it lies on the grid may have been begun anew
        (times, frames), (expected_times, expected) = decoded_frames(output), decoded_frames(whole)
        assert times == expected_times
        off = (np.abs(one.astype(int) - other).mean() for one, other in zip(frames, expected, strict=True))
        assert max(map(float, off)) < 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "whole.mp4"]
    capsys.readouterr()
    assert code_of(*resume) == 0
    assert "nothing is left to do" in capsys.readouterr().err


def test_the_report_compares_the_settings(here: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(here / "clip.mp4", pictures(12))
    assert code_of(*with_model(model, "clip.mp4", "--style", "wave", "--report", "--json")) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert [each["stability"] for each in settings] == ["off", "low", "high"]
    assert all(each["warping_error"] >= 0 and each["ms"] > 0 for each in settings)
    assert code_of(*with_model(model, "clip.mp4", "--style", "wave", "--report")) == 0
    assert "--stability high  warping error" in capsys.readouterr().out
    assert [path.name for path in here.iterdir() if path.suffix != ".onnx"] == ["clip.mp4"]
    assert code_of(*with_model(model, "clip.mp4", "--style", "wave", "--report", "--end", "0.1")) == 2
    assert "--report:" in capsys.readouterr().err
