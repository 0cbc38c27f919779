# SPDX-License-Identifier: Apache-2.0
"""One controller among several on a database, or alone on one of its own.

::

    database --NOTIFY--> Listening --> commit: the controller reads | leases: LeaseKeeper looks | reports: read
    agents --mark--> reports, written together a moment later --> database

Whatever is not heard of by NOTIFY is found by asking, a few times in the time that a lease lasts.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Container, Mapping, Sequence, Set
from dataclasses import dataclass

import structlog

from p4vpc.errors import StoreError
from p4vpc.intent import ObjectId
from p4vpc.services.blocking import Blocking
from p4vpc.services.leases.elsewhere import Elsewhere, body_of
from p4vpc.services.leases.keeper import LeaseKeeper
from p4vpc.services.leases.options import LeaseOptions
from p4vpc.services.leases.rollout import FabricRollout
from p4vpc.southbound import SwitchState, SwitchStatus
from p4vpc.store import NEW_COMMIT, NEW_LEASES, NEW_REPORTS, LeaseTable, Listening, Member, Progress, Report, Store

_REPORT_PAUSE_SECONDS = 0.02
"""What changes within this time is told together."""

_EPOCH_BITS = 64


def election_id_of(epoch: int, controller: int = 0) -> int:
    """The election id of a switch's owner: higher than that of every owner before, and of all that stand by."""
    return epoch << _EPOCH_BITS | controller


def epoch_of(election_id: int) -> int:
    """The epoch in an election id; 0 if it is none of an owner's."""
    return election_id >> _EPOCH_BITS


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the cluster asks of the controller, and tells it. All are called on the event loop.

    Attributes:
        sessions: the switches that there are, with whether there is a session; None: nothing can be owned yet.
        own, lose: a switch is ours from now on, with this election id; or is not any more.
        status: of a switch of ours, as it is to be told to others.
        owns, is_well: whether a switch is ours; whether it shows everything that it shall, too.
        intent: the last revision that the switches were given, and the switches that it has.
        progress: how far we are.
        commit: there may be a new revision.
        change: what others have told is different now.
    """

    sessions: Callable[[], Mapping[str, bool] | None]
    own: Callable[[str, int], None]
    lose: Callable[[str], None]
    status: Callable[[str], SwitchStatus | None]
    owns: Callable[[str], bool]
    is_well: Callable[[str], bool]
    intent: Callable[[], tuple[int, Container[str]]]
    progress: Callable[[], Progress]
    commit: Callable[[], None]
    change: Callable[[], None]


class Cluster:
    """The controllers on a shared database; use it as an asynchronous context manager.

    Args:
        store: a shared one.
        options: see there.
        hooks: see there.
    """

    def __init__(self, store: Store, options: LeaseOptions, hooks: Hooks):
        self._store = store
        self._options = options
        self._hooks = hooks
        self._elsewhere = Elsewhere(options.name)
        self._keeper = LeaseKeeper(
            store,
            options,
            switches=hooks.sessions,
            on_owned=self._owned,
            on_lost=hooks.lose,
            on_table=self._took_notice,
        )
        self._blocking = Blocking(2)
        self.rollout = FabricRollout(
            *(store, self._keeper.me, self._blocking),
            intent=hooks.intent,
            is_ours=hooks.owns,
            is_well=hooks.is_well,
            on_change=self._rollout_changed,
        )
        self._listening: Listening | None = None
        self._unreported: set[str] = set()
        self._is_progress = False
        self._to_report = asyncio.Event()
        self._to_read = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._log = structlog.get_logger().bind(switch="-")

    async def join(self) -> None:
        """Register and begin. StoreError if the database cannot be used."""
        await self._keeper.join()
        loop = asyncio.get_running_loop()

        def on_news(what: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._heard, what)

        self._listening = await self._blocking.run(self._store.listen, on_news)
        self._tasks = (
            asyncio.create_task(self._keeper.run(), name="leases"),
            asyncio.create_task(self._report(), name="reports"),
            asyncio.create_task(self._read(), name="other controllers"),
            asyncio.create_task(self.rollout.run(), name="roll-out"),
        )

    async def leave(self) -> None:
        """Give up all switches."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._keeper.leave()
        if self._listening is not None:
            await asyncio.to_thread(self._listening.close)
        self._blocking.abandon()

    @property
    def name(self) -> str:
        """Of this controller."""
        return self._options.name

    @property
    def error(self) -> str:
        """Why leases cannot be renewed at the moment; empty if they can."""
        return self._keeper.error

    @property
    def standby_id(self) -> int:
        """The election id of sessions that stand by: our own, and lower than any owner's."""
        return self._keeper.number

    @property
    def members(self) -> Mapping[str, Member]:
        """All controllers that are registered, by name."""
        return self._elsewhere.table.members

    def owner(self, switch: str) -> str | None:
        """Who owns a switch, as far as we know."""
        return self._elsewhere.owner(switch)

    def epoch(self, switch: str) -> int:
        """The epoch of who owns a switch."""
        return self._elsewhere.epoch(switch)

    def status(self, switch: str) -> SwitchStatus | None:
        """What the owner of a switch tells of it."""
        return self._elsewhere.status(switch)

    def is_ready_elsewhere(self, switch: str) -> bool:
        """Whether another controller has packets go out of a switch and come in."""
        status = self._elsewhere.status(switch)
        return status is not None and status.state is SwitchState.READY and self._elsewhere.has_live_owner(switch)

    @property
    def lease_seconds(self) -> float:
        """How long it takes at most until the switches of a controller that has died are free."""
        return self._options.seconds

    def is_between_owners(self, switch: str) -> bool:
        """Whether the owner of a switch has gone, and another is yet to take it."""
        return self._elsewhere.owner(switch) != self.name and not self._elsewhere.has_live_owner(switch)

    def down_links(self) -> frozenset[ObjectId]:
        """Links that other controllers have evidence against."""
        return self._elsewhere.down_links()

    def have_followed(self, switches: Collection[str], tier: int, dead: Set[str], back: Set[str]) -> bool:
        """Whether the other owners of some switches of one tier have told that these go round dead links by now, and
        go over those that are back."""
        owners = {self._elsewhere.owner(switch) for switch in switches}
        told = [member.tiers.get(tier) for name, member in self._elsewhere.others.items() if name in owners]
        return all(links is not None and dead <= links and not back & links for links in told)

    def least_revision(self) -> int | None:
        """The last revision that all other owners have given to their switches; None if there are no others."""
        owners = {lease.owner for lease in self._elsewhere.table.leases.values()}
        return min((member.revision for name, member in self._elsewhere.others.items() if name in owners), default=None)

    async def next_election_id(self, switch: str, above: int) -> int:
        """A higher election id for a switch of ours. StoreError if it is not ours, or nobody can tell."""
        return election_id_of(await self._keeper.raise_epoch(switch, epoch_of(above)), self._keeper.number)

    def mark(self, switch: str) -> None:
        """The status of a switch of ours is another one."""
        self._unreported.add(switch)
        self._to_report.set()

    def mark_progress(self) -> None:
        """There is another revision, or other evidence about links."""
        self._is_progress = True
        self._to_report.set()

    def look(self) -> None:
        """Sessions have come or gone, or a switch obeys somebody else."""
        self._keeper.look()

    def forget(self, switch: str) -> None:
        """The switch is no more."""
        self._elsewhere.forget(switch)
        self._unreported.discard(switch)
        self._keeper.look()

    def _owned(self, switch: str, epoch: int) -> None:
        self._hooks.own(switch, election_id_of(epoch, self._keeper.number))
        self.mark(switch)

    def _heard(self, what: str) -> None:
        if what in (NEW_COMMIT, ""):
            self._hooks.commit()
        if what in (NEW_LEASES, ""):
            self._keeper.look()
        if what in (NEW_LEASES, NEW_REPORTS, ""):
            self._to_read.set()

    def _rollout_changed(self) -> None:
        for switch in self.rollout.waiting:  # its status says what it waits for
            self.mark(switch)
        self._hooks.change()

    def _took_notice(self, table: LeaseTable, reports: Sequence[Report] = ()) -> None:
        self._elsewhere.take(table, reports)
        self.rollout.take(table.turn)
        if self._elsewhere.others:
            self._to_report.set()
        self._hooks.change()

    async def _report(self) -> None:
        """Tell others how far we are, for ever; as long as there are none, what there is to tell is kept."""
        while True:
            await self._to_report.wait()
            self._to_report.clear()
            if not self._elsewhere.others or not (self._unreported or self._is_progress):
                continue
            await asyncio.sleep(_REPORT_PAUSE_SECONDS)
            told, self._unreported, self._is_progress = self._unreported, set(), False
            statuses = {switch: self._hooks.status(switch) for switch in told}
            bodies = {switch: body_of(status) for switch, status in statuses.items() if status is not None}
            try:
                await self._blocking.run(self._store.report, self._keeper.me, self._hooks.progress(), bodies)
            except StoreError as error:
                self._log.debug("not reported", reason=str(error))
                self._unreported |= told
                self._is_progress = True
                await asyncio.sleep(self._options.seconds / 4)
                self._to_report.set()

    async def _read(self) -> None:
        """Read what others tell, for ever."""
        while True:
            self._to_read.clear()
            try:
                table, reports = await self._blocking.run(self._store.reports, self._elsewhere.serial)
            except StoreError as error:
                self._log.debug("reports not read", reason=str(error))
            else:
                self._took_notice(table, reports)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.seconds / 4):
                    await self._to_read.wait()
