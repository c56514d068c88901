"""Painting on more machines than one, by Ray: pictures, films and the service.

What needs Ray is imported at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_engine.ray.cluster import connected as connected
    from nst_engine.ray.film import stylize_film as stylize_film
    from nst_engine.ray.options import ClusterOptions as ClusterOptions
    from nst_engine.ray.painter import StylizePictures as StylizePictures
    from nst_engine.ray.pictures import ClusterProgress as ClusterProgress
    from nst_engine.ray.pictures import ClusterResult as ClusterResult
    from nst_engine.ray.pictures import stylize_pictures as stylize_pictures

_HOMES = {
    "ClusterOptions": "options",
    "ClusterProgress": "pictures",
    "ClusterResult": "pictures",
    "StylizePictures": "painter",
    "connected": "cluster",
    "stylize_film": "film",
    "stylize_pictures": "pictures",
}
__all__ = [*_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"nst_engine.ray.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
