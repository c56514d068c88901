"""`nst optimize` with real weights, on pictures of a few dozen pixels."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import shutil
import signal
import sys
import time
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import nst_engine
from nst_engine.cli.main import main

from .running import nst, painting, pixels_of, python, started, write

ORIENTATION = 0x0112
# Ctrl-C is also heard where the test runner was started with it ignored, as in the background of a shell
LISTENING = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return write(tmp_path / "content.png", painting(45, 60, seed=1))


@pytest.fixture
def style(tmp_path: Path) -> Path:
    return write(tmp_path / "style.png", painting(56, 40, seed=2))


def paint(content: Path, style: Path, output: Path, *more: object) -> NDArray[np.uint8]:
    """Run the command in this process; the picture it wrote."""
    arguments = ["optimize", content, "--style", style, "--image-size", 48, "--num-iterations", 2, "-o", output, *more]
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        code = main([str(argument) for argument in arguments])
    assert code == 0
    assert stdout.getvalue().startswith(f"{output}: ")
    return pixels_of(output)


def change(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(image.astype(int) - other).mean())


def test_the_command_paints(tmp_path: Path, content: Path, style: Path) -> None:
    arguments = ("optimize", content, "--style", style, "--image-size", 64, "--num-iterations", 6)
    completed = nst(*arguments, cwd=tmp_path, COLUMNS="120")
    assert completed.returncode == 0, completed.stderr
    output = tmp_path / "content_style.png"
    image = pixels_of(output)
    assert image.shape == (48, 64, 3)
    assert len(completed.stdout.splitlines()) == 1
    assert completed.stdout.startswith("content_style.png: 64×48 px, 6 iterations in ")
    assert "loss" in completed.stdout
    # no terminal: one line with the outcome, no bar that is redrawn again and again
    assert len(completed.stderr.splitlines()) == 1
    assert "6/6" in completed.stderr
    resized = np.asarray(Image.open(content).resize((64, 48), Image.Resampling.LANCZOS))
    assert 1 < change(image, resized) < 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content.png", "content_style.png", "style.png"]


def test_module_and_entry_point_agree(
    tmp_path: Path, content: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    installed: Any = EntryPoint("nst", project["scripts"]["nst"], "console_scripts").load()
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "nst",
            "optimize",
            str(content),
            "--style",
            str(style),
            "--image-size",
            "48",
            "--num-iterations=2",
            "-o",
            str(tmp_path / "a.png"),
        ],
    )
    assert installed() == 0
    completed = nst(*sys.argv[1:-1], tmp_path / "b.png", cwd=tmp_path)
    assert completed.returncode == 0
    assert np.array_equal(pixels_of(tmp_path / "a.png"), pixels_of(tmp_path / "b.png"))


def test_a_turned_photo_is_painted_upright(tmp_path: Path, content: Path, style: Path) -> None:
    upright = pixels_of(content)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned a quarter clockwise
    turned = write(tmp_path / "turned.png", np.ascontiguousarray(np.rot90(upright)), exif=exif)
    expected = paint(content, style, tmp_path / "expected.png")
    assert np.array_equal(paint(turned, style, tmp_path / "painted.png"), expected)
    with Image.open(tmp_path / "painted.png") as image:
        assert ORIENTATION not in image.getexif()


def test_transparency_is_kept(tmp_path: Path, content: Path, style: Path) -> None:
    alpha = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (45, 1))
    transparent = write(tmp_path / "transparent.png", np.dstack([pixels_of(content), alpha]))
    image = paint(transparent, style, tmp_path / "painted.webp", "--image-size", 60)
    assert image.shape == (45, 60, 4)
    assert np.array_equal(image[..., 3], alpha)


def test_paths_beyond_ascii(tmp_path: Path, content: Path, style: Path) -> None:
    folder = tmp_path / "Bilder – 絵 [1]"
    folder.mkdir()
    here, there = folder / "Mädchen.png", folder / "Стиль.png"
    shutil.copy(content, here)
    shutil.copy(style, there)
    arguments = ("optimize", here.name, "--style", there.name, "--image-size", 48, "--num-iterations", 2, "--sidecar")
    completed = nst(*arguments, cwd=folder, PYTHONIOENCODING="utf-8")
    assert completed.returncode == 0, completed.stderr
    assert pixels_of(folder / "Mädchen_Стиль.png").shape == (36, 48, 3)
    assert completed.stdout.startswith("Mädchen_Стиль.png: ")
    assert json.loads((folder / "Mädchen_Стиль.json").read_text("utf-8"))["inputs"][0]["file"] == "Mädchen.png"
    # a terminal that cannot show them costs no picture
    completed = nst(*arguments, "-o", "π.png", cwd=folder, PYTHONIOENCODING="ascii")
    assert completed.returncode == 0, completed.stderr
    assert "48\\xd736 px" in completed.stdout


def test_seeds(tmp_path: Path, content: Path, style: Path) -> None:
    noise = ("--init", "random", "--seed")
    first = paint(content, style, tmp_path / "a.png", *noise, 5)
    assert np.array_equal(first, paint(content, style, tmp_path / "b.png", *noise, 5))
    assert change(first, paint(content, style, tmp_path / "c.png", *noise, 6)) > 10


def test_two_styles_blend(tmp_path: Path, content: Path, style: Path) -> None:
    other = write(tmp_path / "other.png", painting(48, 48, seed=3))
    first, second = (paint(content, each, tmp_path / "one.png") for each in (style, other))
    both = ("--style", other, "--style-blend-weights")
    assert change(first, paint(content, style, tmp_path / "a.png", *both, "1,0")) < 0.5
    assert change(second, paint(content, style, tmp_path / "b.png", *both, "0,1")) < 0.5
    mixed = paint(content, style, tmp_path / "c.png", *both, "0.75,0.25")
    assert np.array_equal(mixed, paint(content, style, tmp_path / "d.png", *both, "3,1"))
    assert min(change(mixed, first), change(mixed, second)) > 0.1
    assert change(mixed, first) < change(mixed, second)


def test_masks_keep_the_rest_of_the_content(tmp_path: Path, content: Path, style: Path) -> None:
    region = np.zeros((45, 60), np.uint8)
    region[:, :30] = 255
    where = write(tmp_path / "where.png", region)
    look = write(tmp_path / "look.png", np.full((56, 40), 255, np.uint8))
    masks = ("--image-size", 60, "--content-mask", where, "--style-mask", look)
    image, before = paint(content, style, tmp_path / "masked.png", *masks), pixels_of(content)
    assert change(image[:, :28], before[:, :28]) > 1
    assert np.array_equal(image[:, 32:], before[:, 32:])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where one run has left every kind of record."""
    folder = tmp_path_factory.mktemp("recorded")
    write(folder / "content.png", painting(81, 108, seed=1))
    write(folder / "style.png", painting(56, 80, seed=2))
    paint_it = ("optimize", "content.png", "--style", "style.png", "--image-size", 153, "--num-iterations", 8)
    records = ("--save-every", 3, "--plot", "plot.png", "--trace", "trace.json", "--sidecar")
    completed = nst(*paint_it, "-o", "painted.png", *records, "--animation", "way.mp4", cwd=folder)
    assert completed.returncode == 0, completed.stderr
    return folder


def test_records_are_all_there_and_nothing_else(recorded: Path) -> None:
    assert sorted(path.name for path in recorded.iterdir()) == [
        "content.png",
        "painted.json",
        "painted.png",
        "painted_00003.png",
        "painted_00006.png",
        "plot.png",
        "style.png",
        "trace.json",
        "way.mp4",
    ]


def test_snapshots_grow_with_the_scales(recorded: Path) -> None:
    assert pixels_of(recorded / "painted_00003.png").shape == (81, 108, 3)
    assert pixels_of(recorded / "painted_00006.png").shape in {(81, 108, 3), (115, 153, 3)}


def test_the_video_shows_the_way_to_the_picture(recorded: Path) -> None:
    with av.open(str(recorded / "way.mp4")) as container:
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
    result = pixels_of(recorded / "painted.png")
    assert result.shape == (115, 153, 3)
    assert len(frames) == 8 + 1 + round(15 * 1.5)  # one per iteration, the result, and the result held
    assert {frame.shape for frame in frames} == {(116, 154, 3)}
    assert change(frames[-1][:115, :153], result) < 6
    assert change(frames[0][:115, :153], result) > change(frames[-1][:115, :153], result)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_end_with_the_result(suffix: str, tmp_path: Path, content: Path, style: Path) -> None:
    path = tmp_path / f"way{suffix}"
    result = paint(content, style, tmp_path / "painted.png", "--num-iterations", 5, "--animation", path)
    with Image.open(path) as animation:
        assert (animation.width, animation.height) == (48, 36)
        frames = 0
        duration_ms = 0
        last = np.zeros_like(result)
        for frames in range(1, getattr(animation, "n_frames", 1) + 1):
            animation.seek(frames - 1)
            last = np.asarray(animation.convert("RGB"))
            duration_ms += int(animation.info["duration"])
    # frames that are alike may be merged into one that stands longer
    assert 2 <= frames <= 6
    assert abs(duration_ms - (5 * 1000 / 15 + 1500)) <= 15
    assert change(last, result) < 12


def test_the_plot_is_a_picture(recorded: Path) -> None:
    plot = pixels_of(recorded / "plot.png")
    assert plot.shape[0] > 200
    assert plot[..., :3].min() < 100 < plot[..., :3].max()


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_plots_of_other_formats(suffix: str, start: bytes, tmp_path: Path, content: Path, style: Path) -> None:
    paint(content, style, tmp_path / "painted.png", "--plot", tmp_path / f"plot{suffix}")
    assert (tmp_path / f"plot{suffix}").read_bytes().startswith(start)


def test_the_trace_adds_up(recorded: Path) -> None:
    trace = json.loads((recorded / "trace.json").read_text("utf-8"))
    assert [record["iteration"] for record in trace] == list(range(1, 9))
    assert {record["num_iterations"] for record in trace} == {8}
    seconds = [record["seconds"] for record in trace]
    assert all(earlier < later for earlier, later in itertools.pairwise(seconds))
    assert [record["scale"] for record in trace] == sorted(record["scale"] for record in trace)
    assert (trace[-1]["height"], trace[-1]["width"]) == (115, 153)
    for record in trace:
        losses = record["losses"]
        assert losses["total"] == pytest.approx(losses["content"] + losses["style"] + losses["tv"], rel=1e-3)
        assert losses["content"] + losses["style"] == pytest.approx(sum(losses["by_layer"].values()), rel=1e-3)


def test_the_sidecar_says_what_was_done(recorded: Path) -> None:
    sidecar = json.loads((recorded / "painted.json").read_text("utf-8"))
    assert [(entry["role"], entry["file"]) for entry in sidecar["inputs"]] == [
        ("content", "content.png"),
        ("style", "style.png"),
    ]
    assert sidecar["options"]["image_size"] == 153
    assert sidecar["options"]["device"] in {"cpu", "cuda:0"}
    assert sidecar["options"]["content_layers"] == {"relu4_2": 1.0, "relu3_1": 0.15}
    assert sidecar["iterations"] == 8
    assert sidecar["was_stopped"] is False
    assert (sidecar["image"]["width"], sidecar["image"]["height"]) == (153, 115)
    final = sidecar["final_losses"]["total"]
    trace = json.loads((recorded / "trace.json").read_text("utf-8"))
    assert final <= trace[-1]["losses"]["total"] * 1.001


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_replay_makes_the_same_picture(
    recorded: Path,
    tmp_path: Path,
    is_moved: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In another process than the first."""
    sidecar = recorded / "painted.json"
    if is_moved:
        there = tmp_path / "moved"
        there.mkdir()
        stored = json.loads(sidecar.read_text("utf-8"))
        for entry in stored["inputs"]:
            shutil.copy(recorded / entry["file"], there)
            entry["path"] = str(tmp_path / "before" / entry["file"])
        sidecar = there / "painted.json"
        sidecar.write_text(json.dumps(stored), "utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["optimize", "--replay", str(sidecar), "-o", "again.png"]) == 0
    assert "the same picture" in capsys.readouterr().err
    assert np.array_equal(pixels_of(tmp_path / "again.png"), pixels_of(recorded / "painted.png"))


def test_a_replay_of_masks_blend_weights_and_a_first_picture(tmp_path: Path, content: Path, style: Path) -> None:
    mask = write(tmp_path / "mask.png", np.tile(np.linspace(0, 255, 60).astype(np.uint8), (45, 1)))
    start = write(tmp_path / "start.png", painting(40, 40, seed=9))
    more = ("--style", style, "--style-blend-weights", "3,1", "--content-mask", mask, "--content-mask", mask)
    layers = ("--style-layers", "relu1_1:2,relu3_1:0.5", "--preserve-color", "luma", "--init", start)
    first = paint(content, style, tmp_path / "first.png", *more, *layers, "--sidecar")
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        code = main(["optimize", "--replay", str(tmp_path / "first.json"), "-o", str(tmp_path / "again.png")])
    assert code == 0
    assert "the same picture" in stderr.getvalue()
    assert np.array_equal(pixels_of(tmp_path / "again.png"), first)


def test_a_replay_that_differs_says_so(tmp_path: Path, content: Path, style: Path) -> None:
    paint(content, style, tmp_path / "first.png", "--sidecar")
    sidecar = tmp_path / "first.json"
    stored = json.loads(sidecar.read_text("utf-8"))
    stored["options"]["tv_weight"] = 50.0
    sidecar.write_text(json.dumps(stored), "utf-8")
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        assert main(["optimize", "--replay", str(sidecar), "-o", str(tmp_path / "again.png")]) == 0
    assert "not the same pixels" in stderr.getvalue()


@pytest.mark.parametrize(
    ("signals", "code"),
    [([signal.SIGINT], 130), ([signal.SIGTERM] * 3, 143), ([signal.SIGHUP] * 2, 129)],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP"],
)
def test_interrupting_writes_the_best_picture_so_far(
    tmp_path: Path, content: Path, style: Path, signals: list[signal.Signals], code: int
) -> None:
    arguments = ["optimize", content, "--style", style, "--image-size", 96, "--num-iterations", 5000]
    arguments += ["-o", "painted.png", "--save-every", 1, "--trace", "trace.json", "--sidecar", "--animation", "a.gif"]
    program = f"{LISTENING}from nst_engine.cli.main import main; sys.exit(main(sys.argv[1:]))"
    with started("-c", program, *arguments, cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "painted_00002.png").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for each in signals:  # shells, `timeout` and service managers send several at once
            process.send_signal(each)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert "stopping" in stderr
    assert "Traceback" not in stderr
    assert stdout.startswith("painted.png: 96×72 px")
    assert pixels_of(tmp_path / "painted.png").shape == (72, 96, 3)
    trace = json.loads((tmp_path / "trace.json").read_text("utf-8"))
    sidecar = json.loads((tmp_path / "painted.json").read_text("utf-8"))
    assert sidecar["was_stopped"] is True
    assert 2 <= sidecar["iterations"] == len(trace) < 5000
    snapshots = {f"painted_{iteration:05d}.png" for iteration in range(1, len(trace) + 1)}
    others = {"painted.png", "painted.json", "trace.json", "a.gif", content.name, style.name}
    assert {path.name for path in tmp_path.iterdir()} == snapshots | others


def test_interrupting_before_there_is_a_picture_writes_nothing(tmp_path: Path, content: Path, style: Path) -> None:
    # the signal comes while the weights are read: later than any check, earlier than any picture
    code = (
        f"{LISTENING}import os; from nst_engine.optimization import transfer; from nst_engine.cli.main import main; "
        "transfer.load_vgg19_weights = lambda source: os.kill(os.getpid(), signal.SIGINT); sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["optimize", content, "--style", style, "-o", "painted.png", "--sidecar", "--save-every", "1"]
    completed = python("-c", code, *arguments, cwd=tmp_path)
    assert completed.returncode == 130, completed.stderr
    assert completed.stdout == ""
    assert completed.stderr == "nst: interrupted\n"
    assert sorted(os.listdir(tmp_path)) == [content.name, style.name]  # noqa: PTH208


EFFECTIVE: dict[str, tuple[tuple[object, ...], dict[str, Any]]] = {
    "luma": (("--preserve-color", "luma"), {"preserve_color": "luma"}),
    "match": (("--preserve-color", "match"), {"preserve_color": "match"}),
    "histogram": (("--preserve-color", "histogram"), {"preserve_color": "histogram"}),
    "tv": (("--tv-weight", 500), {"tv_weight": 500.0}),
    "content": (("--content-weight", 9), {"content_weight": 9.0}),
    "style": (("--style-weight", 0.5), {"style_weight": 0.5}),
    "layers": (("--style-layers", "relu1_1:2,relu3_1:0.5"), {"style_layers": {"relu1_1": 2.0, "relu3_1": 0.5}}),
    "scale": (("--style-scale", 1.6), {"style_scale": 1.6}),
    "pooling": (("--pooling", "avg"), {"pooling": "avg"}),
    "adam": (("--optimizer", "adam", "--learning-rate", 0.07), {"optimizer": "adam", "learning_rate": 0.07}),
    "rate": (("--learning-rate", 0.3), {"learning_rate": 0.3}),
    "gram": (("--gram-normalization", "chw"), {"gram_normalization": "chw"}),
    "moments": (("--style-loss", "moments"), {"style_loss": "moments"}),
    "noise": (("--init", "random", "--seed", 5), {"init": "random", "seed": 5}),
    "from style": (("--init", "style"), {"init": "style"}),
    "precision": (("--precision", "float32"), {"precision": "float32"}),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    """What the command paints of `content` and `style` without the options below."""
    folder = tmp_path_factory.mktemp("plain")
    content = write(folder / "content.png", painting(45, 60, seed=1))
    style = write(folder / "style.png", painting(56, 40, seed=2))
    return paint(content, style, folder / "painted.png", "--precision", "bfloat16")


@pytest.mark.parametrize("case", EFFECTIVE)
def test_every_option_has_its_effect_and_the_librarys_result(
    tmp_path: Path, content: Path, style: Path, plain: NDArray[np.uint8], case: str
) -> None:
    arguments, options = EFFECTIVE[case]
    common: dict[str, Any] = {"precision": "bfloat16", "image_size": 48, "num_iterations": 2, **options}
    flags = arguments if "--precision" in arguments else (*arguments, "--precision", "bfloat16")
    stylized = paint(content, style, tmp_path / "a.png", *flags)
    assert np.array_equal(stylized, nst_engine.optimize(content, style, **common).image)
    assert change(stylized, plain) > 0
