"""Device and precision of the network: as requested, or an error."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import torch

from nst_engine.errors import OptionError, ProviderUnavailableError
from nst_engine.optimization.options import Precision
from nst_engine.wording import counted


def resolve_device(name: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        OptionError: Another name.
        ProviderUnavailableError: CUDA was requested and is not there; nothing falls back to the CPU.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    if not re.fullmatch(r"cuda(:\d+)?", name):
        raise OptionError(f"{name!r} came; choose from auto, cpu, cuda, cuda:N", option="device")
    if not torch.cuda.is_available():
        cause = (
            "this torch is built without CUDA: install the build for your CUDA version (pytorch.org names the command)"
            if torch.version.cuda is None
            else "torch finds no usable NVIDIA GPU or driver: see what `nvidia-smi` says"
        )
        raise ProviderUnavailableError(f"`device='{name}'`: {cause}, or use `device='cpu'`")
    index = int(name.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise ProviderUnavailableError(
            f"`device='{name}'`: this machine has {counted(torch.cuda.device_count(), 'CUDA device')}, counted from 0"
        )
    return torch.device("cuda", index)


def resolve_precision(name: Precision, device: torch.device) -> torch.dtype:
    """The dtype of the features; `auto` is bfloat16 where the hardware multiplies faster in it, else float32.

    Raises:
        ProviderUnavailableError: bfloat16 was requested on a GPU that cannot compute in it.
    """
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        if name == "bfloat16" and not fast:
            raise ProviderUnavailableError(
                f"`precision='bfloat16'`: {device} has no bfloat16; use `precision='float32'`"
            )
    else:
        fast = _cpu_is_faster_in_bfloat16()
    return torch.bfloat16 if name == "bfloat16" or (name == "auto" and fast) else torch.float32


def _cpu_is_faster_in_bfloat16() -> bool:
    # missing in some supported versions of torch; float32 is then the safe choice
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    # Intel's vector units start half as many multiplications a cycle in bfloat16 as in float32: with the conversions,
    # VGG-19 takes 1.5 times as long. Its matrix units (AMX), which a virtual machine may hide, are fast, as is AMD.
    is_intel = "Intel" in str(capabilities.get("cpu_name", ""))
    return bool(capabilities.get("amx_bf16") or (capabilities.get("avx512_bf16") and not is_intel))


@contextlib.contextmanager
def exact_float32(precision: Precision) -> Iterator[None]:
    """Within it, float32 that was asked for is float32: of itself torch lets GPUs convolve in TF32, of 10 bits."""
    flags: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [each.allow_tf32 for each in flags]
    if precision == "float32":
        for each in flags:
            each.allow_tf32 = False
    try:
        yield
    finally:
        for each, allowed in zip(flags, before, strict=True):
            each.allow_tf32 = allowed


@contextlib.contextmanager
def torch_threads(count: int | None) -> Iterator[int]:
    """Run with this many CPU threads (None: torch's own choice), then restore the number."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
