"""What the processes that share a training tell one another: torch's process group, or nobody."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from nst_engine.environment import usable_cpus
from nst_engine.errors import NSTError, OptionError, ProcessLostError, ProviderUnavailableError
from nst_engine.optimization.device import exact_float32, resolve_device, torch_threads
from nst_engine.training.options import TrainOptions
from nst_engine.training.ranks import RENDEZVOUS, Rank, own_rank
from nst_engine.wording import counted

#: The group that ended last, which goes when another one ends. Where the last reference to a group goes, which may be
#: that of an error's traceback, torch waits for gloo's threads and holds the GIL, for which one of them waits if it is
#: about to let go of a reduction that has just ended.
_last_ended: list[object] = []


@dataclass(frozen=True)
class ProcessGroup:
    """All processes of a training, as one of them sees it. Whatever is asked here, all of them have to ask.

    Attributes:
        rank: Of this one.
        device: On which it computes.
    """

    rank: Rank
    device: torch.device

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Of the tensors of all processes; what is no number in one of them is none in all."""
        if self.rank.size == 1:
            return values
        values = values.detach().clone()
        dist.all_reduce(values)
        return values / self.rank.size

    def largest(self, value: float) -> float:
        """Of the numbers of all processes: by clocks or signals of their own they would part company."""
        if self.rank.size == 1:
            return value
        known = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(known, dist.ReduceOp.MAX)
        return float(known)

    def gathered(self, entries: Mapping[str, str]) -> dict[str, str]:
        """The entries of all processes."""
        if self.rank.size == 1:
            return dict(entries)
        found: list[dict[str, str]] = [{}] * self.rank.size
        dist.all_gather_object(found, dict(entries))
        return {name: value for each in found for name, value in each.items()}

    def reducing(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients are the means over all processes, reduced while the backward pass goes on."""
        if self.rank.size == 1:
            return module
        # of one style alone: its axis has a stride of no meaning, which torch takes for another layout
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        return nn.parallel.DistributedDataParallel(module)


@contextlib.contextmanager
def process_group(options: TrainOptions) -> Iterator[ProcessGroup]:
    """Context in which the processes that `torchrun` or `nst train --devices` started know one another.

    Raises:
        OptionError: Options that do not fit to the processes that there are.
        ProviderUnavailableError: The device, or what the processes would talk by, is not there.
        ProcessLostError: In the context: another process has ended.
    """
    rank = own_rank()
    _check(options, rank)
    device = _device(options.device, rank)
    with exact_float32(options.precision):
        if rank.size == 1:
            yield ProcessGroup(rank, device)
        else:
            with _joined(rank, device) as group:
                yield group


@contextlib.contextmanager
def _joined(rank: Rank, device: torch.device) -> Iterator[ProcessGroup]:
    # torchrun sets OMP_NUM_THREADS; else all processes would want all cores
    shares_cores = device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ
    with torch_threads(max(1, usable_cpus() // rank.local_size) if shares_cores else None):
        try:
            _join(rank, device)
            yield ProcessGroup(rank, device)
        except NSTError:
            raise
        except RuntimeError as lost:
            if isinstance(lost, dist.DistError) or any(name in str(lost) for name in ("gloo", "NCCL")):
                raise ProcessLostError(
                    "another process of this training has ended, or cannot be reached any more; see what it said, and "
                    "go on from the last checkpoint with `resume`"
                ) from lost
            raise
        finally:
            if dist.is_initialized():
                _last_ended[:] = [dist.group.WORLD]
                dist.destroy_process_group()


def _check(options: TrainOptions, rank: Rank) -> None:
    count = options.devices
    if rank.size == 1 and count > 1:
        raise OptionError(
            f"{count} came, but this is the only process; start the program by torchrun --nproc-per-node {count}; "
            "nst train does so by itself",
            option="devices",
        )
    if count not in (1, rank.size):
        raise OptionError(f"{count} came, but {rank.size} processes were started; leave it out", option="devices")
    options.check_shares(rank.size)


def _device(name: str, rank: Rank) -> torch.device:
    """Of one of several processes: the GPU with its number, or the CPU that they share."""
    device = resolve_device(name)
    if rank.size == 1 or device.type == "cpu":
        return device
    if ":" in name:
        raise OptionError(
            f"{name!r} came, which is one GPU for {rank.size} processes; `device='cuda'` gives each its own",
            option="device",
        )
    count = torch.cuda.device_count()
    if rank.local_size > count:
        raise ProviderUnavailableError(
            f"`devices={rank.local_size}`: this machine has {counted(count, 'CUDA device')}, and each process wants "
            f"its own; use `devices={count}`, or `device='cpu'`"
        )
    torch.cuda.set_device(rank.local_number)
    return torch.device("cuda", rank.local_number)


def _join(rank: Rank, device: torch.device) -> None:
    backend = "nccl" if device.type == "cuda" else "gloo"
    if not (dist.is_available() and getattr(dist, f"is_{backend}_available")()):
        raise ProviderUnavailableError(
            f"`devices={rank.size}`: this torch is built without {backend}, by which the processes would talk; install "
            "a build that has it (pytorch.org names the command), or use `devices=1`"
        )
    own = os.environ.get(RENDEZVOUS)
    address = "env://" if own is None else f"file://{own}"
    dist.init_process_group(backend, init_method=address, rank=rank.number, world_size=rank.size)
