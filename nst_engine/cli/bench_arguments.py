"""The arguments of `nst bench` and its forms; the options are those of `nst_engine.benchmark.options`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst_engine.benchmark.options import Comparing, KernelsBench, OptimizeBench, StylizeBench
from nst_engine.cli.messages import flag_of
from nst_engine.cli.option_flags import add_options, explicit_options
from nst_engine.errors import OptionError, OutputError
from nst_engine.options import declared

#: By form.
RECORDS: Mapping[str, type] = {
    "stylize": StylizeBench,
    "optimize": OptimizeBench,
    "kernels": KernelsBench,
    "compare": Comparing,
}
_OUTPUTS: Mapping[str, Any] = {"output": None, "markdown": None, "plot": None, "json": False, "overwrite": False}
_OF_COMPARING = ("before", "after", "json")


def add_form_arguments(parser: argparse.ArgumentParser, form: str) -> None:
    """Arguments of what is measured, and of the outputs.

    No defaults are set: a form's own parser would overwrite what came before the form's name.
    """
    add_options(parser.add_argument_group("measurement"), RECORDS[form])
    group = parser.add_argument_group("result")
    _add(group, "-o", "--output", type=Path, metavar="FILE", help="every single time, and the machine, as .json")
    _add(group, "--markdown", nargs="?", const=True, metavar="FILE", help="the tables as Markdown; to stdout, or FILE")
    _add(group, "--plot", type=Path, metavar="FILE", help="latency by backend and size: .png or .svg")
    _add(group, "--json", action="store_true", help="what -o writes, on stdout")
    _add(group, "--overwrite", action="store_true", help="results may replace files")


def options_of_form(arguments: argparse.Namespace) -> Any:
    """The options record of the form.

    Raises:
        OptionError: A value that cannot be used, or an option of another form.
    """
    record = RECORDS[arguments.form]
    outputs = _OF_COMPARING if arguments.form == "compare" else tuple(_OUTPUTS)
    known = {*declared(record), *outputs, "run", "flags", "form"}
    if foreign := sorted(vars(arguments).keys() - known):
        flags = {name: each.flag for other in RECORDS.values() for name, each in declared(other).items()}
        names = ", ".join(flags.get(name) or flag_of(name) for name in foreign)
        raise OptionError(f"{names}: not of nst bench {arguments.form}; see nst bench {arguments.form} --help")
    values = explicit_options(arguments, record)
    return record(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def outputs_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The output files that were given."""
    return {name: getattr(arguments, name, default) for name, default in _OUTPUTS.items()}


def checked_outputs(options: Mapping[str, Any]) -> dict[str, Path]:
    """The output files, checked to be writable before the measurement.

    Raises:
        NSTError: One cannot be written, or is there already.
        MissingDependencyError: matplotlib is not installed.
    """
    from nst_engine.benchmark.plot import SUFFIXES
    from nst_engine.files import check_output
    from nst_engine.optimization.recording import check_plotting

    if options["json"] and options["markdown"] is True:
        raise OptionError("--json and --markdown cannot both go to stdout; give --markdown FILE, or -o FILE")
    suffixes = {"output": (".json",), "markdown": (".md", ".txt"), "plot": SUFFIXES}
    outputs = {name: Path(options[name]) for name in suffixes if options[name] not in (None, True)}
    known: set[Path] = set()
    for name, path in outputs.items():
        check_output(path, suffixes=suffixes[name])
        if path.exists() and not options["overwrite"]:
            raise OutputError(f"{path} is there already; take another name, or --overwrite")
        if path.resolve() in known:
            raise OptionError(f"{path}: two results would be written there; give each a name of its own")
        known.add(path.resolve())
    if "plot" in outputs:
        check_plotting()
    return outputs


def _add(group: argparse._ArgumentGroup, *names: str, **options: Any) -> None:
    group.add_argument(*names, default=argparse.SUPPRESS, **options)
