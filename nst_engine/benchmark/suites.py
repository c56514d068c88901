"""What `nst bench` measures: the jobs of each form, and what cannot be measured here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nst_engine.benchmark.backends import BACKENDS
from nst_engine.benchmark.backends.backend import Precision
from nst_engine.benchmark.jobs import Job, JobFailedError, answer_of, measured
from nst_engine.benchmark.kernel_contenders import KERNELS, PEERS, Kernel
from nst_engine.benchmark.row import Case, Row
from nst_engine.errors import MissingDependencyError, OptionError, ProviderUnavailableError

Kind = Literal["stylize", "optimize", "kernels"]
Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Suite:
    """Rows to be measured.

    Attributes:
        kind: Of the rows.
        settings: What all of them share, for the report.
        cases: Of the rows, in their order.
        absent: What cannot be measured here, with the reason and what to type.
        jobs_in: The jobs of the cases; may do work in a folder that is there as long as they run.
    """

    kind: Kind
    settings: Mapping[str, Any]
    cases: Sequence[Case]
    absent: Mapping[str, str]
    jobs_in: Callable[[Path], Sequence[Job]]

    def rows(self) -> Iterator[Row]:
        """Measure one after the other.

        Raises:
            NSTError: What all rows need cannot be had.
        """
        with tempfile.TemporaryDirectory(prefix="nst-bench-") as folder:
            for job in self.jobs_in(Path(folder)):
                yield measured(job, Path(folder))


def stylize_suite(
    *,
    backends: Sequence[str],
    model: str,
    style: str | None,
    style_images: Sequence[tuple[str, float]] = (),
    sizes: Sequence[Size],
    batch: int,
    threads: int,
    precision: Precision,
    seconds: float,
) -> Suite:
    """Each backend at each size; see `nst_engine.benchmark.stylize.measure` for the arguments.

    Args:
        backends: Their names; empty: all that can be used here.
        model: As for `nst_engine.models.find.find_model`.
        style: As for `nst_engine.benchmark.reference.measure`, and `style_images`.
        style_images: See there.
        sizes: Width and height each.
        batch: Pictures in a run.
        threads: Of the CPU.
        precision: Of the convolutions.
        seconds: For each row.

    Raises:
        OptionError: There is no such backend.
        ProviderUnavailableError: One that was asked for cannot be used here.
        MissingDependencyError: There is nothing to paint the reference with.
        ModelNotFoundError: There is no such model; `ModelChecksumError`: it is damaged.
    """
    from nst_engine.catalogue import style_path
    from nst_engine.models.find import find_model

    usable, absent = _backends(backends)
    find_model(model)
    # jobs run in folders of their own
    files = [(str(style_path(file).resolve()), weight) for file, weight in style_images]
    cases: list[Case] = [
        {"backend": name, "size": f"{width}x{height}", "batch": batch, "precision": precision}
        for width, height in sizes
        for name in usable
    ]

    shared = {"batch": batch, "threads": threads, "precision": precision}

    def jobs_in(folder: Path) -> list[Job]:
        asked = {"model": model, "style": style, "style_images": files, "sizes": sizes, "folder": str(folder)}
        try:
            reference = answer_of(Job("reference", {}, {**asked, **shared}, threads), folder)
        except JobFailedError as failed:
            raise failed.as_nst_error() from None
        return [_stylize_job(case, reference, {**shared, "seconds": seconds}) for case in cases]

    told = ", ".join(f"{file}:{weight:g}" for file, weight in style_images) or style or "the model's first"
    settings = {"model": model, "style": told, "threads": threads, "seconds": seconds}
    return Suite("stylize", settings, cases, absent, jobs_in)


def kernels_suite(*, sizes: Sequence[Size], threads: int, seconds: float) -> Suite:
    """Each kernel on every instruction set of this machine, in NumPy, and in other libraries.

    Args:
        sizes: Width and height of the pictures.
        threads: Of the CPU.
        seconds: For each row.
    """
    from nst_engine import kernels

    active = kernels.active()
    # as this process's environment forces one of them, so does that of each job
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
        arguments = {"kernel": kernel, "contender": contender, "size": size, "threads": threads, "seconds": seconds}
        return Job("kernels", case, arguments, threads, ours.get(name, {}))

    jobs = [
        job(kernel, size, name)
        for kernel in KERNELS
        for size in sizes
        for name in [*ours, *(name for name, peer in peers.items() if kernel in peer.calls)]
    ]
    settings = {"threads": threads, "seconds": seconds}
    return Suite("kernels", settings, [job.case for job in jobs], absent, lambda _: jobs)


def optimize_suite(
    *, sizes: Sequence[Size], style: str, iterations: int, precisions: Sequence[str], device: str, threads: int
) -> Suite:
    """Each precision at each size; see `nst_engine.benchmark.optimize.measure` for the arguments.

    Args:
        sizes: Width and height each.
        style: A bundled painting's name, or a file.
        iterations: Of each row.
        precisions: Of the features.
        device: As for `nst_engine.optimize`.
        threads: Of the CPU.

    Raises:
        OptionError: A size or a device that cannot be.
        StyleNotFoundError: There is no such painting.
        MissingDependencyError: torch is not installed.
    """
    from nst_engine.catalogue import style_path
    from nst_engine.environment import is_importable, pip_install
    from nst_engine.optimization import OptimizeOptions
    from nst_engine.optimization.pyramid import plan_scales

    painting = style_path(style).resolve()
    for width, height in sizes:
        options = OptimizeOptions(image_size=max(width, height), num_iterations=iterations, threads=threads)
        plan_scales(height, width, image_size=options.image_size, num_iterations=iterations, pyramid=False)
    if not is_importable("torch"):
        raise MissingDependencyError(
            f"optimisation needs torch, which is not installed; type: {pip_install('optimize')}"
        )
    jobs = []
    for width, height in sizes:
        for precision in precisions:
            arguments = {
                "size": (width, height),
                "style": str(painting),
                "iterations": iterations,
                "precision": precision,
                "device": device,
                "threads": threads,
            }
            jobs.append(Job("optimize", {"precision": precision, "size": f"{width}x{height}"}, arguments, threads))
    settings = {"style": style, "iterations": iterations, "device": device, "threads": threads}
    return Suite("optimize", settings, [job.case for job in jobs], {}, lambda _: jobs)


def _backends(asked: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Those to measure, and why others are not."""
    for name in asked:
        if name not in BACKENDS:
            raise OptionError(f"{name!r} came; choose from {', '.join(BACKENDS)}", option="backend")
        if reason := BACKENDS[name].why_absent():
            raise ProviderUnavailableError(f"`backend='{name}'`: {reason}")
    if reason := BACKENDS["onnxruntime-cpu"].why_absent():
        raise MissingDependencyError(f"every row is held against ONNX Runtime on the CPU, and {reason}")
    if asked:
        return list(dict.fromkeys(asked)), {}
    reasons = {name: backend.why_absent() for name, backend in BACKENDS.items()}
    absent = {name: reason for name, reason in reasons.items() if reason is not None}
    return [name for name in BACKENDS if name not in absent], absent


def _stylize_job(case: Case, reference: Mapping[str, Any], shared: Mapping[str, Any]) -> Job:
    size = [int(side) for side in str(case["size"]).split("x")]
    own = {"backend": case["backend"], "size": size, "reference": reference["pictures"][case["size"]]}
    return Job("stylize", case, {"model": reference["model"], **own, **shared}, shared["threads"])
