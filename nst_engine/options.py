"""Options, declared once: a frozen dataclass says type, default, limits and what each is, for Python and for the shell.

`nst_engine.cli.option_flags` makes flags of them.
"""

from __future__ import annotations

import inspect
import math
import numbers
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Literal, ParamSpec, TypeVar

from nst_engine.errors import OptionError

_P = ParamSpec("_P")
_R = TypeVar("_R")

_KEY = "option"
_NO_LIMITS = (-math.inf, math.inf)
#: Of the parts of a loss; in single precision, more of them would not add up to a number.
WEIGHTS = (0.0, 1e12)

Size = tuple[int, int]
_LARGEST_SIDE_PX = 16384


@dataclass(frozen=True)
class Option:
    """Metadata of an option that its type and default do not express.

    Attributes:
        text: Description, for `--help`.
        metavar: Placeholder for its value there.
        limits: Of a number: the least and the largest.
        is_open: Whether the lower limit is exclusive.
        why: Why they are the limits, where one may ask.
        choices: Instead of those of a `Literal`.
        read: Parses a value from the command line; None: the field's type.
        shown: Its default, for display; None: as it is.
        flag: Its name on a command line, where the option is given once for each of several values.
        is_list: Whether several values follow one flag.
    """

    text: str
    metavar: str | None = None
    limits: tuple[float, float] = _NO_LIMITS
    is_open: bool = False
    why: str = ""
    choices: tuple[str, ...] = ()
    read: Callable[[str], Any] | None = None
    shown: str | None = None
    flag: str | None = None
    is_list: bool = False


def option(default: Any, text: str, **further: Any) -> Any:
    """A field of an options record; see `Option`."""
    return field(default=default, metadata={_KEY: Option(text, **further)})


@dataclass(frozen=True)
class Declared(Option):
    """An option with its field.

    Attributes:
        name: Of the field.
        kind: Its type: `bool`, `int`, `float`, `str`, or `object` for what is read in a way of its own.
        default: Where none is given.
        may_be_none: Whether None is a value.
    """

    name: str = ""
    kind: type = object
    default: Any = None
    may_be_none: bool = False

    def number(self, text: str) -> float:
        """Of an `int` or `float`, from the command line; its limits are checked with those of the others.

        Raises:
            OptionError: It is none.
        """
        try:
            value: float = self.kind(text)
        except ValueError:
            wanted = _wanted(*self.limits, self.is_open, self.kind is int)
            raise OptionError(f"{text!r} came; wanted {wanted}") from None
        return value

    def check(self, value: object) -> None:
        """Refuse a value of another type, out of the limits, or none of the choices.

        Raises:
            OptionError: Naming the value and what is allowed.
        """
        if value is None and self.may_be_none:
            return
        if self.choices:
            for each in value if isinstance(value, tuple) else (value,):
                if each not in self.choices:
                    raise OptionError(f"{each!r} came; choose from {', '.join(self.choices)}", option=self.name)
        elif self.kind in (int, float):
            is_whole = self.kind is int
            check_number(self.name, value, *self.limits, is_open=self.is_open, is_whole=is_whole, why=self.why)


@cache
def declared(record: type) -> Mapping[str, Declared]:
    """The options of a record, in their order."""
    hints = typing.get_type_hints(record)
    options = {}
    for each in fields(record):
        if _KEY not in each.metadata:
            continue
        field_option: Option = each.metadata[_KEY]
        kind, choices, may_be_none = _read_hint(hints[each.name])
        known = {**vars(field_option), "choices": field_option.choices or choices}
        options[each.name] = Declared(**known, name=each.name, kind=kind, default=each.default, may_be_none=may_be_none)
    return options


def check_options(record: Any) -> None:
    """Check every option of a record; for its `__post_init__`.

    Raises:
        OptionError: Naming the option, the value and what is allowed.
    """
    kind: type = type(record)
    for name, each in declared(kind).items():
        each.check(getattr(record, name))


def check_number(
    name: str,
    value: object,
    low: float,
    high: float,
    *,
    is_open: bool = False,
    is_whole: bool = False,
    why: str = "",
) -> None:
    """Refuse anything but a finite number within limits; with `is_open` the lower one is exclusive.

    Raises:
        OptionError: The value is not allowed.
    """
    kind = numbers.Integral if is_whole else numbers.Real
    is_number = isinstance(value, kind) and not isinstance(value, bool) and _is_finite(value)
    if is_number and low <= value <= high and not (is_open and value == low):  # type: ignore[operator]
        return
    try:
        came = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        came = "a number of thousands of digits"
    wanted = _wanted(low, high, is_open, is_whole) + (f" ({why})" if why else "")
    raise OptionError(f"{came} came; wanted {wanted}", option=name)


def size(text: str) -> Size:
    """`640x480`: width and height.

    Raises:
        OptionError: Anything else.
    """
    matched = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text)
    sides = (int(matched[1]), int(matched[2])) if matched else (0, 0)
    if not all(1 <= side <= _LARGEST_SIDE_PX for side in sides):
        raise OptionError(f"{text!r} came; wanted WIDTHxHEIGHT from 1 to {_LARGEST_SIDE_PX} px, such as 640x480")
    return sides


def _wanted(low: float, high: float, is_open: bool, is_whole: bool) -> str:
    expected = "a whole number" if is_whole else "a number"
    if math.isfinite(low) and math.isfinite(high) and not is_open:
        expected += f" from {_said(low)} to {_said(high)}"
    elif math.isfinite(low):
        expected += f" {'above' if is_open else 'of at least'} {_said(low)}"
        expected += f" and at most {_said(high)}" if math.isfinite(high) else ""
    return expected


def _said(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:.15g}"


def _is_finite(value: numbers.Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _read_hint(hint: Any) -> tuple[type, tuple[str, ...], bool]:
    """Type, choices, and whether it may be None."""
    parts = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
    kinds = [part for part in parts if part is not type(None)]
    may_be_none = len(kinds) < len(parts)
    if len(kinds) == 1 and typing.get_origin(kinds[0]) is Literal:
        return str, typing.get_args(kinds[0]), may_be_none
    kind = kinds[0] if len(kinds) == 1 and kinds[0] in (bool, int, float, str) else object
    return kind, (), may_be_none


def by_name(record: type) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Show the options of a record, which a function takes as `**option_values`, by name in its signature.

    For `help`, `inspect.signature` and `typing.get_type_hints`; type checkers read `Unpack[...]`.
    """

    def shown(function: Callable[_P, _R]) -> Callable[_P, _R]:
        hints = typing.get_type_hints(record)
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[name])
            for name, each in declared(record).items()
        ]
        parameters = [*own, *options]
        function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        kept = {*signature.parameters} - {each.name for each in own}
        annotations = {name: kind for name, kind in function.__annotations__.items() if name not in kept}
        function.__annotations__ = {**annotations, **{each.name: each.annotation for each in options}}
        return function

    return shown
