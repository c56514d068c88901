"""From `results/*.json`: the tables of the READMEs, `docs/gpu.md` and `docs/scale.md`, by markers, and a plot."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tables
import tables_scale
import tables_server

RESULTS = Path(__file__).parent / "results"

Result = Callable[[str], Mapping[str, Any]]
#: By file and marker: what stands there, from the results.
BLOCKS: Mapping[Path, Mapping[str, Callable[[Result], str]]] = {
    Path(__file__).parent.parent / "README.md": {
        "stylize-table": lambda of: tables.stylize_table(of("stylize")),
        "quality-means": lambda of: tables.quality_means(of("quality")),
        "any-style-table": lambda of: tables.any_style_means(of("any_style")),
        "video-table": lambda of: f"{tables.stability_table(of('video'))}\n\n{tables.video_table(of('video'))}",
        "optimize-table": lambda of: f"{tables.optimize_table(of('optimize'))}\n\n{tables.memory_text(of('ablation'))}",
        "kernels-summary": lambda of: tables.kernels_summary(of("kernels")),
    },
    Path(__file__).parent.parent / "docs" / "gpu.md": {"cuda-table": lambda of: tables.cuda_table(of("cuda"))},
    Path(__file__).parent / "README.md": {
        "stylize-table": lambda of: f"{tables.stylize_table(of('stylize'))}\n\n{tables.auto_text(of('stylize'))}",
        "elsewhere-table": lambda of: tables.elsewhere_table(of("amx/stylize"), of("avx2/stylize")),
        "stages-table": lambda of: tables.stages_table(of("stylize")),
        "files-table": lambda of: tables.files_table(of("stylize")),
        "server-text": lambda of: tables_server.server_text(of("server")),
        "scale-text": lambda of: tables_scale.scale_text(of("scale")),
        "service-text": lambda of: tables.service_text(of("service")),
        "web-text": lambda of: tables.web_text(of("web")),
        "stability-table": lambda of: tables.stability_table(of("video")),
        "video-table": lambda of: tables.video_table(of("video")),
        "big-table": lambda of: tables.big_table(of("big")),
        "cuda-table": lambda of: tables.cuda_table(of("cuda")),
        "variants-table": lambda of: tables.variants_table(of("variants")),
        "variants-elsewhere-table": lambda of: tables.variants_table(of("avx2/variants")),
        "quality-table": lambda of: tables.quality_table(of("quality")),
        "halos-table": lambda of: tables.halos_table(of("halos")),
        "any-style-table": lambda of: tables.any_style_table(of("any_style")),
        "add-style-table": lambda of: tables.add_style_table(of("add_style")),
        "add-style-elsewhere-table": lambda of: tables.add_style_table(of("avx2/add_style")),
        "optimize-table": lambda of: tables.optimize_table(of("optimize")),
        "ablation-table": lambda of: f"{tables.ablation_table(of('ablation'))}\n\n{tables.memory_text(of('ablation'))}",
        "pyramid-text": lambda of: tables.pyramid_text(of("pyramid")),
        "kernels-table": lambda of: tables.kernels_table(of("kernels")),
        "instructions-table": lambda of: tables.instructions_table(of("instructions")),
    },
    Path(__file__).parent.parent / "docs" / "scale.md": {
        "scale-text": lambda of: tables_scale.scale_text(of("scale")),
        "scale-film": lambda of: tables_scale.film_text(of("scale")),
        "scale-cost": lambda of: tables_scale.cost_table(of("scale"), of("cuda")),
    },
}


def main() -> None:
    """Draw the plot, and write all tables."""
    plot(result("optimize"), RESULTS / "optimize.png")
    for path in BLOCKS:
        path.write_text(with_tables(path, path.read_text(encoding="utf-8")), encoding="utf-8")


def result(name: str) -> Mapping[str, Any]:
    """A committed result."""
    report: Mapping[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def with_tables(path: Path, text: str) -> str:
    """The text of this file, with its tables as the committed results give them.

    Raises:
        SystemExit: The text has not the markers that this file should have.
    """
    markers = set(re.findall(r"<!-- /?([\w-]+) -->", text))
    if markers != BLOCKS[path].keys():
        raise SystemExit(f"{path}: has the markers {sorted(markers)}, wanted {sorted(BLOCKS[path])}")
    for marker, write in BLOCKS[path].items():
        begin, end = f"<!-- {marker} -->\n", f"<!-- /{marker} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise SystemExit(f"{path}: wanted {begin.strip()} and {end} once each")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{write(result)}\n{end}{rest.partition(end)[2]}"
    return text


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Both distances against seconds, a column per pair."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pairs = [(peer, ours) for peer, ours in tables.pairs_of(report) if peer is not None]
    figure = Figure(figsize=(3.2 * len(pairs), 5.2), dpi=110, layout="constrained")
    axes = figure.subplots(2, len(pairs), squeeze=False, sharex="col")
    for column, (peer, ours) in enumerate(pairs):
        for run, colour in ((peer, "tab:gray"), (ours, "tab:red")):
            seconds, style, content = zip(*run["curve"], strict=True)
            for row, values in enumerate((style, content)):
                axes[row, column].plot(seconds, values, "o-", color=colour, markersize=3, label=run["engine"])
        axes[0, column].set(title=f"{ours['content']} × {ours['style']}", yscale="log")
        axes[1, column].set(xlabel="seconds", ylim=(0, None))
    axes[0, 0].set(ylabel="style distance")
    axes[1, 0].set(ylabel="content distance")
    axes[0, 0].legend()
    FigureCanvasAgg(figure).print_figure(str(path))


if __name__ == "__main__":
    main()
