"""What importing costs: nothing heavy before it is used, and a clear word when it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import nst_engine
import nst_engine.optimization
from nst_engine.environment import pip_install

HEAVY = ("torch", "PIL", "onnxruntime", "cv2", "matplotlib", "av", "rich")
NO_TORCH = "import sys; sys.modules['torch'] = None"


def run(code: str) -> str:
    """What a fresh interpreter prints on running the code."""
    completed = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(nst_engine.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import nst_engine", HEAVY),
        ("from nst_engine.optimization import OptimizeOptions, Progress", ("torch", "matplotlib", "av", "rich")),
        ("import nst_engine.cli.main; nst_engine.cli.main.build_parser()", ("torch", "matplotlib", "av", "PIL")),
        ("import nst_engine.video; nst_engine.FrameStylizer", ("av", "cv2", "torch")),
    ],
)
def test_an_import_loads_nothing_heavy(statement: str, absent: tuple[str, ...]) -> None:
    loaded = run(f"import sys; {statement}; print([name for name in {absent!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_all_public_names_resolve() -> None:
    for name in nst_engine.__all__:
        assert getattr(nst_engine, name) is not None
    for name in nst_engine.optimization.__all__:
        assert getattr(nst_engine.optimization, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'nst_engine' has no attribute 'optimise'"):
        _ = nst_engine.optimise
    with pytest.raises(AttributeError, match=r"module 'nst_engine\.optimization' has no attribute 'optimise'"):
        _ = nst_engine.optimization.optimise


def test_the_version_is_said_without_loading_commands() -> None:
    code = (
        "import sys; from nst_engine.cli.main import main; code = main(['--version']); "
        "print(code, [name for name in sys.modules if name == 'numpy' or name.startswith('nst_engine.cli.')])"
    )
    output, rest = run(code).splitlines()
    assert output == f"nst-engine {nst_engine.__version__}"
    code_and_modules = rest.split(" ", 1)
    assert code_and_modules[0] == "0"
    for absent in ("numpy", "optimize", "gallery", "reconstruct", "info"):
        assert absent not in code_and_modules[1]


def test_without_torch_the_library_says_what_to_install() -> None:
    output = run(
        f"{NO_TORCH}; import nst_engine\n"
        "for use in ('nst_engine.optimize', 'nst_engine.reconstruct', 'nst_engine.OptimizeResult'):\n"
        "    try:\n"
        "        eval(use)\n"
        "    except nst_engine.MissingDependencyError as missing:\n"
        "        print(isinstance(missing, ImportError), missing)\n"
    )
    assert output.splitlines() == 3 * [
        "True optimisation needs torch, which is not installed; type: " + pip_install("optimize")
    ]


def test_without_torch_the_command_says_what_to_install(tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    code = (
        f"{NO_TORCH}; sys.stderr = sys.stdout; from nst_engine.cli.main import main; "
        f"print(main(['optimize', 'coffee', '--style', 'scream', '-o', {str(output)!r}]))"
    )
    lines = run(code).splitlines()
    assert lines == [
        "nst: optimisation needs torch, which is not installed; type: " + pip_install("optimize"),
        "2",
    ]
    assert not output.exists()


@pytest.mark.parametrize("is_listed", [True, False])
def test_info_works_without_torch(is_listed: bool) -> None:
    # a torch that is listed but does not load (a missing system library, say) and one that is not there at all
    hide = (
        ""
        if is_listed
        else "import importlib.metadata as m; found = m.version\n"
        "def version(name):\n"
        "    if name == 'torch': raise m.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "m.version = version\n"
    )
    output = run(f"{NO_TORCH}\n{hide}from nst_engine.cli.main import main\nprint('code', main(['info']))")
    assert output.endswith("code 0\n")
    assert "[optimize]'" in output
    assert "starry-night" in output


def test_dir_shows_all_public_names_before_they_are_loaded() -> None:
    output = run("import nst_engine; print(sorted(set(nst_engine.__all__) - set(dir(nst_engine))))")
    assert output.strip() == "[]"
