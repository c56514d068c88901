"""Writes the tables of `results/*.json` into the README, between its markers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"


def with_tables(text: str) -> str:
    """The README's text with both tables as the committed results give them."""
    optimize = json.loads((RESULTS / "optimize.json").read_text())
    ablation = json.loads((RESULTS / "ablation.json").read_text())
    return _between(
        _between(text, "optimize-table", optimize_table(optimize)), "ablation-table", ablation_table(ablation)
    )


def pairs_of(report: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The peer's and our run of each pair."""
    peers, ours = ([run for run in report["runs"] if run["engine"] == name] for name in ("pastiche", "nst-engine"))
    return list(zip(peers, ours, strict=True))


def optimize_table(report: dict[str, Any]) -> str:
    """Ours against the peer's, a line per pair, and the machine."""
    lines = [
        "| content × style, 512 px | style distance: pastiche → ours | content distance: pastiche → ours "
        "| whole process: pastiche → ours | peak memory: pastiche → ours |",
        "|---|---|---|---|---|",
    ]
    for peer, ours in pairs_of(report):
        lines.append(
            f"| {ours['content']} × {ours['style']} "
            f"| {peer['style_distance']:.3f} → **{ours['style_distance']:.3f}** "
            f"| {peer['content_distance']:.2f} → **{ours['content_distance']:.2f}** "
            f"| {peer['seconds']:.0f} s → {ours['seconds']:.0f} s (**1/{peer['seconds'] / ours['seconds']:.1f}**) "
            f"| {peer['peak_rss_mib'] / 1024:.2f} → {ours['peak_rss_mib'] / 1024:.2f} GiB |"
        )
    return "\n".join(lines) + f"\n\n{_machine(report)}"


def ablation_table(report: dict[str, Any]) -> str:
    """One line per variant; times relative to the defaults in the same run."""
    base = report["runs"][0]
    lines = [
        f"| {base['content']} × {base['style']}, 512 px | style distance | content distance | time | peak memory |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {run['engine']} | {run['style_distance']:.3f} | {run['content_distance']:.2f} "
        f"| {run['seconds'] / base['seconds']:.2f} × | {run['peak_rss_mib'] / 1024:.2f} GiB |"
        for run in report["runs"]
    ]
    memory = ", ".join(
        f"{mib / 1024:.1f} GiB at {size} px" for size, mib in report["peak_rss_mib_by_longer_side_px"].items()
    )
    return "\n".join(lines) + f"\n\nPeak memory: {memory} (pictures of 3:2). {_machine(report)}"


def _machine(report: dict[str, Any]) -> str:
    machine = report["machine"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores ({', '.join(machine['instruction_sets'])}), "
        f"{machine['memory_gib']:.0f} GiB, Python {machine['python']}, torch {machine['packages']['torch']}, "
        f"{report['date']}."
    )


def _between(text: str, marker: str, table: str) -> str:
    pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"README.md has no <!-- {marker} --> markers")
    return pattern.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
