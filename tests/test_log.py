"""What operators are told by `logging`, and that nobody else is told anything."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from cli.running import code_of, python, write
from tiny_models import photo, write_own

from nst_engine import Stylizer
from nst_engine.runtimes import onnxruntime

LOGGER = logging.getLogger("nst_engine")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write_own(tmp_path)


def test_the_library_sets_no_level_and_a_handler_that_does_nothing() -> None:
    assert [type(handler) for handler in LOGGER.handlers] == [logging.NullHandler]
    assert (LOGGER.level, LOGGER.propagate) == (logging.NOTSET, True)


def test_nothing_is_said_unless_it_was_asked_for(own: Path) -> None:
    code = (
        "import sys; from nst_engine import Stylizer; from nst_engine.log import logger_of\n"
        "logger_of('nst_engine.runtimes').warning('unheard'); Stylizer(sys.argv[1], device='cpu').close()"
    )
    done = python("-c", code, own, cwd=own.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_operator_hears_what_is_loaded_painted_in_tiles_and_given_back(
    own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "nst_engine")
    with Stylizer(own, device="cpu", threads=1, tile_above_px=1_000_000) as stylizer:
        stylizer.stylize(photo(50, 50), "wave")
        stylizer.stylize(photo(1200, 1240), "wave")
        stylizer.trim()
    said = [f"{record.name} {record.levelname} {record.getMessage()}" for record in caplog.records]
    name = re.escape(str(own))
    for record, wanted in zip(
        said,
        (
            rf"nst_engine\.runtimes\.opening INFO {name}: loaded in \d+ ms: CPUExecutionProvider on cpu, 1 .*, {name}",
            rf"nst_engine\.stylize\.tiling DEBUG {name}: a picture in \d tiles",
            rf"nst_engine\.stylize\.pipeline DEBUG {name}: free memory given back",
            rf"nst_engine\.stylize\.pipeline INFO {name}: closed, its memory given back",
        ),
        strict=True,
    ):
        assert re.fullmatch(wanted, record)


def test_an_operator_is_warned_of_a_device_that_auto_passes_over(
    own: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WithCuda(onnxruntime.OrtLoader):
        available = ("CUDAExecutionProvider", "CPUExecutionProvider")

        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            self.available = type(self).available

    monkeypatch.setattr("nst_engine.runtimes.opening.OrtLoader", WithCuda)
    Stylizer(own)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage().startswith(f"{own}: passed over: `device='cuda'`")


def test_why_auto_takes_a_runtime_is_said(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nst_engine")
    for pictures, wanted in ((1, "it is ready first"), (None, "")):
        caplog.clear()
        with pytest.MonkeyPatch.context() as environment:
            environment.delenv("NST_ENGINE_BACKEND", raising=False)
            Stylizer(own, expected_pictures=pictures)
        chosen = [record.getMessage() for record in caplog.records if "auto takes" in record.getMessage()]
        assert len(chosen) == 1
        assert wanted in chosen[0]


@pytest.mark.parametrize("flags", [(), ("-v",), ("-vv",)])
def test_the_command_says_it_on_stderr_if_asked(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    write(tmp_path / "photo.png", photo(40, 50))
    command = ["stylize", tmp_path / "photo.png", "--model", own, "--style", "wave", "-o", tmp_path / "out.png"]
    assert code_of(*command, *flags) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{tmp_path / 'out.png'}: 50×40 px")
    lines = captured.err.splitlines()
    assert bool(lines) == bool(flags)
    assert all(line.startswith(("nst: info: ", "nst: debug: ")) for line in lines)
    if flags:
        assert any(f"{own.name}: loaded in" in line for line in lines)
    assert [type(handler) for handler in LOGGER.handlers] == [logging.NullHandler]
    assert LOGGER.level == logging.NOTSET


def test_a_command_that_fails_leaves_no_handler(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("stylize", "nowhere.png", "--model", own, "--style", "wave", "-v") == 2
    assert "loaded in" in capsys.readouterr().err
    assert [type(handler) for handler in LOGGER.handlers] == [logging.NullHandler]
