"""Shared by `train`, `train-any` and `add-style`: the progress display and the final messages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

from nst_engine.cli.exit_codes import INTERRUPTED
from nst_engine.cli.progress_bar import InterruptibleBar, clock, console, result_line, say
from nst_engine.environment import usable_cpus
from nst_engine.training.ranks import own_rank
from nst_engine.wording import counted

if TYPE_CHECKING:
    from nst_engine.exporting.finished_model import FinishedModel
    from nst_engine.training import Checkpoint, TrainProgress
    from nst_engine.training.options import TrainOptions

# of trained networks: the bundled ones are at a tenth
_LEARNT_STYLE_DISTANCE = 0.2
#: What was measured of whole trainings (`benchmarks/results/`, docs/networks.md).
MEASURED_ADDING = (
    "5 minutes on two cores of an AMD EPYC bring bundled:live to 0.08 to 0.13 from a painting, about "
    "as near as it is to its own styles (0.11); two with AVX2 alone to 0.09 to 0.16"
)
MEASURED_TRAINING = (
    "bundled:live saw 170,000 pictures, within half an hour on an NVIDIA H200, and is 0.11 from its paintings; CPUs "
    "were not measured"
)
MEASURED_ANY = (
    "bundled:any-fast took 8 minutes on an NVIDIA H200, up to 147,000 pictures, from bundled:live, and is 0.16 from "
    "paintings that it has never seen; CPUs were not measured"
)
_GO_ON = "go on with the same command, more {length}, --resume and --overwrite"


def say_stopped(checkpoint: Checkpoint) -> int:
    """How to resume a training that was interrupted; returns the exit code."""
    say(f"stopped at step {checkpoint.step}; go on with the same command and --resume")
    return INTERRUPTED


def _expected(options: TrainOptions, measured: str) -> str:
    """How long a training will take, and what was measured of others."""
    length = f"{options.minutes:g} minutes" if options.steps is None else counted(options.steps, "step")
    from nst_engine.optimization.device import resolve_device  # torch is imported after all checks

    devices = own_rank().size
    by = "" if devices == 1 else f" on {devices} devices"
    if own_rank().local_size > usable_cpus() and resolve_device(options.device).type == "cpu":
        by += f", which is slower than on {usable_cpus()}, as many as there are cores"
    step = f"{counted(options.batch_size, 'picture')} a step{by}"
    return f"training for {length}, {step}; measured (style distance): {measured}"


def say_finished(model: FinishedModel) -> None:
    """The last line of a training."""
    result_line(
        f"{model.path}: {model.description}, differs from torch by at most {model.difference:.1g}; "
        f"preview {model.preview}"
    )


def say_left_out(training: Mapping[str, Any], folder: Path) -> None:
    """Where the reasons are, if there were photos that could not be learnt from."""
    count = training.get("photos_left_out", 0)
    if count:
        say(f"{count} of the photos could not be learnt from; why: {folder / 'left_out.json'}")


class TrainingDisplay(InterruptibleBar):
    """Progress bar with distances and time left; use as a context manager and as the callback of a training.

    The first Ctrl-C ends the training after a checkpoint; a second one ends the program.

    Args:
        label: Name of the output.
        options: Of the training.
        measured: Of others, which is said once it has begun.
        learnt_at: Style distance below which the pictures look like the painting.
    """

    def __init__(
        self, label: str, options: TrainOptions, measured: str, learnt_at: float = _LEARNT_STYLE_DISTANCE
    ) -> None:
        bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[status]}"),
            console=console,
        )
        super().__init__(bar, "stopping after a checkpoint (Ctrl-C again: at once)")
        self._label, self._expected, self._learnt_at = label, _expected(options, measured), learnt_at
        self._length = "--minutes" if options.steps is None else "--steps"  # they exclude each other
        self._skipped, self._style, self._fraction = 0, math.nan, 1.0
        self._task = bar.add_task(f"{label}: reading", total=None, status="")

    def __call__(self, progress: TrainProgress) -> bool:
        """Show one step; returns False to stop the training."""
        if not self._has_begun:  # not before: invalid input is one line
            say(self._expected)
        self._has_begun = True
        self._style, self._fraction = progress.style, progress.fraction
        if progress.skipped > self._skipped:
            self._skipped = progress.skipped
            console.print(f"step {progress.step}: the loss was not finite; the step was left out", style="yellow")
        left = progress.seconds * (1 - progress.fraction) / max(progress.fraction, 1e-9)
        self._bar.update(
            self._task,
            description=f"{self._label} step {progress.step}",
            total=1.0,
            completed=progress.fraction,
            status=f"{clock(left)} left · content {progress.content:.3f}, style {progress.style:.3f}",
        )
        return not self.was_interrupted

    @property
    def was_stopped(self) -> bool:
        """Whether the training ended before its end, by Ctrl-C here or in another of its processes."""
        return self.was_interrupted or self._fraction < 1

    def say_if_over(self, checkpoint: Checkpoint) -> None:
        """Of a training that was resumed at its end: that no step was made, now. Its distances are the checkpoint's."""
        if not self._has_begun:
            self._style = checkpoint.distances[1]
            say(f"nothing was left to train: all of its {counted(checkpoint.step, 'step')} were made before")

    def say_if_undertrained(self, how_to_go_on: str = _GO_ON) -> None:
        """Warn of a training that ended before the pictures look like the painting; what to type has a {length}."""
        if self._style > self._learnt_at:
            say(
                f"undertrained: the pictures are still at {self._style:.2f} from the style, and look like it below "
                f"{self._learnt_at:g}; {how_to_go_on.format(length=self._length)}"
            )
