# SPDX-License-Identifier: Apache-2.0
"""Routes of the objects: one collection for each kind."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from p4vpc.api.access import Caller, check_visible, check_visible_object
from p4vpc.api.context import Context, DryRun, Wait
from p4vpc.api.problems import AsciiJsonResponse, BadRequestError, PreconditionFailedError, StillReferencedError
from p4vpc.api.schemas import ApplyResult
from p4vpc.errors import IntentError, ModelError, Problem, RevisionConflictError
from p4vpc.intent import KINDS, Intent, ObjectId, from_document, parse_id
from p4vpc.services import Operation
from p4vpc.store import Delete, Put, StoredObject

_FABRIC_KINDS = frozenset(kind for kind in KINDS if kind != "tenant" and "tenant" not in KINDS[kind].name_fields)
_ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')


def router(context: Context) -> APIRouter:
    """All collections."""
    routes = APIRouter(prefix="/v1")
    for kind in KINDS:
        _add_collection(routes, context, kind)
    return routes


def _add_collection(routes: APIRouter, context: Context, kind: str) -> None:
    model = KINDS[kind]
    collection = f"/{model.collection}"
    item = f"{collection}/{'/'.join(f'{{{field}}}' for field in model.name_fields) or 'fabric'}"
    body = {
        "requestBody": {
            "required": True,
            "content": {
                media_type: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
                for media_type in ("application/json", "application/yaml")
            },
        },
        "parameters": [
            {"name": field, "in": "path", "required": True, "schema": {"type": "string"}} for field in model.name_fields
        ],
    }
    names = {"parameters": body["parameters"]}

    @routes.get(collection, name=f"list_{kind}", tags=[kind])
    async def list_objects(caller: Caller, tenant: str | None = None, vpc: str | None = None) -> Response:
        """All objects of the kind, sorted by key; of one tenant, or of one VPC of it."""
        if kind in _FABRIC_KINDS:
            check_visible(caller, kind)
        snapshot = await context.intents.snapshot()
        chosen = [
            caller.document(stored.object)
            for object_id, stored in sorted(snapshot.objects.items())
            if object_id.kind == kind and caller.may_see(object_id) and _is_in(stored.object, tenant, vpc)
        ]
        return AsciiJsonResponse({"revision": snapshot.revision, "items": chosen})

    @routes.get(item, name=f"get_{kind}", tags=[kind], response_model=model, openapi_extra=names)
    async def get_object(request: Request, caller: Caller) -> Response:
        """One object. Its ETag is the revision of its last change."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)
        stored = await context.intents.get(object_id)
        return AsciiJsonResponse(caller.document(stored.object), headers=_headers(stored.revision))

    @routes.put(item, name=f"put_{kind}", tags=[kind], response_model=ApplyResult, openapi_extra=body)
    async def put_object(request: Request, caller: Caller, wait: Wait = None, dry_run: DryRun = False) -> Response:
        """Create the object, or replace it. Names may be left out of the body, as the path has them."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)
        intent = _complete(object_id, await context.bodies.document(request))
        expected = await _expected_revision(context, object_id, request)
        try:
            result = await context.apply(caller, [Put(intent, expected)], is_dry_run=dry_run, wait=wait)
        except RevisionConflictError as error:
            raise PreconditionFailedError(error.problems) from None
        is_new = any(change.operation is Operation.CREATE for change in result.changes)
        headers = {} if dry_run else _headers((await context.intents.get(object_id)).revision)
        return AsciiJsonResponse(result, 201 if is_new and not dry_run else 200, headers=headers)

    @routes.delete(item, name=f"delete_{kind}", tags=[kind], response_model=ApplyResult, openapi_extra=names)
    async def delete_object(request: Request, caller: Caller, wait: Wait = None, dry_run: DryRun = False) -> Response:
        """Delete the object; refused while others refer to it."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)
        await context.intents.get(object_id)
        expected = await _expected_revision(context, object_id, request)
        try:
            result = await context.apply(caller, [Delete(object_id, expected)], is_dry_run=dry_run, wait=wait)
        except ModelError as error:
            raise StillReferencedError(error.problems) from None
        except RevisionConflictError as error:
            raise PreconditionFailedError(error.problems) from None
        return AsciiJsonResponse(result)


def _is_in(intent: Intent, tenant: str | None, vpc: str | None) -> bool:
    """Whether an object belongs to a tenant and a VPC; a tenant and a VPC belong to themselves."""

    def belongs(kind: str) -> str:
        return str(getattr(intent, "name" if intent.kind == kind else kind, ""))

    return tenant in (None, belongs("tenant")) and vpc in (None, belongs("vpc"))


def _id_of(kind: str, request: Request) -> ObjectId:
    fields = KINDS[kind].name_fields
    return parse_id(kind, "/".join(request.path_params[field] for field in fields) if fields else kind)


def _complete(object_id: ObjectId, document: Mapping[str, Any]) -> Intent:
    """The object of a PUT: names from the path, and the body must not say otherwise."""
    fields = KINDS[object_id.kind].name_fields
    names = {"kind": object_id.kind, **dict(zip(fields, object_id.key.split("/"), strict=False))}
    wrong = []
    for field, value in names.items():
        if field in document and document[field] != value:
            message = f"the path says {value!r}, the body {str(document[field])[:80]!r}"
            wrong.append(Problem(str(object_id), field, message, f"{field}: {value}"))
    if wrong:
        raise IntentError(wrong)
    return from_document({**names, **document}, "request")


def _headers(revision: int) -> dict[str, str]:
    return {"ETag": f'"{revision}"'}


async def _expected_revision(context: Context, object_id: ObjectId, request: Request) -> int | None:
    """What If-Match and If-None-Match (RFC 9110, section 13.1) ask of the object's revision; None: nothing."""
    if_match, if_none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if if_match is None and if_none_match is None:
        return None
    stored = (await context.intents.snapshot()).objects.get(object_id)
    current = f'"{stored.revision}"' if stored else None
    if if_match is not None and (current is None or not _matches(if_match, current, is_strong=True)):
        raise _precondition(object_id, stored, "If-Match", if_match)
    if if_none_match is not None and current is not None and _matches(if_none_match, current, is_strong=False):
        raise _precondition(object_id, stored, "If-None-Match", if_none_match)
    return stored.revision if stored else 0


def _matches(header: str, current: str, *, is_strong: bool) -> bool:
    if header.strip() == "*":
        return True
    tags = [tag.strip() for tag in header.split(",")]
    parsed = [_ENTITY_TAG.fullmatch(tag) for tag in tags]
    if not all(parsed):
        message = f"{header[:80]!r} is no list of entity tags"
        raise BadRequestError(Problem("", "If-Match", message, 'as the ETag header has it: "17"', "request"))
    return any(tag and f'"{tag[2]}"' == current and not (is_strong and tag[1]) for tag in parsed)


def _precondition(object_id: ObjectId, stored: StoredObject | None, header: str, value: str) -> PreconditionFailedError:
    state = f"is at revision {stored.revision}" if stored else "does not exist"
    return PreconditionFailedError(
        Problem(str(object_id), "", f"{state}, so {header}: {value[:80]} does not hold", "read it again, then decide")
    )
