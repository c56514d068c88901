"""Errors of the library name Python's arguments, never flags of the command."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_models import photo, write_own

import nst_engine
from nst_engine import NSTError, StyleEmbedding, Stylizer
from nst_engine.training.options import TrainOptions

PHOTO = photo(40, 50)


def loaded(folder: Path) -> Stylizer:
    return Stylizer(write_own(folder), device="cpu")


class PathOfBytes:
    def __fspath__(self) -> bytes:
        return b"cat.jpg"


def painted(folder: Path, source: Any, output: Any = "out.mp4") -> None:
    nst_engine.stylize_video(source, output, loaded(folder), "wave")


def asked_when_closed() -> None:
    client = nst_engine.Client()
    client.close()
    client.styles()


#: What is called wrongly, and the argument or option that the message names.
CALLS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "load: max_pixels": (lambda _: nst_engine.ImageLimits(max_pixels=0), "max_pixels"),
    "load: too large": (
        lambda _: nst_engine.load_image(PHOTO, limits=nst_engine.ImageLimits(max_pixels=9)),
        "`max_pixels`",
    ),
    "load: max_side": (lambda _: nst_engine.load_image(PHOTO, max_side=0), "max_side: 0 came"),
    "load: max_side of text": (
        lambda _: nst_engine.load_image(PHOTO, max_side="x"),  # type: ignore[arg-type]
        "max_side: 'x' came",
    ),
    "load: limits": (lambda _: nst_engine.load_image(PHOTO, limits=None), "limits: None came"),  # type: ignore[arg-type]
    "load: a path of bytes": (lambda _: nst_engine.load_image(PathOfBytes()), "wanted a path"),  # type: ignore[arg-type]
    "load: no pixels": (lambda _: nst_engine.load_image(Image.new("RGB", (0, 0))), "has 0×0 px"),
    "save: a path of bytes": (lambda _: nst_engine.save_image(PathOfBytes(), PHOTO), "wanted a path"),  # type: ignore[arg-type]
    "load: none": (lambda _: nst_engine.load_image("nowhere.png"), "nowhere.png"),
    "save: quality": (lambda folder: nst_engine.save_image(folder / "a.png", PHOTO, quality=0), "quality"),
    "save: suffix": (lambda folder: nst_engine.save_image(folder / "a.psd", PHOTO), ".png"),
    "save: input": (
        lambda folder: nst_engine.save_image(write_own(folder, name="a.png"), PHOTO, inputs=[folder / "a.png"]),
        "`overwrite=True`",
    ),
    "model: none": (lambda _: Stylizer(None), "model: None came"),  # type: ignore[arg-type]
    "model: number": (lambda _: Stylizer(3), "model: 3 came"),  # type: ignore[arg-type]
    "model: bytes": (lambda _: Stylizer(b"a.onnx"), "model: b'a.onnx' came"),  # type: ignore[arg-type]
    "model: name": (lambda _: Stylizer("live"), "bundled:live"),
    "model: device": (lambda _: Stylizer(device="gpu"), "device"),
    "model: missing device": (lambda folder: Stylizer(write_own(folder), device="tensorrt"), "`device='"),
    "model: backend": (lambda _: Stylizer(backend="tflite"), "backend"),  # type: ignore[arg-type]
    "model: threads": (lambda _: Stylizer(threads=0), "threads"),
    "model: precision": (lambda _: Stylizer(precision="float16"), "`precision='float16'`"),
    "model: timeout": (lambda _: Stylizer(timeout=-1), "timeout"),
    "model: tile_above_px": (lambda _: Stylizer(tile_above_px=0), "tile_above_px"),
    "model: max_concurrency": (lambda _: Stylizer(max_concurrency=0), "max_concurrency"),
    "stylize: strength": (lambda folder: loaded(folder).stylize(PHOTO, "wave", strength=3), "strength"),
    "stylize: style": (lambda folder: loaded(folder).stylize(PHOTO, "waves"), "did you mean wave"),
    "stylize: no style": (lambda folder: loaded(folder).stylize(PHOTO), "style: none came"),
    "stylize: a picture as style": (lambda folder: loaded(folder).stylize(PHOTO, PHOTO), "`model='bundled:any'`"),
    "stylize: masks": (lambda folder: loaded(folder).stylize(PHOTO, "wave", style_masks=[PHOTO] * 2), "style_masks"),
    "stylize: masks of a number": (
        lambda folder: loaded(folder).stylize(PHOTO, "wave", style_masks=3),  # type: ignore[call-overload]
        "style_masks: 3 came",
    ),
    "stylize: max_side": (lambda folder: loaded(folder).stylize(PHOTO, "wave", max_side=0), "max_side"),
    "stylize: stroke_size": (lambda folder: loaded(folder).stylize(PHOTO, "wave", stroke_size=0), "stroke_size"),
    "stylize: out": (lambda folder: loaded(folder).stylize(PHOTO, "wave", out=PHOTO), "out"),
    "batch: one picture": (lambda folder: loaded(folder).stylize_batch(PHOTO, "wave"), "wanted several pictures"),
    "batch: one path": (lambda folder: loaded(folder).stylize_batch("cat.jpg", "wave"), "wanted several pictures"),
    "batch: none": (lambda folder: loaded(folder).stylize_batch(None, "wave"), "content_images: None came"),  # type: ignore[arg-type]
    "batch: batch_size": (lambda folder: loaded(folder).stylize_batch([PHOTO], "wave", batch_size=0), "batch_size"),
    "result: format none": (lambda folder: loaded(folder).stylize(PHOTO, "wave").encode(None), "format: came None"),  # type: ignore[arg-type]
    "result: format": (lambda folder: loaded(folder).stylize(PHOTO, "wave").save(io.BytesIO()), "`format`"),  # type: ignore[call-overload]
    "encode: fixed styles": (lambda folder: loaded(folder).encode_style(PHOTO), "bundled:any"),
    "encode: another model's": (
        lambda _: Stylizer("bundled:any-fast", device="cpu").stylize(
            PHOTO, StyleEmbedding(np.zeros(96, np.float32), "other", "space", "wave")
        ),
        "`model='bundled:any-fast'`",
    ),
    "embedding: no path": (lambda _: StyleEmbedding.load(None), "path: None came"),  # type: ignore[arg-type]
    "embedding: none": (lambda _: StyleEmbedding.load("nowhere.safetensors"), "nowhere.safetensors"),
    "frames: a model's name": (
        lambda _: nst_engine.FrameStylizer("bundled:live", "scream"),  # type: ignore[arg-type]
        "stylizer: 'bundled:live' came",
    ),
    "frames: stability": (
        lambda folder: nst_engine.FrameStylizer(loaded(folder), "wave", stability="much"),  # type: ignore[arg-type]
        "stability",
    ),
    "frames: frame": (
        lambda folder: nst_engine.FrameStylizer(loaded(folder), "wave").stylize_frame(PHOTO[..., 0]),
        "frame: ",
    ),
    "video: source": (
        lambda folder: nst_engine.stylize_video("nowhere.mp4", folder / "a.mp4", loaded(folder), "wave"),
        "nowhere.mp4",
    ),
    "video: source of bytes": (lambda folder: painted(folder, b"a.mp4"), "source: b'a.mp4' came"),
    "video: no source": (lambda folder: painted(folder, None), "source: None came"),
    "video: text": (lambda folder: painted(folder, io.StringIO("a")), "source: a file in text mode came"),
    "video: text out": (lambda folder: painted(folder, "a.mp4", io.StringIO()), "output: a file in text mode came"),
    "video: a model's name": (
        lambda folder: nst_engine.stylize_video("a.mp4", folder / "a.mp4", "bundled:live", "scream"),  # type: ignore[arg-type]
        "stylizer: 'bundled:live' came",
    ),
    "video: keyframes": (
        lambda folder: nst_engine.stylize_video(
            "a.mp4",
            folder / "a.mp4",
            loaded(folder),
            keyframes=[(0, "wave")],  # type: ignore[list-item]
        ),
        "keyframes: a tuple came",
    ),
    "client: closed": (lambda _: asked_when_closed(), "this client is closed"),
    "client: a photo's path of bytes": (lambda _: nst_engine.Client().stylize(PathOfBytes()), "photo: b'cat.jpg' came"),  # type: ignore[arg-type]
    "client: a style's": (lambda _: nst_engine.Client().encode_style(PathOfBytes()), "style_image: b'cat.jpg' came"),  # type: ignore[arg-type]
    "client: a video's": (lambda _: nst_engine.Client().paint_video(PathOfBytes()), "video: b'cat.jpg' came"),  # type: ignore[arg-type]
    "client: another protocol": (lambda _: nst_engine.Client("ftp://x"), "wanted such as http://127.0.0.1:8000"),
    "client: no address": (lambda _: nst_engine.Client(""), "wanted such as http://127.0.0.1:8000"),
    "client: no protocol": (lambda _: nst_engine.Client("x:8000"), "type http://x:8000"),
    "video: options": (lambda _: nst_engine.VideoOptions(max_side=0), "max_side"),
    "optimize: unknown": (lambda _: nst_engine.optimize(PHOTO, PHOTO, strenght=1), "strenght"),  # type: ignore[call-arg]
    "optimize: no style": (lambda _: nst_engine.optimize(PHOTO), "`style_images`"),
    "optimize: style": (lambda _: nst_engine.optimize(PHOTO, "nowhere.jpg"), "nowhere.jpg"),
    "optimize: image_size": (lambda _: nst_engine.optimize(PHOTO, PHOTO, image_size=1), "image_size"),
    "optimize: iterations": (lambda _: nst_engine.optimize(PHOTO, PHOTO, num_iterations=0), "num_iterations"),
    "optimize: layers": (lambda _: nst_engine.optimize(PHOTO, PHOTO, style_layers=["relu9_1"]), "relu9_1"),
    "optimize: init": (lambda _: nst_engine.optimize(PHOTO, PHOTO, init="nowhere.png"), "nowhere.png"),
    "optimize: device": (lambda _: nst_engine.optimize(PHOTO, PHOTO, device="gpu"), "device"),
    "optimize: weights": (lambda _: nst_engine.optimize(PHOTO, PHOTO, vgg_weights="nowhere.pt"), "nowhere.pt"),
    "optimize: blend": (
        lambda _: nst_engine.optimize(PHOTO, [PHOTO, PHOTO], style_blend_weights=(1.0,)),
        "style_blend_weights",
    ),
    "optimize: masks": (lambda _: nst_engine.optimize(PHOTO, PHOTO, content_masks=[PHOTO] * 2), "content_masks"),
    "reconstruct: layer": (lambda _: nst_engine.reconstruct(PHOTO, "relu9_1"), "relu9_1"),
    "train: length": (lambda _: TrainOptions(), "`steps` or `minutes`"),
    "train: batch": (lambda _: TrainOptions(steps=1, batch_size=3), "`batch_size=3`"),
    "train: steps": (lambda _: TrainOptions(steps=0), "steps"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_call_is_told_in_the_words_of_python(call: str, tmp_path: Path) -> None:
    wrong, named = CALLS[call]
    with pytest.raises(NSTError) as refused:
        wrong(tmp_path)
    message = str(refused.value)
    assert named in message
    assert "--" not in message
    assert "\n" not in message


def test_a_lone_mask_is_one_of_one(tmp_path: Path) -> None:
    mask = np.zeros(PHOTO.shape[:2], np.uint8)
    mask[:20] = 255
    with loaded(tmp_path) as stylizer:
        alone, listed = (stylizer.stylize(PHOTO, "wave", style_masks=masks).pixels for masks in (mask, [mask]))
        np.testing.assert_array_equal(alone, listed)


def test_photos_may_come_one_after_the_other_and_in_matrices(tmp_path: Path) -> None:
    grey = PHOTO[..., 0]
    with loaded(tmp_path) as stylizer:
        results = stylizer.stylize_batch((each for each in (grey, grey.view(np.matrix))), "wave")
        np.testing.assert_array_equal(results[0].pixels, results[1].pixels)
