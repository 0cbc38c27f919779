# SPDX-License-Identifier: Apache-2.0
"""A controller's part among several: what its cluster asks of it and tells it, and what it tells its cluster."""

import asyncio
from collections.abc import Callable, Collection, Container, Mapping, Set
from dataclasses import dataclass, replace

from p4vpc import store as stored
from p4vpc.compiler import Input
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
        self._tier_links: dict[int, frozenset[str]] = {}
        hooks = Hooks(
            sessions=self._sessions,
            own=self._own,
            lose=self._lose,
            status=self._status,
            owns=self._owns,
            is_well=self._is_well,
            intent=self._intent,
            progress=self._told,
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
        if running is None or not running.agent.is_owner:
            return None
        status, hold = running.agent.own_status, self._of.fleet.held.get(name)
        if hold is None:
            return status
        # Others are told of the revision that all our switches have, so that this one has not got it must show.
        return replace(status, desired_revision=hold.revision + 1, changed_revision=hold.revision + 1)

    def _owns(self, name: str) -> bool:
        return name in self._of.fleet and self._of.fleet[name].agent.is_owner

    def _is_well(self, name: str) -> bool:
        agent = self._of.fleet[name].agent
        return agent.is_realised and agent.ready_session is not None

    def _intent(self) -> tuple[int, Container[str]]:
        return self._of.progress.compiled_revision, self._of.fleet

    def _told(self) -> stored.Progress:
        down_links = frozenset(link.key for link in self._of.down_links())
        return stored.Progress(self._of.progress.compiled_revision, down_links, dict(self._tier_links))

    def told_round(self, tier: int, names: Collection[str], dead: Set[ObjectId], back: Set[ObjectId]) -> bool:
        """Tell that our switches of one tier have followed what links do; whether all others' have, too."""
        compiled = self._of.progress.compiled
        if compiled is None:
            return True
        links = frozenset(link.key for link in compiled.input.down_links)
        if self._tier_links.get(tier) != links:
            self._tier_links[tier] = links
            self.cluster.mark_progress()
        keys = [{link.key for link in links} for links in (dead, back)]
        return bool(self.cluster.error) or self.cluster.have_followed(names, tier, *keys)

    def tell_tiers(self, of: Input) -> None:
        """Tell that our switches of all tiers go round the same links."""
        links = frozenset(link.key for link in of.down_links)
        self._tier_links = {switch.tier: links for switch in of.model.switches.values()}
        self.cluster.mark_progress()

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
        # One that is held here may have been let go of by the owner before.
        while (
            name in it.fleet.held
            or max(it.progress.compiled_revision, it.progress.failed_revision, agent.given_revision) < revision
        ):
            await it.progress.changed()
