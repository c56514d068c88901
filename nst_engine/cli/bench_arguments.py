"""The arguments of `nst bench` and its forms, and their checks."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst_engine.checks import require_count
from nst_engine.cli.messages import flag_of
from nst_engine.errors import OptionError, OutputError

_LARGEST_SIDE_PX = 16384
_MOST_THREADS = 1024

_OUTPUTS: Mapping[str, Any] = {"output": None, "markdown": None, "plot": None, "json": False, "overwrite": False}
_PRECISIONS = ("float32", "float16", "bfloat16", "int8")
#: Of each form. They stand here, and not in the parsers: a form's own parser would set them over what was given
#: before the form's name.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "stylize": {
        "backends": (),
        "model": None,
        "style": None,
        "style_image": (),
        "sizes": ((512, 512),),
        "batch": 1,
        "threads": None,
        "precision": "float32",
        "seconds": 3.0,
        **_OUTPUTS,
    },
    "optimize": {
        "style": "starry-night",
        "sizes": ((512, 512),),
        "iterations": 10,
        "precisions": ("float32", "bfloat16"),
        "device": "auto",
        "threads": None,
        **_OUTPUTS,
    },
    "kernels": {"sizes": ((512, 512), (1920, 1080)), "threads": None, "seconds": 1.0, **_OUTPUTS},
    "compare": {"before": None, "after": None, "noise": 0.02, "json": False},
}


def size(text: str) -> tuple[int, int]:
    """`640x480`: width and height.

    Raises:
        argparse.ArgumentTypeError: It is something else.
    """
    matched = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text)
    sides = (int(matched[1]), int(matched[2])) if matched else (0, 0)
    if not all(1 <= side <= _LARGEST_SIDE_PX for side in sides):
        raise argparse.ArgumentTypeError(
            f"{text!r} came; wanted WIDTHxHEIGHT from 1 to {_LARGEST_SIDE_PX} px, such as 640x480"
        )
    return sides


def add_stylize_arguments(parser: argparse.ArgumentParser) -> None:
    """What is painted, by what, for how long."""
    group = parser.add_argument_group("measurement")
    _add(group, "--backend", dest="backends", action="append", metavar="NAME", help="this one, or an error; repeatable "
         "(default: all that run here)")  # fmt: skip
    _add(group, "--model", metavar="NAME|FILE", help="(default: bundled:live; with --style-image bundled:any-fast)")
    _add(group, "--style", metavar="NAME[:W,...]", help="that the model holds (default: its first)")
    _add(group, "--style-image", action="append", metavar="FILE[:W]", help="any picture as the style; repeatable")
    _add_sizes(group, "512x512")
    _add(group, "--batch", type=int, metavar="N", help="pictures in a run (default: 1)")
    _add_threads(group)
    _add(group, "--precision", choices=_PRECISIONS, help="of the convolutions (default: float32)")
    _add(group, "--seconds", type=float, metavar="S", help="for each row, after the warm-up (default: 3)")


def add_optimize_arguments(parser: argparse.ArgumentParser) -> None:
    """What is painted, and how many iterations of it."""
    group = parser.add_argument_group("measurement")
    _add(group, "--style", metavar="FILE|NAME", help="a painting (default: starry-night)")
    _add_sizes(group, "512x512")
    _add(group, "--iterations", type=int, metavar="N", help="of each row, all at full size (default: 10)")
    _add(group, "--precision", dest="precisions", action="append", choices=("float32", "bfloat16"), help="of the "
         "features; repeatable (default: both)")  # fmt: skip
    _add(group, "--device", metavar="auto|cpu|cuda[:N]", help="where to compute (default: auto)")
    _add_threads(group)


def add_kernels_arguments(parser: argparse.ArgumentParser) -> None:
    """On what, for how long."""
    group = parser.add_argument_group("measurement")
    _add_sizes(group, "512x512 1920x1080")
    _add_threads(group)
    _add(group, "--seconds", type=float, metavar="S", help="for each row, after the warm-up (default: 1)")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the result goes."""
    group = parser.add_argument_group("result")
    _add(group, "-o", "--output", type=Path, metavar="FILE", help="every single time, and the machine, as .json")
    _add(group, "--markdown", nargs="?", const=True, metavar="FILE", help="the tables as Markdown; to stdout, or FILE")
    _add(group, "--plot", type=Path, metavar="FILE", help="latency by backend and size: .png or .svg")
    _add(group, "--json", action="store_true", help="what -o writes, on stdout")
    _add(group, "--overwrite", action="store_true", help="results may replace files")


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given, over the defaults of its form.

    Raises:
        OptionError: A number out of range, or an option of another form.
    """
    defaults = DEFAULTS[arguments.form]
    values = {name: value for name, value in vars(arguments).items() if name not in ("run", "form")}
    if foreign := sorted(values.keys() - defaults.keys()):
        names = ", ".join(flag_of(name.removesuffix("s") if name == "backends" else name) for name in foreign)
        raise OptionError(f"{names}: not of nst bench {arguments.form}; see nst bench {arguments.form} --help")
    options = {**defaults, **values}
    if options.get("style_image") and options["style"] is not None:
        raise OptionError("--style and --style-image: give one of them")
    for name, largest in (("batch", 1024), ("threads", _MOST_THREADS), ("iterations", 1_000_000)):
        if options.get(name) is not None:
            require_count(name, options[name], largest=largest)
    if options.get("iterations", 3) < 3:
        raise OptionError(f"--iterations: {options['iterations']} came; wanted at least 3, to see what one takes")
    seconds = options.get("seconds", 1.0)
    if not (math.isfinite(seconds) and 0 < seconds <= 3600):
        raise OptionError(f"--seconds: {seconds} came; wanted a number above 0 and at most 3600")
    if "sizes" in options:
        options["sizes"] = list(dict.fromkeys(options["sizes"]))
    return options


def checked_outputs(options: Mapping[str, Any]) -> dict[str, Path]:
    """The files to be written, all of which can be: nobody wants to learn it after minutes of measuring.

    Raises:
        NSTError: One cannot be written, or is there already.
        MissingDependencyError: There is nothing to plot with.
    """
    from nst_engine.benchmark.plot import SUFFIXES, check_plotting
    from nst_engine.files import check_output

    if options["json"] and options["markdown"] is True:
        raise OptionError("--json and --markdown cannot both go to stdout; give --markdown FILE, or -o FILE")
    suffixes = {"output": (".json",), "markdown": (".md", ".txt"), "plot": SUFFIXES}
    outputs = {name: Path(options[name]) for name in suffixes if options[name] not in (None, True)}
    seen: set[Path] = set()
    for name, path in outputs.items():
        check_output(path, suffixes=suffixes[name])
        if path.exists() and not options["overwrite"]:
            raise OutputError(f"{path} is there already; take another name, or --overwrite")
        if path.resolve() in seen:
            raise OptionError(f"{path}: two results would be written there; give each a name of its own")
        seen.add(path.resolve())
    if "plot" in outputs:
        check_plotting()
    return outputs


def _add(group: argparse._ArgumentGroup, *names: str, **options: Any) -> None:
    group.add_argument(*names, default=argparse.SUPPRESS, **options)


def _add_sizes(group: argparse._ArgumentGroup, default: str) -> None:
    _add(group, "--sizes", nargs="+", type=size, metavar="WxH", help=f"of the pictures, px (default: {default})")


def _add_threads(group: argparse._ArgumentGroup) -> None:
    _add(group, "--threads", type=int, metavar="N", help="of the CPU (default: as many as may be used)")
