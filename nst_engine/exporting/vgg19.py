"""VGG-19's features at named layers as a model file."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nst_engine.environment import needed
from nst_engine.exporting.parity import largest_difference, require_parity, run_once
from nst_engine.files import write_atomically
from nst_engine.graphs.writing import OPSET
from nst_engine.models.spec import METADATA_KEY
from nst_engine.vgg19.layers import Pooling
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import VGGWeights

#: Of features relative to their layer's largest value: they reach thousands, where 1e-3 is beyond float32.
RELATIVE_TOLERANCE = 1e-3

_PARITY_SIZES = ((32, 32), (65, 47), (96, 128))


class _InOrder(nn.Module):
    """A tuple instead of a dictionary: outputs of a graph have an order."""

    def __init__(self, network: VGG19) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.network(image)
        return tuple(features[layer] for layer in self.network.layers)


def export_vgg19(weights: VGGWeights, layers: Sequence[str], path: Path, *, pooling: Pooling = "max") -> float:
    """Write VGG-19 up to the deepest of the layers.

    Args:
        weights: See `nst_engine.vgg19.weights.load_vgg19_weights`.
        layers: Such as relu4_2; each is an output of that name, float32 N×C×H'×W'.
        path: Of the `.onnx` file; its input is `image`, float32 N×3×H×W, RGB, 0-1.
        pooling: See `networks.vgg19.VGG19`.

    Returns:
        The largest difference between torch and ONNX Runtime, relative to each layer's largest value.

    Raises:
        OptionError: An unknown layer or pooling.
        ModelParityError: The difference is above `RELATIVE_TOLERANCE`.
        MissingDependencyError: onnxscript, with which torch exports, is not installed.
    """
    network = _InOrder(VGG19(weights, layers, pooling=pooling)).eval()
    model = _exported(network, list(network.network.layers))
    metadata = {"weights": weights.source, "sha256": weights.sha256, "pooling": pooling, "layers": list(layers)}
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata)
    content = model.SerializeToString()
    difference = _parity_of(network, content)
    require_parity(str(path), difference, RELATIVE_TOLERANCE)
    write_atomically(path, content)
    return difference


def _exported(network: _InOrder, layers: list[str]) -> Any:
    with needed("torch exports with onnxscript", "export"):
        import onnxscript  # noqa: F401
    batch, height, width = (torch.export.Dim.DYNAMIC,) * 3
    with warnings.catch_warnings():
        # of deprecations inside torch and onnxscript themselves
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            network,
            (torch.rand(2, 3, 64, 48),),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=layers,
            dynamic_shapes=({0: batch, 2: height, 3: width},),
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _parity_of(network: _InOrder, content: bytes) -> float:
    rng = np.random.default_rng(0)
    largest = 0.0
    for height, width in _PARITY_SIZES:
        image = {"image": rng.random((1, 3, height, width), dtype=np.float32)}
        with torch.no_grad():
            expected = [features.numpy() for features in network(torch.from_numpy(image["image"]))]
        scales = [max(float(np.abs(features).max()), 1e-6) for features in expected]
        for features, actual, scale in zip(expected, run_once(content, image), scales, strict=True):
            largest = max(largest, largest_difference([features / scale], [actual / scale]))
    return largest
