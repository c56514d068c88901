"""Progress bars that take Ctrl-C as a request to stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from nst_engine.optimization.progress import Progress

console = Console(stderr=True, highlight=False)


def counting_bar(*, width: int = 24, **options: Any) -> RichProgress:
    """What is done, a bar, how many of how many, and the task's field `status`; on stderr."""
    return RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=width),
        MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=9)),
        TextColumn("{task.fields[status]}"),
        console=console,
        **options,
    )


class InterruptibleBar:
    """A progress bar that takes the first Ctrl-C as a request to stop; a second or early one ends the program."""

    def __init__(self, bar: RichProgress, stopping: str) -> None:
        self.was_interrupted, self._has_begun = False, False
        self._bar, self._stopping = bar, stopping
        self._handler: Any = None

    def __enter__(self) -> Self:
        """Show the bar; take over Ctrl-C."""
        self._handler = signal.signal(signal.SIGINT, self._interrupt)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal and Ctrl-C as they were."""
        if self._has_begun:
            self._bar.stop()
        else:  # show an error without the bar
            self._bar.live.transient = True
            self._bar.live.stop()
        signal.signal(signal.SIGINT, self._handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.was_interrupted or not self._has_begun:
            raise KeyboardInterrupt
        self.was_interrupted = True
        console.print(self._stopping, style="yellow")


class RunDisplay(InterruptibleBar):
    """Progress bar with losses and an ETA; use as a context manager and as the callback of a run.

    The first Ctrl-C ends the run with the best picture so far; a second one, or one before the first picture, ends
    the program.

    Args:
        label: Name of the output.
        on_progress: Called with each record before it is shown.
    """

    def __init__(self, label: str, on_progress: Callable[[Progress], None] | None = None) -> None:
        bar = counting_bar(width=16)
        super().__init__(bar, "stopping: the best picture so far will be written (Ctrl-C again: nothing)")
        self.notes = list[str]()
        self._label, self._on_progress = label, on_progress
        self._task = bar.add_task(f"{label}: loading", total=None, start=False, status="")

    def __call__(self, progress: Progress) -> bool:
        """Show one record; returns False to stop the run."""
        self._has_begun = True
        if self._on_progress is not None:
            self._on_progress(progress)
        if progress.note:
            self.notes.append(f"iteration {progress.iteration}: {progress.note}")
            console.print(self.notes[-1], style="yellow", markup=False)
        losses = progress.losses
        self._bar.start_task(self._task)
        self._bar.update(
            self._task,
            description=f"{self._label} {progress.width}×{progress.height}",
            total=progress.num_iterations,
            completed=progress.iteration,
            status=(
                f"{clock(progress.eta_seconds)} left · "
                f"loss {losses.total:.3g} (content {losses.content:.3g}, style {losses.style:.3g}, tv {losses.tv:.2g})"
            ),
        )
        return not self.was_interrupted


def say(text: str) -> None:
    """A line for the user, on stderr."""
    console.print(text, soft_wrap=True)


def result_line(text: str) -> None:
    """A line for programs and people, on stdout."""
    print(text, file=sys.stdout, flush=True)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
