"""Settings of the service: each a flag of `nst serve`, and a variable `NST_ENGINE_*` of the environment."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nst_engine.environment import did_you_mean, usable_cpus
from nst_engine.errors import OptionError
from nst_engine.limits import ImageLimits
from nst_engine.runtimes.devices import Backend, Precision, cache_folder

ENVIRONMENT_PREFIX = "NST_ENGINE_"

_ORIGIN = re.compile(r"https?://[^/\s?#@]+")
#: Of a decoder, beyond what it has: one megapixel takes so much.
_LEAST_MEMORY = 32_000_000
#: Values of lists are separated by commas, in the environment too.
_Names = Annotated[tuple[str, ...], NoDecode]


class ServerSettings(BaseSettings):
    """What can be set; see `description` of each field.

    What is given to the constructor goes before the environment.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all")
    port: int = Field(8000, ge=0, le=65535, description="port; 0: any free one")
    workers: int = Field(1, ge=1, le=64, description="processes, each with its models")
    models: _Names = Field(
        ("bundled:quality", "bundled:live", "bundled:any-fast"), description="models to load; the first is the default"
    )
    device: str = Field("auto", description="as for nst stylize")
    backend: Backend = Field("auto", description="auto, onnxruntime or openvino")
    precision: Precision = Field("auto", description="of the network")
    threads: int | None = Field(None, ge=1, le=1024, description="of the CPU, all workers together (default: all)")
    max_batch_size: int | None = Field(
        None, ge=1, le=64, description="pictures of one size painted at once under load (default: the device's)"
    )
    max_pixels: int = Field(25_000_000, ge=1, description="refuse pictures of more pixels")
    max_bytes: int = Field(25_000_000, ge=1, description="refuse larger uploads")
    max_side: int = Field(2048, ge=16, le=1 << 16, description="longest side of a result, px; larger photos are shrunk")
    queue: int = Field(32, ge=0, le=100_000, description="requests that wait; further ones are answered 503 at once")
    timeout: float = Field(30.0, gt=0, le=86_400, description="seconds until a request is answered or given up")
    api_key_file: Path | None = Field(None, description="a key in each line; requests need one (default: none needed)")
    rate: int = Field(0, ge=0, le=1_000_000, description="requests a minute of each key, or address; 0: any number")
    cors_origin: _Names = Field((), description="origins whose pages may ask, such as https://example.org")
    data_folder: Path | None = Field(None, description="for encoded styles and jobs (default: below the user's cache)")
    jobs: int = Field(1, ge=0, le=64, description="optimizations and videos at once, all workers together; 0: none")
    jobs_waiting: int = Field(16, ge=0, le=100_000, description="jobs that wait; further ones are answered 503")
    job_timeout: float = Field(3600.0, gt=0, le=8_640_000, description="seconds that a job may take")
    job_ttl: float = Field(86_400.0, ge=1, le=864_000_000, description="seconds that an ended job is kept")
    jobs_quota: int = Field(4_000_000_000, ge=1, description="bytes of all jobs' files")
    max_video_bytes: int = Field(500_000_000, ge=1, description="refuse larger videos")
    decoders: int = Field(2, ge=1, le=64, description="processes of a worker that decode uploaded pictures")
    decode_timeout: float = Field(10.0, gt=0, le=3600, description="seconds until such a process is ended")
    decode_memory: int = Field(
        1_500_000_000, ge=_LEAST_MEMORY, description="bytes that decoding a picture may take, on Linux"
    )
    live: int = Field(2, ge=0, le=1024, description="live connections of a worker; 0: none")
    kserve: bool = Field(False, description="speak KServe's protocol v2, too, as NVIDIA Triton does: /v2")

    @field_validator("models", "cors_origin", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @field_validator("models")
    @classmethod
    def _has_one(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one model is wanted")
        return value

    @field_validator("cors_origin")
    @classmethod
    def _is_origin(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each != "*" and not _ORIGIN.fullmatch(each):
                raise ValueError(f"{each!r} is no origin; wanted such as https://example.org, or *")
        return value

    @field_validator("data_folder")
    @classmethod
    def _can_be_a_folder(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        # unlike `Path.exists`, it raises nothing where it may not look
        there = next(each for each in (value, *value.absolute().parents) if os.path.exists(each))  # noqa: PTH110
        if not there.is_dir():
            raise ValueError(f"{there} is no folder; give one that is there, or that can be made")
        return value

    @property
    def limits(self) -> ImageLimits:
        """Of uploads."""
        return ImageLimits(max_bytes=self.max_bytes, max_pixels=self.max_pixels)

    @property
    def storage(self) -> Path:
        """Where encoded styles and jobs are."""
        return self.data_folder or cache_folder() / "server"

    @property
    def styles_folder(self) -> Path:
        """Where encoded styles are."""
        return self.storage / "styles"

    @property
    def threads_of_a_worker(self) -> int:
        """The worker's share of the CPU threads."""
        return max(1, (self.threads or usable_cpus()) // self.workers)

    def longest_side(self, wanted: int | None) -> int:
        """What a request's pictures are shrunk to, px; None: it names nothing."""
        return min(wanted or self.max_side, self.max_side)


def read_settings(**given: Any) -> ServerSettings:
    """The settings, with what is given before the environment.

    Raises:
        OptionError: A value that cannot be used, of either.
    """
    with settings_errors(ServerSettings, given):
        return ServerSettings(**given)


@contextlib.contextmanager
def settings_errors(settings: type[ServerSettings], given: Mapping[str, Any]) -> Iterator[None]:
    """What pydantic says of settings becomes an error of ours.

    Args:
        settings: Of which kind.
        given: What came before the environment.

    Raises:
        OptionError: A value that cannot be used, of either.
    """
    try:
        yield
    except ValidationError as invalid:
        problem = invalid.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        if problem["type"] == "extra_forbidden":
            hint = did_you_mean(name, settings.model_fields)
            raise OptionError(
                f"{name}: no such setting; {hint}docs/deploy.md and `nst serve --help` name them"
            ) from invalid
        reason = problem["msg"].removeprefix("Value error, ")
        came = "" if problem["type"] == "value_error" else f"{problem['input']!r} came: "
        message = f"{came}{reason[:1].lower()}{reason[1:]}"
        if name in given:
            raise OptionError(message, option=name) from invalid
        raise OptionError(f"{ENVIRONMENT_PREFIX}{name.upper()}: {message}") from invalid
