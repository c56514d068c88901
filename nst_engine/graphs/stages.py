"""Cuts a model before its normalisations, so that tiles are stylized as the whole picture would be.

Instance normalisation is the one operator of a stylizer that sees the whole picture: stylized alone, each tile would
have a contrast and colours of its own. URST (Chen et al. 2022, arXiv:2103.11784) normalises tiles by the statistics of
a thumbnail, whose features are not those of the picture. Cut into stages instead, all tiles go through one stage, their
statistics are merged, and all go through the next: exact, and nothing is computed twice (see `stylize.tiling`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.errors import ModelSpecError
from nst_engine.graphs.model_bytes import parsed_model, serialized_model
from nst_engine.models.canvas import CANVAS
from nst_engine.models.signature import is_style_vector

_NORM = "InstanceNormalization"
_SEES_ALL = {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "GroupNormalization", "MeanVarianceNormalization"}
_SIDES = {2, 3, -1, -2}


@dataclass(frozen=True)
class Norm:
    """A normalisation between two stages.

    Attributes:
        features: What it normalises: an output of the stage before and an input of the one after, N×C×H×W.
        mean: Input of the stage after: float32 C.
        variance: Input of the stage after: float32 C.
    """

    features: str
    mean: str
    variance: str


@dataclass(frozen=True)
class Stage:
    """A part of a model.

    Attributes:
        model: ONNX; its inputs are some of the model's own, outputs of earlier stages, and statistics.
        inputs: Their names.
        outputs: What later stages take, and of the last stage the model's outputs.
        norms: Whose statistics must be known before the next stage; empty after the last.
    """

    model: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    norms: tuple[Norm, ...]


@dataclass(frozen=True)
class CutModel:
    """A model in stages, one more than it has instance normalisations in a row.

    Attributes:
        picture: The model's input of four axes.
        style_weights: Its other input, if it has one.
        output: Name of its output.
        canvas: The patterns that the model repeats under every picture, int8 1×1×P×P, by their names in `CANVAS`:
            inputs of the stages, as tiles begin elsewhere in them.
        stages: Run in order with the statistics of all `Norm.features`, they compute what the model does.
    """

    picture: str
    style_weights: str | None
    output: str
    canvas: Mapping[str, NDArray[np.int8]]
    stages: tuple[Stage, ...]


def cut_at_norms(model: bytes) -> CutModel:
    """Cut a stylizer into stages.

    Args:
        model: ONNX with a picture of four axes in and out, at most one other input; float32 where it normalises.

    Raises:
        ModelChecksumError: Not an ONNX model.
        ModelSpecError: Other inputs, or the whole picture is seen by something else than instance normalisation.
    """
    proto = parsed_model(model)
    pictures = [each.name for each in proto.graph.input if _is_picture(each)]
    others = [each.name for each in proto.graph.input if each.name not in pictures]
    outputs = [each.name for each in proto.graph.output]
    if len(pictures) != 1 or len(others) > 1 or len(outputs) != 1:
        names = ", ".join(each.name for each in proto.graph.input)
        raise ModelSpecError(
            f"the model turns {names or 'nothing'} into {', '.join(outputs)}; to be painted by tiles, it must take one "
            "picture of 4 axes and at most one other input, for style weights, and return one picture: export it so"
        )
    cut = _Cut(proto, pictures[0])
    stages = tuple(cut.stage(number) for number in range(cut.count))
    return CutModel(pictures[0], others[0] if others else None, outputs[0], cut.canvas, stages)


def _is_picture(value: onnx.ValueInfoProto) -> bool:
    shape = [each.dim_value for each in value.type.tensor_type.shape.dim]
    return len(shape) == 4 and not is_style_vector(shape)


class _Cut:
    """Which stage each value is computed in; values that depend on no picture are computed wherever they are needed."""

    def __init__(self, proto: onnx.ModelProto, picture: str) -> None:
        self._proto = proto
        graph = proto.graph
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._types = _types(proto)
        self.canvas = {name: self._as_input(name) for name in CANVAS if name in self._weights}
        self._level = {picture: 0}
        self._nodes: list[tuple[int | None, onnx.NodeProto]] = []
        self._norms: list[tuple[int, Norm]] = []
        for node in graph.node:
            levels = [self._level[name] for name in node.input if name in self._level]
            level = max(levels) if levels else None
            if level is not None:
                self._check_local(node)
                if node.op_type == _NORM:
                    self._norms.append((level, self._norm(node)))
                    level += 1
                self._level.update(dict.fromkeys(node.output, level))
            self._nodes.append((level, node))
        self.count = 1 + max(self._level.values())

    def _as_input(self, name: str) -> NDArray[Any]:
        """Make an input of a weight."""
        weight = self._weights.pop(name)
        self._types[name] = helper.make_tensor_value_info(name, weight.data_type, weight.dims)
        return numpy_helper.to_array(weight)

    def stage(self, number: int) -> Stage:
        """Extract one stage."""
        source = self._proto.graph
        last = number == self.count - 1
        later = {name for level, node in self._nodes if level is not None and level > number for name in node.input}
        later |= {each.name for each in source.output}
        own = [node for level, node in self._nodes if level == number]
        made = {name for node in own for name in node.output}
        outputs = [each.name for each in source.output] if last else sorted(made & later)
        nodes = self._with_what_they_need(own)
        inner = {name for node in nodes for name in node.output}
        consumed = {name for node in nodes for name in node.input if name} - inner
        inputs = sorted(consumed - self._weights.keys())
        graph = helper.make_graph(
            nodes,
            f"{source.name}_{number}",
            [self._types[name] for name in inputs],
            [self._types[name] for name in outputs],
            [self._weights[name] for name in sorted(consumed & self._weights.keys())],
        )
        stage = helper.make_model(graph, opset_imports=self._proto.opset_import, ir_version=self._proto.ir_version)
        norms = tuple(norm for level, norm in self._norms if level == number)
        return Stage(serialized_model(stage), tuple(inputs), tuple(outputs), norms)

    def _with_what_they_need(self, own: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
        """A stage's nodes, with the picture-independent ones that they need, in the model's order."""
        own_ids = {id(node) for node in own}
        needed = {name for node in own for name in node.input}
        nodes = []
        for level, node in reversed(self._nodes):
            if id(node) in own_ids or (level is None and needed.intersection(node.output)):
                needed.update(node.input)
                nodes.append(node)
        return nodes[::-1]

    def _norm(self, node: onnx.NodeProto) -> Norm:
        """Turn the node, in place, into a normalisation by statistics from outside."""
        number = len(self._norms)
        norm = Norm(node.input[0], f"statistics.{number}.mean", f"statistics.{number}.variance")
        for name in (norm.mean, norm.variance):
            self._types[name] = helper.make_tensor_value_info(name, TensorProto.FLOAT, [None])
        # outside of training this is x * a + b with a and b of these very statistics, in one go over x
        node.op_type = "BatchNormalization"
        node.input.extend([norm.mean, norm.variance])
        return norm

    def _check_local(self, node: onnx.NodeProto) -> None:
        """Refuse operators that look at the whole picture."""
        sees_all = node.op_type in _SEES_ALL
        if node.op_type.startswith("Reduce") and self._is_float(node.input[0]):
            sees_all = bool(_SIDES.intersection(self._axes(node)))
        if sees_all:
            raise ModelSpecError(
                f"{node.op_type} {node.name or node.output[0]!r} looks at the picture as a whole, so it cannot be "
                f"painted by tiles; make the picture smaller, or export the model with {_NORM} instead"
            )

    def _is_float(self, name: str) -> bool:
        # unknown types count as features, which are floats; reducing shapes is harmless
        known = self._types.get(name)
        return known is None or known.type.tensor_type.elem_type != TensorProto.INT64

    def _axes(self, node: onnx.NodeProto) -> Iterable[int]:
        for attribute in node.attribute:
            if attribute.name == "axes":
                return list(attribute.ints)
        if len(node.input) > 1 and node.input[1] in self._weights:
            axes: list[int] = numpy_helper.to_array(self._weights[node.input[1]]).tolist()
            return axes
        return _SIDES


def _types(proto: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Types of all values, as far as known; unknown features count as floats."""
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    known: Mapping[str, onnx.ValueInfoProto] = {
        each.name: each for each in (*inferred.input, *inferred.value_info, *inferred.output)
    }
    names = {name for node in inferred.node for name in node.output}
    unknown = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names - known.keys()}
    return {**known, **unknown}
