"""Which of the processes that share a training this one is, as `torchrun` says it in the environment; without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from nst_engine.errors import OptionError

#: File by which the processes that `nst train --devices` starts find one another; else `torchrun` says where.
RENDEZVOUS = "NST_ENGINE_RENDEZVOUS"
_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
_LAST_PORT = 65_535


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
        OptionError: The environment says one half of it, or what cannot be.
    """
    if environment.get("WORLD_SIZE", "1") == "1":
        return Rank()
    if wrong := _wrong(environment):
        came = f"{wrong}={environment[wrong]} cannot be" if environment.get(wrong) else f"{wrong} is not"
        raise OptionError(
            f"WORLD_SIZE={environment['WORLD_SIZE']} is in the environment, but {came}: start by torchrun, which sets "
            "all of it, or unset WORLD_SIZE to train in one process"
        )
    return Rank(*(int(environment[name]) for name in _NUMBERS))


def _wrong(environment: Mapping[str, str]) -> str | None:
    """The first variable without which, or with which, nobody would be found."""
    for name in _NUMBERS:
        if not environment.get(name, "").isdecimal():
            return name
    for number, size in (("RANK", "WORLD_SIZE"), ("LOCAL_RANK", "LOCAL_WORLD_SIZE")):
        if int(environment[number]) >= int(environment[size]):
            return number
    if RENDEZVOUS in environment:
        return None
    port = environment.get("MASTER_PORT", "")
    if not (port.isdecimal() and int(port) <= _LAST_PORT):
        return "MASTER_PORT"
    return None if environment.get("MASTER_ADDR") else "MASTER_ADDR"
