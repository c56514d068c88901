"""The tables of `bench_server.py`."""

from __future__ import annotations

from tables import Report, machine_line, median

from nst_engine.benchmark.markdown import markdown_table


def server_text(report: Report) -> str:
    """Throughput beside the bare engine's, latency, an overload, a soak, and batches."""
    return "\n\n".join(
        (
            throughput_table(report),
            latency_table(report),
            overload_text(report),
            f"{batches_text(report)} {machine_line(report, 'openvino')}",
        )
    )


def throughput_table(report: Report) -> str:
    """Pictures a second of the engine and of the service."""
    rows = [
        [
            f"`{network}`, {size}",
            f"{median(each['engine_per_s']):.1f}",
            f"{median(each['service_per_s']):.1f}",
            f"{100 * each['share']:.0f} %",
        ]
        for network, sizes in report["throughput"].items()
        for size, each in sizes.items()
    ]
    return markdown_table(["JPEG in, JPEG out", "engine, pictures/s", "service", "of it"], rows)


def latency_table(report: Report) -> str:
    """By the number of clients, with the peak of the service's memory."""
    cases = [(network, size, each) for network, sizes in report["latency"].items() for size, each in sizes.items()]
    counts = [load["clients"] for load in cases[0][2]["loads"]]
    headings = ["p50 / p95 / p99, ms", *(f"{count} client{'s' if count > 1 else ''}" for count in counts), "memory"]
    rows = [
        [
            f"`{network}`, {size}",
            *(" / ".join(f"{ms:.0f}" for ms in load["ms"].values()) for load in each["loads"]),
            f"{each['peak_mib']} MiB",
        ]
        for network, size, each in cases
    ]
    return markdown_table(headings, rows)


def overload_text(report: Report) -> str:
    """Ten times too many requests, and a soak."""
    load = report["overload"]
    over, before, after = load["over"], load["before"]["ms"]["p50"], load["after"]["ms"]["p50"]
    text = (
        f"{load['times']} times as many requests as can be painted (`live`, 720p, `--queue {load['queue']} --timeout "
        f"{load['timeout_s']:g}`): of {over['asked']:,}, {over['answers'].get('200', 0):,} painted (p99 "
        f"{over['ms']['p99'] / 1e3:.1f} s), {over['answers'].get('503', 0):,} answered 503 (99 % within "
        f"{over['refused_ms_p99']:.0f} ms), {sum(over['lost'].values())} lost; memory {load['peak_mib']} MiB. One "
        f"client's p50 before {before:.0f} ms, after {after:.0f} ms."
    )
    if soak := report.get("soak"):
        mib = soak["resident_mib"]
        text += (
            f" {soak['minutes']:.0f} minutes of four clients, {soak['pictures']:,} pictures: {mib[1]} MiB after the "
            f"first minute, {mib[-1]} MiB after the last."
        )
    return text


def batches_text(report: Report) -> str:
    """Pictures in one run, and side by side."""
    rows = "; ".join(
        f"`{network}`, {size}: " + ", ".join(f"{way} {ms:.1f}" for way, ms in ways.items())
        for network, sizes in report["batches_ms"].items()
        for size, ways in sizes.items()
    )
    return f"Milliseconds a picture, and why the service makes no batches on a CPU: {rows}."
