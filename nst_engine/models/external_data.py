"""Weights that a model keeps in other files: read by us, from the model's own folder only, before a runtime sees them.

ONNX allows a tensor to name any file, and runtimes differ in where they look: in the working directory, along links, or
at an address in memory. A model from elsewhere must not read what its user did not give out.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from nst_engine.errors import ModelChecksumError
from nst_engine.reading import why_no_file

#: Without this key of an external tensor in the bytes, there is none, and onnx need not be loaded to find out.
_KEY = b"location"
#: Of a protobuf message.
_MOST_BYTES = 2**31 - 1


def inlined(content: bytes, file: Path, name: str) -> tuple[bytes, tuple[Path, ...]]:
    """A model with all of its weights within.

    Args:
        content: Of the model file.
        file: Where it lies; only files in this folder and below are read.
        name: What messages call the model.

    Returns:
        The model, which is `content` itself if nothing was missing, and the files that were read.

    Raises:
        ModelChecksumError: No ONNX model; or its weights lie elsewhere, are missing or of another size.
    """
    if _KEY not in content:
        return content, ()
    import onnx

    try:
        proto = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf raises its own kind
        raise ModelChecksumError(f"{name}: {len(content):,} bytes that are no ONNX model; export it again") from error
    outside = [each for each in _tensors(proto) if each.data_location == onnx.TensorProto.EXTERNAL]
    if not outside:
        return content, ()
    files: dict[Path, None] = {}
    for tensor in outside:
        path, data = _data_of(tensor, file.parent, name)
        files[path] = None
        tensor.raw_data = data
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT
    if proto.ByteSize() > _MOST_BYTES:
        raise _refused(name, "its files", "together larger than the 2 GiB that an ONNX model may have")
    whole: bytes = proto.SerializeToString()
    return whole, tuple(files)


def _tensors(message: Any) -> Iterator[Any]:
    """All of a protobuf message, whatever holds them: weights, attributes, branches, functions, sparse ones."""
    import onnx

    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in [value] if hasattr(value, "ListFields") else value:
            if isinstance(each, onnx.TensorProto):
                yield each
            else:
                yield from _tensors(each)


def _data_of(tensor: Any, folder: Path, name: str) -> tuple[Path, bytes]:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    path = _path_of(location, folder, name)
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise _refused(name, location, "no longer a file")
            offset, length = _range_of(entries, found.st_size, location, name)
            if length != _bytes_of(tensor):
                raise _refused(name, location, f"{length:,} bytes where the weights take {_bytes_of(tensor):,}")
            stream.seek(offset)
            return path, stream.read(length)
    except OSError as error:
        raise _refused(name, location, f"cannot be read ({error.strerror})") from error


def _path_of(location: str, folder: Path, name: str) -> Path:
    for kind in (PurePosixPath(location), PureWindowsPath(location)):
        if not location or "\0" in location or kind.anchor or ".." in kind.parts:
            raise _refused(name, location, "not in the model's folder")
    path = (folder / location).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise _refused(name, location, "a link that leads out of the model's folder")
    if why := why_no_file(path):
        raise _refused(name, location, f"{why} (in {folder})")
    return path


def _range_of(entries: dict[str, str], size: int, location: str, name: str) -> tuple[int, int]:
    values = {key: entries[key] for key in ("offset", "length") if key in entries}
    if any(len(value) > len(str(2**63)) or not (value.isascii() and value.isdigit()) for value in values.values()):
        raise _refused(name, location, f"{values} is no place in a file")
    offset = int(values.get("offset", 0))
    length = int(values.get("length", max(0, size - offset)))
    if offset + length > size:
        raise _refused(name, location, f"up to byte {offset + length:,} of a file of {size:,}")
    return offset, length


def _bytes_of(tensor: Any) -> int:
    import onnx

    try:
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError):
        return -1
    return math.prod(map(int, tensor.dims)) * int(itemsize)


def _refused(name: str, location: str, why: str) -> ModelChecksumError:
    return ModelChecksumError(
        f"{name}: keeps weights in {location!r}: {why}; put all of the model's files into one folder, or export it as "
        "one file: torch.onnx.export(..., external_data=False)"
    )
