"""Results replace files whole, with their mode, and leave nothing behind, whatever killed the process before."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nst_engine.errors import OptionError
from nst_engine.files import file_sha256, put_in_place, write_atomically, write_through

WRITERS = {
    "bytes": """
import sys, time
from nst_engine.files import write_through
def write(file):
    file.write(b"half of it")
    file.flush()
    print("begun", flush=True)
    time.sleep(60)
write_through(sys.argv[1], write)
""",
    "video": """
import sys, time
from pathlib import Path
import numpy as np
from nst_engine.video import write_video
def frames():
    yield np.zeros((16, 16, 3), np.uint8)
    yield np.zeros((16, 16, 3), np.uint8)
    print("begun", flush=True)
    time.sleep(60)
write_video(Path(sys.argv[1]), frames(), fps=10)
""",
    "recording": """
import sys, time
from pathlib import Path
import numpy as np
from nst_engine.webcam.recorder import Recorder
path = Path(sys.argv[1])
Recorder(path).write(np.zeros((16, 16, 3), np.uint8), 0.0)
while not list(path.parent.iterdir()):
    time.sleep(0.01)
print("begun", flush=True)
time.sleep(60)
""",
}


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


@pytest.fixture(params=WRITERS)
def writer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of writing out.mp4."""
    command = [sys.executable, "-c", WRITERS[request.param], str(tmp_path / "out.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def by_another_process(path: Path) -> None:
    code = "import sys; from nst_engine.files import write_atomically; write_atomically(sys.argv[1], b'new')"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_what_a_killed_process_left_is_removed_by_the_next(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(parts(tmp_path)) == 1
    time.sleep(1.1)
    by_another_process(tmp_path / "other.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["other.bin"]
    assert (tmp_path / "other.bin").read_bytes() == b"new"


def test_what_a_living_process_writes_stays(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    time.sleep(1.1)
    by_another_process(tmp_path / "other.bin")
    assert writer.poll() is None
    assert len(parts(tmp_path)) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_links_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / ".nst-link.part").symlink_to(tmp_path / "kept")
    (tmp_path / "mine.part").write_bytes(b"mine")
    os.utime(tmp_path / "mine.part", (0, 0))
    os.utime(tmp_path / "kept", (0, 0))
    by_another_process(tmp_path / "other.bin")
    assert parts(tmp_path) == [".nst-link.part", "mine.part"]
    assert (tmp_path / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400])
def test_the_mode_of_what_is_replaced_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new.bin", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.bin").stat().st_mode) == 0o640


def test_it_is_on_the_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        events.append("synced")
        fsync(descriptor)

    def named(path: Path, target: Path) -> Path:
        events.append("named")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    write_through(tmp_path / "new.bin", lambda file: events.append(f"written {file.write(b'new')}"))
    assert events == ["written 3", "synced", "named"]


def test_the_sha256_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"abc" * 100_000)
    assert file_sha256(tmp_path / "weights") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(OptionError, match="cannot be read"):
        file_sha256(tmp_path)


def test_a_finished_file_takes_the_name_and_the_mode_of_the_one_it_replaces(tmp_path: Path) -> None:
    finished, place = tmp_path / "finished", tmp_path / "place"
    for content, mode in ((b"first", 0o644), (b"second", 0o640)):
        finished.write_bytes(content)
        finished.chmod(0o644)
        put_in_place(finished, place)
        assert (place.read_bytes(), finished.exists()) == (content, False)
        assert stat.S_IMODE(place.stat().st_mode) == mode
        place.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(place)
    finished.write_bytes(b"third")
    put_in_place(finished, link)
    assert (link.is_symlink(), place.read_bytes()) == (True, b"third")
