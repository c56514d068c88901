"""What `nst bench` measures: the jobs of each form, and what cannot be measured here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nst_engine.benchmark.backends import backend_named, backends
from nst_engine.benchmark.jobs import Job, JobFailedError, answer_of, measured
from nst_engine.benchmark.kernel_contenders import KERNELS, PEERS, Kernel
from nst_engine.benchmark.options import KernelsBench, OptimizeBench, StylizeBench
from nst_engine.benchmark.row import Case, Row
from nst_engine.environment import is_importable, pip_install, usable_cpus
from nst_engine.errors import MissingDependencyError, ProviderUnavailableError
from nst_engine.options import Size

Kind = Literal["stylize", "optimize", "kernels"]


@dataclass(frozen=True, eq=False)
class Suite:
    """A set of rows to measure.

    Attributes:
        kind: Of the rows.
        settings: What all of them share, for the report.
        cases: Of the rows, in their order.
        absent: What cannot be measured here, with the reason and what to type.
        jobs_in: Makes the jobs of the cases, in a temporary folder that exists while they run.
    """

    kind: Kind
    settings: Mapping[str, Any]
    cases: Sequence[Case]
    absent: Mapping[str, str]
    jobs_in: Callable[[Path], Sequence[Job]]

    def rows(self) -> Iterator[Row]:
        """Measure one after the other.

        Raises:
            NSTError: A prerequisite of all rows is missing.
        """
        with tempfile.TemporaryDirectory(prefix="nst-bench-") as folder:
            for job in self.jobs_in(Path(folder)):
                yield measured(job, Path(folder))


def stylize_suite(options: StylizeBench) -> Suite:
    """Each backend at each size.

    Raises:
        OptionError: There is no such backend.
        ProviderUnavailableError: One that was requested cannot be used here.
        MissingDependencyError: ONNX Runtime, which makes the reference, is not installed.
        ModelNotFoundError: There is no such model; `ModelChecksumError`: it is damaged.
    """
    from nst_engine.catalogue import style_path
    from nst_engine.models.find import find_model, typed_name

    usable, absent = _backends(options.backends)
    model = typed_name(options.model or ("bundled:any-fast" if options.style_images else "bundled:live"))
    find_model(model)
    # jobs run in folders of their own
    style_images = [(str(style_path(file).resolve()), weight) for file, weight in options.style_images]
    threads, sizes = options.threads or usable_cpus(), list(dict.fromkeys(options.sizes))
    cases: list[Case] = [
        {
            "backend": name,
            "size": f"{width}x{height}",
            "batch": options.batch,
            "precision": options.precision or backend_named(name).default_precision,
        }
        for width, height in sizes
        for name in usable
    ]
    shared = {"batch": options.batch, "threads": threads}

    def jobs_in(folder: Path) -> list[Job]:
        arguments = {
            "model": model,
            "style": options.style,
            "style_images": style_images,
            "sizes": sizes,
            "folder": str(folder),
            "precision": options.precision or "auto",
        }
        try:
            reference = answer_of(Job("nst_engine.benchmark.reference", {}, {**arguments, **shared}, threads), folder)
        except JobFailedError as failed:
            raise failed.as_nst_error() from None
        return [_stylize_job(case, reference, {**shared, "seconds": options.seconds}) for case in cases]

    images = ", ".join(f"{file}:{weight:g}" for file, weight in options.style_images)
    settings = {
        "model": model,
        "style": images or options.style or "the model's first",
        "threads": threads,
        "seconds": options.seconds,
    }
    return Suite("stylize", settings, cases, absent, jobs_in)


def kernels_suite(options: KernelsBench) -> Suite:
    """Each kernel on every instruction set of this machine, in NumPy, and in other libraries."""
    from nst_engine import kernels

    active, threads = kernels.active(), options.threads or usable_cpus()
    # each job's environment forces an instruction set, as this process's may
    native = {isa: {"NST_ENGINE_NO_EXT": "0", "NST_ENGINE_ISA": isa} for isa in active.available}
    ours = {**native, "numpy": {"NST_ENGINE_NO_EXT": "1"}}
    absent = {} if native else {"native kernels": active.reason}
    peers = {}
    for name, peer in PEERS.items():
        if reason := peer.why_absent():
            absent[name] = reason
        else:
            peers[name] = peer

    def job(kernel: Kernel, size: Size, name: str) -> Job:
        case: Case = {"kernel": kernel, "backend": name, "size": f"{size[0]}x{size[1]}"}
        contender = name if name in peers else "engine"
        arguments = {"kernel": kernel, "contender": contender, "size": size, "threads": threads}
        arguments["seconds"] = options.seconds
        return Job("nst_engine.benchmark.kernels", case, arguments, threads, ours.get(name, {}))

    jobs = [
        job(kernel, size, name)
        for kernel in KERNELS
        for size in dict.fromkeys(options.sizes)
        for name in [*ours, *(name for name, peer in peers.items() if kernel in peer.calls)]
    ]
    settings = {"threads": threads, "seconds": options.seconds}
    return Suite("kernels", settings, [job.case for job in jobs], absent, lambda _: jobs)


def optimize_suite(options: OptimizeBench) -> Suite:
    """Each precision at each size.

    Raises:
        OptionError: An invalid size or device.
        StyleNotFoundError: There is no such painting.
        MissingDependencyError: torch is not installed.
    """
    from nst_engine.catalogue import style_path
    from nst_engine.optimization import OptimizeOptions
    from nst_engine.optimization.pyramid import plan_scales

    style, threads = style_path(options.style).resolve(), options.threads or usable_cpus()
    sizes = list(dict.fromkeys(options.sizes))
    for width, height in sizes:
        # refuses a size that is too small or too large
        defaults = OptimizeOptions(image_size=max(width, height), num_iterations=options.iterations)
        plan_scales(height, width, image_size=defaults.image_size, num_iterations=options.iterations, pyramid=False)
    if not is_importable("torch"):
        raise MissingDependencyError(
            f"optimisation needs torch, which is not installed; type: {pip_install('optimize')}"
        )
    jobs = []
    for width, height in sizes:
        for precision in dict.fromkeys(options.precisions):
            arguments = {
                "size": (width, height),
                "style": str(style),
                "iterations": options.iterations,
                "precision": precision,
                "device": options.device,
                "threads": threads,
            }
            jobs.append(
                Job(
                    "nst_engine.benchmark.optimize",
                    {"precision": precision, "size": f"{width}x{height}"},
                    arguments,
                    threads,
                )
            )
    settings = {
        "style": options.style,
        "iterations": options.iterations,
        "device": options.device,
        "threads": threads,
    }
    return Suite("optimize", settings, [job.case for job in jobs], {}, lambda _: jobs)


def _backends(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The backends to measure, and why others are left out."""
    for name in names:
        if reason := backend_named(name).why_absent():
            raise ProviderUnavailableError(f"`backend='{name}'`: {reason}")
    if reason := backend_named("onnxruntime-cpu").why_absent():
        raise MissingDependencyError(f"every row is compared with ONNX Runtime on the CPU, and {reason}")
    if names:
        return list(dict.fromkeys(names)), {}
    known, broken = backends()
    reasons = {name: backend.why_absent() for name, backend in known.items()}
    absent = {name: reason for name, reason in reasons.items() if reason is not None}
    return [name for name in known if name not in absent], {**absent, **broken}


def _stylize_job(case: Case, reference: Mapping[str, Any], shared: Mapping[str, Any]) -> Job:
    size = [int(side) for side in str(case["size"]).split("x")]
    own: dict[str, Any] = {name: case[name] for name in ("backend", "precision")}
    own["size"], own["reference"] = size, reference["pictures"][case["size"]]
    return Job("nst_engine.benchmark.stylize", case, {"model": reference["model"], **own, **shared}, shared["threads"])
