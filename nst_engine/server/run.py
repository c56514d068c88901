"""Runs the service until it is told to stop; what was accepted is finished then."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from nst_engine.errors import OptionError
from nst_engine.models.find import find_model
from nst_engine.process import share_arenas
from nst_engine.server.access import keys_of
from nst_engine.server.app import create_app
from nst_engine.server.connections import BoundedConnection
from nst_engine.server.engine import Engine, full_name
from nst_engine.server.kserve.routes import check_names
from nst_engine.server.monitoring import forget_worker
from nst_engine.server.settings import ENVIRONMENT_PREFIX, ServerSettings
from nst_engine.server.shared import share

#: Pictures come in threads that come and go; measured in `benchmarks/bench_service.py` as MALLOC_ARENA_MAX.
_ARENAS = 2
_PASSED_ON = [signal.Signals[name] for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
_FACTORY = "nst_engine.server.app:create_app"
#: Lines on stderr.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "loggers": {
        "nst_engine": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


class DrainingServer(uvicorn.Server):
    """A server that says where it listens; its end by a signal is no failure."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load what is to be loaded, listen, and say so."""
        await super().startup(sockets)
        if self.started:
            _announce(self.config)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop accepting; requests in progress are finished."""
        super().handle_exit(sig, frame)
        if sig == signal.SIGTERM:
            self._captured_signals.clear()  # it would be raised again at the end, and kill the process


class Workers(Multiprocess):
    """Processes that listen at one address; what they do is said when the first of them listens."""

    _is_announced = False
    _ended_by: int | None = None

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self._before = {number: signal.getsignal(number) for number in _PASSED_ON}
        super().__init__(config, sockets)

    def run(self) -> None:
        """Until a signal; Ctrl-C and SIGHUP go on to whoever waited for them, as they do with one worker."""
        super().run()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._ended_by is not None:
            signal.raise_signal(self._ended_by)

    def handle_int(self) -> None:
        """End."""
        super().handle_int()
        self._ended_by = signal.SIGINT

    def handle_hup(self) -> None:
        """End, too, instead of starting anew: the terminal has gone."""
        self.should_exit.set()
        self._ended_by = signal.SIGHUP

    def keep_subprocess_alive(self) -> None:
        """Replace those that died; what they counted stays, but nothing of theirs is in progress."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for gone in before - {process.pid for process in self.processes}:
            forget_worker(gone)
        if not self._is_announced and any(process.is_ready() for process in self.processes):
            self._is_announced = True
            _announce(self.config)


def serve(settings: ServerSettings) -> None:
    """Listen and answer until SIGTERM or Ctrl-C.

    Raises:
        OptionError: The address cannot be used, or another setting.
    """
    share_arenas(_ARENAS)
    os.environ.setdefault("MALLOC_ARENA_MAX", str(_ARENAS))  # of the processes that are started
    keys_of(settings.api_key_file)
    for name in settings.models:
        find_model(full_name(name))
    if settings.kserve:
        check_names(map(full_name, settings.models))
    listening = _listening(settings)
    host, port = listening.getsockname()[:2]
    print(f"nst: loading {', '.join(settings.models)}", file=sys.stderr, flush=True)
    config = uvicorn.Config(
        _FACTORY if settings.workers > 1 else create_app(settings, Engine(settings)),
        factory=settings.workers > 1,
        http=BoundedConnection,
        host=host,
        port=port,
        workers=settings.workers,
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=int(settings.timeout) + 1,
        h11_max_incomplete_event_size=16 * 1024,
    )
    if settings.workers == 1:
        DrainingServer(config).run(sockets=[listening])
        return
    for name, value in settings.model_dump(exclude_none=True).items():  # how the workers' processes get them
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        os.environ[f"{ENVIRONMENT_PREFIX}{name.upper()}"] = text
    with share():
        Workers(config, sockets=[listening]).run()


def _announce(config: uvicorn.Config) -> None:
    address = f"http://{f'[{config.host}]' if ':' in config.host else config.host}:{config.port}"
    workers = f"{config.workers} workers at" if config.workers > 1 else "serving at"
    print(f"nst: {workers} {address}; API at {address}/docs", file=sys.stderr, flush=True)


def _listening(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except (OSError, TypeError, UnicodeError) as error:
        listening.close()
        if not isinstance(error, OSError) or isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise OptionError(
                f"{settings.host!r} came: no address of this machine ({getattr(error, 'strerror', None) or error}); "
                "127.0.0.1 is for this machine alone, 0.0.0.0 for all",
                option="host",
            ) from error
        raise OptionError(
            f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror or error}); choose another port",
            option="port",
        ) from error
    listening.set_inheritable(True)
    logging.getLogger("nst_engine.server").debug("listening on %s", listening.getsockname())
    return listening
