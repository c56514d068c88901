"""Pictures as bytes in Parquet: which rows there are, and reading them."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nst_engine.errors import OptionError
from nst_engine.ray.storage import Place, why

PARQUET = ".parquet"
#: Rows read at once.
_ROWS = 8
_BUFFER_BYTES = 1 << 20
_PART = re.compile(rf"part-[0-9a-f]{{24}}{re.escape(PARQUET)}")


def part_name(first_input: str) -> str:
    """Of the file with the results of a batch: the same when the batch is painted again."""
    return f"part-{hashlib.sha256(first_input.encode()).hexdigest()[:24]}{PARQUET}"


def parts_of(table: Place) -> list[Place]:
    """The files with results, as `part_name` calls them, that are in an output."""
    files = table.files() if table.is_folder() else ()
    return [table.at(path) for path in files if _PART.fullmatch(posixpath.basename(path))]


def rows_of(place: Place, column: str | None, key: str | None) -> Iterator[tuple[Place, str, list[tuple[int, str]]]]:
    """The rows of each group of a file, with their names.

    Args:
        place: Of the file.
        column: With the bytes; None: the only one that holds bytes.
        key: With the names; None: rows have none.

    Yields:
        The file, the column with the bytes, and number and name of each row; an empty name where there is none.

    Raises:
        OptionError: It is no Parquet file, or has no such column.
    """
    try:
        with place.open() as opened, pq.ParquetFile(opened) as file:
            found = _column_of(place, file.schema_arrow, column)
            keys = [field.name for field in file.schema_arrow if not (_is_bytes(field.type) or field.type.num_fields)]
            if key is not None and key not in keys:
                raise OptionError(
                    f"{key!r} came; {place.url} has these columns of names: {', '.join(keys) or 'none'}",
                    option="key_column",
                )
            first = 0
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                names = [""] * count
                if key is not None:
                    values = file.read_row_group(group, columns=[key])[key].to_pylist()
                    names = ["" if value is None else str(value) for value in values]
                yield place, found, list(zip(range(first, first + count), names, strict=True))
                first += count
    except (pa.ArrowException, OSError) as error:
        raise OptionError(f"{place.url}: cannot be read as Parquet ({why(error)})") from error


def bytes_of(place: Place, column: str, rows: Sequence[int]) -> Iterator[bytes | None]:
    """The bytes in some rows, which are in order; None: the row has none. Few rows are in memory at once.

    Raises:
        OSError: The file cannot be read; `pyarrow.ArrowException` likewise.
    """
    wanted = iter(rows)
    following = next(wanted, None)
    # a small buffer, or a whole group of rows would be in memory, which may be the whole file
    with place.open() as opened, pq.ParquetFile(opened, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
        groups, first = _groups_with(file, rows)
        for batch in file.iter_batches(batch_size=_ROWS, row_groups=groups, columns=[column]):
            values = batch.column(0)
            if pa.types.is_struct(values.type):
                values = values.field("bytes")
            while following is not None and following < first + batch.num_rows:
                yield values[following - first].as_py()
                following = next(wanted, None)
            first += batch.num_rows


def table_bytes(columns: dict[str, list[Any]], schema: pa.Schema | None = None) -> bytes:
    """A small table, as a file."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _groups_with(file: pq.ParquetFile, rows: Sequence[int]) -> tuple[list[int], int]:
    """The groups from that of the first row to that of the last one, and the number of their first row."""
    groups, begin, first = [], 0, None
    for group in range(file.num_row_groups):
        end = begin + file.metadata.row_group(group).num_rows
        if rows and begin <= rows[-1] and end > rows[0]:
            first = begin if first is None else first
            groups.append(group)
        begin = end
    return groups, first or 0


def _column_of(place: Place, schema: pa.Schema, column: str | None) -> str:
    """Such as `image`, or `image.bytes` where that is a record, as Hugging Face writes it."""
    candidates: dict[str, str] = {field.name: field.name for field in schema if _is_bytes(field.type)}
    for each in schema:
        if pa.types.is_struct(each.type) and any(part.name == "bytes" and _is_bytes(part.type) for part in each.type):
            candidates[each.name] = posixpath.extsep.join((each.name, "bytes"))
    if column in candidates:
        return candidates[column]
    if not candidates:
        raise OptionError(f"{place.url}: has no column of bytes, and one with the files of pictures was wanted")
    names = ", ".join(candidates)
    if column is not None:
        raise OptionError(f"{column!r} came; {place.url} has these columns of bytes: {names}", option="column")
    if len(candidates) != 1:
        raise OptionError(f"{place.url}: has these columns of bytes: {names}; say which one: `column='NAME'`")
    return next(iter(candidates.values()))


def _is_bytes(kind: pa.DataType) -> bool:
    return any(is_one(kind) for is_one in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view))
