"""Records of a run made from its progress: snapshots, animation frames, trace and plot."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.environment import needed
from nst_engine.files import write_atomically
from nst_engine.image import resize_image, save_image
from nst_engine.optimization.progress import Progress

#: Frames of an animation are collected so that about this many come together.
ANIMATION_FRAMES = 90


@dataclass
class Recorder:
    """Collects the requested records; call it with every `Progress`.

    Attributes:
        snapshot_base: Where snapshots go: NAME.png gives NAME_00050.png, ...; None: none.
        save_every: Iterations between snapshots.
        alpha: Of the content, for the snapshots.
        quality: Of snapshots as JPEG, WebP, AVIF or HEIC.
        keeps_frames: Whether to collect frames of an animation.
        trace: Every progress record, for JSON.
        frames: Of the animation, uint8, sizes growing with the scales.
        snapshots: Files written.
    """

    snapshot_base: Path | None = None
    save_every: int | None = None
    keeps_frames: bool = False
    alpha: NDArray[np.uint8] | None = None
    quality: int = 95
    trace: list[dict[str, Any]] = field(default_factory=list)
    frames: list[NDArray[np.uint8]] = field(default_factory=list)
    snapshots: list[Path] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        """Record one iteration."""
        self.trace.append(progress.record())
        if self.keeps_frames and (progress.iteration - 1) % max(1, progress.num_iterations // ANIMATION_FRAMES) == 0:
            self.frames.append(progress.picture())
        if self.snapshot_base is not None and self.save_every and progress.iteration % self.save_every == 0:
            base = self.snapshot_base
            path = base.with_name(f"{base.stem}_{progress.iteration:05d}{base.suffix}")
            picture = progress.picture()
            alpha = None if self.alpha is None else resize_image(self.alpha, *picture.shape[:2])
            self.snapshots.append(save_image(path, picture, alpha=alpha, quality=self.quality))

    def frames_at(self, last: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        """The frames at the size of the last picture, which ends them."""
        height, width = last.shape[:2]
        yield from (resize_image(frame, height, width) for frame in self.frames)
        yield last

    def write_trace(self, path: Path) -> None:
        """Each loss term of each iteration, and the seconds, as JSON."""
        write_atomically(path, (json.dumps(self.trace, indent=1) + "\n").encode())


def check_plotting() -> None:
    """Refuse before the work if the plot could not be drawn after it.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    with needed("`plot` needs matplotlib", "plot"):
        import matplotlib  # noqa: F401


def write_plot(path: Path, trace: Sequence[dict[str, Any]]) -> None:
    """Draw the loss terms over the iterations, with the changes of scale marked; format by the suffix."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    iterations = [record["iteration"] for record in trace]
    for term, style in (("total", "-"), ("content", "--"), ("style", "--"), ("tv", ":")):
        values = [record["losses"][term] for record in trace]
        if any(value > 0 for value in values):
            axes.plot(iterations, values, style, label=term)
    last_scale = None
    for record in trace:
        if record["scale"] != last_scale:
            last_scale = record["scale"]
            axes.axvline(record["iteration"], color="0.85", zorder=0)
            axes.annotate(
                f"{record['width']}×{record['height']}",
                (record["iteration"], 1.0),
                (3, -3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontsize=8,
                color="0.4",
            )
    axes.set(xlabel="iteration", ylabel="weighted loss", yscale="log")
    axes.legend(loc="upper right")
    buffer = io.BytesIO()
    canvas.print_figure(buffer, format=path.suffix.lstrip(".").lower() or "png")
    write_atomically(path, buffer.getvalue())
