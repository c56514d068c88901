"""Which pictures are found, and where their results go."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.two_nodes import write_photos
from nst_engine.errors import ImageNotFoundError, MissingDependencyError, NSTError, OptionError, OutputError
from nst_engine.limits import ImageLimits
from nst_engine.ray.inputs import Inputs, Naming, find_inputs
from nst_engine.ray.parquet import bytes_of
from nst_engine.ray.stages import Reading
from nst_engine.ray.storage import place_of

NAMING = Naming("scream")


def found(*texts: str | Path, output: str | Path = "/nowhere/out", naming: Naming = NAMING) -> Inputs:
    return find_inputs([str(text) for text in texts], place_of(str(output)), naming, ImageLimits())


def outputs(inputs: Inputs) -> list[str]:
    return sorted(result for _, result in inputs.outputs())


def test_a_folder_keeps_its_places_and_says_what_is_no_picture(tmp_path: Path) -> None:
    write_photos(tmp_path / "in/ünï::code #1?", 2)
    write_photos(tmp_path / "in/.hidden", 1)
    write_photos(tmp_path / "in/out", 1)
    (tmp_path / "in/notes.txt").write_text("a.jpg")
    (tmp_path / "in/README").write_text("")
    os.mkfifo(tmp_path / "in/pipe.png")
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff.png")).write_bytes(b"")
    inputs = found(tmp_path / "in", output=tmp_path / "in/out")
    assert outputs(inputs) == [
        "ünï::code #1?/00000_scream.png",
        "ünï::code #1?/00001_scream.png",
    ]
    assert dict(inputs.left_out) == {".txt": 1, "no suffix": 1, "name that is not UTF-8": 1, "no plain file": 1}


@pytest.mark.parametrize("source", ["in", "in/*.png", "other"])
@pytest.mark.parametrize("output", ["in", "other", "file"])
def test_the_folder_of_the_photos_is_no_output_by_whatever_name(tmp_path: Path, source: str, output: str) -> None:
    write_photos(tmp_path / "in", 1)
    (tmp_path / "other").symlink_to("in")
    to = f"file://{tmp_path}/in" if output == "file" else f"{tmp_path}/{output}/"
    with pytest.raises(OptionError, match="results would be taken for photos"):
        found(tmp_path / source, output=to)
    write_photos(tmp_path / "in/out", 1)
    inputs = found(tmp_path / "in", output=tmp_path / "other/out")
    assert outputs(inputs) == ["00000_scream.png"]


def test_an_address_of_no_store_in_a_list_is_of_one_picture(tmp_path: Path) -> None:
    write_photos(tmp_path, 1)
    (tmp_path / "all.txt").write_text("00000.png\nnix://bucket/one.png\n", encoding="utf-8")
    inputs = found(tmp_path / "all.txt")
    assert len(outputs(inputs)) == 2
    (table,) = inputs.blocks
    (batch,) = Reading(None, ImageLimits())({name: np.array(table[name].to_pylist()) for name in table.column_names})
    assert batch["error"][0] == ""
    assert "nix://bucket/one.png: there is no such kind of store" in batch["error"][1]


def test_patterns_and_lists(tmp_path: Path) -> None:
    write_photos(tmp_path / "in/a", 2)
    write_photos(tmp_path / "in/b", 1)
    assert outputs(found(tmp_path / "in/*/00000.png")) == ["a/00000_scream.png", "b/00000_scream.png"]
    listing = tmp_path / "in/all.txt"
    listing.write_text(f"a/00001.png\n\n{tmp_path}/in/b/00000.png\n", encoding="utf-8")
    assert outputs(found(listing)) == ["a/00001_scream.png", "b/00000_scream.png"]
    assert outputs(found(tmp_path / "in/a/00000.png")) == ["00000_scream.png"]


def test_a_picture_that_several_addresses_name_is_painted_once(tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 2)
    listing = tmp_path / "all.txt"
    lines = ["in/00000.png", "in/../in/00000.png", "", f"{tmp_path}/in/00001.png", "in/00001.png", "in/a\x85.png"]
    listing.write_bytes("\ufeff{}\r\n".format("\r\n".join(lines)).encode())
    inputs = found(listing, tmp_path / "in/00000.png", tmp_path / "in")
    assert outputs(inputs) == ["00000_scream.png", "00001_scream.png", "a\x85_scream.png"]
    assert inputs.blocks[0]["input"].to_pylist()[0] == f"{tmp_path}/in/00000.png"


def test_patterns_find_files_and_nothing_hidden_as_in_shells(tmp_path: Path) -> None:
    write_photos(tmp_path / "in/.cache", 1)
    write_photos(tmp_path / "in/folder.png", 1)
    write_photos(tmp_path / "in/out/_nst", 1)
    os.mkfifo(tmp_path / "in/pipe.png")
    assert outputs(found(tmp_path / "in/**")) == ["folder.png/00000_scream.png"]
    assert outputs(found(tmp_path / "in/.c*/*.png")) == [".cache/00000_scream.png"]


def test_rows_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"name": ["x/one.jpg", None, "../../two"], "image": [b"1", b"2", b"3"], "size": [1, 2, 3]})
    pq.write_table(table, tmp_path / "p.parquet", row_group_size=2)
    inputs = found(tmp_path / "p.parquet")
    assert outputs(inputs) == ["p_000000_scream.png", "p_000001_scream.png", "p_000002_scream.png"]
    assert [block["row"].to_pylist() for block in inputs.blocks] == [[0, 1], [2]]
    named = found(tmp_path / "p.parquet", naming=Naming("s", ".webp", "image", "name"))
    assert outputs(named) == ["p_000001_s.webp", "two_s.webp", "x/one_s.webp"]  # never outside of the output


def test_what_follows_a_dot_in_a_key_is_part_of_the_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"key": [1.5, 1.25], "image": [b"1", b"2"]}), tmp_path / "p.parquet")
    named = found(tmp_path / "p.parquet", naming=Naming("s", None, None, "key"))
    assert outputs(named) == ["1.25_s.png", "1.5_s.png"]


def test_many_rows_in_one_group_are_shared_by_engines_and_read_a_few_at_a_time(tmp_path: Path) -> None:
    contents = [bytes([number % 256]) * 10_000 for number in range(4_000)]
    pq.write_table(pa.table({"image": contents}), tmp_path / "p.parquet", compression="none", use_dictionary=False)
    tables = found(tmp_path / "p.parquet").in_blocks_of(32)
    assert [table.num_rows for table in tables] == [250] * 16
    place, pool = place_of(str(tmp_path / "p.parquet")), pa.default_memory_pool()
    before = pool.bytes_allocated()
    rows = bytes_of(place, "image", range(3_000, 3_250))
    assert next(rows) == contents[3_000]
    assert pool.bytes_allocated() - before < 25_000_000  # of 40; a page or two of about a thousand rows
    assert [*rows] == contents[3_001:3_250]


def test_records_of_bytes_are_found_as_well(tmp_path: Path) -> None:
    images = [{"bytes": b"1", "path": "a.jpg"}]
    pq.write_table(pa.table({"image": images, "label": [3]}), tmp_path / "p.parquet")
    assert found(tmp_path / "p.parquet").blocks[0]["column"].to_pylist() == ["image.bytes"]


@pytest.mark.parametrize(
    ("columns", "naming", "said"),
    [
        ({"a": [b"1"], "b": [b"2"]}, Naming("s"), "a, b; say which one"),
        ({"a": [1]}, Naming("s"), "has no column of bytes"),
        ({"a": [b"1"]}, Naming("s", None, "image"), "column: 'image' came"),
        ({"a": [b"1"], "n": [1]}, Naming("s", None, None, "name"), "key_column: 'name' came.*of names: n"),
        ({"a": [b"1"]}, Naming("s", None, None, "a"), "key_column: 'a' came.*of names: none"),
    ],
)
def test_columns_that_are_not_there(
    tmp_path: Path, columns: dict[str, list[object]], naming: Naming, said: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    with pytest.raises(OptionError, match=said):
        found(tmp_path / "p.parquet", naming=naming)


def test_bad_addresses(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "no.parquet").write_bytes(b"PAR1 no")
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "none.parquet")
    cases: dict[str, tuple[type[NSTError], str]] = {
        "missing": (ImageNotFoundError, "no such file"),
        "empty": (ImageNotFoundError, "no pictures in it"),
        "empty/*.png": (ImageNotFoundError, "no pictures in it"),
        "empty.txt": (ImageNotFoundError, "empty list"),
        "binary.txt": (ImageNotFoundError, "no list in UTF-8"),
        "none.parquet": (ImageNotFoundError, "no rows in it"),
        "no.parquet": (OptionError, "cannot be read as Parquet"),
    }
    for name, (kind, said) in cases.items():
        with pytest.raises(kind, match=said):
            found(tmp_path / name)
    with pytest.raises(ImageNotFoundError, match="no such kind of store"):
        found("nope://bucket/a.jpg")
    with pytest.raises(MissingDependencyError, match="pip install gcsfs"):
        found("gs://bucket/a.jpg")
    write_photos(tmp_path / "in", 1)
    with pytest.raises(OutputError, match="is a picture's name"):
        found(tmp_path / "in", output=tmp_path / "out.JPG")
    with pytest.raises(OptionError, match="an empty address came"):
        found("")


def test_two_results_of_one_name_and_results_in_the_place_of_inputs_are_refused(tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 1)
    (tmp_path / "in/00000.gif").write_bytes(b"")
    with pytest.raises(OptionError, match=r"would both be painted to 00000_scream.png"):
        found(tmp_path / "in")
    write_photos(tmp_path / "other", 1)
    (tmp_path / "other/00000_scream.png").write_bytes(b"")
    (tmp_path / "same").symlink_to("other")
    for output in ("other", "same"):
        with pytest.raises(OutputError, match="would be replaced by a result"):
            found(tmp_path / "other/00000.png", tmp_path / "other/00000_scream.png", output=tmp_path / output)
