"""Bombs, very wide, truncated, polyglot and fuzzed pictures: a 4xx or a picture, soon and in bounded memory."""

from __future__ import annotations

import gzip
import io
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from image.samples import animated, saved
from PIL import Image

from .mutations import mutated, whole_files
from .running import Service, service
from .test_decoders import processes_of
from .test_painting import PHOTO, encoded, stylize

MOST_SECONDS = 10.0
#: Of the service and each decoder, beyond what they took when they were ready.
MOST_GROWTH_BYTES = 700_000_000
PAYLOAD = b"<script>alert('polyglot')</script>"
WHOLE = whole_files()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("service"), "--models", "live,any-fast") as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[httpx.Client]:
    """Afterwards the service is the same process, well, and no larger than it may be."""
    before = peak_bytes(running)
    with running.client() as client:
        yield client
        assert client.get("/healthz").status_code == 200
        assert stylize(client, style="scream").status_code == 200
    assert running.process.poll() is None
    assert peak_bytes(running) - before < MOST_GROWTH_BYTES
    assert "Traceback" not in running.log.read_text()


def peak_bytes(running: Service) -> int:
    """Of the process that took most at its peak."""
    peaks = []
    for process in (running.process.pid, *processes_of(running.process.pid)):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        peaks.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")))
    return max(peaks)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, rows: bytes = b"", extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@cache
def zeros(size: int) -> bytes:
    """Compressed, a thousandth of that."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def tiff(width: int, height: int, tile: int | None = None) -> bytes:
    """A header that says so, and next to nothing."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1), (273, 4, 200)]
    tags += [(278, 4, height), (279, 4, 20)] if tile is None else [(322, 4, tile), (323, 4, tile), (324, 4, 200)]
    tags += [] if tile is None else [(325, 4, 20)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(tags))
    page = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return (b"II*\0" + struct.pack("<I", 8) + page).ljust(200, b"\0") + zlib.compress(bytes(64))


def webp_canvas(width: int, height: int) -> bytes:
    still = saved(Image.fromarray(PHOTO), "WEBP")[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little")
    body = b"WEBP" + canvas + (height - 1).to_bytes(3, "little") + still
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_of_one_colour(width: int, height: int) -> bytes:
    """Without loss: five codes of one symbol each, so that no pixel takes a bit. libwebp takes seconds to find that."""
    bits = (width - 1) | (height - 1) << 14 | sum(0b0001 << 35 + 4 * code for code in range(5))
    body = b"WEBPVP8L" + struct.pack("<IB", 8, 0x2F) + bits.to_bytes(7, "little")
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_the_webp_of_one_colour_is_one() -> None:
    with Image.open(io.BytesIO(webp_of_one_colour(300, 200))) as image:
        assert image.convert("RGB").getcolors() == [(300 * 200, (0, 0, 0))]


def gif_screen(width: int, height: int) -> bytes:
    whole = WHOLE["GIF"]
    return whole[:6] + struct.pack("<HH", width, height) + whole[10:]


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG of 10 gigapixels": lambda: png(100_000, 100_000, rows=zeros(1 << 26)),
    "PNG whose rows go on for 256 MB": lambda: png(1000, 1000, rows=zeros(1 << 28)),
    "PNG with a text of 256 MB": lambda: png(
        64, 64, rows=zlib.compress(bytes(64 * 193)), extra=chunk(b"zTXt", b"a\0\0" + zeros(1 << 28))
    ),
    "PNG with a profile of 256 MB": lambda: png(
        64, 64, rows=zlib.compress(bytes(64 * 193)), extra=chunk(b"iCCP", b"a\0\0" + zeros(1 << 28))
    ),
    "WebP that is 16,383 pixels wide and high": lambda: webp_canvas(16383, 16383),
    "WebP of 268 megapixels of one colour": lambda: webp_of_one_colour(16383, 16383),
    "TIFF of 4 gigapixels": lambda: tiff(65_000, 65_000),
    "TIFF with a tile of a gigapixel": lambda: tiff(64, 64, tile=32_768),
    "GIF with a screen of 4 gigapixels": lambda: gif_screen(65_535, 65_535),
    "GIF of 2,000 frames": lambda: animated("GIF", frames=2000),
    "BMP of 4 gigapixels": lambda: (
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 65_000, 65_000, 1, 24, 0, 0, 0, 0, 0, 0)
    ),
    "PNG in gzip in gzip": lambda: gzip.compress(gzip.compress(png(64, 64, rows=zeros(1 << 28)))),
    "PNG within an icon": lambda: (
        b"\0\0\1\0\1\0" + bytes(8) + struct.pack("<II", 100, 22) + png(30_000, 30_000, rows=zeros(1 << 24))
    ),
}


@cache
def bomb_named(name: str) -> bytes:
    return BOMBS[name]()


@pytest.mark.parametrize("field", ["photo", "style_image"])
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_burst(client: httpx.Client, name: str, field: str) -> None:
    bomb = bomb_named(name)
    begun = time.monotonic()
    answer: Any = stylize(client, bomb, style="scream") if field == "photo" else stylize(client, style_image=bomb)
    seconds = time.monotonic() - begun
    harmless = ("rows go on", "text of", "profile of", "frames")  # what is too much is passed over
    allowed = (200, 413, 422) if any(part in name for part in harmless) else (413, 422)
    assert answer.status_code in allowed, answer.text
    assert seconds < MOST_SECONDS
    if answer.status_code != 200:
        assert answer.json()["error"]["message"].startswith(field)


@pytest.mark.parametrize("size", [(100_000, 200), (200, 100_000), (100_000, 1), (1, 100_000)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_pictures_100_000_px_wide_are_painted_small(client: httpx.Client, kind: str, size: tuple[int, int]) -> None:
    wide = saved(Image.new("RGB", size, (90, 120, 30)), kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    begun = time.monotonic()
    for answer in (stylize(client, wide, style="scream"), stylize(client, style_image=wide)):
        assert answer.status_code in {200, 422}, answer.text
    painted = stylize(client, wide, style="scream", max_side="512")
    assert time.monotonic() - begun < MOST_SECONDS
    if painted.status_code == 200:
        assert max(Image.open(io.BytesIO(painted.content)).size) == 512


@pytest.mark.parametrize("name", [name for name in WHOLE if "animated" not in name])
def test_truncated_files_are_refused(client: httpx.Client, name: str) -> None:
    whole = WHOLE[name]
    assert stylize(client, whole, style="scream").status_code == 200
    for share in (0.02, 0.3, 0.6, 0.8):
        answer = stylize(client, whole[: int(share * len(whole))], style="scream")
        assert answer.status_code == 422, (share, answer.text)


def test_what_rides_on_a_picture_does_not_come_back(client: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x010E] = PAYLOAD.decode()
    jpeg = saved(Image.fromarray(PHOTO), "JPEG", exif=exif, comment=PAYLOAD)
    polyglots = {
        "JPEG that is a page": jpeg + b"<html>" + PAYLOAD,
        "PNG that is an archive": encoded(PHOTO) + b"PK\3\4" + PAYLOAD,
        "GIF that is a script": WHOLE["GIF"] + PAYLOAD,
        "PNG with a text": png(64, 64, rows=zlib.compress(bytes(64 * 193)), extra=chunk(b"tEXt", b"a\0" + PAYLOAD)),
    }
    for name, content in polyglots.items():
        for kind in ("jpeg", "png", "webp"):
            answer = stylize(client, content, style="scream", format=kind)
            assert answer.status_code == 200, (name, answer.text)
            assert answer.headers["content-type"] == f"image/{kind}"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert PAYLOAD not in answer.content
    for content in (b"%PDF-1.4 " + jpeg, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a/*" + PAYLOAD):
        assert stylize(client, content, style="scream").status_code == 422


def test_three_hundred_mutations_of_real_files_are_no_5xx(client: httpx.Client) -> None:
    rng, files = np.random.default_rng(5), list(WHOLE.values())
    statuses = []
    for number in range(300):
        content = mutated(files[number % len(files)], files, rng)
        if number % 10 == 9:
            answer = client.post("/v1/styles/encode", files={"style_image": content})
        else:
            answer = stylize(client, content, style="scream", max_side="64")
        statuses.append(answer.status_code)
    assert set(statuses) <= {200, 201, 413, 422}
    assert statuses.count(422) > 100
