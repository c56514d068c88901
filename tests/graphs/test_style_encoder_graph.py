"""The graph of the style encoder in ONNX Runtime against the networks in torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
import torch.nn.functional as F

from nst_engine.graphs.style_encoder_graph import StyleReading, VggWeights, style_encoder_graph
from nst_engine.graphs.writing import in_8_bits
from nst_engine.networks.style_encoder import (
    ENERGY_FLOOR,
    FLOOR,
    GRAM_FLOOR,
    GRAM_LAYERS,
    STATISTICS_LAYERS,
    StyleEncoder,
)
from nst_engine.vgg19.layers import CONVOLUTIONS
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import VGGWeights

LAYERS = list(STATISTICS_LAYERS)
READING = StyleReading(LAYERS, GRAM_LAYERS, 4, FLOOR, GRAM_FLOOR, ENERGY_FLOOR)


@pytest.fixture(scope="module")
def vgg() -> VGGWeights:
    """256 values a layer, as the real one has."""
    generator = torch.Generator().manual_seed(0)
    kernels, inputs = {}, 3
    for name, outputs in CONVOLUTIONS.items():
        places = torch.randint(0, 256, (outputs, inputs, 3, 3), generator=generator)
        kernels[name] = torch.linspace(-1, 1, 256)[places] * (2 / inputs) ** 0.5
        inputs = outputs
    biases = {name: torch.full((outputs,), 0.01) for name, outputs in CONVOLUTIONS.items()}
    return VGGWeights(kernels, biases, (0.5, 0.45, 0.4), "random", "")


def encoder_as_stored(seed: int) -> StyleEncoder:
    torch.manual_seed(seed)
    encoder = StyleEncoder(10, hidden=16, gram_channels=4).eval()
    encoder.get_buffer("mean").normal_()
    for module in encoder.modules():
        if isinstance(module, torch.nn.Linear):
            levels, step = in_8_bits(module.weight.detach().numpy())
            module.weight.data = torch.from_numpy(levels * step)
    return encoder


def test_one_file_has_the_codes_of_several_encoders(vgg: VGGWeights) -> None:
    encoders = {"first": encoder_as_stored(1), "second": encoder_as_stored(2)}
    network = VGG19(vgg, LAYERS)
    kept = VggWeights(
        {name: vgg.kernels[name].numpy() for name in network.convolutions},
        {name: vgg.biases[name].numpy() for name in network.convolutions},
        vgg.mean,
    )
    weights: dict[str, Any] = {
        name: {key: value.numpy() for key, value in encoder.state_dict().items()} for name, encoder in encoders.items()
    }
    model = style_encoder_graph(kept, weights, READING)
    assert len([node for node in model.graph.node if node.op_type == "Conv"]) == len(network.convolutions)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for height, width in ((32, 32), (65, 90)):
        image = np.random.default_rng(height).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        result = session.run(list(encoders), {"style_image": image})
        with torch.no_grad():
            features = network(F.avg_pool2d(torch.from_numpy(image).permute(0, 3, 1, 2) / 255, 2))
            for code, encoder in zip(result, encoders.values(), strict=True):
                np.testing.assert_allclose(code, encoder(features).numpy(), atol=2e-3)
    (black,) = session.run(["first"], {"style_image": np.zeros((1, 64, 64, 3), np.uint8)})
    assert np.isfinite(black).all()


def test_8_bits_are_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(5, 4, 3, 3)).astype(np.float32)
    weight[2] = 0
    levels, step = in_8_bits(weight)
    assert levels.dtype == np.int8
    assert step.shape == (5, 1, 1, 1)
    assert (np.abs(levels * step - weight) <= 0.5001 * step).all()
