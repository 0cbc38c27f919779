# SPDX-License-Identifier: Apache-2.0
"""Keeps this controller registered, and takes and gives up switches. docs/adr/0021.

Nothing is given up because the database is away: nobody else can take it meanwhile. Whoever finds on return that
another controller owns a switch by now leaves it alone; till then it is the switch that refuses.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from uuid import uuid4

import structlog

from p4vpc.errors import StoreError
from p4vpc.services.blocking import Blocking
from p4vpc.services.leases.options import LeaseOptions
from p4vpc.services.leases.shares import Situation, decide, is_free
from p4vpc.store import ForgottenError, LeaseChanges, LeaseTable, Registration, ReplacedError, Store

_ROUNDS_PER_LEASE = 4
_EVENT_PAUSE_SECONDS = 0.02
"""Between two rounds at least, so that many events at once are one round."""


class LeaseKeeper:
    """Owns switches; `run` does the work.

    Args:
        store: a shared one.
        options: see there.
        switches: what there is to own, with whether there is a session; None as long as nobody knows.
        on_owned: called with a switch that is ours from now on, and its epoch.
        on_lost: called with a switch that is ours no more.
        on_table: called with the table after each round.
        clock: in seconds; never goes back.
    """

    def __init__(
        self,
        store: Store,
        options: LeaseOptions,
        *,
        switches: Callable[[], Mapping[str, bool] | None],
        on_owned: Callable[[str, int], None],
        on_lost: Callable[[str], None],
        on_table: Callable[[LeaseTable], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self.me = Registration(options.name, uuid4().hex)
        self.number = 0
        self.error = ""
        self._store = store
        self._options = options
        self._switches = switches
        self._on_owned = on_owned
        self._on_lost = on_lost
        self._on_table = on_table
        self._clock = clock
        self._blocking = Blocking(1)
        self._wake = asyncio.Event()
        self._held: dict[str, int] = {}
        self._needed: set[str] = set()
        self._lost_since: dict[str, float] = {}
        self._free_since: dict[str, float] = {}
        self._live: Collection[str] = ()
        self._live_since = 0.0
        self._round_at = clock()
        self._back_since: float | None = None
        self._log = structlog.get_logger().bind(switch="-")

    async def join(self) -> None:
        """Register. StoreError if the database cannot be used."""
        number = await self._blocking.run(self._store.join, self.me, self._options.url, self._options.seconds)
        self.number = self.number or number
        self._log.info("joined", controller=self.me.name, number=number)

    async def leave(self) -> None:
        """Give everything up, so that others need not wait until it expires."""
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(self._options.seconds):
                await self._blocking.run(self._store.leave, self.me)
        self._blocking.abandon()

    async def raise_epoch(self, switch: str, above: int) -> int:
        """Get a greater epoch for a switch of ours, as the old one is of no use; StoreError if it is not ours."""
        epoch = await self._blocking.run(self._store.raise_epoch, self.me, switch, above)
        if epoch is None:
            self.look()
            raise StoreError("another controller owns the switch by now")
        self._held[switch] = epoch
        return epoch

    def look(self) -> None:
        """Something has happened that may be about leases."""
        self._wake.set()

    async def run(self) -> None:
        """Renew, take and give until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._round()
            except ReplacedError as error:
                self._replaced(str(error))
            except ForgottenError:
                await self._join_again()
            except StoreError as error:
                if not self.error:
                    self._log.warning("leases cannot be renewed; the switches stay with us", reason=str(error))
                self.error = str(error)
            await asyncio.sleep(_EVENT_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.seconds / _ROUNDS_PER_LEASE):
                    await self._wake.wait()

    async def _join_again(self) -> None:
        with contextlib.suppress(StoreError):  # the next round says why
            await self.join()
        self._wake.set()

    async def _round(self) -> None:
        switches = self._switches()

        def changes(table: LeaseTable) -> LeaseChanges:
            if switches is None:
                return LeaseChanges()
            return decide(table, self._situation(table, switches, self._clock()))

        table = await self._blocking.run(self._store.renew, self.me, self._options.seconds, changes)
        if self.error:
            self._log.info("the database is back")
        self.error, self._round_at = "", self._clock()
        self._take_over(table, switches or {})

    def _situation(self, table: LeaseTable, switches: Mapping[str, bool], now: float) -> Situation:
        """Called in the thread of the round, while nobody else looks at what it uses."""
        away = [switch for switch in self._held if not switches.get(switch, False)]
        self._lost_since = {switch: self._lost_since.get(switch, now) for switch in away}
        seconds = self._options.seconds
        is_late = self.error != "" or now - self._round_at > seconds * (1 - 1 / _ROUNDS_PER_LEASE)
        if is_late and (self._back_since is None or now - self._back_since > 2 * seconds):
            self._back_since = now  # others may have been as late as we are; but not for ever
        is_patient = self._back_since is not None and now - self._back_since < seconds
        free = [switch for switch in switches if is_free(table, switch, is_patient)]
        self._free_since = {switch: self._free_since.get(switch, now) for switch in free}
        live = frozenset(name for name, member in table.members.items() if member.is_live)
        if live != self._live:
            self._live, self._live_since = live, now
            self._needed.clear()
        return Situation(
            name=self.me.name,
            switches=switches.keys(),
            connected=[switch for switch, is_connected in switches.items() if is_connected],
            lost=[it for it, since in self._lost_since.items() if now - since >= self._options.seconds],
            spurned=[it for it, since in self._free_since.items() if now - since >= self._options.seconds],
            needed=self._needed,
            is_patient=is_patient,
            is_settled=now - self._live_since >= self._options.settle,
        )

    def _take_over(self, table: LeaseTable, switches: Mapping[str, bool]) -> None:
        owned = {switch: lease.epoch for switch, lease in table.leases.items() if lease.owner == self.me.name}
        for switch in self._held.keys() - owned.keys():
            del self._held[switch]
            self._needed.discard(switch)
            self._log.info("given up", switch=switch)
            self._on_lost(switch)
        share = -(-len(switches) // max(1, len(self._live)))
        for switch, epoch in sorted(owned.items()):
            if self._held.get(switch) != epoch:
                if len(self._held) >= share:
                    self._needed.add(switch)
                self._held[switch] = epoch
                self._log.info("owned", switch=switch, epoch=epoch)
                self._on_owned(switch, epoch)
        self._on_table(table)

    def _replaced(self, reason: str) -> None:
        """Somebody else has our name: it is as if we had left."""
        if not self.error:
            self._log.error("stands by for good", controller=self.me.name, reason=reason)
        self.error = reason
        for switch in list(self._held):
            del self._held[switch]
            self._on_lost(switch)
