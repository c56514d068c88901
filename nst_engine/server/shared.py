"""A folder that the workers of one run of the service share, for what they count together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from pathlib import Path

from filelock import FileLock

from nst_engine.server.rate import make_table

_FOLDER = "NST_ENGINE_SHARED_FOLDER"
#: How prometheus_client is told, before it is imported.
_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


def share() -> tempfile.TemporaryDirectory[str]:
    """Make the folder, and tell the processes that will be started; it is removed when it is closed."""
    folder = tempfile.TemporaryDirectory(prefix="nst-serve-")
    make_table(Path(folder.name) / "rates")
    os.environ[_FOLDER] = os.environ[_FIGURES] = folder.name
    return folder


def join(folder: Path) -> None:
    """Share a folder with processes that are not started from here; whoever comes first makes it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with FileLock(folder / "making.lock"):
        if not (folder / "rates").exists():
            make_table(folder / "rates")
    os.environ[_FOLDER] = os.environ[_FIGURES] = str(folder)


def end_with_the_parent() -> None:
    """Let this worker end, in order, when the process that started it is no more: else it would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def rates_table() -> Path | None:
    """The table of rates; None: this is the only worker."""
    return Path(os.environ[_FOLDER]) / "rates" if _FOLDER in os.environ else None


def figures_folder() -> Path | None:
    """Where all workers keep their figures; None: this is the only worker."""
    return Path(os.environ[_FOLDER]) if _FOLDER in os.environ else None
