"""The bytes of the model file that was opened."""

from __future__ import annotations

from collections.abc import Callable

from nst_engine.errors import ModelChecksumError
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
        self._opened = self._state()

    def read(self) -> bytes:
        """The file, rewritten if that is asked for.

        Raises:
            ModelChecksumError: It is another one by now, or gone.
        """
        try:
            is_same, content = self._state() == self._opened, self._file.path.read_bytes()
        except OSError:
            is_same = False
        if not is_same:
            raise ModelChecksumError(f"{self._file.name}: changed or gone since it was loaded; make a new Stylizer")
        return content if self.rewrite is None else self.rewrite(content)

    def _state(self) -> tuple[int, int]:
        found = self._file.path.stat()
        return found.st_mtime_ns, found.st_size
