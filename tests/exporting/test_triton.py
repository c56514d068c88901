"""`nst export triton`: what Triton would load, read by its own schema and run by ONNX Runtime and Pillow."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from cli.running import assert_refused, code_of
from google.protobuf import text_format  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image
from tiny_models import photo

from nst_engine import Stylizer
from nst_engine.exporting.triton.text_format import text_format as written_text
from nst_engine.image.likeness import psnr_db


def module_at(path: Path, name: str) -> ModuleType:
    """A module that is no part of a package here."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# by itself: tritonclient.grpc would load gRPC, whose threads tests that fork can do without
_PLACES = importlib.util.find_spec("tritonclient").submodule_search_locations  # type: ignore[union-attr]
SCHEMA = module_at(Path(next(iter(_PLACES or ()))) / "grpc" / "model_config_pb2.py", "model_config_pb2")


def config_of(model: Path) -> Any:
    return text_format.Parse((model / "config.pbtxt").read_text(encoding="utf-8"), SCHEMA.ModelConfig())


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("triton") / "repository"
    options = ("--ensemble", "python", "--max-batch", "4", "--max-delay-us", "250", "--warmup", "64x48", "40x40")
    assert code_of("export", "triton", folder, "--model", "bundled:live", *options) == 0
    return folder


def test_a_repository_is_written_whole(repository: Path) -> None:
    assert names_in(repository) == [
        *("live/1/model.onnx", "live/config.pbtxt", "live/styles.txt", "live/warmup/style_weights"),
        *("live_decode/1/model.py", "live_decode/config.pbtxt", "live_encode/1/model.py", "live_encode/config.pbtxt"),
        *("live_jpeg/1/README", "live_jpeg/config.pbtxt"),
    ]
    assert [path.name for path in repository.parent.iterdir()] == ["repository"]


def test_the_configuration_is_of_the_graph(repository: Path) -> None:
    config = config_of(repository / "live")
    session = onnxruntime.InferenceSession(repository / "live" / "1" / "model.onnx")
    types = {"tensor(uint8)": SCHEMA.TYPE_UINT8, "tensor(float)": SCHEMA.TYPE_FP32}
    for declared, real in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        assert [(each.name, each.data_type, [-1, *each.dims]) for each in declared] == [
            (each.name, types[each.type], [side if isinstance(side, int) else -1 for side in each.shape])
            for each in real
        ]
    assert (config.name, config.backend, config.max_batch_size) == ("live", "onnxruntime", 4)
    assert config.dynamic_batching.max_queue_delay_microseconds == 250
    assert [(group.kind, group.count) for group in config.instance_group] == [(SCHEMA.ModelInstanceGroup.KIND_AUTO, 1)]
    assert not config.HasField("optimization")
    assert all(field in config.DESCRIPTOR.fields_by_name for field in ("max_batch_size", "model_warmup"))


def test_the_styles_are_told(repository: Path) -> None:
    config = config_of(repository / "live")
    metadata = onnxruntime.InferenceSession(repository / "live" / "1" / "model.onnx").get_modelmeta()
    styles = json.loads(metadata.custom_metadata_map["nst_engine"])["styles"]
    assert (repository / "live" / config.output[0].label_filename).read_text().splitlines() == styles
    assert json.loads(config.parameters["styles"].string_value) == styles
    assert json.loads(config_of(repository / "live_jpeg").parameters["styles"].string_value) == styles


def test_the_model_is_warmed_by_what_it_can_paint(repository: Path) -> None:
    session = onnxruntime.InferenceSession(repository / "live" / "1" / "model.onnx")
    samples = config_of(repository / "live").model_warmup
    assert [list(sample.inputs["image"].dims) for sample in samples] == [[48, 64, 3], [40, 40, 3]]
    for sample in samples:
        assert sample.batch_size == 1
        assert sample.inputs["image"].random_data
        given = sample.inputs["style_weights"]
        weights = np.frombuffer((repository / "live" / "warmup" / given.input_data_file).read_bytes(), np.float32)
        assert list(given.dims) == [len(weights)]
        image = np.zeros((1, *sample.inputs["image"].dims), np.uint8)
        assert session.run(None, {"image": image, "style_weights": weights[None]})[0].shape == image.shape


def test_the_steps_of_the_ensemble_fit_each_other(repository: Path) -> None:
    whole = config_of(repository / "live_jpeg")
    assert whole.platform == "ensemble"
    known = {each.name: (each.data_type, list(each.dims)) for each in whole.input}
    for step in whole.ensemble_scheduling.step:
        model = config_of(repository / step.model_name)
        assert model.max_batch_size == whole.max_batch_size
        inputs = {each.name: (each.data_type, list(each.dims)) for each in model.input}
        assert inputs == {ours: known[tensor] for ours, tensor in step.input_map.items()}
        for each in model.output:
            known[step.output_map[each.name]] = (each.data_type, list(each.dims))
    assert {each.name: (each.data_type, list(each.dims)) for each in whole.output}.items() <= known.items()


class Tensor:
    """Of the stand-in for Triton's Python backend, whose module is in its containers only."""

    def __init__(self, name: str, array: NDArray[Any]) -> None:
        self._name, self._array = name, array

    def as_numpy(self) -> NDArray[Any]:
        return self._array

    def name(self) -> str:
        return self._name


def backend_of_triton() -> ModuleType:
    """What `served/` uses of it, as its documentation says."""

    class TritonError(Exception):
        INVALID_ARG = 3

        def __init__(self, message: str, code: int) -> None:
            super().__init__(message)
            self.code = code

    class InferenceResponse:
        def __init__(self, output_tensors: Sequence[Tensor] = (), error: TritonError | None = None) -> None:
            self.output_tensors, self.error = output_tensors, error

    def get_input_tensor_by_name(request: Sequence[Tensor], name: str) -> Tensor | None:
        return next((tensor for tensor in request if tensor.name() == name), None)

    module = ModuleType("triton_python_backend_utils")
    vars(module).update(vars(sys.modules[__name__]) | locals())
    return module


def answer(repository: Path, model: str, tensor: Tensor, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of one request to a model of the Python backend."""
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", backend_of_triton())
    served = module_at(repository / model / "1" / "model.py", model).TritonPythonModel()
    if hasattr(served, "initialize"):
        parameters = config_of(repository / model).parameters
        values = {key: {"string_value": value.string_value} for key, value in parameters.items()}
        served.initialize({"model_config": json.dumps({"parameters": values})})
    (response,) = served.execute([[tensor]])
    return response


def jpeg_of(pixels: NDArray[np.uint8], **options: Any) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, **options)
    return np.frombuffer(file.getvalue(), np.uint8)


def test_a_jpeg_goes_through_the_ensemble(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lying = Image.Exif()
    lying[0x0112] = 6
    files = [jpeg_of(photo(48, 64)), jpeg_of(photo(64, 48, seed=1), exif=lying)]
    longest = max(map(len, files))
    jpegs = np.stack([np.pad(file, (0, longest - len(file))) for file in files])
    (pictures,) = answer(repository, "live_decode", Tensor("jpeg", jpegs), monkeypatch).output_tensors
    assert (pictures.name(), pictures.as_numpy().shape) == ("image", (2, 48, 64, 3))

    session = onnxruntime.InferenceSession(repository / "live" / "1" / "model.onnx")
    weights = np.eye(16, dtype=np.float32)[[4, 7]]
    (painted,) = session.run(None, {"image": pictures.as_numpy(), "style_weights": weights})
    (encoded,) = answer(repository, "live_encode", Tensor("stylized_image", painted), monkeypatch).output_tensors
    assert encoded.name() == "stylized_jpeg"

    stylizer = Stylizer("bundled:live", device="cpu")
    for file, row, style in zip(files, encoded.as_numpy(), ("great-wave", "scream"), strict=True):
        result = np.asarray(Image.open(io.BytesIO(row.tobytes())))
        assert psnr_db(result, stylizer.stylize(file.tobytes(), style).pixels) > 28


def test_what_cannot_be_decoded_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    png, large = io.BytesIO(), jpeg_of(np.zeros((5001, 5000, 3), np.uint8))
    Image.fromarray(photo(8, 8)).save(png, "PNG")
    files = [jpeg_of(np.zeros(shape, np.uint8)) for shape in ((8, 8, 3), (8, 9, 3))]
    sizes = np.stack([np.pad(file, (0, 2000 - len(file))) for file in files])
    for jpegs, message in (
        (np.frombuffer(png.getvalue(), np.uint8)[None], "is no JPEG"),
        (jpeg_of(photo(48, 64))[None, :-900], "truncated"),
        (large[None], "more than 25,000,000 pixels"),
        (sizes, "several sizes"),
    ):
        response = answer(repository, "live_decode", Tensor("jpeg", jpegs), monkeypatch)
        assert message in str(response.error)
        assert response.error.code == 3
        assert not response.output_tensors


def test_accelerators_devices_and_dali(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    options = ["--model", "bundled:live", "--device", "gpu", "--instances", "2"]
    more = ["--accelerator", "tensorrt", "--ensemble", "dali", "--max-batch", "3", "--name", "fast.v2"]
    assert code_of("export", "triton", folder, *options, *more) == 0
    config = config_of(folder / "fast.v2")
    gpu = SCHEMA.ModelInstanceGroup.KIND_GPU
    assert [(group.kind, group.count) for group in config.instance_group] == [(gpu, 2)]
    used = config.optimization.execution_accelerators
    assert [each.name for each in used.gpu_execution_accelerator] == ["tensorrt"]
    assert not used.cpu_execution_accelerator
    decoder = config_of(folder / "fast.v2_decode")
    assert (decoder.backend, decoder.instance_group[0].kind, decoder.max_batch_size) == ("dali", gpu, 3)
    program = (folder / "fast.v2_decode" / "1" / "dali.py").read_text()
    assert "\nON_GPU = True\nMAX_BATCH = 3\n" in program

    # a model more, and one anew; what is there stays
    again = ["--model", "bundled:live", "--device", "cpu", "--accelerator", "openvino", "--warmup", "32x32"]
    assert code_of("export", "triton", folder, *again) == 0
    assert code_of("export", "triton", folder, *again, "--name", "fast.v2", "--overwrite") == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        *("fast.v2", "fast.v2_decode", "fast.v2_encode", "fast.v2_jpeg", "live")
    ]
    used = config_of(folder / "fast.v2").optimization.execution_accelerators
    assert [each.name for each in used.cpu_execution_accelerator] == ["openvino"]
    assert not used.gpu_execution_accelerator


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["repository", "--model", "bundled:any"], "it is ONNX already: other programs take the file as it is"),
        (["repository", "--model", "bundled:liv"], "did you mean"),
        (["repository", "--name", "a/b"], "--name: 'a/b' came; wanted"),
        (["repository", "--name", "größe"], "--name: 'größe' came; wanted up to 100 of a-z"),
        (["repository", "--name", ""], "--name: nothing came"),
        (["repository", "--pictures", "empty"], "--pictures: empty came, and nothing is calibrated in float32"),
        (["repository", "--device", "cpu", "--accelerator", "tensorrt"], "use --device gpu"),
        (["repository", "--device", "gpu", "--accelerator", "openvino"], "use --device cpu"),
        (["repository", "--ensemble", "dali"], "use --device gpu or --device cpu"),
        (["repository", "--max-batch", "0"], "--max-batch: 0 came"),
        (["repository", "--precision", "int8", "--pictures", "empty"], "empty"),
        (["no/repository"], "mkdir -p no"),
        (["photo.jpg"], "photo.jpg: is a file"),
        (["."], "which is no model of Triton's"),
    ],
)
def test_what_cannot_be_a_repository_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "photo.jpg").touch()
    assert_refused(capsys, message, "export", "triton", *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "photo.jpg"]


def test_a_model_that_is_there_is_kept(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (repository / "live" / "1" / "model.onnx").read_bytes()
    for options, message in (
        (["--model", "bundled:live"], "live is there already; take another --name, or --overwrite"),
        (["--model", repository / "live" / "1" / "model.onnx", "--name", "live", "--overwrite"], "is the input"),
    ):
        assert_refused(capsys, message, "export", "triton", repository, *options)
    assert (repository / "live" / "1" / "model.onnx").read_bytes() == before


def test_a_rename_that_fails_leaves_all_as_it_was(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: (repository / name).read_bytes() for name in names_in(repository)}
    rename = Path.rename

    def rename_all_but_one(self: Path, target: Path) -> Path:
        if target == repository / "live_jpeg":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_all_but_one)
    options = ("--model", "bundled:live", "--ensemble", "python", "--overwrite", "--max-batch", "2")
    assert_refused(capsys, "No space left on device", "export", "triton", repository, *options)
    assert {name: (repository / name).read_bytes() for name in names_in(repository) if "jpeg" not in name} == {
        name: content for name, content in before.items() if "jpeg" not in name
    }


def test_any_text_is_read_back() -> None:
    text = 'Σ "quoted" \\ back\nline\ttab \x01 é'
    message = {"name": text, "parameters": {text: {"string_value": text}}, "max_batch_size": 3}
    config = text_format.Parse(written_text(message), SCHEMA.ModelConfig())
    assert (config.name, config.parameters[text].string_value, config.max_batch_size) == (text, text, 3)
