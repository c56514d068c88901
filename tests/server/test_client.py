"""The clients ask a real service, and raise what it raises."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import nst, painting, write

from nst_engine import AsyncClient, Client, ImageDecodeError, NSTError, StyleNotFoundError, Stylizer, load_image
from nst_engine.errors import (
    ImageNotFoundError,
    InferenceError,
    JobNotFoundError,
    JobStateError,
    OptionError,
    VideoDecodeError,
    VideoNotFoundError,
)
from nst_engine.video import write_video

from .running import Service, service


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys.txt").write_text("a-key\nclé €\n", encoding="utf-8")
    with service(folder, "--models", "live,any-fast", "--api-key-file", "keys.txt") as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[Client]:
    with Client(running.address, api_key="a-key") as client:
        yield client


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write(tmp_path / "photo.png", painting(40, 50))


@pytest.fixture
def style_image(tmp_path: Path) -> Path:
    return write(tmp_path / "fear.png", painting(64, 48, seed=3))


def test_a_photo_is_painted_as_the_library_does_it(client: Client, photo: Path, tmp_path: Path) -> None:
    served = client.stylize(photo, style={"scream": 0.25, "seaport": 0.75}, strength=0.8, format="png")
    expected = Stylizer("bundled:live", device="cpu", threads=1).stylize(
        photo, {"scream": 0.25, "seaport": 0.75}, strength=0.8
    )
    np.testing.assert_array_equal(served.picture().pixels, expected.pixels)
    assert (served.model, served.provider) == ("bundled:live", expected.provider)
    assert served.timings_ms.keys() == {"decode", "preprocess", "inference", "postprocess", "encode", "total"}
    assert served.save(tmp_path / "out.png").read_bytes() == served.content
    assert client.stylize(photo.read_bytes(), style="scream").content.startswith(b"\xff\xd8")


def test_style_images_once_and_again(client: Client, photo: Path, style_image: Path) -> None:
    once = client.stylize(photo, style_image=style_image, format="png")
    again = client.stylize(photo, style_id=client.encode_style(style_image), format="png")
    assert once.content == again.content
    assert once.model == "bundled:any-fast"


def test_styles_and_models(client: Client) -> None:
    assert "great-wave" in {each["name"] for each in client.styles()}
    assert [each["name"] for each in client.models()] == ["bundled:live", "bundled:any-fast"]


@pytest.mark.parametrize(
    ("kind", "message", "source", "fields"),
    [
        (StyleNotFoundError, "did you mean scream", None, {"style": "scraem"}),
        (ImageDecodeError, "wanted PNG", b"no picture", {"style": "scream"}),
        (ImageNotFoundError, "no such file", "nix.png", {"style": "scream"}),
        (OptionError, "photo: came a int", 5, {"style": "scream"}),
        (OptionError, "strength", None, {"style": "scream", "strength": 3}),
        (OptionError, "nope: no such field", None, {"style": "scream", "nope": 1}),
    ],
)
def test_errors_are_those_of_the_library(  # noqa: PLR0917
    client: Client, photo: Path, kind: type[NSTError], message: str, source: Any, fields: dict[str, Any]
) -> None:
    with pytest.raises(kind, match=message):
        client.stylize(photo if source is None else source, **fields)


def test_a_service_that_is_not_there_or_wants_a_key(running: Service, photo: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(InferenceError, match="whether `nst serve` runs"):
        client.styles()
    with Client(running.address) as client, pytest.raises(OptionError, match="api_key"):
        client.stylize(photo, style="scream")


def test_the_same_with_await(running: Service, photo: Path, style_image: Path) -> None:
    async def ask() -> list[bytes]:
        async with AsyncClient(running.address, api_key="a-key") as client:
            identity = await client.encode_style(style_image)
            several = [client.stylize(photo, style="scream", format="png") for _ in range(4)]
            several.append(client.stylize(photo, style_id=identity, format="png"))
            pictures = await asyncio.gather(*several)
            assert await client.models()
            assert await client.styles()
            with pytest.raises(StyleNotFoundError):
                await client.stylize(photo, style="nix")
            return [each.content for each in pictures]

    pictures = asyncio.run(ask())
    assert len(set(pictures[:4])) == 1
    assert pictures[4] != pictures[0]
    with Client(running.address, api_key="a-key") as client:
        assert client.stylize(photo, style="scream", format="png").content == pictures[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"address": "localhost:8434"},
        {"address": "http://[::1"},
        {"address": None},
        {"api_key": ""},
        {"api_key": "a\nkey"},
        {"timeout": -1},
        {"timeout": 0},
        {"timeout": float("nan")},
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_arguments_that_cannot_be_used(kind: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        kind(**arguments)


def test_what_is_no_video_is_told(running: Service) -> None:
    with Client(running.address, api_key="a-key") as client, pytest.raises(OptionError, match="video: came a int"):
        client.paint_video(3)  # type: ignore[arg-type]


def test_what_answers_may_be_something_else(photo: Path) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.server_port}") as client:
            for ask in (client.styles, client.models, lambda: client.stylize(photo, style="scream")):
                with pytest.raises(InferenceError, match="is no `nst serve`"):
                    ask()
        with pytest.raises(OptionError, match="this client is closed"):
            client.styles()
        server.shutdown()


QUICK: dict[str, Any] = {"style": "great-wave", "image_size": 64, "num_iterations": 8, "save_every": 4}


def test_an_optimization_is_followed(client: Client, photo: Path) -> None:
    job = client.optimize(photo, **QUICK)
    assert not job.has_ended
    told = list(client.follow(job))
    assert told[-1].data["state"] == "done"
    assert {event.kind for event in told} == {"state", "progress", "snapshot"}
    job = client.wait(job)
    assert (job.kind, job.state, job.error) == ("optimization", "done", None)
    assert job.done == job.total
    assert job.losses["total"] > 0
    assert client.result(job).startswith(b"\x89PNG")
    assert client.wait(job.path) == client.job(job.path) == job  # as another process would ask
    for other in ("abc", f"{job.path}/events", None):
        with pytest.raises(OptionError, match=r"came; wanted what `optimize` or `paint_video` has returned"):
            client.job(other)  # type: ignore[arg-type]
    assert client.snapshot(job, job.snapshots[0]).startswith(b"\xff\xd8")
    client.cancel(job)
    with pytest.raises(JobNotFoundError):
        client.job(job)


def test_jobs_raise_what_they_failed_by(client: Client, tmp_path: Path, photo: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video" * 100)
    job = client.wait(client.paint_video(path, style="scream", stability="off"))
    assert isinstance(job.error, VideoDecodeError)
    with pytest.raises(VideoDecodeError, match=str(job.error)):
        client.result(job)
    with pytest.raises(VideoNotFoundError, match="cannot be read"):
        client.paint_video(tmp_path / "none.mp4")
    endless = client.optimize(photo, style="scream", image_size=256, num_iterations=2000)
    with pytest.raises(JobStateError):
        client.result(endless)
    client.cancel(endless)
    assert client.wait(endless).state == "cancelled"
    with pytest.raises(OptionError, match="strenght"):
        client.paint_video(path, strenght=1)  # type: ignore[call-arg]


def test_a_video_comes_back(client: Client, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_video(clip, [painting(32, 48)] * 3, fps=10, hold_seconds=0.1)
    job = client.wait(client.paint_video(clip, style={"scream": 1.0}, stability="off", max_side=32))
    assert job.state == "done"
    assert client.result(job)[4:8] == b"ftyp"


def test_jobs_with_await(running: Service, photo: Path) -> None:
    async def ask() -> tuple[list[str], bytes]:
        async with AsyncClient(running.address, api_key="a-key") as client:
            job = await client.optimize(photo, **QUICK)
            kinds = [event.kind async for event in client.follow(job)]
            job = await client.wait(job)
            picture = await client.result(job)
            assert (await client.snapshot(job, 4)).startswith(b"\xff\xd8")
            await client.cancel(job)
            with pytest.raises(JobNotFoundError):
                await client.job(job)
            with pytest.raises(JobNotFoundError):
                async for _ in client.follow(job):
                    pass
            return kinds, picture

    kinds, picture = asyncio.run(ask())
    assert "snapshot" in kinds
    assert picture.startswith(b"\x89PNG")


def test_the_command_paints_by_a_service(running: Service, tmp_path: Path, photo: Path, style_image: Path) -> None:
    options = ("--style", "scream:0.25,seaport:0.75", "--strength", "0.8", "--server", running.address)
    said = nst("stylize", photo, *options, "-o", "out.png", cwd=tmp_path, NST_ENGINE_API_KEY="a-key")
    assert said.returncode == 0, said.stderr
    assert "bundled:live" in said.stdout
    expected = Stylizer("bundled:live", device="cpu", threads=1).stylize(
        photo, {"scream": 0.25, "seaport": 0.75}, strength=0.8
    )
    np.testing.assert_array_equal(load_image(tmp_path / "out.png").pixels, expected.pixels)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        write(tmp_path / "photos" / f"{number}.png", painting(30, 40, seed=number))
    (tmp_path / "photos" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    command = ("--style-image", style_image, "--server", running.address, "--json", "-o", "painted/")
    said = nst("stylize", "photos", *command, cwd=tmp_path, NST_ENGINE_API_KEY="a-key")
    assert said.returncode == 3, said.stderr
    assert sorted(each.name for each in (tmp_path / "painted").iterdir()) == [f"{n}_fear.png" for n in range(3)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--device", "cpu"), "--device"),
        (("--streams", "2"), "--streams"),
        (("--style-mask", "photo.png"), "--style-mask"),
        (("--style", "screm"), "scream"),
        (("--server", "localhost:8000"), "--server"),
        (("--server", "http://127.0.0.1:1"), "nst serve"),
    ],
)
def test_what_a_service_cannot_do_is_told(
    running: Service, tmp_path: Path, photo: Path, options: tuple[str, ...], said: str
) -> None:
    command = ("--style", "scream", "--server", running.address, *options)
    ended = nst("stylize", photo, *command, cwd=tmp_path, NST_ENGINE_API_KEY="a-key")
    assert ended.returncode == 2
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*_scream*"))


@pytest.mark.parametrize("environment", [{}, {"NST_ENGINE_API_KEY": ""}, {"NST_ENGINE_API_KEY": "a\nkey"}])
def test_a_key_that_is_missing_is_told(
    running: Service, tmp_path: Path, photo: Path, environment: dict[str, str]
) -> None:
    ended = nst("stylize", photo, "--style", "scream", "--server", running.address, cwd=tmp_path, **environment)
    assert ended.returncode == 2
    assert "NST_ENGINE_API_KEY" in ended.stderr
    assert "whether `nst serve` runs" not in ended.stderr


def test_a_key_in_any_script(running: Service) -> None:
    with Client(running.address, api_key="clé €") as client:
        assert client.models()
