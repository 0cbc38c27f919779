# SPDX-License-Identifier: Apache-2.0
"""Moves under way: which switches go first, which redirect, and for how long.

A move is under way from the revision that takes a port from a switch until every switch has realised that revision. The
port's new switch goes first. Only when it has realised the revision may old ones redirect to it. That is also why
redirects make no loop: whoever redirects sends to a switch that knew of that move (or of a later one) at that time, and
no switch ever goes back; so along a path of redirects each is about a later move than the one before, and no path
comes back to where it began (docs/adr/0012).

No I/O: the caller tells what departs, what is realised and what time it is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass

from p4vpc.compiler import Moved, vpc_of
from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelPort
from p4vpc.store import Departure


@dataclass(slots=True)
class _Arrival:
    """Where a port that has moved is now.

    Attributes:
        switch: None behind a foreign VTEP.
        revision: the first that we know it there.
        is_confirmed: the switch has realised that revision. Once it has, it stays so: redirects do not flicker.
        until: when it will have been waited for long enough (seconds); None: nobody has said yet.
        is_overdue: it was waited for long enough.
    """

    switch: str | None
    revision: int
    is_confirmed: bool
    until: float | None = None
    is_overdue: bool = False

    @property
    def awaited(self) -> str | None:
        """The switch, as long as it is waited for."""
        return None if self.is_confirmed or self.is_overdue else self.switch


@dataclass(frozen=True, slots=True)
class _Left:
    """A port has left a switch: by which revision, and when we heard of it (seconds)."""

    revision: int
    at: float


class Moves:
    """All moves under way.

    Args:
        clock: in seconds; never goes back.
        limit: seconds after which a switch stops to redirect, whether or not every other one has acknowledged.
    """

    def __init__(self, clock: Callable[[], float], limit: float):
        self._clock = clock
        self._limit = limit
        self._left: dict[tuple[ObjectId, str], _Left] = {}
        self._arrivals: dict[ObjectId, _Arrival] = {}

    def __bool__(self) -> bool:
        return bool(self._left)

    def follow(self, model: Model, departures: Iterable[Departure]) -> None:
        """Take up what has left since the last call, and where everything is by now."""
        now = self._clock()
        for departure in departures:
            self._left[departure.port, departure.switch] = _Left(departure.revision, now)
        ports = _ports(model, {port for port, _ in self._left})
        self._keep(lambda port, switch, _: port in ports and ports[port].switch != switch)
        for port in {port for port, _ in self._left}:
            it = ports[port]
            known = self._arrivals.get(port)
            if it.place is None:
                self._arrivals.pop(port, None)
            elif known is None or known.switch != it.switch:
                self._arrivals[port] = _Arrival(it.switch, model.revision, is_confirmed=it.switch is None)

    def acknowledge(self, revision: int) -> None:
        """Every switch has realised `revision`: the moves up to it are over."""
        self._keep(lambda _port, _switch, left: left.revision > revision)

    def expire(self) -> None:
        """Give up moves that somebody has not acknowledged for too long."""
        now = self._clock()
        self._keep(lambda _port, _switch, left: now - left.at < self._limit)

    def confirm(self, realised: Mapping[str, int]) -> None:
        """Take notice of which switch has realised which revision."""
        for arrival in self._arrivals.values():
            if arrival.switch is not None and realised.get(arrival.switch, 0) >= arrival.revision:
                arrival.is_confirmed = True

    def awaited(self, since: int = 0) -> dict[str, int]:
        """Return which switches shall realise which revision, later than `since`, before others hear of it."""
        revisions: dict[str, int] = {}
        for arrival in self._arrivals.values():
            if (switch := arrival.awaited) is not None and arrival.revision > since:
                revisions[switch] = max(arrival.revision, revisions.get(switch, 0))
        return revisions

    def bide(self, since: int, until: float) -> None:
        """Say until when those are waited for that shall realise a revision later than `since`."""
        for arrival in self._arrivals.values():
            if arrival.until is None and arrival.revision > since:
                arrival.until = until

    def late(self) -> Set[str]:
        """Return the switches that have not been ready at once, and are still waited for."""
        switches = (it.awaited for it in self._arrivals.values() if it.until is not None)
        return {switch for switch in switches if switch is not None}

    def held_back(self, model: Model, since: int = 0) -> Set[str]:
        """Return the switches that shall not hear yet of moves that are waited for, by revisions later than `since`.

        Those are all that have to do with the port's VPC: they would send to where it is not known yet. A new place is
        held back by older moves only, so that of all that are waited for the oldest can always go on.
        """
        oldest: dict[str, int] = {}
        for arrival in self._arrivals.values():
            if (switch := arrival.awaited) is not None:
                oldest[switch] = min(arrival.revision, oldest.get(switch, arrival.revision))
        left: defaultdict[ObjectId, set[str]] = defaultdict(set)
        for port, old in self._left:
            left[port].add(old)
        found: set[str] = set()
        for port, arrival in self._arrivals.items():
            vpc = model.vpcs.get(vpc_of(port))
            if arrival.awaited is None or arrival.revision <= since or vpc is None:
                continue
            around = {*vpc.switches, *vpc.candidate_switches, *left[port]} - {arrival.awaited}
            found |= {name for name in around if name not in oldest or oldest[name] > arrival.revision}
        return found

    def give_up(self, is_away: Callable[[str], bool]) -> Set[str]:
        """Never wait again for those that have had their time, or are away; return them."""
        now = self._clock()
        switches: set[str] = set()
        for arrival in self._arrivals.values():
            if (switch := arrival.awaited) is None or arrival.until is None:
                continue
            if arrival.until <= now or is_away(switch):
                arrival.is_overdue = True
                switches.add(switch)
        return switches

    def redirects(self) -> Mapping[str, Moved]:
        """Return which switches shall redirect for which ports now."""
        return self._by_switch(lambda arrival: arrival.is_confirmed)

    def prospects(self, since: int = 0) -> Mapping[str, Moved]:
        """Return which switches shall redirect for which ports if all comes true that is awaited later than `since`."""
        return self._by_switch(lambda it: it.is_confirmed or (not it.is_overdue and it.revision > since))

    def _by_switch(self, is_reachable: Callable[[_Arrival], bool]) -> Mapping[str, Moved]:
        found: defaultdict[str, set[ObjectId]] = defaultdict(set)
        for port, switch in self._left:
            arrival = self._arrivals.get(port)
            if arrival is not None and is_reachable(arrival):
                found[switch].add(port)
        return {switch: frozenset(ports) for switch, ports in found.items()}

    def _keep(self, is_kept: Callable[[ObjectId, str, _Left], bool]) -> None:
        self._left = {key: left for key, left in self._left.items() if is_kept(*key, left)}
        moving = {port for port, _ in self._left}
        self._arrivals = {port: arrival for port, arrival in self._arrivals.items() if port in moving}


def first_places(before: Model, after: Model, switches: Set[str]) -> Mapping[str, Set[str]]:
    """Return the VPCs that come to one of the switches for the first time, and to which.

    The VPC's other leaves take frames from there only when they know of it; where a port may turn up by announcing
    itself, they do already.
    """
    found: dict[str, Set[str]] = {}
    for key, vpc in after.vpcs.items():
        known = before.vpcs.get(key)
        if known is not None and known is not vpc:
            new = (vpc.switches & switches) - known.switches - known.candidate_switches
            if new:
                found[key] = new
    return found


def _ports(model: Model, wanted: set[ObjectId]) -> Mapping[ObjectId, ModelPort]:
    vpcs = (model.vpcs[key] for key in {vpc_of(port) for port in wanted} & model.vpcs.keys())
    return {port.id: port for vpc in vpcs for port in vpc.ports if port.id in wanted}
