"""What goes to other processes works there: by pickle, in pools, and after a fork."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import python
from numpy.typing import NDArray
from tiny_models import STYLES, photo, write_own

from nst_engine import (
    CancelToken,
    FrameStylizer,
    ImageLimits,
    ModelChecksumError,
    OptimizeOptions,
    OptionError,
    StyleEmbedding,
    Stylizer,
    VideoOptions,
    load_image,
)
from nst_engine.environment import is_importable
from nst_engine.motion.options import FrameOptions
from nst_engine.stylize.options import StylizeOptions

STYLE = STYLES[0]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write_own(tmp_path)


def painted(stylizer: Stylizer, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return stylizer.stylize(picture, STYLE).pixels


def next_frames(painter: FrameStylizer, frames: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return [painter.stylize_frame(frame) for frame in frames]


def test_a_stylizer_paints_in_a_pool_of_processes_as_here(own: Path) -> None:
    stylizer = Stylizer(own, device="cpu", limits=ImageLimits(max_pixels=2000))
    pictures = [photo(20, 30 + i) for i in range(4)]
    painter = FrameStylizer(stylizer, STYLE)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = list(pool.map(painted, [stylizer] * 4, pictures))
        frames = pool.submit(next_frames, painter, pictures[:1] * 3).result()
        refused = pool.submit(painted, stylizer, photo(50, 50)).exception()
        result = pool.submit(stylizer.stylize, pictures[0], STYLE).result()
    for pixels, picture in zip(there, pictures, strict=True):
        np.testing.assert_array_equal(pixels, painted(stylizer, picture))
    np.testing.assert_array_equal(frames, next_frames(painter, pictures[:1] * 3))
    np.testing.assert_array_equal(result.pixels, there[0])
    assert str(own) == result.model
    assert "raise the limit `max_pixels`" in str(refused)


def test_a_model_is_found_from_another_folder_and_missed_in_a_line(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = pickle.dumps(Stylizer("tiny.onnx", device="cpu"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    copy = pickle.loads(stored)
    assert painted(copy, photo(9, 9)).shape == (9, 9, 3)
    assert copy.model == "tiny.onnx"
    own.unlink()
    with pytest.raises(ModelChecksumError, match=r"tiny\.onnx: changed or gone"):
        painted(pickle.loads(stored), photo(9, 9))


def test_a_closed_stylizer_is_not_sent(own: Path) -> None:
    stylizer = Stylizer(own, device="cpu")
    copy = pickle.loads(pickle.dumps(stylizer))
    for each in (stylizer, copy):
        each.close()
        with pytest.raises(OptionError, match=r"is closed; open it again, with a new `Stylizer`"):
            pickle.dumps(each)
        with pytest.raises(OptionError, match="is closed"):
            painted(each, photo(9, 9))


def test_a_token_says_where_it_is_made() -> None:
    with pytest.raises(TypeError, match="make it where `stylize` is called"):
        pickle.dumps(CancelToken())


def test_a_frame_stylizer_takes_its_settings_along_and_begins_anew(own: Path) -> None:
    painter = FrameStylizer(
        Stylizer(own, device="cpu"), {STYLE: 0.5, "scream": 0.5}, strength=0.7, preserve_color="luma", stability="high"
    )
    frames = [photo(40, 50, seed=seed) // 8 + 100 for seed in range(3)]
    alone = next_frames(painter, frames)
    copy = pickle.loads(pickle.dumps(painter))
    assert copy.settings == painter.settings
    np.testing.assert_array_equal(next_frames(copy, frames), alone)


@pytest.mark.parametrize(
    "record",
    [
        StyleEmbedding(np.ones(3, np.float32), "bundled:any", "code 1", "wave"),
        load_image(photo(9, 9, 4)),
        StylizeOptions(strength=0.5, max_side=300),
        FrameOptions(stability="high"),
        OptimizeOptions(image_size=64, num_iterations=3),
        VideoOptions(crf=30),
        ImageLimits(max_side=9),
    ],
    ids=lambda record: type(record).__name__,
)
def test_records_come_back_as_they_were(record: Any) -> None:
    copy = pickle.loads(pickle.dumps(record))
    assert type(copy) is type(record)
    for each in dataclasses.fields(record):
        np.testing.assert_array_equal(getattr(copy, each.name), getattr(record, each.name))


FORK = """
    import os, sys, threading
    import numpy as np
    from nst_engine import FrameStylizer, NSTError, Stylizer

    stylizer = Stylizer(sys.argv[1], device="cpu", backend=sys.argv[2])
    frame = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    painters = [FrameStylizer(stylizer, "wave") for _ in range(2)]
    first = [painters[0].stylize_frame(frame) for _ in range(2)]
    is_over = threading.Event()

    def work(painter):
        while not is_over.is_set():
            painter.stylize_frame(frame)

    threads = [threading.Thread(target=work, args=(painter,)) for painter in painters]
    for thread in threads:
        thread.start()
    os.chdir("/")
    codes = []
    for _ in range(4):
        child = os.fork()
        if not child:
            try:
                again = [painters[0].stylize_frame(frame) for _ in range(2)]
            except NSTError as refused:
                sys.exit(str(refused))
            sys.exit(0 if np.array_equal(again, first) else "other pixels")
        codes.append(os.waitpid(child, 0)[1])
    is_over.set()
    for thread in threads:
        thread.join()
    print(codes)
"""


def forked(own: Path, backend: str) -> Any:
    return python("-W", "ignore", "-c", textwrap.dedent(FORK), own.name, backend, cwd=own.parent)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without forks")
def test_a_forked_process_paints_the_same_and_comes_to_an_end(own: Path) -> None:
    finished = forked(own, "onnxruntime")
    assert (finished.stdout, finished.stderr) == ("[0, 0, 0, 0]\n", "")


@pytest.mark.skipif(not (hasattr(os, "fork") and is_importable("openvino")), reason="needs forks and openvino")
def test_a_forked_process_says_that_openvino_does_not_come_along(own: Path) -> None:
    finished = forked(own, "openvino")
    assert finished.stdout == "[256, 256, 256, 256]\n"
    (line,) = set(finished.stderr.splitlines())
    assert line.startswith("OpenVINO was in use when this process was forked")
    assert line.endswith("multiprocessing.get_context('spawn'), or use `backend='onnxruntime'`")
