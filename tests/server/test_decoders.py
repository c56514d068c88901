"""Decoders die, hang and eat memory; the service does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cli.running import painting

from nst_engine import ImageDecodeError, load_image
from nst_engine.errors import ImageTooLargeError
from nst_engine.image import encode_image
from nst_engine.limits import ImageLimits
from nst_engine.server.decoders import Decoders

from .running import Service, service
from .test_painting import encoded, stylize

LIMITS = ImageLimits(max_bytes=25_000_000, max_pixels=25_000_000)
SMALL = encode_image(painting(40, 50), "png")
LARGE = encode_image(np.zeros((4000, 6000, 3), np.uint8), "png")


def processes_of(parent: int) -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(parent), "-f", "decoder_process"], capture_output=True, text=True, check=False
    )
    return [int(line) for line in found.stdout.split()]


def with_decoders(
    use: Callable[[Decoders], Awaitable[None]], *, timeout_s: float = 20, most_bytes: int = 1_000_000_000
) -> None:
    """A decoder that fails is replaced: in the end it decodes as the library does."""

    async def run() -> None:
        decoders = Decoders(1, LIMITS, timeout_s, most_bytes)
        await decoders.start()
        try:
            await use(decoders)
            await asyncio.sleep(0.1)
            decoded = await decoders.decode(SMALL, "photo")
            np.testing.assert_array_equal(decoded.pixels, load_image(SMALL).pixels)
            assert len(processes_of(os.getpid())) == 1
        finally:
            await decoders.close()

    asyncio.run(run())


def test_pictures_are_those_of_the_library() -> None:
    transparent = np.dstack([painting(300, 400, seed=2), painting(300, 400, seed=3)[..., 0]])

    async def use(decoders: Decoders) -> None:
        for content in (encoded(transparent), encoded(painting(900, 1200), "JPEG")):
            for max_side in (None, 200):
                decoded = await decoders.decode(content, "photo", max_side=max_side)
                expected = load_image(content, max_side=max_side)
                np.testing.assert_array_equal(decoded.pixels, expected.pixels)
                assert (decoded.alpha is None) == (expected.alpha is None)
                if decoded.alpha is not None and expected.alpha is not None:
                    np.testing.assert_array_equal(decoded.alpha, expected.alpha)
                assert (decoded.format, decoded.source) == (expected.format, "photo")

    with_decoders(use)


def test_what_is_no_picture_or_too_large_keeps_its_decoder() -> None:
    async def use(decoders: Decoders) -> None:
        before = processes_of(os.getpid())
        with pytest.raises(ImageDecodeError, match=r"^photo: came something else, wanted PNG"):
            await decoders.decode(b"no picture", "photo")
        with pytest.raises(ImageTooLargeError, match=r"^style_image: the picture has 5000×5001"):
            await decoders.decode(encoded(np.zeros((5001, 5000), np.uint8)), "style_image")
        assert processes_of(os.getpid()) == before

    with_decoders(use)


def test_a_decoder_that_dies_is_that_pictures_error() -> None:
    async def use(decoders: Decoders) -> None:
        pending = asyncio.create_task(decoders.decode(LARGE, "photo"))
        await asyncio.sleep(0.05)
        for process in processes_of(os.getpid()):
            os.kill(process, signal.SIGKILL)
        with pytest.raises(ImageDecodeError, match=r"^photo: ended what decoded it"):
            await pending

    with_decoders(use)


def test_a_decoder_that_hangs_is_ended() -> None:
    async def use(decoders: Decoders) -> None:
        for process in processes_of(os.getpid()):
            os.kill(process, signal.SIGSTOP)
        with pytest.raises(ImageDecodeError, match=r"^photo: was not decoded within 1 s"):
            await decoders.decode(SMALL, "photo")

    with_decoders(use, timeout_s=1)


def test_a_picture_that_takes_more_memory_than_there_is() -> None:
    async def use(decoders: Decoders) -> None:
        with pytest.raises(ImageDecodeError, match=r"^photo: (takes more memory|ended what decoded it)"):
            await decoders.decode(LARGE, "photo")

    with_decoders(use, most_bytes=30_000_000)


def test_cancelling_ends_the_decoder() -> None:
    async def use(decoders: Decoders) -> None:
        (before,) = processes_of(os.getpid())
        pending = asyncio.create_task(decoders.decode(LARGE, "photo"))
        await asyncio.sleep(0.05)
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
        deadline = time.monotonic() + 10
        while Path(f"/proc/{before}").exists():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    with_decoders(use)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("service"), "--models", "live", "--decode-memory", "60000000") as started:
        yield started


def statuses_of(answers: list[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_killing_decoders_under_load_costs_single_pictures(running: Service) -> None:
    photo, is_over = encoded(painting(1000, 1400), "PNG"), threading.Event()
    answers: list[httpx.Response] = []

    def ask() -> None:
        with running.client() as client:
            while not is_over.is_set():
                answers.append(stylize(client, photo, style="scream", max_side="64"))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        painted, deadline = statuses_of(answers).count(200), time.monotonic() + 20
        while statuses_of(answers).count(200) == painted and time.monotonic() < deadline:
            time.sleep(0.05)  # until decoders that were killed have started again, which may take long
        for process in processes_of(running.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    is_over.set()
    for thread in threads:
        thread.join()
    statuses = statuses_of(answers)
    assert set(statuses) <= {200, 422, 503}  # the last where it is killed while it starts
    assert statuses.count(422) > 0
    with running.client() as client:
        assert stylize(client, photo, style="scream", max_side="64").status_code == 200
    assert "Traceback" not in running.log.read_text()


def test_memory_over_http(running: Service) -> None:
    with running.client() as client:
        answer: Any = stylize(client, LARGE, style="scream")
        assert answer.status_code == 422
        assert answer.json()["error"]["type"] == "ImageDecodeError"
        assert answer.json()["error"]["message"].startswith("photo: ")
        assert stylize(client, style="scream").status_code == 200
    assert httpx.get(f"{running.address}/healthz").status_code == 200
