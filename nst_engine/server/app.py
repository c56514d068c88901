"""The service as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator
from functools import partial
from types import FrameType

from fastapi import Depends, FastAPI, Security
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from nst_engine.errors import NSTError
from nst_engine.server import documentation, listings, live, monitoring, optimizations, page, painting, videos
from nst_engine.server.access import KEY_SCHEMES, Access, keys_of
from nst_engine.server.description import mend_description
from nst_engine.server.engine import Engine
from nst_engine.server.guards import FORM_OVERHEAD_BYTES, Guards
from nst_engine.server.jobs.desk import JobDesk
from nst_engine.server.known_fields import refuse_unknown_fields
from nst_engine.server.kserve import routes as kserve
from nst_engine.server.monitoring import Monitor
from nst_engine.server.rate import Rate
from nst_engine.server.replies import (
    error_replies,
    reply_to_http_error,
    reply_to_invalid_request,
    reply_to_nst_error,
    reply_to_os_error,
)
from nst_engine.server.settings import ServerSettings, read_settings
from nst_engine.server.shared import end_with_the_parent, rates_table
from nst_engine.server.sockets import refuse_invalid_handshake
from nst_engine.server.tracing import add_traces
from nst_engine.version import __version__

_DESCRIPTION = "Neural style transfer: a photo in, the same picture painted in any style out."


def create_app(settings: ServerSettings | None = None, engine: Engine | None = None) -> FastAPI:
    """The application; its models are warmed when it has started.

    Args:
        settings: None: from the environment.
        engine: Of those settings; None: loaded when it starts.

    Raises:
        OptionError: A setting that cannot be used.
    """
    settings = settings or read_settings()
    keys, monitor = keys_of(settings.api_key_file), Monitor()

    app = FastAPI(
        title="nst-engine",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=partial(_lifespan, settings, engine, monitor),
        docs_url=None,
        redoc_url=None,
    )
    app.state.monitor = monitor
    wanted = [Security(each) for each in KEY_SCHEMES] if keys else []
    app.include_router(live.router, responses=error_replies(), dependencies=wanted)
    for stage in (painting, optimizations, videos, listings):
        each = [*wanted, Depends(refuse_unknown_fields)]
        app.include_router(stage.router, responses=error_replies(), dependencies=each)
    if settings.kserve:
        app.include_router(kserve.router)
    for stage in (page, monitoring):
        app.include_router(stage.router)
    mend_description(app)
    documentation.add_documentation(app)
    _add_error_replies(app)
    app.add_middleware(
        Guards,
        most_bytes_of=partial(most_bytes_of, settings),
        access=Access(keys, settings.cors_origin, Rate(settings.rate, rates_table())),
        has_room=lambda path: not _needs_a_place(path) or app.state.engine.admission.has_room,
        patience_s=settings.timeout,
        monitor=monitor,
    )
    if settings.cors_origin:  # the outermost: browsers ask without a key whether they may ask with one
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origin),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["*"],
        )
    add_traces(app)
    return app


def most_bytes_of(settings: ServerSettings, path: str) -> int:
    """Of a body that is sent there."""
    if kserve.is_inference(path):
        return kserve.most_bytes(settings)
    uploads = {
        "/v1/optimizations": (1 + optimizations.MOST_STYLE_IMAGES) * settings.max_bytes,
        "/v1/videos": settings.max_video_bytes + settings.max_bytes,
    }
    return uploads.get(path, 2 * settings.max_bytes) + FORM_OVERHEAD_BYTES  # else a photo and a style image


def _needs_a_place(path: str) -> bool:
    return path in painting.PATHS or kserve.is_inference(path)


@contextlib.asynccontextmanager
async def _lifespan(
    settings: ServerSettings, engine: Engine | None, monitor: Monitor, app: FastAPI
) -> AsyncIterator[None]:
    loaded = await asyncio.to_thread(Engine, settings) if engine is None else engine
    app.state.engine, app.state.desk = loaded, JobDesk(settings)
    _tell_of_the_end(loaded)
    end_with_the_parent()
    monitor.describe(loaded, app.state.desk)
    await loaded.decoders.start()
    await asyncio.to_thread(app.state.desk.open)
    warming = asyncio.create_task(asyncio.to_thread(loaded.warm_up))
    try:
        yield
    finally:
        await loaded.decoders.close()
        await asyncio.to_thread(app.state.desk.close)
        await asyncio.wait({warming})
        await asyncio.to_thread(loaded.close)


def _add_error_replies(app: FastAPI) -> None:
    app.add_exception_handler(NSTError, reply_to_nst_error)
    app.add_exception_handler(OSError, reply_to_os_error)
    app.add_exception_handler(RequestValidationError, reply_to_invalid_request)
    app.add_exception_handler(HTTPException, reply_to_http_error)
    app.add_exception_handler(WebSocketRequestValidationError, refuse_invalid_handshake)


def _tell_of_the_end(engine: Engine) -> None:
    """Let the engine know, before the server does, that it was told to stop: answers without end come to theirs."""

    def drain(number: int, frame: FrameType | None) -> None:
        engine.is_draining = True
        before = handlers[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    if threading.current_thread() is not threading.main_thread():  # of a test, or of another program
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in handlers:
        signal.signal(number, drain)
