"""A model's inputs and outputs, checked against its specification before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_engine.errors import ModelSpecError
from nst_engine.models.spec import ModelSpec

_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as the graph declares it.

    Attributes:
        name: In the graph.
        type: `tensor(float)`, `tensor(uint8)`, ...
        shape: Integers where it is fixed, names or None where it is dynamic.
    """

    name: str
    type: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.type} {'×'.join(str(side or '?') for side in self.shape)}"


@dataclass(frozen=True)
class Signature:
    """Names and shapes of a model's inputs and outputs.

    Attributes:
        image_input: The picture's name.
        style_input: The style weights' name; None for models of one style.
        style_axes: How many axes they have there: 1 (S), 2 (N×S) or 4 (N×S×1×1 or N×1×1×S).
        styles_last: Whether the styles are along the last of four axes.
        image_output: The stylized picture's name.
        is_single: Whether the graph takes only one picture at a time, or the runtime is handed no more.
        has_fixed_size: Whether height or width is fixed.
    """

    image_input: str
    style_input: str | None
    image_output: str
    is_single: bool
    has_fixed_size: bool
    style_axes: int = 2
    styles_last: bool = False

    def weights_in_axes(self, style_weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Style weights, float32 N×styles, with the axes that the graph gives them; N is 1 where it gives one."""
        return weights_in_axes(style_weights, self.style_axes, styles_last=self.styles_last)


def weights_in_axes(style_weights: NDArray[np.float32], axes: int, *, styles_last: bool) -> NDArray[np.float32]:
    """Style weights, float32 N×S, as S (N is 1), N×S, N×S×1×1 or N×1×1×S."""
    if axes == 1:
        return style_weights.reshape(-1)
    if axes == 4:
        count, styles = style_weights.shape
        return style_weights.reshape((count, 1, 1, styles) if styles_last else (count, styles, 1, 1))
    return style_weights


def is_style_vector(shape: Sequence[object]) -> bool:
    """Whether a tensor of this shape can be style weights: one number for each style, and no picture."""
    return len(shape) in (1, 2) or (len(shape) == 4 and (1, 1) in (tuple(shape[1:3]), tuple(shape[2:4])))


def read_signature(
    inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo], spec: ModelSpec, model: str
) -> Signature:
    """Find the picture, the style weights and the stylized picture by their shapes.

    Raises:
        ModelSpecError: One is missing or there twice, or differs from the specification.
    """
    styles = [tensor for tensor in inputs if is_style_vector(tensor.shape)]
    image = _only([tensor for tensor in inputs if tensor not in styles], 4, "picture", model, inputs)
    stylized = _only(outputs, 4, "painted picture", model, outputs)
    if len(inputs) > 1 + len(styles) or len(styles) > 1:
        raise ModelSpecError(
            f"{model}: has the inputs {_listed(inputs)}; wanted a picture of 4 axes and at most one of "
            "S, N×S, N×S×1×1 or N×1×1×S, for style weights"
        )
    for tensor in (image, stylized):
        _check_picture(tensor, spec, model)
    _check_styles(styles, spec, model)
    batch = image.shape[0]
    if isinstance(batch, int) and batch != 1:
        raise ModelSpecError(f"{model}: {image} takes exactly {batch} pictures; wanted 1 or any number: export it so")
    sides = image.shape[2:] if spec.layout == "nchw" else image.shape[1:3]
    is_fixed = any(isinstance(side, int) for side in sides)
    if not styles:
        return Signature(image.name, None, stylized.name, batch == 1, is_fixed)
    (weights,) = styles
    return Signature(
        image.name,
        weights.name,
        stylized.name,
        batch == 1 or len(weights.shape) == 1 or weights.shape[0] == 1,
        is_fixed,
        len(weights.shape),
        _axis_of_styles(weights.shape) == 3,
    )


def _axis_of_styles(shape: Sequence[object]) -> int:
    if len(shape) < 4:
        return len(shape) - 1
    return 1 if tuple(shape[2:]) == (1, 1) else 3


def _only(tensors: Sequence[TensorInfo], rank: int, role: str, model: str, of: Sequence[TensorInfo]) -> TensorInfo:
    matches = [tensor for tensor in tensors if len(tensor.shape) == rank]
    if len(matches) != 1:
        raise ModelSpecError(
            f"{model}: has {_listed(of)}; wanted exactly one tensor of {rank} axes there, the {role}: "
            "this is another kind of model, or one to be exported with a fixed rank"
        )
    return matches[0]


def _check_picture(tensor: TensorInfo, spec: ModelSpec, model: str) -> None:
    if tensor.type != _TYPES[spec.dtype]:
        declared = next((dtype for dtype, name in _TYPES.items() if name == tensor.type), None)
        cure = f'write "dtype": "{declared}"' if declared else "export it with float32 or uint8 pictures"
        raise ModelSpecError(f'{model}: {tensor}, but its specification says "dtype": "{spec.dtype}"; {cure}')
    place, other, other_place = (1, "nhwc", 3) if spec.layout == "nchw" else (3, "nchw", 1)
    channels = tensor.shape[place]
    if channels != 3 and tensor.shape[other_place] == 3:
        raise ModelSpecError(
            f'{model}: {tensor}, but its specification says "layout": "{spec.layout}"; write "layout": "{other}"'
        )
    if isinstance(channels, int) and channels != 3:
        raise ModelSpecError(f"{model}: {tensor} has {channels} channels, wanted 3: export it for RGB pictures")


def _check_styles(tensors: Sequence[TensorInfo], spec: ModelSpec, model: str) -> None:
    named = spec.style_numbers
    if not tensors:
        if named != 1:
            raise ModelSpecError(
                f"{model}: its specification names {named} styles, but there is no input for style weights: name one"
            )
        return
    (weights,) = tensors
    if weights.type != _TYPES["float32"]:
        raise ModelSpecError(f"{model}: {weights}, wanted tensor(float) for style weights: export it so")
    count = weights.shape[_axis_of_styles(weights.shape)]
    if isinstance(count, int) and count != named:
        raise ModelSpecError(
            f"{model}: {weights} takes {count} style weights, but its specification names {named}; "
            + (f'write {count} names under "styles"' if spec.style is None else f'write "numbers": {count}')
        )


def _listed(tensors: Sequence[TensorInfo]) -> str:
    return ", ".join(str(tensor) for tensor in tensors) or "none"
