"""A process that does one job: `python -m nst_engine.server.jobs.work FOLDER`.

Its first line of stdin says on what, as JSON; when stdin ends, the service is no more, and neither is this process.
A job that fails says why in a line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from nst_engine.errors import NSTError, OutputError
from nst_engine.files import is_no_room
from nst_engine.process import keep_freed_memory, let_idle_threads_sleep
from nst_engine.server.jobs.folder import JobFolder
from nst_engine.server.jobs.machine import Machine

_NICER = 10  # requests that are answered at once go before
_FAILED, _ABANDONED = 1, 3


def main() -> int:
    """Do the job; the exit code."""
    folder = JobFolder(Path(sys.argv[1]))
    machine = Machine(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    let_idle_threads_sleep()
    keep_freed_memory()
    if hasattr(os, "nice"):
        os.nice(_NICER)
    try:
        _do(folder, machine)
    except NSTError as error:
        return _failed(type(error)(str(error).replace(f"{folder.path}/", "")))
    except OSError as error:
        if not is_no_room(error):
            raise
        return _failed(OutputError(f"the disk of the service is full ({error.strerror})"))
    return 0


def _do(folder: JobFolder, machine: Machine) -> None:
    request = folder.request()
    if request["kind"] == "video":
        from nst_engine.server.jobs.video import paint_video_of

        paint_video_of(folder, request, machine)
    else:
        from nst_engine.server.jobs.optimization import optimize_for

        optimize_for(folder, request, machine)


def _failed(error: NSTError) -> int:
    said: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    print(json.dumps(said), flush=True)
    return _FAILED


def _end_with_the_service() -> None:
    while os.read(sys.stdin.fileno(), 1):  # no reader of Python's, whose lock would be missed at the end
        pass
    os._exit(_ABANDONED)


if __name__ == "__main__":
    sys.exit(main())
