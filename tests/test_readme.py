"""The README's examples work, and its links lead somewhere; its figures are checked in `test_benchmarks.py`."""

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moving_clips import pictures, write_clip
from server.running import service

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.cli.main import build_parser
from nst_engine.image import load_image, resize_image, save_image

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FROM_PYTHON = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    commands = re.findall(r"^(make \w+)", blocks("sh")[0], re.MULTILINE)
    assert commands == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE) for command in commands)


def test_every_command_line_parses() -> None:
    lines = [line for line in blocks("sh")[1].splitlines() if line]
    assert len(lines) == 3
    for line in [*lines, *re.findall(r"`(nst [^`]+)`", README)]:
        words = shlex.split(line)
        if len(words) == 2 or "--help" in words:  # a command that is named, not a line to type
            with pytest.raises(SystemExit) as helped:
                build_parser().parse_args([words[1], "--help"])
            assert helped.value.code == 0
        else:
            assert callable(build_parser().parse_args(words[1:]).run)


def test_the_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("python")
    any_style, in_service, _, changing, optimized, asked = blocks("python", FROM_PYTHON)
    photo = load_image(bundled_contents()["coffee"].path).pixels
    save_image(tmp_path / "photo.jpg", resize_image(photo, 128, 192))  # a small one: that they run is what is shown
    shutil.copy(bundled_styles()["seaport"].path, tmp_path / "my-painting.jpg")
    monkeypatch.chdir(tmp_path)
    # one request, while the model is open
    in_service += "    import asyncio, pathlib\n    body = pathlib.Path('photo.jpg').read_bytes()\n"
    in_service += "    pathlib.Path('answer.jpg').write_bytes(asyncio.run(answer(body)))\n"
    write_clip(tmp_path / "clip.mp4", pictures(4))
    assert "num_iterations=60" in optimized
    optimized = optimized.replace("num_iterations=60", "num_iterations=6")
    for code in (example, any_style, in_service, changing, optimized):
        exec(compile(code, "README.md", "exec"), {})
    with service(tmp_path, "--models", "live,any-fast") as running:
        exec(compile(asked.replace("http://127.0.0.1:8000", running.address), "README.md", "exec"), {})
    for name in ("painted.jpg", "painted-too.jpg", "blended.jpg", "answer.jpg", "painted.mp4", "optimized.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_the_loop_over_a_camera_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Camera:
        frames = iter([load_image(bundled_contents()["coffee"].path).pixels[:120, :160]] * 4)

        def read(self) -> tuple[bool, Any]:
            frame = next(self.frames, None)
            return frame is not None, frame

    outputs: list[Any] = []
    keys = iter([255, ord("n"), 255, 255])
    monkeypatch.setattr("cv2.VideoCapture", lambda number: Camera())
    monkeypatch.setattr("cv2.imshow", lambda title, frame: outputs.append(frame))
    monkeypatch.setattr("cv2.waitKey", lambda ms: next(keys))
    _, _, example, *_ = blocks("python", FROM_PYTHON)
    assert len(example.splitlines()) <= 20
    exec(compile(example, "README.md", "exec"), {})
    assert [frame.shape for frame in outputs] == [(120, 160, 3)] * 4
    assert np.abs(outputs[1].astype(int) - outputs[2]).mean() > 5  # another style


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target.replace("/", os.sep)).exists(), target
