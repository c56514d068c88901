"""What a client of the protocol can ask, with Triton's extensions for binary data and configurations.

The names and shapes are those of what `nst export triton` writes, so that a client goes from one to the other by its
address. The routes are not in our description of the API: the protocol has one of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from nst_engine.catalogue import bundled_styles
from nst_engine.environment import did_you_mean
from nst_engine.errors import CancelledError, ModelNotFoundError, OptionError
from nst_engine.models.find import BUNDLED_PREFIX
from nst_engine.models.triton import STYLIZED_IMAGE, interface
from nst_engine.server.engine import Engine
from nst_engine.server.guards import FORM_OVERHEAD_BYTES
from nst_engine.server.kserve.tensors import MOST_PICTURES, Body, Inference, read_inference
from nst_engine.server.painting import unless_gone
from nst_engine.server.settings import ServerSettings
from nst_engine.server.tracing import trace_stages
from nst_engine.stylize.result import StylizeResult
from nst_engine.stylize.stylizer import Stylizer
from nst_engine.version import __version__

router = APIRouter(prefix="/v2", include_in_schema=False)

_VERSION = "1"
_PLATFORM = "nst_engine"
_MODEL, _OF_VERSION = "/models/{model}", "/models/{model}/versions/{version}"
_DATATYPES = {"TYPE_UINT8": "UINT8", "TYPE_FP32": "FP32"}


def is_inference(path: str) -> bool:
    """Whether what is sent there needs a place of the engine's."""
    return path.startswith("/v2/") and path.endswith("/infer")


def most_bytes(settings: ServerSettings) -> int:
    """Of a request: as an upload, with the JSON of small tensors."""
    return settings.max_bytes + FORM_OVERHEAD_BYTES


def check_names(models: Iterable[str]) -> None:
    """Refuse models that the protocol would call the same.

    Raises:
        OptionError: Two are.
    """
    for name, count in Counter(map(_name_of, models)).items():
        if count > 1:
            raise OptionError(f"{count} are called {name} in KServe's protocol; rename a file", option="models")


@router.get("")
async def server() -> dict[str, Any]:
    """Who this is."""
    return {"name": "nst-engine", "version": __version__, "extensions": ["binary_tensor_data", "model_configuration"]}


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """The process lives."""
    return {"live": True}


@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """Requests are welcome; 400 as long as they are not."""
    is_ready = _is_ready(request)
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 400)


@router.post("/repository/index")
async def index(request: Request) -> list[dict[str, str]]:
    """The models; all of them are loaded."""
    state = "READY" if _is_ready(request) else "UNAVAILABLE"
    return [{"name": name, "version": _VERSION, "state": state} for name in _models(request)]


@router.get(_MODEL)
@router.get(_OF_VERSION)
async def metadata(request: Request, model: str, version: str = _VERSION) -> dict[str, Any]:
    """What a model takes and returns."""
    known = _interface(model, _model(request, model, version))
    return {
        "name": model,
        "versions": [_VERSION],
        "platform": _PLATFORM,
        "inputs": [_tensor(each) for each in known["input"]],
        "outputs": [_tensor(each) for each in known["output"]],
    }


@router.get(f"{_MODEL}/ready")
@router.get(f"{_OF_VERSION}/ready")
async def model_ready(request: Request, model: str, version: str = _VERSION) -> Response:
    """As the service."""
    _model(request, model, version)
    is_ready = _is_ready(request)
    return JSONResponse({"name": model, "ready": is_ready}, 200 if is_ready else 400)


@router.get(f"{_MODEL}/config")
@router.get(f"{_OF_VERSION}/config")
async def config(request: Request, model: str, version: str = _VERSION) -> dict[str, Any]:
    """As Triton's, with the names of the styles among the parameters."""
    return {**_interface(model, _model(request, model, version)), "platform": _PLATFORM, "backend": _PLATFORM}


@router.post(f"{_MODEL}/infer")
@router.post(f"{_OF_VERSION}/infer")
async def infer(request: Request, model: str, version: str = _VERSION) -> Response:
    """Paint pictures of one size, each with style weights of its own."""
    stylizer = _model(request, model, version)
    headers = request.headers
    try:
        content = await request.body()
    except ClientDisconnect:
        raise CancelledError("the client has gone") from None
    encoding, json_bytes = headers.get("content-encoding", "identity"), headers.get("inference-header-content-length")
    engine: Engine = request.app.state.engine
    work = partial(_painted, engine, stylizer, Body(content, encoding, json_bytes))
    asked, results = await unless_gone(request, engine.in_turn(work))
    for result in results:
        timings = {**result.timings_ms, "encode": 0.0}
        request.app.state.monitor.count_stages(result.model, timings)
        trace_stages(result.model, timings)
    return await asyncio.to_thread(_reply, model, asked, results)


async def _painted(engine: Engine, stylizer: Stylizer, body: Body) -> tuple[Inference, Sequence[StylizeResult[Any]]]:
    settings, names = engine.settings, _styles(stylizer)
    asked = await asyncio.to_thread(
        read_inference,
        body,
        styles=len(names),
        most_bytes=most_bytes(settings),
        most_pixels=settings.max_pixels,
        most_side=settings.max_side,
    )
    results: list[StylizeResult[Any]] = []
    for first in range(0, len(asked.pictures), stylizer.max_batch_size):
        some = slice(first, first + stylizer.max_batch_size)
        try:
            async with asyncio.TaskGroup() as group:  # when one fails, the others are not painted for nobody
                together = [
                    group.create_task(stylizer.astylize(picture, dict(zip(names, map(float, weights), strict=True))))
                    for picture, weights in zip(asked.pictures[some], asked.weights[some], strict=True)
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # the one that came first
        results += [each.result() for each in together]
    return asked, results


def _reply(model: str, asked: Inference, results: Sequence[StylizeResult[Any]]) -> Response:
    output: dict[str, Any] = {"name": STYLIZED_IMAGE, "datatype": "UINT8", "shape": list(asked.pictures.shape)}
    answer = {"model_name": model, "model_version": _VERSION, "outputs": [output]}
    if asked.id is not None:
        answer["id"] = asked.id
    if not asked.is_binary:
        output["data"] = [value for result in results for value in result.pixels.ravel().tolist()]
        return JSONResponse(answer)
    output["parameters"] = {"binary_data_size": asked.pictures.size}
    head = json.dumps(answer).encode()
    content = b"".join([head, *(result.pixels.tobytes() for result in results)])
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _is_ready(request: Request) -> bool:
    engine: Engine = request.app.state.engine
    return engine.is_warm and not engine.is_draining


def _models(request: Request) -> Mapping[str, Stylizer]:
    engine: Engine = request.app.state.engine
    return {_name_of(name): stylizer for name, stylizer in engine.models.items()}


def _name_of(model: str) -> str:
    """As `nst export triton` would call it."""
    return Path(model.removeprefix(BUNDLED_PREFIX)).stem


def _model(request: Request, name: str, version: str) -> Stylizer:
    models = _models(request)
    if name not in models:
        hint = did_you_mean(name, models)
        raise ModelNotFoundError(f"model: {name!r} came; {hint}there are {', '.join(models)}")
    if version != _VERSION:
        raise ModelNotFoundError(f"model {name}: version {version!r} came; there is {_VERSION}")
    return models[name]


def _styles(stylizer: Stylizer) -> tuple[str, ...]:
    """What style weights are of; those for any style take the bundled paintings."""
    return stylizer.styles if stylizer.spec.style is None else tuple(bundled_styles())


def _interface(name: str, stylizer: Stylizer) -> dict[str, Any]:
    return interface(name, _styles(stylizer), MOST_PICTURES)


def _tensor(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": config["name"], "datatype": _DATATYPES[config["data_type"]], "shape": [-1, *config["dims"]]}
