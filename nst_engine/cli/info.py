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

    found = inventory()
    for key in ("stylize_device", "vgg_weights"):
        found[key] = with_flags(found[key])
    if arguments.json:
        print(as_json(found, indent=2))
        return 0
    kernels = found["kernels"]
    lines = [
        ("nst-engine", found["nst-engine"]),
        ("python", found["python"]),
        ("machine", f"{found['machine']}, {found['cpus']} CPUs to use"),
        ("kernels", ", ".join(filter(None, (kernels["implementation"], kernels["isa"], kernels["reason"])))),
        ("  available", ", ".join(kernels["available"]) or "NumPy only"),
        *((name, version or "not installed") for name, version in found["packages"].items()),
        ("stylize device", found["stylize_device"]),
        ("optimize device", found["device"]),
        ("  precision", found["precision"]),
        *((name, text) for name, text in found["models"].items()),
        ("VGG-19 weights", found["vgg_weights"]),
        ("styles", ", ".join(found["styles"])),
        ("photos", ", ".join(found["photos"])),
    ]
    width = max(len(name) for name, _ in lines)
    print("\n".join(f"{name:{width}s} {value}" for name, value in lines))
    return 0
