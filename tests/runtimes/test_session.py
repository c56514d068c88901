from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from cli.running import ENVIRONMENT
from onnx import TensorProto, helper
from tiny_models import STYLES, own_spec, painter, serialized, write_own

from nst_engine.environment import usable_cpus
from nst_engine.errors import (
    InferenceError,
    MissingDependencyError,
    ModelChecksumError,
    ModelSpecError,
    NSTError,
    OptionError,
    ProviderUnavailableError,
)
from nst_engine.runtimes import devices, session
from nst_engine.runtimes.devices import Device, provider_options, why_it_failed
from nst_engine.runtimes.opening import open_session

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
IS_CPU_BUILD = CUDA not in onnxruntime.get_available_providers()
needs_cpu_build = pytest.mark.skipif(not IS_CPU_BUILD, reason="this onnxruntime has CUDA")


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    return write_own(tmp_path)


def opened(tmp_path: Path, content: bytes, beside: dict[str, Any] | None = None) -> session.Session:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    if beside is not None:
        path.with_suffix(".json").write_text(json.dumps(beside), encoding="utf-8")
    return open_session(path, device="cpu", threads=1)


def pretend_built_in(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As with onnxruntime-gpu: the list of providers names them, whether they load or not."""
    real = onnxruntime.get_available_providers()
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*names, *real])


def test_importing_it_loads_no_onnxruntime() -> None:
    code = "import sys, nst_engine.runtimes.session, nst_engine.stylize.stylizer; print('onnxruntime' in sys.modules)"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert completed.stdout.strip() == "False"


def test_a_session_says_what_it_is(model_path: Path) -> None:
    loaded = open_session(model_path, device="cpu", threads=2)
    assert (loaded.provider, loaded.device, loaded.threads) == ("CPUExecutionProvider", "cpu", 2)
    assert (loaded.model, loaded.spec.styles, loaded.passed_over) == (str(model_path), STYLES, ())


def test_threads_default_to_what_may_be_used(model_path: Path) -> None:
    assert open_session(model_path).threads == usable_cpus()


def test_it_paints_a_batch(model_path: Path) -> None:
    pictures = np.random.default_rng(0).random((2, 3, 16, 20), dtype=np.float32)
    together = open_session(model_path).run(pictures, np.eye(3, dtype=np.float32)[:2])
    assert together.shape == pictures.shape
    for place in range(2):
        alone = open_session(model_path).run(
            pictures[place : place + 1], np.eye(3, dtype=np.float32)[place : place + 1]
        )
        np.testing.assert_allclose(together[place : place + 1], alone, atol=1e-6)


def test_a_model_for_one_picture_at_a_time_paints_a_batch(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).random((3, 3, 16, 20), dtype=np.float32)
    weights = np.eye(3, dtype=np.float32)
    single = opened(tmp_path, painter(spec=own_spec(), batch=1)).run(pictures, weights)
    np.testing.assert_array_equal(single, opened(tmp_path, painter(spec=own_spec())).run(pictures, weights))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"\x89PNG\r\n\x1a\n" + bytes(100),
        lambda content: b"not a model at all\n" * 20,
        lambda content: bytes(1000),
    ],
    ids=["empty", "half", "short by a byte", "a picture", "text", "zeros"],
)
def test_what_is_no_model_is_refused_in_silence(
    tmp_path: Path, damage: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelChecksumError, match=r"model\.onnx: cannot be loaded .*; export or download it again"):
        opened(tmp_path, damage(painter(spec=own_spec())))
    assert capfd.readouterr() == ("", "")


def test_an_unknown_operator_is_refused_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = painter(spec=own_spec()).replace(b"Unsqueeze", b"Unsqueezy")
    with pytest.raises(ModelChecksumError, match="Unsqueezy"):
        opened(tmp_path, content)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (painter(spec=own_spec(styles=["a", "b"])), r'takes 3 style weights, .* names 2; write 3 names under "styles"'),
        (painter(spec=own_spec(), styles=0), "names 3 styles, but there is no input for style weights"),
        (painter(spec=own_spec(dtype="uint8")), r'tensor\(float\) .* says "dtype": "uint8"; write "dtype": "float32"'),
        (
            painter(spec=own_spec(), layout="nhwc", dtype="uint8"),
            r'tensor\(uint8\) .* says "dtype": "float32"; write "dtype": "uint8"',
        ),
        (painter(spec=own_spec(), layout="nhwc"), 'says "layout": "nchw"; write "layout": "nhwc"'),
        (painter(spec=own_spec(layout="nhwc")), 'says "layout": "nhwc"; write "layout": "nchw"'),
        (painter(spec=own_spec(), channels=4), "has 4 channels, wanted 3"),
        (painter(spec=own_spec(), batch=2), "takes exactly 2 pictures"),
    ],
    ids=["styles", "no styles", "dtype", "other dtype", "layout", "other layout", "channels", "batch"],
)
def test_a_model_unlike_its_specification_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ModelSpecError, match=rf"model\.onnx: .*({message})"):
        opened(tmp_path, content)


def test_other_kinds_of_models_are_refused(tmp_path: Path) -> None:
    vector = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 10])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])
    classifier = serialized([helper.make_node("Relu", ["x"], ["y"])], [vector], [scores], {}, own_spec())
    with pytest.raises(ModelSpecError, match=r"has x tensor\(float\) n×10; wanted exactly one tensor of 4 axes"):
        opened(tmp_path, classifier)


def test_a_third_input_is_refused(tmp_path: Path) -> None:
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    styles = helper.make_tensor_value_info("style_weights", TensorProto.FLOAT, ["n", 3])
    other = helper.make_tensor_value_info("time", TensorProto.FLOAT, ["n"])
    result = helper.make_tensor_value_info("stylized_image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    content = serialized(
        [helper.make_node("Relu", ["image"], ["stylized_image"])], [picture, styles, other], [result], {}, own_spec()
    )
    with pytest.raises(ModelSpecError, match=r"has the inputs .*time tensor\(float\) n; wanted a picture"):
        opened(tmp_path, content)


def test_without_a_specification_the_error_shows_one_that_works(tmp_path: Path) -> None:
    content = painter(spec=None, styles=0)
    with pytest.raises(ModelSpecError, match=r"write model\.json beside it, for example (\{.*?\});") as caught:
        opened(tmp_path, content)
    example, _ = json.JSONDecoder().raw_decode(str(caught.value)[str(caught.value).index("{") :])
    assert opened(tmp_path, content, example).spec.value_range == (0, 255)


def test_a_model_of_one_size_takes_any(tmp_path: Path) -> None:
    beside = {"value_range": [0, 255]}
    loaded = opened(tmp_path, painter(spec=None, styles=0, sides=(224, 224), batch=1), beside)
    pictures = np.random.default_rng(0).random((1, 3, 40, 56), dtype=np.float32)
    free = opened(tmp_path, painter(spec=None, styles=0), beside).run(pictures, np.ones((1, 1), np.float32))
    np.testing.assert_allclose(loaded.run(pictures, np.ones((1, 1), np.float32)), free, atol=1e-5)


def test_a_run_with_the_wrong_input_is_told(model_path: Path) -> None:
    loaded = open_session(model_path)
    with pytest.raises(InferenceError, match=r"tiny\.onnx: failed on 1×4×16×16 "):
        loaded.run(np.zeros((1, 4, 16, 16), np.float32), np.ones((1, 3), np.float32))


def test_a_failing_operator_is_told_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")
    )
    constants = {"shape": np.array([1, 3, 16, 16]), "unused": np.zeros(9, np.float32)}  # unused: a warning
    reshape = helper.make_node("Reshape", ["x", "shape"], ["y"])
    loaded = opened(tmp_path, serialized([reshape], [picture], [result], constants, own_spec(styles=["a"])))
    with pytest.raises(InferenceError, match=r"model\.onnx: failed on 1×3×20×20 \(.*Reshape"):
        loaded.run(np.zeros((1, 3, 20, 20), np.float32), np.ones((1, 1), np.float32))
    assert capfd.readouterr() == ("", "")


def test_a_lack_of_memory_says_what_helps(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 99")

    loaded = open_session(model_path)
    monkeypatch.setattr(onnxruntime.InferenceSession, "run", fail)
    with pytest.raises(InferenceError, match=r"not enough memory: make the picture smaller \(`max_side`\)"):
        loaded.run(np.zeros((1, 3, 16, 16), np.float32), np.ones((1, 3), np.float32))


def test_it_runs_again_for_another_shape_and_for_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")
    )
    pool = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2])
    loaded = opened(tmp_path, serialized([pool], [picture], [result], {}, own_spec(styles=["a"])))
    image, weights = np.ones((1, 3, 16, 16), np.float32), np.ones((1, 1), np.float32)
    np.testing.assert_array_equal(loaded.run(image, weights, np.empty_like(image)), np.ones((1, 3, 15, 15)))

    def fail(*_: Any) -> None:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 99")

    monkeypatch.setattr(onnxruntime.InferenceSession, "run_with_iobinding", fail)
    with pytest.raises(InferenceError, match="not enough memory"):
        loaded.run(image, weights, np.empty_like(image))


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "", None])
def test_an_unknown_device_is_refused(model_path: Path, device: Any) -> None:
    with pytest.raises(OptionError, match="choose from auto, cpu, cuda, cuda:N, tensorrt"):
        open_session(model_path, device=device)


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 1.5}, {"precision": "half"}])
def test_other_options_are_checked(model_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"^{next(iter(options))}: "):
        open_session(model_path, **options)


def test_float16_is_for_devices_that_have_it(model_path: Path) -> None:
    with pytest.raises(OptionError, match="use `precision='auto'`, or `device='tensorrt'` or openvino"):
        open_session(model_path, precision="float16")


@needs_cpu_build
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "tensorrt", "openvino", "directml"])
def test_a_device_this_build_has_not_is_an_error_with_a_cure(model_path: Path, device: str) -> None:
    message = rf"`device='{device}'`: the installed onnxruntime has only .*CPUExecutionProvider; .*pip install .*"
    with pytest.raises(ProviderUnavailableError, match=message):
        open_session(model_path, device=device)


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        (("onnxruntime",), r"type: pip uninstall -y onnxruntime && pip install .*\[gpu\]'"),
        (
            ("onnxruntime", "onnxruntime-gpu"),
            "are installed over each other.* uninstall -y onnxruntime onnxruntime-gpu",
        ),
        ((), r"it comes with: pip install .*\[gpu\]'"),
    ],
)
@needs_cpu_build
def test_the_cure_depends_on_what_is_installed(
    model_path: Path, monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], message: str
) -> None:
    monkeypatch.setattr(devices, "_is_installed", lambda name: name in installed)
    with pytest.raises(ProviderUnavailableError, match=message):
        open_session(model_path, device="cuda")


@needs_cpu_build
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_is_silently_left_out_is_an_error(
    model_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pretend_built_in(monkeypatch, TENSORRT, CUDA)
    with pytest.raises(ProviderUnavailableError, match=r"`device='cuda'`: .* left it out without a word"):
        open_session(model_path, device="cuda")
    assert capfd.readouterr() == ("", "")


@needs_cpu_build
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_auto_says_what_it_passed_over(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_built_in(monkeypatch, TENSORRT, CUDA)
    loaded = open_session(model_path)
    assert loaded.provider == "CPUExecutionProvider"
    (reason,) = loaded.passed_over  # TensorRT is for those who ask for it
    assert reason.startswith("`device='cuda'`: ")


@needs_cpu_build
def test_a_provider_that_fails_loudly_is_not_taken_for_a_damaged_model(
    model_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real = onnxruntime.InferenceSession._create_inference_session

    def create(self: Any, providers: Any, *rest: Any) -> None:
        if CUDA in (providers[0], providers[0][0]):
            raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")
        real(self, providers, *rest)

    pretend_built_in(monkeypatch, CUDA)
    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", create)
    with pytest.raises(ProviderUnavailableError, match="CUDA failure 100: no CUDA-capable device is detected"):
        open_session(model_path, device="cuda:3")
    assert open_session(model_path).device == "cpu"
    assert capfd.readouterr() == ("", "")
    model_path.write_bytes(b"damaged")
    with pytest.raises(ModelChecksumError):
        open_session(model_path, device="cuda")


@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux libraries")
@pytest.mark.parametrize(("kind", "cure"), [("cuda", r"onnxruntime-gpu\[cuda,cudnn\]"), ("tensorrt", "tensorrt")])
def test_libraries_that_do_not_load_are_named(tmp_path: Path, kind: str, cure: str) -> None:
    for name in ("shared", kind):
        (tmp_path / f"libonnxruntime_providers_{name}.so").write_bytes(b"no library")
    reason = why_it_failed(Device(kind), tmp_path, "nothing")
    assert "cannot be loaded" in reason
    assert str(tmp_path) in reason
    assert cure.replace("\\", "") in reason


def test_a_missing_driver_has_its_own_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "libcuda.so.1: cannot open shared object file: No such file or directory"
    monkeypatch.setattr(devices, "_load_error", lambda *_: missing)
    assert "there is no NVIDIA driver" in why_it_failed(Device("cuda"), tmp_path, "nothing")


def test_options_of_the_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_ENGINE_CACHE", str(tmp_path))
    assert provider_options(Device("cpu"), "auto", b"a model") == [("CPUExecutionProvider", {})]
    (cuda, options), (last, _) = provider_options(Device("cuda", 1), "float32", b"a model")
    assert (cuda, last, options["device_id"], options["use_tf32"]) == (CUDA, "CPUExecutionProvider", "1", "0")
    assert options["cudnn_conv_algo_search"] == "HEURISTIC"
    assert provider_options(Device("cuda"), "auto", b"a model")[0][1]["use_tf32"] == "1"
    chosen = provider_options(Device("tensorrt"), "float16", b"a model")
    assert [name for name, _ in chosen] == [TENSORRT, CUDA, "CPUExecutionProvider"]
    assert chosen[0][1]["trt_fp16_enable"] == "True"
    assert Path(chosen[0][1]["trt_engine_cache_path"]).is_dir()
    others = provider_options(Device("tensorrt"), "float16", b"of other weights")[0][1]
    assert others["trt_engine_cache_path"] != chosen[0][1]["trt_engine_cache_path"]
    assert others["trt_timing_cache_path"] == chosen[0][1]["trt_timing_cache_path"]
    assert provider_options(Device("openvino"), "float16", b"a model")[0][1] == {
        "device_type": "AUTO",
        "precision": "FP16",
    }


@pytest.mark.parametrize(("quota", "spins"), [(None, "1"), (1.5, "0")])
def test_threads_are_set_and_do_not_spin_on_a_quota(
    model_path: Path, monkeypatch: pytest.MonkeyPatch, quota: float | None, spins: str
) -> None:
    seen: list[Any] = []
    real = onnxruntime.InferenceSession

    def create(source: Any, options: Any, **rest: Any) -> Any:
        seen.append(options)
        return real(source, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", create)
    monkeypatch.setattr(devices, "cpu_quota", lambda: quota)
    open_session(model_path, threads=3)
    (options,) = seen
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == spins


def test_without_onnxruntime_the_error_says_what_to_install(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"needs onnxruntime, .* pip install .*\[cpu\]'"):
        open_session(model_path)


_AT_HOME = """
import os, sys
import numpy as np

def refuse(event, arguments):
    if event.startswith("socket."):
        print(event, arguments[1:])

sys.addaudithook(refuse)
from nst_engine import Stylizer
assert not {"onnxruntime", "openvino"} & set(sys.modules)
Stylizer(sys.argv[1], device="cpu", backend=sys.argv[2]).stylize(np.zeros((32, 32, 3), np.uint8), "wave")
print(os.environ.get("ORT_DISABLE_TELEMETRY", ""))
"""


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_no_runtime_calls_home_or_leaves_something_there(model_path: Path, tmp_path: Path, backend: str) -> None:
    """Sockets of Python are always seen, those of native code where strace is installed."""
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    unset = {name: text for name, text in ENVIRONMENT.items() if name != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-c", _AT_HOME, str(model_path), backend]
    if shutil.which("strace"):
        command = ["strace", "-f", "-qq", "-e", "trace=socket,connect,sendto", "-o", str(trace), *command]
    environment = {**unset, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert completed.stdout.split() == (["1"] if backend == "onnxruntime" else [])
    assert not trace.exists() or not re.findall(r"(?:AF_INET6?|connect)\b.*", trace.read_text())
    assert not [path for path in home.rglob("*") if ".cache/nst-engine" not in path.as_posix() and path.is_file()]


_ON_CORES = """
import os, sys, threading
import numpy as np
from nst_engine import Stylizer

threads = max(1, len(os.sched_getaffinity(0)) - 1)
stylizer = Stylizer("bundled:live", device="cpu", backend=sys.argv[1], threads=threads)
photo, seen, is_over = np.zeros((240, 320, 3), np.uint8), set(), threading.Event()
stylizer.stylize(photo, "scream")

def look():
    while not is_over.wait(0.0005):
        seen.update(frozenset(os.sched_getaffinity(int(task))) for task in os.listdir("/proc/self/task"))

looking = threading.Thread(target=look)
looking.start()
for _ in range(40):
    stylizer.stylize(photo, "scream")
is_over.set()
looking.join()
print(all(each == os.sched_getaffinity(0) for each in seen))
"""


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_few_threads_are_pinned_to_no_core(backend: str) -> None:
    """Two processes of one thread shared the first core, and painted half as much as on two."""
    command = [sys.executable, "-c", _ON_CORES, backend]
    completed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert completed.stdout == "True\n", completed.stderr


_INTERRUPTED = """
import gc, signal
import numpy as np
from nst_engine import Stylizer

stylizers = [Stylizer("bundled:live", device="cpu", backend="openvino") for _ in range(3)]
for stylizer in stylizers:
    stylizer.stylize(np.zeros((32, 32, 3), np.uint8), "scream")
for place in (0, 1, 0):
    stylizers.pop(min(place, len(stylizers) - 1)).close()
    del stylizer
    gc.collect()
    stylizer = None
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_is_no_crash_after_models_were_closed() -> None:
    """OpenVINO left the main thread a stack for signals that it had freed."""
    command = [sys.executable, "-c", _INTERRUPTED]
    completed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stdout) == (0, "interrupted\n"), completed.stderr


def test_telemetry_that_was_asked_for_stays(model_path: Path) -> None:
    environment = {**ENVIRONMENT, "ORT_DISABLE_TELEMETRY": "0"}
    command = [sys.executable, "-c", _AT_HOME, str(model_path), "onnxruntime"]
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert completed.stdout.split() == ["0"]


def test_a_model_whose_size_cannot_be_made_free_is_refused(tmp_path: Path) -> None:
    """Its declared output has other channels than its actual output."""
    proto = onnx.load_model_from_string(painter(spec=own_spec(), sides=(16, 16)))
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 19
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(NSTError):
        open_session(path, device="cpu")
