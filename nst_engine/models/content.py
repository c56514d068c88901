"""The bytes of the model file that was opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nst_engine.errors import ModelChecksumError, ModelNotFoundError
from nst_engine.models.endless import check_functions
from nst_engine.models.external_data import inlined
from nst_engine.models.find import ModelFile


def companion_content(file: ModelFile, name: str) -> bytes:
    """The bytes of a companion file, with all of its weights.

    Raises:
        NSTError: As `ModelFile.companion` and `ModelContent.read`.
    """
    path = file.companion(name)
    try:
        return _whole(file, path)[0]
    except OSError as error:
        raise ModelNotFoundError(f"{file.name}: {path} cannot be read ({error.strerror}); {file.cure}") from error


def _whole(file: ModelFile, path: Path) -> tuple[bytes, tuple[Path, ...]]:
    """The bytes of the model file or a companion, and the paths of other files that were read."""
    content = path.read_bytes()
    if not file.is_bundled:
        check_functions(content, file.name)
    return inlined(content, path, file.name)


class ModelContent:
    """Reads a model file again, as long as it is unchanged.

    Attributes:
        rewrites: Transform the file's bytes, one after the other.
    """

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self.rewrites: list[Callable[[bytes], bytes]] = []
        self._opened: list[tuple[int, int]] | None = None

    def read(self) -> bytes:
        """The file with all of its weights, rewritten.

        Raises:
            ModelChecksumError: It has changed or is gone; or its weights are outside its folder.
            ModelSpecError: Its functions are recursive or expand without bound.
        """
        try:
            content, files = _whole(self._file, self._file.path)
            stats = [(each.st_mtime_ns, each.st_size) for each in map(os.stat, (self._file.path, *files))]
        except OSError:
            stats = []
        self._opened = self._opened or stats
        if not stats or stats != self._opened:
            raise ModelChecksumError(f"{self._file.name}: changed or gone since it was loaded; make a new Stylizer")
        for rewrite in self.rewrites:
            content = rewrite(content)
        return content
