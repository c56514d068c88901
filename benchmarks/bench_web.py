"""The bundled `live` in onnxruntime-web (WebAssembly, Node), as floats and as bytes, in turn.

Node and npm are needed; `onnxruntime-web` comes from the npm registry.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from report import RESULTS
from turns import quartiles

from nst_engine.benchmark.machine import fingerprint
from nst_engine.environment import usable_cpus
from nst_engine.models.find import find_model

MODELS = ("live", "live-uint8")
RUNS, WARM_UPS = 12, 3
HEIGHT, WIDTH = 480, 640

_PROGRAM = """
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
const [model, threads, height, width, runs] = process.argv.slice(2);
ort.env.wasm.numThreads = Number(threads);
const session = await ort.InferenceSession.create(readFileSync(`${model}.onnx`));
const weights = new Float32Array(16);
weights[4] = 1;
const count = 3 * height * width;
const bytes = Uint8Array.from({ length: count }, (_, i) => (i * 7919) % 256);
const image = model.endsWith('uint8')
  ? new ort.Tensor('uint8', bytes, [1, Number(height), Number(width), 3])
  : new ort.Tensor('float32', Float32Array.from(bytes, (value) => value / 255), [1, 3, Number(height), Number(width)]);
const feeds = { [session.inputNames[0]]: image, style_weights: new ort.Tensor('float32', weights, [1, 16]) };
const times = [];
for (let run = 0; run < runs; run++) {
  const started = performance.now();
  await session.run(feeds);
  times.push(performance.now() - started);
}
console.log(JSON.stringify({ times, version: ort.env.versions.web }));
process.exit();
"""


def main() -> None:
    """Measure in turn and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cpus(), help="default: the CPUs to use")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    times: dict[str, dict[str, list[float]]] = {model: {} for model in MODELS}
    version = ""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "onnxruntime-web@1"]
        subprocess.run(npm, cwd=folder, check=True, capture_output=True)
        (folder / "run.mjs").write_text(_PROGRAM)
        for model in MODELS:
            shutil.copy(find_model(f"bundled:{model}").path, folder / f"{model}.onnx")
        for number in range(arguments.rounds):
            for threads in dict.fromkeys((1, arguments.threads)):
                for model in MODELS:
                    answer = _answer(folder, model, threads)
                    version = answer["version"]
                    times[model].setdefault(str(threads), []).extend(answer["times"][WARM_UPS:])
                    print(number + 1, model, threads, flush=True)
    report = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": fingerprint(),
        "onnxruntime_web": version,
        "node": subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip(),
        "size": [HEIGHT, WIDTH],
        "times_ms": {
            model: {threads: quartiles(each) for threads, each in found.items()} for model, found in times.items()
        },
    }
    (arguments.results / "web.json").write_text(json.dumps(report, indent=1) + "\n")


def _answer(folder: Path, model: str, threads: int) -> Any:
    command = ["node", "run.mjs", model, str(threads), str(HEIGHT), str(WIDTH), str(RUNS)]
    run = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


if __name__ == "__main__":
    main()
