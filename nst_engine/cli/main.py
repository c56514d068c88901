"""`nst`: parse, dispatch, and turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from nst_engine.cli.exit_codes import BAD_INPUT, FAILED, INTERRUPTED, READER_GONE
from nst_engine.cli.export_triton import WORDS as TRITON
from nst_engine.cli.messages import speak_of, with_flags
from nst_engine.cli.signals import StopSignals
from nst_engine.cli.verbosity import add_verbosity, logged, verbosity_of, warned_in_a_line
from nst_engine.environment import did_you_mean
from nst_engine.errors import NSTError, ProcessLostError
from nst_engine.process import keep_freed_memory, let_idle_threads_sleep
from nst_engine.version import __version__
from nst_engine.wording import message_of, printable

# what is wrong is a name that was typed, and not the machine
_OF_A_NAME = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR)
# argparse's own words
_INVALID_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line; what it returns has `flags`, those of the command."""

    _words: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does."""
        self._words = [] if args is None else list(args)
        parsed, rest = super().parse_known_args(args, namespace)
        if "flags" not in parsed:  # of the innermost, which returns first
            parsed.flags = tuple(self._option_string_actions)
            if rest:
                hint = did_you_mean(rest[0].partition("=")[0], parsed.flags).strip()
                self.error(f"unrecognized arguments: {' '.join(rest)}{hint and f' ({hint})'}")
        return parsed, rest

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and exit with 2."""
        if choice := _INVALID_CHOICE.search(message):
            hint = did_you_mean(choice[1], re.findall(r"[\w-]+", choice[2]))
            message = message.replace(choice[0], f"invalid choice: '{choice[1]}' ({hint}choose from {choice[2]})")
        if file := next((each for each in self._words if each.startswith("-") and os.path.isfile(each)), None):  # noqa: PTH113
            message += f"; {file} is taken for an option: type ./{file} for the file"
        self.exit(BAD_INPUT, f"{self.prog}: {message_of(message)}; see {self.prog} --help\n")


class _TopParser(OneLineParser):
    """The parser of all commands, one of which has a name of two words."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, with `export triton` as one word."""
        words = sys.argv[1:] if args is None else list(args)
        if tuple(words[:2]) == TRITON:
            words[:2] = [" ".join(TRITON)]
        return super().parse_known_args(words, namespace)


class _PrintCompletion(argparse.Action):
    """Prints what a shell sources to complete commands and options."""

    def __call__(self, parser: argparse.ArgumentParser, _: object, shell: Any, flag: str | None = None) -> None:
        import shtab

        if shell not in shtab.SUPPORTED_SHELLS:
            parser.error(f"{flag}: {shell} came; choose from {', '.join(shtab.SUPPORTED_SHELLS)}")
        print(shtab.complete(parser, shell))
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    from nst_engine.cli import (
        add_style,
        bench,
        cluster,
        doctor,
        encode_style,
        export,
        export_triton,
        gallery,
        info,
        models,
        optimize,
        reconstruct,
        serve,
        styles,
        stylize,
        train,
        train_any,
        video,
        webcam,
    )

    parser = _TopParser(prog="nst", description="Neural style transfer: any picture, painted in any style.")
    parser.add_argument("--version", action="version", version=f"nst-engine {__version__}")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        default=argparse.SUPPRESS,
        metavar="SHELL",
        help="for bash, zsh and others: source it",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=OneLineParser)
    for command in (
        stylize,
        video,
        webcam,
        styles,
        encode_style,
        optimize,
        gallery,
        reconstruct,
        train,
        train_any,
        add_style,
        export,
        export_triton,
        serve,
        cluster,
        models,
        bench,
        info,
        doctor,
    ):
        command.add_parser(commands)
    add_verbosity(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code, see `nst_engine.cli.exit_codes`; 128 + the signal that ended it."""
    _open_closed_streams()
    let_idle_threads_sleep()
    keep_freed_memory()
    with StopSignals() as signals:
        try:
            return signals.code(_run(list(sys.argv[1:] if argv is None else argv)))
        finally:
            speak_of(())


def _run(arguments: Sequence[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without × or ü shall not cost the last line
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if arguments == ["--version"]:  # without building every command's parser
            print(f"nst-engine {__version__}", flush=True)
            return 0
        parsed = build_parser().parse_args(arguments)
        speak_of(parsed.flags)
        if "typed" in parsed:  # of a command that may start itself in other processes
            parsed.typed = list(arguments)
        with logged(verbosity_of(parsed)), warned_in_a_line():
            code = parsed.run(parsed)
        sys.stdout.flush()
    except NSTError as error:
        print(f"nst: {with_flags(error)}", file=sys.stderr)
        return FAILED if isinstance(error, ProcessLostError) else BAD_INPUT
    except KeyboardInterrupt:
        print("nst: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (MemoryError, RuntimeError) as error:  # torch has no type of its own for a lack of main memory
        if not (isinstance(error, MemoryError) or re.search(r"out of memory|allocate memory", str(error))):
            raise
        print(
            "nst: not enough memory; take a smaller picture (nst stylize: --max-side; nst optimize: --image-size)",
            file=sys.stderr,
        )
        return FAILED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            print(f"nst: {printable(why)}", file=sys.stderr)
            _write_no_more()
            return BAD_INPUT if error.errno in _OF_A_NAME else FAILED
        # whoever read our output has gone
        _write_no_more()
        code = READER_GONE
    return int(code)


def _open_closed_streams() -> None:
    """Services and cron may start a process without stdin, stdout or stderr, which Python then has as None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # to its end


def _write_no_more() -> None:
    """What is left in stdout's buffer shall be no traceback at the interpreter's end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
