"""`nst doctor`: problems of this installation, each with its fix."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from nst_engine.cli.messages import as_json, with_flags

_PROBLEMS_FOUND = 1
_MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "doctor",
        help="find out what is wrong, and what to type",
        description="Look for packages in conflict, missing libraries, an inactive extension, damaged models.",
        epilog="Exit code 1 if there is a problem.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run all checks and report."""
    from nst_engine.diagnosis.findings import findings

    said = partial(with_flags, of_any_command=True)
    results = [replace(each, what=said(each.what), cure=said(each.cure)) for each in findings()]
    if arguments.json:
        print(as_json([asdict(finding) for finding in results], indent=2))
    else:
        for finding in results:
            print(f"{_MARKS[finding.kind]}  {finding.what}")
            if finding.cure:
                print(f"{'':9}{finding.cure}")
    return _PROBLEMS_FOUND if any(finding.kind == "problem" for finding in results) else 0
