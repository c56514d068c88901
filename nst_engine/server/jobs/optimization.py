"""A picture, optimised for the service: each iteration is told of, and shown now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nst_engine.image import save_image
from nst_engine.server.jobs.folder import JobFolder
from nst_engine.server.jobs.machine import Machine

if TYPE_CHECKING:
    from nst_engine.optimization.progress import Progress

_MOST_SNAPSHOTS = 200
_SNAPSHOT_QUALITY = 88
_TOLD = ("iteration", "num_iterations", "scale", "num_scales", "width", "height", "seconds", "eta_seconds")
_LOSSES = ("total", "content", "style", "tv")


def optimize_for(folder: JobFolder, request: dict[str, Any], machine: Machine) -> None:
    """Do it.

    Raises:
        NSTError: What `optimize` and `save_image` raise.
    """
    from nst_engine.optimization.transfer import optimize

    tell = folder.begin_events()

    def follow(progress: Progress) -> None:
        iteration, planned = progress.iteration, progress.num_iterations
        losses = {name: getattr(progress.losses, name) for name in _LOSSES}
        tell("progress", {**{name: getattr(progress, name) for name in _TOLD}, "losses": losses})
        every = max(request["save_every"], -(-planned // _MOST_SNAPSHOTS))
        if iteration == 1 or iteration % every == 0:
            save_image(folder.snapshot_path(iteration), progress.picture(), quality=_SNAPSHOT_QUALITY)
            tell("snapshot", {"iteration": iteration})

    uploads = [folder.path / name for name in request["style_images"]]
    result = optimize(
        folder.path / "photo",
        [*uploads, *request["styles"]],
        on_progress=follow,
        limits=machine.limits,
        device=machine.device,
        threads=machine.threads,
        **request["options"],
    )
    last = folder.snapshot_path(result.iterations)
    if not last.exists():
        save_image(last, result.image, quality=_SNAPSHOT_QUALITY)
        tell("snapshot", {"iteration": result.iterations})
    result.save(folder.path / request["result"], quality=request["quality"])
