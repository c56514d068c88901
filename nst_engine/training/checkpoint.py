"""Checkpoints: safetensors with the options, the styles and the place in the training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nst_engine.checks import parsed_json
from nst_engine.environment import needed
from nst_engine.errors import ModelChecksumError, ModelNotFoundError
from nst_engine.files import write_atomically
from nst_engine.networks.canvas import with_canvas
from nst_engine.networks.halos import with_halos
from nst_engine.networks.stylizer_net import completed
from nst_engine.reading import why_no_file

FORMAT = "nst-engine stylizer checkpoint 2"
#: Of networks for any style: `stylizer.*` and `encoder.*`, and what a training needs to go on beside them.
ANY_STYLE_FORMAT = "nst-engine any-style checkpoint 1"


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


@dataclass(frozen=True, eq=False)
class AnyStyleCheckpoint:
    """A network for any style.

    Attributes:
        arch: Of the stylizer, and the name of what is made of it.
        stylizer: Its weights.
        encoder: Those of its `StyleEncoder`.
        training: How they came about.
    """

    arch: str
    stylizer: Mapping[str, torch.Tensor]
    encoder: Mapping[str, torch.Tensor]
    training: Mapping[str, Any]


# how the names begin of each group's tensors; those of a network for any style begin as its two parts do
_PREFIXES = {
    FORMAT: {"network": "network.", "averaged": "averaged.", "optimizer": "optimizer."},
    ANY_STYLE_FORMAT: {"network": "network.", "averaged": "", "optimizer": "optimizer."},
}
# Of steps, seconds and distances.
_LARGEST = 1e15
_PARTS = ("stylizer", "encoder")
_STYLIZER = f"{_PARTS[0]}."
_SCALARS = ("arch", "styles", "training", "step", "seconds", "style_weight", "distances")


def save_checkpoint(path: Path, checkpoint: Checkpoint, file_format: str = FORMAT) -> None:
    """Write all of it or nothing.

    Raises:
        OutputError: The file cannot be written.
    """
    from safetensors.torch import save

    tensors = {
        # clones: two names of one tensor would be refused
        f"{prefix}{name}": tensor.detach().cpu().contiguous().clone()
        for group, prefix in _PREFIXES[file_format].items()
        for name, tensor in getattr(checkpoint, group).items()
    }
    header = {name: getattr(checkpoint, name) for name in _SCALARS}
    write_atomically(
        path, save(tensors, {"format": file_format, "nst_engine": json.dumps(header)}), follows_links=False
    )


def load_checkpoint(path: Path, file_format: str = FORMAT) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelNotFoundError: There is none.
        ModelChecksumError: It is damaged or another kind of file.
        MissingDependencyError: safetensors is not installed.
    """
    header, tensors = _read(path, file_format)
    prefixes = _PREFIXES[file_format]
    groups: dict[str, Any] = {group: {} for group in prefixes}
    for name, tensor in tensors.items():
        # the group without a prefix takes what no other does
        group = max(
            (each for each in prefixes if name.startswith(prefixes[each])), key=lambda each: len(prefixes[each])
        )
        groups[group][name.removeprefix(prefixes[group])] = tensor
    for group in ("network", "averaged"):
        weights = groups[group]
        of_styles = file_format == FORMAT
        groups[group] = completed(weights) if of_styles else with_halos(with_canvas(weights, _STYLIZER), _STYLIZER)
    try:
        return Checkpoint(**{"styles": [], **header}, **groups)
    except TypeError as damaged:
        raise ModelChecksumError(f"{path}: its description is damaged or of another version ({damaged})") from damaged


def load_any_style(path: Path) -> AnyStyleCheckpoint:
    """Read a network for any style: safetensors of `stylizer.*` and `encoder.*`.

    Raises:
        ModelNotFoundError: There is none.
        ModelChecksumError: It is damaged or another kind of file.
        MissingDependencyError: safetensors is not installed.
    """
    return any_style_of(load_checkpoint(path, ANY_STYLE_FORMAT))


def any_style_of(checkpoint: Checkpoint) -> AnyStyleCheckpoint:
    """What a training of a network for any style has made."""
    parts = {
        part: {
            name.partition(".")[2]: value for name, value in checkpoint.averaged.items() if name.startswith(f"{part}.")
        }
        for part in _PARTS
    }
    return AnyStyleCheckpoint(checkpoint.arch, parts["stylizer"], parts["encoder"], checkpoint.training)


def _read(path: Path, wanted: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a file of ours says of itself, and its tensors."""
    with needed("checkpoints need safetensors", "train"):
        from safetensors import safe_open
    if why := why_no_file(path):
        raise ModelNotFoundError(f"{path}: {why}; a checkpoint of a training was wanted")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    # its parser raises what it meets
    except Exception as damaged:
        raise ModelChecksumError(
            f"{path}: not readable as safetensors ({damaged}): truncated or damaged; train anew, without `resume`"
        ) from damaged
    if metadata.get("format") != wanted:
        raise ModelChecksumError(f"{path}: safetensors, but no checkpoint of a training: its format is not {wanted!r}")
    try:
        header = dict(parsed_json(metadata["nst_engine"]))
    except (KeyError, TypeError, ValueError) as damaged:
        raise ModelChecksumError(f"{path}: its description is damaged or of another version ({damaged})") from damaged
    for name, (usable, said) in _CHECKS.items():
        if name in header and not usable(header[name]):
            raise ModelChecksumError(f"{path}: its description is damaged: {name} is no {said}; train anew")
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() and bool(tensor.isfinite().all())):
            raise ModelChecksumError(f"{path}: {name} holds what are no numbers: it is damaged; train anew")
    return header, tensors


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_list_of(usable: Callable[[object], bool], lengths: Sequence[int] = ()) -> Callable[[object], bool]:
    def is_list(value: object) -> bool:
        return isinstance(value, list) and all(map(usable, value)) and (not lengths or len(value) in lengths)

    return is_list


_CHECKS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "arch": (lambda value: isinstance(value, str), "text"),
    "styles": (_is_list_of(lambda value: isinstance(value, str)), "list of names"),
    "training": (lambda value: isinstance(value, dict), "JSON object"),
    "step": (_is_count, "count of steps"),
    "seconds": (_is_number, "time"),
    "style_weight": (_is_number, "weight"),
    "distances": (_is_list_of(_is_number, (0, 3)), "list of three distances"),
}


def check_fits(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], what: str) -> None:
    """Refuse weights that are not those of a network.

    Args:
        found: By name.
        wanted: Likewise, of the network.
        what: What messages call them.

    Raises:
        ModelChecksumError: One is missing, unknown, or has another shape.
    """
    for name, tensor in wanted.items():
        came = tuple(found[name].shape) if name in found else "missing"
        if came != tuple(tensor.shape):
            shape = tuple(tensor.shape)
            raise ModelChecksumError(f"{what}: {name} is {came}, wanted {shape}: damaged, or of another network")
    if unknown := sorted(found.keys() - wanted.keys()):
        raise ModelChecksumError(f"{what}: holds {unknown[0]}, which it should not: damaged, or of another network")
