"""`nst models`: the models that are bundled, or found in folders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nst_engine.cli.messages import as_json
from nst_engine.wording import counted


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "models",
        help="the models there are, with what they take and hold",
        description="List the bundled models, and those of the folders and files given.",
    )
    parser.add_argument(
        "places", nargs="*", type=Path, metavar="DIR|FILE|NAME", help="where to look for further models"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Find and print."""
    from nst_engine.diagnosis.model_list import listed_models

    listed = listed_models(arguments.places)
    if arguments.json:
        print(as_json(listed, indent=2))
        return 0
    for each in listed:
        print(f"{each['name']}  {each['size_bytes'] / 1e6:.1f} MB  {each['path']}")
        print(f"  {each['error'] if 'error' in each else each['takes']}")
        if each.get("any_style"):
            print("  any picture as the style, and the bundled paintings by name")
        elif each.get("styles"):
            print(f"  {counted(len(each['styles']), 'style')}: {', '.join(each['styles'])}")
    return 0
