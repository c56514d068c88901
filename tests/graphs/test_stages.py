"""Models cut at their normalisations compute, stage by stage, what they do in one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.errors import ModelChecksumError, ModelSpecError
from nst_engine.graphs.rewrite import with_dynamic_size
from nst_engine.graphs.stages import cut_at_norms

from .test_rewrite import session, zoo_like
from .test_stylizer_graph import network_and_model

MIX = np.array([[0.2, 0.5, 0.3]], np.float32)


def by_stages(model: bytes, picture: NDArray[Any], style_weights: NDArray[np.float32] | None = None) -> NDArray[Any]:
    """A picture through all stages, with the statistics taken in float64."""
    cut = cut_at_norms(model)
    known: dict[str, NDArray[Any]] = {cut.picture: picture, **cut.canvas}
    if cut.style_weights is not None:
        assert style_weights is not None
        known[cut.style_weights] = style_weights
    for stage in cut.stages:
        graph = session(stage.model)
        assert {each.name for each in graph.get_inputs()} == set(stage.inputs)
        outputs = graph.run(stage.outputs, {name: known[name] for name in stage.inputs})
        known.update(zip(stage.outputs, outputs, strict=True))
        for norm in stage.norms:
            features = known[norm.features].astype(np.float64)
            known[norm.mean] = features.mean((0, 2, 3)).astype(np.float32)
            known[norm.variance] = features.var((0, 2, 3)).astype(np.float32)
    return known[cut.output]


def small_model(
    *nodes: onnx.NodeProto, outputs: int = 1, inputs: int = 1, constants: Mapping[str, NDArray[Any]] | None = None
) -> bytes:
    """From `x` (and `x1`, ...) to `y` (and `y1`, ...), all N×3×H×W."""
    shape: list[int | str | None] = ["n", 3, "h", "w"]

    def values(kind: str, count: int) -> list[onnx.ValueInfoProto]:
        names = [f"{kind}{number or ''}" for number in range(count)]
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]

    weights = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "small", values("x", inputs), values("y", outputs), weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    serialized: bytes = model.SerializeToString()
    return serialized


def norm(x: str, y: str) -> onnx.NodeProto:
    return helper.make_node("InstanceNormalization", [x, "scale", "shift"], [y], epsilon=0.01)


@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("size", [(40, 40), (45, 71)])
def test_our_model_by_stages(rich: bool, size: tuple[int, int]) -> None:
    _, proto = network_and_model(rich=rich)
    model = proto.SerializeToString()
    picture = np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)
    (expected,) = session(model).run(None, {"image": picture, "style_weights": MIX})
    np.testing.assert_allclose(by_stages(model, picture, MIX), expected, atol=2e-5)
    # blocks have two normalisations each; encoder and decoder have five, and two more at half the size
    assert len(cut_at_norms(model).stages) == 1 + (2 * 5 + 7 if rich else 2 * 4 + 1 + 5)


@pytest.mark.parametrize("sizes", [False, True])
def test_a_zoo_model_by_stages(sizes: bool) -> None:
    model, in_torch = zoo_like(sizes=sizes)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 38, 54)).astype(np.float32)
    result = by_stages(with_dynamic_size(model), picture)
    np.testing.assert_allclose(result, in_torch(picture), rtol=1e-3, atol=1e-2)


def test_normalisations_side_by_side_share_a_stage() -> None:
    model = small_model(
        helper.make_node("Neg", ["x"], ["negative"]),
        norm("x", "a"),
        norm("negative", "b"),
        helper.make_node("Mul", ["a", "b"], ["product"]),
        norm("product", "c"),
        helper.make_node("Sub", ["c", "x"], ["y"]),
        constants={"scale": np.array([1, 2, 3], np.float32), "shift": np.array([0, 1, -1], np.float32)},
    )
    picture = np.random.default_rng(0).normal(3, 2, (1, 3, 7, 5)).astype(np.float32)
    assert [len(stage.norms) for stage in cut_at_norms(model).stages] == [2, 1, 0]
    np.testing.assert_allclose(by_stages(model, picture), session(model).run(None, {"x": picture})[0], atol=1e-5)


def test_a_model_that_normalises_nothing_is_one_stage() -> None:
    model = small_model(helper.make_node("Relu", ["x"], ["y"]))
    (stage,) = cut_at_norms(model).stages
    assert (stage.inputs, stage.outputs, stage.norms) == (("x",), ("y",), ())


@pytest.mark.parametrize(
    "looks",
    [
        helper.make_node("GlobalAveragePool", ["x"], ["looked"], name="look"),
        helper.make_node("ReduceMean", ["x"], ["looked"], name="look", axes=[2, 3]),
        helper.make_node("ReduceMax", ["x"], ["looked"], name="look", axes=[-1]),
        helper.make_node("ReduceMean", ["x"], ["looked"], name="look"),
    ],
)
def test_what_else_looks_at_the_whole_picture_is_refused(looks: onnx.NodeProto) -> None:
    model = small_model(looks, helper.make_node("Sub", ["x", "looked"], ["y"]))
    with pytest.raises(ModelSpecError, match=rf"{looks.op_type} 'look' looks at the picture as a whole"):
        cut_at_norms(model)


def test_what_looks_at_the_channels_of_a_pixel_is_not_refused() -> None:
    grey = helper.make_node("ReduceMean", ["x"], ["grey"], axes=[1])
    model = small_model(grey, helper.make_node("Sub", ["x", "grey"], ["y"]))
    picture = np.random.default_rng(0).random((1, 3, 4, 5), dtype=np.float32)
    np.testing.assert_allclose(by_stages(model, picture), picture - picture.mean(1, keepdims=True), atol=1e-6)


def test_models_of_other_inputs_and_outputs_are_refused() -> None:
    two_in = small_model(helper.make_node("Add", ["x", "x1"], ["y"]), inputs=2)
    two_out = small_model(helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["y1"]), outputs=2)
    for model in (two_in, two_out):
        with pytest.raises(ModelSpecError, match="one picture of 4 axes"):
            cut_at_norms(model)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ModelChecksumError, match="no ONNX model"):
        cut_at_norms(b"no model")
