"""Everything that is measured on an NVIDIA GPU, in parts of at most ten minutes; `gpu.sh` runs it.

Each case is written to `results/gpu/PART.json` as soon as it is measured, and is not measured again: a part that was
cut off, or ran out of time, goes on where it was. Each is in a process of its own; one that fails is written with its
reason, and tried again the next time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import RESULTS
from turns import answers_in_turn

from nst_engine.benchmark.backends import backend_named
from nst_engine.benchmark.jobs import JobFailedError
from nst_engine.benchmark.machine import fingerprint
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.environment import usable_cpus
from nst_engine.errors import NSTError
from nst_engine.files import write_atomically

_PART_S = 600.0
#: Less would be too short for any case.
_LEAST_S = 20.0
_STOPS_WITHIN_S = 10.0

Case = Callable[[float], Any]


class FailedError(Exception):
    """A case could not be measured."""


@dataclass(frozen=True)
class Scale:
    """How much is measured: on a GPU, or as a trial of the script."""

    models: Sequence[str] = ("live", "quality")
    sizes: Sequence[str] = ("512x512", "1280x720", "1920x1080", "3840x2160")
    batch_size_px: str = "512x512"
    batches: Sequence[int] = (1, 2, 4, 8, 16, 32)
    seconds: float = 1.0
    optimize: Sequence[str] = ("--sizes", "1024x1024", "--iterations", "25")
    train: Sequence[str] = ("--steps", "120", "--crop-px", "320")
    paintings: int = 16
    pictures_per_device: int = 24


QUICK = Scale(
    models=("live",),
    sizes=("64x64",),
    batch_size_px="64x64",
    batches=(1, 2),
    seconds=0.02,
    optimize=("--sizes", "64x64", "--iterations", "3", "--precision", "float32"),
    train=("--steps", "11", "--crop-px", "64", "--style-size-px", "64"),
    paintings=1,
    pictures_per_device=2,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: a trial of this script")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: a trial of this script")
    parser.add_argument("--results", type=Path, default=RESULTS / "gpu", metavar="DIR")
    args = parser.parse_args()
    if unknown := sorted(set(args.parts) - PARTS.keys()):
        parser.error(f"{unknown[0]}: no such part; choose from {', '.join(PARTS)}")
    parts = args.parts or [name for name, part in PARTS.items() if args.device == "cuda" or not part.is_of_gpus]
    if args.device == "cuda" and not fingerprint()["gpus"]:
        parser.error(
            "no NVIDIA GPU is here (nvidia-smi finds none); --device cpu --quick tries this script without one"
        )
    refused = {name: why for name in parts if (why := PARTS[name].why_not(args.device))}
    if refused and (args.parts or len(refused) == len(parts)):
        parser.error("; ".join(f"{name}: {why}" for name, why in refused.items()))
    for name, why in refused.items():
        print(f"{name}: left out: {why}", file=sys.stderr)
    scale = QUICK if args.quick else Scale()
    left = [name for name in parts if name in refused or not measured(name, args.device, scale, args.results)]
    if left:
        sys.exit(f"bench_gpu.py: not whole: {', '.join(left)}; the same command goes on with what is missing")


def measured(name: str, device: str, scale: Scale, folder: Path) -> bool:
    """Measure what is missing of a part; whether it is whole then."""
    path, end = folder / f"{name}.json", time.monotonic() + _PART_S
    folder.mkdir(parents=True, exist_ok=True)
    machine = fingerprint()
    report: dict[str, Any] = {
        "part": name,
        "device": device,
        "machine": machine,
        "date": time.strftime("%Y-%m-%d"),
        "cases": {},
    }
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        same = [earlier[key] == report[key] for key in ("device", "machine")]
        # figures of two machines, or of two versions, are not to be compared
        report["cases"] = earlier["cases"] if all(same) else {}
    cases = PARTS[name].cases(device, scale)
    for label, case in cases.items():
        if "failed" not in report["cases"].get(label, {"failed": ""}):
            continue
        left = end - time.monotonic()
        if left < _LEAST_S:
            print(f"{name}: out of time after {_PART_S:.0f} s", file=sys.stderr)
            break
        try:
            report["cases"][label] = case(left)
        except (FailedError, JobFailedError, NSTError) as failed:
            report["cases"][label] = {"failed": str(failed)}
        print(f"{name}, {label}: {json.dumps(report['cases'][label])}", flush=True)
        write_atomically(path, f"{json.dumps(report, indent=1)}\n".encode())
    print(f"written: {path}")
    return all("failed" not in report["cases"].get(label, {"failed": ""}) for label in cases)


def nst(*arguments: object, within_s: float) -> None:
    """Run the command, for so long at most.

    Raises:
        FailedError: It fails, or takes longer.
    """
    command = [sys.executable, "-m", "nst_engine", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            said, _ = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # it ends what it has started, which a kill would leave
            try:
                process.communicate(timeout=_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
            raise FailedError(f"not ready within {within_s:.0f} s") from None
    if process.returncode:
        raise FailedError(said.strip().splitlines()[-1] if said.strip() else f"ended with {process.returncode}")


def bench(*arguments: object) -> Case:
    """A case of `nst bench`: its row's figures and median."""

    def case(within_s: float) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            into = Path(folder) / "found.json"
            nst("bench", *arguments, "-o", into, within_s=within_s)
            rows = json.loads(into.read_text(encoding="utf-8"))["rows"]
        if failed := [row["reason"] for row in rows if row["reason"]]:
            raise FailedError(failed[0])
        found = [
            {**row["case"], **row["figures"], "p50_ms": row["summary_ms"]["p50"], "is_wrong": row["is_wrong"]}
            for row in rows
        ]
        return found[0] if len(found) == 1 else {"rows": found}

    return case


def one_pass(backend: str) -> Callable[[str, Scale], dict[str, Case]]:
    """A backend on the device: each size, and each batch."""

    def cases(device: str, scale: Scale) -> dict[str, Case]:
        name = backend_of(backend, device)
        shapes = [(size, 1) for size in scale.sizes]
        shapes += [(scale.batch_size_px, batch) for batch in scale.batches]
        return {
            f"{model} {size} batch {batch}": bench(
                *("--model", f"bundled:{model}", "--backend", name, "--sizes", size, "--batch", batch),
                *("--seconds", scale.seconds),
            )
            for model in scale.models
            for size, batch in dict.fromkeys(shapes)
        }

    return cases


def backend_of(backend: str, device: str) -> str:
    """The name of a backend of `nst bench` on this device."""
    if backend == "torch":
        return "torch-eager-cuda" if device == "cuda" else "torch-eager"
    return f"onnxruntime-{'tensorrt' if backend == 'tensorrt' else device}"


def why_no_backend(backend: str) -> Callable[[str], str | None]:
    return lambda device: backend_named(backend_of(backend, device)).why_absent()


def binding(device: str, scale: Scale) -> dict[str, Case]:
    """The same model by ONNX Runtime: arrays of the host, tensors that stay on the device, and a CUDA graph of it."""

    def case(model: str, size: str, way: str) -> Case:
        arguments = {"model": model, "size": size, "device": device, "way": way, "seconds": scale.seconds}
        return lambda _: answers_in_turn("gpu_binding", {way: arguments}, rounds=1, threads=usable_cpus())[way][0]

    ways = ("arrays", "binding", "graph") if device == "cuda" else ("arrays", "binding")
    asked = [(model, size, way) for model in scale.models for size in scale.sizes for way in ways]
    return {" ".join(each): case(*each) for each in asked}


def together(device: str, scale: Scale) -> dict[str, Case]:
    """What a service does under load: pictures in turn, and those that come meanwhile at once."""

    def case(model: str, size: str, most: int) -> Case:
        arguments = {"model": model, "size": size, "device": device, "together": most, "seconds": 5 * scale.seconds}
        return lambda _: answers_in_turn("gpu_together", {"": arguments}, rounds=1, threads=usable_cpus())[""][0]

    asked = [(model, size, most) for model in scale.models for size in scale.sizes[:2] for most in (1, 8)]
    return {f"{model} {size}, {most} together": case(model, size, most) for model, size, most in asked}


def optimize(device: str, scale: Scale) -> dict[str, Case]:
    return {"iteration": bench("optimize", *scale.optimize, "--device", device)}


def train(device: str, scale: Scale) -> dict[str, Case]:
    """Pictures a second: one device, and all of them with so many times the pictures in each step."""
    count = gpus() if device == "cuda" else 2

    def case(devices: int) -> Case:
        return lambda within_s: throughput(device, devices, scale, within_s)

    return {f"{devices} of {count}": case(devices) for devices in dict.fromkeys((1, count))}


def throughput(device: str, devices: int, scale: Scale, within_s: float) -> dict[str, Any]:
    """Of `nst train`, from its own trace; the first steps, in which algorithms are chosen, are not counted."""
    pictures = scale.pictures_per_device * devices
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").mkdir()
        for picture in (*bundled_contents().values(), *bundled_styles().values()):
            shutil.copy(picture.path, folder / "photos")
        given = ("--batch-size", pictures, "--devices", devices, "--device", device, *scale.train)
        begin = (
            "train",
            *list(bundled_styles())[: scale.paintings],
            "-o",
            folder / "m.onnx",
            "--photos",
            folder / "photos",
        )
        nst(*begin, *given, within_s=within_s)
        trace = json.loads((folder / "m.training" / "trace.json").read_text(encoding="utf-8"))
    steps, seconds = (trace[-1][key] - trace[0][key] for key in ("step", "seconds"))
    return {"devices": devices, "batch_size": pictures, "pictures_per_s": round(pictures * steps / seconds, 1)}


def beside_cpu(device: str, scale: Scale) -> dict[str, Case]:
    """`bench_cuda.py`, whose result has a place of its own."""

    def case(within_s: float) -> dict[str, str]:
        script = Path(__file__).with_name("bench_cuda.py")
        try:
            subprocess.run([sys.executable, str(script)], check=True, timeout=within_s)
        except subprocess.SubprocessError as failed:
            raise FailedError(str(failed)) from failed
        return {"written": "results/cuda.json"}

    return {"bench_cuda.py": case}


def gpus() -> int:
    import torch

    return torch.cuda.device_count()


def why_no_torch(device: str) -> str | None:
    return backend_named(backend_of("torch", device)).why_absent()


@dataclass(frozen=True)
class Part:
    """What is measured together.

    Attributes:
        cases: By label, for a device.
        why_not: Why they cannot be measured on a device, and what to type.
        is_of_gpus: Whether there is nothing like it on a CPU.
    """

    cases: Callable[[str, Scale], Mapping[str, Case]]
    why_not: Callable[[str], str | None]
    is_of_gpus: bool = False


PARTS: Mapping[str, Part] = {
    "bench": Part(one_pass("onnxruntime"), why_no_backend("onnxruntime")),
    "tensorrt": Part(one_pass("tensorrt"), why_no_backend("tensorrt"), is_of_gpus=True),
    "torch": Part(one_pass("torch"), why_no_torch),
    "binding": Part(binding, why_no_backend("onnxruntime")),
    "together": Part(together, why_no_backend("onnxruntime")),
    "optimize": Part(optimize, why_no_torch),
    "train": Part(train, why_no_torch),
    "cpu": Part(beside_cpu, why_no_backend("onnxruntime"), is_of_gpus=True),
}


if __name__ == "__main__":
    main()
