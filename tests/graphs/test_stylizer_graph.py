"""Our model's graph in ONNX Runtime against the network in torch."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch

from nst_engine.graphs.stylizer_graph import as_stored, stylizer_graph, stylizer_weights
from nst_engine.graphs.writing import StoredBits
from nst_engine.networks.stylizer_net import Architecture, StylizerNet

STYLES = 3


def network_and_model(
    *,
    rich: bool,
    basis: int = 0,
    bits: StoredBits = 16,
    restraint: bool = False,
    grain: float = 0.05,
    evenness: float = 2,
    removed: float = 1,
) -> tuple[StylizerNet, onnx.ModelProto]:
    torch.manual_seed(3)
    size = Architecture(
        (4, 6, 8, 10), (1, 2, 1), stem_at_half=rich, refining_block=rich, basis=basis, restraint=restraint
    )
    network = StylizerNet(size, STYLES).eval()
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    network.canvas.grain.fill_(grain)
    if network.restraint is not None:
        network.restraint.calm.copy_(torch.rand(STYLES, 1))
        network.restraint.contrast.copy_(0.2 * torch.rand(STYLES, 1))
        network.restraint.evenness.copy_(evenness * torch.rand(STYLES, 1))
    network.halos.removed.copy_(removed * torch.rand(STYLES, 1))
    weights = as_stored({name: value.numpy() for name, value in network.state_dict().items()}, bits)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return network, stylizer_graph(weights, {"name": "tiny"}, bits=bits)


@pytest.mark.parametrize("restraint", [False, True])
@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("size", [(1, 40, 40), (2, 41, 63), (3, 96, 47), (1, 65, 529)])
def test_onnx_runtime_paints_what_torch_paints(rich: bool, restraint: bool, size: tuple[int, int, int]) -> None:
    network, model = network_and_model(rich=rich, restraint=restraint)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    image = rng.random((size[0], 3, *size[1:]), dtype=np.float32)
    mix = rng.dirichlet(np.ones(STYLES), size[0]).astype(np.float32)
    (stylized,) = session.run(["stylized_image"], {"image": image, "style_weights": mix})
    with torch.no_grad():
        expected = network(torch.from_numpy(image), torch.from_numpy(mix)).numpy()
    np.testing.assert_allclose(stylized, expected, atol=1e-4)


@pytest.mark.parametrize("bits", [8, 16])
def test_filters_of_a_basis_and_weights_in_8_bits_paint_what_torch_paints(bits: StoredBits) -> None:
    network, model = network_and_model(rich=True, basis=2, bits=bits)
    stored = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert (stored["down3.weight"] == onnx.TensorProto.INT8) == (bits == 8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    image = rng.random((2, 3, 56, 43), dtype=np.float32)
    code = rng.normal(0, 1, (2, STYLES)).astype(np.float32)
    (stylized,) = session.run(["stylized_image"], {"image": image, "style_weights": code})
    with torch.no_grad():
        expected = network(torch.from_numpy(image), torch.from_numpy(code)).numpy()
    np.testing.assert_allclose(stylized, expected, atol=1e-4)


@pytest.mark.parametrize(("basis", "bits", "restraint"), [(0, 16, False), (0, 16, True), (2, 16, False), (2, 8, False)])
def test_weights_come_back_from_the_file(basis: int, bits: StoredBits, restraint: bool) -> None:
    network, model = network_and_model(rich=True, basis=basis, bits=bits, restraint=restraint)
    back = stylizer_weights(onnx.load_from_string(model.SerializeToString()))
    assert back.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(back[name], value.numpy(), atol=1e-6, err_msg=name)


def test_without_a_grain_there_is_no_canvas_in_the_file() -> None:
    network, model = network_and_model(rich=True, grain=0)
    assert not [each.name for each in model.graph.node if "canvas" in each.name]
    back = stylizer_weights(model)
    assert network.state_dict().keys() - back.keys() == {"canvas.grain"}


def test_where_forms_stand_out_as_they_like_nothing_levels_them_in_the_file() -> None:
    network, model = network_and_model(rich=True, restraint=True, evenness=0)
    assert not [each.name for each in model.graph.node if "levelled" in each.name]
    assert network.state_dict().keys() - stylizer_weights(model).keys() == {"restraint.evenness"}


def test_where_halos_stay_nothing_looks_for_them_in_the_file() -> None:
    network, model = network_and_model(rich=True, restraint=True, removed=0)
    assert not [each.name for each in model.graph.node if "halos" in each.name]
    assert network.state_dict().keys() - stylizer_weights(model).keys() == {"halos.removed"}


def test_somebody_elses_model_has_no_weights_of_ours() -> None:
    _, model = network_and_model(rich=False)
    del model.graph.initializer[:]
    assert stylizer_weights(model) == {}


def test_the_file_says_what_it_is() -> None:
    _, model = network_and_model(rich=False)
    assert {entry.key: json.loads(entry.value) for entry in model.metadata_props} == {"nst_engine": {"name": "tiny"}}
