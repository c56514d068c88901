"""Which session runs a picture: runtimes that prepare for each size are not asked to for ever new ones."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict

from nst_engine.log import logger_of
from nst_engine.runtimes.openvino.executor import SIZES_KEPT
from nst_engine.runtimes.session import Session

_LOG = logger_of(__name__)

#: Pictures' number and sides.
_Size = tuple[int, ...]

#: Preparing takes as long as 15 to 50 pictures of 512×384 px, so sizes that may come again are waited for.
_NEW_IN_A_ROW = 4
_OFTEN = 3
_SIZES_COUNTED = 256


class SessionsBySize:
    """The main session, and for ever new sizes of picture the one that `auto` passed over. Thread-safe.

    Sizes are new in a row if none came a second time between them. From the fifth on they run in the other session,
    where pictures are the same but for the precision that `auto` took, until one has come three times.

    Args:
        main: What runs everything where it has no `open_other`.
    """

    def __init__(self, main: Session) -> None:
        self._main = main
        self._lock = threading.Lock()
        self._prepared: OrderedDict[_Size, None] = OrderedDict()
        self._counts: Counter[_Size] = Counter()
        self._new_in_a_row = 0
        self._other: Session | None = None

    def session_for(self, *size: int) -> Session:
        """The session for so many pictures of that height and width."""
        if self._main.open_other is None:
            return self._main
        with self._lock:
            if self._is_worth_preparing(size):
                return self._main
            if self._other is None:
                _LOG.info("%s: sizes of pictures are ever new; those go to another runtime", self._main.model)
                self._other = self._main.open_other()
            return self._other

    def trim(self) -> None:
        """Free memory that no run is using."""
        for session in self._opened():
            session.trim()

    def close(self) -> None:
        """Free the models' memory; later runs are refused."""
        for session in self._opened():
            session.close()

    def _opened(self) -> list[Session]:
        return [session for session in (self._main, self._other) if session is not None]

    def _is_worth_preparing(self, size: _Size) -> bool:
        if size in self._prepared:
            self._prepared.move_to_end(size)
            self._new_in_a_row = 0
            return True
        if len(self._counts) > _SIZES_COUNTED:
            self._counts.clear()
        self._counts[size] += 1
        if self._new_in_a_row >= _NEW_IN_A_ROW and self._counts[size] < _OFTEN:
            return False
        self._new_in_a_row += 1
        self._prepared[size] = None
        if len(self._prepared) > SIZES_KEPT:
            self._prepared.popitem(last=False)
        return True
