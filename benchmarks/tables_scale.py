"""The tables of `bench_scale.py`, and the model of what many pictures cost."""

from __future__ import annotations

from tables import Report, machine_line, median

from nst_engine.benchmark.markdown import markdown_table

_BILLION = 1e9
_GPU_SIZE = "1280x720"
_CORES_OF_A_NODE = 64


def scale_text(report: Report) -> str:
    """Ray beside the plain loop, one core and two, and memory."""
    return f"{rates_table(report)}\n\n{cores_text(report)} {memory_text(report)} {machine_line(report, 'openvino')}"


def rates_table(report: Report) -> str:
    """Pictures a second, by network and way."""
    rows = []
    for network, ways in report["rates"].items():
        plain, together, apart = (median(ways[way]) for way in ("plain", "ray", "ray, apart"))
        shares = (f"{each:.1f} ({100 * each / plain:.0f} %)" for each in (together, apart))
        rows.append([f"`{network}`, 720p", f"{plain:.1f}", *shares])
    headings = ["JPEG in, JPEG out, pictures/s", "`nst stylize FOLDER`", "on Ray", "`--stages apart`"]
    return markdown_table(headings, rows)


def cores_text(report: Report) -> str:
    """From one core to two."""
    one, two = report["one_core"], report["rates"]["live"]
    grown = {way: median(two[way]) / median(one[way]) for way in ("plain", "ray")}
    return (
        f"`live` on one core: {median(one['plain']):.1f} pictures/s alone, {median(one['ray']):.1f} on Ray; two cores "
        f"are {grown['plain']:.2f} and {grown['ray']:.2f} times as fast."
    )


def memory_text(report: Report) -> str:
    """At few and many inputs."""
    cases = ", ".join(
        f"{int(count):,} pictures {each['mib']:,} MiB ({each['seconds']:.0f} s)"
        for count, each in report["memory"].items()
    )
    few, many = min(report["memory"], key=int), max(report["memory"], key=int)
    grown = (report["memory"][many]["mib"] - report["memory"][few]["mib"]) * 1024 / (int(many) - int(few))
    return (
        f"Memory of all processes, Ray's own among them, at its highest: {cases}. What grows are names and records, by "
        f"{grown:.1f} KiB a picture."
    )


def film_text(report: Report) -> str:
    """What is seen at the joints."""
    told = []
    for style, film in report["film"].items():
        here, there = ({place: 1e3 * film[way][place] for place in film[way]} for way in ("stretches", "alone"))
        told.append(
            f"`{style}` {here['at_joints']:.2f} at the joints and {here['elsewhere']:.2f} elsewhere (painted by one: "
            f"{there['at_joints']:.2f} and {there['elsewhere']:.2f}), frames at most {film['most_levels_apart']:.2f} "
            "levels of 255 apart on the mean"
        )
    first = next(iter(report["film"].values()))
    return (
        f"Warping error (1/1000, by the true motion) of a film of {first['frames']} frames in "
        f"{len(first['joints']) + 1} stretches, by `live`: {'; '.join(told)}."
    )


def cost_table(report: Report, cuda: Report) -> str:
    """What a picture takes by its parts, what that foretells, what was measured, and what a billion take."""
    rows = []
    for network, parts in report["parts"].items():
        core_ms = sum(parts[f"{name}_ms"] for name in ("read", "paint", "write"))
        foretold, measured = 2e3 / core_ms, median(report["rates"][network]["ray"])
        rows.append(
            [
                f"`{network}`",
                " + ".join(f"{parts[f'{name}_ms']:.1f}" for name in ("read", "paint", "write")),
                f"{foretold:.1f}",
                f"{measured:.1f} ({100 * measured / foretold:.0f} %)",
                f"{_BILLION * 2 / measured / 3600:,.0f}",
                f"{_BILLION * (parts['bytes_in'] + parts['bytes_out']) / 1e12:,.0f}",
            ]
        )
    headings = [
        "720p",
        "ms of a core: read + paint + write",
        "foretold on 2 cores, pictures/s",
        "measured on Ray",
        "a billion: core hours",
        "TB in and out",
    ]
    return f"{markdown_table(headings, rows)}\n\n{network_text(report)} {gpu_text(report, cuda)}"


def network_text(report: Report) -> str:
    """What a large node moves."""
    moved = {
        network: median(report["rates"][network]["ray"])
        * (parts["bytes_in"] + parts["bytes_out"])
        * _CORES_OF_A_NODE
        / 2e6
        for network, parts in report["parts"].items()
    }
    told = ", ".join(f"{megabytes:.0f} MB/s for `{network}`" for network, megabytes in moved.items())
    return f"At these rates a node of {_CORES_OF_A_NODE} cores has {told} come and go."


def gpu_text(report: Report, cuda: Report) -> str:
    """What a GPU would ask of the cores and the network beside it."""
    told = []
    for network, parts in report["parts"].items():
        (ms,) = (
            row["p50_ms"]
            for row in cuda["models"][network]
            if row["backend"] == "onnxruntime-cuda" and row["size"] == _GPU_SIZE
        )
        rate = 1e3 / ms
        cores = rate * (parts["read_ms"] + parts["write_ms"]) / 1e3
        moved = rate * (parts["bytes_in"] + parts["bytes_out"]) / 1e6
        told.append(
            f"`{network}` {ms:.1f} ms a picture, {rate:.0f} pictures/s: {cores:.1f} cores read and write for it, "
            f"{moved:.0f} MB/s come and go, and a billion pictures take {_BILLION / rate / 3600:,.0f} GPU hours"
        )
    gpu = cuda["machine"]["gpus"][0].split(",")[0]
    return f"On one {gpu} at 720p, as measured without Ray: {'; '.join(told)}."
