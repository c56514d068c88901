"""Models that would never be loaded or never end: refused, or stopped by Ctrl-C and by a limit of time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import python, started
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image
from tiny_models import own_spec, photo, write_own

from nst_engine import Stylizer
from nst_engine.errors import InferenceError, ModelChecksumError, ModelSpecError, NSTError, OptionError

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]


def written(
    path: Path, nodes: Sequence[Any], constants: dict[str, Any] | None = None, functions: Sequence[Any] = ()
) -> Path:
    picture, stylized = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("image", "painted")
    )
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "endless", [picture], [stylized], tensors)
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=9, functions=list(functions))
    helper.set_model_props(model, {"nst_engine": json.dumps(own_spec(styles=["same"]))})
    path.write_bytes(model.SerializeToString())
    return path


def looping(path: Path, turns: int = 2**62, *, over: str = "image", kind: str = "Loop") -> Path:
    """Multiplies a picture, or a number, by one, so many times."""
    values = {
        name: helper.make_tensor_value_info(name, kind, shape)
        for name, kind, shape in (
            ("i", TensorProto.INT64, []),
            ("goes_on", TensorProto.BOOL, []),
            ("x", TensorProto.FLOAT, None),
            ("still", TensorProto.BOOL, []),
            ("y", TensorProto.FLOAT, None),
        )
    }
    body_nodes = [helper.make_node("Identity", ["goes_on"], ["still"]), helper.make_node("Mul", ["x", "one"], ["y"])]
    inputs, outputs = [values[name] for name in ("i", "goes_on", "x")], [values[name] for name in ("still", "y")]
    body = helper.make_graph(body_nodes, "body", inputs, outputs)
    loop = helper.make_node(kind, ["turns", "yes", over], ["looped"], body=body)
    constants = {"turns": np.int64(turns), "yes": np.bool_(True), "one": np.float32(1)}
    last = helper.make_node("Mul", ["image" if over == "one" else "one", "looped"], ["painted"])
    return written(path, [loop, last], constants)


def circular(path: Path) -> Path:
    nodes = [helper.make_node("Add", ["image", "b"], ["a"]), helper.make_node("Add", ["image", "a"], ["b"])]
    return written(path, [*nodes, helper.make_node("Identity", ["a"], ["painted"])])


def of_itself(path: Path) -> Path:
    return written(path, [helper.make_node("Add", ["image", "painted"], ["painted"])])


def doubling(path: Path, depth: int = 40) -> Path:
    """Functions of which each calls the one before it twice."""
    functions = [helper.make_function("own", "F0", ["x"], ["y"], [helper.make_node("Neg", ["x"], ["y"])], OPSETS)]
    for number in range(1, depth + 1):
        calls = [
            helper.make_node(f"F{number - 1}", [consumed], [produced], domain="own")
            for consumed, produced in (("x", "between"), ("between", "y"))
        ]
        functions.append(helper.make_function("own", f"F{number}", ["x"], ["y"], calls, OPSETS))
    return written(path, [helper.make_node(f"F{depth}", ["image"], ["painted"], domain="own")], None, functions)


def calling_itself(path: Path) -> Path:
    again = helper.make_node("F", ["x"], ["y"], domain="own")
    function = helper.make_function("own", "F", ["x"], ["y"], [again], OPSETS)
    return written(path, [helper.make_node("F", ["image"], ["painted"], domain="own")], None, [function])


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("made", [circular, of_itself, doubling, calling_itself])
def test_what_would_never_be_loaded_is_refused(made: Callable[[Path], Path], backend: Any, tmp_path: Path) -> None:
    with pytest.raises((ModelSpecError, ModelChecksumError)):
        Stylizer(made(tmp_path / "model.onnx"), device="cpu", backend=backend)


def test_functions_that_end_are_no_reason(tmp_path: Path) -> None:
    stylizer = Stylizer(doubling(tmp_path / "model.onnx", 2), device="cpu")
    pixels = photo(24, 24)
    assert np.array_equal(stylizer.stylize(pixels, "same").pixels, pixels)


@pytest.mark.parametrize("over", ["image", "one"])
def test_openvino_gets_no_loops(over: str, tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match=r"has a loop \(Loop\).*`backend='onnxruntime'`"):
        Stylizer(looping(tmp_path / "model.onnx", over=over), device="cpu", backend="openvino")


@pytest.mark.parametrize("over", ["image", "one"])
def test_a_run_without_an_end_is_stopped_after_its_time(over: str, tmp_path: Path) -> None:
    stylizer = Stylizer(looping(tmp_path / "model.onnx", over=over), device="cpu", timeout=0.3)
    begun = time.monotonic()
    with pytest.raises(InferenceError, match=r"no.* end after 0\.3 s, and was stopped; .*`timeout`"):
        stylizer.stylize(photo(24, 24), "same")
    assert time.monotonic() - begun < 5
    used = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - used < 0.3  # nothing goes on unseen


def test_what_ends_in_time_is_as_it_was(tmp_path: Path) -> None:
    pixels = photo(40, 56)
    own = write_own(tmp_path)
    for tiles in (None, 100):
        free, timed = (Stylizer(own, device="cpu", timeout=each, tile_above_px=tiles) for each in (None, 60.0))
        assert np.array_equal(free.stylize(pixels, "wave").pixels, timed.stylize(pixels, "wave").pixels)
    ended = Stylizer(looping(tmp_path / "model.onnx", 3), device="cpu", timeout=60.0)
    assert np.array_equal(ended.stylize(pixels, "same").pixels, pixels)


def test_what_a_model_fails_with_in_its_thread_is_told_as_ever(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["image", "shape"], ["painted"])]
    model = written(tmp_path / "model.onnx", nodes, {"shape": np.array([1, 3, 7, 7])})
    with pytest.raises(InferenceError, match=r"failed on 1×3×24×24"):
        Stylizer(model, device="cpu", timeout=60.0).stylize(photo(24, 24), "same")


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), 1e9, "2"])
def test_a_time_that_is_none_is_refused(timeout: Any) -> None:
    with pytest.raises(OptionError, match=r"timeout: .* came"):
        Stylizer("bundled:live", timeout=timeout)


def test_the_command_has_the_limit(tmp_path: Path) -> None:
    options = ["--model", looping(tmp_path / "model.onnx"), "--timeout", 0.5, "--max-side", 32, "-o", "out.png"]
    completed = python("-m", "nst_engine", "stylize", "coffee", *options, cwd=tmp_path)
    assert completed.returncode == 2
    assert "give it more time (--timeout)" in completed.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("command", ["stylize", "video"])
def test_ctrl_c_stops_it(command: str, tmp_path: Path) -> None:
    model = looping(tmp_path / "model.onnx")
    arguments = ["coffee", "-o", "out.png"]
    if command == "video":
        (tmp_path / "frames").mkdir()
        arguments = ["frames/%d.png", "-o", "out.gif", "--stability", "off"]
        for number in (1, 2):
            Image.fromarray(photo(24, 24)).save(tmp_path / "frames" / f"{number}.png")
    process = started("-m", "nst_engine", command, *arguments, "--model", model, "--max-side", 32, cwd=tmp_path)
    try:
        wait_until_busy(process)
        process.send_signal(signal.SIGINT)
        _, output = process.communicate(timeout=20)
    finally:
        process.kill()  # what has not ended would not
    assert process.returncode == 130
    assert "nst: interrupted" in output
    assert "Traceback" not in output


def wait_until_busy(process: subprocess.Popen[str]) -> None:
    """Until it has computed for longer than it takes to begin."""
    for _ in range(600):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 4:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("it never began")


def test_damaged_files_are_refused_whatever_they_say_of_functions(tmp_path: Path) -> None:
    whole = doubling(tmp_path / "model.onnx", 2).read_bytes()
    rng = np.random.default_rng(3)
    for cut in rng.integers(1, len(whole), 40):
        (tmp_path / "model.onnx").write_bytes(whole[:cut])
        with pytest.raises(NSTError):
            Stylizer(tmp_path / "model.onnx", device="cpu")


def test_a_weight_larger_than_any_file_is_no_nothing(tmp_path: Path) -> None:
    """Sides whose product wraps around to 0 made OpenVINO paint with an empty weight."""
    path = written(tmp_path / "vast.onnx", [helper.make_node("Add", ["image", "k"], ["painted"])], {"k": np.float32(1)})
    content = path.read_bytes()
    proto = ModelProto.FromString(content)
    proto.graph.initializer[0].dims.extend([2**33, 2**33])
    proto.graph.initializer[0].raw_data = b""
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelSpecError, match="larger than any file"):
        Stylizer(path, device="cpu", backend="openvino")
