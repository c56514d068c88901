"""Checkpoints: safetensors with the options, the styles and the place in the training."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nst_engine.checks import parsed_json
from nst_engine.environment import needed
from nst_engine.errors import ModelChecksumError, ModelNotFoundError
from nst_engine.files import write_atomically

FORMAT = "nst-engine stylizer checkpoint 2"


@dataclass(eq=False)
class Checkpoint:
    """What a training goes on from and an export is made of.

    Attributes:
        arch: Of the network.
        styles: Their names, in the network's order.
        network: Weights in training.
        averaged: Their moving average, which is what is exported.
        optimizer: Adam's moments, by `first.NAME` and `second.NAME`.
        training: Options, data, machine.
        step: Steps made.
        seconds: Time spent.
        style_weight: As adapted so far.
        distances: Of content and style, and the energy of photos, smoothed; empty before the first step.
    """

    arch: str
    styles: list[str]
    network: dict[str, torch.Tensor]
    averaged: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0
    style_weight: float = 0.0
    distances: list[float] = field(default_factory=list)


_GROUPS = ("network", "averaged", "optimizer")
_SCALARS = ("arch", "styles", "training", "step", "seconds", "style_weight", "distances")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write all of it or nothing.

    Raises:
        OutputError: The file cannot be written.
    """
    from safetensors.torch import save

    tensors = {
        # clones: two names of one tensor would be refused
        f"{group}.{name}": tensor.detach().cpu().contiguous().clone()
        for group in _GROUPS
        for name, tensor in getattr(checkpoint, group).items()
    }
    told = {name: getattr(checkpoint, name) for name in _SCALARS}
    write_atomically(path, save(tensors, {"format": FORMAT, "nst_engine": json.dumps(told)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelNotFoundError: There is none.
        ModelChecksumError: It is damaged or another kind of file.
        MissingDependencyError: safetensors is not installed.
    """
    with needed("checkpoints need safetensors", "train"):
        from safetensors import safe_open
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    # its parser raises what it meets
    except Exception as damaged:
        raise ModelChecksumError(f"{path}: not readable as safetensors ({damaged}): truncated or damaged") from damaged
    if metadata.get("format") != FORMAT:
        raise ModelChecksumError(f"{path}: safetensors, but no checkpoint of a training: its format is not {FORMAT!r}")
    groups: dict[str, Any] = {
        group: {name.partition(".")[2]: tensor for name, tensor in tensors.items() if name.startswith(f"{group}.")}
        for group in _GROUPS
    }
    try:
        return Checkpoint(**parsed_json(metadata["nst_engine"]), **groups)
    except (KeyError, TypeError, ValueError) as damaged:
        raise ModelChecksumError(f"{path}: its description is damaged or of another version ({damaged})") from damaged
