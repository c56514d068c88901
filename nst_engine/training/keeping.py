"""Keeps a training in its folder: checkpoints, previews and records while it runs."""

from __future__ import annotations

import platform
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from nst_engine.errors import OptionError
from nst_engine.files import make_folder
from nst_engine.networks.stylizer_net import StylizerNet
from nst_engine.training.checkpoint import FORMAT, Checkpoint, load_checkpoint, save_checkpoint
from nst_engine.training.loop import Training, TrainProgress
from nst_engine.training.options import TrainOptions
from nst_engine.training.photos import Photos, sized
from nst_engine.training.record import Every, TrainRecorder, paint_preview, write_preview
from nst_engine.version import __version__

CHECKPOINT = "checkpoint.safetensors"

# Files of its folder.
_OURS = re.compile(r"checkpoint\.safetensors|(trace|left_out)\.json|losses\.png|preview-\d{6,}\.jpg")

#: Size of the pictures on a preview.
PREVIEW_SIZE_PX = 320
#: Styles on a preview, at most.
PREVIEW_STYLES = 8

# given anew with good reason: how long, and on what machine
_FREE_TO_CHANGE = ("steps", "minutes", "devices", "device", "precision")

_CHECKPOINT_EVERY_S = 120.0
_PREVIEW_EVERY_S = 300.0
_PREVIEW_PHOTOS = 3

StepCallback: TypeAlias = Callable[[TrainProgress], bool]


@dataclass(frozen=True, eq=False)
class Kept:
    """The contents of a training's folder.

    Attributes:
        folder: Made if missing.
        arch: Of the network.
        styles: It holds.
        stylizer: The network, or the part of it that paints.
        columns: Of a preview: style weights, float 1×styles, by label; looked up whenever one is painted.
        file_format: Of checkpoints.
    """

    folder: Path
    arch: str
    styles: Sequence[str]
    stylizer: StylizerNet
    columns: Callable[[], Mapping[str, torch.Tensor]]
    file_format: str = FORMAT


def earlier_checkpoint(folder: Path, file_format: str = FORMAT, *, resume: bool) -> Checkpoint | None:
    """The checkpoint that a training in this folder resumes from; None for a new training.

    Raises:
        OptionError: There is a checkpoint and `resume` was not asked for, or the other way round.
        NSTError: It cannot be read.
    """
    path = folder / CHECKPOINT
    if path.exists() and not resume:
        raise OptionError(f"{path} is there already: go on from it with `resume`, or remove {folder} to begin anew")
    if resume and not path.exists():
        raise OptionError(f"{path}: no checkpoint to go on from; leave `resume` out to begin, or name `folder`")
    return load_checkpoint(path, file_format) if resume else None


def inputs_elsewhere(folder: Path, paths: Sequence[Path], *, resume: bool = False) -> list[Path]:
    """Files that are read, without the pictures that an earlier run has left in the training's folder.

    Args:
        folder: Of the training.
        paths: What it reads.
        resume: Whether a file there with a name of ours was left by an earlier run.

    Raises:
        OptionError: One of them would be replaced.
    """
    ours = [path for path in paths if _OURS.fullmatch(path.name) and path.parent.resolve() == folder.resolve()]
    if ours and not resume:
        raise OptionError(f"{ours[0]}: a training writes such a file, and it would be lost; use another `folder`")
    return [path for path in paths if path not in ours]


def run_and_keep(
    training: Training, kept: Kept, photos: Photos, on_step: StepCallback, *, earlier: Checkpoint | None
) -> Checkpoint:
    """Run a training to its end, or until `on_step` returns False.

    Where several processes share it, the first one alone writes, for all of them.

    Args:
        training: To run.
        kept: What is kept of it.
        photos: It reads.
        on_step: Called after each step.
        earlier: Checkpoint that it goes on from, if any; where it was of other options, a warning says so.

    Returns:
        The last checkpoint, which is also in the folder.
    """
    if not training.group.rank.is_first:
        training.run(on_step)
        training.group.gathered(photos.left_out)
        return training.checkpoint(kept.arch, kept.styles)
    if earlier is not None:
        _warn_of_other_options(training.options, earlier)
    make_folder(kept.folder, "choose another `folder` for the training")
    recorder = TrainRecorder(kept.folder, goes_on=earlier is not None)
    recorder.forget_after(training.step)
    shown = [sized(image, PREVIEW_SIZE_PX) for image in photos.first(_PREVIEW_PHOTOS)]
    checkpoint_due, preview_due = Every(_CHECKPOINT_EVERY_S), Every(_PREVIEW_EVERY_S)

    def save(left_out: Mapping[str, str]) -> Checkpoint:
        checkpoint = training.checkpoint(kept.arch, kept.styles)
        checkpoint.training = {**training.options.record(), **_circumstances(training, photos, len(left_out))}
        save_checkpoint(kept.folder / CHECKPOINT, checkpoint, kept.file_format)
        recorder.write()
        recorder.write_left_out(left_out)
        return checkpoint

    def preview() -> None:
        with training.averaged_network():
            sheet = paint_preview(kept.stylizer, shown, kept.columns())
        write_preview(kept.folder, training.step, sheet)

    def after_step(progress: TrainProgress) -> bool:
        recorder(progress)
        if checkpoint_due():
            save(photos.left_out)
        if preview_due():
            preview()
        return on_step(progress)

    training.run(after_step)
    # each process has seen its own photos
    left_out = training.group.gathered(photos.left_out)
    preview()
    return save(left_out)


def _warn_of_other_options(options: TrainOptions, earlier: Checkpoint) -> None:
    """A forgotten option is as likely as one that was changed on purpose."""
    changed = {
        name: f"{value}, before {earlier.training[name]}"
        for name, value in options.record().items()
        if name not in _FREE_TO_CHANGE and earlier.training.get(name, value) != value
    }
    if changed:
        said = "; ".join(f"`{name}` is {values}" for name, values in changed.items())
        warnings.warn(f"the training goes on with other options than it had: {said}", RuntimeWarning, stacklevel=2)


def _circumstances(training: Training, photos: Photos, left_out: int) -> dict[str, Any]:
    return {
        "devices": training.group.rank.size,
        "steps_made": training.step,
        "seconds": round(training.seconds),
        "photos": len(photos) + len(photos.left_out) - left_out,
        "photos_left_out": left_out,
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "nst_engine": __version__,
    }
