"""The bytes of the model file that was opened."""

from __future__ import annotations

from nst_engine.errors import ModelChecksumError
from nst_engine.models import ModelFile


class ModelContent:
    """Reads a model file again, as long as it is the one that was opened.

    Args:
        file: Of the model.

    Attributes:
        is_rewritten: Whether its fixed size is made free.
    """

    def __init__(self, file: ModelFile) -> None:
        self._file, self.is_rewritten = file, False
        self._opened = self._state()

    def read(self) -> bytes:
        """The file, with its size made free if that is asked for.

        Raises:
            ModelChecksumError: It is another one by now, or gone.
        """
        try:
            is_same, content = self._state() == self._opened, self._file.path.read_bytes()
        except OSError:
            is_same = False
        if not is_same:
            raise ModelChecksumError(f"{self._file.name}: changed or gone since it was loaded; make a new Stylizer")
        if not self.is_rewritten:
            return content
        from nst_engine.graphs.rewrite import with_dynamic_size

        return with_dynamic_size(content)

    def _state(self) -> tuple[int, int]:
        found = self._file.path.stat()
        return found.st_mtime_ns, found.st_size
