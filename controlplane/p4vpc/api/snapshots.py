# SPDX-License-Identifier: Apache-2.0
"""Routes of whole VPCs as they were."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from p4vpc.api.access import Caller, check_visible_object
from p4vpc.api.context import Context, DryRun, Wait
from p4vpc.api.preconditions import check_store_revision
from p4vpc.api.problems import AsciiJsonResponse, BadRequestError
from p4vpc.api.schemas import ApplyResult, VpcSnapshotModel
from p4vpc.errors import Problem
from p4vpc.intent import Intent, ObjectId, parse_id
from p4vpc.services import Principal
from p4vpc.services.snapshots import clone, rollback, vpc_at
from p4vpc.store import Change, Snapshot

_MAX_REVISION = 2**63 - 1
_VPC = "/vpcs/{tenant}/{name}"

At = Annotated[int | None, Query(ge=0, le=_MAX_REVISION, description="as it was then; default: as it is")]
BackTo = Annotated[int, Query(ge=0, le=_MAX_REVISION, description="the revision to go back to")]
NewName = Annotated[str, Query(max_length=63, description="name of the new VPC of the same tenant")]


def router(context: Context) -> APIRouter:
    """`snapshot`, `rollback`, `clone`."""
    routes = APIRouter(prefix="/v1", tags=["snapshots"])

    @routes.get(f"{_VPC}/snapshot", response_model=VpcSnapshotModel)
    async def snapshot_vpc(tenant: str, name: str, caller: Caller, revision: At = None) -> Response:
        """A VPC with all that is, or was, in it at one revision; `apply` takes the objects."""
        vpc = _vpc(tenant, name)
        check_visible_object(caller, vpc)
        at = await _revision(context, revision)
        past = await _past(context, caller, vpc, at)
        return AsciiJsonResponse(VpcSnapshotModel(revision=at, objects=[caller.document(it) for it in past]))

    @routes.post(f"{_VPC}/rollback", response_model=ApplyResult)
    async def rollback_vpc(
        *,
        request: Request,
        tenant: str,
        name: str,
        caller: Caller,
        revision: BackTo,
        dry_run: DryRun = False,
        wait: Wait = None,
    ) -> Response:
        """Make a VPC and all that is in it what it was at a revision, in one commit.

        Ports that a tenant takes back stay where they are plugged in; those that were deleted are unbound.
        """
        vpc = _vpc(tenant, name)
        check_visible_object(caller, vpc)
        past = await _past(context, caller, vpc, await _revision(context, revision))
        plan = rollback(caller, vpc, past)

        def guarded(snapshot: Snapshot) -> Any:
            check_store_revision(request.headers, snapshot)
            return plan(snapshot)

        return AsciiJsonResponse(await context.apply(caller, guarded, is_dry_run=dry_run, wait=wait))

    @routes.post(f"{_VPC}/clone", response_model=ApplyResult)
    async def clone_vpc(
        *,
        tenant: str,
        name: str,
        caller: Caller,
        to: NewName,
        revision: At = None,
        dry_run: DryRun = False,
        wait: Wait = None,
    ) -> Response:
        """Make another VPC with the same subnets, groups, rules, routes and ports, which are plugged in nowhere.

        Addresses and MACs are the same, identifiers are its own.
        """
        vpc = _vpc(tenant, name)
        check_visible_object(caller, vpc)
        past = await _past(context, caller, vpc, await _revision(context, revision))
        changes: list[Change] = clone(vpc, to, past)
        return AsciiJsonResponse(await context.apply(caller, changes, is_dry_run=dry_run, wait=wait))

    return routes


def _vpc(tenant: str, name: str) -> ObjectId:
    return parse_id("vpc", f"{tenant}/{name}")


async def _past(context: Context, caller: Principal, vpc: ObjectId, revision: int) -> Sequence[Intent]:
    """What the VPC was, to whom it was that one's."""
    return await vpc_at(context.intents, vpc, revision if revision >= await context.first_revision(caller) else 0)


async def _revision(context: Context, wanted: int | None) -> int:
    current = (await context.intents.snapshot()).revision
    if wanted is not None and wanted > current:
        message = f"revision {wanted} does not exist, the last is {current}"
        raise BadRequestError(Problem("", "revision", message, f"at most {current}", "query"))
    return current if wanted is None else wanted
