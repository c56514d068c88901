"""What this machine and installation offer, and how to install what is missing."""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import importlib.util
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from nst_engine.errors import MissingDependencyError

_PACKAGE_ROOT = Path(__file__).resolve().parents[1]
_CGROUP_ROOT = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")

_OPENVINO_TELEMETRY = "openvino_telemetry"


def package_version(name: str) -> str | None:
    """Version of a distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def is_importable(module: str) -> bool:
    """Whether a package can be imported, judged without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # half installed, or hidden on purpose
        return False


def pip_install(extra: str) -> str:
    """The command that installs an extra of this package, from where the package itself came."""
    return f"pip install {requirement(extra)}"


def requirement(extra: str) -> str:
    """An extra of this package, for pip: by the package's name, or by the folder of sources that it came from."""
    editable = _PACKAGE_ROOT if (_PACKAGE_ROOT / "setup.py").is_file() else None
    if editable is not None:
        return f"-e '{editable}[{extra}]'"
    folder = _source_folder()
    return f"'{'nst-engine' if folder is None else folder}[{extra}]'"


def _source_folder() -> Path | None:
    """Of the sources this package was installed from, if they are still there; None: it came from an index."""
    try:
        record = importlib.metadata.distribution("nst-engine").read_text("direct_url.json")
        url = urlsplit(json.loads(record or "{}")["url"])
    except (importlib.metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return None
    folder = Path(url2pathname(url.path))
    return folder if url.scheme == "file" and (folder / "pyproject.toml").is_file() else None


@contextlib.contextmanager
def needed(what: str, extra: str, *, instead: str = "", says_why: bool = False) -> Iterator[None]:
    """Turn a failed import in the block into a message with the command that installs the package.

    Args:
        what: What needs the package, such as `training needs torch`.
        extra: The package's extra that installs it.
        instead: An alternative, with the words that lead to it.
        says_why: Whether the message gives the import error; else the package counts as not installed.

    Raises:
        MissingDependencyError: It fails.
    """
    try:
        yield
    except (ImportError, RuntimeError) as missing:  # OpenVINO looks for a home, which not every account has
        reason = f"cannot be imported ({missing})" if says_why else "is not installed"
        raise MissingDependencyError(f"{what}, which {reason}; type: {pip_install(extra)}{instead}") from missing


def forbid_telemetry() -> None:
    """Disable ONNX Runtime's telemetry before its import: it would store an id and contact Microsoft."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@contextlib.contextmanager
def without_openvino_telemetry() -> Iterator[None]:
    """Import openvino in the block without its telemetry, which would store an id at home and contact Google.

    It has no variable to disable it, but does without where its telemetry package is missing. A program that has
    imported that package keeps it.
    """
    if _OPENVINO_TELEMETRY in sys.modules or "openvino" in sys.modules:
        yield
        return
    sys.modules[_OPENVINO_TELEMETRY] = None  # type: ignore[assignment]  # Python's way to say that there is none
    try:
        yield
    finally:
        del sys.modules[_OPENVINO_TELEMETRY]


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`did you mean NAME? ` for the most similar known name, with a prefix; empty if none is similar."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {prefix}{close[0]}? " if close else ""


def cpu_fields() -> dict[str, str]:
    """Fields of the first CPU in /proc/cpuinfo, such as `model name` and `flags`; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def usable_cpus(*, cgroup_root: Path = _CGROUP_ROOT, own_cgroups: Path = _OWN_CGROUPS) -> int:
    """CPUs that this process may run on, and no more than its container may use, rounded up; at least 1.

    `os.cpu_count()` counts the machine's: a container with a quota of two CPUs of 64 would start 64 threads that take
    turns on two.

    Args:
        cgroup_root: Where the control groups (version 2 or 1) are mounted.
        own_cgroups: Which of them this process is in, as the kernel lists it.
    """
    cpus = allowed_cpus()
    quota = cpu_quota(cgroup_root=cgroup_root, own_cgroups=own_cgroups)
    return cpus if quota is None else max(1, min(cpus, math.ceil(quota)))


def cpu_quota(*, cgroup_root: Path = _CGROUP_ROOT, own_cgroups: Path = _OWN_CGROUPS) -> float | None:
    """The smallest CPU quota, in CPUs, of this process's control groups and those around them; None: no limit."""
    quotas = [quota for folder in _folders(cgroup_root, own_cgroups) if (quota := _quota_in(folder)) is not None]
    return min(quotas, default=None)


def allowed_cpus() -> int:
    """CPUs that this process may run on, however little time of them its container may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _folders(root: Path, own_cgroups: Path) -> list[Path]:
    """Folders that may hold a quota for this process: its own groups and all their parents."""
    try:
        lines = own_cgroups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, group = line.split(":", 2)  # "0::/kubepods/pod1" or "4:cpu,cpuacct:/docker/1"
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = [root / controllers, root / "cpu"] if controllers else [root]
        # inside a container the group may be named as seen from outside; its mount is then the own group
        parents = [part for part in (Path(group), *Path(group).parents) if part != Path("/")]
        folders += [mount / str(part).lstrip("/") for mount in mounts for part in (*parents, Path())]
    return folders


def _quota_in(folder: Path) -> float | None:
    try:
        if (version2 := folder / "cpu.max").is_file():
            quota, period = version2.read_text(encoding="utf-8").split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()
        return None if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None  # not there, or in a form of the future: no limit that we know of
