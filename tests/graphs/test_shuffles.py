"""Pixel shuffles as transposed convolutions return the numbers that ONNX Runtime's own return."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.graphs.shuffles import with_fast_shuffles
from nst_engine.models.find import bundled_models

from .test_rewrite import session
from .test_stylizer_graph import STYLES, network_and_model


def model_of(nodes: list[onnx.NodeProto], weights: dict[str, NDArray[Any]], kind: int = TensorProto.FLOAT) -> bytes:
    inputs, outputs = (helper.make_tensor_value_info(name, kind, ["N", None, None, None]) for name in ("x", "y"))
    stored = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph(nodes, "shuffles", [inputs], [outputs], stored)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


def conv_weights(channels: int, dtype: Any = np.float32) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(1)
    return {"w": rng.normal(size=(channels, 2, 2, 2)).astype(dtype), "b": rng.normal(size=channels).astype(dtype)}


def operators(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_model_from_string(model).graph.node]


def conv(name: str = "c", weights: tuple[str, ...] = ("w", "b")) -> onnx.NodeProto:
    return helper.make_node("Conv", ["x", *weights], [name])


def shuffle(x: str, block: int = 2, **options: str) -> onnx.NodeProto:
    return helper.make_node("DepthToSpace", [x], ["y"], blocksize=block, **options)


def assert_same(before: bytes, after: bytes) -> None:
    x = np.random.default_rng(0).normal(size=(2, 2, 7, 5)).astype(np.float32)
    expected, found = (session(each).run(["y"], {"x": x})[0] for each in (before, after))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("options", [{}, {"mode": "DCR"}, {"mode": "CRD"}])
@pytest.mark.parametrize("block", [1, 2, 3])
@pytest.mark.parametrize("weights", [("w", "b"), ("w",)])
def test_each_form_of_shuffle_is_replaced(options: dict[str, str], block: int, weights: tuple[str, ...]) -> None:
    stored = {name: values for name, values in conv_weights(3 * block**2).items() if name in weights}
    before = model_of([conv(weights=weights), shuffle("c", block, **options)], stored)
    after = with_fast_shuffles(before)
    assert {"ConvTranspose"} <= set(operators(after)) <= {"Gather", "Conv", "ConvTranspose"}
    assert_same(before, after)


def test_activations_may_stand_between() -> None:
    limits = {"low": np.array(-0.5, np.float32), "high": np.array(0.5, np.float32)}
    nodes = [
        conv(),
        helper.make_node("Clip", ["c", "low", "high"], ["clipped"]),
        helper.make_node("Sigmoid", ["clipped"], ["s"]),
        shuffle("s"),
    ]
    before = model_of(nodes, conv_weights(12) | limits)
    after = with_fast_shuffles(before)
    assert "DepthToSpace" not in operators(after)
    assert_same(before, after)


def shared(channels: int) -> bytes:
    """The convolution's output is used a second time, in its own order."""
    ends = {"a": np.array([0]), "e": np.array([channels // 4]), "axis": np.array([1])}
    nodes = [
        conv(),
        helper.make_node("DepthToSpace", ["c"], ["d"], blocksize=2),
        helper.make_node("Slice", ["c", "a", "e", "axis"], ["part"]),
        helper.make_node("ReduceMean", ["part"], ["mean"]),
        helper.make_node("Add", ["d", "mean"], ["y"]),
    ]
    return model_of(nodes, conv_weights(channels) | ends)


def after_a_softmax() -> bytes:
    """Which treats no two channels alike."""
    return model_of([conv(), helper.make_node("Softmax", ["c"], ["s"], axis=1), shuffle("s")], conv_weights(12))


def of_the_picture() -> bytes:
    return model_of([helper.make_node("Concat", ["x", "x"], ["c"], axis=1), shuffle("c")], {})


def in_half_precision() -> bytes:
    return model_of([conv(), shuffle("c")], conv_weights(12, np.float16), TensorProto.FLOAT16)


@pytest.mark.parametrize("model", [shared(12), after_a_softmax(), of_the_picture()])
def test_others_stay(model: bytes) -> None:
    after = with_fast_shuffles(model)
    assert operators(after) == operators(model)
    assert_same(model, after)


def test_halves_stay() -> None:
    assert operators(with_fast_shuffles(in_half_precision())) == operators(in_half_precision())


def broken(change: str) -> bytes:
    proto = onnx.load_model_from_string(model_of([conv(), shuffle("c")], conv_weights(12)))
    convolution, last = proto.graph.node
    if change == "no block":
        del last.attribute[:]
    elif change == "a vast block":
        last.attribute[0].i = 2**40
    elif change == "no input":
        del last.input[:]
    elif change == "no kernels":
        del convolution.input[1:]
    elif change == "vast kernels":
        proto.graph.initializer[0].dims[0] = 2**40
    elif change == "kernels in a circle":
        proto.graph.node.append(helper.make_node("Reshape", ["u", "b"], ["w"]))
        proto.graph.node.append(helper.make_node("Reshape", ["w", "b"], ["u"]))
    elif change in ("a damaged shape", "no shape"):
        del proto.graph.initializer[0]
        proto.graph.node.insert(
            0, helper.make_node("Reshape", ["b", "shape"][: 1 if change == "no shape" else 2], ["w"])
        )
        proto.graph.initializer.append(TensorProto(name="shape", data_type=TensorProto.INT64, dims=[4], raw_data=b"1"))
    content: bytes = proto.SerializeToString()
    return content


@pytest.mark.parametrize(
    "change",
    [
        "no block",
        "a vast block",
        "no input",
        "no kernels",
        "vast kernels",
        "kernels in a circle",
        "a damaged shape",
        "no shape",
    ],
)
def test_what_is_damaged_is_left_to_who_loads_it(change: str) -> None:
    assert operators(with_fast_shuffles(broken(change))) == operators(broken(change))


def test_what_is_no_model_comes_back() -> None:
    name = model_of([conv("name"), shuffle("name")], conv_weights(12)).replace(b"name", b"n\xafme")
    for content in (b"", b"DepthToSpace", bytes(range(256)) + b"DepthToSpace", name):
        assert with_fast_shuffles(content) == content


@pytest.mark.parametrize("rich", [False, True])
def test_our_networks_paint_the_same(rich: bool) -> None:
    _, model = network_and_model(rich=rich, restraint=True)
    before = model.SerializeToString()
    after = with_fast_shuffles(before)
    assert "DepthToSpace" in operators(before)
    assert "DepthToSpace" not in operators(after)
    rng = np.random.default_rng(0)
    feed = {"image": rng.random((2, 3, 41, 63), np.float32), "style_weights": np.eye(2, STYLES, dtype=np.float32)}
    expected, found = (session(each).run(None, feed)[0] for each in (before, after))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["live", "live-uint8", "quality", "any", "any-fast"])
def test_in_the_bundled_models_none_is_left(name: str) -> None:
    content = bundled_models()[name].path.read_bytes()
    assert operators(content).count("DepthToSpace") == 4
    assert "DepthToSpace" not in operators(with_fast_shuffles(content))
