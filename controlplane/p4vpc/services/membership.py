# SPDX-License-Identifier: Apache-2.0
"""A controller's part among several: what its cluster asks of it and tells it, and what it tells its cluster."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from p4vpc.errors import StoreError
from p4vpc.intent import ObjectId
from p4vpc.services.blocking import Blocking
from p4vpc.services.fleet import Fleet
from p4vpc.services.leases import Cluster, Hooks, LeaseOptions
from p4vpc.services.progress import Progress
from p4vpc.southbound import SwitchStatus
from p4vpc.store import Store


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the controller a membership has to do with.

    Attributes:
        store: a shared one.
        blocking: where it is asked.
        fleet, progress: see there.
        down_links: links that this controller has evidence against.
        on_commit: there may be a new revision.
        on_change: what others have told is different now.
        retry_seconds: how soon after a failure the store is tried again.
    """

    store: Store
    blocking: Blocking
    fleet: Fleet
    progress: Progress
    down_links: Callable[[], frozenset[ObjectId]]
    on_commit: Callable[[], None]
    on_change: Callable[[], None]
    retry_seconds: float


class Membership:
    """Lets the leases follow the fleet, and the fleet the leases."""

    def __init__(self, options: LeaseOptions, of: Surroundings):
        self._of = of
        self._may_own = False
        hooks = Hooks(
            sessions=self._sessions,
            own=self._own,
            lose=self._lose,
            status=self._status,
            progress=lambda: (of.progress.compiled_revision, of.down_links()),
            commit=of.on_commit,
            change=of.on_change,
        )
        self.cluster = Cluster(of.store, options, hooks)

    def _sessions(self) -> Mapping[str, bool] | None:
        fleet = self._of.fleet
        return {name: it.agent.status.is_connected for name, it in fleet.items()} if self._may_own else None

    def _own(self, name: str, election_id: int) -> None:
        if name in self._of.fleet:
            self._of.fleet[name].agent.own(election_id)

    def _lose(self, name: str) -> None:
        if name in self._of.fleet:
            self._of.fleet[name].agent.stand_by()

    def _status(self, name: str) -> SwitchStatus | None:
        running = self._of.fleet.get(name)
        return running.agent.own_status if running is not None and running.agent.is_owner else None

    def may_own(self) -> None:
        """There is something to give to switches from now on."""
        if not self._may_own:
            self._may_own = True
            self.cluster.look()

    def look_after(self, name: str) -> None:
        """Let the leases follow how a switch is, where we have sessions, and whom it obeys."""
        self.cluster.mark(name)
        running = self._of.fleet.get(name)
        if running is None:
            return
        agent = running.agent
        is_connected, is_deposed = agent.status.is_connected, agent.is_owner and agent.is_deposed
        if (is_connected, is_deposed) != (running.is_connected, running.is_deposed):
            running.is_connected, running.is_deposed = is_connected, is_deposed
            self.cluster.look()

    async def catch_up(self, name: str) -> None:
        """Wait until a switch of ours is to be as far as the store: no other owner can have given it anything later."""
        it = self._of
        while True:
            try:
                revision = await it.blocking.run(lambda: it.store.revision)
                break
            except StoreError:  # until we know, the switch keeps what it has
                await asyncio.sleep(it.retry_seconds)
        it.on_commit()
        agent = it.fleet[name].agent
        # The new switch of a port that moves is given its revision before everybody else.
        while max(it.progress.compiled_revision, it.progress.failed_revision, agent.given_revision) < revision:
            await it.progress.changed()
