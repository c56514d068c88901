"""Style images that were encoded: files that all workers share."""

from __future__ import annotations

import os
from pathlib import Path

from nst_engine.errors import NSTError, OutputError, StyleNotFoundError
from nst_engine.stylize.style_embedding import SUFFIX, StyleEmbedding

#: Of those used last; the ones of the bundled models take a block of the disk each.
MOST_STYLES = 10_000
#: Characters; longer ones are none that were given out, and no names of files.
_MOST_OF_AN_IDENTITY = 64


class KeptStyles:
    """Those that were used last, which their files' times tell. Jobs have copies of their own.

    Args:
        folder: Where they are; it is made for the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, embedding: StyleEmbedding) -> None:
        """Keep it, or note its use.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"encoded styles cannot be kept here ({error.strerror}); the service needs another `data_folder`"
            ) from error
        path = self._file(embedding.identity)
        if not _is_used(path):
            embedding.save(path)

    def read(self, identity: str) -> StyleEmbedding:
        """A style that was encoded before, by any worker.

        Raises:
            StyleNotFoundError: There is none.
        """
        path = self._file(identity)
        if not identity.isalnum() or len(identity) > _MOST_OF_AN_IDENTITY or not path.is_file():
            raise StyleNotFoundError("style_id: there is no such style here; encode it by POST /v1/styles/encode")
        try:
            embedding = StyleEmbedding.load(path)
        except NSTError:
            path.unlink(missing_ok=True)
            raise StyleNotFoundError("style_id: its file was damaged; encode it again") from None
        _is_used(path)
        return embedding

    def sweep(self) -> None:
        """Remove those that were used longest ago, where there are more than `MOST_STYLES`."""
        try:
            times = {path: path.stat().st_mtime_ns for path in self._folder.glob(f"*{SUFFIX}")}
        except FileNotFoundError:  # another worker is at it
            return
        for path in sorted(times, key=times.__getitem__, reverse=True)[MOST_STYLES:]:
            path.unlink(missing_ok=True)

    def _file(self, identity: str) -> Path:
        return self._folder / f"{identity}{SUFFIX}"


def _is_used(path: Path) -> bool:
    """Note that it is, now; False: that cannot be noted, as it is not there."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True
