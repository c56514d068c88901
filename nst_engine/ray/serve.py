"""The service of `nst serve` as an application of Ray Serve: `serve run nst_engine.ray.serve:app`."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

from nst_engine.errors import MissingDependencyError, OptionError

#: Ray reports who uses it to its makers otherwise; read when it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    from ray import serve
except ImportError as missing:
    raise MissingDependencyError('Ray Serve is not installed; type: pip install "nst-engine[ray,serve]"') from missing

from nst_engine.models.find import find_model
from nst_engine.ray.replica import Replica, creator
from nst_engine.ray.serve_settings import read_replica_settings
from nst_engine.runtimes.devices import parse_device
from nst_engine.server.access import keys_of
from nst_engine.server.engine import full_name
from nst_engine.server.kserve.routes import check_names

if TYPE_CHECKING:
    from ray.serve import Application

    app: Application

#: Of the deployment, for `deployments` in Serve's configs.
NAME = "nst"


def build(args: dict[str, Any]) -> Application:
    """The application, by settings of `nst serve`, `min_replicas` and `max_replicas` among them.

    What of it is said in Serve's config, under `deployments`, goes before what follows from the settings.

    Args:
        args: Settings, which go before the environment's `NST_ENGINE_*`; `args` in Serve's config.

    Raises:
        OptionError: A setting that cannot be used.
        NSTError: There is no such model here.
    """
    settings = read_replica_settings(args)
    keys_of(settings.api_key_file)
    parse_device(settings.device)
    if ":" in settings.device:
        raise OptionError(f"{settings.device!r} came; Ray says which GPU a replica has: 'cuda'", option="device")
    for name in settings.models:
        find_model(full_name(name))
    if settings.kserve:
        check_names(map(full_name, settings.models))
    ingress = serve.ingress(creator(settings, secrets.token_hex(8)))(Replica)
    return serve.deployment(name=NAME, **settings.deployment)(ingress).bind()


def __getattr__(name: str) -> Any:
    """`app`, by the environment alone, when it is asked for."""
    if name == "app":
        return build({})
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
