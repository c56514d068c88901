"""The graph of `networks.stylizer_net.StylizerNet`, written node by node.

Written by hand because the paddings depend on the picture's size, which torch's exporter refuses, and because the
file should keep the weights' meaning: initialisers carry the network's own names, so that training can be continued
from, and each normalisation stays one `InstanceNormalization` node, which ONNX Runtime computes fastest and which
tiling replaces.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nst_engine.graphs.restraint_graph import RestrainedWriter
from nst_engine.graphs.writing import IN_8_BITS, STEP, StoredBits, Weights, in_8_bits
from nst_engine.models.canvas import CANVAS, GRAIN, canvas_patterns
from nst_engine.models.halos import REMOVED
from nst_engine.models.restraint import CALM, CONTRAST, EVENNESS
from nst_engine.models.spec import BORDER_PX, FIRST_SCALES, METADATA_KEY, NORM_EPSILON, STRIDE_PX
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS, STYLIZED_IMAGE

_PHASES = "phases_of_kernel"
_REFLECT, _REPEAT = "reflect", "edge"
_LEARNT = (".weight", ".bias", ".scale", ".shift", ".filters", ".mix", ".basis")
_KINDS = (*_LEARNT, CALM, CONTRAST, EVENNESS, REMOVED, GRAIN)
# along one axis, what the kernel's entries before, in the middle and after add to those of the pixels around a corner
_PHASES_OF_LINE = np.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]], [[0, 1], [0, 1]]], np.float32)


def stylizer_graph(weights: Weights, metadata: Mapping[str, Any], *, bits: StoredBits = 16) -> onnx.ModelProto:
    """The model of a network's weights.

    Args:
        weights: float32, by their names in `StylizerNet.state_dict()`.
        metadata: The model's spec, for JSON; stored in the file under `METADATA_KEY`.
        bits: 16: half precision; 8: filters as whole numbers of steps, one step per output channel.

    Returns:
        A checked model: `image` float32 N×3×H×W, 0-1, and `style_weights` float32 N×styles to `stylized_image`
        float32 N×3×H×W, 0-1; H and W from 40. The file keeps weights in fewer bits, and computes in single
        precision: runtimes make floats of them when they load it.
    """
    graph = _Graph(weights, bits)
    graph.build()
    picture = ("batch", 3, "height", "width")
    styles = len(weights[FIRST_SCALES])
    return graph.model(
        "stylizer",
        [
            helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, picture),
            helper.make_tensor_value_info(STYLE_WEIGHTS, TensorProto.FLOAT, ("batch", styles)),
        ],
        [helper.make_tensor_value_info(STYLIZED_IMAGE, TensorProto.FLOAT, picture)],
        **{METADATA_KEY: json.dumps(metadata)},
    )


def stylizer_weights(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """The weights of a model of `stylizer_graph`, as stored (none that are 0 for all); empty for other models."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    if _PHASES not in weights:
        return {}
    return {
        name: np.array(value, np.float32, order="C") * weights.get(name + STEP, np.float32(1))
        for name, value in weights.items()
        if name.endswith(_KINDS)
    }


def as_stored(weights: Weights, bits: StoredBits = 16) -> dict[str, NDArray[np.float32]]:
    """A network's weights as a model file keeps them: rounded."""
    stored = {}
    for name, value in weights.items():
        if bits == 8 and name.endswith(IN_8_BITS):
            levels, step = in_8_bits(value)
            stored[name] = levels * step
        else:
            stored[name] = np.asarray(value, np.float16).astype(np.float32)
    return stored


class _Graph(RestrainedWriter):
    """The network, layer by layer."""

    def build(self) -> None:
        """Image and style weights to stylised image; follows `StylizerNet.forward` line by line."""
        shape = self._node("Shape", "image_size", IMAGE, start=2)
        bordered = self._bordered(self._on_canvas(IMAGE, shape), shape)
        share = self._restraint(bordered)
        x = self._stem(bordered)
        x = self._relu(self._norm("norm_down3", self._conv("down3", self._padded(x, _REFLECT), stride=2)))
        x = self._blocks("before", x, share)
        deep = self._relu(self._norm("norm_down4", self._conv("down4", self._padded(x, _REFLECT), stride=2)))
        deep = self._filtered("bank_deepest", self._blocks("deepest", deep))
        forms = self._norm("norm_up4", self._without_rim("up4", self._upsampled("up4", deep)))
        forms = self._relu(self._held_back("norm_up4", self._levelled("norm_up4", forms), share))
        x = self._blocks("after", self._node("Add", "forms_and_ground", x, forms), share)
        x = self._without_halos(self._filtered("bank_after", x), bordered)
        x = self._upsampled("up3", x)
        x = self._relu(self._norm("norm_up3", self._without_rim("up3", x)))
        x = self._refined(x)
        x = self._without_rim("up2", self._upsampled("up2", x))
        x = self._upsampled("up1", self._relu(self._norm("norm_up2", x)), activation="Sigmoid")
        first = self._constant("first_kept", [BORDER_PX + 1, BORDER_PX + 1])
        end = self._node("Add", "end_of_kept", shape, first)
        self._node("Slice", STYLIZED_IMAGE, x, first, end, self._constant("sides", [2, 3]))

    def _stem(self, x: str) -> str:
        if "down1.weight" not in self._weights:
            return self._relu(self._norm("norm_down2", self._conv("down2", x, stride=4)))
        x = self._relu(self._norm("norm_down1", self._conv("down1", x, stride=2)))
        return self._relu(self._norm("norm_down2", self._conv("down2", self._padded(x, _REFLECT), stride=2)))

    def _on_canvas(self, image: str, shape: str) -> str:
        """See `networks.canvas.Canvas`."""
        if not np.any(self._weights.get(GRAIN, 0)):
            return image
        laid: list[str] = []
        for name, pattern in zip(CANVAS, canvas_patterns(), strict=True):
            numbers = self._node("Cast", f"{name}.numbers", self._kept(name, pattern), to=TensorProto.FLOAT)
            if not laid:  # of the small pattern: cheaper than of the whole picture
                numbers = self._node("Mul", f"{name}.scaled", numbers, self._stored(GRAIN))
            laid.append(self._laid(name, numbers, pattern.shape[-1], shape))
        return self._node("Add", "canvas.photo", image, self._node("Mul", "canvas.woven", *laid))

    def _laid(self, name: str, pattern: str, side: int, shape: str) -> str:
        """A pattern repeated over the picture."""
        beyond = self._node("Add", f"{name}.beyond", shape, self._constant(f"{name}.almost", [side - 1]))
        times = self._node("Div", f"{name}.times", beyond, self._constant(f"{name}.side", [side]))
        times = self._node("Concat", f"{name}.repeats", self._constant("once", [1, 1]), times, axis=0)
        tiled = self._node("Tile", f"{name}.tiled", pattern, times)
        return self._node(
            "Slice", f"{name}.laid", tiled, self._constant("begin", [0, 0]), shape, self._constant("sides", [2, 3])
        )

    def _bordered(self, image: str, shape: str) -> str:
        border = BORDER_PX + (3 if "down1.weight" in self._weights else 2)
        negative = self._node("Neg", "negative_size", shape)
        missing = self._node("Mod", "missing_to_stride", negative, self._constant("stride", [STRIDE_PX]))
        after = self._node("Add", "border_after", missing, self._constant("border", [border, border]))
        before = self._constant("border_before", [0, 0, border, border])
        pads = self._node("Concat", "border_sizes", before, self._constant("no_border", [0, 0]), after, axis=0)
        return self._node("Pad", "bordered", image, pads, mode=_REFLECT)

    def _blocks(self, part: str, x: str, share: str | None = None) -> str:
        count = len({name.split(".")[1] for name in self._weights if name.startswith(f"{part}.")})
        for number in range(count):
            x = self._block(f"{part}.{number}", x, share)
        return x

    def _block(self, block: str, x: str, share: str | None = None) -> str:
        inner = self._conv(f"{block}.conv1", self._padded(x, _REFLECT))
        inner = self._relu(self._norm(f"{block}.norm1", inner))
        outer = self._norm(f"{block}.norm2", self._conv(f"{block}.conv2", self._padded(inner, _REFLECT)))
        return self._node("Add", f"{block}.sum", x, self._held_back(f"{block}.norm2", outer, share))

    def _refined(self, x: str) -> str:
        if "refine.conv1.weight" in self._weights:
            return self._block("refine", x)
        return self._relu(self._norm("refine.norm", self._conv("refine.conv", self._padded(x, _REFLECT))))

    def _conv(self, name: str, x: str, stride: int = 1) -> str:
        weight, bias = (self._stored(f"{name}.{kind}") for kind in ("weight", "bias"))
        return self._node("Conv", f"{name}.output", x, weight, bias, strides=[stride, stride])

    def _norm(self, name: str, x: str) -> str:
        if f"{name}.scale" not in self._weights:
            return x
        channels = self._weights[f"{name}.scale"].shape[1]
        blends = [f"{name}.{kind}" for kind in ("scale", "shift")]
        scale, shift = (self._reshaped(self._of_styles(each), f"{each}.flat", [-1]) for each in blends)
        # each picture of the batch has its own scale: to the operator they are one picture with more channels
        as_one = self._node("Reshape", f"{name}.as_one", x, self._constant("as_one_picture", [1, -1, 0, 0]))
        normed = self._node("InstanceNormalization", f"{name}.normed", as_one, scale, shift, epsilon=NORM_EPSILON)
        batch = self._constant(f"batch_of_{channels}", [-1, channels, 0, 0])
        return self._node("Reshape", f"{name}.output", normed, batch)

    def _filtered(self, name: str, x: str) -> str:
        """See `networks.stylizer_net.StyleFilters` and `BlendedFilters`."""
        if f"{name}.basis" in self._weights:
            blend = self._blended(f"{name}.basis", self._of_styles(f"{name}.mix"))
            channels = self._weights[f"{name}.basis"].shape[1]
        else:
            blend = self._of_styles(f"{name}.filters")
            channels = self._weights[f"{name}.filters"].shape[1]
        matrix = self._reshaped(blend, f"{name}.matrix", [-1, channels, channels])
        size = self._node("Shape", f"{name}.size", x)
        made = self._node("MatMul", f"{name}.made", matrix, self._reshaped(x, f"{name}.places", [0, channels, -1]))
        return self._node("Add", f"{name}.output", x, self._node("Reshape", f"{name}.of_places", made, size))

    def _blended(self, name: str, shares: str) -> str:
        """Matrices of a basis by their shares: N rows."""
        if not self._is_in_8_bits(name):
            return self._node("MatMul", f"{name}.blend", shares, self._rows(name))
        levels, step = self._levels(name)
        rows = self._reshaped(levels, f"{name}.rows", [len(self._weights[name]), -1])
        scaled = self._node("Mul", f"{name}.shares", shares, self._reshaped(step, f"{name}.steps", [1, -1]))
        return self._node("MatMul", f"{name}.blend", scaled, rows)

    def _upsampled(self, name: str, x: str, activation: str | None = None) -> str:
        """See `networks.stylizer_net.UpsampledConv`; with a rim of one pixel that is too much.

        The file keeps the 3×3 kernel, and runtimes fold it at load. An activation that follows is part of the
        convolution to them where no pixels are moved in between.
        """
        outputs, inputs = self._weights[f"{name}.conv.weight"].shape[:2]
        self._matrix_of_phases()
        rows = self._reshaped(self._stored(f"{name}.conv.weight"), f"{name}.rows", [outputs, inputs, 9])
        phases = self._node("MatMul", f"{name}.phases", rows, _PHASES)
        phases = self._reshaped(phases, f"{name}.split", [outputs, inputs, 4, 4])
        phases = self._node("Transpose", f"{name}.turned", phases, perm=[2, 0, 1, 3])
        kernels = self._reshaped(phases, f"{name}.kernels", [4 * outputs, inputs, 2, 2])
        row = self._reshaped(self._stored(f"{name}.conv.bias"), f"{name}.row", [1, outputs])
        biases = self._node("Expand", f"{name}.expanded", row, self._constant("of_4_phases", [4, 1]))
        biases = self._reshaped(biases, f"{name}.biases", [4 * outputs])
        x = self._node("Conv", f"{name}.corners", self._padded(x, _REPEAT), kernels, biases, strides=[1, 1])
        x = x if activation is None else self._node(activation, f"{name}.activated", x)
        return self._node("DepthToSpace", f"{name}.shuffled", x, blocksize=2, mode="DCR")

    def _without_rim(self, name: str, x: str) -> str:
        first, end = self._constant("after_rim", [1, 1]), self._constant("before_rim", [-1, -1])
        return self._node("Slice", f"{name}.output", x, first, end, self._constant("sides", [2, 3]))

    def _matrix_of_phases(self) -> None:
        if _PHASES not in {tensor.name for tensor in self.initializers}:
            # entries of the 3×3 kernel to those of four phases, row by row and phase after phase
            matrix = np.einsum("ypu,xqv->yxpquv", _PHASES_OF_LINE, _PHASES_OF_LINE)
            self.initializers.append(numpy_helper.from_array(matrix.reshape(9, 16), _PHASES))

    def _padded(self, x: str, mode: str) -> str:
        pads = self._constant("one_pixel", [0, 0, 1, 1, 0, 0, 1, 1])
        return self._node("Pad", f"{x}.{mode}", x, pads, mode=mode)

    def _relu(self, x: str) -> str:
        return self._node("Relu", f"{x}.relu", x)
