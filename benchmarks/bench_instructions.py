"""Instructions that the native kernels take, counted by valgrind: the same on every run, whatever the machine does.

python benchmarks/bench_instructions.py           # count, and write results/instructions.json
python benchmarks/bench_instructions.py --check   # count, and fail where more than a tenth was added

A kernel's count is that of two runs less that of one, so that start and memory do not count. AVX-512 is not counted:
valgrind does not know it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from report import RESULTS

ISAS, KERNELS = ("avx2", "scalar"), ("normalize", "denormalize", "gram")
MOST_ADDED = 0.1

_SOURCES = Path(__file__).parent.parent / "csrc"
# as setup.py builds the extension
_COMPILER = ("g++", "-std=c++17", "-O3", "-ffp-contract=off", "-pthread")


def main() -> int:
    """Count; 1 if a kernel takes too many more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="against the committed counts")
    arguments = parser.parse_args()
    path = RESULTS / "instructions.json"
    counted = counts()
    if not arguments.check:
        path.write_text(json.dumps({"compiler": compiler_version(), "instructions": counted}, indent=1) + "\n")
        return 0
    stored = json.loads(path.read_text())
    worse = 0
    for name, count in counted.items():
        change = count / stored["instructions"][name] - 1
        worse += change > MOST_ADDED
        print(f"{name:20s} {count:>12,d}  {change:+.1%}{'  TOO MANY' if change > MOST_ADDED else ''}")
    if worse and stored["compiler"] != (compiler := compiler_version()):
        print(f"the committed counts are of {stored['compiler']}, these of {compiler}")
    return 1 if worse else 0


def counts() -> dict[str, int]:
    """Instructions of one run of each kernel on each instruction set."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "count_kernels"
        sources = [_SOURCES / f"{name}.cpp" for name in ("count_kernels", "dispatch", "cpu_features")]
        sources += sorted((_SOURCES / "kernels").glob("*.cpp"))
        subprocess.run([*_COMPILER, *map(str, sources), "-o", str(program)], check=True)
        return {
            f"{kernel} {isa}": _counted(program, isa, kernel, 2) - _counted(program, isa, kernel, 1)
            for kernel in KERNELS
            for isa in ISAS
        }


def _counted(program: Path, isa: str, kernel: str, times: int) -> int:
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    completed = subprocess.run(
        [*command, str(program), isa, kernel, str(times)], capture_output=True, text=True, check=False
    )
    match = re.search(r"I\s+refs:\s+([\d,]+)", completed.stderr)
    if completed.returncode != 0 or match is None:
        raise SystemExit(f"valgrind could not count {kernel} on {isa}: {completed.stdout}{completed.stderr}")
    return int(match[1].replace(",", ""))


def compiler_version() -> str:
    """Of the compiler, whose work the counts are."""
    return subprocess.run([_COMPILER[0], "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[
        0
    ]


if __name__ == "__main__":
    sys.exit(main())
