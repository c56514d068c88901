"""The service as an application of Ray Serve: the tests of `nst serve`, against replicas on two nodes."""

from __future__ import annotations

import asyncio
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
from ray import serve
from ray.serve import Application, Deployment
from ray.serve.schema import ServeDeploySchema
from server import test_client, test_kserve, test_live, test_painting, test_service
from server.running import Service, wait_until_ready
from server.test_client import photo, style_image  # noqa: F401
from server.test_painting import encoded, live, stylize  # noqa: F401
from server.test_service import figure
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import nst_engine.ray.serve
from cluster.two_nodes import TwoNodes
from nst_engine import Client
from nst_engine.errors import NSTError, OptionError
from nst_engine.ray.proxy import ProxyGuards
from nst_engine.ray.replica import create_application
from nst_engine.ray.serve import build
from nst_engine.ray.serve_settings import read_replica_settings
from nst_engine.server.settings import ServerSettings, read_settings

DEPLOY = Path(__file__).parents[2] / "deploy" / "ray-serve.yaml"
KEYS = ("first-key", "second-key", "third-kéy", test_live.KEY)
#: Of this run: others may be on this machine.
OPEN, LOCKED = f"open-{os.getpid()}", f"locked-{os.getpid()}"


def applications(folder: Path) -> list[dict[str, Any]]:
    """One for all, of two replicas; one behind keys, of one, whose places are few."""
    common = {"threads": 1, "timeout": 60, "data_folder": str(folder / "data"), "models": "live,any-fast"}
    locked = {
        "models": "live",
        "queue": 2,
        "max_bytes": 2_000_000,
        "kserve": "true",
        "cors_origin": "https://example.org",
    }
    return [
        {
            "name": OPEN,
            "route_prefix": "/open",
            "import_path": "nst_engine.ray.serve:build",
            "args": {
                **common,
                "kserve": True,
                "max_pixels": 600_000,
                "max_batch_size": 4,
                "min_replicas": 2,
                "max_replicas": 2,
            },
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
    test_bursts = staticmethod(test_painting.test_bursts_are_painted_each_in_its_own_style)
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
    test_frames_of_others = staticmethod(test_live.test_others_may_not_open_it_and_are_told_why)

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
    address, picture = f"{serving.address}/open", encoded(painting(300, 400), "JPEG")
    before, answers, is_over = replicas(OPEN), [], threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=120) as client:
            while not is_over.is_set():
                answers.append(stylize(client, picture, style="scream"))

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


def test_an_application_that_ends_finishes_what_it_has_accepted(serving: Service) -> None:
    large = encoded(painting(1200, 1600), "JPEG")
    with ThreadPoolExecutor(1) as threads, serving.client(headers={"X-API-Key": KEYS[0]}) as client:
        pending = threads.submit(stylize, client, large, style="scream", strength="2", format="png")
        while not figure(client, "nst_requests_in_progress"):
            assert not pending.done(), pending.result().text
        serve.delete(LOCKED)
        assert pending.result().status_code == 200
        assert client.get("/healthz").status_code == 404  # of Serve's proxy


def test_jobs_are_not_done_on_several_nodes(serving: Service) -> None:
    with pytest.raises(OptionError, match="2 nodes have room") as refused:
        create_application(read_replica_settings({"jobs": 1, "threads": 1}), "none")
    assert refused.value.option == "jobs"


def test_the_config_of_deploy_is_one_of_serves() -> None:
    config = ServeDeploySchema.model_validate(yaml.safe_load(DEPLOY.read_text()))
    (application,) = config.applications
    deployed = built(application.args)
    assert application.import_path == "nst_engine.ray.serve:build"
    assert [each.name for each in application.deployments] == [deployed.name]
    assert deployed.ray_actor_options == {"num_cpus": 4.0}
    assert deployed.max_ongoing_requests == 512


def built(args: dict[str, Any]) -> Deployment:
    deployed: Deployment = build(args)._bound_deployment
    return deployed


def test_settings_become_what_serve_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_ENGINE_MODELS", "live")
    monkeypatch.setenv("NST_ENGINE_MAX_REPLICAS", "3")
    monkeypatch.setenv("NST_ENGINE_THREADS", "8")
    assert isinstance(nst_engine.ray.serve.app, Application)
    deployed = built({"device": "cuda", "min_replicas": "2", "timeout": 20})
    scaling: Any = deployed._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas, scaling.target_ongoing_requests) == (2, 3, 17)
    assert deployed.ray_actor_options == {"num_cpus": 8.0, "num_gpus": 1.0}
    assert deployed._deployment_config.graceful_shutdown_timeout_s == 30
    few: Any = built({"device": "cuda", "max_batch_size": 2})._deployment_config.autoscaling_config
    on_cpus: Any = built({})._deployment_config.autoscaling_config
    assert (few.target_ongoing_requests, on_cpus.target_ongoing_requests) == (5, 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"port": 80}, "port: 80 came; on a cluster that is http_options.port of Serve's config"),
        ({"workers": 2}, "min_replicas and max_replicas"),
        ({"min_replicas": 3, "max_replicas": 2}, "2 came; wanted at least the 3"),
        ({"max_replica": 2}, "max_replica: no such setting; did you mean max_replicas"),
        ({"queue": "many"}, "'many' came"),
        ({"models": "nix"}, "nix: no such file"),
        ({"device": "gpu"}, "'gpu' came; choose from auto, cpu"),
        ({"device": "cuda:1"}, "'cuda:1' came; Ray says which GPU a replica has"),
        ({"api_key_file": "/no/such/file"}, "cannot be read"),
    ],
)
def test_bad_settings_are_told_before_anything_is_started(args: dict[str, Any], message: str) -> None:
    with pytest.raises(NSTError, match=re.escape(message)):
        build(args)


async def answered(
    settings: ServerSettings, app: ASGIApp, chunks: int, path: str = "/v1/stylize", number: bytes = b"mine"
) -> tuple[Any, int]:
    """What a client of a proxy gets that sends so many chunks of 100,000 bytes, and how many were read."""
    sent: list[Any] = []
    read = 0

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": bytes(100_000), "more_body": read < chunks}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"x-request-id", number)]}
    await ProxyGuards(app, settings)(scope, receive, send)
    return sent, read


async def reads_all(scope: Scope, receive: Receive, send: Send) -> None:
    """As a proxy does, whoever takes it; and says of a client that has gone what Serve says."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"whole"})


async def loses_a_replica(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"in Serve's words"})


@pytest.mark.parametrize(
    ("app", "chunks", "path", "status", "most_read", "said"),
    [
        (reads_all, 5, "/v1/stylize", 200, 5, b"whole"),
        (reads_all, 1000, "/v1/stylize", 413, 11, b"larger than 1,065,536 bytes"),
        (reads_all, 1000, "/below/v1/stylize", 413, 11, b"larger than 1,065,536 bytes"),
        (reads_all, 30, "/v1/videos", 200, 30, b"whole"),
        (reads_all, 1000, "/v2/models/live/infer", 413, 6, b"larger than 565,536 bytes"),
        (loses_a_replica, 1, "/v1/stylize", 503, 0, b'"request_id":"mine"'),
        (loses_a_replica, 1, "/below/v2/models/live/infer", 503, 0, b'{"error":"the replica'),
    ],
)
def test_proxies_bound_bodies_and_speak_as_the_service_does(  # noqa: PLR0917
    app: ASGIApp, chunks: int, path: str, status: int, most_read: int, said: bytes
) -> None:
    settings = read_settings(max_bytes=500_000, max_video_bytes=3_000_000)
    (start, body), read = asyncio.run(answered(settings, app, chunks, path))
    assert (start["status"], read) == (status, most_read)
    assert said in body["body"]
    if status != 200:
        assert (b"x-request-id", b"mine") in start["headers"]
        assert (b"x-content-type-options", b"nosniff") in start["headers"]
    if status == 503:
        assert (b"retry-after", b"1") in start["headers"]


@pytest.mark.parametrize("number", [b"", b"a" * 101, b"no number"])
def test_what_a_proxy_says_has_a_number_of_its_own_where_none_came(number: bytes) -> None:
    (start, body), _ = asyncio.run(answered(read_settings(), loses_a_replica, 1, number=number))
    (given,) = (value for name, value in start["headers"] if name == b"x-request-id")
    assert re.fullmatch(b"[0-9a-f]{16}", given)
    assert b'"request_id":"' + given in body["body"]
