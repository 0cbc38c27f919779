# SPDX-License-Identifier: Apache-2.0
"""What becomes of a revision: waiting until every switch that it touches shows it, or until nothing is left to try."""

import asyncio
import contextlib
from collections.abc import Iterable, Set
from enum import StrEnum

from p4vpc.services.concern import Concern
from p4vpc.services.fleet import Fleet
from p4vpc.services.progress import Progress


class Outcome(StrEnum):
    """What waiting for a revision came to."""

    REALISED = "realised"
    DEGRADED = "degraded"
    TIMEOUT = "timeout"


class Outcomes:
    """Waits for revisions.

    Args:
        fleet: the switches.
        progress: how far the controller is.
    """

    def __init__(self, fleet: Fleet, progress: Progress):
        self._fleet = fleet
        self._progress = progress

    async def wait(
        self, revision: int, timeout_seconds: float, *, is_every_switch_ready: bool, concern: Concern | None
    ) -> Outcome:
        """See `Controller.wait_realised`."""
        outcome = self._outcome(revision, is_every_switch_ready, concern)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while outcome is Outcome.TIMEOUT:
                    await self._progress.changed()
                    outcome = self._outcome(revision, is_every_switch_ready, concern)
        return outcome

    def _outcome(self, revision: int, is_every_switch_ready: bool, concern: Concern | None) -> Outcome:
        fleet, it = self._fleet, self._progress
        if it.model_error and it.failed_revision >= revision > it.compiled_revision:
            return Outcome.DEGRADED
        if not it.is_ready or it.compiled_revision < revision:
            return Outcome.TIMEOUT
        behind: Set[str] = fleet.behind
        names: Iterable[str] = fleet
        if concern is not None and it.compiled is not None:
            names = concern.switches(it.compiled.input.model) & fleet.keys()
            behind = fleet.behind & names
        if is_every_switch_ready and not all(map(fleet.is_ready_somewhere, names)):
            return Outcome.TIMEOUT
        if (elsewhere := fleet.revision_elsewhere()) is not None and elsewhere < revision:
            return Outcome.TIMEOUT
        switches = [fleet.progress_of(name) for name in behind]
        if not all(switch.has_settled(revision) for switch in switches):
            return Outcome.TIMEOUT
        if concern is not None:
            statuses = map(fleet.status_of, behind)
            is_realised = not any(concern.is_about(problem) for status in statuses for problem in status.problems)
        else:
            is_realised = all(switch.has_realised(revision) for switch in switches)
        return Outcome.REALISED if is_realised else Outcome.DEGRADED
