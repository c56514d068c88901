"""A model's inputs and outputs, held against its specification before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nst_engine.errors import ModelSpecError
from nst_engine.models.spec import ModelSpec

_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as the graph declares it.

    Attributes:
        name: In the graph.
        type: `tensor(float)`, `tensor(uint8)`, ...
        shape: A number where it is fixed; a name or None where it may be anything.
    """

    name: str
    type: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.type} {'×'.join(str(side or '?') for side in self.shape)}"


@dataclass(frozen=True)
class Signature:
    """What the model is run with.

    Attributes:
        image_input: The picture's name.
        style_input: The style weights' name; None for models of one style.
        image_output: The painted picture's name.
        is_single: Whether the graph takes one picture at a time only.
        has_fixed_size: Whether it insists on a height or a width.
    """

    image_input: str
    style_input: str | None
    image_output: str
    is_single: bool
    has_fixed_size: bool


def read_signature(
    inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo], spec: ModelSpec, model: str
) -> Signature:
    """Find the picture, the style weights and the painted picture by their ranks.

    Raises:
        ModelSpecError: One is missing or there twice, or differs from the specification.
    """
    image = _only(inputs, 4, "picture", model)
    painted = _only(outputs, 4, "painted picture", model)
    styles = [tensor for tensor in inputs if len(tensor.shape) == 2]
    if len(inputs) > 1 + len(styles) or len(styles) > 1:
        raise ModelSpecError(
            f"{model}: has the inputs {_listed(inputs)}; wanted a picture of 4 axes and at most one of "
            "2 axes, for style weights"
        )
    for tensor in (image, painted):
        _check_picture(tensor, spec, model)
    _check_styles(styles, spec, model)
    batch = image.shape[0]
    if isinstance(batch, int) and batch != 1:
        raise ModelSpecError(f"{model}: {image} takes exactly {batch} pictures; wanted 1 or any number: export it so")
    sides = image.shape[2:] if spec.layout == "nchw" else image.shape[1:3]
    is_fixed = any(isinstance(side, int) for side in sides)
    return Signature(image.name, styles[0].name if styles else None, painted.name, batch == 1, is_fixed)


def _only(tensors: Sequence[TensorInfo], rank: int, role: str, model: str) -> TensorInfo:
    found = [tensor for tensor in tensors if len(tensor.shape) == rank]
    if len(found) != 1:
        raise ModelSpecError(
            f"{model}: has {_listed(tensors)}; wanted exactly one tensor of {rank} axes there, the {role}: "
            "this is another kind of model, or one to be exported with a fixed rank"
        )
    return found[0]


def _check_picture(tensor: TensorInfo, spec: ModelSpec, model: str) -> None:
    if tensor.type != _TYPES[spec.dtype]:
        said = next((dtype for dtype, name in _TYPES.items() if name == tensor.type), None)
        cure = f'write "dtype": "{said}"' if said else "export it with float32 or uint8 pictures"
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
    count = weights.shape[1]
    if isinstance(count, int) and count != named:
        raise ModelSpecError(
            f"{model}: {weights} takes {count} style weights, but its specification names {named}; "
            + (f'write {count} names under "styles"' if spec.style is None else f'write "numbers": {count}')
        )


def _listed(tensors: Sequence[TensorInfo]) -> str:
    return ", ".join(str(tensor) for tensor in tensors) or "none"
