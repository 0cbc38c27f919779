# SPDX-License-Identifier: Apache-2.0
"""Routes of the objects: one collection for each kind."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from p4vpc.api import filters
from p4vpc.api.access import Caller, check_visible, check_visible_object
from p4vpc.api.context import Context, DryRun, Wait
from p4vpc.api.description import body_of
from p4vpc.api.merge_patch import MEDIA_TYPE as MERGE_PATCH
from p4vpc.api.merge_patch import merge_patch
from p4vpc.api.paging import MAX_PAGE, Cursor, Limit, cursor_after, position_of
from p4vpc.api.preconditions import etag, expected_revision
from p4vpc.api.problems import AsciiJsonResponse, PreconditionFailedError, StillReferencedError
from p4vpc.api.schemas import ApplyResult, ObjectsModel, ObjectStatus
from p4vpc.errors import IntentError, ModelError, Problem, RevisionConflictError
from p4vpc.intent import KINDS, Intent, ObjectId, from_document, parse_id
from p4vpc.services import Operation, Plan, Principal, read_realised
from p4vpc.services.intents import not_found
from p4vpc.store import Change, Delete, Put, Snapshot

_FABRIC_KINDS = frozenset(kind for kind in KINDS if kind != "tenant" and "tenant" not in KINDS[kind].name_fields)


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
                media_type: {"schema": body_of(model)} for media_type in ("application/json", "application/yaml")
            },
        },
        "parameters": [
            {"name": field, "in": "path", "required": True, "schema": {"type": "string"}} for field in model.name_fields
        ],
    }
    names = {"parameters": body["parameters"]}
    patch_body = {
        **names,
        "requestBody": {"required": True, "content": {MERGE_PATCH: {"schema": {"type": "object"}}}},
    }

    @routes.get(
        collection,
        name=f"list_{kind}",
        tags=[kind],
        response_model=ObjectsModel,
        openapi_extra={"parameters": filters.parameters(kind)},
    )
    async def list_objects(
        *,
        request: Request,
        caller: Caller,
        tenant: str | None = None,
        vpc: str | None = None,
        limit: Limit = MAX_PAGE,
        cursor: Cursor = None,
    ) -> Response:
        """Objects of the kind, sorted by key, in pages; of one tenant, or of one VPC of it, or narrowed further."""
        if kind in _FABRIC_KINDS:
            check_visible(caller, kind)
        passes = filters.make_filter(caller, kind, request.query_params)
        position = "" if cursor is None else position_of(cursor)
        snapshot = await context.intents.snapshot()
        chosen = sorted(
            object_id.key
            for object_id, stored in snapshot.objects.items()
            if object_id.kind == kind
            and object_id.key > position
            and caller.may_see(object_id)
            and _is_in(stored.object, tenant, vpc)
            and passes(stored.object)
        )
        page = [caller.document(snapshot.objects[ObjectId(kind, key)].object) for key in chosen[:limit]]
        more = cursor_after(chosen[limit - 1]) if len(chosen) > limit else None
        body = {"revision": snapshot.revision, "items": page, "next": more}
        return AsciiJsonResponse(body, headers=etag(snapshot.revision))

    @routes.get(item, name=f"get_{kind}", tags=[kind], response_model=model, openapi_extra=names)
    async def get_object(request: Request, caller: Caller) -> Response:
        """One object. Its ETag is the revision of its last change."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)
        stored = await context.intents.get(object_id)
        return AsciiJsonResponse(caller.document(stored.object), headers=etag(stored.revision))

    @routes.put(
        item,
        name=f"put_{kind}",
        tags=[kind],
        response_model=ApplyResult,
        responses={201: {"model": ApplyResult, "description": "created"}},
        openapi_extra=body,
    )
    async def put_object(request: Request, caller: Caller, wait: Wait = None, dry_run: DryRun = False) -> Response:
        """Create the object, or replace it. Names may be left out of the body, as the path has them."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)
        intent = _complete(object_id, await context.bodies.document(request))

        def plan(snapshot: Snapshot) -> list[Change]:
            return [Put(intent, expected_revision(request.headers, object_id, snapshot))]

        return await _put(context, caller, plan, object_id, is_dry_run=dry_run, wait=wait)

    @routes.patch(item, name=f"patch_{kind}", tags=[kind], response_model=ApplyResult, openapi_extra=patch_body)
    async def patch_object(request: Request, caller: Caller, wait: Wait = None, dry_run: DryRun = False) -> Response:
        """Change fields of the object (RFC 7396): null removes one, a list is replaced as a whole."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)
        patch = await context.bodies.patch(request)

        def plan(snapshot: Snapshot) -> list[Change]:
            stored = snapshot.objects.get(object_id)
            if stored is None:
                raise not_found([object_id], snapshot)
            expected_revision(request.headers, object_id, snapshot)
            merged = merge_patch(caller.document(stored.object), patch)
            return [Put(_complete(object_id, merged if isinstance(merged, dict) else {}), stored.revision)]

        return await _put(context, caller, plan, object_id, is_dry_run=dry_run, wait=wait)

    @routes.delete(item, name=f"delete_{kind}", tags=[kind], response_model=ApplyResult, openapi_extra=names)
    async def delete_object(request: Request, caller: Caller, wait: Wait = None, dry_run: DryRun = False) -> Response:
        """Delete the object; refused while others refer to it."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)

        def plan(snapshot: Snapshot) -> list[Change]:
            if object_id not in snapshot.objects:
                raise not_found([object_id], snapshot)
            return [Delete(object_id, expected_revision(request.headers, object_id, snapshot))]

        try:
            result = await context.apply(caller, plan, is_dry_run=dry_run, wait=wait)
        except ModelError as error:
            raise StillReferencedError(error.problems) from None
        except RevisionConflictError as error:
            raise PreconditionFailedError(error.problems) from None
        return AsciiJsonResponse(result)

    @routes.get(f"{item}/status", name=f"status_{kind}", tags=[kind], response_model=ObjectStatus, openapi_extra=names)
    async def object_status(request: Request, caller: Caller, wait: Wait = None) -> Response:
        """Whether the switches show the object; with `wait`, after they do or cannot, or after that many seconds."""
        object_id = _id_of(kind, request)
        check_visible_object(caller, object_id)
        stored = await context.intents.get(object_id)
        found = await read_realised(context.controller, object_id, stored.revision, wait or 0)
        return AsciiJsonResponse(ObjectStatus.of(caller, object_id, stored.revision, found))


async def _put(
    context: Context, caller: Principal, plan: Plan, object_id: ObjectId, *, is_dry_run: bool, wait: float | None
) -> Response:
    try:
        result = await context.apply(caller, plan, is_dry_run=is_dry_run, wait=wait)
    except RevisionConflictError as error:
        raise PreconditionFailedError(error.problems) from None
    is_new = any(change.operation is Operation.CREATE for change in result.changes)
    headers = {} if is_dry_run else etag((await context.intents.get(object_id)).revision)
    return AsciiJsonResponse(result, 201 if is_new and not is_dry_run else 200, headers=headers)


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
