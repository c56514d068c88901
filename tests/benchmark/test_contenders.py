"""What is measured is right: the pictures' distance, every kernel contender, and what backends say of themselves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nst_engine.benchmark import jobs
from nst_engine.benchmark.backends import backends
from nst_engine.benchmark.jobs import Job, JobFailedError, answer_of, measured
from nst_engine.benchmark.kernel_contenders import KERNELS, PEERS, Kernel, call_of, task_of
from nst_engine.benchmark.kernels import measure
from nst_engine.benchmark.machine import differences, fingerprint, peak_rss_mib
from nst_engine.benchmark.pictures import least_psnr_db, photos_of
from nst_engine.errors import InferenceError, StyleNotFoundError
from nst_engine.image.likeness import LARGEST_PSNR_DB


def test_the_distance_of_pictures_is_their_worst_one() -> None:
    grey = np.full((4, 5, 3), 100, np.uint8)
    assert least_psnr_db([grey, grey + 10], [grey, grey]) == pytest.approx(20 * np.log10(255 / 10))
    assert least_psnr_db([grey], [grey]) == LARGEST_PSNR_DB
    assert least_psnr_db([grey[:3]], [grey]) == 0.0


def test_photos_have_the_size_asked_for_and_come_in_turn() -> None:
    photos = photos_of(40, 30, 6)
    assert {photo.shape for photo in photos} == {(30, 40, 3)}
    np.testing.assert_array_equal(photos[0], photos[4])
    assert np.abs(photos[0].astype(int) - photos[1]).mean() > 5


@pytest.mark.parametrize(
    ("contender", "kernel"),
    [*(("engine", kernel) for kernel in KERNELS), *((name, kernel) for name in PEERS for kernel in PEERS[name].calls)],
)
def test_every_contender_computes_the_same(contender: str, kernel: Kernel) -> None:
    task = task_of(kernel, 50, 37)
    result = call_of(contender, kernel, task.input_array, 1)()
    assert result.shape == task.expected.shape
    assert np.abs(result - task.expected).max() <= task.tolerance


def test_wrong_numbers_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of("denormalize", 20, 10)
    off_by_one = task.expected.astype(np.uint8) ^ 1
    monkeypatch.setattr("nst_engine.benchmark.kernels.call_of", lambda *_: lambda: off_by_one)
    result = measure(kernel="denormalize", contender="engine", size=(20, 10), threads=1, seconds=0.01)
    assert result["is_wrong"]
    assert result["figures"]["max_difference"] == 1
    monkeypatch.setattr("nst_engine.benchmark.kernels.call_of", lambda *_: lambda: off_by_one[:5])
    assert measure(kernel="denormalize", contender="engine", size=(20, 10), threads=1, seconds=0.01)["is_wrong"]


def test_backends_say_what_to_do_where_they_are_absent() -> None:
    loaded, broken = backends()
    assert broken == {}
    assert loaded["onnxruntime-cpu"].why_absent() is None
    for name, backend in loaded.items():
        assert backend.name == name
        reason = backend.why_absent()
        assert reason is None or any(word in reason for word in ("pip install", "there is no NVIDIA GPU", "nvidia-smi"))


def test_a_process_that_dies_is_a_row_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("nst_engine.benchmark.kernels", {"backend": "numpy"}, {}, 1)
    monkeypatch.setattr(jobs, "_START", "import os, sys; print('so it goes'); sys.stdout.flush(); os.abort()")
    assert measured(job, tmp_path).reason == "the process was ended by SIGABRT (so it goes)"
    monkeypatch.setattr(jobs, "_START", "raise SystemExit(7)")
    assert measured(job, tmp_path).reason == "the process ended with exit code 7 and no answer"
    monkeypatch.setattr(jobs, "_START", "import time; time.sleep(60)")
    monkeypatch.setattr(jobs, "LIMIT_S", 0.2)
    row = measured(job, tmp_path)
    assert row.reason == "no answer within 0 s"
    assert not row.is_measured


def test_what_fails_in_a_process_keeps_its_kind(tmp_path: Path) -> None:
    arguments = {"model": "bundled:live", "style": "none", "sizes": [], "batch": 1, "threads": 1}
    job = Job("nst_engine.benchmark.reference", {}, {**arguments, "precision": "float32", "folder": str(tmp_path)}, 1)
    with pytest.raises(JobFailedError) as failed:
        answer_of(job, tmp_path)
    assert isinstance(failed.value.as_nst_error(), StyleNotFoundError)
    with pytest.raises(JobFailedError, match="TypeError") as failed:
        answer_of(Job("nst_engine.benchmark.kernels", {}, {"unheard": 1}, 1), tmp_path)
    assert isinstance(failed.value.as_nst_error(), InferenceError)


def test_the_fingerprint_tells_machines_apart() -> None:
    own = fingerprint()
    assert own["cpu"]
    assert own["usable_cpus"] <= os.cpu_count()
    assert own["packages"]["numpy"] == np.__version__
    assert differences(own, own) == []
    other = {**own, "cpu": "8086", "packages": {**own["packages"], "numpy": "1.0"}, "gpus": ["H200"]}
    assert differences(own, other) == [
        f"cpu: {own['cpu']}, 8086",
        f"gpus: {', '.join(own['gpus']) or 'none'}, H200",
        f"packages.numpy: {np.__version__}, 1.0",
    ]


def test_memory_is_what_was_touched() -> None:
    np.ones(2**20 * 300, np.uint8).sum()
    peak = peak_rss_mib()
    if peak is None:
        pytest.skip("this system does not tell")
    assert peak > 300
