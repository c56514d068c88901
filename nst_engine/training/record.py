"""What a training leaves behind while it runs: a trace, a plot of it, and preview pictures."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nst_engine.checks import parsed_json
from nst_engine.errors import OptionError
from nst_engine.files import write_atomically
from nst_engine.image import contact_sheet, encode_image
from nst_engine.networks.stylizer_net import StylizerNet
from nst_engine.reading import text_of
from nst_engine.training.loop import TrainProgress
from nst_engine.training.perceptual import image_tensor

_TRACE_EVERY_STEPS = 10
# On the plot.
_SHOWN = ("content", "style", "style_weight")


class TrainRecorder:
    """Keeps the trace of a training in its folder.

    Args:
        folder: Of the training.
        goes_on: Whether an earlier trace is continued; else it is begun anew.

    Raises:
        OptionError: The earlier trace is damaged.
    """

    def __init__(self, folder: Path, *, goes_on: bool) -> None:
        self._folder = folder
        self._path = folder / "trace.json"
        self.trace: list[dict[str, Any]] = _stored(self._path) if goes_on and self._path.exists() else []

    def __call__(self, progress: TrainProgress) -> None:
        """Note a step."""
        if progress.step % _TRACE_EVERY_STEPS == 0 or progress.fraction >= 1:
            self.trace.append(asdict(progress))

    def forget_after(self, step: int) -> None:
        """Drop what was noted after the checkpoint that is gone on from."""
        self.trace = [record for record in self.trace if record["step"] <= step]

    def write_left_out(self, left_out: Mapping[str, str]) -> None:
        """Which photos are not learnt from, and why."""
        text = json.dumps(dict(left_out), indent=1, ensure_ascii=False)
        write_atomically(self._folder / "left_out.json", f"{text}\n".encode(), follows_links=False)

    def write(self) -> None:
        """The trace as JSON, and the plot where matplotlib is installed."""
        write_atomically(self._path, (json.dumps(self.trace, indent=1) + "\n").encode(), follows_links=False)
        if self.trace and _can_plot():
            write_atomically(self._folder / "losses.png", _plot(self.trace), follows_links=False)


def _stored(path: Path) -> list[dict[str, Any]]:
    try:
        stored = parsed_json(text_of(path))
    except (OSError, ValueError) as damaged:
        raise _no_trace(path, str(damaged)) from damaged
    numbers = ("step", *_SHOWN)
    for record in stored if isinstance(stored, list) else [None]:
        values = [record.get(name) for name in numbers] if isinstance(record, dict) else [None]
        if not all(isinstance(each, int | float) for each in values):
            raise _no_trace(path, f"it has no numbers for {', '.join(numbers)}")
    return list(stored)


def _no_trace(path: Path, why: str) -> OptionError:
    return OptionError(f"{path}: is no trace of a training ({why}); remove it to go on without what was noted before")


@torch.no_grad()
def paint_preview(
    network: StylizerNet, photos: Sequence[NDArray[np.uint8]], columns: Mapping[str, torch.Tensor]
) -> NDArray[np.uint8]:
    """Photos (rows, uint8 H x W x 3) in styles (columns: style weights, float 1 x styles) on a labelled sheet."""
    device = next(network.parameters()).device
    cells = []
    for photo in photos:
        row = []
        for weights in columns.values():
            levels = network(image_tensor(photo, device), weights)[0].permute(1, 2, 0) * 255
            row.append(levels.round().byte().cpu().numpy())
        cells.append(row)
    return contact_sheet(cells, column_labels=list(columns), row_labels=[""] * len(photos), row_images=photos)


def write_preview(folder: Path, step: int, sheet: NDArray[np.uint8]) -> None:
    """One sheet per time, so that progress can be seen."""
    write_atomically(folder / f"preview-{step:06d}.jpg", encode_image(sheet, "JPEG"), follows_links=False)


class Every:
    """True once per so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, time.monotonic()

    def __call__(self) -> bool:
        """Whether it is time again."""
        if time.monotonic() - self._last < self._seconds:
            return False
        self._last = time.monotonic()
        return True


def _can_plot() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def _plot(trace: Sequence[dict[str, Any]]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = [record["step"] for record in trace]
    for name, line in (("content", "--"), ("style", "-")):
        axes.plot(steps, [record[name] for record in trace], line, label=f"{name} distance")
    axes.set(xlabel="step", ylabel="distance under VGG-19 (smoothed)", yscale="log")
    weight = axes.twinx()
    weight.plot(steps, [record["style_weight"] for record in trace], ":", color="0.6")
    weight.set_ylabel("style weight", color="0.5")
    axes.legend(loc="upper right")
    buffer = io.BytesIO()
    canvas.print_figure(buffer, format="png")
    return buffer.getvalue()
