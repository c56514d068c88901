"""Refuses model files that would take forever to load or run, before a runtime sees them.

Runtimes inline the functions of a model, exponentially often where each calls the next one twice. OpenVINO cannot be
stopped in a loop or a cycle; ONNX Runtime refuses cycles, and can be stopped in a loop.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any

from nst_engine.errors import ModelSpecError

_MOST_NODES = 100_000
_MOST_NUMBERS = 2**31  # of a weight; OpenVINO multiplies its sides until nothing is left
# Protobuf: the field of a ModelProto's functions, and the wire types with their lengths.
_FUNCTIONS = 25
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LOOPS = ("Loop", "Scan", "SequenceMap")


def check_functions(content: bytes, name: str) -> None:
    """Refuse a model whose functions expand without bound when they are inlined.

    Raises:
        ModelSpecError: They do.
    """
    if not _has_functions(content):  # the usual case, without importing onnx
        return
    proto = _parsed(content)
    functions = {(each.domain, each.name): each.node for each in proto.functions}
    sizes: dict[tuple[str, str], int | None] = {}

    def size_of(nodes: Iterable[Any]) -> int:
        total = 0
        for node in _all_nodes(nodes):
            key = (node.domain, node.op_type)
            if key in functions:
                if key not in sizes:
                    sizes[key] = None  # being counted: a second visit is recursion
                    sizes[key] = size_of(functions[key])
                total += _MOST_NODES + 1 if sizes[key] is None else sizes[key] or 0
            total += 1
        return total

    if size_of(proto.graph.node) > _MOST_NODES:
        raise ModelSpecError(
            f"{name}: its functions make more than {_MOST_NODES:,} nodes, or call themselves; export it without them"
        )


def check_ends(content: bytes, name: str) -> None:
    """Refuse a model with loops or cyclic dependencies.

    Raises:
        ModelSpecError: It does.
    """
    proto = _parsed(content)
    nodes = [*proto.graph.node, *(node for function in proto.functions for node in function.node)]
    loops = next((node for node in _all_nodes(nodes) if node.op_type in _LOOPS), None)
    if loops is not None:
        raise ModelSpecError(
            f"{name}: has a loop ({loops.op_type}), which OpenVINO cannot be stopped in; use `backend='onnxruntime'`"
        )
    vast = next((each.name for each in proto.graph.initializer if math.prod(each.dims) > _MOST_NUMBERS), None)
    if vast is not None:
        raise ModelSpecError(f"{name}: its weight {vast!r} says that it is larger than any file; export it again")
    known = {"", *(each.name for each in (*proto.graph.input, *proto.graph.initializer))}
    known |= {each.values.name for each in proto.graph.sparse_initializer}
    for node in proto.graph.node:
        missing = next((each for each in node.input if each not in known), None)
        if missing is not None:
            taken = f"{node.op_type} {node.name!r} takes {missing!r}"
            raise ModelSpecError(f"{name}: {taken}, which nothing before it returns; export it again")
        known.update(node.output)


def _all_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    """All nodes, including those of subgraphs; protobuf limits the nesting."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _all_nodes(graph.node)


def _parsed(content: bytes) -> Any:
    """The parsed model; an empty one if it is invalid, which loading will report."""
    import onnx

    with contextlib.suppress(Exception):  # protobuf raises its own exception types
        return onnx.load_model_from_string(content)
    return onnx.ModelProto()


def _has_functions(content: bytes) -> bool:
    """Whether the message has functions; damaged ones may count as having them."""
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        kind = tag & 7
        if tag >> 3 == _FUNCTIONS:
            return True
        if kind in _FIXED:
            place += _FIXED[kind]
        elif kind in (_VARINT, _LENGTH):
            value, place = _varint(content, place)
            place += value if kind == _LENGTH else 0
        else:
            return True
    return False


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(content) and shift < 70:
        value |= (content[place] & 127) << shift
        shift, place = shift + 7, place + 1
        if content[place - 1] < 128:
            break
    return value, place
