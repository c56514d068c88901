"""Clients of `nst serve`: the same calls, waiting or with `await`."""

from nst_engine.client.answers import JobEvent, ServedJob, ServedPicture
from nst_engine.client.asynchronous import AsyncClient
from nst_engine.client.blocking import Client
from nst_engine.client.connection import DEFAULT_ADDRESS
from nst_engine.client.requests import OptimizeFields, Source, StylizeFields, VideoFields

__all__ = [
    "DEFAULT_ADDRESS",
    "AsyncClient",
    "Client",
    "JobEvent",
    "OptimizeFields",
    "ServedJob",
    "ServedPicture",
    "Source",
    "StylizeFields",
    "VideoFields",
]
