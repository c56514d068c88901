"""Pixel shuffles as transposed convolutions, for ONNX Runtime on a CPU.

Its DepthToSpace moves one number after the other in one thread, which takes a quarter of a stylizer's time. A
transposed convolution whose kernels are ones and zeros returns the same numbers, in a fifth of that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# that may stand between a convolution and a shuffle, and treat all channels alike
_ACTIVATIONS = ("Clip", "Relu", "Sigmoid", "Tanh")
# on the way from stored numbers to kernels
_TYPE_KEEPING = ("MatMul", "Mul", "Reshape", "Transpose")
_PHASES_FIRST, _CHANNELS_FIRST = b"DCR", b"CRD"
_MOST_KERNELS, _LARGEST_BLOCK = 16384, 8  # a file that says more is damaged, or no stylizer


def with_fast_shuffles(model: bytes) -> bytes:
    """The model with transposed convolutions for shuffles that follow a convolution in single precision.

    Args:
        model: ONNX; returned as it came where it has no shuffle, and where it is damaged: who loads it will say so.
    """
    if b"DepthToSpace" not in model:
        return model
    try:
        proto = onnx.load_model_from_string(model)
    except Exception:  # protobuf raises its own exception types
        return model
    try:
        _Graph(proto.graph).replace_shuffles()
    except (IndexError, TypeError, UnicodeError):  # inputs are missing, names are no UTF-8
        return model
    replaced: bytes = proto.SerializeToString()
    return replaced


@dataclass(frozen=True)
class _Shuffle:
    """A pixel shuffle, and the convolution that it follows."""

    node: onnx.NodeProto
    conv: onnx.NodeProto
    block: int
    channels: int
    mode: bytes


class _Graph:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._makers = {name: node for node in graph.node for name in node.output}
        self._constants = {each.name: each for each in graph.initializer}
        self._uses = Counter(name for node in graph.node for name in node.input)
        self._uses.update(each.name for each in graph.output)

    def replace_shuffles(self) -> None:
        nodes: list[onnx.NodeProto] = []
        found = [self._shuffle(node) for node in self._graph.node if node.op_type == "DepthToSpace"]
        by_output = {each.node.output[0]: each for each in found if each is not None}
        by_conv = {each.conv.output[0]: each for each in by_output.values() if each.mode == _PHASES_FIRST}
        for node in self._graph.node:
            name = "".join(node.output[:1])
            if name in by_conv:
                nodes += self._reordered(by_conv[name])
            nodes.append(self._transposed_convolution(by_output[name]) if name in by_output else node)
        copies = onnx.GraphProto(node=nodes)  # they would be emptied with the list that they are in
        del self._graph.node[:]
        self._graph.node.extend(copies.node)

    def _shuffle(self, node: onnx.NodeProto) -> _Shuffle | None:
        attributes = {each.name: each for each in node.attribute}
        block = attributes["blocksize"].i if "blocksize" in attributes else 0
        mode = attributes["mode"].s if "mode" in attributes else _PHASES_FIRST
        conv = self._conv_before(node)
        if conv is None or not 1 <= block <= _LARGEST_BLOCK or mode not in (_PHASES_FIRST, _CHANNELS_FIRST):
            return None
        channels, rest = divmod(self._kernels(conv.input[1]), block**2)
        return _Shuffle(node, conv, block, channels, mode) if channels and not rest else None

    def _conv_before(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Whose output nothing else takes."""
        maker = node
        while maker.input and self._uses[maker.input[0]] == 1 and maker.input[0] in self._makers:
            maker = self._makers[maker.input[0]]
            if maker.op_type == "Conv":
                return maker if len(maker.input) > 1 and all(maker.input[1:]) else None
            if maker.op_type not in _ACTIVATIONS:
                break
        return None

    def _kernels(self, weight: str) -> int:
        """How many kernels a convolution has; 0 where that is not written down, or they are no float32."""
        if not self._is_float32(weight):
            return 0
        sides: list[int] = []
        if weight in self._constants:
            sides = list(self._constants[weight].dims)
        elif self._makers[weight].op_type == "Reshape":
            sides = self._numbers(self._makers[weight].input[1])
        return sides[0] if sides and 0 < sides[0] <= _MOST_KERNELS else 0

    def _numbers(self, name: str) -> list[int]:
        try:
            return [int(each) for each in numpy_helper.to_array(self._constants[name]).ravel()]
        except (KeyError, ValueError, TypeError):  # it is computed, or damaged
            return []

    def _is_float32(self, name: str) -> bool:
        for _ in self._graph.node:  # as nodes of a damaged graph may go round in a circle
            maker = self._makers.get(name)
            if maker is None:
                return name in self._constants and self._constants[name].data_type == TensorProto.FLOAT
            if maker.op_type == "Cast":
                return any(each.name == "to" and each.i == TensorProto.FLOAT for each in maker.attribute)
            if maker.op_type not in _TYPE_KEEPING:
                return False
            name = "".join(maker.input[:1])
        return False

    def _reordered(self, shuffle: _Shuffle) -> list[onnx.NodeProto]:
        """Of a convolution: each channel's phases side by side, as the transposed one wants them.

        Kernels are reordered by nodes that have constants to work on, so that the runtime does it once, at load.
        """
        order = np.arange(shuffle.block**2 * shuffle.channels).reshape(shuffle.block**2, -1).T.ravel()
        conv = shuffle.conv
        name = self._stored(f"{conv.output[0]}.order", order)
        reordered = {place: f"{conv.output[0]}.reordered.{place}" for place in range(1, len(conv.input))}
        gathers = [helper.make_node("Gather", [conv.input[place], name], [to]) for place, to in reordered.items()]
        for place, to in reordered.items():
            conv.input[place] = to
        return gathers

    def _transposed_convolution(self, shuffle: _Shuffle) -> onnx.NodeProto:
        block, channels = shuffle.block, shuffle.channels
        kernels = np.tile(np.eye(block**2, dtype=np.float32), (channels, 1)).reshape(-1, 1, block, block)
        name = self._stored(f"{shuffle.node.output[0]}.shuffling", kernels)
        inputs, sides = [shuffle.node.input[0], name], [block, block]
        return helper.make_node("ConvTranspose", inputs, shuffle.node.output, strides=sides, group=channels)

    def _stored(self, name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        self._graph.initializer.append(numpy_helper.from_array(values, name))
        return name
