"""Which of the processes that share a training this one is, as `torchrun` says it in the environment; without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from nst_engine.errors import OptionError

#: File by which the processes that `nst train --devices` starts find one another; else `torchrun` says where.
RENDEZVOUS = "NST_ENGINE_RENDEZVOUS"


@dataclass(frozen=True)
class Rank:
    """The place of a process among those of a training.

    Attributes:
        number: From 0.
        size: Of all of them.
        local_number, local_size: Likewise, on this machine.
    """

    number: int = 0
    size: int = 1
    local_number: int = 0
    local_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.number == 0

    def share(self, count: int) -> range:
        """Its part of so many things in a row; each process has as many."""
        each = count // self.size
        return range(self.number * each, (self.number + 1) * each)


def own_rank(environment: Mapping[str, str] = os.environ) -> Rank:
    """The rank of this process; the only one where no `WORLD_SIZE` is set.

    Raises:
        OptionError: The environment says one half of it.
    """
    if environment.get("WORLD_SIZE", "1") == "1":
        return Rank()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    numbers = [environment.get(name, "") for name in names]
    if wrong := [name for name, number in zip(names, numbers, strict=True) if not number.isdecimal()]:
        raise OptionError(
            f"WORLD_SIZE={environment['WORLD_SIZE']} is in the environment, but {wrong[0]} is no number: start by "
            "`torchrun`, which sets both, or unset WORLD_SIZE to train in one process"
        )
    return Rank(*map(int, numbers))
