"""The connection to Ray: a cluster, or this machine alone."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from typing import Any

from nst_engine import errors
from nst_engine.environment import usable_cpus
from nst_engine.errors import InferenceError, MissingDependencyError, OptionError

#: Ray reports who uses it to its makers otherwise; read when it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import ray
    from ray.exceptions import RayError
except ImportError as missing:
    raise MissingDependencyError('Ray is not installed; type: pip install "nst-engine[ray]"') from missing

LOCAL = "local"
#: How Ray tells what a worker has raised.
_OURS = re.compile(r"nst_engine\.errors\.(\w+): (.*)")
#: Set where a job was submitted: it has a folder already.
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
#: Of this machine's memory, for pictures between the stages, where no cluster was there before.
_STORE_BYTES = 1 << 30
#: Of its cores that an engine asks for; the rest is left to reading and writing what it paints.
_ENGINE_SHARE, READING_SHARE = 0.8, 0.2


@contextlib.contextmanager
def connected(address: str | None = None) -> Iterator[None]:
    """A connection for the block; one that is there already is used, and left open.

    Args:
        address: Such as `ray://head:10001`, `10.0.0.1:6379` or `auto` (the cluster that runs on this machine); None:
            $RAY_ADDRESS, or else this machine alone.

    Raises:
        OptionError: There is no cluster.
    """
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"num_cpus": usable_cpus(), "object_store_memory": _STORE_BYTES}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with _empty_folder() as folder:
            if _JOB not in os.environ:
                own["runtime_env"] = {"working_dir": folder}
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError, OSError) as refused:
        raise OptionError(
            f"{address!r} came, and there is no cluster of Ray ({' '.join(str(refused).split())[:200]}); start one: "
            "ray start --head; or leave the address out",
            option="address",
        ) from refused
    try:
        with contextlib.suppress(ValueError):  # in threads other than the main one; Ray sets one of its own
            signal.signal(signal.SIGTERM, handler)
        yield
    finally:
        ray.shutdown()


def _empty_folder() -> tempfile.TemporaryDirectory[str]:
    """What workers take for the program's folder.

    Modules in the working folder, where photos and whatever else of strangers may lie, shall not be imported.
    """
    return tempfile.TemporaryDirectory(prefix="nst-ray-")


def room_for(needs: dict[str, float], wanted: int | None) -> int:
    """How many engines with these needs fit into the cluster as it is, leaving room for reading; at least one."""
    if wanted is not None:
        return wanted
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    by_cores = total.get("CPU", 0.0) // max(1.0, math.ceil(needs["num_cpus"]))
    fits = min(by_cores, total.get("GPU", 0.0)) if "num_gpus" in needs else by_cores
    return max(1, int(fits))


def cores_of_a_node() -> int:
    """Of the smallest that is alive."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    cores = [node["Resources"].get("CPU", 0.0) for node in nodes if node["Alive"]]
    return max(1, int(min(filter(None, cores), default=1.0)))


def engine_needs(device: str, threads: int, *, is_alone: bool) -> dict[str, float]:
    """What an engine on a device, or by a provider, asks of Ray, as arguments of `ray.remote`.

    Args:
        device: Of the engine.
        threads: Cores that it computes on.
        is_alone: Whether nobody else reads and writes for it on the same cores.
    """
    if device.lower().startswith(("cuda", "tensorrt")):
        return {"num_gpus": 1.0, "num_cpus": _ENGINE_SHARE}
    return {"num_cpus": threads * (1.0 if is_alone else _ENGINE_SHARE)}


@contextlib.contextmanager
def cluster_errors() -> Iterator[None]:
    """What Ray raises becomes an error of ours.

    Raises:
        NSTError: What a worker has raised; `InferenceError` for all else that Ray cannot recover from.
    """
    try:
        yield
    except RayError as failed:
        lines = [line.strip() for line in str(failed).splitlines() if line.strip()]
        last = lines[-1] if lines else type(failed).__name__
        ours = _OURS.match(last)
        kind = getattr(errors, ours[1]) if ours else InferenceError
        raise kind(ours[2] if ours else f"the cluster could not go on: {last}") from failed
