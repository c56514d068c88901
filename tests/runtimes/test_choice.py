"""Which runtime paints, and that its pixels are the reference's."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import ENVIRONMENT
from numpy.typing import NDArray

from nst_engine import Stylizer
from nst_engine.catalogue import bundled_contents
from nst_engine.errors import (
    MissingDependencyError,
    ModelChecksumError,
    ModelSpecError,
    OptionError,
    ProviderUnavailableError,
)
from nst_engine.image import load_image, resize_image
from nst_engine.models.find import find_model
from nst_engine.runtimes import choice as choosing
from nst_engine.runtimes.choice import choose
from nst_engine.runtimes.opening import open_session
from nst_engine.runtimes.openvino.executor import SIZES_KEPT

Pixels = NDArray[np.uint8]


def photo(height: int, width: int) -> Pixels:
    return resize_image(load_image(bundled_contents()["coffee"].path).pixels, height, width)


def psnr_db(one: Pixels, other: Pixels) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.square(one.astype(float) - other).mean())))


@pytest.mark.parametrize("model", ["live", "quality", "live-uint8"])
def test_openvino_paints_what_onnx_runtime_paints(model: str) -> None:
    reference, candidate = (
        Stylizer(f"bundled:{model}", backend=backend, precision="float32") for backend in ("onnxruntime", "openvino")
    )
    assert candidate.provider == "OpenVINO f32"
    for size in ((64, 64), (97, 131), (1, 5), (200, 16), (97, 131)):
        picture = photo(*size)
        for style in ("great-wave", {"scream": 0.25, "seaport": 0.75}):
            expected, actual = (each.stylize(picture, style).pixels for each in (reference, candidate))
            assert int(np.abs(actual.astype(int) - expected).max()) <= 2
    batch = [photo(80, 64)] * 3
    for one, other in zip(
        candidate.stylize_batch(batch, "scream"), reference.stylize_batch(batch, "scream"), strict=True
    ):
        assert int(np.abs(one.pixels.astype(int) - other.pixels).max()) <= 2


def test_openvino_paints_by_tiles_and_by_many_threads() -> None:
    stylizer = Stylizer("bundled:live", backend="openvino", precision="float32", tile_above_px=100_000)
    whole = Stylizer("bundled:live", backend="onnxruntime")
    picture = photo(420, 330)
    assert psnr_db(stylizer.stylize(picture, "scream").pixels, whole.stylize(picture, "scream").pixels) > 45
    small, styles = photo(96, 80), stylizer.styles[:6]
    expected = {style: whole.stylize(small, style).pixels for style in styles}
    actual: dict[str, Pixels] = {}

    def paint(style: str) -> None:
        for _ in range(3):
            actual[style] = stylizer.stylize(small, style).pixels

    threads = [threading.Thread(target=paint, args=(style,)) for style in styles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for style in styles:
        assert int(np.abs(actual[style].astype(int) - expected[style]).max()) <= 2


class Fake:
    """A runtime that adds an error to the picture and takes its time."""

    def __init__(self, error: float, seconds: float) -> None:
        self.error, self.seconds = error, seconds
        self.output: Pixels | None = None

    def __call__(self, picture: Pixels, /) -> Pixels:
        if self.output is None:  # the first run is not timed
            noise = np.random.default_rng(0).normal(0, self.error, picture.shape)
            self.output = np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
        threading.Event().wait(self.seconds)
        return self.output


Fakes = Mapping[tuple[str, str], Fake | Exception]


def chosen(monkeypatch: pytest.MonkeyPatch, cache: Path, fakes: Fakes) -> choosing.Choice:
    monkeypatch.setenv("NST_ENGINE_CACHE", str(cache))
    opened: list[tuple[str, str]] = []

    def load(backend: Any, precision: Any) -> Fake:
        opened.append((backend, precision))
        fake = fakes[backend, precision]
        if isinstance(fake, Exception):
            raise fake
        return fake

    choice = choose(find_model("bundled:live"), "auto", 1, load)
    before = len(opened)
    assert choose(find_model("bundled:live"), "auto", 1, load) == choice
    assert len(opened) == before, "the choice was not kept"
    return choice


SLOW, FAST, FASTEST = 0.1, 0.03, 0.001
REFERENCE = ("onnxruntime", "auto")
EXACT, ROUGH, ROUGHER = ("openvino", "float32"), ("openvino", "bfloat16"), ("openvino", "int8")


def test_the_fastest_whose_pixels_are_right_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fakes: Fakes = {REFERENCE: Fake(0, SLOW), EXACT: Fake(0.1, FAST), ROUGH: Fake(0.5, FASTEST), ROUGHER: Fake(3, FAST)}
    choice = chosen(monkeypatch, tmp_path / "1", fakes)
    assert (choice.backend, choice.precision) == ROUGH
    assert "onnxruntime" in choice.reason
    quantised: Fakes = {**fakes, EXACT: Fake(0.1, SLOW), ROUGH: ProviderUnavailableError("no bfloat16")}
    choice = chosen(monkeypatch, tmp_path / "int8", quantised)
    assert (choice.backend, choice.precision) == ROUGHER
    no_gain: Fakes = {**quantised, EXACT: Fake(0.1, FAST)}
    choice = chosen(monkeypatch, tmp_path / "no gain", no_gain)
    assert (choice.backend, choice.precision) == EXACT, "a rougher one for nothing"
    wrong: Fakes = {**fakes, ROUGH: Fake(30, FASTEST), ROUGHER: Fake(8, FASTEST)}
    choice = chosen(monkeypatch, tmp_path / "2", wrong)
    assert (choice.backend, choice.precision) == EXACT
    assert "wanted 35" in choice.reason
    broken: Fakes = {
        **wrong,
        EXACT: ModelChecksumError("cannot be loaded"),
        ROUGH: ProviderUnavailableError("no bfloat16"),
        ROUGHER: ModelChecksumError("is not the one that was shipped"),
    }
    choice = chosen(monkeypatch, tmp_path / "3", broken)
    assert (choice.backend, choice.precision) == REFERENCE
    assert "no bfloat16" in choice.reason
    slower: Fakes = {each: Fake(0, SLOW) for each in fakes} | {REFERENCE: Fake(0, FASTEST)}
    assert chosen(monkeypatch, tmp_path / "4", slower).backend == "onnxruntime"


def test_a_damaged_memory_of_the_choice_is_made_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fakes: Fakes = {
        REFERENCE: Fake(0, SLOW),
        EXACT: Fake(0, FASTEST),
        ROUGH: Fake(90, FASTEST),
        ROUGHER: Fake(90, SLOW),
    }
    chosen(monkeypatch, tmp_path, fakes)
    (stored,) = (tmp_path / "backends").iterdir()
    for text in ("{", '{"backend": "openvino"}', json.dumps({"backend": "mmx", "precision": "auto", "reason": ""})):
        stored.write_text(text, encoding="utf-8")
        assert chosen(monkeypatch, tmp_path, fakes).backend == "openvino"


def test_without_openvino_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert choose(find_model("bundled:live"), "auto", 1, lambda backend, precision: Fake(0, 0)).reason == ""


def test_auto_says_what_it_took_and_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NST_ENGINE_CACHE", str(tmp_path))
    monkeypatch.delenv("NST_ENGINE_BACKEND")
    stylizer = Stylizer("bundled:live", precision="float32")
    assert stylizer.provider in ("CPUExecutionProvider", "OpenVINO f32")
    assert "measured: onnxruntime" in stylizer.device_report
    assert "openvino in float32" in stylizer.device_report
    assert "bfloat16" not in stylizer.device_report
    assert "int8" not in stylizer.device_report
    quantised = Stylizer("bundled:live", precision="int8")
    assert quantised.provider in ("CPUExecutionProvider", "OpenVINO int8")
    assert "openvino in int8" in quantised.device_report
    assert "openvino in int8" in Stylizer("bundled:live").device_report
    monkeypatch.setenv("NST_ENGINE_BACKEND", "openvino")
    assert Stylizer("bundled:live").provider == "OpenVINO f32"
    monkeypatch.setenv("NST_ENGINE_BACKEND", "opencv")
    with pytest.raises(OptionError, match="NST_ENGINE_BACKEND: 'opencv' came; choose from auto, onnxruntime, openvino"):
        Stylizer("bundled:live")


def test_for_a_few_pictures_auto_takes_what_is_ready_sooner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NST_ENGINE_CACHE", str(tmp_path))
    monkeypatch.delenv("NST_ENGINE_BACKEND")
    stylizer = Stylizer("bundled:live", expected_pictures=3)
    assert stylizer.device_report == f"cpu (CPUExecutionProvider, {stylizer.threads} CPU threads)"
    assert not list(tmp_path.iterdir())
    assert Stylizer("bundled:live", backend="openvino", expected_pictures=3).provider == "OpenVINO f32"


def test_openvino_paints_more_sizes_than_it_keeps() -> None:
    stylizer = Stylizer("bundled:live", backend="openvino", precision="float32")
    picture = photo(64, 96)
    first = stylizer.stylize(picture, "scream").pixels
    for more in range(SIZES_KEPT + 1):
        stylizer.stylize(picture[:, : 40 + more], "scream")
    np.testing.assert_array_equal(stylizer.stylize(picture, "scream").pixels, first)


def test_bad_requests_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="backend: 'tflite' came"):
        open_session("bundled:live", backend="tflite")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="`precision='bfloat16'`: ONNX Runtime does not compute in it"):
        open_session("bundled:live", backend="onnxruntime", precision="bfloat16")
    with pytest.raises(
        ProviderUnavailableError, match="`device='cuda'`: the openvino package computes on the CPU here"
    ):
        open_session("bundled:live", backend="openvino", device="cuda")
    whole = find_model("bundled:live").path.read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelChecksumError, match=r"half\.onnx"):
        open_session(tmp_path / "half.onnx", backend="openvino")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises((ModelChecksumError, ModelSpecError), match=r"text\.onnx"):
        open_session(tmp_path / "text.onnx", backend="openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[openvino\]'"):
        open_session("bundled:live", backend="openvino")


def test_the_command_line_takes_a_backend(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nst_engine", "stylize", "coffee", "--style", "scream", "--max-side", "96"]
    command += ["--model", "bundled:live", "--backend", "openvino", "--precision", "float32", "-o", "p.png", "--json"]
    completed = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    assert json.loads(completed.stdout)["provider"] == "OpenVINO f32"


@pytest.fixture
def chooses_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choosing.Choice("openvino", "float32", "onnxruntime 2 ms, openvino 1 ms")
    monkeypatch.setattr(choosing, "choose", lambda *_: choice)
    monkeypatch.delenv("NST_ENGINE_BACKEND")


@pytest.mark.usefixtures("chooses_openvino")
def test_auto_leaves_ever_new_sizes_to_the_runtime_that_need_not_prepare() -> None:
    stylizer = Stylizer("bundled:live", device="cpu")
    reference = Stylizer("bundled:live", device="cpu", backend="onnxruntime")
    prepared, other = "OpenVINO f32", "CPUExecutionProvider"
    assert stylizer.provider == prepared

    def providers_of(*sides: int) -> list[str]:
        providers = []
        for side in sides:
            result = stylizer.stylize(photo(64, side), "scream")
            expected = reference.stylize(photo(64, side), "scream").pixels
            assert int(np.abs(result.pixels.astype(int) - expected).max()) <= 2
            providers.append(result.provider)
        return providers

    assert providers_of(40, 41, 42, 43, 44, 45, 44) == [prepared] * 4 + [other] * 3
    assert providers_of(44, 44, 45) == [prepared] * 3  # what has come three times may come again
    assert providers_of(40, 41, 46, 47, 48, 49, 50) == [prepared] * 6 + [other]
    (batched,) = stylizer.stylize_batch([photo(64, 51)], "scream")
    assert batched.provider == other
    stylizer.trim()
    stylizer.close()
    with pytest.raises(OptionError, match="is closed"):
        stylizer.stylize(photo(64, 51), "scream")


def test_a_backend_that_was_requested_prepares_for_all_sizes() -> None:
    stylizer = Stylizer("bundled:live", device="cpu", backend="openvino")
    assert {stylizer.stylize(photo(64, side), "scream").provider for side in range(40, 47)} == {"OpenVINO f32"}


@pytest.mark.usefixtures("chooses_openvino")
def test_a_picture_in_tiles_says_what_computed_them() -> None:
    stylizer = Stylizer("bundled:live", device="cpu", tile_above_px=100_000)
    assert stylizer.stylize(photo(420, 330), "scream").provider == "CPUExecutionProvider"
