"""`nst`: parse, dispatch, and turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from nst_engine.errors import NSTError
from nst_engine.version import __version__

EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and exit with 2."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    from nst_engine.cli import gallery, info, optimize, reconstruct

    parser = OneLineParser(prog="nst", description="Neural style transfer: any picture, painted in any style.")
    parser.add_argument("--version", action="version", version=f"nst-engine {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (optimize, gallery, reconstruct, info):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code: 0, 2 for bad input, 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:  # without building every command's parser
        print(f"nst-engine {__version__}")
        return 0
    try:
        parsed = build_parser().parse_args(arguments)
        code = parsed.run(parsed)
        sys.stdout.flush()
    except NSTError as error:
        print(f"nst: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("nst: interrupted before there was a picture; nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone: no traceback at the interpreter's end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code)
