"""The rules that keep the package readable: who imports whom, who owns a third-party package, how long things are.

Which folder may import which stands in pyproject.toml, for import-linter.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import nst_engine

ROOT = Path(nst_engine.__file__).parent
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "misc", "core"}

# Who alone may import what; every other third-party package is foreign here. NumPy is everybody's.
OWNERS = {
    "PIL": ("image", "exporting.triton.served"),
    "pillow_heif": ("image.formats",),
    "argparse": ("cli",),
    "av": ("video.av",),
    "cv2": ("motion.opencv", "benchmark.backends.opencv_dnn", "benchmark.kernel_contenders"),
    "pyvirtualcam": ("webcam",),
    "h11": ("server.guards", "server.connections"),  # uvicorn's
    "httpx": ("client",),
    "httpx_sse": ("client",),
    "matplotlib": ("benchmark.plot", "optimization.recording", "training.record"),
    "fastapi": ("server", "ray.replica"),
    "fsspec": ("ray.storage",),
    # of programs that NVIDIA Triton runs
    "nvidia": ("exporting.triton.served.dali",),
    "triton_python_backend_utils": ("exporting.triton.served",),
    "filelock": ("video.work_folder", "server.shared", "ray.hold", "ray.seat"),
    "platformdirs": ("runtimes.devices",),
    "onnx": ("graphs", "exporting", "models.external_data", "models.endless"),
    "onnxruntime": ("runtimes.onnxruntime", "exporting.int8", "exporting.parity", "benchmark.backends.engine"),
    "onnxscript": ("exporting",),
    "openvino": ("runtimes.openvino",),
    "opentelemetry": ("server.tracing",),
    "prometheus_client": ("server.monitoring", "ray.seat"),
    "pydantic": ("server.live", "server.replies", "server.settings", "ray.serve_settings"),
    "pydantic_settings": ("server.settings",),
    "pyarrow": ("ray",),
    "ray": ("ray",),
    "rich": ("cli",),
    "shtab": ("cli.main",),
    "safetensors": ("vgg19.weights", "training", "stylize.style_embedding"),
    "starlette": ("server", "ray.proxy", "ray.replica"),
    "swagger_ui_bundle": ("server.documentation",),
    "torch": (
        "vgg19",
        "networks",
        "optimization",
        "training",
        "exporting",
        "benchmark.backends.torch_network",
        "benchmark.kernel_contenders",
    ),
    "torchvision": ("vgg19.weights",),
    "uvicorn": ("server.run", "server.connections"),
}
# Owners that import so only inside functions, or for type checkers.
LAZY = {
    ("pillow_heif", "image.formats"),
    ("openvino", "runtimes.openvino"),
    ("opentelemetry", "server.tracing"),
    ("torch", "vgg19.weights"),
    ("cv2", "benchmark"),
    ("pyvirtualcam", "webcam"),
    ("matplotlib", "benchmark"),
    ("onnx", "models.external_data"),
    ("onnx", "models.endless"),
    ("onnxruntime", "benchmark"),
    ("torch", "benchmark"),
    ("matplotlib", "optimization.recording"),
    ("matplotlib", "training.record"),
    ("onnxruntime", "runtimes.onnxruntime"),
    ("onnxruntime", "exporting.int8"),
    ("onnxruntime", "exporting.parity"),
}
# Modules that import an optional package when they are imported: they are imported at use, after a check of it.
AT_ONCE = {
    "av": ("video.av", "video.segments", "video.stream_sink", "webcam.recorder", "ray.film", "ray.stretch"),
    "cv2": (
        "motion.opencv",
        "motion.optical_flow",
        "motion.smoothing",
        "video.flicker",
        "webcam",
        "ray.film",
        "ray.stretch",
    ),
}


@dataclass(frozen=True)
class Import:
    """One imported module, as written in `module` (dotted, without the package's own name)."""

    module: str
    target: str
    line: int
    is_eager: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in FILES.items()}


def nodes(tree: ast.AST, *, is_eager: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes, and whether they run when the module is imported."""
    for child in ast.iter_child_nodes(tree):
        runs = is_eager and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            runs = False
        yield child, runs
        yield from nodes(child, is_eager=runs)


def imports_of(module: str) -> Iterator[Import]:
    for node, is_eager in nodes(TREES[module]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, is_eager)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                # `from nst_engine import kernels` names a module, `from nst_engine.image import load_image` an object
                inner = f"{base}.{alias.name}".removeprefix("nst_engine.")
                target = f"nst_engine.{inner}" if base.startswith("nst_engine") and inner in FILES else base
                yield Import(module, target, node.lineno, is_eager)


IMPORTS = [imported for module in FILES for imported in imports_of(module)]
OWN = [imported for imported in IMPORTS if imported.target.split(".")[0] == "nst_engine"]
FOREIGN = [imported for imported in IMPORTS if imported.target.split(".")[0] not in ("nst_engine", "__future__")]


def test_nobody_imports_the_package_root_or_by_dots() -> None:
    assert not [
        str(imported) for imported in IMPORTS if imported.target == "nst_engine" or imported.target.startswith(".")
    ]


def test_folders_import_only_from_lower_floors() -> None:
    # the floors are in pyproject.toml; in this process it would turn off the loggers of others
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))"]
    subprocess.run(command, cwd=ROOT.parent, check=True, capture_output=True)


def test_modules_import_in_no_circle() -> None:
    below: dict[str, set[str]] = {module: set() for module in FILES}
    for imported in OWN:
        # a package that loads its own modules at first use waits for nobody
        if imported.is_eager or not imported.target.startswith(f"nst_engine.{imported.module}."):
            below[imported.module].add(imported.target.removeprefix("nst_engine."))
    while leaves := {module for module, targets in below.items() if not targets}:
        below = {module: targets - leaves for module, targets in below.items() if module not in leaves}
    assert not below


def test_third_party_packages_are_imported_by_their_owners_only() -> None:
    def is_owned(imported: Import) -> bool:
        package = imported.target.split(".")[0]
        if package not in OWNERS:
            return package == "numpy" or package in sys.stdlib_module_names
        return any(imported.module == owner or imported.module.startswith(f"{owner}.") for owner in OWNERS[package])

    assert not [str(imported) for imported in FOREIGN if not is_owned(imported)]


@pytest.mark.parametrize("package", OWNERS)
def test_every_owner_still_imports_what_it_owns(package: str) -> None:
    importers = {imported.module for imported in FOREIGN if imported.target.split(".")[0] == package}
    for owner in OWNERS[package]:
        assert any(module == owner or module.startswith(f"{owner}.") for module in importers), owner


@pytest.mark.parametrize(("package", "owner"), sorted(LAZY))
def test_optional_packages_are_imported_at_use(package: str, owner: str) -> None:
    imported = [each for each in FOREIGN if each.target.split(".")[0] == package and each.module.startswith(owner)]
    assert imported
    assert not [str(each) for each in imported if each.is_eager]


@pytest.mark.parametrize("package", sorted(AT_ONCE))
def test_what_imports_an_optional_package_at_once_is_itself_imported_at_use(package: str) -> None:
    at_once = {
        imported.module for imported in FOREIGN if imported.is_eager and imported.target.split(".")[0] == package
    }
    below = {(imported.module, imported.target.removeprefix("nst_engine.")) for imported in OWN if imported.is_eager}
    while more := {module for module, target in below if target in at_once} - at_once:
        at_once |= more
    allowed = AT_ONCE[package]
    assert not {each for each in at_once if not any(each == name or each.startswith(f"{name}.") for name in allowed)}


def test_files_are_short_and_named_after_what_they_hold() -> None:
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in FILES.items()}
    assert not {module: length for module, length in lengths.items() if length > MAX_FILE_LINES}
    assert not {module for module in FILES if FORBIDDEN_NAMES & set(module.strip("_").split("."))}


def test_functions_are_short() -> None:
    too_long = {
        f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert not too_long
