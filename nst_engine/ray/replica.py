"""What runs in a replica of the service: the application of `nst serve`, with its models warm."""

from __future__ import annotations

import logging
import logging.config
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import ray

from nst_engine.errors import OptionError
from nst_engine.process import keep_freed_memory, let_idle_threads_sleep, share_arenas
from nst_engine.ray.serve_settings import ReplicaSettings
from nst_engine.server.shared import join

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("nst_engine.ray")


class Replica:
    """Serve's part of it; all that is asked goes to the application."""

    app: FastAPI

    def check_health(self) -> None:
        """Asked for by Serve every few seconds."""
        self.app.state.seat.forget_the_dead()


def creator(settings: ReplicaSettings, identity: str) -> Callable[[], FastAPI]:
    """What makes the application, in the replica.

    Args:
        settings: Of the service.
        identity: Of this deployment, whose replicas on a node count together.
    """

    def create() -> FastAPI:
        return create_application(settings, identity)

    return create


def create_application(settings: ReplicaSettings, identity: str) -> FastAPI:
    """The application of `nst serve`; its models are warm.

    Raises:
        OptionError: A setting that cannot be used here.
        NSTError: A model cannot be loaded.
    """
    _check_nodes(settings)
    let_idle_threads_sleep()
    keep_freed_memory()
    share_arenas(2)
    folder = Path(tempfile.gettempdir()) / f"nst-serve-{identity}"
    join(folder)
    # prometheus_client is imported when it has been told where to count
    from nst_engine.ray.seat import Seat

    seat = Seat(folder)
    from nst_engine.server.app import create_app
    from nst_engine.server.engine import Engine
    from nst_engine.server.run import LOGGING

    logging.config.dictConfig(LOGGING)
    engine = Engine(settings)
    engine.warm_up()
    app = create_app(settings, engine)
    app.state.seat = seat
    app.add_middleware(BehindServe)
    return app


def _check_nodes(settings: ReplicaSettings) -> None:
    """Say what replicas on other nodes would not find.

    Raises:
        OptionError: Jobs, of which the log is of one machine.
    """
    needed = settings.threads_of_a_worker
    count = sum(node["Alive"] and node["Resources"].get("CPU", 0) >= needed for node in ray.nodes())  # type: ignore[no-untyped-call]
    if count > 1 and settings.jobs:
        raise OptionError(
            f"{settings.jobs} came, and {count} nodes have room for replicas, which cannot share one store of jobs; "
            "leave it at 0, and give jobs to a `nst serve` beside",
            option="jobs",
        )
    if count > 1 and settings.data_folder is None:
        _LOG.warning(
            "styles that are encoded here are known on node %s alone; give a data_folder that all nodes see",
            os.uname().nodename,
        )


class BehindServe:
    """ASGI middleware: requests as the service has them without Serve's proxy before it.

    Args:
        app: The service.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        prefix = scope.get("root_path", "")
        if prefix and scope["path"].startswith(prefix):  # limits and keys are of paths from the service's root
            scope = {**scope, "path": scope["path"].removeprefix(prefix) or "/", "root_path": ""}

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":  # the proxy tells the number of the request, too
                kept = [each for each in message["headers"] if each[0].lower() != b"x-request-id"]
                message = {**message, "headers": kept}
            await send(message)

        await self._app(scope, receive, send_on)
