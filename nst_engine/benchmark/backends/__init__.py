"""What `nst bench` can measure: a family of backends per file, and those that other packages bring.

Another package registers an entry point of the group `nst_engine.backends`: a `Backend` subclass that needs no
arguments, of which one object is made; see CONTRIBUTING.md.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from nst_engine.benchmark.backends import engine, opencv_dnn, product, torch_network
from nst_engine.benchmark.backends.backend import Backend
from nst_engine.errors import OptionError

GROUP = "nst_engine.backends"


@cache
def backends() -> tuple[Mapping[str, Backend], Mapping[str, str]]:
    """All backends by name, in the order of measurement; and why plugins could not be loaded, by name."""
    families = (product.FAMILY, engine.FAMILY, opencv_dnn.FAMILY, torch_network.FAMILY)
    by_name = {backend.name: backend for family in families for backend in family}
    broken: dict[str, str] = {}
    for entry in entry_points(group=GROUP):
        try:
            backend = _loaded(entry)
        except Exception as error:  # other people's code, at its import
            broken[entry.name] = f"its package cannot be loaded: {type(error).__name__}: {error}"
            continue
        if backend.name in by_name:
            broken[f"{entry.name} ({entry.value})"] = f"there is a backend {backend.name!r} already"
        else:
            by_name[backend.name] = backend
    return by_name, broken


def backend_named(name: str) -> Backend:
    """The backend of that name.

    Raises:
        OptionError: There is no such backend.
    """
    by_name, broken = backends()
    if name in broken:
        raise OptionError(f"{name!r}: {broken[name]}", option="backend")
    if name not in by_name:
        raise OptionError(f"{name!r} came; choose from {', '.join(by_name)}", option="backend")
    return by_name[name]


def _loaded(entry: EntryPoint) -> Backend:
    made = entry.load()()
    if not isinstance(made, Backend):
        raise TypeError(f"{entry.value} makes a {type(made).__name__}, no nst_engine Backend")
    return made
