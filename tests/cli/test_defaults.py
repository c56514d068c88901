"""What `--help` says of defaults is true: typing the default changes nothing."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from nst_engine.cli import add_style, serve, train_any
from nst_engine.cli.bench_arguments import options_of_form
from nst_engine.cli.main import build_parser
from nst_engine.cli.option_flags import options_of
from nst_engine.cli.style_arguments import model_of
from nst_engine.cli.training_arguments import training_options
from nst_engine.limits import ImageLimits
from nst_engine.models.formats import ExportOptions
from nst_engine.models.triton import TritonOptions
from nst_engine.motion.options import FrameOptions
from nst_engine.optimization.options import DEFAULT_STYLE_WEIGHT, OptimizeOptions
from nst_engine.options import declared
from nst_engine.ray.options import ClusterOptions
from nst_engine.runtimes.options import SessionOptions, StreamOptions
from nst_engine.server.settings import read_settings
from nst_engine.stylize.options import StylizeOptions
from nst_engine.video.options import VideoOptions
from nst_engine.webcam.options import WebcamOptions

#: What each command must be given, beside its options.
NEEDED: Mapping[str, Sequence[str]] = {
    "stylize": ["photo.jpg"],
    "video": ["clip.mp4"],
    "webcam": [],
    "styles": [],
    "encode-style": ["painting.jpg"],
    "optimize": ["photo.jpg", "--style", "painting.jpg"],
    "gallery": ["photo.jpg", "--styles", "painting.jpg", "-o", "sheet.png"],
    "reconstruct": ["photo.jpg", "--layer", "relu1_1"],
    "train": ["painting.jpg", "-o", "own.onnx", "--photos", "photos", "--steps", "1"],
    "train-any": ["-o", "own.onnx", "--photos", "photos", "--steps", "1"],
    "add-style": ["painting.jpg", "-o", "own.onnx"],
    "export": ["bundled:live", "-o", "own.onnx"],
    "export triton": ["repository"],
    "serve": [],
    "cluster stylize": ["photos", "painted"],
    "bench": [],
    "bench stylize": [],
    "bench optimize": [],
    "bench kernels": [],
    "bench compare": ["a.json", "b.json"],
}
_MODEL = (SessionOptions, ImageLimits)
#: Of the commands whose options are records, which ones.
RECORDS: Mapping[str, Sequence[type[Any]]] = {
    "stylize": (StylizeOptions, StreamOptions, *_MODEL),
    "video": (FrameOptions, VideoOptions, *_MODEL),
    "webcam": (FrameOptions, WebcamOptions, *_MODEL),
    "styles": _MODEL,
    "encode-style": _MODEL,
    "optimize": (OptimizeOptions, ImageLimits),
    "gallery": (OptimizeOptions, ImageLimits),
    "reconstruct": (OptimizeOptions, ImageLimits),
    "export": (ExportOptions,),
    "cluster stylize": (StylizeOptions, ClusterOptions, *_MODEL),
    "export triton": (TritonOptions, ExportOptions),
}
#: Those that are told in words.
IN_WORDS = (
    "PHOTO_STYLE, here; - for stdout",
    "IN_STYLE, here",
    "PAINTING.safetensors, here",
    "CONTENT_STYLE.png, here",
    "IMAGE_LAYER[_style].png, here",
    "as many as may be used",
    "all",
    "the device's",
    "any",
    "25",  # of sequences; videos have their own
    "by the file",
    "the codec's",
    "the camera's",
    "the model's first",
    "the file's",
    "equal",
    "at 512 px 159 for 16:9 to 263 for a square",
    "lbfgs 1, adam 0.02",
    "the result's",
    "the weight stays",
    "the bundled ones",
    "bundled:live or bundled:quality, whichever has the size",
    "the bundled pictures",
    "the model's",
    "the bundled",
    "all that run here",
    "bundled:live; with --style-image bundled:any-fast",
    "its first",
    "float32; of the stylizer, whatever it takes by itself",
    "both",
    "for many pictures one for every 4 threads, 2 to 8",
    "matroska",  # of stdout; files say it by their names
    "none needed",
    "below the user's cache",
    "$RAY_ADDRESS, else this machine alone",
    "as many as cores or GPUs allow",
    "each as its input",
    "a node's, up to 8",
)


def parsers(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    if name:
        yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield from parsers(command, f"{name} {word}".strip())


STATED = [
    (name, action.option_strings[0], stated)
    for name, parser in parsers(build_parser())
    for action in parser._actions
    for stated in re.findall(r"\bdefault: (.+?)\)?$", (action.help or "").replace("%%", "%"))
]


def meaning(command: str, *flags: str) -> Any:
    """What the command makes of its arguments, and of all options that were not given."""
    arguments = build_parser().parse_args([*command.split(), *NEEDED[command], *flags])
    if command == "serve":
        return read_settings(**{name: value for name, value in vars(arguments).items() if name in serve._OPTIONS})
    if command.startswith("bench"):
        return options_of_form(arguments)
    if command in ("train", "train-any", "add-style"):
        own = {"train-any": train_any._DEFAULTS, "add-style": add_style._DEFAULTS}.get(command, {})
        options: list[Any] = [training_options(arguments, **own)]
    else:
        options = [options_of(arguments, record) for record in RECORDS.get(command, ())]
    names = {name for each in options for name in declared(type(each))}  # type: ignore[arg-type]
    others = {name: value for name, value in vars(arguments).items() if name not in names}
    if hasattr(arguments, "default_models"):
        others["model"] = model_of(arguments)
    return [dataclasses.astuple(each) for each in options], others


def test_most_options_say_their_defaults() -> None:
    assert len(STATED) > 150
    assert {command for command, _, _ in STATED} == set(NEEDED)


@pytest.mark.parametrize(("command", "flag", "stated"), [each for each in STATED if each[2] not in IN_WORDS])
def test_typing_the_default_changes_nothing(
    command: str, flag: str, stated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NST_ENGINE_BACKEND", raising=False)  # of the tests; the service takes it for its own
    assert meaning(command, flag, *stated.split(" ")) == meaning(command)


def test_defaults_in_words_are_those_in_use() -> None:
    assert {stated for _, _, stated in STATED} >= set(IN_WORDS)


def test_the_style_weights_are_those_of_each_normalization() -> None:
    (text,) = {
        action.help
        for name, parser in parsers(build_parser())
        for action in parser._actions
        if name == "optimize" and action.dest == "style_weight"
    }
    stated = dict(re.findall(r"(\w+) ([\d.e-]+)", str(text).partition("gram-normalization: ")[2]))
    assert {name: float(weight) for name, weight in stated.items()} == DEFAULT_STYLE_WEIGHT


@pytest.mark.parametrize("flag", ["--strength", "--max-pixels", "--device", "--model"])
def test_another_value_would_have_been_noticed(flag: str) -> None:
    other = {"--strength": "0.5", "--max-pixels": "9", "--device": "cpu", "--model": "live"}[flag]
    assert meaning("stylize", flag, other) != meaning("stylize")
