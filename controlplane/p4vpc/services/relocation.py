# SPDX-License-Identifier: Apache-2.0
"""Ports that move: their new switches first, then the others, and what old switches redirect meanwhile.

Until the new switch of a port is ready, nobody else who has to do with the port's VPC shall hear of the move. One that
answers is ready at once, and is simply waited for. One that is slow holds up nobody but those: they are held
(`Fleet.hold`) at the revision before until it is ready, has gone away, or has had its time; every other switch gets
this revision and all that come after it (docs/adr/0031). Who moves, and who may redirect, is known to `moves`.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

import structlog

from p4vpc.compiler import NOBODY, Compilation, Input, Moved
from p4vpc.model import Model
from p4vpc.services.damping import DampingOptions
from p4vpc.services.fleet import Fleet
from p4vpc.services.moves import Moves, first_places
from p4vpc.services.progress import Progress
from p4vpc.services.rerouting import TIER_SECONDS, Recompile
from p4vpc.store import Departure

_GRACE_ELSEWHERE_SECONDS = 1.0
"""That another controller's switch is ready is heard by way of the database."""


@dataclass(frozen=True, slots=True)
class MobilityOptions:
    """Times in seconds.

    Attributes:
        patience: how long switches that have to do with a port that moves are held at the revision before, while the
            port's new switch is not ready.
        grace: how long everything waits for a new switch. One that answers is ready by then.
        redirect_limit: how long the old one redirects if some switch does not acknowledge.
        damping: how often a port may be moved by what it announces.
    """

    patience: float = 5.0
    grace: float = 0.25
    redirect_limit: float = 600.0
    damping: DampingOptions = field(default_factory=DampingOptions)


class Relocation:
    """Leads revisions that move ports to the switches.

    Args:
        options: its times.
        fleet, progress: see there.
        recompile: a compilation for another input.
    """

    def __init__(self, options: MobilityOptions, fleet: Fleet, progress: Progress, recompile: Recompile):
        self._options = options
        self._fleet = fleet
        self._progress = progress
        self._recompile = recompile
        self._moves = Moves(time.monotonic, options.redirect_limit)
        self._log = structlog.get_logger().bind(switch="-")

    def __bool__(self) -> bool:
        """Whether any move is under way."""
        return bool(self._moves)

    def follow(self, model: Model, departures: Iterable[Departure]) -> Mapping[str, Moved]:
        """Take up what has left by now; return the redirects to compile with, as if all that is new came true."""
        self._moves.follow(model, departures)
        since = self._progress.compiled_revision
        # The new place of one port may be the old one of another: it goes first, and redirects only to what is ready.
        confirmed = self._moves.redirects()
        ahead = {switch: confirmed.get(switch, NOBODY) for switch in self._moves.awaited(since)}
        return {**self._moves.prospects(since), **ahead}

    def acknowledge(self, revision: int) -> None:
        """Every switch has realised `revision`: the moves up to it are over."""
        self._moves.acknowledge(revision)

    def seconds_to_next(self, now: float) -> float | None:
        """When there is something to do although nothing is heard; None if there is not."""
        ends = [hold.until for hold in self._fleet.held.values()]
        return min(ends) - now if ends else None

    async def lead(self, compiled: Compilation) -> Compilation:
        """Hand a revision to the new places in it, and wait a little; return what the others shall be given (`give`).

        Who must not hear of it yet is held from now on.
        """
        since, began = self._progress.compiled_revision, time.monotonic()
        places = self._moves.awaited(since).keys() & compiled.states.keys()
        patience = self._options.patience + self._lease_seconds(places)
        if places:
            await self._announce_places(compiled, places)
            # One that older moves hold gets it in its turn.
            ahead = places - (self._fleet.held.keys() & self._moves.held_back(compiled.input.model))
            self._fleet.hand_to(ahead, compiled)
            await self._wait_for(ahead - self._moves.late(), self._grace(places, patience))
        self._moves.bide(since, began + patience)
        self._give_up()
        after = await self._with_redirects(compiled)
        held = self._moves.held_back(after.input.model, since) & self._fleet.keys() - self._fleet.held.keys()
        held = {name for name in held if self._fleet[name].agent.given_revision}
        if held:
            self._log.warning(
                "switches wait, as ports move to where nothing is ready yet",
                waiting=sorted(held),
                switches=sorted(self._moves.awaited(since)),
            )
            self._fleet.hold(held, since, began + patience)
        return after

    def give(self, names: Set[str], compiled: Compilation) -> None:
        """Hand something to those of the switches that are not held; the others get it when they are held no longer."""
        self._fleet.hand_to(names - self._fleet.held.keys(), compiled)

    async def run_once(self) -> None:
        """Let switches redirect as soon as there is somebody to redirect to, and as long as somebody may need it.

        Those that are held are let go of as soon as nothing that they wait for is left.
        """
        before = self._progress.compiled
        if before is None:
            return
        self._moves.expire()
        self._confirm()
        self._give_up()
        after = before
        try:
            after = await self._with_redirects(before)
        except Exception:  # what is held must be let go of all the same
            self._log.exception("unexpected error, please report it")
        self._progress.compiled = after
        if after is not before:
            self.give(after.changed.keys(), after)
        self._let_go(after)

    def _let_go(self, compiled: Compilation) -> None:
        if not self._fleet.held:
            return
        back, now = self._moves.held_back(compiled.input.model), time.monotonic()
        free = [name for name, hold in self._fleet.held.items() if name not in back or hold.until <= now]
        if free:
            self._fleet.hand_to(free, compiled)
            self._progress.notify()

    async def _announce_places(self, compiled: Compilation, ahead: Set[str]) -> None:
        """Let a VPC's leaves take frames from one that is new to it, before a port sends from there (ADR 22)."""
        before = self._progress.compiled
        places = first_places(before.input.model, compiled.input.model, ahead) if before is not None else {}
        if before is None or not places:
            return
        it = before.input
        prepared = await self._recompile(before, Input(it.model, it.moved, it.down_links, places))
        there = prepared.changed.keys() & self._fleet.keys()  # a leaf may be gone with the port that was its last
        there -= self._fleet.held.keys()  # what was prepared knows of what they shall not hear yet
        self._fleet.hand_to(there, prepared)
        await self._fleet.settled(there, it.model.revision, TIER_SECONDS)

    def _lease_seconds(self, places: Set[str]) -> float:
        """How much longer is waited for new places of other controllers: their owner may have died just now."""
        cluster = self._fleet.cluster
        return cluster.lease_seconds if cluster is not None and self._are_elsewhere(places) else 0.0

    def _are_elsewhere(self, places: Set[str]) -> bool:
        cluster = self._fleet.cluster
        return cluster is not None and any(cluster.owner(switch) != cluster.name for switch in places)

    def _grace(self, places: Set[str], patience: float) -> float:
        if self._progress.compiled is None:  # nobody has anything yet that could be held
            return patience
        grace = self._options.grace
        return min(patience, max(grace, _GRACE_ELSEWHERE_SECONDS) if self._are_elsewhere(places) else grace)

    async def _wait_for(self, places: Set[str], seconds: float) -> None:
        """Wait until new places are ready, not for longer, and not for those that are known to be away."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self._confirm()
                    if all(map(self._fleet.is_away, places & self._moves.awaited().keys())):
                        return
                    await self._progress.changed()

    def _confirm(self) -> None:
        self._moves.confirm(self._fleet.realised(self._moves.awaited().keys()))

    def _give_up(self) -> None:
        switches = self._moves.give_up(self._fleet.is_away)
        if switches:
            self._log.warning("ports move to where nothing is ready yet", switches=sorted(switches))

    async def _with_redirects(self, compiled: Compilation) -> Compilation:
        """Return it with the redirects that are right at the moment."""
        moved = {name: ports for name, ports in self._moves.redirects().items() if name in compiled.states}
        if compiled.input.moved == moved:
            return compiled
        return await self._recompile(compiled, Input(compiled.input.model, moved, compiled.input.down_links))
