"""The progress bar of `nst video`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from nst_engine.video import VideoProgress


class VideoBar:
    """A progress bar with frames per second and the remaining time, on stderr.

    Args:
        label: Name of the output.
        is_shown: Whether there is a bar; notes are printed in any case.
    """

    def __init__(self, label: str, *, is_shown: bool) -> None:
        from nst_engine.cli.progress_bar import counting_bar

        self._bar = counting_bar(disable=not is_shown)
        self._task = self._bar.add_task(label, total=None, status="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._bar.stop()
            return
        self._bar.live.transient = True  # show an error without the bar, and without the line that ends it in files
        self._bar.live.stop()

    def show(self, progress: VideoProgress) -> None:
        """Update after each frame."""
        from nst_engine.cli.progress_bar import clock

        left = "" if progress.eta_seconds is None else f" · {clock(progress.eta_seconds)} left"
        total = None if progress.total is None else max(progress.total, progress.frames)
        status = f"{progress.frames_per_second:.1f} frames/s{left}"
        self._bar.update(self._task, completed=progress.frames, total=total, status=status)

    def note(self, text: str) -> None:
        """A line for the user."""
        from nst_engine.cli.progress_bar import console

        console.print(f"nst: {text}", soft_wrap=True, markup=False)
