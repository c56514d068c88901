"""What takes long is done in threads: a worker answers all requests in turn in one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from nst_engine import Stylizer
from nst_engine.server import page
from nst_engine.server.app import create_app
from nst_engine.server.jobs.desk import JobDesk
from nst_engine.server.jobs.folder import JobFolder
from nst_engine.server.jobs.job import new_identity
from nst_engine.server.settings import read_settings

Asking = Callable[[httpx.AsyncClient, JobDesk], Coroutine[Any, Any, httpx.Response]]


async def begun_video(client: httpx.AsyncClient, desk: JobDesk) -> httpx.Response:
    return await client.post("/v1/videos", files={"video": b"no video"}, data={"style": "scream"})


async def snapshot(client: httpx.AsyncClient, desk: JobDesk) -> httpx.Response:
    job = desk.store.add(new_identity(), "optimization")
    return await client.get(f"{job.path}/snapshots/5")


async def runtime_of_the_page(client: httpx.AsyncClient, desk: JobDesk) -> httpx.Response:
    (name,) = (each for each in page._names() if each.endswith(".wasm"))
    return await client.get(f"/{name}", headers={"Accept-Encoding": "identity"})


@pytest.mark.parametrize(
    ("long", "ask", "status"),
    [
        ((Stylizer, "choose_style"), begun_video, 503),  # this service does no jobs, and says so at the end
        ((JobFolder, "snapshots"), snapshot, 404),
        ((gzip, "decompress"), runtime_of_the_page, 200),
    ],
)
def test_others_are_answered_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, long: tuple[Any, str], ask: Asking, status: int
) -> None:
    were_in_the_loop = []
    work = getattr(*long)

    def watched(*arguments: Any, **options: Any) -> Any:
        were_in_the_loop.append(is_in_the_loop())
        return work(*arguments, **options)

    async def asked() -> None:
        app = create_app(read_settings(models=("any-fast",), data_folder=tmp_path, threads=1, jobs=0))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            monkeypatch.setattr(*long, watched)
            answer = await ask(client, app.state.desk)
        assert answer.status_code == status, answer.text

    with ThreadPoolExecutor(1) as threads:  # in the main thread it would take the signals
        threads.submit(asyncio.run, asked()).result()
    assert were_in_the_loop
    assert not any(were_in_the_loop)


def is_in_the_loop() -> bool:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False
