"""Fields that a route does not know are refused: a misspelt one would be without effect, and nobody would be told."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fastapi import FastAPI, Request

from nst_engine.environment import did_you_mean
from nst_engine.errors import OptionError


async def refuse_unknown_fields(request: Request) -> None:
    """The dependency of all routes: of their queries and forms.

    Raises:
        OptionError: One is unknown here.
    """
    query, form = _described(request.app, request.scope["route"].path, request.method.lower())
    check_known(request.query_params, query)
    if form:
        check_known(await request.form(), form)


def check_known(names: Iterable[str], known: Collection[str]) -> None:
    """Refuse names that are not among those known.

    Raises:
        OptionError: Naming the first of them.
    """
    for name in names:
        if name not in known:
            wanted = f"known are {', '.join(known)}" if known else "none is known here"
            raise OptionError(f"{name!r} came as a field; {did_you_mean(name, known)}{wanted}")


def _described(app: FastAPI, path: str, method: str) -> tuple[list[str], list[str]]:
    """Fields of a route's query and of its form, as the API's description has them."""
    described = app.openapi()
    operation = described["paths"][path][method]
    query = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    forms = operation.get("requestBody", {"content": {}})["content"].values()
    names = [each["schema"]["$ref"].rpartition("/")[2] for each in forms]
    return query, [field for name in names for field in described["components"]["schemas"][name]["properties"]]
