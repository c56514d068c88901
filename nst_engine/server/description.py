"""The API's description: FastAPI's, where forms hold no null and files are binary."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

_FORMS = "Body_"
_FILE = "application/octet-stream"


def mend_description(app: FastAPI) -> None:
    """Let `/openapi.json` say what forms can hold."""
    describe = app.openapi

    def mended() -> dict[str, Any]:
        is_new = app.openapi_schema is None
        described = describe()
        if is_new:
            for name, schema in described["components"]["schemas"].items():
                if name.startswith(_FORMS):
                    schema["additionalProperties"] = False
                    schema["properties"] = {key: _mended(value) for key, value in schema["properties"].items()}
        return described

    app.openapi = mended  # type: ignore[method-assign]


def _mended(field: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in field.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        field = {**kinds[0], **{key: value for key, value in field.items() if key != "anyOf"}}
    if field.get("contentMediaType") == _FILE:
        field["format"] = "binary"
    if "items" in field:
        field["items"] = _mended(field["items"])
    return field
