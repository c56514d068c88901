"""`nst serve --kserve`: Triton's own client gets the pixels of the graph; what cannot be used is a 4xx in its words."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from cli.running import ENVIRONMENT, painting
from numpy.typing import NDArray
from PIL import Image

from nst_engine import CancelToken, Stylizer
from nst_engine.cancellation import Stop
from nst_engine.catalogue import bundled_styles
from nst_engine.errors import OutOfMemoryError
from nst_engine.models.find import find_model
from nst_engine.server.app import create_app
from nst_engine.server.settings import read_settings

from .running import Service, service
from .test_hostile_pictures import peak_bytes

DOCS = Path(__file__).parents[2] / "docs" / "triton.md"
MODEL = find_model("bundled:live-uint8").path
PICTURES = np.stack([painting(41, 60, seed) for seed in (1, 2)])
WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(16), 2).astype(np.float32)
#: Many times what a request of the allowed size takes.
MOST_GROWTH_BYTES = 250_000_000

# in a process of its own: tritonclient brings gevent, which other tests can do without
CLIENT = """
import json
import sys

import numpy as np
import tritonclient.http as triton

address, folder = sys.argv[1:]
given = np.load(f"{folder}/given.npz")
client = triton.InferenceServerClient(address, concurrency=3)


def inputs(is_binary=True, pictures=given["pictures"], weights=given["weights"]):
    kinds = (("image", pictures, "UINT8"), ("style_weights", weights, "FP32"))
    tensors = [triton.InferInput(name, array.shape, kind) for name, array, kind in kinds]
    for tensor, array in zip(tensors, (pictures, weights)):
        tensor.set_data_from_numpy(array, binary_data=is_binary)
    return tensors


def output(is_binary):
    return [triton.InferRequestedOutput("stylized_image", binary_data=is_binary)]


painted = {"binary": client.infer("live", inputs()), "version": client.infer("live", inputs(), model_version="1")}
for sent in (True, False):
    for wanted in (True, False):
        painted[f"{sent} {wanted}"] = client.infer("live", inputs(sent), outputs=output(wanted), request_id="mine")
for packed in ("gzip", "deflate"):
    painted[packed] = client.infer(
        "live", inputs(), request_compression_algorithm=packed, response_compression_algorithm=packed
    )
pending = [client.async_infer("live", inputs(), request_id=str(number)) for number in range(4)]
painted |= {f"async {number}": each.get_result() for number, each in enumerate(pending)}
ids = {name: result.get_response().get("id") for name, result in painted.items()}
np.savez(f"{folder}/painted.npz", **{name: result.as_numpy("stylized_image") for name, result in painted.items()})
try:
    client.infer("live", inputs(pictures=given["pictures"][:1]))
except triton.InferenceServerException as error:
    refused = [error.status(), error.message()]
print(json.dumps({
    "ids": ids,
    "refused": refused,
    "health": [client.is_server_live(), client.is_server_ready(), client.is_model_ready("live"),
               client.is_model_ready("live", "1"), client.is_model_ready("live", "2"), client.is_model_ready("nix")],
    "server": client.get_server_metadata(),
    "index": client.get_model_repository_index(),
    "metadata": client.get_model_metadata("live"),
    "config": client.get_model_config("live"),
}))
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    options = ("--kserve", "--models", "live,any-fast", "--max-bytes", "6000000", "--max-side", "1000")
    with service(tmp_path_factory.mktemp("service"), *options, "--max-pixels", "600000") as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


def python(code: str, *arguments: object, cwd: Path) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_tritons_client_gets_the_pixels_of_the_graph(running: Service, tmp_path: Path) -> None:
    np.savez(tmp_path / "given.npz", pictures=PICTURES, weights=WEIGHTS)
    told = json.loads(python(CLIENT, running.address.removeprefix("http://"), tmp_path, cwd=tmp_path))

    session = onnxruntime.InferenceSession(MODEL)
    (expected,) = session.run(None, {"image": PICTURES, "style_weights": WEIGHTS})
    painted = np.load(tmp_path / "painted.npz")
    assert len(painted.files) == 12
    for name in painted.files:
        np.testing.assert_array_equal(painted[name], expected, name)
    assert told["ids"]["True False"] == "mine"
    assert [told["ids"][f"async {number}"] for number in range(4)] == list("0123")
    assert told["ids"]["binary"] is None

    assert told["refused"] == ["400", "1 pictures came, and weights of 2"]
    assert told["health"] == [True, True, True, True, False, False]
    assert told["server"]["name"] == "nst-engine"
    assert "binary_tensor_data" in told["server"]["extensions"]
    assert told["index"] == [{"name": name, "version": "1", "state": "READY"} for name in ("live", "any-fast")]
    types = {"tensor(uint8)": "UINT8", "tensor(float)": "FP32"}
    for key, real in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        assert told["metadata"][key] == [
            {
                "name": each.name,
                "datatype": types[each.type],
                "shape": [side if isinstance(side, int) else -1 for side in each.shape],
            }
            for each in real
        ]
    assert told["config"]["max_batch_size"] == 8
    styles = json.loads(session.get_modelmeta().custom_metadata_map["nst_engine"])["styles"]
    assert json.loads(told["config"]["parameters"]["styles"]["string_value"]) == styles


def test_the_example_of_the_docs(running: Service, tmp_path: Path) -> None:
    Image.fromarray(PICTURES[0]).save(tmp_path / "photo.png")
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    python(code.replace("localhost:8000", running.address.removeprefix("http://")), cwd=tmp_path)
    expected = Stylizer("bundled:live", device="cpu", threads=1).stylize(PICTURES[0], "great-wave").pixels
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "stylized.png")), expected)


def tensor(name: str, array: NDArray[Any], **changed: Any) -> dict[str, Any]:
    datatype = {"uint8": "UINT8", "float32": "FP32"}[array.dtype.name]
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": array.ravel().tolist(), **changed}


SMALL = PICTURES[:1, :2, :3]
IMAGE, STYLE_WEIGHTS = tensor("image", SMALL), tensor("style_weights", WEIGHTS[:1])


def test_models_for_any_style_take_the_paintings(client: httpx.Client) -> None:
    names = list(bundled_styles())
    weights = np.eye(len(names), dtype=np.float32)[[3]]
    inputs = [tensor("image", PICTURES[:1]), tensor("style_weights", weights)]
    answer = client.post("/v2/models/any-fast/infer", json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    (output,) = answer.json()["outputs"]
    expected = Stylizer("bundled:any-fast", device="cpu", threads=1).stylize(PICTURES[0], names[3]).pixels
    np.testing.assert_array_equal(np.reshape(output["data"], output["shape"])[0], expected)
    config = client.get("/v2/models/any-fast/config").json()
    assert json.loads(config["parameters"]["styles"]["string_value"]) == names


def test_rows_are_read_as_well(client: httpx.Client) -> None:
    flat = client.post("/v2/models/live/infer", json={"inputs": [IMAGE, STYLE_WEIGHTS]})
    rows = [{**IMAGE, "data": SMALL.tolist()}, {**STYLE_WEIGHTS, "data": WEIGHTS[:1].tolist()}]
    nested = client.post("/v2/models/live/versions/1/infer", json={"inputs": rows})
    assert flat.json() == nested.json()
    assert flat.status_code == 200


def binary(json_bytes: object = None, *, tail: bytes | None = None, **sizes: Any) -> dict[str, Any]:
    """A request with both tensors behind the JSON."""
    raw = {"image": SMALL.tobytes(), "style_weights": WEIGHTS[:1].tobytes()}
    inputs = [
        {
            **{key: value for key, value in each.items() if key != "data"},
            "parameters": {"binary_data_size": sizes.get(each["name"], len(raw[each["name"]]))},
        }
        for each in (IMAGE, STYLE_WEIGHTS)
    ]
    head = json.dumps({"inputs": inputs}).encode()
    length = str(len(head) if json_bytes is None else json_bytes)
    content = head + (b"".join(raw.values()) if tail is None else tail)
    return {"content": content, "headers": {"Inference-Header-Content-Length": length}}


def asking(*inputs: Any, **request: Any) -> dict[str, Any]:
    return {"content": json.dumps({"inputs": list(inputs), **request}).encode()}


def with_image(**changed: Any) -> dict[str, Any]:
    return asking({**IMAGE, **changed}, STYLE_WEIGHTS)


def with_weights(**changed: Any) -> dict[str, Any]:
    return asking(IMAGE, {**STYLE_WEIGHTS, **changed})


def packed(content: bytes, encoding: str = "gzip") -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Encoding": encoding}}


WHOLE = asking(IMAGE, STYLE_WEIGHTS)["content"]
ONE = [1.0] + [0.0] * 15
REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "nothing": (400, "no JSON", {"content": b""}),
    "half of it": (400, "no JSON", {"content": WHOLE[:-9]}),
    "no text": (400, "no JSON", {"content": b"\xff\xfe" + WHOLE}),
    "a list": (400, "wanted a JSON object", {"content": b"[]"}),
    "no inputs": (400, "image is missing", {"content": b"{}"}),
    "inputs that are none": (400, "a list of objects", {"content": b'{"inputs": {"image": 1}}'}),
    "inputs of numbers": (400, "a list of objects", asking(1, 2)),
    "depth": (400, "nested too deeply", {"content": b"[" * 1_000_000}),
    "depth in data": (400, "nested too deeply", {"content": b'{"inputs": [{"data": ' + b"[" * 1_000_000}),
    "many empty lists": (400, "wanted 18", with_image(data=[[]] * 900_000)),
    "many empty objects": (400, "wanted 18", with_image(data=[{}] * 900_000)),
    "one long text": (400, "wanted 18", with_image(data=["a" * 1_000_000] + ["b"] * 400_000)),
    "much JSON": (413, "send binary data", with_image(data=[0] * 1_900_000)),
    "digits": (400, "digits", {"content": WHOLE.replace(b'"data": [', b'"data": [' + b"9" * 9000 + b", ")}),
    "one input": (400, "style_weights is missing", asking(IMAGE)),
    "another input": (400, "'other' came", asking(IMAGE, STYLE_WEIGHTS, {**IMAGE, "name": "other"})),
    "an input twice": (400, "came twice", asking(IMAGE, IMAGE, STYLE_WEIGHTS)),
    "a name that is none": (400, "came", asking({**IMAGE, "name": ["image"]}, STYLE_WEIGHTS)),
    "an output that is none": (400, "'x' came", asking(IMAGE, STYLE_WEIGHTS, outputs=[{"name": "x"}])),
    "classes": (
        400,
        "classification is not supported",
        asking(IMAGE, STYLE_WEIGHTS, outputs=[{"name": "stylized_image", "parameters": {"classification": 2}}]),
    ),
    "shared memory": (400, "not supported", with_image(parameters={"shared_memory_region": "/dev/shm/x"})),
    "a datatype": (400, "'FP32' came; wanted UINT8", with_image(datatype="FP32")),
    "no datatype": (400, "wanted FP32", with_weights(datatype=None)),
    "no shape": (400, "shape", with_image(shape=None)),
    "axes": (400, "shape", with_image(shape=[2, 3, 3])),
    "channels": (400, "shape", with_image(shape=[1, 3, 3, 2])),
    "no pictures": (400, "shape", with_image(shape=[0, 2, 3, 3], data=[])),
    "no height": (400, "shape", with_image(shape=[1, 0, 3, 3], data=[])),
    "negative sides": (400, "shape", with_image(shape=[1, -2, -3, 3])),
    "a side that is left open": (400, "shape", with_image(shape=[1, -1, 3, 3])),
    "two sides that are left open": (400, "shape", with_image(shape=[-1, -1, 3, 3], data=[0] * 9)),
    "a negative count of pictures": (400, "shape", with_image(shape=[-1, 2, 3, 3])),
    "sides that are no numbers": (400, "shape", with_image(shape=[1, 2.0, 3, 3])),
    "sides that are true": (400, "shape", with_image(shape=[True, 2, 3, 3])),
    "huge sides": (413, "wanted sides of at most 1000", with_image(shape=[1, 10**9, 10**9, 3])),
    "sides beyond any integer": (413, "px came", with_image(shape=[1, 10**200, 10**200, 3])),
    "pixels": (413, "600,000 pixels", with_image(shape=[1, 700, 900, 3])),
    "too many pictures": (400, "at most 8", with_image(shape=[9, 2, 3, 3])),
    "fewer weights than pictures": (400, "weights of 1", with_image(shape=[2, 1, 3, 3])),
    "data beside the shape": (400, "wanted 27", with_image(shape=[1, 3, 3, 3])),
    "no data": (400, "wanted `data`", with_image(data=None)),
    "fractions": (400, "whole numbers", with_image(data=[0.5] * 18)),
    "truths": (400, "whole numbers", with_image(data=[True] * 18)),
    "bytes below 0": (400, "from 0 to 255", with_image(data=[-1] * 18)),
    "bytes above 255": (400, "from 0 to 255", with_image(data=[256] * 18)),
    "rows and numbers": (400, "wanted 18", with_image(data=[[1] * 17, 1])),
    "weights that are no numbers": (400, "wanted numbers of at least 0", with_weights(data=[float("nan"), *ONE[1:]])),
    "infinite weights": (400, "wanted numbers of at least 0", with_weights(data=[float("inf"), *ONE[1:]])),
    "weights beyond single precision": (400, "wanted numbers of at least 0", with_weights(data=[1e300, *ONE[1:]])),
    "weights beyond any float": (400, "digits", with_weights(data=[10**400, *ONE[1:]])),
    "negative weights": (400, "wanted numbers of at least 0", with_weights(data=[2.0, -1.0, *ONE[2:]])),
    "no weight": (400, "one above 0", with_weights(data=[0] * 16)),
    "weights of another model": (400, "shape", with_weights(shape=[1, 15], data=[1] * 15)),
    "an id that is no text": (400, "id:", asking(IMAGE, STYLE_WEIGHTS, id=7)),
    "an id that is half of a letter": (400, "id:", asking(IMAGE, STYLE_WEIGHTS, id="\ud83d")),
    "parameters that are none": (400, "parameters", asking(IMAGE, STYLE_WEIGHTS, parameters=[1])),
    "binary, perhaps": (400, "true or false", asking(IMAGE, STYLE_WEIGHTS, parameters={"binary_data_output": 1})),
    "a length that is none": (400, "Inference-Header-Content-Length", binary("many")),
    "a negative length": (400, "Inference-Header-Content-Length", binary(-1)),
    "a length beyond the body": (400, "Inference-Header-Content-Length", binary(10**6)),
    "a length of many digits": (400, "Inference-Header-Content-Length", binary("9" * 4000)),
    "a length that cuts the JSON": (400, "no JSON", binary(20)),
    "a binary size beside the shape": (400, "wanted 18", binary(image=17)),
    "a binary size that is true": (400, "wanted 18", binary(image=True)),
    "a binary size with a fraction": (400, "wanted 18", binary(image=18.0)),
    "a huge binary size": (400, "wanted 18", binary(image=10**30)),
    "fewer bytes": (400, "bytes of binary data came", binary(tail=b"\0" * 81)),
    "more bytes": (400, "bytes more came", binary(tail=SMALL.tobytes() + WEIGHTS[:1].tobytes() + b"\0")),
    "binary weights that are no numbers": (
        400,
        "wanted numbers of at least 0",
        binary(tail=SMALL.tobytes() + struct.pack("<16f", float("nan"), *ONE[1:])),
    ),
    "an encoding that is none": (400, "'br' came", packed(WHOLE, "br")),
    "no gzip": (400, "no gzip", packed(WHOLE)),
    "half of a gzip": (400, "not one whole gzip", packed(gzip.compress(WHOLE)[:-9])),
    "two gzips": (400, "not one whole gzip", packed(gzip.compress(WHOLE) * 2)),
    "a bomb": (413, "unpacked", packed(gzip.compress(bytes(1_000_000_000), 9))),
    "a bomb that is deflated": (413, "unpacked", packed(zlib.compress(bytes(1_000_000_000)), "deflate")),
}


def test_what_cannot_be_used_is_a_4xx_in_bounded_memory(running: Service, client: httpx.Client) -> None:
    before = peak_bytes(running)
    for name, (status, message, request) in REFUSED.items():
        answer = client.post("/v2/models/live/infer", **request)
        assert answer.status_code == status, (name, answer.text[:200])
        assert answer.json().keys() == {"error"}, name
        assert message in answer.json()["error"], name
        assert len(answer.content) < 2000, name
    assert peak_bytes(running) - before < MOST_GROWTH_BYTES
    assert client.post("/v2/models/live/infer", content=WHOLE).status_code == 200
    assert "Traceback" not in running.log.read_text()


def test_encodings_are_written_in_any_case(client: httpx.Client) -> None:
    answers = [client.post("/v2/models/live/infer", **packed(gzip.compress(WHOLE), each)) for each in ("gzip", "GZIP")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


def test_large_results_are_not_for_json(client: httpx.Client) -> None:
    small = binary(image=3 * 600 * 590)
    head = small["content"].partition(SMALL.tobytes())[0].replace(b"[1, 2, 3, 3]", b"[1, 600, 590, 3]")
    content = head + bytes(3 * 600 * 590) + WEIGHTS[:1].tobytes()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = client.post("/v2/models/live/infer", content=content, headers=headers)
    assert answer.status_code == 413
    assert "ask for binary data" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/models/nix/infer", 404),
        ("POST", "/v2/models/live/versions/2/infer", 404),
        ("GET", "/v2/models/..%2flive", 404),
        ("GET", "/v2/models/nix/config", 404),
        ("GET", "/v2/models/live/versions/one", 404),
        ("GET", "/v2/models/live/infer", 405),
        ("GET", "/v2/other", 404),
    ],
)
def test_what_is_not_there_is_told_as_the_protocol_has_it(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, content=WHOLE if method == "POST" else None)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_when_one_picture_fails_the_others_of_its_request_are_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the answer goes out, which gives the request's place to the next one."""
    others: list[CancelToken] = []
    has_begun, was_stopped = threading.Event(), threading.Event()

    def stylize(_: Stylizer, picture: NDArray[np.uint8], style: dict[str, float], *, cancel: CancelToken) -> None:
        if style["scream"] == 1:
            assert has_begun.wait(30)
            raise OutOfMemoryError("no room for it")
        others.append(cancel)
        stop = Stop()
        stop.is_done_by(was_stopped.set)
        with cancel.stopping(stop):
            has_begun.set()
            assert was_stopped.wait(30)

    monkeypatch.setattr(Stylizer, "stylize", stylize)
    settings = read_settings(models=("live",), data_folder=tmp_path, threads=1, jobs=0, max_batch_size=2, kserve=True)

    async def answered() -> httpx.Response:
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            styles = app.state.engine.model("live").styles
            weights = np.eye(len(styles), dtype=np.float32)[[styles.index(name) for name in ("seaport", "scream")]]
            inputs = [tensor("image", PICTURES[:, :2, :3]), tensor("style_weights", weights)]
            answer = await client.post("/v2/models/live/infer", json={"inputs": inputs})
            assert [token.is_cancelled for token in others] == [True]
            return answer

    with ThreadPoolExecutor(1) as threads:  # in the main thread it would take the signals
        answer = threads.submit(asyncio.run, answered()).result()
    assert (answer.status_code, answer.json()) == (503, {"error": "no room for it"})


def test_it_is_counted_and_logged(running: Service, client: httpx.Client) -> None:
    assert client.post("/v2/models/live/infer", content=WHOLE).status_code == 200
    figures = client.get("/metrics").text
    assert 'nst_requests_total{method="POST",route="/v2/models/{model}/infer",status="200"}' in figures
    assert 'nst_stage_seconds_count{model="bundled:live",stage="inference"}' in figures
    assert '"path": "/v2/models/live/infer", "status": 200' in running.log.read_text()
    assert "/v2" not in client.get("/openapi.json").text
