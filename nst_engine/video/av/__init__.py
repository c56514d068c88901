"""Video files, by PyAV: the only package that imports it. `require_av` comes before the import of its modules."""

from __future__ import annotations

import os

from nst_engine.environment import needed
from nst_engine.errors import MissingDependencyError

# Older ones convert colours by other rules, or do not say what a frame's colours mean.
_OLDEST = 18


def require_av(what: str = "a video", instead: str = "") -> None:
    """Refuse before the work if PyAV cannot be imported; quieten what its encoders print by themselves.

    Args:
        what: That needs it.
        instead: What can be done without, with a comma before it.

    Raises:
        MissingDependencyError: PyAV is not installed, or too old.
    """
    with needed(f"{what} needs PyAV", "video", instead=instead):
        import av
    if int(av.__version__.partition(".")[0]) < _OLDEST:
        raise MissingDependencyError(
            f"{what} needs PyAV {_OLDEST} or later, and {av.__version__} is installed; type: pip install -U av{instead}"
        )
    # SVT-AV1 prints its settings to stderr, past every log level of FFmpeg; 1: errors only
    os.environ.setdefault("SVT_LOG", "1")
