"""`nst bench` as it is typed: its forms, what it writes, what it refuses. No test looks at how fast anything is."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nst_engine
from nst_engine.catalogue import style_path
from nst_engine.cli.main import main
from nst_engine.models.find import bundled_models

from .running import code_of, nst, started

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
SHORT = ("--seconds", "0.02", "--threads", "1", "--sizes", "64x48")
PRODUCT = ("stylizer", "stylizer-jpeg")
COMPILERLESS = {"PATH": "/nowhere", "CXX": ""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one run by all backends, `torch-compile` without the compiler it needs: it would take a minute."""
    folder = tmp_path_factory.mktemp("bench")
    outputs = ("-o", "a.json", "--markdown", "a.md", "--plot", "a.svg")
    completed = nst(
        "bench", *SHORT, "--model", "live", "--batch", 2, "--style", "scream", *outputs, cwd=folder, **COMPILERLESS
    )
    (folder / "stdout").write_text(completed.stdout)
    (folder / "stderr").write_text(completed.stderr)
    assert completed.returncode == 0, completed.stderr
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((folder / "a.json").read_text())
    return stored


def test_every_backend_paints_what_onnx_runtime_paints(report: dict[str, Any]) -> None:
    measured = {row["case"]["backend"]: row for row in report["rows"] if row["times_ms"]}
    assert {*PRODUCT, "onnxruntime-cpu", "openvino", "opencv-dnn", "torch-eager"} <= measured.keys()
    for name, row in measured.items():
        assert row["figures"]["psnr_db"] >= (30 if name == "stylizer-jpeg" else 35)
        assert not row["is_wrong"]
        assert row["times_fastest"] >= 1
    assert min(row["times_fastest"] for row in measured.values()) == 1


def test_every_single_time_is_kept_and_the_stages_are_the_whole(report: dict[str, Any]) -> None:
    for row in report["rows"]:
        times = {stage: np.array(values) for stage, values in row["times_ms"].items()}
        assert len(times["total"]) == row["summary_ms"]["count"] >= 5
        stages = sum(values for stage, values in times.items() if stage != "total")
        np.testing.assert_allclose(stages, times["total"], atol=1e-4)
        assert {"preprocess", "inference", "postprocess"} < times.keys()
        assert ({"decode", "encode"} < times.keys()) == (row["case"]["backend"] == "stylizer-jpeg")
        assert row["summary_ms"]["p50"] == pytest.approx(np.median(times["total"]), abs=1e-4)
        precision = "auto" if row["case"]["backend"] in PRODUCT else "float32"
        assert row["case"] == {**row["case"], "size": "64x48", "batch": 2, "precision": precision}
        for name in ("import_ms", "load_ms", "first_run_ms", "peak_rss_mib"):
            assert row["figures"][name] > 0
        assert row["figures"]["new_size_ms"] is not None


def test_the_engine_itself_is_measured_as_it_chooses(report: dict[str, Any]) -> None:
    remarks = {row["case"]["backend"]: row["remarks"] for row in report["rows"]}
    for name in PRODUCT:
        assert remarks[name][0].startswith("on cpu (CPUExecutionProvider, ")  # as set in the tests' environment


def test_the_machine_and_the_settings_are_told(report: dict[str, Any]) -> None:
    assert report["format"] == "nst-engine bench 1"
    assert report["kind"] == "stylize"
    assert report["settings"] == {"model": "bundled:live", "style": "scream", "threads": 1, "seconds": 0.02}
    machine = report["machine"]
    assert machine["packages"]["numpy"] == np.__version__
    assert {"cpu", "instruction_sets", "usable_cpus", "memory_gib", "gpus", "system", "python"} <= machine.keys()
    assert not report["was_interrupted"]


def test_absent_backends_are_listed_with_the_cure(report: dict[str, Any], folder: Path) -> None:
    assert "C++ compiler" in report["absent"]["torch-compile"]
    assert "pip install" in report["absent"]["onnxruntime-coreml"]
    for text in ((folder / "stdout").read_text(), (folder / "a.md").read_text()):
        assert "torch-compile: absent: torch.compile needs a C++ compiler" in text


def test_tables_markdown_and_plot_hold_every_row(report: dict[str, Any], folder: Path) -> None:
    tables, markdown = (folder / "stdout").read_text(), (folder / "a.md").read_text()
    plot = (folder / "a.svg").read_text()
    assert ET.fromstring(plot).tag.endswith("svg")
    for row in report["rows"]:
        name = row["case"]["backend"]
        assert tables.count(f"\n {name} ") == markdown.count(f"| {name} | 64×48 |") == 3
        assert f"<!-- {name} -->" in plot
    for heading in (
        "p50",
        "p90",
        "p99",
        "mean ± σ",
        "min",
        "pictures/s",
        "PSNR dB",
        "inference",
        "new size",
        "RSS MiB",
    ):
        assert heading in tables
        assert heading in markdown
    assert "6/6 torch-eager" in (folder / "stderr").read_text()


def test_files_are_not_written_over(folder: Path) -> None:
    before = (folder / "a.json").read_bytes()
    completed = nst("bench", *SHORT, "-o", "a.json", cwd=folder)
    assert (completed.returncode, completed.stdout) == (2, "")
    assert completed.stderr == "nst: a.json is there already; take another name, or --overwrite\n"
    assert (folder / "a.json").read_bytes() == before


def test_a_result_is_no_different_from_itself(folder: Path) -> None:
    completed = nst("bench", "compare", "a.json", "a.json", cwd=folder)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.count("no difference") == 6


def test_what_differs_is_told_with_its_interval(report: dict[str, Any], folder: Path) -> None:
    steady = {"onnxruntime-cpu": 10.0, "openvino": 10.0, "opencv-dnn": 10.0, "torch-eager": 10.0}
    factors = {"onnxruntime-cpu": 1.5, "openvino": 0.5, "opencv-dnn": 1.01}
    before, after = json.loads(json.dumps(report)), json.loads(json.dumps(report))
    rng = np.random.default_rng(0)
    for stored, share in ((before, {}), (after, factors)):
        for row in stored["rows"]:
            name = row["case"]["backend"]
            if name not in steady:
                continue
            row["times_ms"] = {"total": list(steady[name] * share.get(name, 1) * rng.uniform(0.995, 1.005, 40))}
        stored["rows"] = [row for row in stored["rows"] if row["case"]["backend"] in steady]
    after["rows"] = [row for row in after["rows"] if row["case"]["backend"] != "torch-eager"]
    after["machine"]["cpu"] = "8086"
    after["settings"]["threads"] = 3
    (folder / "before.json").write_text(json.dumps(before))
    (folder / "after.json").write_text(json.dumps(after))
    completed = nst("bench", "compare", "before.json", "after.json", "--json", cwd=folder)
    comparison = json.loads(completed.stdout)
    verdicts = {row["case"]["backend"]: row["verdict"] for row in comparison["rows"]}
    # 1 % is beyond chance, and within what two runs of one program differ by
    assert verdicts == {"onnxruntime-cpu": "slower", "openvino": "faster", "opencv-dnn": "no difference"}
    for row in comparison["rows"]:
        assert row["low"] <= row["ratio"] <= row["high"]
        assert row["ratio"] == pytest.approx(factors[row["case"]["backend"]], abs=0.01)
    assert comparison["unlike"] == [f"cpu: {report['machine']['cpu']}, 8086", "settings.threads: 1, 3"]
    assert [case["backend"] for case in comparison["unmatched"]] == ["torch-eager"]
    table = nst("bench", "compare", "before.json", "after.json", "--noise", 0.6, cwd=folder)
    assert table.stdout.count("no difference") == 3
    assert "not alike: cpu" in table.stderr
    assert "only in one of them: torch-eager 64×48" in table.stderr


def test_wrong_pictures_have_no_place(tmp_path: Path) -> None:
    models = bundled_models()
    shutil.copy(models["live"].path, tmp_path / "mine.onnx")
    shutil.copy(models["quality"].path, tmp_path / "mine-int8.onnx")  # paints another picture
    mine = ("--model", "mine.onnx", "--precision", "int8", "--backend", "onnxruntime-cpu")
    completed = nst("bench", *SHORT, *mine, "--json", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    (row,) = json.loads(completed.stdout)["rows"]
    assert row["is_wrong"]
    assert row["figures"]["psnr_db"] < 28
    assert row["times_fastest"] is None


def test_an_int8_file_is_made_where_there_is_none_and_refusals_are_rows(tmp_path: Path) -> None:
    shutil.copy(bundled_models()["live"].path, tmp_path / "mine.onnx")
    mine = ("--model", "mine.onnx", "--backend", "onnxruntime-cpu", "--backend", "torch-eager")
    completed = nst("bench", *SHORT, *mine, "--precision", "int8", "--markdown", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert "torch-eager has float32, float16, bfloat16" in completed.stdout
    lines = [line for line in completed.stdout.splitlines() if line.startswith("| onnxruntime-cpu | 64×48 |")]
    assert len(lines) == 3
    assert "1.00×" in lines[0]
    assert "| torch-eager | 64×48 | – | – | – | – | – | – | failed |" in completed.stdout


def test_another_package_brings_a_backend(tmp_path: Path) -> None:
    python, toml = (
        block.split("```")[0] for block in re.split("```(?:python|toml)\n", CONTRIBUTING.read_text("utf-8"))[1:3]
    )
    assert len(python.splitlines()) <= 40
    (tmp_path / "nst_onnx_reference.py").write_text(python)
    entries = tomllib.loads(toml)["project"]["entry-points"]["nst_engine.backends"]
    entries["broken"] = "nst_onnx_gone:Gone"
    entries["foreign"] = "nst_onnx_reference:ReferenceEvaluator"
    installed = tmp_path / "nst_onnx_reference-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: nst-onnx-reference\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
    (installed / "entry_points.txt").write_text(f"[nst_engine.backends]\n{lines}\n")
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(nst_engine.__file__).parents[1])])}
    mine = ("--backend", "onnx-reference", "--sizes", "32x24", "--seconds", "0.02", "--json")
    completed = nst("bench", *mine, cwd=tmp_path, **path)
    assert completed.returncode == 0, completed.stderr
    (row,) = json.loads(completed.stdout)["rows"]
    assert row["figures"]["psnr_db"] > 60
    assert not row["is_wrong"]
    refused = nst("bench", "--backend", "broken", cwd=tmp_path, **path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "its package cannot be loaded: ModuleNotFoundError" in refused.stderr
    assert "--backend: 'foreign'" in nst("bench", "--backend", "foreign", cwd=tmp_path, **path).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    command = ["-W", "error", "-m", "nst_engine", "bench", "--sizes", "64x48", "--seconds", "2"]
    backends = ["--backend", "onnxruntime-cpu", "--backend", "opencv-dnn"]
    process = started(*command, *backends, "-o", "kept.json", cwd=tmp_path, TMPDIR=str(tmp_path))
    assert process.stderr is not None
    assert process.stderr.readline().startswith("1/2 onnxruntime-cpu 64×48 float32: ")
    time.sleep(0.3)  # the line may still be in the making
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "written: kept.json\nnst: interrupted after 1 of 2 rows\n"
    assert "interrupted: rows are missing" in stdout
    stored = json.loads((tmp_path / "kept.json").read_text())
    assert stored["was_interrupted"]
    assert [row["case"]["backend"] for row in stored["rows"]] == ["onnxruntime-cpu"]
    assert not list(tmp_path.glob("nst-bench-*"))


def test_kernels_are_right_on_every_instruction_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nst_engine.kernels import active

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)  # its import takes longer than all the rest
    assert main(["bench", "kernels", "--sizes", "40x30", "--seconds", "0.01", "--threads", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "pip install" in report["absent"]["torch"]
    assert not [row for row in report["rows"] if row["is_wrong"] or not row["times_ms"]]
    measured = {(row["case"]["kernel"], row["case"]["backend"]) for row in report["rows"]}
    ours = {(kernel, isa) for kernel in ("normalize", "denormalize", "gram_matrix") for isa in active().available}
    assert ours | {("gram_matrix", "numpy"), ("normalize", "opencv")} <= measured


def test_an_iteration_is_timed_and_the_loss_told(tmp_path: Path) -> None:
    options = ("--sizes", "48x40", "--iterations", 4, "--precision", "float32", "--threads", 1, "--json")
    completed = nst("bench", "optimize", *options, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    (row,) = json.loads(completed.stdout)["rows"]
    assert row["case"] == {"precision": "float32", "size": "48x40"}
    assert len(row["times_ms"]["total"]) == 3
    figures = row["figures"]
    assert figures["loss"] >= figures["content_loss"] + figures["style_loss"] > 0
    assert figures["total_ms"] > sum(row["times_ms"]["total"])


REFUSED: dict[str, tuple[list[str], list[str]]] = {
    "one number as a size": (["--sizes", "64"], ["'64'", "WIDTHxHEIGHT", "640x480"]),
    "an empty size": (["--sizes", "0x5"], ["'0x5'"]),
    "a huge size": (["--sizes", "64x99999"], ["16384"]),
    "no time": (["--seconds", "0"], ["--seconds", "above 0"]),
    "negative time": (["--seconds", "-1"], ["--seconds"]),
    "time that is no number": (["--seconds", "nan"], ["--seconds", "nan"]),
    "no pictures": (["--batch", "0"], ["--batch", "0"]),
    "no threads": (["--threads", "0"], ["--threads"]),
    "unknown backend": (["--backend", "caffe"], ["'caffe'", "onnxruntime-cpu", "torch-compile"]),
    "absent backend": (["--backend", "onnxruntime-coreml"], ["onnxruntime-coreml", "pip install"]),
    "unknown precision": (["--precision", "int4"], ["int4", "bfloat16"]),
    "unknown model": (["--model", "bundled:lively"], ["did you mean bundled:live"]),
    "no model": (["--model", "gone.onnx"], ["gone.onnx", "no such file"]),
    "unknown form": (["paint"], ["'paint'", "compare", "kernels"]),
    "two things on stdout": (["--json", "--markdown"], ["--json", "--markdown FILE"]),
    "output that is no JSON": (["-o", "out.txt"], ["out.txt", ".json"]),
    "plot of no known kind": (["--plot", "out.gif"], ["out.gif", ".svg"]),
    "no such folder": (["-o", "gone/out.json"], ["gone"]),
    "one file for two": (["--markdown", "out.txt", "--plot", "out.svg", "-o", "out.txt"], ["out.txt"]),
    "option of another form": (["--backend", "openvino", "kernels"], ["--backend", "nst bench kernels"]),
    "too few iterations": (["optimize", "--iterations", "2"], ["--iterations", "from 3 to"]),
    "unknown painting": (["optimize", "--style", "stary-night"], ["did you mean starry-night"]),
    "too small to optimise": (["optimize", "--sizes", "20x20"], ["20 came; wanted", "from 32"]),
    "nothing to compare": (["compare"], ["A.json"]),
    "no such result": (["compare", "gone.json", "good.json"], ["gone.json"]),
    "no JSON": (["compare", "good.json", "broken.json"], ["broken.json", "no JSON"]),
    "another JSON": (["compare", "other.json", "good.json"], ["other.json", "nst bench"]),
    "a result without an end": (["compare", "good.json", "long.json"], ["long.json", "2,000 rows"]),
    "a damaged result": (["compare", "good.json", "damaged.json"], ["damaged.json", "damaged"]),
    "results of two kinds": (["compare", "good.json", "kernels.json"], ["nst bench kernels"]),
    "no row in both": (["compare", "good.json", "small.json"], ["no row is in both"]),
    "noise beyond all": (["compare", "good.json", "good.json", "--noise", "2"], ["--noise", "from 0 to"]),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("results")
    row = {"case": {"backend": "openvino", "size": "512x512"}, "times_ms": {"total": [1.0] * 9}}
    good = {"format": "nst-engine bench 1", "kind": "stylize", "settings": {}, "machine": {}, "rows": [row]}
    small = {**row, "case": {"backend": "openvino", "size": "64x64"}}
    variants = {
        "good": good,
        "kernels": {**good, "kind": "kernels"},
        "other": {"rows": []},
        "small": {**good, "rows": [small]},
        "long": {**good, "rows": [row] * 2001},
        "damaged": {**good, "rows": [{**row, "times_ms": {"total": [1.0, -1.0]}}]},
    }
    for name, stored in variants.items():
        (root / f"{name}.json").write_text(json.dumps(stored))
    (root / "broken.json").write_text('{"format": ')
    return root


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_said_in_one_line(
    name: str, results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, expected = REFUSED[name]
    monkeypatch.chdir(results)
    before = sorted(path.name for path in results.iterdir())
    code = code_of("bench", *arguments)
    captured = capsys.readouterr()
    assert code == 2, captured.err
    assert captured.out == ""
    assert captured.err.startswith("nst")
    assert captured.err.count("\n") == 1, captured.err
    assert not [word for word in expected if word not in captured.err], captured.err
    assert sorted(path.name for path in results.iterdir()) == before


def test_a_style_that_the_model_has_not_is_refused(tmp_path: Path) -> None:
    completed = nst("bench", *SHORT, "--style", "screem", cwd=tmp_path, **COMPILERLESS)
    assert (completed.returncode, completed.stdout) == (2, "")
    assert completed.stderr.startswith("nst: screem: the model has no such style; did you mean scream?")
    assert completed.stderr.count("\n") == 1


def test_a_picture_is_the_style(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(style_path("scream").read_bytes())
    what = (
        "--backend",
        "onnxruntime-cpu",
        "--style-image",
        "mine.jpg",
        "--style-image",
        "great-wave:0.5",
        "-o",
        "a.json",
    )
    completed = nst("bench", *SHORT, *what, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["settings"]["model"] == "bundled:any-fast"
    assert report["settings"]["style"] == "mine.jpg:1, great-wave:0.5"
    for wrong, message in (
        (("--style-image", "none.jpg"), "none.jpg"),
        (("--style-image", "mine.jpg", "--style", "scream"), "give one of them"),
        (("--style-image", "mine.jpg", "--model", "bundled:live"), "holds its styles"),
    ):
        completed = nst("bench", *SHORT, *wrong, cwd=tmp_path)
        assert (completed.returncode, completed.stdout) == (2, "")
        assert message in completed.stderr
