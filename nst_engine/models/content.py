"""The bytes of the model file that was opened."""

from __future__ import annotations

import os
from collections.abc import Callable

from nst_engine.errors import ModelChecksumError
from nst_engine.models.endless import check_functions
from nst_engine.models.external_data import inlined
from nst_engine.models.find import ModelFile


class ModelContent:
    """Reads a model file again, as long as it is the one that was opened.

    Args:
        file: Of the model.

    Attributes:
        rewrite: What is done to the file before it is given out; None: nothing.
    """

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self.rewrite: Callable[[bytes], bytes] | None = None
        self._opened: list[tuple[int, int]] | None = None

    def read(self) -> bytes:
        """The file with all of its weights, rewritten if that is asked for.

        Raises:
            ModelChecksumError: It is another one by now, or gone; or its weights lie where they may not.
            ModelSpecError: Its functions have no end.
        """
        try:
            content = self._file.path.read_bytes()
            if not self._file.is_bundled:
                check_functions(content, self._file.name)
            content, files = inlined(content, self._file.path, self._file.name)
            found = [(each.st_mtime_ns, each.st_size) for each in map(os.stat, (self._file.path, *files))]
        except OSError:
            found = []
        self._opened = self._opened or found
        if not found or found != self._opened:
            raise ModelChecksumError(f"{self._file.name}: changed or gone since it was loaded; make a new Stylizer")
        return content if self.rewrite is None else self.rewrite(content)
