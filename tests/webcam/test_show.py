"""What is shown, and what keys do, with a camera and a screen of the tests' own."""

from __future__ import annotations

import errno
import itertools
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import own_spec, painter, write_own

from nst_engine import Stylizer
from nst_engine.errors import InferenceError, MissingDependencyError, OutputError
from nst_engine.image import load_image, save_image
from nst_engine.video import FrameStylizer
from nst_engine.video.av.encoder import FrameEncoder
from nst_engine.webcam.adaptive_size import AdaptiveSize
from nst_engine.webcam.camera import Camera
from nst_engine.webcam.live import LiveStylizer
from nst_engine.webcam.look import KEYS, Look
from nst_engine.webcam.outputs import VirtualCamera
from nst_engine.webcam.recorder import Recorder
from nst_engine.webcam.show import Show
from nst_engine.webcam.style_folder import StyleFolder, style_images_in

Pixels = NDArray[np.uint8]
SIZE = (120, 160)


class Source:
    """A camera that sees a ramp."""

    label, is_live, fps = "camera 7", True, 200.0

    def open(self) -> None:
        pass

    def read(self) -> Pixels | None:
        ramp = np.broadcast_to(np.arange(SIZE[1], dtype=np.uint8)[:, None], (*SIZE, 3))
        return np.ascontiguousarray(ramp)

    def close(self) -> None:
        pass


class Screen:
    """Keeps what is shown; presses a key with each frame."""

    def __init__(self, keys: str = "") -> None:
        self.shown: list[Pixels] = []
        self._keys: Iterator[str] = itertools.chain(keys, itertools.repeat(""))

    def show(self, frame: Pixels) -> str:
        self.shown.append(frame.copy())
        return next(self._keys)

    def close(self) -> None:
        pass


@pytest.fixture
def stylizer(tmp_path: Path) -> Stylizer:
    return Stylizer(write_own(tmp_path), device="cpu")


def run(stylizer: Stylizer, screen: Screen, frames: int | None = 12, **options: Any) -> Show:
    mirror = options.pop("mirror", False)
    look = options.pop("look", Look(stylizer.styles, {"wave": 1.0}, shows_overlay=False))
    adaptive_size = AdaptiveSize([SIZE], None)
    frame_stylizer = FrameStylizer(stylizer, look.mix, stability="off")
    with (
        Camera(Source()) as camera,
        LiveStylizer(camera, frame_stylizer, adaptive_size, look, mirror=mirror) as live,
    ):
        say = options.pop("say", lambda message: None)
        show = Show(camera, live, adaptive_size, screen, provider="CPU", say=say, **options)
        show.run(frames)
        show.look = live.look  # type: ignore[attr-defined]
    return show


def test_frames_are_painted_and_counted(stylizer: Stylizer) -> None:
    screen = Screen()
    show = run(stylizer, screen)
    statistics = show.statistics.overall()
    assert statistics["frames"] == 12
    assert 0 <= statistics["latency_p50_ms"] <= statistics["latency_p95_ms"] < 5000
    expected = stylizer.stylize(np.ascontiguousarray(Source().read()[..., ::-1]), "wave").pixels[..., ::-1]  # type: ignore[index]
    np.testing.assert_array_equal(screen.shown[-1], expected)
    assert show.statistics.fps > 0


def test_a_mirror_exchanges_left_and_right(stylizer: Stylizer) -> None:
    plain, mirrored = Screen(), Screen()
    run(stylizer, plain)
    run(stylizer, mirrored, mirror=True)
    assert plain.shown[-1][60, :, 0].argmax() > 80
    assert mirrored.shown[-1][60, :, 0].argmax() < 80


def test_the_overlay_and_the_help_are_drawn(stylizer: Stylizer) -> None:
    screen = Screen("oh")
    run(stylizer, screen)
    bare, figures, both = screen.shown[0], screen.shown[1], screen.shown[2]
    assert (bare[:40, :100] != figures[:40, :100]).mean() > 0.3
    assert (figures[60:, :100] != both[60:, :100]).mean() > 0.3


def test_q_ends(stylizer: Stylizer) -> None:
    screen = Screen("q")
    run(stylizer, screen, None)
    assert len(screen.shown) == 1


@pytest.mark.parametrize(
    ("keys", "mix"),
    [
        ("n", {"scream": 1.0}),
        ("p", {"poppies": 1.0}),
        ("nnn", {"wave": 1.0}),
        ("3", {"poppies": 1.0}),
        ("9", {"wave": 1.0}),
        ("b", {"wave": 0.5, "scream": 0.5}),
        ("bb", {"wave": 1.0}),
        ("bn", {"scream": 1.0}),
    ],
)
def test_keys_choose_styles(keys: str, mix: dict[str, float]) -> None:
    look = Look(("wave", "scream", "poppies"), {"wave": 1.0})
    for key in keys:
        look = look.after(key)
    assert look.mix == mix
    assert " + ".join(mix) in look.label


def test_i_steps_through_the_style_images_of_a_folder(tmp_path: Path) -> None:
    for name, level in (("a.png", 40), ("b.png", 120), ("d.png", 220)):
        save_image(tmp_path / name, np.random.default_rng(level).integers(0, level, (40, 50, 3), dtype=np.uint8))
    (tmp_path / "c.png").write_bytes(b"no picture")
    (tmp_path / "readme.txt").write_text("no style")
    stylizer = Stylizer("bundled:any-fast", device="cpu")
    files = style_images_in(tmp_path)
    assert [file.name for file in files] == ["a.png", "b.png", "c.png", "d.png"]
    first = stylizer.encode_style(files[0])
    messages: list[str] = []
    for keys, label in (("i", "b"), ("ii", "d"), ("iii", "a"), ("iip", "b")):
        look = Look((first, "scream"), {first: 1.0}, shows_overlay=False)
        folder = StyleFolder(files, files[0], stylizer.encode_style)
        show = run(stylizer, Screen(keys), len(keys) + 2, look=look, style_folder=folder, say=messages.append)
        look_at_end = show.look  # type: ignore[attr-defined]
        assert look_at_end.label == label
        assert look_at_end.styles[:2] == (first, "scream")
    assert "style: b.png" in messages
    assert "style: d.png (c.png cannot be read)" in messages


def test_i_says_what_is_missing(stylizer: Stylizer) -> None:
    messages: list[str] = []
    run(stylizer, Screen("i"), 3, say=messages.append)
    assert messages == ["this model holds its styles; begin with --style-image FOLDER for others"]
    run(stylizer, Screen("i"), 3, say=messages.append, style_folder=StyleFolder([], None, lambda file: file))
    assert "there is no style image to go on to" in messages[-1]


def test_keys_choose_strength_and_colours() -> None:
    look = Look(("wave",), {"wave": 1.0})
    for key in "---":
        look = look.after(key)
    assert look.strength == 0.7
    assert "70 %" in look.label
    for key in "+" * 9:
        look = look.after(key)
    assert look.strength == 1
    assert look.after("c").preserve_color == "luma"
    assert look.after("c").after("c").preserve_color is None
    assert look.after("?") == look
    assert look.after("b").mix == {"wave": 1.0}
    assert all(keys and description for keys, description in KEYS.items())


def test_a_key_changes_what_is_painted(stylizer: Stylizer) -> None:
    screen = Screen("3")
    run(stylizer, screen, 30)
    swapped = np.ascontiguousarray(Source().read()[..., ::-1])  # type: ignore[index]
    np.testing.assert_array_equal(screen.shown[-1][..., ::-1], stylizer.stylize(swapped, "poppies").pixels)


def test_snapshots_and_recordings_are_written(
    stylizer: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    screen = Screen("sr" + " " * 20 + "r")
    run(stylizer, screen, 40, recording=None)
    (snapshot,) = tmp_path.glob("nst-webcam-*.png")
    assert load_image(snapshot).pixels.shape == (*SIZE, 3)
    (recording,) = tmp_path.glob("nst-webcam-*.mp4")
    assert 10 <= len(decoded(recording)) <= 40
    assert not list(tmp_path.glob(".*"))


def test_a_recording_keeps_the_times(stylizer: Stylizer, tmp_path: Path) -> None:
    path = tmp_path / "out é.mp4"
    screen = Screen()
    show = run(stylizer, screen, 30, recording=path)
    frames = decoded(path)
    assert 5 <= len(frames) <= 30
    times = [time for time, _ in frames]
    assert times == sorted(set(times))
    assert abs(times[-1] - times[0] - show.statistics.overall()["seconds"]) < 0.5
    difference = np.abs(frames[-1][1].astype(int) - screen.shown[-1][..., ::-1])
    assert difference.mean() < 12


class FakeCamera:
    """What pyvirtualcam offers; there is no driver where tests run."""

    device = "/dev/video9"

    def __init__(self, width: int, height: int, fps: float, fmt: str) -> None:
        assert fmt == "bgr"
        self.height, self.width, self.fps = height, width, fps
        self.sent: list[Pixels] = []

    def send(self, frame: Pixels) -> None:
        assert frame.shape == (self.height, self.width, 3)
        self.sent.append(frame.copy())

    def close(self) -> None:
        self.sent.append(np.empty((0, 0, 3), np.uint8))


def test_other_programs_see_what_is_shown(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("pyvirtualcam")
    fake.Camera = FakeCamera  # type: ignore[attr-defined]
    fake.PixelFormat = types.SimpleNamespace(BGR="bgr")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake)
    virtual_camera = VirtualCamera(60, 80, 30.0)
    assert virtual_camera.name == "/dev/video9"
    screen = Screen()
    run(stylizer, screen, virtual_camera=virtual_camera)
    virtual_camera.close()
    *sent, last = virtual_camera._camera.sent
    assert len(sent) == 12
    assert last.size == 0
    half = screen.shown[-1].reshape(60, 2, 80, 2, 3).mean((1, 3))
    assert np.abs(sent[-1] - half).mean() < 2


def test_without_a_virtual_camera_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingDependencyError, match="pip install pyvirtualcam"):
        VirtualCamera(60, 80, 30.0)

    def no_driver(*_: object, **__: object) -> None:
        raise RuntimeError("v4l2loopback is not loaded")

    fake = types.ModuleType("pyvirtualcam")
    fake.Camera = no_driver  # type: ignore[attr-defined]
    fake.PixelFormat = types.SimpleNamespace(BGR="bgr")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake)
    with pytest.raises(OutputError, match="sudo modprobe v4l2loopback"):
        VirtualCamera(60, 80, 30.0)


def test_a_place_that_cannot_be_written_is_told_at_once(stylizer: Stylizer, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        run(stylizer, Screen(), recording=tmp_path / "none" / "out.mp4")


def test_a_model_that_fails_ends_the_show(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(painter(spec=own_spec(), factor=float("nan")))
    with pytest.raises(InferenceError, match="NaN"):
        run(Stylizer(path, device="cpu"), Screen())


def decoded(path: Path) -> list[tuple[float, Pixels]]:
    import av

    with av.open(str(path)) as container:
        return [
            (float(frame.time or 0), frame.to_ndarray(format="rgb24").astype(np.uint8))
            for frame in container.decode(video=0)
        ]


def test_a_recording_that_fails_at_its_very_end_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(encoder: FrameEncoder) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FrameEncoder, "finish", full)
    recorder = Recorder(tmp_path / "out.mp4")
    recorder.write(np.zeros((16, 16, 3), np.uint8), 0.0)
    with pytest.raises(OutputError, match=r"^\S+out\.mp4: cannot be written \(No space left on device\)\. Check"):
        recorder.close()
    assert not list(tmp_path.iterdir())


def test_a_recording_without_frames_is_none(tmp_path: Path) -> None:
    Recorder(tmp_path / "out.mp4").close()
    assert not list(tmp_path.iterdir())
