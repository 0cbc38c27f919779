# SPDX-License-Identifier: Apache-2.0
"""What all routes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from p4vpc.api.bodies import BodyReader
from p4vpc.api.schemas import ApplyResult
from p4vpc.errors import ExhaustedError, ModelError, Problem
from p4vpc.intent import ForeignVtep, Malformed, Switch
from p4vpc.services import (
    Concern,
    Controller,
    ForbiddenError,
    IntentService,
    Plan,
    Principal,
    TenantLimits,
    check_limits,
    permitted,
)
from p4vpc.store import Change, Role, Snapshot

MAX_WAIT_SECONDS = 600

Wait = Annotated[
    float | None,
    Query(
        ge=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False, description="wait so many seconds until the switches show it"
    ),
]
DryRun = Annotated[bool, Query(description="check everything and tell the difference, but change nothing")]


@dataclass(frozen=True, slots=True)
class Context:
    """The controller, how bodies are read, and what tenants may take."""

    controller: Controller
    bodies: BodyReader
    limits: TenantLimits

    @property
    def intents(self) -> IntentService:
        """The store's objects."""
        return self.controller.intents

    async def apply(
        self,
        caller: Principal,
        changes: Sequence[Change] | Plan,
        *,
        malformed: Malformed | None = None,
        is_dry_run: bool = False,
        wait: float | None = None,
    ) -> ApplyResult:
        """Commit what the caller may change, and wait if asked to.

        Raises:
            ForbiddenError: the caller may not do all of that.
            LimitError: its tenant would have more than it may.
            UserError: as `IntentService.apply`, without what is not the caller's to know.
        """
        if caller.role is Role.TENANT_VIEWER and not is_dry_run:
            raise ForbiddenError(Problem("", "", f"token {caller.name} is for reading only", "ask the operator"))

        def plan(snapshot: Snapshot) -> Sequence[Change]:
            allowed = permitted(caller, changes(snapshot) if callable(changes) else changes, snapshot)
            check_limits(self.limits, caller, allowed, snapshot)
            return allowed

        readable = None if malformed is None else caller.readable(malformed)
        try:
            applied = await self.intents.apply(plan, who=caller.name, malformed=readable, is_dry_run=is_dry_run)
        except (ModelError, ExhaustedError) as error:
            error.problems = caller.told(error.problems, _places(await self.intents.snapshot()))
            raise
        outcome = None
        if wait is not None and not is_dry_run:
            concern = None if caller.tenant is None else Concern.of(caller.tenant, applied.edits)
            outcome = await self.controller.wait_realised(applied.revision, wait, concern=concern)
        return ApplyResult.of(caller, applied, outcome, is_dry_run=is_dry_run)


def _places(snapshot: Snapshot) -> set[str]:
    """What names a place in the fabric."""
    objects = [stored.object for stored in snapshot.objects.values()]
    switches = [intent for intent in objects if isinstance(intent, Switch)]
    vteps = {str(intent.address) for intent in objects if isinstance(intent, ForeignVtep)}
    return vteps | {switch.name for switch in switches} | {str(switch.vtep) for switch in switches if switch.vtep}
