"""A film, painted in stretches by many workers: what comes out is what one alone makes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from moving_clips import Tone, write_clip
from numpy.typing import NDArray

from cluster.two_nodes import TwoNodes
from nst_engine import OptionError, Stylizer, VideoDecodeError, VideoOptions
from nst_engine.catalogue import content_path
from nst_engine.cli.main import main
from nst_engine.errors import VideoNotFoundError
from nst_engine.image import load_image
from nst_engine.limits import DEFAULT_LIMITS
from nst_engine.motion.options import FrameOptions, Stability
from nst_engine.ray import stylize_film
from nst_engine.video import VideoProgress, stylize_video
from nst_engine.video.formats import CODECS, Plan

#: Frames of the two scenes; stretches are of 50 frames (2 s).
SCENES = (130, 45)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that wanders over a photo, a cut, another photo; with a little noise, and a tone."""
    rng, frames = np.random.default_rng(3), []
    for name, count in zip(("coffee", "astronaut"), SCENES, strict=True):
        photo = load_image(content_path(name)).pixels
        for number in range(count):
            top, left = 40 + number // 4, 60 + int(30 * np.sin(number / 15))
            shown = photo[top : top + 80, left : left + 112].astype(np.int16)
            frames.append(np.clip(shown + rng.integers(-2, 3, shown.shape), 0, 255).astype(np.uint8))
    path = tmp_path_factory.mktemp("film") / "fílm.mp4"
    write_clip(path, frames, rate=Fraction(25), sounds=[Tone(seconds=7.0)])
    return path


def frames_of(path: Path) -> NDArray[np.int16]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(np.int16)


def kill_a_worker(killed: list[int]) -> None:
    """The first that paints, as soon as it is seen."""
    deadline = time.monotonic() + 60
    while not killed and time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if not killed and process.read_bytes().startswith(b"ray::painted_stretch"):
                    os.kill(int(process.parent.name), signal.SIGKILL)
                    killed.append(int(process.parent.name))


@pytest.fixture(scope="module")
def engine() -> Stylizer:
    return Stylizer("bundled:live", threads=1)


@pytest.mark.parametrize("stability", ["low", "off"])
def test_nothing_is_seen_of_the_joints_and_a_killed_worker_costs_its_stretch(
    two_nodes: TwoNodes, tmp_path: Path, film: Path, engine: Stylizer, stability: Stability
) -> None:
    options = VideoOptions(crf=12)
    stylize_video(film, tmp_path / "alone.mp4", engine, "scream", stability=stability, options=options)
    told: list[VideoProgress] = []
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(killed,))
    killer.start()
    result = stylize_film(
        film,
        tmp_path / "together.mp4",
        engine,
        "scream",
        looks=FrameOptions(stability=stability),
        options=options,
        on_progress=told.append,
    )
    killer.join()
    assert killed
    assert (result.frames, result.resumed_frames, len(told)) == (sum(SCENES), 0, 4)
    alone, together = frames_of(tmp_path / "alone.mp4"), frames_of(tmp_path / "together.mp4")
    assert together.shape == alone.shape
    differences = np.abs(together - alone).mean((1, 2, 3))
    assert differences.max() < 0.5  # of 255; another phase of the texture would be 10
    # from one frame to the next as much changes at the joints as there
    steps = [np.abs(np.diff(each, axis=0)).mean((1, 2, 3)) for each in (alone, together)]
    joints = [49, 99, 149]
    assert np.abs(steps[1][joints] - steps[0][joints]).max() < 0.2
    with av.open(str(tmp_path / "together.mp4")) as container:
        assert container.streams.audio[0].duration
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_frames_of_any_length_are_led_to_by_as_many(two_nodes: TwoNodes, tmp_path: Path, engine: Stylizer) -> None:
    """Seconds before a stretch would hold one frame here, and ten there."""
    photo, at, frames, times = load_image(content_path("coffee")).pixels, 0, [], []
    for number in range(45):
        top, left = 40 + number // 3, 60 + int(30 * np.sin(number / 9))
        frames.append(photo[top : top + 64, left : left + 96])
        times.append(at)
        at += 600 * (1 if number % 16 < 8 else 14)  # ticks of 1/15360 s
    clip = write_clip(tmp_path / "in.mp4", frames, pts=times)
    options = VideoOptions(crf=0)
    stylize_video(clip, tmp_path / "alone.mp4", engine, "scream", options=options)
    result = stylize_film(clip, tmp_path / "together.mp4", engine, "scream", options=options)
    assert result.frames == 45
    alone, together = frames_of(tmp_path / "alone.mp4"), frames_of(tmp_path / "together.mp4")
    assert np.abs(together - alone).mean((1, 2, 3)).max() < 0.1  # of 255


def test_a_run_alone_is_gone_on_with_together(
    two_nodes: TwoNodes, tmp_path: Path, film: Path, engine: Stylizer
) -> None:
    def stop(progress: VideoProgress) -> None:
        if progress.frames == 80:
            raise KeyboardInterrupt

    output, options = tmp_path / "out.mkv", VideoOptions(crf=12, resume=True, start=0.4)
    with pytest.raises(KeyboardInterrupt):
        stylize_video(film, output, engine, "scream", options=options, on_progress=stop)
    result = stylize_film(film, output, engine, "scream", options=options)
    assert (result.frames, result.resumed_frames) == (sum(SCENES) - 10, 50)
    stylize_video(film, tmp_path / "alone.mkv", engine, "scream", options=VideoOptions(crf=12, start=0.4))
    assert np.abs(frames_of(output) - frames_of(tmp_path / "alone.mkv")).mean((1, 2, 3)).max() < 0.5


def test_the_command_with_styles_that_change(
    two_nodes: TwoNodes, tmp_path: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # without loss: what is left of the smoothing's memory, a level in a pixel, makes an encoder decide otherwise
    styles = ["--style", "0:scream", "--style", "6:poppies", "--crf", "0", "--threads", "1"]
    assert main(["video", str(film), "-o", str(tmp_path / "alone.mp4"), *styles]) == 0
    command = ["video", str(film), "-o", str(tmp_path / "together.mp4"), *styles]
    assert main([*command, "--ray", two_nodes.address, "--json"]) == 0
    assert '"frames": 175' in capsys.readouterr().out
    differences = np.abs(frames_of(tmp_path / "together.mp4") - frames_of(tmp_path / "alone.mp4")).mean((1, 2, 3))
    assert differences.max() < 0.01


def test_what_no_cluster_paints(two_nodes: TwoNodes, tmp_path: Path, film: Path, engine: Stylizer) -> None:
    with pytest.raises(OptionError, match="a cluster paints video files"):
        stylize_film(film, tmp_path / "out.gif", engine, "scream")
    with pytest.raises(OptionError, match="a cluster paints video files"):
        stylize_film(film, tmp_path / "out.avi", engine, "scream")
    with pytest.raises(VideoNotFoundError):
        stylize_film(tmp_path / "none.mp4", tmp_path / "out.mp4", engine, "scream")
    with pytest.raises(VideoDecodeError, match="has no frame"):
        stylize_film(film, tmp_path / "out.mp4", engine, "scream", options=VideoOptions(start=100.0))
    assert main(["video", str(film), "-o", "-", "--style", "scream", "--ray"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_damage_in_the_middle_is_told(two_nodes: TwoNodes, tmp_path: Path, film: Path, engine: Stylizer) -> None:
    content = bytearray(film.read_bytes())
    for place in range(len(content) // 5, len(content) // 5 + 1_500):
        content[place] ^= 0x5A
    (tmp_path / "damaged.mp4").write_bytes(content)
    result = stylize_film(tmp_path / "damaged.mp4", tmp_path / "out.mp4", engine, "scream")
    assert [note for note in result.notes if "is damaged; painted what could be decoded" in note]


def test_another_file_on_a_node_is_told(tmp_path: Path, film: Path) -> None:
    from nst_engine.ray.stretch import Job, painted_stretch

    wrong: Any = Job.__new__(Job)
    object.__setattr__(wrong, "source", film)
    object.__setattr__(wrong, "size", 5)
    with pytest.raises(VideoNotFoundError, match=r"5 were wanted.*put it where all nodes see it"):
        painted_stretch(wrong, None, 2, None)  # type: ignore[arg-type]


def test_a_film_that_a_node_cannot_read_is_not_taken_for_its_end(tmp_path: Path, film: Path) -> None:
    from nst_engine.ray.stretch import Job, Lead, painted_stretch, watched_stretch

    def job(source: Path) -> Job:
        plan = Plan(".mp4", CODECS["h264"], 17, Fraction(1, 25), Fraction(25))
        options, size = VideoOptions(), source.stat().st_size
        return Job(source, size, source.name, b"", 0, plan, Fraction(0), options, False, DEFAULT_LIMITS)

    unreadable = tmp_path / film.name
    unreadable.write_bytes(bytes(film.stat().st_size))
    with pytest.raises(VideoDecodeError, match="too damaged to open"):
        painted_stretch(job(unreadable), Fraction(4), Fraction(6), None)
    with pytest.raises(VideoDecodeError, match="too damaged to open"):
        watched_stretch(job(unreadable), Lead(Fraction(4), None), Fraction(6))
