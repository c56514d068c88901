"""Many pictures on a cluster of two nodes, of which one is killed."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.two_nodes import TwoNodes, write_photos
from nst_engine import Stylizer
from nst_engine.cli.main import main
from nst_engine.errors import NSTError, OptionError, OutputError
from nst_engine.image import encode_image, load_image
from nst_engine.ray import ClusterOptions, ClusterProgress, ClusterResult, hold, stylize_pictures
from nst_engine.ray.manifest import Manifest
from nst_engine.ray.parquet import part_name
from nst_engine.ray.storage import place_of
from nst_engine.runtimes.options import SessionOptions

MODEL = "bundled:live"


def paint(source: str | Path, output: str | Path, style: str = "scream", **options: Any) -> ClusterResult:
    on_progress = options.pop("on_progress", None)
    return stylize_pictures(
        str(source), str(output), style, model=MODEL, options=ClusterOptions(**options), on_progress=on_progress
    )


def manifest_of(output: str | Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(Path(output) / "_nst/manifest").to_pylist()
    return rows


def engines() -> list[int]:
    """Processes of engines, by the name that Ray gives them."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::MapWorker(MapBatches(" in process.read_bytes():
                found.append(int(process.parent.name))
        except OSError:
            continue
    return found


def test_a_killed_worker_and_a_killed_node_lose_nothing(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 400, height=12, width=16)
    (tmp_path / "in/broken.png").write_bytes((tmp_path / "in/00000.png").read_bytes()[:60])
    killed: list[str] = []

    def kill(progress: ClusterProgress) -> None:
        if progress.done > 60 and not killed:
            os.kill(engines()[0], signal.SIGKILL)
            killed.append("worker")
        if progress.done > 180 and len(killed) == 1:
            threading.Thread(target=two_nodes.kill_second).start()
            killed.append("node")

    result = paint(tmp_path / "in", tmp_path / "out", on_progress=kill, engine_threads=1)
    assert killed == ["worker", "node"]
    assert (result.done, result.failed, result.before) == (400, 1, 0)
    rows = manifest_of(tmp_path / "out")
    assert Counter(row["state"] for row in rows) == {"done": 400, "failed": 1}
    assert len({row["input"] for row in rows}) == 401
    (failed,) = (row for row in rows if row["state"] == "failed")
    assert failed["input"].endswith("/broken.png")
    assert "truncated" in failed["error"] or "damaged" in failed["error"]
    for row in rows[::20]:
        if row["state"] == "done":
            assert load_image(row["output"]).pixels.shape == (12, 16, 3)
            assert row["seconds"] > 0
    assert len(list((tmp_path / "out").glob("*_scream.png"))) == 400


def test_a_killed_run_goes_on_and_does_nothing_twice(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 200, height=60, width=80)
    command = [sys.executable, "-m", "nst_engine", "cluster", "stylize", "in", "out", "--style", "scream"]
    command += ["--model", "live", "--address", two_nodes.address]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    while len(list((tmp_path / "out").glob("*.png"))) < 40:
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    run.kill()
    run.communicate()
    time.sleep(1.0)  # what its workers had begun, they may finish
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    assert 40 <= len(before) < 200
    with pytest.raises(OptionError, match="holds a run already; go on with it"):
        paint(tmp_path / "in", tmp_path / "out")
    with pytest.raises(OptionError, match=r"style: .*scream.* then, .*poppies.* now"):
        paint(tmp_path / "in", tmp_path / "out", "poppies", resume=True)
    result = paint(tmp_path / "in", tmp_path / "out", resume=True)
    assert (result.done, result.before, result.failed) == (200 - len(before), len(before), 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len({row["input"] for row in manifest_of(tmp_path / "out")}) == 200
    assert not list((tmp_path / "out").rglob("*.part"))


def test_results_are_those_of_one_machine_and_of_failures_all_is_told(
    two_nodes: TwoNodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photos(tmp_path / "in", 3)
    transparent = np.full((20, 30, 3), 90, np.uint8)
    alpha = np.tile(np.arange(30, dtype=np.uint8), (20, 1))
    (tmp_path / "in/alpha.webp").write_bytes(encode_image(transparent, "webp", alpha=alpha))
    (tmp_path / "in/empty.jpg").write_bytes(b"")
    (tmp_path / "in/text.png").write_text("no picture")
    (tmp_path / "in/notes.txt").write_text("")
    arguments = ["cluster", "stylize", str(tmp_path / "in"), str(tmp_path / "out"), "--style", "scream"]
    assert main([*arguments, "--model", "live", "--address", two_nodes.address]) == 3
    said = capsys.readouterr()
    assert "4 pictures" in said.out
    assert "left out: 1 × .txt" in said.err
    assert "empty.jpg: is empty" in said.err
    assert "2 pictures could not be painted" in said.err
    with Stylizer(MODEL, threads=1) as stylizer:
        for name in ("00000.png", "00001.png", "00002.png"):
            painted = load_image(tmp_path / "out" / name.replace(".", "_scream.")).pixels
            assert np.array_equal(painted, stylizer.stylize(tmp_path / "in" / name, "scream").pixels)
    assert load_image(tmp_path / "out/alpha_scream.webp").alpha is not None
    assert main([*arguments, "--model", "live", "--resume"]) == 0  # and no cluster is asked
    assert "6 done before, skipped" in capsys.readouterr().err
    assert main([*arguments, "--model", "live", "--resume", "--retry-failed", "--address", two_nodes.address]) == 3
    assert "2 pictures could not be painted" in capsys.readouterr().err


def test_what_no_cluster_has_room_for_is_told_before_anything_is_written(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 1)
    with pytest.raises(OptionError, match="need 2 cores were asked for, and no node has more than 1;"):
        paint(tmp_path / "in", tmp_path / "out", engine_threads=2)
    with pytest.raises(OptionError, match="no node has a GPU"):
        stylize_pictures(str(tmp_path / "in"), tmp_path / "out", "scream", session=SessionOptions(device="cuda"))
    assert not (tmp_path / "out").exists()


def test_engines_on_gpus_are_started_and_say_what_they_miss(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 1)
    with two_nodes.a_gpu_said(), pytest.raises(NSTError, match="cuda"):
        stylize_pictures(str(tmp_path / "in"), tmp_path / "out", "scream", session=SessionOptions(device="cuda"))


def test_a_pipe_among_the_inputs_is_not_waited_for(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 1)
    os.mkfifo(tmp_path / "in/pipe.png")
    (tmp_path / "all.txt").write_text("in/00000.png\nin/pipe.png\nin\nin/none.png")
    result = paint(tmp_path / "all.txt", tmp_path / "out")
    assert result.done == 1
    assert {Path(name).name: error.partition(";")[0] for name, error in result.failures.items()} == {
        "pipe.png": "is a named pipe, not a file",
        "in": "is a folder, not a file",
        "none.png": "no such file",
    }


def test_results_of_others_are_not_replaced(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/00000_scream.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="1 results are there already"):
        paint(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out/00000_scream.png").read_bytes() == b"mine"
    assert not (tmp_path / "out/_nst").exists()
    assert paint(tmp_path / "in", tmp_path / "out", overwrite=True, stages="apart").done == 2
    assert load_image(tmp_path / "out/00000_scream.png").pixels.shape == (40, 56, 3)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that live change their sign sooner, and others wait less for that."""
    monkeypatch.setattr(hold, "_BEAT_S", 0.3)
    monkeypatch.setattr(hold, "_PATIENCE_S", 1.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_two_runs_do_not_paint_into_one_output(two_nodes: TwoNodes, tmp_path: Path, kind: str) -> None:
    output = str(tmp_path / "out")
    if kind == "bucket":
        fsspec.filesystem("s3").mkdir("twice")
        output = "s3://twice/out"
    write_photos(tmp_path / "in", 40)
    refused: list[str] = []

    def begin_another(progress: ClusterProgress) -> None:
        if not refused:
            with pytest.raises(OutputError) as error:
                paint(tmp_path / "in", output, resume=True)
            refused.append(str(error.value))

    result = paint(tmp_path / "in", output, on_progress=begin_another)
    assert (result.done, result.failed) == (40, 0)
    assert "out: another run is painting into it" in refused[0]
    assert paint(tmp_path / "in", output, resume=True).before == 40


@pytest.mark.usefixtures("impatient")
def test_a_sign_that_is_written_anew_while_it_is_read_is_of_a_run_that_lives(two_nodes: TwoNodes) -> None:
    store, is_over = fsspec.filesystem("s3"), threading.Event()
    store.mkdir("busy")

    def sign() -> None:
        for number in itertools.count():
            store.pipe_file("busy/out/_nst/running.json", f'{{"sign": {number}}}'.encode())
            if is_over.is_set():
                return

    writer = threading.Thread(target=sign)
    writer.start()
    try:
        while not store.exists("busy/out/_nst/running.json"):
            pass
        for _ in range(3):
            with (
                pytest.raises(OutputError, match="out: another run is painting into it"),
                hold.held(place_of("s3://busy/out")),
            ):
                pass
    finally:
        is_over.set()
        writer.join()


@pytest.mark.usefixtures("impatient")
def test_what_a_dead_run_has_left_in_a_bucket_stops_nobody(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 2)
    store = fsspec.filesystem("s3")
    store.mkdir("dead")
    store.pipe_file("dead/out/_nst/running.json", b'{"node": "gone"}')
    assert paint(tmp_path / "in", "s3://dead/out").done == 2
    assert not store.exists("dead/out/_nst/running.json")


def test_a_damaged_record_is_no_reason_not_to_begin_anew(tmp_path: Path) -> None:
    record = tmp_path / "out/_nst/run.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"model": ')
    place, run = place_of(str(tmp_path / "out")), {"model": "m", "version": "1"}
    with pytest.raises(OutputError, match=r"run.json: cannot be read"):
        Manifest(place, run, resume=True, overwrite=False)
    manifest = Manifest(place, run, resume=False, overwrite=True)
    with manifest.recording():
        manifest.add([{"input": "a", "output": "b", "state": "done"}])
    assert Manifest(place, run, resume=True, overwrite=False).done == {"a"}


def test_parts_of_a_table_that_is_begun_anew_do_not_stay_beside_the_new(tmp_path: Path) -> None:
    """Which parts there are depends on the number of engines."""
    table, run = place_of(str(tmp_path / "out.parquet")), {"model": "m", "version": "1"}
    for name in (part_name("a"), "mine.parquet"):
        table.below(name).write(b"rows")
    with Manifest(table, run, resume=False, overwrite=False).recording():
        assert table.below(part_name("a")).is_file()
    with Manifest(table, run, resume=True, overwrite=False).recording():
        assert table.below(part_name("a")).is_file()
    with Manifest(table, run, resume=False, overwrite=True).recording():
        assert [Path(path).name for path in table.files()] == ["mine.parquet"]


def test_a_bucket_is_painted_into_a_bucket(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 3)
    store = fsspec.filesystem("s3")
    store.mkdir("photos")
    for path in sorted((tmp_path / "in").iterdir()):
        store.pipe_file(f"photos/2024/{path.name}", path.read_bytes())
    store.pipe_file("photos/2024/broken.jpg", b"\xff\xd8 no")
    result = paint("s3://photos/2024", "s3://photos/painted")
    assert (result.done, result.failed) == (3, 1)
    with Stylizer(MODEL, threads=1) as stylizer:
        wanted = stylizer.stylize(tmp_path / "in/00001.png", "scream").pixels
    assert np.array_equal(load_image(store.cat_file("photos/painted/00001_scream.png")).pixels, wanted)
    rows = pq.read_table("photos/painted/_nst/manifest", filesystem=store).to_pylist()
    assert sorted(row["input"] for row in rows)[0] == "s3://photos/2024/00000.png"
    assert paint("s3://photos/2024", "s3://photos/painted", resume=True).before == 4
    one = stylize_pictures(
        "s3://photos/2024/*1.png", tmp_path / "here", "scream", model=MODEL, options=ClusterOptions(image_format="jpg")
    )
    assert (one.done, one.output) == (1, str(tmp_path / "here"))
    assert (tmp_path / "here/00001_scream.jpg").is_file()


def test_a_table_of_one_group_is_written_a_few_rows_at_a_time(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 1, height=12, width=16)
    (photo,) = (tmp_path / "in").iterdir()
    pq.write_table(pa.table({"image": [photo.read_bytes()] * 600}), tmp_path / "photos.parquet")
    assert paint(tmp_path / "photos.parquet", tmp_path / "out.parquet").done == 600
    parts = [pq.read_metadata(path).num_rows for path in (tmp_path / "out.parquet").glob("*.parquet")]
    assert (sum(parts), max(parts)) == (600, 32)


def test_bytes_in_parquet_become_bytes_in_parquet(two_nodes: TwoNodes, tmp_path: Path) -> None:
    write_photos(tmp_path / "in", 5)
    contents: list[bytes | None] = [path.read_bytes() for path in sorted((tmp_path / "in").iterdir())]
    contents[3] = None
    pq.write_table(pa.table({"image": contents}), tmp_path / "photos.parquet", row_group_size=3)
    result = paint(tmp_path / "photos.parquet", tmp_path / "out.parquet", stages="apart")
    assert (result.done, result.failed) == (4, 1)
    assert list(result.failures.values()) == ["the row holds no bytes"]
    table = {row["input"]: row["image"] for row in pq.read_table(tmp_path / "out.parquet").to_pylist()}
    with Stylizer(MODEL, threads=1) as stylizer:
        wanted = stylizer.stylize(tmp_path / "in/00004.png", "scream").pixels
    assert np.array_equal(load_image(table[f"{tmp_path}/photos.parquet#4"]).pixels, wanted)
    (tmp_path / "out.parquet/_nst/manifest").rename(tmp_path / "lost")  # killed before it was written
    again = paint(tmp_path / "photos.parquet", tmp_path / "out.parquet", resume=True)
    assert (again.done, again.before, again.failed) == (0, 4, 1)
