"""Rewritten models compute what the original does, in ONNX Runtime."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.errors import ModelChecksumError, ModelSpecError
from nst_engine.graphs.float16 import with_float16
from nst_engine.graphs.rewrite import with_dynamic_size
from nst_engine.graphs.self_contained import self_contained

from .test_stylizer_graph import network_and_model

SPEC: dict[str, Any] = {"name": "tiny", "styles": ["a", "b", "c"], "min_side_px": 40}


def session(model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def zoo_like(*, sizes: bool = False, reshape: bool = False) -> tuple[bytes, Any]:
    """A fast-neural-style network as the ONNX zoo holds them: IR 3, opset 9, RGB 0-255, fixed 56 x 48; and in torch."""
    rng = np.random.default_rng(5)
    weights = {
        "w1": rng.normal(0, 0.2, (4, 3, 3, 3)).astype(np.float32),
        "scale": rng.uniform(0.5, 1.5, 4).astype(np.float32),
        "shift": rng.normal(0, 1, 4).astype(np.float32),
        "w2": rng.normal(0, 20, (3, 4, 3, 3)).astype(np.float32),
    }
    opset = 13 if sizes else 9
    pads = [0, 0, 1, 1, 0, 0, 1, 1]
    nodes = []
    extra: dict[str, NDArray[Any]] = {}

    def pad(x: str, y: str) -> onnx.NodeProto:
        if sizes:
            return helper.make_node("Pad", [x, "pads"], [y], mode="reflect")
        return helper.make_node("Pad", [x], [y], mode="reflect", pads=pads)

    if sizes:
        extra["pads"] = np.array(pads, np.int64)
        extra["sizes"] = np.array([1, 4, 56, 48], np.int64)
        up = helper.make_node("Resize", ["d", "", "", "sizes"], ["e"], mode="nearest")
        up.attribute.extend([helper.make_attribute("coordinate_transformation_mode", "asymmetric")])
        up.attribute.extend([helper.make_attribute("nearest_mode", "floor")])
    else:
        extra["scales"] = np.array([1, 1, 2, 2], np.float32)
        up = helper.make_node("Upsample", ["d", "scales"], ["e"], mode="nearest")
    nodes += [
        pad("input1", "a"),
        helper.make_node("Conv", ["a", "w1"], ["b"], strides=[2, 2]),
        helper.make_node("InstanceNormalization", ["b", "scale", "shift"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        up,
    ]
    last = "e"
    if reshape:
        extra["shape"] = np.array([1, 4, 56, 48], np.int64)
        nodes.append(helper.make_node("Reshape", ["e", "shape"], ["f"], name="baked"))
        last = "f"
    nodes += [pad(last, "g"), helper.make_node("Conv", ["g", "w2"], ["output1"])]
    initializers = [numpy_helper.from_array(value, name) for name, value in {**weights, **extra}.items()]
    inputs = [helper.make_tensor_value_info("input1", TensorProto.FLOAT, [1, 3, 56, 48])]
    inputs += [helper.make_tensor_value_info(each.name, each.data_type, each.dims) for each in initializers]
    outputs = [helper.make_tensor_value_info("output1", TensorProto.FLOAT, [1, 3, 56, 48])]
    graph = helper.make_graph(nodes, "zoo", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7 if sizes else 3)

    def in_torch(x: NDArray[np.float32]) -> NDArray[np.float32]:
        tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
        y = F.conv2d(F.pad(torch.from_numpy(x), (1, 1, 1, 1), mode="reflect"), tensors["w1"], stride=2)
        y = F.relu(F.instance_norm(y, weight=tensors["scale"], bias=tensors["shift"]))
        y = F.pad(F.interpolate(y, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
        return F.conv2d(y, tensors["w2"]).numpy()

    return model.SerializeToString(), in_torch


@pytest.mark.parametrize("sizes", [False, True])
@pytest.mark.parametrize("size", [(56, 48), (64, 30), (122, 90)])
def test_a_model_of_one_size_takes_any(sizes: bool, size: tuple[int, int]) -> None:
    model, in_torch = zoo_like(sizes=sizes)
    x = np.random.default_rng(0).uniform(0, 255, (1, 3, *size)).astype(np.float32)
    (result,) = session(with_dynamic_size(model)).run(None, {"input1": x})
    np.testing.assert_allclose(result, in_torch(x), rtol=1e-3, atol=1e-2)


def test_a_size_that_is_built_in_is_named() -> None:
    model, _ = zoo_like(reshape=True)
    with pytest.raises(ModelSpecError, match=r"Reshape 'baked' holds it as 1×4×56×48.*dynamic_axes"):
        with_dynamic_size(model)


def of_nodes(nodes: list[onnx.NodeProto], constants: dict[str, NDArray[Any]], shape: tuple[int, ...]) -> bytes:
    """A model from `x` to `y` of one shape."""
    graph = helper.make_graph(
        nodes,
        "one_size",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    serialized: bytes = model.SerializeToString()
    return serialized


def test_a_size_that_is_computed_from_constants_is_undone_too() -> None:
    """As torch exports interpolate(size=...): the sizes are put together in the graph."""
    nodes = [
        helper.make_node("MaxPool", ["x"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Shape", ["small"], ["shape"]),
        helper.make_node("Slice", ["shape", "zero", "two"], ["batch_and_channels"]),
        helper.make_node("Concat", ["batch_and_channels", "wanted"], ["sizes"], axis=0),
        helper.make_node("Resize", ["small", "", "", "sizes"], ["y"], coordinate_transformation_mode="asymmetric"),
    ]
    constants = {"zero": np.array([0]), "two": np.array([2]), "wanted": np.array([12, 20])}
    free = session(with_dynamic_size(of_nodes(nodes, constants, (1, 3, 12, 20))))
    x = np.random.default_rng(0).random((2, 3, 30, 14), dtype=np.float32)
    (actual,) = free.run(None, {"x": x})
    expected = x.reshape(2, 3, 15, 2, 7, 2).max((3, 5)).repeat(2, 2).repeat(2, 3)
    np.testing.assert_array_equal(actual, expected)


def test_what_does_not_fit_another_size_is_named() -> None:
    mask = np.ones((1, 1, 12, 20), np.float32)
    model = of_nodes([helper.make_node("Mul", ["x", "mask"], ["y"], name="vignette")], {"mask": mask}, (1, 3, 12, 20))
    with pytest.raises(ModelSpecError, match=r"fixed to one size.*vignette"):
        with_dynamic_size(model)


def test_one_side_that_is_built_in_is_named() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    model = of_nodes(nodes, {"shape": np.array([1, 3, 12, -1])}, (1, 3, 12, 20))
    with pytest.raises(ModelSpecError, match="its output y keeps the side 12"):
        with_dynamic_size(model)


def test_a_batch_stays_as_it_is_where_the_graph_holds_it() -> None:
    (graph_input,) = session(with_dynamic_size(zoo_like()[0])).get_inputs()
    assert graph_input.shape == ["batch", 3, "height", "width"]
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "two", "four"], ["sides"]),
        helper.make_node("Concat", ["one_and_three", "sides"], ["whole"], axis=0),
        helper.make_node("Reshape", ["x", "whole"], ["y"]),
    ]
    constants = {"two": np.array([2]), "four": np.array([4]), "one_and_three": np.array([1, 3])}
    (graph_input,) = session(with_dynamic_size(of_nodes(nodes, constants, (1, 3, 12, 20)))).get_inputs()
    assert graph_input.shape == [1, 3, "height", "width"]


def test_a_model_without_a_picture_is_refused() -> None:
    model = of_nodes([helper.make_node("Relu", ["x"], ["y"])], {}, (1, 5, 12, 20))
    with pytest.raises(ModelSpecError, match="no input of 4 axes with 3 channels"):
        with_dynamic_size(model)


def test_the_axes_of_pixels_are_found_where_channels_come_last() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Relu", ["planes"], ["painted"]),
        helper.make_node("Transpose", ["painted"], ["y"], perm=[0, 2, 3, 1]),
    ]
    free = session(with_dynamic_size(of_nodes(nodes, {}, (1, 12, 20, 3))))
    assert free.get_inputs()[0].shape == ["batch", "height", "width", 3]
    assert free.get_outputs()[0].shape == ["batch", "painted_height", "painted_width", 3]
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(free.run(None, {"x": x})[0], np.maximum(x, 0))


@pytest.mark.parametrize("rewrite", [with_dynamic_size, with_float16, lambda model: self_contained(model, SPEC)])
def test_what_is_no_model_is_refused(rewrite: Any) -> None:
    for broken in (b"", b"no model", zoo_like()[0][:200]):
        with pytest.raises(ModelChecksumError):
            rewrite(broken)


@pytest.mark.parametrize("size", [(1, 13, 17), (2, 5, 9), (1, 40, 40), (3, 47, 61)])
@pytest.mark.parametrize("changes", [{}, {"pad_multiple": 8, "min_side_px": 32}, {"channel_order": "bgr"}])
def test_a_self_contained_model_paints_the_same_bytes(size: tuple[int, int, int], changes: dict[str, Any]) -> None:
    _, model = network_and_model(rich=True)
    spec = {**SPEC, **changes}
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (size[0], *size[1:], 3)).astype(np.uint8)
    mix = rng.dirichlet(np.ones(3), size[0]).astype(np.float32)
    wrapped = self_contained(model.SerializeToString(), spec)
    (actual,) = session(wrapped).run(None, {"image": image, "style_weights": mix})

    least, multiple = spec["min_side_px"], spec.get("pad_multiple", 1)
    missing = [-(-max(side, least) // multiple) * multiple - side for side in size[1:]]
    padded = np.pad(image, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")
    order = slice(None, None, -1) if "channel_order" in changes else slice(None)
    planes = np.ascontiguousarray(np.moveaxis(padded[..., order], 3, 1).astype(np.float32) / np.float32(255))
    (stylized,) = session(model.SerializeToString()).run(None, {"image": planes, "style_weights": mix})
    levels = np.clip(np.rint(np.moveaxis(stylized, 1, 3).astype(np.float64) * 255), 0, 255)[..., order]
    expected = levels[:, : size[1], : size[2]].astype(int)
    assert actual.dtype == np.uint8
    assert actual.shape == image.shape
    assert int(np.abs(actual.astype(int) - expected).max()) <= 1
    assert float(np.mean(actual.astype(int) == expected)) > 0.99
    metadata = json.loads(onnx.load_model_from_string(wrapped).metadata_props[0].value)
    assert (metadata["dtype"], metadata["layout"], metadata["channel_order"]) == ("uint8", "nhwc", "rgb")


def test_range_mean_and_deviation_are_inside_a_self_contained_model() -> None:
    """A network that passes its input on, with levels from -1 to 1 about a mean: the output shows the input."""
    shape: list[int | str | None] = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "nothing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    spec = {"value_range": [-1, 1], "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.8], "min_side_px": 1}
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(1, 4, 5, 3) * 4
    (actual,) = session(self_contained(model, spec)).run(None, {"image": image})
    scaled = (image / 255 * 2 - 1 - np.array(spec["mean"])) / np.array(spec["std"])
    expected = np.clip(np.rint((scaled + 1) / 2 * 255), 0, 255)
    assert int(np.abs(actual.astype(int) - expected).max()) <= 1


def test_float16_is_near_float32_and_computes_in_half() -> None:
    _, model = network_and_model(rich=False)
    whole = model.SerializeToString()
    half = with_float16(whole)
    proto = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(half))
    types = {each.name: each.type.tensor_type.elem_type for each in proto.graph.value_info}
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    assert {types[name] for node in convolutions for name in node.output} == {TensorProto.FLOAT16}
    feed = {
        "image": np.random.default_rng(0).random((1, 3, 40, 56), dtype=np.float32),
        "style_weights": np.array([[0.0, 1.0, 0.0]], np.float32),
    }
    (expected,), (actual,) = session(whole).run(None, feed), session(half).run(None, feed)
    assert actual.dtype == np.float32
    assert float(np.abs(actual - expected).max()) < 0.05


@pytest.mark.parametrize(
    "changes", [{"layout": "nhwc"}, {"layout": "nhwc", "channel_order": "bgr"}, {"dtype": "uint8"}]
)
def test_all_kinds_of_models_are_wrapped(changes: dict[str, Any]) -> None:
    """Networks that halve what they see; the wrapped one must do so at every size, whatever the layout and type."""
    kind = TensorProto.UINT8 if changes.get("dtype") == "uint8" else TensorProto.FLOAT
    shape: list[int | str | None] = ["n", "h", "w", 3] if changes.get("layout") == "nhwc" else ["n", 3, "h", "w"]
    factor = np.array(0.5, np.float32) if kind == TensorProto.FLOAT else np.array(2, np.uint8)
    half = numpy_helper.from_array(factor, "half")
    graph = helper.make_graph(
        [helper.make_node("Mul" if kind == TensorProto.FLOAT else "Div", ["image", "half"], ["stylized_image"])],
        "halving",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("stylized_image", kind, shape)],
        [half],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=7).SerializeToString()
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 9, 3), np.uint8)
    wrapped = self_contained(model, {"min_side_px": 8, "pad_multiple": 4, "channel_order": "rgb", **changes})
    (result,) = session(wrapped).run(None, {"image": image})
    assert result.shape == image.shape
    assert int(np.abs(result.astype(int) * 2 - image).max()) <= 1


def test_a_self_contained_model_turns_nan_to_black_and_clamps() -> None:
    graph = helper.make_graph(
        [helper.make_node("Log", ["x"], ["log"]), helper.make_node("Mul", ["log", "large"], ["y"])],
        "beyond",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [numpy_helper.from_array(np.array(1e6, np.float32), "large")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4).SerializeToString()
    image = np.array([[[[0, 127, 255]], [[1, 200, 128]]]], np.uint8)
    # the bytes become -1 to 1: the logarithm is not a number up to the middle, and far below 0 beyond
    (result,) = session(self_contained(model, {"value_range": [-1, 1], "min_side_px": 1})).run(None, {"image": image})
    assert result.tolist() == [[[[0, 0, 128]], [[0, 0, 0]]]]


def test_a_zoo_model_of_an_old_opset_becomes_self_contained() -> None:
    model, in_torch = zoo_like()
    spec = {"value_range": [0, 255], "pad_multiple": 2}
    image = np.random.default_rng(0).integers(0, 256, (1, 33, 41, 3), np.uint8)
    (actual,) = session(self_contained(with_dynamic_size(model), spec)).run(None, {"image": image})
    padded = np.pad(image, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="reflect").transpose(0, 3, 1, 2)
    stylized = in_torch(np.ascontiguousarray(padded, np.float32))[:, :, :33, :41]
    expected = np.clip(np.rint(stylized), 0, 255).transpose(0, 2, 3, 1)
    assert int(np.abs(actual - expected).max()) <= 1


def test_normalisation_and_what_surrounds_the_network_stay_in_float32() -> None:
    _, model = network_and_model(rich=True)
    proto = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(with_float16(model.SerializeToString())))
    types = {each.name: each.type.tensor_type.elem_type for each in proto.graph.value_info}
    types |= {each.name: each.data_type for each in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "InstanceNormalization":
            assert {types[name] for name in (*node.input, *node.output)} == {TensorProto.FLOAT}
        if node.op_type == "Conv":
            assert {types[name] for name in (*node.input, *node.output)} == {TensorProto.FLOAT16}
    for value in (*proto.graph.input, *proto.graph.output):
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT


def test_a_zoo_model_in_float16_paints_the_same() -> None:
    model, in_torch = zoo_like()
    x = np.random.default_rng(0).uniform(0, 255, (1, 3, 30, 34)).astype(np.float32)
    (actual,) = session(with_float16(with_dynamic_size(model))).run(None, {"input1": x})
    expected = in_torch(x)
    assert float(np.abs(actual - expected).max()) < 0.01 * float(np.ptp(expected))
