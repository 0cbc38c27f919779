# SPDX-License-Identifier: Apache-2.0
"""What all routes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from p4vpc.api.bodies import BodyReader
from p4vpc.api.schemas import ApplyResult
from p4vpc.intent import Malformed
from p4vpc.services import Controller, IntentService
from p4vpc.store import Change

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
    """The controller, and how bodies are read."""

    controller: Controller
    bodies: BodyReader

    @property
    def intents(self) -> IntentService:
        """The store's objects."""
        return self.controller.intents

    async def apply(
        self,
        changes: Sequence[Change],
        *,
        malformed: Malformed | None = None,
        is_dry_run: bool = False,
        wait: float | None = None,
    ) -> ApplyResult:
        """Commit, and wait if asked to."""
        applied = await self.intents.apply(changes, who="api", malformed=malformed, is_dry_run=is_dry_run)
        outcome = None
        if wait is not None and not is_dry_run:
            outcome = await self.controller.wait_realised(applied.revision, wait)
        return ApplyResult.of(applied, outcome, is_dry_run=is_dry_run)
