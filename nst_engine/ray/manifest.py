"""What a run has done, beside its results: so that another run goes on where it was cut off."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nst_engine.checks import parsed_json
from nst_engine.errors import OptionError, OutputError
from nst_engine.limits import ImageLimits
from nst_engine.ray.hold import held
from nst_engine.ray.parquet import PARQUET, parts_of, table_bytes
from nst_engine.ray.storage import RECORDS, Place, why

_RUN, _MANIFEST = f"{RECORDS}/run.json", f"{RECORDS}/manifest"
_FLUSH_ROWS, _FLUSH_SECONDS = 2_000, 10.0

#: Of the manifest. `seconds` are those of reading, painting and writing; `version` is that of `run.json`.
SCHEMA = pa.schema(
    [
        ("input", pa.string()),
        ("output", pa.string()),
        ("state", pa.string()),
        ("error", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("seconds", pa.float64()),
        ("node", pa.string()),
        ("model", pa.string()),
        ("version", pa.string()),
        ("finished", pa.timestamp("us", tz="UTC")),
    ]
)


class Manifest:
    """The records of a run, in the folder `_nst` of its output: `run.json`, and Parquet files below `manifest`.

    Attributes:
        done: The inputs whose results are there.
        failed: The inputs that could not be painted.

    Args:
        output: Of the run.
        identity: What its pictures depend on, for JSON: `model`, `version` and what that is made of.
        resume: Whether to go on with a run that is there.
        overwrite: Whether to begin anew where one is.

    Raises:
        OptionError: There is a run, and neither was said; or it was of something else.
        OutputError: The records cannot be read.
    """

    def __init__(self, output: Place, identity: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        self._output, self._identity = output, dict(identity)
        self._rows: list[dict[str, Any]] = []
        self._flushed = time.monotonic()
        self.done: set[str] = set()
        self.failed: set[str] = set()
        #: Whether results that the manifest does not know can only be of this run.
        self.knows_files = True
        self._is_new = True
        before = None if overwrite else self._run_before()
        if before is None:
            self.knows_files = not overwrite
        elif resume:
            self._go_on(before)
        else:
            raise OptionError(
                f"{output.url}: holds a run already; go on with it: `resume=True`, or begin anew: `overwrite=True`"
            )

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Within it outcomes are added, by this run alone; only now is anything written, or records of before removed.

        Raises:
            OutputError: It cannot be written, or another run is at it.
        """
        with held(self._output):
            if self._is_new:
                for place in [*self._parts(), *self._overwritten()]:
                    place.remove()
                run = {**self._identity, "knows_files": self.knows_files}
                self._output.below(_RUN).write(json.dumps(run, indent=1, ensure_ascii=False).encode())
            try:
                yield
            finally:
                self.flush()

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record outcomes; they are written every few seconds, and by `flush`."""
        now = time.time_ns() // 1000
        own = {"model": self._identity["model"], "version": self._identity["version"], "finished": now}
        for row in rows:
            self._rows.append({**row, **own})
            (self.done if row["state"] == "done" else self.failed).add(row["input"])
        if len(self._rows) == len(rows):  # the first since they were written
            self._flushed = time.monotonic()
        if len(self._rows) >= _FLUSH_ROWS or time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was added.

        Raises:
            OutputError: It cannot be written.
        """
        self._flushed = time.monotonic()
        if self._rows:
            columns = {name: [row.get(name) for row in self._rows] for name in SCHEMA.names}
            name = f"{time.time_ns():020d}-{secrets.token_hex(4)}{PARQUET}"
            self._output.below(f"{_MANIFEST}/{name}").write(table_bytes(columns, SCHEMA))
            self._rows = []

    def _overwritten(self) -> list[Place]:
        """Parts of a table that is begun anew: other batches would not replace them, and rows would be there twice."""
        return parts_of(self._output) if self._output.url.endswith(PARQUET) and not self.knows_files else []

    def _run_before(self) -> dict[str, Any] | None:
        place = self._output.below(_RUN)
        try:
            if not place.is_file():
                return None
            before = parsed_json(place.read(ImageLimits()).decode())
        except (OSError, ValueError) as error:
            raise OutputError(f"{place.url}: cannot be read ({why(error)}); take another output") from error
        return before if isinstance(before, dict) else {}

    def _go_on(self, before: dict[str, Any]) -> None:
        changed = [name for name, value in self._identity.items() if before.get(name) != value]
        if changed:
            differences = ", ".join(f"{name}: {before.get(name)} then, {self._identity[name]} now" for name in changed)
            raise OptionError(
                f"{self._output.url}: was begun with other options ({differences}); type the same as then, or take "
                "another output",
                option="resume",
            )
        self._is_new = False
        self.knows_files = before.get("knows_files") is True
        for place in self._parts():
            self._take(place)
        self.failed -= self.done

    def _take(self, place: Place) -> None:
        try:
            with place.open() as file:
                table = pq.read_table(file, columns=["input", "state"])
        except (pa.ArrowException, OSError) as error:
            raise OutputError(
                f"{place.url}: cannot be read ({why(error)}); remove it, or take another output"
            ) from error
        for name, state in zip(table["input"].to_pylist(), table["state"].to_pylist(), strict=True):
            (self.done if state == "done" else self.failed).add(name)

    def _parts(self) -> list[Place]:
        folder = self._output.below(_MANIFEST)
        if not folder.is_folder():
            return []
        return [folder.at(path) for path in sorted(folder.store.find(folder.path)) if path.endswith(PARQUET)]
