"""Options of the library as flags of a command: `max_side` is --max-side, with its type, limits and help."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from nst_engine.cli.messages import flag_of
from nst_engine.errors import OptionError
from nst_engine.options import Declared, declared

_Record = TypeVar("_Record")


def add_options(
    parser: argparse._ActionsContainer,
    record: type,
    names: Collection[str] = (),
    *,
    leave_out: Collection[str] = (),
    **defaults: Any,
) -> None:
    """Add a flag for each option of a record.

    Args:
        parser: The parser or argument group.
        record: A dataclass of options.
        names: The options to add, in this order; empty: all.
        leave_out: Options to leave out.
        defaults: The command's own, for its help; `explicit_options` ignores them.
    """
    known = declared(record)
    for name in names or known:
        if name not in leave_out:
            _add(parser, known[name], defaults.get(name, known[name].default))


def explicit_options(arguments: argparse.Namespace, record: type) -> dict[str, Any]:
    """The options of a record given on the command line, by name."""
    return {name: value for name, value in vars(arguments).items() if name in declared(record)}


def options_of(arguments: argparse.Namespace, record: type[_Record], **defaults: Any) -> _Record:
    """The record of the given options; others take the command's defaults, then the record's.

    Raises:
        OptionError: An invalid value.
    """
    given = explicit_options(arguments, record)
    return record(
        **{**defaults, **{name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}}
    )


def _add(parser: argparse._ActionsContainer, option: Declared, default: Any) -> None:
    names = [option.flag or flag_of(option.name)]
    text = option.text
    shown = option.shown if option.shown is not None and default == option.default else _shown(default)
    if shown:
        text += f" (default: {shown})"
    settings: dict[str, Any] = {"dest": option.name, "default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
    if option.kind is bool:
        settings["action"] = argparse.BooleanOptionalAction if default else "store_true"
    elif option.choices:
        settings["choices"] = option.choices
    else:
        settings |= {"type": _reader(option), "metavar": option.metavar}
    if option.flag is not None:
        settings["action"] = "append"
    if option.is_list:
        settings["nargs"] = "+"
    parser.add_argument(*names, **settings)


def _reader(option: Declared) -> Callable[[str], Any]:
    read = option.number if option.kind in (int, float) and option.read is None else option.read
    if read is None:
        return option.kind

    def reader(text: str) -> Any:
        try:
            return read(text)
        except OptionError as refused:  # argparse would drop the message of a ValueError
            raise argparse.ArgumentTypeError(str(refused)) from None

    return reader


def _shown(default: Any) -> str:
    if default is None or default == () or isinstance(default, bool):
        return ""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)
