"""Settings of the service on a cluster: those of `nst serve`, and how many replicas there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from nst_engine.environment import usable_cpus
from nst_engine.errors import OptionError
from nst_engine.runtimes.options import suitable_batch_size, suitable_streams
from nst_engine.server.connections import MOST_CONNECTIONS
from nst_engine.server.settings import ENVIRONMENT_PREFIX, ServerSettings, settings_errors

#: Set elsewhere on a cluster, and where.
_OF_SERVE = {
    "host": "http_options.host of Serve's config",
    "port": "http_options.port of Serve's config",
    "workers": "min_replicas and max_replicas",
}
#: Cleaning up, beyond the last picture.
_CLOSING_S = 10.0


class ReplicaSettings(ServerSettings):
    """What can be set; `threads` and the like are of a replica, each of which is what a worker of `nst serve` is."""

    min_replicas: int = Field(1, ge=0, le=10_000, description="replicas that are always there")
    max_replicas: int = Field(8, ge=1, le=10_000, description="replicas at most, as there is load and room")
    jobs: int = Field(0, ge=0, le=64, description="optimizations and videos at once, all replicas together; 0: none")

    @property
    def places(self) -> int:
        """Pictures that a replica is at, at once."""
        together = self.max_batch_size or suitable_batch_size(self.device.lower())
        return suitable_streams(None, self.threads_of_a_worker) * together + 1

    @property
    def deployment(self) -> dict[str, Any]:
        """For `serve.deployment`."""
        return {
            "autoscaling_config": {
                "min_replicas": self.min_replicas,
                "initial_replicas": max(1, self.min_replicas),
                "max_replicas": self.max_replicas,
                "target_ongoing_requests": self.places,
            },
            "ray_actor_options": self._needs,
            # a replica answers 503 at once by itself, as a worker does, with Retry-After; Serve does without
            "max_ongoing_requests": MOST_CONNECTIONS,
            "max_queued_requests": MOST_CONNECTIONS,
            "graceful_shutdown_timeout_s": self.timeout + _CLOSING_S,
        }

    @property
    def _needs(self) -> dict[str, float]:
        gpus = {"num_gpus": 1.0} if self.device.lower().startswith(("cuda", "tensorrt")) else {}
        return {"num_cpus": float(self.threads_of_a_worker), **gpus}


def read_replica_settings(given: dict[str, Any]) -> ReplicaSettings:
    """The settings, with what is given before the environment; complete, so that no node has others.

    Raises:
        OptionError: A value that cannot be used, of either.
    """
    with settings_errors(ReplicaSettings, given):
        settings = ReplicaSettings(**given)
    for name, place in _OF_SERVE.items():
        if name in settings.model_fields_set:
            shown = f"{name}" if name in given else f"{ENVIRONMENT_PREFIX}{name.upper()}"
            raise OptionError(f"{shown}: {getattr(settings, name)!r} came; on a cluster that is {place}")
    if settings.max_replicas < settings.min_replicas:
        raise OptionError(
            f"{settings.max_replicas} came; wanted at least the {settings.min_replicas} of `min_replicas`",
            option="max_replicas",
        )
    seen_by_all = {
        name: path.absolute()
        for name in ("api_key_file", "data_folder")
        if isinstance(path := getattr(settings, name), Path)
    }
    return settings.model_copy(update={"threads": settings.threads or usable_cpus(), **seen_by_all})
