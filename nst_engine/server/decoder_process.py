"""A process that decodes strangers' pictures: `python -m nst_engine.server.decoder_process`; see `decoders`.

What libraries of C do with a hostile file, they do here. Each line of stdin asks for a picture whose file is in the
shared memory; each line of stdout says how large it is, and it is there then, or what is wrong with it.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nst_engine.errors import ImageDecodeError, NSTError
from nst_engine.image import load_image
from nst_engine.limits import ImageLimits
from nst_engine.process import keep_freed_memory
from nst_engine.process import keep_freed_memory

#: Seconds after which it ends itself, if nobody has ended it.
_GRACE_S = 5


def main() -> int:
    """Decode until stdin ends."""
    keep_freed_memory()
    keep_freed_memory()
    settings = json.loads(sys.argv[1])
    with Path(settings["memory"]).open("r+b") as file:
        memory = mmap.mmap(file.fileno(), settings["capacity"])
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # libraries may print
    warnings.simplefilter("ignore")
    _limit(settings["most_bytes"])
    limits = ImageLimits(max_bytes=settings["max_bytes"], max_pixels=settings["max_pixels"])
    answers.write(b"{}\n")
    for line in sys.stdin.buffer:
        _alarm(settings["timeout_s"] + _GRACE_S)
        _answer(json.loads(line), memory, limits, answers)
        _alarm(0)
    return 0


def _answer(asked: dict[str, Any], memory: mmap.mmap, limits: ImageLimits, answers: BinaryIO) -> None:
    said: dict[str, Any]
    try:
        said = _decoded(asked, memory, limits)
    except NSTError as error:
        said = {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        message = f"{asked['name']}: takes more memory to decode than there is for a picture. Scale it down first."
        said = {"error": ImageDecodeError.__name__, "message": message}
    answers.write(json.dumps(said).encode() + b"\n")


def _decoded(asked: dict[str, Any], memory: mmap.mmap, limits: ImageLimits) -> dict[str, Any]:
    """Replace the file in the memory by its pixels."""
    picture = load_image(
        memory[: asked["size"]],
        limits=limits,
        name=asked["name"],
        max_side=asked["max_side"],
        first_frame=asked["first_frame"],
    )
    whole = np.frombuffer(memory, np.uint8)
    count = picture.height * picture.width
    whole[: 3 * count].reshape(picture.pixels.shape)[...] = picture.pixels
    if picture.alpha is not None:
        whole[3 * count : 4 * count].reshape(picture.alpha.shape)[...] = picture.alpha
    return {
        "height": picture.height,
        "width": picture.width,
        "has_alpha": picture.alpha is not None,
        "format": picture.format,
    }


def _limit(most_bytes: int) -> None:
    """No more memory than that beyond what it has; no files written; no dump of it where it crashes."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows, macOS and small hard limits
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + most_bytes,) * 2)


def _data_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))


def _alarm(seconds: float) -> None:
    if hasattr(signal, "alarm"):  # whose default action ends a process whatever it does
        signal.alarm(int(seconds))


if __name__ == "__main__":
    sys.exit(main())
