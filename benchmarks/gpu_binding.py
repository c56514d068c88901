"""One model by ONNX Runtime alone, for `bench_gpu.py`: what copies to the device and starting kernels cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from turns import quartiles

from nst_engine.benchmark.pictures import photos_of
from nst_engine.environment import forbid_telemetry
from nst_engine.models.find import find_model
from nst_engine.runtimes.devices import parse_device, provider_options
from nst_engine.runtimes.opening import open_session
from nst_engine.runtimes.session import Session
from nst_engine.stylize.preprocess import model_input

_WARM_UP, _LEAST_RUNS = 3, 5


def measure(*, model: str, size: str, device: str, way: str, seconds: float, threads: int) -> dict[str, Any]:
    """Milliseconds of a run, and by how much its output differs from the engine's.

    Args:
        model: A bundled one.
        size: Of the picture, px.
        device: `cuda` or `cpu`.
        way: `arrays`: of the host, copied there and back; `binding`: tensors that stay on the device; `graph`: the
            same, captured as a CUDA graph, which wants one size, and memory that stays where it is.
        seconds: To measure for.
        threads: Of the CPU.
    """
    engine = open_session(find_model(f"bundled:{model}"), device=device, threads=threads, backend="onnxruntime")
    width, height = map(int, size.split("x"))
    tensor = model_input(photos_of(width, height, 1), engine.spec).tensor
    styles = np.eye(1, engine.spec.style_numbers, dtype=np.float32)
    assert engine.signature.style_input is not None  # as all bundled ones have
    feed = {engine.signature.image_input: tensor, engine.signature.style_input: engine.weights_in_axes(styles)}
    wanted = engine.run(tensor, styles)
    session = _session(engine, feed, device, threads, has_graph=way == "graph")
    if way == "arrays":
        run, output = _with_arrays(session, feed, engine.signature.image_output)
    else:
        run, output = _with_binding(session, feed, engine.signature.image_output, wanted, device)
    for _ in range(_WARM_UP):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _LEAST_RUNS or time.perf_counter() < end:
        begun = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - begun))
    return {**quartiles(times), "differs_by": float(np.abs(output() - wanted).max())}


def _session(engine: Session, feed: dict[str, NDArray[Any]], device: str, threads: int, *, has_graph: bool) -> Any:
    """ONNX Runtime's own session, with the engine's options."""
    forbid_telemetry()
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    where = parse_device(device)
    providers = provider_options(where, "auto", engine.content())
    if has_graph:
        providers[0][1]["enable_cuda_graph"] = "1"
        # nodes that compute shapes run on the CPU, which no graph takes: with one size there are none
        free = onnxruntime.InferenceSession(engine.content(), options, providers=[("CPUExecutionProvider", {})])
        for each in free.get_inputs():
            for name, length in zip(each.shape, feed[each.name].shape, strict=True):
                if isinstance(name, str):
                    options.add_free_dimension_override_by_name(name, length)
    session = onnxruntime.InferenceSession(engine.content(), options, providers=providers, enable_fallback=0)
    if session.get_providers()[0] != where.provider:
        raise RuntimeError(f"onnxruntime left {where.provider} out without a word")
    return session


def _with_arrays(
    session: Any, feed: dict[str, NDArray[Any]], output: str
) -> tuple[Callable[[], Any], Callable[[], NDArray[Any]]]:
    def run() -> NDArray[Any]:
        (painted,) = session.run([output], feed)
        return np.asarray(painted)

    return run, run


def _with_binding(
    session: Any, feed: dict[str, NDArray[Any]], output: str, like: NDArray[Any], device: str
) -> tuple[Callable[[], Any], Callable[[], NDArray[Any]]]:
    import onnxruntime

    binding, result = session.io_binding(), onnxruntime.OrtValue.ortvalue_from_numpy(np.empty_like(like), device, 0)
    for name, array in feed.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0))
    binding.bind_ortvalue_output(output, result)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run, result.numpy
