"""Optimizations and videos: begun, followed, cancelled, and kept when the service ends."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import av
import httpx
import numpy as np
import pytest
from cli.running import painting
from numpy.typing import NDArray

from nst_engine import load_image
from nst_engine.video import write_video

from .jobs_of import begin, events, state_of, wait_for
from .running import Service, service
from .test_painting import encoded

PHOTO = encoded(painting(72, 96), "PNG")
QUICK = {"style": "great-wave", "image_size": 96, "num_iterations": 12, "save_every": 4}
#: A job, and the names, data and ids of its events.
Followed: TypeAlias = tuple[dict[str, Any], list[tuple[str, dict[str, Any], str]]]
#: Where only its end matters.
TINY = {"style": "great-wave", "image_size": 64, "num_iterations": 2}
#: Far more than any test waits for.
ENDLESS = {"style": "scream", "image_size": 256, "num_iterations": 2000, "save_every": 5}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    options = ("--models", "live,any-fast", "--jobs-waiting", "2", "--max-video-bytes", "3000000")
    with service(tmp_path_factory.mktemp("service"), *options) as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    frames = [np.roll(painting(64, 96), 3 * number, 1) for number in range(12)]
    write_video(path, frames, fps=12)
    return path.read_bytes()


def frames_of(video: bytes) -> list[NDArray[np.uint8]]:
    with av.open(io.BytesIO(video), "r") as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def processes_of(job: dict[str, object]) -> list[int]:
    """Of the job, running now."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            command = (each / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(str(job["id"]).encode() in part for part in command):
            found.append(int(each.name))
    return found


@pytest.fixture(scope="module")
def followed(running: Service) -> Followed:
    """An optimization that has ended, and all that was told of it meanwhile."""
    with running.client() as client:
        job = begin(client, "optimizations", PHOTO, **QUICK)
        assert job["state"] in ("waiting", "running")
        return job, list(events(client, job))


def test_an_optimization_is_followed_to_its_picture(client: httpx.Client, followed: Followed) -> None:
    job, told = followed
    states = [data["state"] for name, data, _ in told if name == "state"]
    assert states[-1] == "done"
    progress = [data for name, data, _ in told if name == "progress"]
    assert [each["iteration"] for each in progress] == list(range(1, len(progress) + 1))
    assert progress[-1]["losses"]["total"] < progress[-1]["losses"]["content"] + progress[0]["losses"]["total"]
    assert progress[-1]["losses"]["style"] < progress[0]["losses"]["style"]
    shown = [data for name, data, _ in told if name == "snapshot"]
    assert [each["iteration"] for each in shown][:4] == [1, 4, 8, 12]
    done = state_of(client, job)
    assert done["progress"]["done"] == progress[-1]["iteration"]
    assert done["losses"] == progress[-1]["losses"]
    assert done["snapshots"] == [each["iteration"] for each in shown]
    answer = client.get(job["links"]["result"])
    assert answer.headers["content-type"] == "image/png"
    result = load_image(answer.content).pixels
    assert result.shape == (72, 96, 3)
    snapshots = [load_image(client.get(each["url"]).content).pixels for each in shown]
    assert np.abs(snapshots[-1].astype(int) - result.astype(int)).mean() < 8
    assert np.abs(result.astype(int) - load_image(PHOTO).pixels.astype(int)).mean() > 8


def test_events_go_on_after_the_last_one_seen(client: httpx.Client, followed: Followed) -> None:
    job, told = followed
    middle = len(told) // 2
    identity = told[middle][2]
    rest = [(name, data) for name, data, _ in events(client, job, after=identity)]
    after = [(name, data) for name, data, each in told if each and int(each) > int(identity)]
    assert [pair for pair in rest if pair[0] != "state"] == [pair for pair in after if pair[0] != "state"]
    again = list(events(client, job))  # all at once, and each may yet be the last that arrives
    positions = [int(each) for _, _, each in again if each]
    assert positions == sorted(set(positions))
    for other in (
        "99999999",
        str(positions[3] - 5),
        "9" * 40,
        "9" * 5000,
    ):  # of another service, or nobody's: all of it
        assert list(events(client, job, after=other)) == again


def test_snapshots_that_are_none(client: httpx.Client, followed: Followed) -> None:
    job, _ = followed
    for iteration in (5, -1, int("9" * 300)):  # the last as a file's name would be too long
        assert client.get(f"{job['links']['self']}/snapshots/{iteration}").status_code == 404


def test_a_style_image_and_noise_as_the_first_picture(client: httpx.Client) -> None:
    files = [("photo", PHOTO), ("style_image", encoded(painting(60, 50), "JPEG")), ("style_image", PHOTO)]
    data = {"init": "random", "image_size": "64", "num_iterations": "5", "style_weight": "10", "format": "jpeg"}
    answer = client.post("/v1/optimizations", files=files, data=data)
    job = answer.json()
    wait_for(client, job, "done")
    picture = client.get(job["links"]["result"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert load_image(picture.content).pixels.shape == (48, 64, 3)


def test_a_job_is_cancelled_at_once_and_then_removed(client: httpx.Client) -> None:
    job = begin(client, "optimizations", PHOTO, **ENDLESS)
    wait_for(client, job, "running")
    answer = client.get(job["links"]["result"])
    assert answer.status_code == 409
    assert "is running" in answer.json()["error"]["message"]
    cancelled = client.delete(job["links"]["self"])
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    deadline = time.monotonic() + 10
    while processes_of(job) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of(job)
    assert client.get(job["links"]["result"]).status_code == 409
    assert [data["state"] for name, data, _ in events(client, job) if name == "state"] == ["cancelled"]
    assert client.delete(job["links"]["self"]).status_code == 204
    assert client.get(job["links"]["self"]).status_code == 404
    assert client.delete(job["links"]["self"]).status_code == 404


def test_so_many_wait_and_no_more(client: httpx.Client) -> None:
    jobs = [begin(client, "optimizations", PHOTO, **ENDLESS)]
    wait_for(client, jobs[0], "running")
    jobs += [begin(client, "optimizations", PHOTO, **ENDLESS) for _ in range(2)]
    assert [state_of(client, job)["position"] for job in jobs] == [None, 0, 1]
    answer = client.post("/v1/optimizations", files={"photo": PHOTO}, data={"style": "scream"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert 'nst_jobs{state="waiting"} 2.0' in client.get("/metrics").text
    assert client.delete(jobs[1]["links"]["self"]).json()["state"] == "cancelled"
    assert state_of(client, jobs[2])["position"] == 0
    for job in jobs:
        client.delete(job["links"]["self"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "style: none came"),
        ({"style": "great-wav"}, "great-wave"),
        ({"style": "/etc/hostname"}, "GET /v1/styles"),
        ({"style": "scream", "image_size": "4096"}, "at most 2048 px"),
        ({"style": "scream", "num_iterations": "0"}, "num_iterations"),
        ({"style": "scream", "content_layers": "relu9_9"}, "relu9_9"),
        ({"style": "scream", "content_weight": "0", "style_weight": "0"}, "weigh nothing"),
        ({"style": "scream", "init": "../x.png"}, "init"),
    ],
)
def test_what_cannot_be_optimized_is_refused_at_once(client: httpx.Client, data: dict[str, str], message: str) -> None:
    answer = client.post("/v1/optimizations", files={"photo": PHOTO}, data=data)
    assert answer.status_code in (404, 422)
    assert message in answer.json()["error"]["message"]


def test_a_picture_of_a_few_pixels_is_no_job(client: httpx.Client) -> None:
    answer = client.post("/v1/optimizations", files={"photo": encoded(painting(7, 60))}, data={"style": "scream"})
    assert answer.status_code == 422
    assert "photo: 60x7 px came" in answer.json()["error"]["message"]


def test_no_picture_is_no_job(client: httpx.Client) -> None:
    answer = client.post("/v1/optimizations", files={"photo": PHOTO[:200]}, data={"style": "scream"})
    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "ImageDecodeError"


@pytest.mark.parametrize("identity", ["0" * 32, "..", "%2e%2e%2fjobs.sqlite", "x" * 500])
def test_jobs_that_are_none(client: httpx.Client, identity: str) -> None:
    for path in ("", "/events", "/result"):
        answer = client.get(f"/v1/optimizations/{identity}{path}")
        assert answer.status_code == 404, path
        assert "error" in answer.json()


@pytest.mark.parametrize("style", [{"style": "great-wave", "model": "live"}, {"style": "scream:0.5,great-wave:0.5"}])
def test_a_video_is_painted(client: httpx.Client, clip: bytes, style: dict[str, str]) -> None:
    job = begin(client, "videos", clip, **style, stability="off", max_side=64)
    done = wait_for(client, job, "done")
    count = len(frames_of(clip))
    assert done["progress"]["done"] == count
    assert "losses" not in done
    answer = client.get(job["links"]["result"])
    assert answer.headers["content-type"] == "video/mp4"
    frames = frames_of(answer.content)
    assert len(frames) == count
    assert frames[0].shape[1] == 64
    assert [data["done"] for name, data, _ in events(client, job) if name == "progress"][-1] == count
    assert client.get(f"/v1/optimizations/{job['id']}").status_code == 404  # it is none of these


def test_a_video_in_the_style_of_an_image(client: httpx.Client, clip: bytes) -> None:
    image = encoded(painting(90, 70), "JPEG")
    answer = client.post("/v1/videos", files={"video": clip, "style_image": image}, data={"stability": "off"})
    assert answer.status_code == 202, answer.text
    wait_for(client, answer.json(), "done")


def test_a_video_keeps_the_style_that_it_was_begun_with(running: Service, client: httpx.Client, clip: bytes) -> None:
    image = encoded(painting(80, 60), "JPEG")
    identity = client.post("/v1/styles/encode", files={"style_image": image}).json()["style_id"]
    job = begin(client, "videos", clip, style_id=identity, stability="off")
    (running.log.parent / "data" / "styles" / f"{identity}.safetensors").unlink()  # as for others' newer ones
    wait_for(client, job, "done")


def test_what_is_no_video_fails_with_a_reason(client: httpx.Client) -> None:
    job = begin(client, "videos", b"no video" * 100, style="scream")
    failed = wait_for(client, job, "failed")
    assert failed["error"]["type"] == "VideoDecodeError"
    answer = client.get(job["links"]["result"])
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == failed["error"]["message"]


def test_videos_have_a_limit_of_their_own(client: httpx.Client) -> None:
    answer = client.post("/v1/videos", files={"video": bytes(3_000_001)}, data={"style": "scream"})
    assert answer.status_code == 413
    assert "3,000,000" in answer.json()["error"]["message"]


@pytest.mark.parametrize("strength", ["1.5", "nan"])
def test_a_video_is_painted_once(client: httpx.Client, strength: str) -> None:
    form = {"style": "scream", "strength": strength}
    answer = client.post("/v1/videos", files={"video": b"no video"}, data=form)
    assert answer.status_code == 422
    assert strength in answer.json()["error"]["message"]
    assert "flicker" in answer.json()["error"]["message"]


def test_jobs_outlive_the_service(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "live") as first, first.client() as client:
        done = begin(client, "optimizations", PHOTO, **TINY)
        wait_for(client, done, "done")
        interrupted = begin(client, "optimizations", PHOTO, **{**ENDLESS, "num_iterations": 300})
        wait_for(client, interrupted, "running")
        waits = begin(client, "optimizations", PHOTO, **TINY)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait(timeout=60)
        deadline = time.monotonic() + 20
        while processes_of(interrupted) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not processes_of(interrupted)  # it has ended with the service
    with service(tmp_path, "--models", "live") as second, second.client() as client:
        assert client.get(done["links"]["result"]).status_code == 200
        wait_for(client, interrupted, "running", seconds=40)
        client.delete(interrupted["links"]["self"])
        wait_for(client, waits, "done")
        endless = begin(client, "optimizations", PHOTO, **ENDLESS)
        wait_for(client, endless, "running")
        assert second.stop() == 0
    with service(tmp_path, "--models", "live") as third, third.client() as client:
        assert wait_for(client, endless, "running", seconds=5)  # put back when the service ended in order
        client.delete(endless["links"]["self"])


def test_a_process_that_is_killed_fails_its_job(client: httpx.Client) -> None:
    job = begin(client, "optimizations", PHOTO, **ENDLESS)
    wait_for(client, job, "running")
    deadline = time.monotonic() + 30
    while not processes_of(job) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in processes_of(job):
        os.kill(process, signal.SIGKILL)
    failed = wait_for(client, job, "failed", seconds=20)
    assert "ended with -9" in failed["error"]["message"]


def test_old_jobs_are_removed_and_the_quota_is_kept(tmp_path: Path) -> None:
    options = ("--models", "live", "--job-ttl", "1", "--jobs-quota", "60000")
    with service(tmp_path, *options) as running, running.client() as client:
        large = encoded(painting(300, 400), "PNG")
        assert len(large) > 60_000
        answer = client.post("/v1/optimizations", files={"photo": large}, data={"style": "scream"})
        assert answer.status_code == 507
        assert "60,000" in answer.json()["error"]["message"]
        assert not list((tmp_path / "data" / "jobs").glob("*"))
        job = begin(client, "optimizations", PHOTO, **TINY)
        wait_for(client, job, "done", "failed")
        deadline = time.monotonic() + 60
        while client.get(job["links"]["self"]).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert client.get(job["links"]["self"]).status_code == 404
        assert not list((tmp_path / "data" / "jobs").glob("*"))


def test_a_service_without_jobs_says_so(tmp_path: Path) -> None:
    with service(tmp_path, "--models", "live", "--jobs", "0") as running, running.client() as client:
        answer = client.post("/v1/optimizations", files={"photo": PHOTO}, data={"style": "scream"})
        assert answer.status_code == 503
        assert "`jobs`" in answer.json()["error"]["message"]


def test_a_process_without_a_service_ends(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"kind": "video"}')
    command = [sys.executable, "-m", "nst_engine.server.jobs.work", str(tmp_path)]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert ended.returncode != 0
