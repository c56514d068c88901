from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import painter

from nst_engine import Stylizer
from nst_engine.errors import ModelChecksumError, ModelNotFoundError, ModelSpecError
from nst_engine.models import find
from nst_engine.models.find import ModelFile, bundled_models, find_model, int8_model
from nst_engine.models.spec import ModelSpec, StylePrediction, parse_spec

CONTENT = b"a model, as far as its checksum goes"


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of bundled models; returns the file of the only one, `live`."""
    file = tmp_path / "live.onnx"
    file.write_bytes(CONTENT)
    entry = {"file": file.name, "sha256": hashlib.sha256(CONTENT).hexdigest(), "description": "small"}
    (tmp_path / "models.json").write_text(json.dumps({"live": entry}), encoding="utf-8")
    monkeypatch.setattr(find, "_FOLDER", tmp_path)
    return file


def parsed(text: str, **options: Any) -> ModelSpec:
    return parse_spec(text, source="model.json", name="model", **options)


def test_the_models_of_this_installation_are_what_was_shipped() -> None:
    for name, model in bundled_models().items():
        assert find_model(f"bundled:{name}").path == model.path
        assert model.description


def test_a_bundled_model_is_found_by_name(bundled: Path) -> None:
    result = find_model("bundled:live")
    assert (result.name, result.path) == ("bundled:live", bundled)
    assert bundled_models()["live"].description == "small"


def test_a_damaged_bundled_model_is_refused(bundled: Path) -> None:
    bundled.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelChecksumError, match=r"bundled:live: SHA-256 .* pip install --force-reinstall"):
        find_model("bundled:live")


def test_a_bundled_model_is_hashed_once(bundled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_model("bundled:live")
    monkeypatch.setattr(hashlib, "file_digest", None)
    find_model("bundled:live")


def test_a_missing_bundled_file_is_named(bundled: Path) -> None:
    bundled.unlink()
    with pytest.raises(ModelNotFoundError, match=r"bundled:live: .*live\.onnx: no such file"):
        find_model("bundled:live")


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bundled:live1", r"did you mean bundled:live\? the bundled ones are: bundled:live$"),
        ("bundled:xyzzy", r"no such model; the bundled ones are"),
        ("live", r"live: no such file; did you mean bundled:live\?"),
        ("nowhere.onnx", r"nowhere\.onnx: no such file; a model is an \.onnx file"),
    ],
)
def test_what_is_not_there_gets_a_hint_and_the_list(name: str, message: str) -> None:
    with pytest.raises(ModelNotFoundError, match=message):
        find_model(name)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="is a folder"):
        find_model(tmp_path)


def test_a_path_is_found(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    path.touch()
    assert find_model(path).path == find_model(str(path)).path == path
    assert find_model(path).name == str(path)


def test_a_specification_has_defaults() -> None:
    assert parsed("{}") == ModelSpec(name="model", styles=("model",))


def test_every_key_is_read() -> None:
    entries = {
        "format": 1,
        "name": "own",
        "styles": ["a", "b"],
        "style": {"predict": "encoder.onnx", "output": "code", "numbers": 7, "side_px": 256},
        "layout": "nhwc",
        "dtype": "uint8",
        "channel_order": "bgr",
        "value_range": [-1, 1.5],
        "mean": [1, 2, 3],
        "std": [4, 5, 6],
        "pad_multiple": 8,
        "min_side_px": 32,
        "stride_px": 8,
        "licence": "MIT",
        "training": {"steps": 3},
    }
    spec = parsed(json.dumps(entries))
    expected = {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()}
    del expected["format"]
    expected["style"] = StylePrediction("encoder.onnx", "code", 7, 256)
    assert {key: getattr(spec, key) for key in expected} == expected
    assert expected.keys() == ModelSpec.__dataclass_fields__.keys()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 3),
        ("styles", []),
        ("styles", "wave"),
        ("style", {"predict": "encoder.onnx"}),
        ("style", {"predict": "folder/encoder.onnx", "output": "code", "numbers": 7}),
        ("style", {"predict": "encoder.onnx", "output": "code", "numbers": 0}),
        ("styles", ["wave", "wave"]),
        ("styles", ["wave", ""]),
        ("layout", "chw"),
        ("layout", ["nchw"]),
        ("dtype", "float16"),
        ("channel_order", "RGB"),
        ("value_range", [0]),
        ("value_range", [1, 0]),
        ("value_range", [0, 0]),
        ("value_range", [0, float("nan")]),
        ("mean", [0, 0]),
        ("mean", 0),
        ("mean", [0, 0, "0"]),
        ("std", [1, 1, 0]),
        ("std", [1, 1, True]),
        ("std", [1, 1, -1]),
        ("std", [1, 1, float("inf")]),
        ("std", [1, 1]),
        ("std", [1, 1, 1e-5]),
        ("std", [1, 1, 1e5]),
        ("mean", [0, 0, float("nan")]),
        ("mean", [123.68, 116.779, 103.939]),
        ("value_range", [0, 1e7]),
        ("value_range", [0, 1e-9]),
        ("pad_multiple", 0),
        ("pad_multiple", 1.5),
        ("pad_multiple", True),
        ("min_side_px", 5000),
        ("licence", None),
        ("training", []),
    ],
)
def test_a_value_that_cannot_be_used_is_shown(key: str, value: Any) -> None:
    with pytest.raises(ModelSpecError, match=rf"^model\.json: {key} is .*, wanted "):
        parsed(json.dumps({key: value}))


@pytest.mark.parametrize(
    "scale",
    [
        {"value_range": [0, 255], "mean": [123.68, 116.779, 103.939], "std": [58.395, 57.12, 57.375]},
        {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        {"std": [1 / 255, 1 / 255, 1 / 255]},  # bytes, expressed in another way
        {"value_range": [0, 65535]},
        {"value_range": [200, 255]},
    ],
)
def test_scales_that_networks_have_are_taken(scale: dict[str, list[float]]) -> None:
    spec = parsed(json.dumps(scale))
    assert {key: list(getattr(spec, key)) for key in scale} == scale


def test_the_scale_of_a_style_image_has_the_same_limits() -> None:
    style = {"predict": "encoder.onnx", "output": "code", "numbers": 7, "mean": [123, 116, 103]}
    with pytest.raises(ModelSpecError, match=r"style's mean is \[123, 116, 103\], wanted three numbers from -1 to 2"):
        parsed(json.dumps({"style": style}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"pad_multipel": 4}', "unknown key 'pad_multipel'; did you mean pad_multiple"),
        ("{", "is no JSON"),
        ("[1]", r"came \[1\], wanted a JSON object"),
        ('{"format": 2}', "format is 2, this nst-engine reads 1"),
    ],
)
def test_what_is_no_specification_is_refused(text: str, message: str) -> None:
    with pytest.raises(ModelSpecError, match=rf"^model\.json: {message}"):
        parsed(text)


def test_metadata_of_a_later_version_may_say_more() -> None:
    assert parsed('{"arch": "live"}', allow_unknown=True) == parsed("{}")


def test_a_model_speaks_for_itself_before_the_file_beside_it(tmp_path: Path) -> None:
    file = ModelFile("own.onnx", tmp_path / "own.onnx", "")
    beside = tmp_path / "own.json"
    beside.write_text('{"value_range": [0, 255]}', encoding="utf-8")
    assert file.spec({}) == ModelSpec(name="own", styles=("own",), value_range=(0, 255))
    assert file.spec({"nst_engine": '{"styles": ["a"], "arch": "live"}'}) == ModelSpec(name="own", styles=("a",))
    with pytest.raises(ModelSpecError, match=r"own\.onnx \(its metadata 'nst_engine'\): is no JSON"):
        file.spec({"nst_engine": "{"})
    beside.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelSpecError, match=r"own\.json: cannot be read"):
        file.spec({})


def test_without_both_the_error_shows_what_to_write(tmp_path: Path) -> None:
    file = ModelFile("own.onnx", tmp_path / "own.onnx", "")
    with pytest.raises(ModelSpecError, match=r"own\.onnx: .* write own\.json beside it") as caught:
        file.spec({})
    example, start = json.JSONDecoder().raw_decode(text := str(caught.value)[str(caught.value).index("{") :])
    defaults, _ = json.JSONDecoder().raw_decode(text[text.index("{", start) :])
    assert parsed(json.dumps(example)).styles == ("own",)
    assert parsed(json.dumps(defaults)) == parsed("{}")


def test_the_quantised_file_lies_beside_the_model(tmp_path: Path) -> None:
    assert int8_model(find_model("bundled:quality")).name == "bundled:quality-int8"
    assert int8_model(find_model("bundled:quality-int8")).name == "bundled:quality-int8"
    (tmp_path / "mine.onnx").touch()
    with pytest.raises(ModelNotFoundError, match=r"mine-int8\.onnx beside it; make one with nst export"):
        int8_model(find_model(tmp_path / "mine.onnx"))
    (tmp_path / "mine-int8.onnx").touch()
    assert int8_model(find_model(tmp_path / "mine.onnx")).path == tmp_path / "mine-int8.onnx"
    with pytest.raises(ModelNotFoundError, match="bundled:any-int8: no such model; did you mean bundled:"):
        int8_model(find_model("bundled:any"))


@pytest.mark.parametrize("text", ['{"value_range": [0, 1' + "0" * 400 + "]}", "[" * 100_000, '{"a":' * 50_000])
def test_json_without_an_end_is_no_traceback(text: str, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(painter(spec=None))
    model.with_suffix(".json").write_text(text)
    with pytest.raises(ModelSpecError, match="is no JSON"):
        Stylizer(model, device="cpu", backend="onnxruntime")
