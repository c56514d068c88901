"""Requests for inference: pictures and style weights, as JSON or behind it in binary."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.checks import parsed_json
from nst_engine.errors import ImageTooLargeError, OptionError
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS, STYLIZED_IMAGE

#: Python makes up to 24 bytes of one in JSON; what is larger comes in binary.
MOST_JSON_BYTES = 4 << 20
#: In JSON, of a result.
MOST_JSON_VALUES = MOST_JSON_BYTES // 4
#: In a request.
MOST_PICTURES = 8

#: JSON may hold them, UTF-8 may not.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_WBITS = {"gzip": 31, "deflate": 15}
_TYPES: Mapping[str, tuple[str, type[np.generic]]] = {IMAGE: ("UINT8", np.uint8), STYLE_WEIGHTS: ("FP32", np.float32)}


@dataclass(frozen=True)
class Body:
    """As it came.

    Attributes:
        content: All of it.
        encoding: `Content-Encoding`.
        json_bytes: `Inference-Header-Content-Length`, how much of it is JSON; None: all.
    """

    content: bytes
    encoding: str
    json_bytes: str | None


@dataclass(frozen=True)
class Inference:
    """What is asked.

    Attributes:
        id: The client's; None: it gave none.
        pictures: uint8 N×H×W×3.
        weights: float32 N×styles, each row at least 0 and with a sum above 0.
        is_binary: Whether the result is wanted behind the JSON.
    """

    id: str | None
    pictures: NDArray[np.uint8]
    weights: NDArray[np.float32]
    is_binary: bool


def read_inference(body: Body, *, styles: int, most_bytes: int, most_pixels: int, most_side: int) -> Inference:
    """Read a request; nothing is kept that is larger than what it says it is.

    Args:
        body: Of the request.
        styles: Of the model.
        most_bytes: Of the body, unpacked.
        most_pixels: Of a picture.
        most_side: Of a picture, px: the result has its size.

    Raises:
        OptionError: Another request than the protocol's, or not of this model.
        ImageTooLargeError: A picture, or the body, is too large.
    """
    head, tail = _parted(_unpacked(body, most_bytes), body.json_bytes)
    request = _json_of(head)
    identity = request.get("id")
    if not isinstance(identity, str | None) or (identity and _LONE_SURROGATE.search(identity)):
        raise OptionError("id: wanted a text, without halves of surrogate pairs")
    arrays = _arrays(_listed(request, "inputs"), tail, styles, most_pixels, most_side)
    pictures, weights = arrays[IMAGE], arrays[STYLE_WEIGHTS]
    if len(pictures) != len(weights):
        raise OptionError(f"{len(pictures)} pictures came, and weights of {len(weights)}")
    # sums of finite numbers may be none
    if not (np.isfinite(weights.sum(axis=1)).all() and (weights >= 0).all() and (weights.sum(axis=1) > 0).all()):
        raise OptionError(f"{STYLE_WEIGHTS}: wanted numbers of at least 0, and one above 0 for each picture")
    is_binary = _is_binary(request)
    if not is_binary and pictures.size > MOST_JSON_VALUES:
        raise ImageTooLargeError(f"{pictures.size:,} values are too many for JSON: ask for binary data")
    return Inference(identity, pictures, weights, is_binary)


def _unpacked(body: Body, most_bytes: int) -> bytes:
    encoding = body.encoding.lower()
    if encoding == "identity":
        return body.content
    if encoding not in _WBITS:
        raise OptionError(f"Content-Encoding: {body.encoding!r} came; wanted gzip, deflate, or none")
    unpacking = zlib.decompressobj(_WBITS[encoding])
    try:
        content = unpacking.decompress(body.content, most_bytes + 1)
    except zlib.error as damaged:
        raise OptionError(f"the body is no {encoding} ({damaged})") from damaged
    if len(content) > most_bytes:
        raise ImageTooLargeError(f"the request is larger than {most_bytes:,} bytes, unpacked; send a smaller picture")
    if not unpacking.eof or unpacking.unused_data:
        raise OptionError(f"the body is not one whole {encoding}")
    return content


def _parted(content: bytes, json_bytes: str | None) -> tuple[bytes, memoryview]:
    """JSON, and what is behind it."""
    if json_bytes is None:
        length = len(content)
    elif json_bytes.isascii() and json_bytes.isdigit() and len(json_bytes) < 20 and int(json_bytes) <= len(content):
        length = int(json_bytes)
    else:
        raise OptionError(
            f"Inference-Header-Content-Length: {json_bytes} came; wanted a number of at most {len(content)}, the body's"
        )
    if length > MOST_JSON_BYTES:
        raise ImageTooLargeError(
            f"{length:,} bytes of JSON came, at most {MOST_JSON_BYTES:,} are read: send binary data"
        )
    return content[:length], memoryview(content)[length:]


def _json_of(head: bytes) -> dict[str, Any]:
    try:
        request = parsed_json(head.decode("utf-8"))
    except ValueError as error:
        raise OptionError(f"the body is no JSON ({error})") from error
    if not isinstance(request, dict):
        raise OptionError("the body: wanted a JSON object with `inputs`")
    return request


def _listed(request: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The tensors of a request, each with a name of its own."""
    tensors = request.get(key, [])
    if not isinstance(tensors, list) or not all(isinstance(each, dict) for each in tensors):
        raise OptionError(f"{key}: wanted a list of objects")
    names = [each.get("name") for each in tensors]
    known = {"inputs": tuple(_TYPES), "outputs": (STYLIZED_IMAGE,)}[key]
    for name in names:
        if name not in known:
            raise OptionError(f"{key}: {name!r} came; there are {', '.join(known)}")
    if len(set(names)) < len(names):
        raise OptionError(f"{key}: {names[0]} came twice")
    for each in tensors:
        given = _parameters(each)
        for name in ("shared_memory_region", "classification"):
            if name in given:
                raise OptionError(f"{each['name']}: {name} is not supported here")
    return tensors


def _parameters(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = holder.get("parameters", {})
    if not isinstance(parameters, dict):
        raise OptionError("parameters: wanted an object")
    return parameters


def _is_binary(request: Mapping[str, Any]) -> bool:
    outputs = _listed(request, "outputs")
    value = _parameters(request).get("binary_data_output", False)
    for each in outputs:
        value = _parameters(each).get("binary_data", value)
    if not isinstance(value, bool):
        raise OptionError("binary_data and binary_data_output: wanted true or false")
    return value


def _arrays(
    inputs: Sequence[Mapping[str, Any]], tail: memoryview, styles: int, most_pixels: int, most_side: int
) -> dict[str, NDArray[Any]]:
    arrays = {}
    for tensor in inputs:
        name = tensor["name"]
        datatype, kind = _TYPES[name]
        if tensor.get("datatype") != datatype:
            raise OptionError(f"{name}: datatype {tensor.get('datatype')!r} came; wanted {datatype}")
        shape = _shape(tensor, [-1, -1, -1, 3] if name == IMAGE else [-1, styles])
        if name == IMAGE:
            _check_size(shape[1], shape[2], most_pixels, most_side)
        count = math.prod(shape)
        size = _parameters(tensor).get("binary_data_size")
        if size is None:
            flat = _numbers(tensor, count, kind)
        else:
            wanted = count * np.dtype(kind).itemsize
            if type(size) is not int or size != wanted or size > len(tail) or "data" in tensor:
                raise OptionError(
                    f"{name}: {size!r} bytes of binary data came, of {len(tail)}; wanted {wanted}, and no `data`"
                )
            flat, tail = np.frombuffer(tail[:size], np.dtype(kind).newbyteorder("<")), tail[size:]
        arrays[name] = flat.reshape(shape)
    for name in _TYPES:
        if name not in arrays:
            raise OptionError(f"inputs: {name} is missing; wanted {' and '.join(_TYPES)}")
    if len(tail):
        raise OptionError(f"{len(tail):,} bytes more came than the inputs have")
    return arrays


def _shape(tensor: Mapping[str, Any], wanted: Sequence[int]) -> list[int]:
    shape: list[int] = tensor.get("shape", [])
    is_shape = isinstance(shape, list) and len(shape) == len(wanted) and all(type(side) is int for side in shape)
    if not is_shape or not all(side > 0 and each in (side, -1) for side, each in zip(shape, wanted, strict=True)):
        raise OptionError(f"{tensor['name']}: shape {shape!r} came; wanted {list(wanted)}, where -1 is any from 1")
    if shape[0] > MOST_PICTURES:
        raise OptionError(f"{tensor['name']}: {shape[0]} pictures came; wanted at most {MOST_PICTURES} in a request")
    return shape


def _check_size(height: int, width: int, most_pixels: int, most_side: int) -> None:
    if height * width > most_pixels or max(height, width) > most_side:
        raise ImageTooLargeError(
            f"{IMAGE}: {width}×{height} px came; wanted sides of at most {most_side}, and {most_pixels:,} pixels"
        )


def _numbers(tensor: Mapping[str, Any], count: int, kind: type[np.generic]) -> NDArray[Any]:
    """The numbers of a tensor in JSON, flat or in rows."""
    name, numbers = tensor["name"], tensor.get("data")
    if not isinstance(numbers, list):
        raise OptionError(f"{name}: wanted `data`, a list, or the parameter binary_data_size")
    while numbers and all(type(row) is list for row in numbers):
        numbers = list(chain.from_iterable(numbers))
    is_whole = kind is np.uint8
    if len(numbers) != count or not all(
        type(each) is int or (type(each) is float and not is_whole) for each in numbers
    ):
        wanted = "whole numbers" if is_whole else "numbers"
        raise OptionError(f"{name}: data of {len(numbers)} entries came; wanted {count} {wanted}, as the shape says")
    values = np.array(numbers, np.float64)  # which holds all that `parsed_json` lets through
    if is_whole and not ((values >= 0) & (values <= 255)).all():
        raise OptionError(f"{name}: wanted whole numbers from 0 to 255")
    with np.errstate(over="ignore"):  # becomes infinite, which is refused
        return values.astype(kind)
