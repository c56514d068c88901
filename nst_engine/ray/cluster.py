"""The connection to Ray: a cluster, or this machine alone."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nst_engine import errors
from nst_engine.environment import usable_cpus
from nst_engine.errors import InferenceError, MissingDependencyError, OptionError
from nst_engine.ray.options import ClusterOptions

#: Ray reports who uses it to its makers otherwise; read when it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import ray
    from ray.exceptions import RayError
except ImportError as missing:
    raise MissingDependencyError('Ray is not installed; type: pip install "nst-engine[ray]"') from missing

LOCAL = "local"
_ANSWERS_WITHIN_S = 10.0
#: How Ray tells what a worker has raised.
_OURS = re.compile(r"nst_engine\.errors\.(\w+): (.*)")
#: Set where a job was submitted: it has a folder already.
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
#: Of this machine's memory, for pictures between the stages, where no cluster was there before.
_STORE_BYTES = 1 << 30
#: Of its cores that an engine asks for; the rest is left to reading and writing what it paints.
_ENGINE_SHARE, READING_SHARE = 0.8, 0.2
#: Cores of an engine where nothing is said: more threads compute a picture hardly faster.
_MOST_THREADS = 8


@contextlib.contextmanager
def connected(address: str | None = None) -> Iterator[bool]:
    """A connection for the block; one that is there already is used, and left open.

    Yields whether the cluster may grow: this machine alone does not.

    Args:
        address: Such as `ray://head:10001`, `10.0.0.1:6379` or `auto` (the cluster that runs on this machine); None:
            $RAY_ADDRESS, or else this machine alone.

    Raises:
        OptionError: There is no cluster.
    """
    if ray.is_initialized():
        yield True
        return
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    _check_answers(address)
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"num_cpus": usable_cpus(), "object_store_memory": _STORE_BYTES}
    try:
        with _empty_folder() as folder:
            if _JOB not in os.environ:
                own["runtime_env"] = {"working_dir": folder}
            _init(address, own)
        yield address != LOCAL
    finally:
        ray.shutdown()


def _init(address: str, own: dict[str, Any]) -> None:
    """Connect, in a thread of its own: signals break off what the main one does.

    Amid Ray's start that left locks which nobody held any more, and a run that waited for them without end. In other
    threads Ray does not take SIGTERM either, to end with a code of its own and without a word.
    """
    with ThreadPoolExecutor(1, "ray-starts") as threads:  # which is waited for, also when a signal has come
        started = threads.submit(ray.init, address, log_to_driver=False, logging_level=logging.ERROR, **own)
        try:
            started.result()
        except (ConnectionError, ValueError, RuntimeError, OSError) as refused:
            raise _no_cluster(address, refused) from refused


def _check_answers(address: str) -> None:
    """Ask who listens there; Ray itself would ask for minutes, and heed no signal meanwhile.

    Raises:
        OptionError: Nobody does.
    """
    try:
        named = urlsplit(address if "://" in address else f"//{address}")
        host, port = named.hostname, named.port
        if host is not None and port is not None:
            socket.create_connection((host, port), timeout=_ANSWERS_WITHIN_S).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> OptionError:
    why = " ".join(str(error).split())[:200]
    return OptionError(
        f"there is no cluster of Ray at {address!r} ({why}); start one: ray start --head; or leave the address out, "
        "and $RAY_ADDRESS unset"
    )


def _empty_folder() -> tempfile.TemporaryDirectory[str]:
    """What workers take for the program's folder.

    Modules in the working folder, where photos and whatever else of strangers may lie, shall not be imported.
    """
    return tempfile.TemporaryDirectory(prefix="nst-ray-")


@dataclass(frozen=True)
class Crew:
    """Engines that paint pictures.

    Attributes:
        engines: How many.
        threads: Of each.
        needs: What each asks of Ray, see `engine_needs`.
        is_apart: Whether others read and write for them.
    """

    engines: int
    threads: int
    needs: dict[str, float]
    is_apart: bool


def crew_for(device: str, options: ClusterOptions, *, can_grow: bool) -> Crew:
    """As many engines as are asked for, or have room; see `room_for`."""
    is_on_gpu = device.startswith(("cuda", "tensorrt"))
    is_apart = options.stages == "apart" or (options.stages == "auto" and is_on_gpu)
    threads = options.engine_threads or min(_cores_of_a_node(), _MOST_THREADS)
    needs = engine_needs(device, threads, is_alone=not is_apart)
    return Crew(room_for(needs, options.engines, can_grow=can_grow), threads, needs, is_apart)


def room_for(needs: dict[str, float], wanted: int | None, *, can_grow: bool = True) -> int:
    """How many engines with these needs fit into the cluster as it is, leaving room for reading.

    Args:
        needs: Of an engine, see `engine_needs`.
        wanted: So many instead.
        can_grow: Whether nodes may come, by an autoscaler, on which those that are wanted have room.

    Raises:
        OptionError: No node has room for an engine, and it would be waited for without end.
    """
    nodes = [node["Resources"] for node in _alive()]
    fits = int(sum(_room_on(node, needs) for node in nodes))
    if fits or (wanted and can_grow):
        return wanted or fits
    if "num_gpus" in needs:
        raise OptionError("engines on GPUs were asked for, and no node has a GPU and a core beside it", option="device")
    most = int(max(node.get("CPU", 0.0) for node in nodes))
    raise OptionError(
        f"engines that need {math.ceil(needs['num_cpus'])} cores were asked for, and no node has more than {most}; "
        "take fewer threads"
    )


def _room_on(node: dict[str, float], needs: dict[str, float]) -> float:
    by_cores = node.get("CPU", 0.0) // max(1, math.ceil(needs["num_cpus"]))
    return min(by_cores, node.get("GPU", 0.0)) if "num_gpus" in needs else by_cores


def _cores_of_a_node() -> int:
    """Of the smallest that is alive."""
    cores = [node["Resources"].get("CPU", 0.0) for node in _alive()]
    return max(1, int(min(filter(None, cores), default=1.0)))


def _alive() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"]]


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
