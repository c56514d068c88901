"""`nst info`: what is installed and what is active."""

from __future__ import annotations

import argparse
from typing import Any

from nst_engine.cli.messages import as_json, with_flags


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "info", help="what is installed and active", description="Show versions, kernels, devices and weights."
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect and print."""
    from nst_engine.diagnosis.inventory import inventory

    facts = inventory()
    for key in ("stylize_device", "vgg_weights"):
        facts[key] = with_flags(facts[key], of_any_command=True)
    if arguments.json:
        print(as_json(facts, indent=2))
        return 0
    kernels = facts["kernels"]
    lines = [
        ("nst-engine", facts["nst-engine"]),
        ("python", facts["python"]),
        ("machine", f"{facts['machine']}, {facts['cpus']} CPUs to use"),
        ("kernels", ", ".join(filter(None, (kernels["implementation"], kernels["isa"], kernels["reason"])))),
        ("  available", ", ".join(kernels["available"]) or "NumPy only"),
        *((name, version or "not installed") for name, version in facts["packages"].items()),
        ("stylize device", facts["stylize_device"]),
        ("optimize device", facts["device"]),
        ("  precision", facts["precision"]),
        *((name, text) for name, text in facts["models"].items()),
        ("VGG-19 weights", facts["vgg_weights"]),
        ("styles", ", ".join(facts["styles"])),
        ("photos", ", ".join(facts["photos"])),
    ]
    width = max(len(name) for name, _ in lines)
    print("\n".join(f"{name:{width}s} {value}" for name, value in lines))
    return 0
