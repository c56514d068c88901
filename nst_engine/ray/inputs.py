"""Which pictures are painted, and where each result goes: known before the work begins."""

from __future__ import annotations

import math
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pyarrow as pa

from nst_engine.errors import ImageNotFoundError, OptionError, OutputError
from nst_engine.image import IMAGE_SUFFIXES, READABLE_SUFFIXES
from nst_engine.limits import ImageLimits
from nst_engine.ray.parquet import PARQUET, rows_of
from nst_engine.ray.storage import WILDCARDS, Place, place_of, why
from nst_engine.stylize.batch import result_name
from nst_engine.wording import label_of_path, printable

#: Of text files with an address a line.
LISTS = (".txt", ".lst")
#: Of a group of rows, which may be a whole file.
_SLICES = 16
#: Of a table of files.
_ROWS = 10_000

#: Of a picture: what the manifest calls it; the address of its file; its row there, -1 where the file is the picture;
#: the column of that file with the bytes; where its result goes, below the output.
SCHEMA = pa.schema(
    [
        ("input", pa.string()),
        ("source", pa.string()),
        ("row", pa.int64()),
        ("column", pa.string()),
        ("output", pa.string()),
    ]
)


@dataclass(frozen=True)
class Naming:
    """How results are called.

    Attributes:
        label: Appended to each name, such as the style's.
        suffix: Of all results; None: that of the input, or .png.
        column: Of .parquet files: where the bytes are; None: the only column of bytes.
        key: Of .parquet files: the column with the pictures' names; None: named after file and row.
    """

    label: str
    suffix: str | None = None
    column: str | None = None
    key: str | None = None

    def result_of(self, relative: str) -> str:
        """`cats/one_scream.jpg` for `cats/one.jpg`; never outside of the output's folder."""
        folder, name = posixpath.split(posixpath.normpath("/" + relative).lstrip("/"))
        if PurePosixPath(name).suffix.lower() not in READABLE_SUFFIXES:
            name += ".png"  # what follows a dot in a key, such as 1.5, is no suffix
        result = PurePosixPath(result_name(Path(name), self.label))
        return posixpath.join(folder, str(result if self.suffix is None else result.with_suffix(self.suffix)))


@dataclass
class Inputs:
    """The pictures of a run.

    Attributes:
        blocks: Tables of `SCHEMA`; the rows of a block are best read together.
        left_out: What lies in folders and is no picture, by suffix.
    """

    blocks: list[pa.Table] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Of pictures."""
        return sum(block.num_rows for block in self.blocks)

    def outputs(self) -> Iterator[tuple[str, str]]:
        """Each input with its result's place below the output."""
        for block in self.blocks:
            yield from zip(block["input"].to_pylist(), block["output"].to_pylist(), strict=True)

    def without(self, inputs: set[str]) -> Inputs:
        """Those that are not among `inputs`."""
        keep = [[name not in inputs for name in block["input"].to_pylist()] for block in self.blocks]
        blocks = [block.filter(pa.array(mask)) for block, mask in zip(self.blocks, keep, strict=True) if any(mask)]
        return Inputs(blocks, self.left_out)

    def in_blocks_of(self, largest: int) -> list[pa.Table]:
        """The files in small blocks, as many as keep all engines busy; those of a group of rows are few.

        For whoever reads the last rows of a group reads past all others.
        """
        tables: list[pa.Table] = []
        for block in self.blocks:
            is_files = block.num_rows > 0 and block["row"][0].as_py() < 0
            step = largest if is_files else max(largest, math.ceil(block.num_rows / _SLICES))
            tables += [block.slice(first, step) for first in range(0, block.num_rows, step)]
        return tables


def find_inputs(texts: Sequence[str], output: Place, naming: Naming, limits: ImageLimits) -> Inputs:
    """The pictures that addresses name; one that several name is painted once.

    Args:
        texts: Each a picture, a folder, a pattern such as photos/*.jpg, a list (.txt or .lst, an address a line), or a
            .parquet file with the bytes of pictures; here or in a store.
        output: Where the results go; what lies below it is passed over where inputs lie around it.
        naming: Of the results.
        limits: Of the length of a list.

    Raises:
        ImageNotFoundError: There is nothing of that name, or no picture in it.
        OptionError: Two results would have one name; or a .parquet file has no such column.
        OutputError: The output is called as a picture is; or a result would replace an input.
    """
    if PurePosixPath(output.url).suffix.lower() in IMAGE_SUFFIXES and not output.is_folder():
        raise OutputError(f"{output.url}: is a picture's name, and results go to a folder or to a .parquet; take one")
    inputs, found = Inputs(), set[str]()
    for text in texts:
        files = _no_rows()
        for source, relative in _files_of(text, output, inputs.left_out, limits):
            if source.url in found:
                continue
            found.add(source.url)
            if PurePosixPath(relative).suffix.lower() == PARQUET:
                inputs.blocks += [
                    _of_rows(group, relative, naming) for group in rows_of(source, naming.column, naming.key)
                ]
            else:
                _add(files, source.url, source.url, -1, "", naming.result_of(relative))
            if len(files["input"]) == _ROWS:  # strings take several times the memory of a table
                inputs.blocks.append(pa.table(files, SCHEMA))
                files = _no_rows()
        if files["input"]:
            inputs.blocks.append(pa.table(files, SCHEMA))
    if inputs.count == 0:
        raise ImageNotFoundError(f"{', '.join(texts)}: no rows in it, and pictures were wanted")
    _check_names(inputs, output)
    return inputs


def _files_of(text: str, output: Place, left_out: Counter[str], limits: ImageLimits) -> Iterator[tuple[Place, str]]:
    """Files, each with its place below what was named."""
    place = place_of(text)
    if not _is_text(text):
        raise ImageNotFoundError(f"{label_of_path(text)}: has a name that is not UTF-8; rename it")
    try:
        if place.is_file():
            if PurePosixPath(place.path).suffix.lower() in LISTS:
                yield from _listed(place, limits)
            else:
                yield place, posixpath.basename(place.path)
            return
        if place.is_folder():
            root, paths = place, list(place.files())
        elif WILDCARDS & set(place.path):
            root, paths = place.matches()
        else:
            raise ImageNotFoundError(f"{text}: there is no such file or folder; check the address")
        yield from _pictures_among(paths, text, root, output, left_out)
    except (OSError, ValueError) as error:
        if isinstance(error, ImageNotFoundError | OptionError):
            raise
        raise ImageNotFoundError(
            f"{text}: cannot be listed ({why(error)}); check the address and the rights"
        ) from error


def _pictures_among(
    paths: Sequence[str], text: str, root: Place, output: Place, left_out: Counter[str]
) -> Iterator[tuple[Place, str]]:
    if root.resolved == output.resolved:
        raise OptionError(f"{text}: is the output as well, and results would be taken for photos; take another")
    is_inside = output.resolved.startswith(root.resolved + "/")
    own = f"{root.path}{output.resolved[len(root.resolved) :]}/" if is_inside else None
    has_pictures = False
    for path in paths:
        if own is not None and path.startswith(own):
            continue
        suffix = PurePosixPath(path).suffix.lower()
        if not _is_text(path):
            left_out["name that is not UTF-8"] += 1
        elif root.is_local and not Path(path).is_file():  # nobody waits at a pipe
            left_out["no plain file"] += 1
        elif suffix in READABLE_SUFFIXES or suffix == PARQUET:
            has_pictures = True
            yield root.at(path), path[len(root.path) :].lstrip("/")
        else:
            left_out[suffix or "no suffix"] += 1
    if not has_pictures:
        raise ImageNotFoundError(f"{text}: no pictures in it ({', '.join((*READABLE_SUFFIXES, PARQUET))})")


def _listed(place: Place, limits: ImageLimits) -> Iterator[tuple[Place, str]]:
    """What a list names: addresses, relative ones from where the list lies."""
    try:
        lines = place.read(limits).decode("utf-8-sig").split("\n")  # nothing else ends a name
    except UnicodeDecodeError as error:
        raise ImageNotFoundError(f"{place.url}: is no list in UTF-8 with an address a line") from error
    folder = place.at(posixpath.dirname(place.path))
    places = [_from(folder, line.strip()) for line in lines if line.strip()]
    if not places:
        raise ImageNotFoundError(f"{place.url}: is an empty list; wanted an address a line")
    paths = [_path_of(each) for each in places]
    roots = {posixpath.isabs(path) for path in paths}
    shared = posixpath.dirname(paths[0]) if len(paths) == 1 else posixpath.commonpath(paths) if len(roots) == 1 else ""
    for each, path in zip(places, paths, strict=True):
        yield each, path[len(shared) :].lstrip("/") or posixpath.basename(path)


def _path_of(place: Place) -> str:
    """As its store calls it; of an address of no store, the part that may be one."""
    try:
        return place.path
    except ImageNotFoundError:  # recorded when it cannot be read
        return place.url.partition("://")[2]


def _from(folder: Place, text: str) -> Place:
    named = place_of(text)
    is_relative = "://" not in text and not posixpath.isabs(text.replace("\\", "/")) and not Path(text).is_absolute()
    if not is_relative:
        return named
    return place_of(posixpath.join(folder.path, text)) if folder.is_local else folder.below(text)


def _is_text(path: str) -> bool:
    """Whether tables can hold it: Linux takes any bytes for a name."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_rows(group: tuple[Place, str, list[tuple[int, str]]], relative: str, naming: Naming) -> pa.Table:
    source, column, names = group
    rows = _no_rows()
    stem = relative.removesuffix(PurePosixPath(relative).suffix)
    for row, name in names:
        _add(rows, f"{source.url}#{row}", source.url, row, column, naming.result_of(name or f"{stem}_{row:06d}"))
    return pa.table(rows, SCHEMA)


def _no_rows() -> dict[str, list[object]]:
    return {name: [] for name in SCHEMA.names}


def _add(rows: dict[str, list[object]], *values: object) -> None:
    for name, value in zip(SCHEMA.names, values, strict=True):
        rows[name].append(value)


def _check_names(inputs: Inputs, output: Place) -> None:
    """No two results of one name, and none that is an input's."""
    by_output: dict[str, str] = {}
    for name, result in inputs.outputs():
        other = by_output.setdefault(result, name)
        if other != name:
            raise OptionError(
                f"{printable(other)} and {printable(name)} would both be painted to {printable(result)}; rename one of "
                "them, or paint them in two runs"
            )
    folders = tuple(f"{name.rstrip('/')}/" for name in {output.url, output.resolved})
    for block in inputs.blocks:
        for source in block["source"].to_pylist():
            if any(source.startswith(each) and source[len(each) :] in by_output for each in folders):
                raise OutputError(f"{printable(source)}: would be replaced by a result; choose another output")


def suffix_of(image_format: str | None) -> str | None:
    """`.jpg` for `jpg`.

    Raises:
        OptionError: No picture can be written so.
    """
    if image_format is None:
        return None
    suffix = f".{image_format.lower().lstrip('.')}"
    if suffix not in IMAGE_SUFFIXES:
        names = ", ".join(each[1:] for each in IMAGE_SUFFIXES)
        raise OptionError(f"{image_format!r} came; choose one of {names}", option="image_format")
    return suffix
