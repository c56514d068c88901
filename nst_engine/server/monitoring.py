"""Health, readiness, and figures for Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from nst_engine.errors import OutputError
from nst_engine.server.shared import figures_folder
from nst_engine.version import __version__

if TYPE_CHECKING:
    from nst_engine.server.engine import Engine
    from nst_engine.server.jobs.desk import JobDesk

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

router = APIRouter(tags=["monitoring"])


class Monitor:
    """The figures of this worker; and of all, where they share a folder (`shared.figures_folder`).

    Attributes:
        open_sockets: How many there are.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("nst_requests", "Requests.", ("method", "route", "status"), registry=registry)
        self._seconds = Histogram(
            "nst_request_seconds", "Time of a request.", ("method", "route"), buckets=_SECONDS, registry=registry
        )
        self._stages = Histogram(
            "nst_stage_seconds", "Time of a picture's stages.", ("model", "stage"), buckets=_SECONDS, registry=registry
        )
        self._rejected = Counter("nst_rejected", "Requests for which there was no room.", registry=registry)
        self._in_progress = Gauge(
            "nst_requests_in_progress",
            "Pictures in progress and waiting.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.open_sockets = Gauge(
            "nst_live_connections", "Live connections.", registry=registry, multiprocess_mode="livesum"
        )
        self._frames = Counter("nst_live_frames", "Frames painted for live connections.", ("model",), registry=registry)
        # the same of every worker
        self._common = CollectorRegistry()

    def describe(self, engine: Engine, desk: JobDesk) -> None:
        """Name the version and what computes; follow the queue and the jobs."""
        providers = ", ".join(f"{name}: {each.provider}" for name, each in engine.models.items())
        self._common.register(_Info({"version": __version__, "providers": providers}))
        engine.admission.tell(self._in_progress.set)
        self._common.register(_Jobs(desk))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        method = method if method in _METHODS else "other"  # else each invented one would take memory for ever
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if status == 503:
            self._rejected.inc()

    def count_socket(self, route: str, status: int) -> None:
        """One WebSocket that has ended, or was refused; how long it was open says nothing of the service."""
        self._requests.labels("GET", route, str(status)).inc()

    def count_frame(self, model: str) -> None:
        """One frame of a live connection."""
        self._frames.labels(model).inc()

    def count_stages(self, model: str, timings_ms: Mapping[str, float]) -> None:
        """One picture's stages."""
        for stage, ms in timings_ms.items():
            self._stages.labels(model, stage).observe(ms / 1e3)

    def as_text(self) -> bytes:
        """In the text format of Prometheus."""
        registry = self.registry
        if folder := figures_folder():
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(self._common)


class _Info(Collector):
    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("nst_engine", "What computes.", value=self._values)


class _Jobs(Collector):
    def __init__(self, desk: JobDesk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("nst_jobs", "Optimizations and videos, of all workers.", labels=["state"])
        with contextlib.suppress(OutputError):  # whoever hands in a job is told
            for state, count in self._desk.store.counts().items():
                family.add_metric([state], count)
        yield family


def forget_worker(process: int | None) -> None:
    """What a worker has counted stays, and nothing of it is in progress: it has died."""
    mark_process_dead(process, str(figures_folder()))  # type: ignore[no-untyped-call]


@router.get("/healthz", summary="The process lives")
async def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "ok", "version": __version__}


@router.get(
    "/readyz",
    summary="Requests are welcome",
    response_model=None,
    responses={503: {"description": "Not yet, or no more"}},
)
async def readyz(request: Request) -> Response:
    """200 once all models are warm, and until the service is told to stop; else 503."""
    engine: Any = request.app.state.engine
    is_ready = engine.is_warm and not engine.is_draining
    status = "ready" if is_ready else "draining" if engine.is_draining else "warming up"
    return JSONResponse({"status": status}, 200 if is_ready else 503)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Of all workers, in the text format of Prometheus."""
    monitor: Monitor = request.app.state.monitor
    return Response(await asyncio.to_thread(monitor.as_text), media_type=CONTENT_TYPE_LATEST)
