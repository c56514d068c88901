"""`nst video` between other programs: stdin is stylized as it arrives, and written to stdout."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from moving_clips import Tone, at_times, decoded_frames, decoded_sound, pictures, stream_of, times_of, write_clip
from tiny_models import expected_pixels, write_own

from .running import ENVIRONMENT, assert_refused

COUNT = 90
STREAM = {"crf": "14", "preset": "veryfast", "bf": "0", "tune": "zerolatency"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with sound, in a container that is read as it comes."""
    folder = tmp_path_factory.mktemp("clip")
    whole = write_clip(folder / "in.mp4", pictures(COUNT), options=STREAM, sounds=[Tone(seconds=3.0)])
    with av.open(str(whole)) as source, av.open(str(folder / "in.nut"), "w") as nut:
        copies = {each.index: nut.add_stream_from_template(each, opaque=True) for each in source.streams.get()}
        packets = [packet for packet in source.demux() if packet.size]
        for packet in sorted(packets, key=lambda each: float((each.dts or 0) * each.time_base)):
            packet.stream = copies[packet.stream_index]
            nut.mux(packet)
    return folder / "in.nut"


def command(model: Path, *arguments: object) -> list[str]:
    paint = ["-m", "nst_engine", "video", *map(str, arguments), "--model", str(model), "--device", "cpu"]
    return [sys.executable, "-W", "error", *paint, "--style", "scream", "--stability", "off"]


def piped(model: Path, content: bytes, *arguments: object, code: int = 0) -> tuple[bytes, str]:
    """The contents of stdout and stderr."""
    line = command(model, *arguments)
    completed = subprocess.run(line, input=content, env=ENVIRONMENT, capture_output=True, check=False, timeout=120)
    assert completed.returncode == code, completed.stderr.decode()
    return completed.stdout, completed.stderr.decode()


def started(model: Path, *arguments: object) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command(model, *arguments), env=ENVIRONMENT, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize(
    ("container", "expected_formats"),
    [
        (None, ("matroska,webm", "h264", "aac")),
        ("nut", ("nut", "h264", "aac")),
        ("mp4", ("mov,mp4,m4a,3gp,3g2,mj2", "h264", "aac")),
        ("webm", ("matroska,webm", "vp9", "opus")),
    ],
)
def test_from_stdin_to_stdout(
    tmp_path: Path, model: Path, clip: Path, container: str | None, expected_formats: tuple[str, str, str]
) -> None:
    chosen = () if container is None else ("--format", container)
    content, stderr = piped(model, clip.read_bytes(), "-", *chosen)
    assert "stdout: 90 frames of 64×48 px in " in stderr
    output = tmp_path / "out"
    output.write_bytes(content)
    stream = stream_of(output)
    with av.open(str(output)) as written:
        assert (written.format.name, stream["codec"], stream["sounds"][0][0]) == expected_formats
    (times, frames), (expected, before) = decoded_frames(output), decoded_frames(clip)
    assert [float(at) for at in times] == pytest.approx([float(at) for at in expected], abs=0.0011)
    off = [
        float(np.abs(frame - expected_pixels(photo, {"scream": 1.0})).mean())
        for frame, photo in zip(frames, before, strict=True)
    ]
    assert max(off) < 3
    source_sound, output_sound = (at_times(path, seconds=2.9)[2400:] for path in (clip, output))
    late = max(
        range(-100, 101),
        key=lambda by: float(np.corrcoef(source_sound[100:-100], np.roll(output_sound, by)[100:-100])[0, 1]),
    )
    assert abs(late) <= 60  # samples; a Matroska counts in milliseconds


def test_from_stdin_into_files(tmp_path: Path, model: Path, clip: Path) -> None:
    content = clip.read_bytes()
    whole = tmp_path / "out.mp4"
    out, stderr = piped(model, content, "-", "-o", whole, "--start", "1", "--end", "2")
    assert out.decode().startswith(f"{whole}: 30 frames")
    expected = [float(at) - 1 for at in times_of(clip) if 1 <= at < 2]
    assert [float(at) for at in times_of(whole)] == pytest.approx(expected, abs=1e-3)
    begins, samples = decoded_sound(whole)
    assert begins + samples.shape[1] / 48_000 == pytest.approx(1.0, abs=0.03)
    piped(model, content, "-", "-o", tmp_path / "out.avi")
    assert stream_of(tmp_path / "out.avi")["sounds"]
    _, stderr = piped(model, content, "-", "-o", tmp_path / "frames" / "%03d.png", "--end", "0.2")
    assert "left out of the result: sound; a .png holds pictures only" in stderr.replace("\n", "")
    assert len(list((tmp_path / "frames").iterdir())) == 6
    piped(model, content, "-", "-o", tmp_path / "out.gif", "--end", "0.2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "out.avi", "out.gif", "out.mp4"]


def test_files_and_sequences_go_to_stdout(tmp_path: Path, model: Path, clip: Path) -> None:
    output = tmp_path / "out.mkv"
    content, _ = piped(model, b"", clip, "-o", "-", "--start", "1", "--end", "2")
    output.write_bytes(content)
    assert len(times_of(output)) == 30
    begins, samples = decoded_sound(output)
    assert begins + samples.shape[1] / 48_000 == pytest.approx(1.0, abs=0.05)
    piped(model, b"", clip, "-o", tmp_path / "%d.png", "--end", "0.1")
    content, _ = piped(model, b"", tmp_path / "%d.png", "-o", "-", "--fps", "10", "--format", "nut")
    output.write_bytes(content)
    assert times_of(output) == [Fraction(0), Fraction(1, 10), Fraction(2, 10)]


def test_the_first_frames_come_before_the_input_ends(tmp_path: Path, model: Path, clip: Path) -> None:
    content = clip.read_bytes()
    process = started(model, "-", "-o", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(content[: len(content) * 2 // 3])
    process.stdin.flush()
    os.set_blocking(process.stdout.fileno(), False)
    output, deadline = b"", time.monotonic() + 60
    frames = 0
    while frames < 20 and time.monotonic() < deadline:
        select.select([process.stdout], [], [], 1)
        output += process.stdout.read() or b""
        (tmp_path / "so_far.mkv").write_bytes(output)
        try:
            frames = len(times_of(tmp_path / "so_far.mkv"))
        except av.FFmpegError:
            frames = 0
    assert frames >= 20
    assert process.poll() is None
    os.set_blocking(process.stdout.fileno(), True)
    rest, stderr = process.communicate(content[len(content) * 2 // 3 :], timeout=60)
    assert process.returncode == 0, stderr
    (tmp_path / "out.mkv").write_bytes(output + rest)
    assert len(times_of(tmp_path / "out.mkv")) == COUNT


def wait_until_it_waits(process: subprocess.Popen[bytes]) -> None:
    """FFmpeg is loaded, and for half a second all threads have slept."""
    place, seen, since, deadline = Path(f"/proc/{process.pid}"), "", time.monotonic(), time.monotonic() + 30
    while time.monotonic() - since < 0.5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        # of each thread: its state, and what it has computed until now
        told = []
        for each in sorted(place.glob("task/*/stat")):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                told.append(each.read_text().rpartition(")")[2].split())
        now = " ".join(f"{fields[0]} {fields[11]} {fields[12]}" for fields in told)
        is_asleep = all(fields[0] == "S" for fields in told) and "libavformat" in (place / "maps").read_text()
        if now != seen or not is_asleep:
            seen, since = now, time.monotonic()
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.7])
def test_whoever_waits_at_a_pipe_is_stopped(model: Path, clip: Path, tmp_path: Path, number: int, share: float) -> None:
    content = clip.read_bytes()
    process = started(model, "-", "-o", tmp_path / "out.mp4")
    assert process.stdin is not None
    process.stdin.write(content[: int(len(content) * share)])
    process.stdin.flush()
    wait_until_it_waits(process)
    process.send_signal(number)
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:  # its stdin stays open
        time.sleep(0.05)
    assert process.returncode == 128 + number
    assert process.stderr is not None
    stderr = process.stderr.read().decode()
    assert "nst: interrupted" in stderr
    assert "Traceback" not in stderr
    assert "ignored" not in stderr
    process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_ends_it_quietly(model: Path, clip: Path) -> None:
    content = clip.read_bytes()
    process = started(model, "-")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(content[: len(content) // 2])
    process.stdin.flush()
    assert process.stdout.read(100)
    process.stdout.close()
    process.stdin.write(content[len(content) // 2 :])
    process.stdin.close()
    stderr = process.stderr.read().decode()
    assert process.wait(timeout=60) == 141
    assert "nst:" not in stderr
    assert "Traceback" not in stderr
    process.stderr.close()


def test_a_full_place_is_no_fault_of_the_input(model: Path, clip: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        completed = subprocess.run(
            command(model, clip, "-o", "-"), env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert completed.returncode == 1
    assert completed.stderr.decode().startswith("nst: stdout: cannot be written (No space left on device)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "stdin: is empty"),
        (b"hello, this is a text\n" * 50, "stdin: is text, and no video"),
        (b"#EXTM3U\n#EXTINF:1,\nprivate.ts\n", "stdin: is a list of other files"),
        (b"GIF89a" + bytes(99), "stdin: is a picture or an animation, which is read from files"),
        (bytes(range(256)) * 99, "stdin: is no video"),
    ],
)
def test_what_is_no_video(model: Path, content: bytes, message: str) -> None:
    out, stderr = piped(model, content, "-", code=2)
    assert out == b""
    assert message in stderr
    assert stderr.strip().count("\n") == 0


def test_an_mp4_whose_index_stands_at_its_end(tmp_path: Path, model: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (10, 240, 320, 3), np.uint8)
    source = write_clip(tmp_path / "in.mp4", list(noise))  # more than is read ahead
    assert (
        "of an .mp4 or .mov that comes by a pipe, the index has to stand in front"
        in piped(model, source.read_bytes(), "-", code=2)[1]
    )
    front = write_clip(tmp_path / "front.mp4", pictures(20), container_options={"movflags": "+faststart"})
    assert "stdout: 20 frames" in piped(model, front.read_bytes(), "-")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in.mp4", "-o", "-", "--resume"), "--resume: goes on with files only"),
        (("in.mp4", "-o", "-", "--json"), "--json and the video cannot both go to stdout"),
        (("in.mp4", "-o", "out.mp4", "--format", "nut"), "--format: nut came; it is for stdout"),
        (("in.mp4", "-o", "-", "--format", "webm", "--codec", "h264"), "--codec: h264 came; a .webm takes vp9, av1"),
        (("-", "--report"), "--report: reads the video several times"),
        (("-", "--fps", "9"), "--fps: is for sequences"),
    ],
)
def test_what_pipes_do_not_go_with(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4", pictures(3))
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert_refused(capfd, message, "video", *arguments, "--style", "scream")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("stream", "arguments", "message"),
    [
        ("stdout", ("in.mp4", "-o", "-"), "a video would be written to the terminal"),
        ("stdin", ("-", "-o", "out.mp4"), "- is stdin, which is the terminal here"),
    ],
)
def test_terminals_are_no_pipes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stream: str,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    assert_refused(capsys, message, "video", *arguments, "--style", "scream")
