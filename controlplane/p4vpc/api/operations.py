# SPDX-License-Identifier: Apache-2.0
"""Routes that tell how things are: status, drops, counters, health, metrics."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from p4vpc.api.access import Caller, Operator
from p4vpc.api.context import Context, Wait
from p4vpc.api.metrics import CONTENT_TYPE, render_metrics
from p4vpc.api.problems import AsciiJsonResponse, BadRequestError, problem_response
from p4vpc.api.schemas import (
    ControllerModel,
    CounterModel,
    CountersModel,
    DropSampleModel,
    DropSamplesModel,
    DropsModel,
    IdentifierModel,
    IdentifiersModel,
    LinkModel,
    StatusModel,
    SwitchModel,
)
from p4vpc.compiler import DropReason
from p4vpc.errors import NotFoundError, Problem
from p4vpc.intent import closest
from p4vpc.services import Concern, read_drops, read_telemetry
from p4vpc.services.samples import ACL_LOG

SwitchNames = Annotated[list[str] | None, Query(alias="switch", description="only these switches")]
ReasonNames = Annotated[
    list[str] | None, Query(alias="reason", description="only these, like policy; acl_log: what ACL rules log")
]
After = Annotated[int, Query(ge=0, le=2**63 - 1, description="only samples with higher numbers")]
TableNames = Annotated[list[str] | None, Query(alias="table", description="only these tables")]
PoolNames = Annotated[list[str] | None, Query(alias="pool", description="only these, like vni")]
Revision = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="wait for this one; default: the last")]


def router(context: Context) -> APIRouter:
    """All of them."""
    routes = APIRouter()

    @routes.get("/v1/status", response_model=StatusModel, tags=["operations"])
    async def status(caller: Caller, wait: Wait = None, revision: Revision = None) -> Response:
        """Every switch; with `wait`, after all are connected and show the revision, or after that many seconds.

        A tenant is told revisions and outcome, and nothing of the switches; it waits for those that its VPCs are at.
        """
        current = (await context.intents.snapshot()).revision
        outcome = None
        if wait is not None:
            if revision is not None and revision > current:
                message = f"revision {revision} does not exist, the last is {current}"
                raise BadRequestError(Problem("", "revision", message, f"at most {current}", "query"))
            wanted = current if revision is None else revision
            concern = None if caller.tenant is None else Concern(caller.tenant)
            outcome = await context.controller.wait_realised(wanted, wait, is_every_switch_ready=True, concern=concern)
        now = context.controller.status
        body = StatusModel(
            revision=current,
            compiled_revision=now.compiled_revision,
            error=now.error if caller.is_operator or not now.error else "not everything can be realised",
            outcome=outcome,
            switches=[
                SwitchModel.of(it, *now.owners.get(it.name, ("", 0))) for it in now.switches if caller.is_operator
            ],
            controller=now.name if caller.is_operator else "",
            controllers=ControllerModel.all_of(now) if caller.is_operator else [],
            links=[LinkModel.of(link) for link in now.links if caller.is_operator],
        )
        return AsciiJsonResponse(body)

    @routes.get("/v1/drops", response_model=DropsModel, tags=["operations"])
    async def drops(_: Operator, switch: SwitchNames = None) -> Response:
        """Packets dropped so far, read from the switches now."""
        _check_switches(context, switch)
        return AsciiJsonResponse(asdict(await read_drops(context.controller, switch)))

    @routes.get("/v1/drops/samples", response_model=DropSamplesModel, tags=["operations"])
    async def drop_samples(
        *, _: Operator, switch: SwitchNames = None, reason: ReasonNames = None, after: After = 0, wait: Wait = None
    ) -> Response:
        """What switches have shown of what they drop (`drop_samples` of the fabric) and of what ACL rules log.

        The latest thousand of each switch are kept. To follow, ask for what came after the highest number so far, with
        `wait`: the answer comes with the next sample, or after so many seconds.
        """
        _check_switches(context, switch)
        _check_reasons(reason)
        ring = context.controller.samples
        found = ring.after(after, switch, reason)
        if wait is not None and not found:
            found = await ring.wait_after(after, wait, switch, reason)
        return AsciiJsonResponse(DropSamplesModel(last=ring.last, samples=[DropSampleModel.of(one) for one in found]))

    @routes.get("/v1/counters", response_model=CountersModel, tags=["operations"])
    async def counters(_: Operator, switch: SwitchNames = None, table: TableNames = None) -> Response:
        """Direct counters of the table entries with the objects they come from, read from the switches now."""
        _check_switches(context, switch)
        _check_tables(context, table)
        read = await read_telemetry(context.controller, switch, table)
        body = CountersModel(counters=[CounterModel.of(counter) for counter in read.counters], errors=read.errors)
        return AsciiJsonResponse(body)

    @routes.get("/v1/identifiers", response_model=IdentifiersModel, tags=["operations"])
    async def identifiers(_: Operator, pool: PoolNames = None, owner: str | None = None) -> Response:
        """Numbers that objects have on the wire and in tables: VNIs, labels, tunnels and so on."""
        snapshot = await context.intents.snapshot()
        found = [
            IdentifierModel(pool=claim.pool, owner=claim.owner, number=number)
            for claim, number in sorted(snapshot.identifiers.numbers.items())
            if (not pool or claim.pool in pool) and owner in (None, claim.owner)
        ]
        return AsciiJsonResponse(IdentifiersModel(revision=snapshot.revision, identifiers=found))

    @routes.get("/healthz", tags=["health"])
    async def healthz() -> Response:
        """The process answers."""
        return AsciiJsonResponse({"status": "ok"})

    @routes.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """The database answers and its last good revision has been handed to the switches."""
        await context.controller.access.has_tokens()
        detail = ""
        if not context.controller.is_ready:
            detail = "no revision has been compiled yet; /v1/status tells an operator why"
        elif context.controller.lease_error:
            detail = f"this controller cannot own switches: {context.controller.lease_error}"
        if detail:
            return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
        return AsciiJsonResponse({"status": "ready"})

    @routes.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics(_: Operator) -> Response:
        """Prometheus text format."""
        controller = context.controller
        return Response(
            render_metrics(controller.status, controller.responders(), controller.samplers()), media_type=CONTENT_TYPE
        )

    return routes


def _check_switches(context: Context, names: list[str] | None) -> None:
    known = context.controller.agents()
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise NotFoundError(
            Problem(f"switch {name[:80]}", "", "is not managed by this controller", closest(name, known))
            for name in unknown
        )


def _check_reasons(names: list[str] | None) -> None:
    known = {ACL_LOG, *(reason.name.lower() for reason in DropReason)}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise BadRequestError(
            Problem("", "reason", f"there is no drop reason {name[:80]!r}", closest(name, known), "query")
            for name in unknown
        )


def _check_tables(context: Context, names: list[str] | None) -> None:
    known = context.controller.pipeline.info.counted_tables
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise BadRequestError(
            Problem("", "table", f"the pipeline counts nothing in {name[:80]!r}", closest(name, known), "query")
            for name in unknown
        )
