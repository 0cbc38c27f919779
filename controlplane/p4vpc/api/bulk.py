# SPDX-License-Identifier: Apache-2.0
"""Routes that change many objects at once, all or nothing."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from p4vpc.api.access import Caller
from p4vpc.api.bodies import Submission
from p4vpc.api.context import Context, DryRun, Wait
from p4vpc.api.preconditions import check_store_revision
from p4vpc.api.problems import AsciiJsonResponse, StillReferencedError
from p4vpc.api.schemas import ApplyResult
from p4vpc.errors import IntentError, ModelError, Problem, UserError
from p4vpc.services import Plan, Principal
from p4vpc.store import Change, Delete, Put, Snapshot

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/yaml": {
                "schema": {"type": "string", "description": "a stream of documents, one for each object"}
            },
        },
    }
}


def router(context: Context) -> APIRouter:
    """`apply`, `diff`, `delete`."""
    routes = APIRouter(prefix="/v1", tags=["bulk"])

    @routes.post("/apply", response_model=ApplyResult, openapi_extra=_BODY)
    async def apply(request: Request, caller: Caller, dry_run: DryRun = False, wait: Wait = None) -> Response:
        """Create or replace all objects of the body, or none; every mistake of all of them is reported."""
        submission = await context.bodies.submission(request)
        result = await _apply(context, caller, request, submission, is_dry_run=dry_run, wait=wait)
        return AsciiJsonResponse(result)

    @routes.post("/diff", response_model=ApplyResult, openapi_extra=_BODY)
    async def diff(request: Request, caller: Caller) -> Response:
        """What `apply` with the same body would change."""
        submission = await context.bodies.submission(request)
        return AsciiJsonResponse(await _apply(context, caller, request, submission, is_dry_run=True, wait=None))

    @routes.post("/delete", response_model=ApplyResult, openapi_extra=_BODY)
    async def delete(request: Request, caller: Caller, dry_run: DryRun = False, wait: Wait = None) -> Response:
        """Delete all objects that the body has, or names as `{kind, key}`, or none.

        Refused while others refer to them.
        """
        ids = await context.bodies.ids(request)
        try:
            plan = _guarded(request, [Delete(it) for it in ids])
            result = await context.apply(caller, plan, is_dry_run=dry_run, wait=wait)
        except ModelError as error:
            raise StillReferencedError(error.problems) from None
        return AsciiJsonResponse(result)

    return routes


async def _apply(
    context: Context,
    caller: Principal,
    request: Request,
    submission: Submission,
    *,
    is_dry_run: bool,
    wait: float | None,
) -> ApplyResult:
    reading = submission.reading
    malformed = {**reading.malformed, **submission.malformed}
    changes = [Put(intent) for intent in reading.intents]
    if not reading.problems and not submission.malformed:
        try:
            return await context.apply(caller, _guarded(request, changes), is_dry_run=is_dry_run, wait=wait)
        except UserError as error:
            raise _located(error, submission) from None
    problems = list(reading.problems)
    try:
        await context.apply(caller, changes, malformed=malformed, is_dry_run=True)
    except UserError as error:
        problems += _located(error, submission).problems
    if problems:
        raise IntentError(problems)
    return ApplyResult(revision=0, is_dry_run=True, outcome=None, changes=[])


def _guarded(request: Request, changes: Sequence[Change]) -> Plan:
    """The changes, if the intent as a whole is at the revision that the request asks for."""

    def plan(snapshot: Snapshot) -> Sequence[Change]:
        check_store_revision(request.headers, snapshot)
        return changes

    return plan


def _located(error: UserError, submission: Submission) -> UserError:
    """The same error, each problem with the place in the request that its object comes from."""
    sources = {str(object_id): source for object_id, source in submission.reading.sources.items()}
    error.problems = tuple(
        Problem(item.object, item.field, item.message, item.remedy, item.source or sources.get(item.object, ""))
        for item in error.problems
    )
    return error
