"""Models as bytes, read and written with a check."""

from __future__ import annotations

import onnx

from nst_engine.errors import ModelChecksumError, ModelSpecError


def parsed_model(model: bytes) -> onnx.ModelProto:
    """The model in the bytes, in full: with its weights, those of IR 3 no longer listed as inputs.

    Raises:
        ModelChecksumError: Not an ONNX model.
        ModelSpecError: Its weights lie in another file, or it branches.
    """
    try:
        proto = onnx.load_model_from_string(model)
        onnx.checker.check_model(proto)
    # protobuf and the checker raise their own kinds, for damage and for weights that lie elsewhere
    except Exception as error:
        raise ModelChecksumError(
            f"came {len(model):,} bytes that are no ONNX model ({_first_line(error)}); export or download it again"
        ) from error
    graph = proto.graph
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer):
        raise ModelSpecError("the model keeps its weights in a second file; save it as one file (onnx.save)")
    for node in graph.node:
        if any(each.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for each in node.attribute):
            raise ModelSpecError(
                f"the model branches ({node.op_type} {node.name!r}), which cannot be rewritten; export it without"
            )
    _unlist_weights(proto)
    return proto


def metadata_of(model: bytes, name: str) -> dict[str, str]:
    """The model's metadata; `name` is its name in messages.

    Raises:
        ModelChecksumError: Not an ONNX model.
    """
    try:
        proto = onnx.load_model_from_string(model)
    except Exception as error:  # protobuf raises its own exception types
        raise ModelChecksumError(
            f"{name}: {len(model):,} bytes that are no ONNX model ({_first_line(error)}); export or download it again"
        ) from error
    return {each.key: each.value for each in proto.metadata_props}


def serialized_model(proto: onnx.ModelProto) -> bytes:
    """The model as bytes, after ONNX's full check.

    Raises:
        ModelSpecError: The check fails, usually because the file is damaged.
    """
    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:  # the checker raises its own exception types
        raise ModelSpecError(
            f"the model contradicts itself ({_first_line(error)}); export it again, with dynamic axes"
        ) from error
    serialized: bytes = proto.SerializeToString()
    return serialized


def default_opset(proto: onnx.ModelProto) -> int:
    """Version of the standard operators that the model is written in."""
    return max((each.version for each in proto.opset_import if each.domain in ("", "ai.onnx")), default=1)


def _unlist_weights(proto: onnx.ModelProto) -> None:
    """Until IR 3 weights were inputs with a default, which forbids to fold and fuse them."""
    graph = proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [each for each in graph.input if each.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    proto.ir_version = max(proto.ir_version, 4)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
