"""The service as an application of Ray Serve: the tests of `nst serve`, against replicas on two nodes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cli.running import ENVIRONMENT, painting
from server import test_client, test_kserve, test_live, test_painting, test_service
from server.running import Service, wait_until_ready
from server.test_client import photo, style_image  # noqa: F401
from server.test_painting import encoded, live, stylize  # noqa: F401
from server.test_service import figure

from cluster.two_nodes import TwoNodes
from nst_engine import Client
from nst_engine.errors import NSTError, OptionError

DEPLOY = Path(__file__).parents[2] / "deploy" / "ray-serve.yaml"
KEYS = ("first-key", "second-key", "third-kéy", test_live.KEY)
#: Of this run: others may be on this machine.
OPEN, LOCKED = f"open-{os.getpid()}", f"locked-{os.getpid()}"


def applications(folder: Path) -> list[dict[str, Any]]:
    """One for all, of two replicas; one behind keys, of one, whose places are few."""
    common = {"threads": 1, "timeout": 60, "data_folder": str(folder / "data"), "models": "live,any-fast"}
    locked = {"models": "live", "queue": 2, "max_bytes": 2_000_000, "kserve": "true", "cors_origin": "https://example.org"}
    return [
        {
            "name": OPEN,
            "route_prefix": "/open",
            "import_path": "nst_engine.ray.serve:build",
            "args": {**common, "kserve": True, "max_pixels": 600_000, "min_replicas": 2, "max_replicas": 2},
        },
        {
            "name": LOCKED,
            "route_prefix": "/",
            "import_path": "nst_engine.ray.serve:build",
            "args": {**common, **locked, "api_key_file": str(folder / "keys.txt"), "max_replicas": 1},
            "deployments": [{"name": "nst", "ray_actor_options": {"num_cpus": 0}}],
        },
    ]


@pytest.fixture(scope="module")
def serving(_two_nodes: TwoNodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`serve run`, until it has been told to stop."""
    _two_nodes.add_second()
    folder = tmp_path_factory.mktemp("serve")
    (folder / "keys.txt").write_text("\n".join(KEYS))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = {
        "proxy_location": "HeadOnly",
        "http_options": {"host": "127.0.0.1", "port": port},
        "applications": applications(folder),
    }
    (folder / "serve.yaml").write_text(yaml.safe_dump(config))
    log = folder / "serve.log"
    command = [sys.executable, "-m", "ray.serve.scripts", "run", "serve.yaml", "--address", _two_nodes.address]
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT, text=True
        )
    try:
        for prefix in ("/open", ""):
            wait_until_ready(f"http://127.0.0.1:{port}{prefix}")
        yield Service(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=90)
        finally:
            process.kill()


def at(serving: Service, prefix: str) -> Service:
    return Service(serving.address + prefix, serving.process, serving.log)


def replicas(name: str) -> set[int]:
    """Their processes."""
    found = subprocess.run(["pgrep", "-f", f"^ray::ServeReplica:{name}:"], capture_output=True, text=True, check=False)
    return set(map(int, found.stdout.split()))


class TestOpen:
    """Whatever replica is asked, it answers as a worker of `nst serve` does."""

    @pytest.fixture
    def running(self, serving: Service) -> Service:
        return at(serving, "/open")

    @pytest.fixture
    def client(self, running: Service) -> Iterator[httpx.Client]:
        with running.client() as client:
            yield client

    test_pictures = staticmethod(test_painting.test_a_photo_comes_back_as_the_library_paints_it)
    test_formats = staticmethod(test_painting.test_formats_and_json)
    test_style_images = staticmethod(test_painting.test_style_images_are_taken_and_kept)
    test_listings = staticmethod(test_painting.test_styles_previews_and_models_are_listed)
    test_no_photo = staticmethod(test_painting.test_a_photo_is_wanted)
    test_threads = staticmethod(test_service.test_many_threads_get_the_same_picture)
    test_tritons_client = staticmethod(test_kserve.test_tritons_client_gets_the_pixels_of_the_graph)
    test_rows = staticmethod(test_kserve.test_rows_are_read_as_well)


class TestTheClients:
    """As they are."""

    @pytest.fixture
    def running(self, serving: Service) -> Service:
        return at(serving, "/open")

    @pytest.fixture
    def client(self, running: Service) -> Iterator[Client]:
        with Client(running.address) as client:
            yield client

    test_photo = staticmethod(test_client.test_a_photo_is_painted_as_the_library_does_it)
    test_styles = staticmethod(test_client.test_style_images_once_and_again)
    test_errors = staticmethod(test_client.test_errors_are_those_of_the_library)
    test_await = staticmethod(test_client.test_the_same_with_await)


class TestLocked:
    """Keys, limits, a full queue, clients that go away, cameras."""

    @pytest.fixture
    def running(self, serving: Service) -> Service:
        return serving

    @pytest.fixture
    def small(self, serving: Service) -> Service:
        return serving

    @pytest.fixture
    def client(self, serving: Service) -> Iterator[httpx.Client]:
        with serving.client(headers={"X-API-Key": KEYS[0]}) as client:
            yield client

    test_no_key = staticmethod(test_service.test_without_a_key_nothing_is_answered_but_health)
    test_no_key_for_kserve = staticmethod(test_service.test_kserves_protocol_wants_the_key_too)
    test_keys = staticmethod(test_service.test_each_key_opens)
    test_origins = staticmethod(test_service.test_pages_of_other_origins_may_ask_whether_they_may_send_a_key)
    test_large_bodies = staticmethod(test_service.test_an_oversized_body_is_cut_off)
    test_full = staticmethod(test_service.test_a_full_queue_says_so_at_once)
    test_gone = staticmethod(test_service.test_a_client_that_goes_away_frees_its_place)
    test_frames = staticmethod(test_live.test_frames_are_those_of_the_library)
    test_frames_not_begun = staticmethod(test_live.test_what_cannot_be_begun_is_told)
    test_frames_at_once = staticmethod(test_live.test_the_places_are_bounded_and_come_back)
    test_frames_of_others = staticmethod(test_live.test_others_may_not_open_it)

    def test_the_number_of_a_request_is_told_once(self, client: httpx.Client) -> None:
        answer = client.get("/v1/styles/none", headers={"X-Request-ID": "mine-1"})
        assert answer.headers.get_list("x-request-id") == ["mine-1"]

    def test_addresses_are_those_of_clients(self, serving: Service, client: httpx.Client) -> None:
        client.get("/v1/models", headers={"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "behind-a-proxy"})
        deadline = time.monotonic() + 30
        while not (lines := re.findall(r"\{.*behind-a-proxy.*\}", serving.log.read_text())):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert '"client": "203.0.113.9"' in lines[0]


def test_figures_are_those_of_all_replicas_of_a_node(serving: Service) -> None:
    with at(serving, "/open").client() as client:
        name = 'nst_requests_total{method="GET",route="/v1/styles"'
        before = figure(client, name)
        for _ in range(12):
            assert client.get("/v1/styles").status_code == 200
        assert {figure(client, name) - before for _ in range(6)} == {12}
        assert figure(client, "nst_requests_in_progress") == 0


def test_a_killed_replica_costs_what_it_was_at(serving: Service) -> None:
    address, photo = f"{serving.address}/open", encoded(painting(300, 400), "JPEG")
    before, answers, is_over = replicas(OPEN), [], threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=120) as client:
            while not is_over.is_set():
                answers.append(stylize(client, photo, style="scream"))

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        while len(answers) < 8:
            time.sleep(0.02)
        os.kill(min(before), signal.SIGKILL)
        deadline = time.monotonic() + 120
        while len(replicas(OPEN) - before) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        is_over.set()
        for each in asking:
            each.result()
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 503}
    assert statuses.count(503) <= 4
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["error"]["type"] == "BusyError"


def test_the_end_finishes_what_was_accepted(serving: Service) -> None:
    large = encoded(painting(1200, 1600), "JPEG")
    with ThreadPoolExecutor(1) as threads, serving.client(headers={"X-API-Key": KEYS[0]}) as client:
        pending = threads.submit(stylize, client, large, style="scream", strength="2", format="png")
        while not figure(client, "nst_requests_in_progress"):
            time.sleep(0.01)
        assert serving.stop(signal.SIGINT) == 0
        assert pending.result().status_code == 200
    with contextlib.suppress(httpx.TransportError):  # the proxy may be there for a moment
        assert httpx.get(f"{serving.address}/healthz").status_code == 404
