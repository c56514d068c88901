"""Limits on pictures hold at every door of the library that takes one, before anything is decoded."""

from __future__ import annotations

import inspect
import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nst_engine
from nst_engine import FrameStylizer, ImageLimits, Stylizer, load_image, optimize, reconstruct
from nst_engine.errors import ImageTooLargeError, OptionError

SMALL = ImageLimits(max_pixels=63 * 64)
FEW_BYTES = ImageLimits(max_bytes=100)
PHOTO = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
TINY = np.zeros((32, 32, 3), np.uint8)


def encoded() -> bytes:
    content = io.BytesIO()
    Image.fromarray(PHOTO).save(content, "PNG")
    return content.getvalue()


def claiming(side: int) -> bytes:
    """A WebP of 90 bytes whose header claims this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    dot = io.BytesIO()
    Image.new("RGB", (1, 1)).save(dot, "WEBP", lossless=True)
    size = 2 * (side - 1).to_bytes(3, "little")
    frame = chunk(b"ANMF", bytes(12) + (10).to_bytes(3, "little") + b"\0" + dot.getvalue()[12:])
    body = b"WEBP" + chunk(b"VP8X", b"\2\0\0\0" + size) + chunk(b"ANIM", bytes(6)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture(scope="module")
def fixed() -> Stylizer:
    return Stylizer("bundled:live", device="cpu")


@pytest.fixture(scope="module")
def any_style() -> Stylizer:
    return Stylizer("bundled:any-fast", device="cpu")


@pytest.mark.parametrize("source", [PHOTO, encoded(), claiming(11_500)], ids=["array", "file", "bomb"])
def test_every_door_refuses_what_is_larger(fixed: Stylizer, any_style: Stylizer, source: Any) -> None:
    doors: dict[str, Callable[[], object]] = {
        "load_image": lambda: load_image(source, limits=SMALL),
        "stylize": lambda: fixed.stylize(source, "scream", max_side=32, limits=SMALL),
        "stylize_batch": lambda: fixed.stylize_batch([TINY, source], "scream", limits=SMALL),
        "encode_style": lambda: any_style.encode_style(source, limits=SMALL),
        "style": lambda: any_style.stylize(TINY, [(source, 1.0)], limits=SMALL),
        "optimize": lambda: optimize(source, TINY, limits=SMALL),
        "optimize, style": lambda: optimize(TINY, [TINY, source], limits=SMALL),
        "optimize, content mask": lambda: optimize(TINY, TINY, content_masks=[source], limits=SMALL),
        "optimize, style mask": lambda: optimize(TINY, TINY, style_masks=[source], limits=SMALL),
        "reconstruct": lambda: reconstruct(source, "relu1_1", limits=SMALL),
    }
    for name, door in doors.items():
        with pytest.raises(ImageTooLargeError, match="pixels"):
            pytest.fail(f"{name} returned {door()}")


def test_files_are_refused_by_their_bytes_too(fixed: Stylizer) -> None:
    with pytest.raises(ImageTooLargeError, match="bytes"):
        fixed.stylize(encoded(), "scream", limits=FEW_BYTES)
    with pytest.raises(ImageTooLargeError, match="bytes"):
        optimize(encoded(), TINY, limits=FEW_BYTES)


def test_sizes_without_pixels_behind_them_are_refused(fixed: Stylizer) -> None:
    with pytest.raises(ImageTooLargeError):
        fixed.warmup((1_000_000, 1_000_000))
    everywhere = np.broadcast_to(np.zeros(3, np.uint8), (1_000_000, 1_000_000, 3))
    for door in (lambda: fixed.stylize(everywhere, "scream"), lambda: optimize(everywhere, TINY)):
        with pytest.raises(ImageTooLargeError):
            door()
    with pytest.raises(ImageTooLargeError):
        FrameStylizer(fixed, "scream", stability="off").stylize_frame(everywhere)


def test_what_are_no_limits_is_named() -> None:
    wrong: Any = 12_000_000
    with pytest.raises(OptionError, match="limits: 12000000 came"):
        Stylizer("bundled:live", limits=wrong)
    with pytest.raises(OptionError, match="ImageLimits"):
        Stylizer("bundled:live", device="cpu").stylize(TINY, "scream", limits=wrong)


def test_whatever_takes_a_picture_takes_limits() -> None:
    """An entry point that is added later is covered as well."""
    doors = [getattr(nst_engine, name) for name in nst_engine.__all__]
    doors += [method for name, method in inspect.getmembers(Stylizer, inspect.isfunction) if not name.startswith("_")]
    takes = []
    for door in filter(inspect.isfunction, doors):
        parameters = inspect.signature(door).parameters
        if any("ImageSource" in str(each.annotation) for each in parameters.values()) or "source" in parameters:
            takes.append(door.__name__)
            assert "limits" in parameters or "StylizeArguments" in str(parameters["options"].annotation), door
    assert {"load_image", "optimize", "reconstruct", "stylize_video", "stylize", "stylize_batch", "encode_style"} <= {
        *takes
    }
