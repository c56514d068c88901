"""Fields that a route does not know are refused: a misspelt one would be without effect, and nobody would be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request

from nst_engine.environment import did_you_mean
from nst_engine.errors import OptionError


async def refuse_unknown_fields(request: Request) -> None:
    """The dependency of all routes: of their queries and forms.

    Raises:
        OptionError: One is unknown here, or came more than once where one is taken.
    """
    query, form = _described(request.app, request.scope["route"].path, request.method.lower())
    for name in request.query_params:
        if name in form and name not in query:
            raise OptionError(
                f"came in the address; send it as a field of the form, as by curl -F {name}=", option=name
            )
    check_fields(request.query_params.multi_items(), query)
    if form:
        check_fields((await request.form()).multi_items(), form)


def check_fields(given: Iterable[tuple[str, Any]], known: Mapping[str, bool]) -> None:
    """Refuse fields that are not known, or come too often.

    Args:
        given: Their names and values.
        known: Names, and whether each may come several times.

    Raises:
        OptionError: Naming the first of them.
    """
    for name, count in Counter(name for name, _ in given).items():
        if name not in known:
            wanted = f"known are {', '.join(known)}" if known else "none is known here"
            raise OptionError(f"{name!r} came as a field; {did_you_mean(name, known)}{wanted}")
        if count > 1 and not known[name]:
            raise OptionError(f"came {count} times, and one is taken; send it once", option=name)


def _described(app: FastAPI, path: str, method: str) -> tuple[dict[str, bool], dict[str, bool]]:
    """Fields of a route's query and of its form, as the API's description has them: whether each takes several."""
    described = app.openapi()
    operation = described["paths"][path][method]
    parameters = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    forms = operation.get("requestBody", {"content": {}})["content"].values()
    schemas = [described["components"]["schemas"][each["schema"]["$ref"].rpartition("/")[2]] for each in forms]
    return (
        {each["name"]: _is_list(each["schema"]) for each in parameters},
        {name: _is_list(each) for schema in schemas for name, each in schema["properties"].items()},
    )


def _is_list(schema: Mapping[str, Any]) -> bool:
    return any(each.get("type") == "array" for each in (schema, *schema.get("anyOf", ())))
