"""The process of one job: it answers in a file, since libraries may print to stdout."""

from __future__ import annotations

import importlib
import json
import traceback
from pathlib import Path
from typing import Any

from nst_engine.errors import NSTError

_LONGEST_REASON = 300


def main(request: str, answer: str) -> None:
    """Run the job in the file `request` and write its result to the file `answer`."""
    job = json.loads(Path(request).read_text(encoding="utf-8"))
    Path(answer).write_text(json.dumps(_answer(job)), encoding="utf-8")


def _answer(job: Any) -> dict[str, Any]:
    try:
        module = importlib.import_module(job["module"])
        return {"result": module.measure(**job["arguments"])}
    except NSTError as error:
        return {"reason": str(error), "kind": type(error).__name__}
    # backends' exceptions have no common base
    except Exception as error:
        traceback.print_exc()
        message = " ".join(str(error).split())
        short = message if len(message) <= _LONGEST_REASON else f"{message[:_LONGEST_REASON]}…"
        return {"reason": f"{type(error).__name__}: {short}", "kind": ""}
