"""A video, painted for the service; begun again, it goes on from the last segment that was finished."""

from __future__ import annotations

import time
from typing import Any

from nst_engine.server.jobs.folder import JobFolder
from nst_engine.server.jobs.machine import Machine
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.style_embedding import StyleEmbedding
from nst_engine.stylize.stylizer import Stylizer
from nst_engine.video import VideoOptions, VideoProgress, stylize_video

_PAUSE_S = 0.2


def paint_video_of(folder: JobFolder, request: dict[str, Any], machine: Machine) -> None:
    """Do it.

    Raises:
        NSTError: What `stylize_video` raises.
    """
    tell = folder.begin_events()
    told_at = 0.0

    def follow(progress: VideoProgress) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < _PAUSE_S and progress.frames != progress.total:
            return
        told_at = time.monotonic()
        values = {"done": progress.frames, "total": progress.total}
        tell("progress", {**values, "seconds": progress.seconds, "eta_seconds": progress.eta_seconds})

    with Stylizer(
        request["model"],
        device=machine.device,
        backend=machine.backend,
        precision=machine.precision,
        threads=machine.threads,
        limits=machine.limits,
    ) as stylizer:
        stylize_video(
            folder.path / "video",
            folder.path / request["result"],
            stylizer,
            _style_of(folder, request),
            options=VideoOptions(max_side=request["max_side"], resume=True),
            limits=machine.limits,
            on_progress=follow,
            **request["look"],
        )


def _style_of(folder: JobFolder, request: dict[str, Any]) -> Style:
    embedding = folder.path / "style.safetensors"
    style: Style = StyleEmbedding.load(embedding) if embedding.exists() else request["style"]
    return style
