"""Spans of a request and its stages, as an exporter gets them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from cli.running import painting
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nst_engine.server.app import create_app
from nst_engine.server.settings import read_settings

from .test_painting import encoded

STAGES = ["decode", "preprocess", "inference", "postprocess", "encode"]


def test_a_request_and_its_stages_are_spans_of_one_trace(tmp_path: Path) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

    async def asked(photo: bytes, status: int) -> Sequence[ReadableSpan]:
        exporter.clear()
        app = create_app(read_settings(models=("live",), data_folder=tmp_path, threads=1))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
        ):
            answer = await client.post("/v1/stylize", files={"photo": photo}, data={"style": "scream"})
            assert answer.status_code == status
        return exporter.get_finished_spans()

    with ThreadPoolExecutor(1) as threads:  # in the main thread it would take the signals
        *stages, request = threads.submit(asyncio.run, asked(encoded(painting(40, 50)), 200)).result()
        (failed,) = threads.submit(asyncio.run, asked(b"no picture", 422)).result()
    assert [span.name for span in stages] == STAGES
    assert request.name == "POST /v1/stylize"
    assert (request.attributes or {})["http.status_code"] == 200
    assert (failed.attributes or {})["http.status_code"] == 422
    for span in stages:
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
        assert span.attributes == {"nst.model": "bundled:live"}
        times = [request.start_time or 0, span.start_time or 0, span.end_time or 0, request.end_time or 0]
        assert times == sorted(times)
