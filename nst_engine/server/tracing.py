"""Traces for OpenTelemetry, where its packages are (extra `telemetry`): a span for each request, and for each stage.

Who runs the service decides where they go: `opentelemetry-instrument nst serve`, or a tracer provider of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from fastapi import FastAPI

from nst_engine.environment import is_importable

_STAGES = ("decode", "preprocess", "inference", "postprocess", "encode")
_HAS_TRACES = is_importable("opentelemetry.instrumentation.fastapi")


def add_traces(app: FastAPI) -> None:
    """A span for each request."""
    if _HAS_TRACES:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])


def trace_stages(model: str, timings_ms: Mapping[str, float]) -> None:
    """Spans of a picture's stages, one after the other, of which the last ends now."""
    if not _HAS_TRACES:
        return
    from opentelemetry import trace

    tracer = trace.get_tracer("nst_engine")
    begin = time.time_ns() - round(1e6 * sum(timings_ms[stage] for stage in _STAGES))
    for stage in _STAGES:
        end = begin + round(1e6 * timings_ms[stage])
        tracer.start_span(stage, start_time=begin, attributes={"nst.model": model}).end(end)
        begin = end
