"""What Ray Data runs: reading, painting and writing pictures, each in processes of its own or all in one."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ImageDecodeError, ImageNotFoundError, NSTError
from nst_engine.image import IMAGE_SUFFIXES, encode_image
from nst_engine.limits import ImageLimits
from nst_engine.process import keep_freed_memory
from nst_engine.ray.painter import NO_PICTURE, StylizePictures, column_of
from nst_engine.ray.parquet import PARQUET, bytes_of, part_name, table_bytes
from nst_engine.ray.storage import Place, why
from nst_engine.stylize.preprocess import timed_read
from nst_engine.stylize.side_by_side import side_by_side

Batch = dict[str, NDArray[Any]]
#: A picture of a batch.
Row = dict[str, Any]
#: The bytes of a picture, how to get them, or why they cannot be had; None: there are none.
Content = bytes | Callable[[], bytes] | Exception | None

#: Bytes of pixels that a batch is ended by: little is waiting between the stages, however large the pictures are.
_BATCH_BYTES = 24 << 20
#: Of the manifest, or of a table of results, that are written together.
_ROWS = 32
_OPAQUE = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Reading:
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
        rows: list[Row] = []
        for row, content in self.contents(batch):
            rows.append(self.decoded(row, content))
            if sum(each["image"].nbytes for each in rows) >= _BATCH_BYTES:
                yield _batch_of(rows)
                rows = []
        if rows:
            yield _batch_of(rows)

    def contents(self, batch: Batch) -> Iterator[tuple[Row, Content]]:
        """Each picture's names, and its bytes or how to get them."""
        for (source, column), of_file in groupby(range(len(batch["input"])), _file_in(batch)):
            places = list(of_file)
            contents = _contents(Place(source), column, batch["row"][places].tolist(), self.limits)
            for place in places:
                yield {"input": batch["input"][place], "output": batch["output"][place]}, next(contents)

    def decoded(self, row: Row, content: Content) -> Row:
        """The row with `image` and `alpha`, or with its `error`, and with `seconds`."""
        begun = time.perf_counter()
        try:
            picture, _ = timed_read(_bytes_of(content), self.max_side, self.limits)
        except Exception as error:  # of this picture, or of the store; stores have exceptions of their own
            made: Row = {"image": NO_PICTURE, "alpha": _OPAQUE, "error": _said(error)}
        else:
            alpha = _OPAQUE if picture.alpha is None else picture.alpha
            made = {"image": picture.pixels, "alpha": alpha, "error": ""}
        return {**row, **made, "seconds": time.perf_counter() - begun}


class Painting(StylizePictures):
    """Paints batches of `Reading`; the arguments are those of `StylizePictures`."""

    def __init__(self, **options: Any) -> None:
        keep_freed_memory()
        super().__init__(**options, on_error="record")

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
        names = list(batch)
        rows = zip(*(batch[name] for name in names), strict=True)
        return self.recorded([self.written(dict(zip(names, row, strict=True))) for row in rows])

    def written(self, row: Row) -> Row:
        """What the manifest says of a painted row; with its `content`, which was written where results are files."""
        begun, pixels, error = time.perf_counter(), row["image"], str(row["error"])
        target, content = self.output.below(str(row["output"])), b""
        if not error:
            try:
                content = self._encoded(pixels, row["alpha"], target)
            except Exception as failed:
                error = _said(failed)
        return {
            "input": str(row["input"]),
            "output": "" if error else target.url,
            "state": "failed" if error else "done",
            "error": error,
            "width": int(pixels.shape[1]),
            "height": int(pixels.shape[0]),
            "seconds": float(row["seconds"]) + time.perf_counter() - begun,
            "node": socket.gethostname(),
            "content": content,
        }

    def recorded(self, rows: list[Row]) -> Batch:
        """As a batch; where the results are a table, they are written now."""
        if self.output.url.endswith(PARQUET):
            self._write_table(rows)
        names = [name for name in (rows or [{}])[0] if name != "content"]
        return {name: np.array([row[name] for row in rows]) for name in names}

    def _encoded(self, pixels: NDArray[np.uint8], alpha: NDArray[np.uint8], target: Place) -> bytes:
        name = "." + target.url.rpartition(".")[2].lower()
        opaque = None if alpha.size == 0 else np.ascontiguousarray(alpha)
        content = encode_image(np.ascontiguousarray(pixels), IMAGE_SUFFIXES[name], alpha=opaque, quality=self.quality)
        if not self.output.url.endswith(PARQUET):
            target.write(content)
        return content

    def _write_table(self, rows: list[Row]) -> None:
        done = [row for row in rows if row["state"] == "done"]
        if not done:
            return
        names = ("input", "output", "width", "height", "content")
        columns: dict[str, list[object]] = {name: [row[name] for row in done] for name in names}
        columns["image"] = columns.pop("content")
        place = self.output.below(part_name(str(done[0]["input"])))
        try:
            place.write(table_bytes(columns))
        except NSTError as error:
            for row in done:
                row |= {"state": "failed", "error": str(error), "output": ""}


class Together:
    """Reads, paints and writes in one process, as one machine alone does it: no pixels go from process to process.

    Args:
        reading: How pictures are read.
        writing: How they are written.
        **options: Of `Painting`.
    """

    def __init__(self, reading: Reading, writing: Writing, **options: Any) -> None:
        self._painting = Painting(**options)
        self._reading, self._writing = reading, writing

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """Rows of the manifest, a few at a time; one more than the engine paints is read or written meanwhile."""
        rows: list[Row] = []
        for _, row in side_by_side(self._whole, self._reading.contents(batch), self._painting.streams + 1):
            assert not isinstance(row, NSTError)  # which are in rows
            rows.append(row)
            if len(rows) == _ROWS:  # and not by bytes: another machine shall end them at the same picture
                yield self._writing.recorded(rows)
                rows = []
        if rows:
            yield self._writing.recorded(rows)

    def _whole(self, given: tuple[Row, Content]) -> Row:
        row = self._reading.decoded(*given)
        begun = time.perf_counter()
        if not row["error"]:
            try:
                row["image"] = self._painting.painted(row["image"])
            except NSTError as error:
                row |= {"image": NO_PICTURE, "error": str(error)}
        return self._writing.written({**row, "seconds": row["seconds"] + time.perf_counter() - begun})


def _file_in(batch: Batch) -> Callable[[int], tuple[str, str]]:
    return lambda place: (str(batch["source"][place]), str(batch["column"][place]))


def _contents(place: Place, column: str, rows: list[int], limits: ImageLimits) -> Iterator[Content]:
    """Of each row, or why it cannot be read; a file is read by whoever takes it."""
    if rows[0] < 0:
        yield from (partial(place.read, limits) for _ in rows)
        return
    try:
        yield from bytes_of(place, column, rows)
        reason: Exception = ImageNotFoundError("the file has no such row any more; begin anew")
    except Exception as error:
        reason = error
    while True:  # for each row that is left
        yield reason


def _bytes_of(content: Content) -> bytes:
    if isinstance(content, Exception):
        raise content
    if content is None:
        raise ImageDecodeError("the row holds no bytes")
    return content() if callable(content) else content


def _batch_of(rows: list[Row]) -> Batch:
    arrays = ("image", "alpha")
    plain = {name: np.array([row[name] for row in rows]) for name in rows[0] if name not in arrays}
    return {**plain, **{name: column_of([row[name] for row in rows]) for name in arrays}}


def _said(error: BaseException) -> str:
    own = isinstance(error, NSTError)
    return str(error).removeprefix("<bytes>: ") if own else f"{type(error).__name__}: {why(error)}"
