"""The service as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from nst_engine.errors import NSTError
from nst_engine.server import documentation, listings, monitoring, page, painting
from nst_engine.server.engine import Engine
from nst_engine.server.guards import FORM_OVERHEAD_BYTES, Guards, keys_of
from nst_engine.server.monitoring import Monitor
from nst_engine.server.replies import reply_to_http_error, reply_to_invalid_request, reply_to_nst_error
from nst_engine.server.settings import ServerSettings, read_settings
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

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loaded = await asyncio.to_thread(Engine, settings) if engine is None else engine
        app.state.engine = loaded
        monitor.describe(loaded)
        warming = asyncio.create_task(asyncio.to_thread(loaded.warm_up))
        try:
            yield
        finally:
            await asyncio.wait({warming})
            await asyncio.to_thread(loaded.close)

    app = FastAPI(
        title="nst-engine",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.monitor = monitor
    for router in (page.router, painting.router, listings.router, monitoring.router):
        app.include_router(router)
    documentation.add_documentation(app)
    app.add_exception_handler(NSTError, reply_to_nst_error)
    app.add_exception_handler(RequestValidationError, reply_to_invalid_request)
    app.add_exception_handler(HTTPException, reply_to_http_error)
    app.add_middleware(
        Guards,
        most_bytes=2 * settings.max_bytes + FORM_OVERHEAD_BYTES,  # a photo and a style image
        keys=keys,
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
    return app
