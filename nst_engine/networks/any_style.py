"""A network for any style: a style encoder and a stylizer, trained together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from nst_engine.models.halos import REMOVED
from nst_engine.networks.style_encoder import StyleEncoder
from nst_engine.networks.stylizer_net import OF_STYLES, BlendedFilters, StylizerNet, architecture

#: Of a code, beside the constant 1 at its end.
CODE_NUMBERS = 96

_SPREAD = 0.02  # of the initial weights of codes
_LATER = 0.2  # of that, in blocks that the network begun from does not have


class AnyStyleNet(nn.Module):
    """A stylizer whose style weights are a code, and the encoder of codes (Ghiasi et al. 2017, arXiv:1705.06830).

    Args:
        arch: Of the stylizer: `any` or `any-fast`.
        numbers: Of a code, beside the constant.
    """

    def __init__(self, arch: str, numbers: int = CODE_NUMBERS) -> None:
        super().__init__()
        self.stylizer = StylizerNet(architecture(arch), numbers + 1)
        self.encoder = StyleEncoder(numbers)

    @torch.no_grad()
    def begin(self, base: Mapping[str, torch.Tensor]) -> None:
        """Initial weights: all codes give nearly the mean of another network's styles.

        Args:
            base: Weights of a `StylizerNet` of fixed styles, of the same channels; empty: random ones instead.
        """
        nn.init.normal_(self.encoder.last.weight, std=_SPREAD)
        nn.init.zeros_(self.encoder.last.bias)
        own = self.stylizer.state_dict()
        own[REMOVED] = _of_the_constant(own[REMOVED])
        for name, value in own.items():
            if name.endswith((".scale", ".shift")):
                own[name] = _blended_norm(name, value, base)
            elif name in base and not name.endswith(OF_STYLES):
                own[name] = base[name].float()
        for bank in ("bank_deepest", "bank_after"):
            part = getattr(self.stylizer, bank)
            assert isinstance(part, BlendedFilters)
            own |= {
                f"{bank}.{name}": value for name, value in _blended_filters(part, base.get(f"{bank}.filters")).items()
            }
        self.stylizer.load_state_dict(own)


def _of_the_constant(own: torch.Tensor) -> torch.Tensor:
    """Numbers x 1: the same for all codes."""
    return torch.cat([torch.zeros_like(own[:-1]), torch.ones_like(own[-1:])])


def _blended_norm(name: str, own: torch.Tensor, base: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Numbers x channels: small for the code, and the mean of the styles for the constant."""
    rows = _SPREAD * torch.randn_like(own)
    if base and name not in base and "norm2" in name:
        # an added block is initialised to the identity
        rows *= _LATER
        rows[-1] = 0.0
    elif name in base:
        rows[-1] = base[name].float().mean(0)
    else:
        rows[-1] = 1.0 if name.endswith(".scale") else 0.0
    return rows


def _blended_filters(own: BlendedFilters, filters: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """The styles' matrices as the first of the basis, their mean for the constant."""
    basis, mix = _SPREAD * torch.randn_like(own.basis), _SPREAD * torch.randn_like(own.mix)
    if filters is not None:
        count = min(len(filters), len(basis))
        basis[:count] = filters[:count].float()
        mix[-1] = 0.0
        mix[-1, :count] = 1 / len(filters)
    return {"basis": basis, "mix": mix}
