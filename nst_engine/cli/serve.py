"""`nst serve`: the engine as an HTTP service."""

from __future__ import annotations

import argparse
from typing import Any

from nst_engine.cli.messages import flag_of
from nst_engine.environment import needed


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "serve",
        help="paint for others over HTTP",
        description="Serve the engine over HTTP until SIGTERM or Ctrl-C; what was accepted is finished then. "
        "GET /docs shows the API.",
        epilog="Each option may also be set in the environment: --max-side is NST_ENGINE_MAX_SIDE.",
    )
    for name, (text, metavar) in _OPTIONS.items():
        kind: dict[str, Any] = {"action": "store_true"} if metavar is None else {"metavar": metavar}
        parser.add_argument(flag_of(name), dest=name, default=argparse.SUPPRESS, help=text, **kind)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve."""
    with needed("nst serve needs FastAPI and uvicorn", "serve"):
        from nst_engine.server.run import serve
        from nst_engine.server.settings import read_settings
    given = {name: value for name, value in vars(arguments).items() if name in _OPTIONS}
    serve(read_settings(**given))
    return 0


# As in `nst_engine.server.settings.ServerSettings`, which needs the extra; a test holds them together.
_OPTIONS: dict[str, tuple[str, str | None]] = {
    "host": ("address to listen on; 0.0.0.0 for all (default: 127.0.0.1)", "ADDRESS"),
    "port": ("port; 0: any free one (default: 8000)", "N"),
    "workers": ("processes, each with its models (default: 1)", "N"),
    "models": (
        "models to load; the first is the default (default: bundled:quality,bundled:live,bundled:any-fast)",
        "NAME,...",
    ),
    "device": ("as for nst stylize (default: auto)", "NAME"),
    "backend": ("auto, onnxruntime or openvino (default: auto)", "NAME"),
    "precision": ("of the network (default: auto)", "NAME"),
    "threads": ("of the CPU, all workers together (default: all)", "N"),
    "max_batch_size": ("pictures of one size painted at once under load (default: the device's)", "N"),
    "max_pixels": ("refuse pictures of more pixels (default: 25000000)", "N"),
    "max_bytes": ("refuse larger uploads (default: 25000000)", "N"),
    "max_side": ("longest side of a result, px; larger photos are shrunk (default: 2048)", "PX"),
    "queue": ("requests that wait; further ones are answered 503 at once (default: 32)", "N"),
    "timeout": ("seconds until a request is answered or given up (default: 30)", "SECONDS"),
    "api_key_file": ("a key in each line; requests need one (default: none needed)", "FILE"),
    "rate": ("requests a minute of each key, or address; 0: any number (default: 0)", "N"),
    "cors_origin": ("origins whose pages may ask, such as https://example.org", "ORIGIN,..."),
    "data_folder": ("for encoded styles and jobs (default: below the user's cache)", "DIR"),
    "jobs": ("optimizations and videos at once, all workers together; 0: none (default: 1)", "N"),
    "jobs_waiting": ("jobs that wait; further ones are answered 503 (default: 16)", "N"),
    "job_timeout": ("seconds that a job may take (default: 3600)", "SECONDS"),
    "job_ttl": ("seconds that an ended job is kept (default: 86400)", "SECONDS"),
    "jobs_quota": ("bytes of all jobs' files (default: 4000000000)", "N"),
    "max_video_bytes": ("refuse larger videos (default: 500000000)", "N"),
    "decoders": ("processes of a worker that decode uploaded pictures (default: 2)", "N"),
    "decode_timeout": ("seconds until such a process is ended (default: 10)", "SECONDS"),
    "decode_memory": ("bytes that decoding a picture may take, on Linux (default: 1500000000)", "N"),
    "live": ("live connections of a worker; 0: none (default: 2)", "N"),
    "kserve": ("speak KServe's protocol v2, too, as NVIDIA Triton does: /v2", None),
}
