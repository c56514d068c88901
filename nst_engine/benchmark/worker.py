"""The other end of `jobs`: does one job, and answers in a file, since libraries print what they like."""

from __future__ import annotations

import importlib
import json
import traceback
from pathlib import Path
from typing import Any

from nst_engine.errors import NSTError

_LONGEST_REASON = 300


def main(asked: str, answer: str) -> None:
    """Do the job in the file `asked`; write what came of it to the file `answer`."""
    Path(answer).write_text(json.dumps(_answer(json.loads(Path(asked).read_text(encoding="utf-8")))), encoding="utf-8")


def _answer(job: Any) -> dict[str, Any]:
    try:
        module = importlib.import_module(job["module"])
        return {"result": module.measure(**job["arguments"])}
    except NSTError as error:
        return {"reason": str(error), "kind": type(error).__name__}
    # backends have no common base for what goes wrong in them
    except Exception as error:
        traceback.print_exc()
        said = " ".join(str(error).split())
        short = said if len(said) <= _LONGEST_REASON else f"{said[:_LONGEST_REASON]}…"
        return {"reason": f"{type(error).__name__}: {short}", "kind": ""}
