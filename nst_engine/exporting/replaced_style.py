"""A style that was fitted further, in its own place in a network."""

from __future__ import annotations

from dataclasses import replace

import torch

from nst_engine.errors import ModelChecksumError, OptionError
from nst_engine.models.halos import REMOVED
from nst_engine.models.restraint import CALM, CONTRAST, EVENNESS
from nst_engine.networks.stylizer_net import OF_STYLES
from nst_engine.training.checkpoint import Checkpoint, check_fits

# model files hold weights in half precision; those of another training are further apart
_TOLERANCE = 1e-2
# nothing stands out any more: a thousandth of a deviation
_MOST_EVENNESS = 1e3


def with_replaced_style(
    network: Checkpoint,
    style: str,
    fitted: Checkpoint,
    *,
    share: float = 1.0,
    calm: float | None = None,
    evenness: float | None = None,
    contrast: float | None = None,
    removed: float | None = None,
) -> Checkpoint:
    """A network with one of its styles replaced; all others paint as before.

    Args:
        network: With the style to replace.
        style: By its name there.
        fitted: The same network with a style more, as `add_style` returns it: the last one takes the place.
        share: How much of the change is taken, 0-1: scales, shifts and filters blend as styles do.
        calm: What share the style's restraint leaves where a photo is calm, 0-1; set and not learnt; default: as it is.
        evenness: What it levels forms by, likewise.
        contrast: What half counts as calm, 0-1, likewise. See `Restraint` for all three.
        removed: What share of halos is taken away, 0-1, likewise. See `Halos`.

    Returns:
        A checkpoint without a state of training; `training["replaced"]` says what was taken.

    Raises:
        OptionError: The network has no such style, or a number is out of range.
        ModelChecksumError: They are not the same network, or not of one style more.
    """
    if style not in network.styles:
        raise OptionError(f"no style {style!r}; the network has {', '.join(network.styles)}")
    if not 0 <= share <= 1:
        raise OptionError(f"share must be 0 to 1, {share:g} came")
    chosen = {CALM: calm, EVENNESS: evenness, CONTRAST: contrast, REMOVED: removed}
    for name, number in chosen.items():
        most = _MOST_EVENNESS if name == EVENNESS else 1.0
        if number is not None and not 0 <= number <= most:
            raise OptionError(f"{name.rpartition('.')[2]} must be 0 to {most:g}, {number:g} came")
    _check_is_same(network, fitted)
    row = network.styles.index(style)
    weights = {name: value.clone() for name, value in network.averaged.items()}
    for name, value in weights.items():
        if name.endswith(OF_STYLES) and name not in chosen:
            value[row] = torch.lerp(value[row], fitted.averaged[name][-1], share)
    for name, number in chosen.items():
        if number is not None:
            weights[name][row] = number
    # a network that `add_style` did not make tells of no steps
    steps = fitted.training.get("added", [{}])[-1].get("steps_made")
    numbers = {name.rpartition(".")[2]: number for name, number in chosen.items()}
    taken = {"style": style, "share": share, **numbers, "steps": steps}
    training = {**network.training, "replaced": [*network.training.get("replaced", []), taken]}
    return replace(network, network=weights, averaged=weights, optimizer={}, training=training)


def _check_is_same(network: Checkpoint, fitted: Checkpoint) -> None:
    shared = {name: value for name, value in network.averaged.items() if not name.endswith(OF_STYLES)}
    wanted = {
        name: value if name in shared else torch.cat([value, value[-1:]]) for name, value in network.averaged.items()
    }
    check_fits(fitted.averaged, wanted, "the style was fitted to another network")
    for name, value in shared.items():
        if not torch.allclose(fitted.averaged[name], value, rtol=_TOLERANCE, atol=_TOLERANCE):
            raise ModelChecksumError(
                f"the style was fitted to another network: {name} differs; fit it anew, by nst add-style --model"
            )
