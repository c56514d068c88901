"""Weights in other files: from the model's own folder, whole, or not at all; whatever the runtime and the size."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_models import own_spec, photo, serialized, write_own

from nst_engine import Stylizer
from nst_engine.errors import ModelChecksumError
from nst_engine.models.content import companion_content
from nst_engine.models.find import find_model

BACKENDS = ["onnxruntime", "openvino"]
KERNEL = np.zeros((3, 3, 1, 1), np.float32)
KERNEL[range(3), range(3)] = 0.5


def halving(folder: Path, *, data: bytes | None = None, in_attribute: bool = False, **entries: Any) -> Path:
    """A model that halves what it gets, with its kernel in `weights.bin` beside it, or wherever `entries` say."""
    folder.mkdir(exist_ok=True)
    (folder / "weights.bin").write_bytes(KERNEL.tobytes() if data is None else data)
    kernel = numpy_helper.from_array(KERNEL, "kernel")
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    entry: dict[str, Any] = {"location": "weights.bin", **entries}
    for key, value in entry.items():
        kernel.external_data.add(key=key, value=str(value))
    nodes = [helper.make_node("Conv", ["image", "kernel"], ["painted"])]
    if in_attribute:
        nodes.insert(0, helper.make_node("Constant", [], ["kernel"], value=kernel))
    picture, stylized = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("image", "painted")
    )
    graph = helper.make_graph(nodes, "halving", [picture], [stylized], [] if in_attribute else [kernel])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"nst_engine": json.dumps(own_spec(styles=["half"]))})
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def halved(model: Path, backend: Any, **options: Any) -> np.ndarray:
    stylizer = Stylizer(model, device="cpu", backend=backend, **options)
    return stylizer.stylize(photo(24, 40), "half", stroke_size=1).pixels


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("in_attribute", [False, True])
@pytest.mark.parametrize("options", [{}, {"tile_above_px": 100}], ids=["whole", "tiles"])
def test_it_is_read_from_the_models_folder_wherever_one_stands(
    backend: Any, in_attribute: bool, options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = halving(tmp_path / "models", in_attribute=in_attribute)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "weights.bin").write_bytes(bytes(36))
    monkeypatch.chdir(elsewhere)
    result = halved(model, backend, **options).astype(int)
    assert np.abs(2 * result - photo(24, 40)).max() <= 1


def test_a_part_of_a_larger_file_is_taken(tmp_path: Path) -> None:
    model = halving(tmp_path, data=b"\0" * 64 + KERNEL.tobytes() + b"\1" * 9, offset=64, length=36)
    assert np.abs(2 * halved(model, "onnxruntime").astype(int) - photo(24, 40)).max() <= 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "../outside.bin"}, "not in the model's folder"),
        ({"location": "sub/../../outside.bin"}, "not in the model's folder"),
        ({"location": "/etc/hostname"}, "not in the model's folder"),
        ({"location": "C:\\weights.bin"}, "not in the model's folder"),
        ({"location": "..\\outside.bin"}, "not in the model's folder"),
        ({"location": ""}, "not in the model's folder"),
        ({"location": "*/_ORT_MEM_ADDR_/*", "offset": 65536, "length": 36}, "no such file"),
        ({"location": "nowhere.bin"}, "no such file"),
        ({"location": "."}, "is a folder, not a file"),
        ({"location": "link.bin"}, "a link that leads out"),
        ({"location": "pipe"}, "is a named pipe, not a file"),
        ({"offset": -4}, "no place in a file"),
        ({"offset": "9" * 40}, "no place in a file"),
        ({"offset": 10, "length": 36}, "up to byte 46 of a file of 36"),
        ({"length": 32}, "32 bytes where the weights take 36"),
    ],
    ids=[str(number) for number in range(15)],
)
def test_nothing_else_is_read(backend: Any, entries: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "outside.bin").write_bytes(KERNEL.tobytes())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ModelChecksumError, match=message) as caught:
        halved(halving(folder, **entries), backend)
    assert "external_data=False" in str(caught.value)


def test_weights_that_change_after_loading_are_noticed(tmp_path: Path) -> None:
    model = halving(tmp_path)
    stylizer = Stylizer(model, device="cpu", backend="onnxruntime", tile_above_px=100)
    (tmp_path / "weights.bin").write_bytes(KERNEL.tobytes() + b"\0" * 4)
    with pytest.raises(ModelChecksumError):
        stylizer.stylize(photo(24, 40), "half")


def test_a_model_that_only_speaks_of_locations_is_not_read_twice(tmp_path: Path) -> None:
    picture, stylized = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("location", "painted")
    )
    node = helper.make_node("Identity", ["location"], ["painted"])
    path = tmp_path / "model.onnx"
    path.write_bytes(serialized([node], [picture], [stylized], {}, own_spec(styles=["half"])))
    np.testing.assert_array_equal(halved(path, "onnxruntime"), photo(24, 40))


@pytest.mark.parametrize("where", ["metadata", "input"])
def test_names_that_are_no_utf8_are_damage(where: str, tmp_path: Path) -> None:
    path = halving(tmp_path)
    proto = onnx.load(path)
    content = proto.SerializeToString()
    old, new = (b'"half"', b'"\xff\xfelf"') if where == "metadata" else (b"image", b"im\xff\xfee")
    path.write_bytes(content.replace(old, new))
    with pytest.raises(ModelChecksumError):
        Stylizer(path, device="cpu", backend="onnxruntime")


def test_a_companion_is_held_to_the_same_rules(tmp_path: Path) -> None:
    """What reads style images lies beside the model, and may come from a stranger as well."""
    model = write_own(tmp_path)
    (tmp_path.parent / "secret.bin").write_bytes(KERNEL.tobytes())
    halving(tmp_path)
    whole = companion_content(find_model(model), "model.onnx")
    (kernel,) = onnx.load_model_from_string(whole).graph.initializer
    assert numpy_helper.to_array(kernel).tobytes() == KERNEL.tobytes()
    for location in ("../secret.bin", "missing.bin", str(tmp_path.parent / "secret.bin")):
        halving(tmp_path, location=location)
        with pytest.raises(ModelChecksumError, match="keeps weights in"):
            companion_content(find_model(model), "model.onnx")
