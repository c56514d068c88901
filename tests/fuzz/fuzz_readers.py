"""Throws files of all kinds at everything that reads files which strangers may have written.

python tests/fuzz/fuzz_readers.py                                # names the readers
python tests/fuzz/fuzz_readers.py all -max_total_time=4          # one after the other
python tests/fuzz/fuzz_readers.py pictures -max_total_time=60    # libFuzzer's options

Whatever comes, a reader returns or raises an `NSTError`, within five seconds and bounded memory. Files to begin with
are made here; what is found on the way is kept in build/corpus, and what ends a run in build/.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-untyped]
import numpy as np
import pillow_heif

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

with atheris.instrument_imports(include=["nst_engine", "PIL"]):
    from PIL import Image

    from nst_engine.benchmark.comparison import alone, compared, unlike
    from nst_engine.benchmark.report import Report, read_report
    from nst_engine.benchmark.row import TOTAL, Row
    from nst_engine.errors import NSTError
    from nst_engine.files import file_sha256
    from nst_engine.image import Animation, load_image, load_mask
    from nst_engine.limits import ImageLimits
    from nst_engine.models.spec import parse_spec
    from nst_engine.optimization.options import OptimizeOptions
    from nst_engine.optimization.sidecar import read_sidecar
    from nst_engine.server.kserve.tensors import Body, read_inference
    from nst_engine.stylize.style_embedding import StyleEmbedding
    from nst_engine.stylize.stylizer import Stylizer
    from nst_engine.video import VideoOptions, paint_video

from moving_clips import Identity, Tone, pictures, write_clip  # noqa: E402
from tiny_models import own_spec, painter  # noqa: E402

LIMITS = ImageLimits(max_bytes=1 << 20, max_pixels=1 << 18)
SECONDS, MEGABYTES = 5, 2048
_MODEL_SECONDS = 2.0  # less than an input may take
_FRAMES = 4

_IN_MEMORY = Path("/dev/shm")
WORK = Path(tempfile.mkdtemp(prefix="nst-fuzz-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None))


def file_of(name: str, data: bytes) -> Path:
    """A file with these bytes, the only one of its kind."""
    path = WORK / name
    path.write_bytes(data)
    return path


def read_picture(data: bytes) -> None:
    """As a photo, a mask, and frame by frame."""
    for first_frame in (False, True):
        with contextlib.suppress(NSTError):
            load_image(data, limits=LIMITS, first_frame=first_frame)
    with contextlib.suppress(NSTError):
        load_mask(data, limits=LIMITS)
    for _ in islice(Animation(file_of("picture", data), limits=LIMITS), _FRAMES):
        pass


def read_model(data: bytes) -> None:
    """Loaded, and run on a whole picture and on tiles."""
    path = file_of("model.onnx", data)
    for tile_above_px in (None, 1):
        options: Any = {"device": "cpu", "backend": "onnxruntime", "threads": 1, "timeout": _MODEL_SECONDS}
        model = Stylizer(path, tile_above_px=tile_above_px, **options)
        model.stylize(np.zeros((16, 16, 3), np.uint8), model.styles[0] if model.styles else None)


def read_spec(data: bytes) -> None:
    """A model's specification, in a file beside it."""
    parse_spec(data.decode("utf-8", "replace"), source="spec", name="model")


def read_sidecar_of_run(data: bytes) -> None:
    """As `--replay` reads it."""
    read_sidecar(file_of("sidecar.json", data))


def read_bench(data: bytes) -> None:
    """As `nst bench compare` reads it."""
    report = read_report(file_of("bench.json", data))
    compared(report, report)
    alone(report, report)
    unlike(report, report)


def read_embedding(data: bytes) -> None:
    """A style image that was read before."""
    StyleEmbedding.load(file_of("style.safetensors", data))


def read_request(data: bytes) -> None:
    """To KServe's protocol: JSON alone, with binary tensors behind it, and packed."""
    for body in (
        Body(data, "identity", None),
        Body(data + _TENSORS, "identity", str(len(data))),
        Body(data, "gzip", None),
    ):
        with contextlib.suppress(NSTError):
            asked = read_inference(body, styles=3, most_bytes=1 << 20, most_pixels=1 << 18, most_side=1024)
            assert len(asked.pictures) == len(asked.weights)
            assert (asked.pictures.shape[3], asked.weights.shape[1]) == (3, 3)
            assert np.isfinite(asked.weights).all()


def read_video(data: bytes) -> None:
    """The first frames, with sound and all the rest."""
    source = file_of("clip.mkv", data)
    paint_video(source, WORK / "painted.mkv", Identity(), options=VideoOptions(end=0.2), limits=LIMITS)


def some_pictures() -> Iterator[bytes]:
    """Of every format and several kinds."""
    colour = pictures(3, 16, 24)
    still = Image.fromarray(colour[0])
    hole = still.convert("RGBA")
    hole.putalpha(Image.fromarray(colour[1][..., 0]))
    for image, options in (
        (still, {"format": "PNG"}),
        (hole, {"format": "PNG"}),
        (Image.fromarray(colour[0][..., 0].astype(np.uint16) * 257), {"format": "PNG"}),
        (still.quantize(9), {"format": "PNG", "bits": 4}),
        (still, {"format": "JPEG"}),
        (still, {"format": "JPEG", "progressive": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
        (still.convert("CMYK"), {"format": "JPEG"}),
        (still, {"format": "WEBP"}),
        (hole, {"format": "WEBP", "lossless": True}),
        (still, {"format": "AVIF"}),
        (hole, {"format": "AVIF", "quality": 100}),
        (still, {"format": "TIFF", "compression": "tiff_lzw"}),
        (Image.fromarray(colour[0][..., 0].astype(np.uint16) * 257), {"format": "TIFF"}),
        (still, {"format": "BMP"}),
        (still, {"format": "GIF"}),
    ):
        content = io.BytesIO()
        image.save(content, **options)
        yield content.getvalue()
    for image in (still, hole):
        content = io.BytesIO()
        pillow_heif.from_pillow(image).save(content)
        yield content.getvalue()
    rest = [Image.fromarray(each) for each in colour[1:]]
    for kind in ("GIF", "WEBP", "PNG"):
        content = io.BytesIO()
        still.save(content, kind, save_all=True, append_images=rest, duration=50)
        yield content.getvalue()


def some_models() -> Iterator[bytes]:
    """The stand-ins of the tests."""
    yield painter(spec=own_spec())
    yield painter(spec=own_spec(styles=["one"]), styles=0)
    yield painter(spec=own_spec(layout="nhwc", dtype="uint8", value_range=[0, 255]), layout="nhwc", dtype="uint8")
    yield painter(spec=own_spec(), sides=(16, 16))


def some_specs() -> Iterator[bytes]:
    """Of every key."""
    style = {"predict": "encoder.onnx", "output": "code", "numbers": 97, "side_px": 512}
    for metadata in (own_spec(), own_spec(style=style), {"styles": ["a"], "value_range": [0, 255], "pad_multiple": 4}):
        yield json.dumps(metadata).encode()


def some_sidecars() -> Iterator[bytes]:
    """One whose picture is there."""
    photo = file_of("photo.png", next(some_pictures()))
    entry = {"path": str(photo), "sha256": file_sha256(photo)}
    sidecar = {
        "format": "nst-engine optimize 1",
        "inputs": [{"role": role, **entry} for role in ("content", "style", "style_mask")],
        "options": asdict(OptimizeOptions()),
        "image": {"pixels_sha256": "0" * 64},
        "was_stopped": False,
        "weights": {"sha256": "0" * 64},
    }
    yield json.dumps(sidecar).encode()


def some_benches() -> Iterator[bytes]:
    """With two rows."""
    case: dict[str, str | int] = {"backend": "onnxruntime-cpu", "size": "64x64", "batch": 1, "precision": "float32"}
    rows = [Row(case | {"backend": name}, {TOTAL: [3.0, 3.1, 3.2]}, {"psnr_db": 50.0}) for name in ("a", "b")]
    yield Report("stylize", {"threads": 1}, {"cpu": "a"}, rows, date="2026-01-01").to_json().encode()


def some_embeddings() -> Iterator[bytes]:
    """One."""
    code = np.arange(97, dtype=np.float32)
    path = WORK / "one.safetensors"
    StyleEmbedding(code, "bundled:any", "code 0123456789abcdef", "a painting").save(path)
    yield path.read_bytes()


#: Two bytes by one, and weights: 6 and 12 bytes.
_TENSORS = bytes(6) + np.ones(3, "<f4").tobytes()


def some_requests() -> Iterator[bytes]:
    """With the numbers in JSON, and behind it."""
    picture = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 1, 3]}
    weights = {"name": "style_weights", "datatype": "FP32", "shape": [1, 3]}
    outputs = [{"name": "stylized_image", "parameters": {"binary_data": True}}]
    for image, style in (
        ({"data": [0, 1, 2, 3, 4, 255]}, {"data": [[0.5, 0, 1]]}),
        ({"parameters": {"binary_data_size": 6}}, {"parameters": {"binary_data_size": 12}}),
    ):
        request = {"id": "1", "inputs": [picture | image, weights | style], "outputs": outputs}
        yield json.dumps(request).encode()


def some_videos() -> Iterator[bytes]:
    """Of several containers and codecs."""
    plain: Mapping[str, Any] = {"rate": Fraction(10), "time_base": Fraction(1, 10)}
    for name, codec, sounds in (
        ("a.mp4", "libx264", [Tone(seconds=0.3)]),
        ("a.mkv", "mpeg4", [Tone(seconds=0.3, codec="libopus")]),
        ("a.avi", "mjpeg", []),
        ("a.mov", "qtrle", []),
        ("a.webm", "libvpx", []),
        ("a.mpg", "mpeg2video", []),
    ):
        kinds = {"mjpeg": "yuvj420p", "qtrle": "rgb24"}
        options: dict[str, str] = {}
        rate = Fraction(25) if codec == "mpeg2video" else plain["rate"]
        write_clip(
            WORK / name,
            pictures(3, 16, 24),
            codec=codec,
            pixel_format=kinds.get(codec, "yuv420p"),
            sounds=sounds,
            options=options,
            rate=rate,
            time_base=1 / rate,
        )
        yield (WORK / name).read_bytes()


#: What takes the place of a part of a JSON document.
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**63, -(2**63), 10**299, 1e308, math.nan, math.inf, "", "a", "\0", "\ud800",
    "[bold]", "\x1b[2J", "../x", "/dev/null", [], {}, [[]], [None], ["a", 1], {"a": None}, {"": {}}, "0" * 5000,
)  # fmt: skip


def odd_json(data: bytes, seeds: Sequence[Any]) -> bytes:
    """A document of which a few parts are others: bytes alone seldom make JSON."""
    draw = atheris.FuzzedDataProvider(data)
    whole: Any = [copy.deepcopy(seeds[draw.ConsumeIntInRange(0, len(seeds) - 1)])]
    for _ in range(draw.ConsumeIntInRange(1, 3)):
        holder, key = whole, 0
        while isinstance(holder[key], dict | list) and holder[key] and draw.ConsumeIntInRange(0, 3):
            holder = holder[key]
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = keys[draw.ConsumeIntInRange(0, len(keys) - 1)]
        if isinstance(holder, dict) and not draw.ConsumeIntInRange(0, 3):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(_ODD[draw.ConsumeIntInRange(0, len(_ODD) - 1)])
    return json.dumps(whole[0]).encode("utf-8", "surrogatepass")


_JSON = ("specs", "sidecars", "benches", "requests")
READERS: Mapping[str, tuple[Callable[[bytes], None], Callable[[], Iterator[bytes]]]] = {
    "pictures": (read_picture, some_pictures),
    "models": (read_model, some_models),
    "specs": (read_spec, some_specs),
    "sidecars": (read_sidecar_of_run, some_sidecars),
    "benches": (read_bench, some_benches),
    "embeddings": (read_embedding, some_embeddings),
    "requests": (read_request, some_requests),
    "videos": (read_video, some_videos),
}


def main() -> None:
    """One reader, or each in a process of its own; a failure ends it."""
    if len(sys.argv) < 2:
        print(*READERS)
        return
    if sys.argv[1] != "all":
        fuzz(sys.argv[1])
    for name in READERS:  # what all import is instrumented once
        child = os.fork()
        if not child:
            fuzz(name)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"{name}: failed")


def fuzz(name: str) -> None:
    """Until the time is over or a failure occurs, with which the process ends."""
    read, seeds = READERS[name]
    corpus = ROOT / "build" / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    first = list(seeds())
    for number, seed in enumerate(first):
        (corpus / f"seed-{number}").write_bytes(seed)
        read(seed)  # what is imported at first use takes its time here; and what is whole is read
    documents = [json.loads(seed) for seed in first] if name in _JSON else []
    warnings.simplefilter("ignore")

    def one_input(data: bytes) -> None:
        with contextlib.suppress(NSTError):
            read(odd_json(data, documents) if documents and data[:1] < b"\xc0" else data)

    limits = [f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={ROOT / 'build'}/{name}-"]
    atheris.Setup([sys.argv[0], *limits, "-max_len=65536", *sys.argv[2:], str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
