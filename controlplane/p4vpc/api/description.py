# SPDX-License-Identifier: Apache-2.0
"""The API's description (OpenAPI 3.1), where what FastAPI derives from the routes is not the whole truth.

Bodies of PUT are objects whose names may be left out, as the path has them; names in paths are DNS labels; errors are
problems (RFC 9457), whatever their status.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from p4vpc.api.problems import MEDIA_TYPE
from p4vpc.intent import KINDS, Intent
from p4vpc.intent.values import NAME_PATTERN

_COMPONENTS = "#/components/schemas/"
_BODY_SUFFIX = "Body"
_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": f"{_COMPONENTS}ProblemModel"}}}}
_ERRORS = {
    "4XX": {"description": "refused, with all reasons", **_PROBLEM},
    "5XX": {"description": "not possible at the moment, or a fault of ours", **_PROBLEM},
}
_METHODS = frozenset({"get", "put", "post", "patch", "delete"})


def body_of(model: type[Intent]) -> dict[str, str]:
    """The schema of what is PUT as an object of this kind."""
    return {"$ref": f"{_COMPONENTS}{model.__name__}{_BODY_SUFFIX}"}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of all routes."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema["components"]["schemas"]
        for model in KINDS.values():
            components.update(_body_schemas(model))
        for operation in _operations(schema["paths"]):
            operation["responses"] = {
                status: answer for status, answer in operation["responses"].items() if status < "4"
            } | _ERRORS
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "pattern": NAME_PATTERN}
        app.openapi_schema = schema
    return app.openapi_schema


def _operations(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for item in paths.values():
        yield from (operation for method, operation in item.items() if method in _METHODS)


def _body_schemas(model: type[Intent]) -> dict[str, Any]:
    """An object's schema as it is read, under names that do not clash with those of what is answered."""
    template = f"{_COMPONENTS}{{model}}{_BODY_SUFFIX}"
    schema = model.model_json_schema(mode="validation", ref_template=template)
    parts = schema.pop("$defs", {})
    schema["required"] = [field for field in schema.get("required", ()) if field not in model.name_fields]
    return {f"{name}{_BODY_SUFFIX}": part for name, part in {**parts, model.__name__: schema}.items()}
