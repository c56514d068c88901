"""The network in torch, with the model file's weights: eager and compiled, on the CPU and on CUDA."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nst_engine.benchmark.backends.backend import TensorBackend
from nst_engine.benchmark.model import BenchModel
from nst_engine.environment import is_importable, pip_install
from nst_engine.errors import ModelSpecError
from nst_engine.models.spec import ModelSpec
from nst_engine.runtimes.devices import Precision

if TYPE_CHECKING:
    import torch

_COMPILERS = ("c++", "g++", "clang++", "cl")


class TorchNetwork(TensorBackend):
    """The network, eager or compiled.

    Args:
        way: `eager` or `compile`.
        device: `cpu` or `cuda`.
    """

    # torch, and what rebuilds the network
    modules = ("torch", "nst_engine.exporting.stylizer")
    precisions = ("float32", "float16", "bfloat16")

    def __init__(self, way: str, device: str) -> None:
        self.name = f"torch-{way}" if device == "cpu" else f"torch-{way}-{device}"
        self._is_compiled, self._device = way == "compile", device
        self._forward: Callable[..., torch.Tensor] | None = None
        self._dtype: torch.dtype | None = None

    def why_absent(self) -> str | None:
        """Whether torch, and where needed a GPU and a compiler, are available."""
        missing = [name for name in ("torch", "onnx") if not is_importable(name)]
        if missing:
            return f"{' and '.join(missing)} cannot be imported; type: {pip_install('train')}"
        if self._device == "cuda" and (reason := _why_no_cuda()):
            return reason
        if self._is_compiled and not shutil.which(os.environ.get("CXX", "")) and not any(map(shutil.which, _COMPILERS)):
            return "torch.compile needs a C++ compiler, and there is none; type: apt-get install g++ (or set CXX)"
        return None

    def open(self, model: BenchModel, threads: int, precision: Precision) -> None:
        """Rebuild the network; it is compiled in its first run."""
        import torch

        from nst_engine.exporting.stylizer import checkpoint_of, network_of

        _check_is_ours(model.name, model.spec)
        torch.set_num_threads(threads)
        if precision == "float32":
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        network = network_of(checkpoint_of(Path(model.path))).to(self._device)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._forward = _compiled(network) if self._is_compiled else network
        self._dtype = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(precision)

    def run(self, batch: NDArray[Any], style_weights: NDArray[np.float32]) -> NDArray[Any]:
        """Forward without gradients; the conversion to NumPy waits for the GPU."""
        import torch

        assert self._forward is not None
        reduced = torch.autocast(self._device, self._dtype) if self._dtype is not None else contextlib.nullcontext()
        styles = torch.from_numpy(style_weights).to(self._device)
        with torch.inference_mode(), reduced:
            output = self._forward(torch.from_numpy(batch).to(self._device), styles)
        array: NDArray[Any] = output.cpu().numpy()
        return array

    def close(self) -> None:
        """Drop the network."""
        self._forward = None


def _compiled(network: torch.nn.Module) -> Callable[..., torch.Tensor]:
    """The network compiled, which happens in its first run at each size."""
    import torch
    from torch.nn import functional as F

    from nst_engine.networks.stylizer_net import UpsampledConv

    def upsampled(module: UpsampledConv, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2)
        x = torch.cat([x[..., :1], x, x[..., -1:]], 3)
        bias = None if module.conv.bias is None else module.conv.bias.repeat_interleave(4)
        return F.pixel_shuffle(F.conv2d(x, module.phase_kernels(), bias), 2)[..., 1:-1, 1:-1]

    for module in network.modules():
        if isinstance(module, UpsampledConv):
            # the same border, put together: Inductor 2.13 fails on F.pad(mode="replicate") behind a pixel_shuffle
            # (pytorch issue 187337)
            module.forward = partial(upsampled, module)  # type: ignore[method-assign]
    # not for dynamic sizes: there it fails on paddings that depend on the size
    return cast(Callable[..., "torch.Tensor"], torch.compile(network, dynamic=False))


def _check_is_ours(name: str, spec: ModelSpec) -> None:
    """Refuse models with another input format than the network's."""
    plain = ModelSpec(name=spec.name, styles=spec.styles)
    for each in ("layout", "dtype", "channel_order", "value_range", "mean", "std"):
        if getattr(spec, each) != getattr(plain, each):
            raise ModelSpecError(f"{name}: torch rebuilds networks with {each} {getattr(plain, each)} only")


def _why_no_cuda() -> str | None:
    if shutil.which("nvidia-smi") is None and not any(Path("/dev").glob("nvidia[0-9]*")):
        return "there is no NVIDIA GPU"  # said without importing torch, which takes seconds
    import torch

    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return "this torch is built without CUDA; install the build for your CUDA version (pytorch.org has the line)"
    return "torch finds no usable NVIDIA GPU or driver; see what nvidia-smi says"


FAMILY = tuple(TorchNetwork(way, device) for device in ("cpu", "cuda") for way in ("eager", "compile"))
