"""What Ray Data runs: reading, painting and writing pictures, each in processes of its own."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageDecodeError, NSTError
from nst_engine.image import IMAGE_SUFFIXES, encode_image
from nst_engine.limits import ImageLimits
from nst_engine.process import keep_freed_memory
from nst_engine.ray.painter import NO_PICTURE, StylizePictures, column_of
from nst_engine.ray.parquet import PARQUET, bytes_of, table_bytes
from nst_engine.ray.storage import Place, why
from nst_engine.stylize.preprocess import timed_read

Batch = dict[str, NDArray[Any]]

#: Bytes of pixels that a batch is ended by: little is waiting between the stages, however large the pictures are.
_BATCH_BYTES = 24 << 20
_OPAQUE = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Decoding:
    """Reads pictures: rows of `inputs.SCHEMA` become pixels.

    Attributes:
        max_side: Larger pictures are shrunk to this longer side, px; None: none are.
        limits: What is refused before it is decoded.
    """

    max_side: int | None
    limits: ImageLimits

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """Pixels, in small batches; what cannot be read has its `error`, and nothing is raised."""
        keep_freed_memory()
        rows: list[dict[str, Any]] = []
        for row in self._rows(batch):
            rows.append(row)
            if sum(each["image"].nbytes for each in rows) >= _BATCH_BYTES:
                yield _batch_of(rows)
                rows = []
        if rows:
            yield _batch_of(rows)

    def _rows(self, batch: Batch) -> Iterator[dict[str, Any]]:
        for (source, column), of_file in groupby(range(len(batch["input"])), _file_in(batch)):
            places = list(of_file)
            contents = _contents(Place(source), column, batch["row"][places].tolist(), self.limits)
            for place in places:
                begun = time.perf_counter()
                row = {"input": batch["input"][place], "output": batch["output"][place], "error": ""}
                yield {**row, **self._decoded(next(contents)), "seconds": time.perf_counter() - begun}

    def _decoded(self, content: bytes | Exception | None) -> dict[str, Any]:
        error = ImageDecodeError("the row holds no bytes") if content is None else content
        if isinstance(error, bytes):
            try:
                picture, _ = timed_read(error, self.max_side, self.limits)
            except (NSTError, MemoryError) as failed:
                error = failed
            else:
                return {"image": picture.pixels, "alpha": _OPAQUE if picture.alpha is None else picture.alpha}
        return {"image": NO_PICTURE, "alpha": _OPAQUE, "error": _said(error)}


class Painting(StylizePictures):
    """Paints batches of `Decoding`."""

    def __call__(self, batch: Batch) -> Batch:
        """See `StylizePictures`; the seconds of the batch are divided evenly."""
        begun = time.perf_counter()
        painted = super().__call__(batch)
        seconds = (time.perf_counter() - begun) / max(1, len(batch["input"]))
        return {**painted, "seconds": batch["seconds"] + seconds}


@dataclass(frozen=True)
class Writing:
    """Writes batches of `Painting`.

    Attributes:
        output: A folder; or, where it ends in .parquet, that of a table with the bytes of the results.
        quality: Of JPEG, WebP, AVIF and HEIC.
    """

    output: Place
    quality: int

    def __call__(self, batch: Batch) -> Batch:
        """A row of the manifest for each picture; nothing is raised."""
        keep_freed_memory()
        outcomes = [self._outcome(batch, place) for place in range(len(batch["input"]))]
        if self.output.url.endswith(PARQUET):
            self._write_table(outcomes)
        for outcome in outcomes:
            outcome.pop("content")
        return {name: np.array([outcome[name] for outcome in outcomes]) for name in (outcomes or [{}])[0]}

    def _outcome(self, batch: Batch, place: int) -> dict[str, Any]:
        begun, pixels, error = time.perf_counter(), batch["image"][place], str(batch["error"][place])
        target, content = self.output.below(str(batch["output"][place])), b""
        if not error:
            try:
                content = self._encoded(pixels, batch["alpha"][place], target)
            except Exception as failed:
                error = _said(failed)
        return {
            "input": str(batch["input"][place]),
            "output": "" if error else target.url,
            "state": "failed" if error else "done",
            "error": error,
            "width": int(pixels.shape[1]),
            "height": int(pixels.shape[0]),
            "seconds": float(batch["seconds"][place]) + time.perf_counter() - begun,
            "node": socket.gethostname(),
            "content": content,
        }

    def _encoded(self, pixels: NDArray[np.uint8], alpha: NDArray[np.uint8], target: Place) -> bytes:
        """Written already, where each result is a file."""
        name = "." + target.url.rpartition(".")[2].lower()
        opaque = None if alpha.size == 0 else np.ascontiguousarray(alpha)
        content = encode_image(np.ascontiguousarray(pixels), IMAGE_SUFFIXES[name], alpha=opaque, quality=self.quality)
        if not self.output.url.endswith(PARQUET):
            target.write(content)
        return content

    def _write_table(self, outcomes: list[dict[str, Any]]) -> None:
        done = [outcome for outcome in outcomes if outcome["state"] == "done"]
        if not done:
            return
        names = ("input", "output", "width", "height", "content")
        columns: dict[str, list[object]] = {name: [outcome[name] for outcome in done] for name in names}
        columns["image"] = columns.pop("content")
        place = self.output.below(part_name(str(done[0]["input"])))
        try:
            place.write(table_bytes(columns))
        except NSTError as error:
            for outcome in done:
                outcome |= {"state": "failed", "error": str(error), "output": ""}


def _file_in(batch: Batch) -> Callable[[int], tuple[str, str]]:
    return lambda place: (str(batch["source"][place]), str(batch["column"][place]))


def _contents(place: Place, column: str, rows: list[int], limits: ImageLimits) -> Iterator[bytes | Exception | None]:
    """Of each row, or why it cannot be read: each store has exceptions of its own."""
    try:
        if rows[0] >= 0:
            yield from bytes_of(place, column, rows)
        for _ in rows:
            yield place.read(limits)
    except Exception as error:
        while True:  # a file that cannot be read, for each of its rows
            yield error


def _batch_of(rows: list[dict[str, Any]]) -> Batch:
    arrays = ("image", "alpha")
    plain = {name: np.array([row[name] for row in rows]) for name in rows[0] if name not in arrays}
    return {**plain, **{name: column_of([row[name] for row in rows]) for name in arrays}}


def _said(error: BaseException) -> str:
    own = isinstance(error, NSTError)
    return str(error).removeprefix("<bytes>: ") if own else f"{type(error).__name__}: {why(error)}"


def part_name(first_input: str) -> str:
    """Of the file with the results of a batch: the same when the batch is painted again."""
    return f"part-{hashlib.sha256(first_input.encode()).hexdigest()[:24]}{PARQUET}"
