# SPDX-License-Identifier: Apache-2.0
"""The ways from one switch over the underlay: to every other switch, and to every prefix behind a neighbour.

All shortest paths count. Of neighbours that announce one prefix the nearest are taken; an address is reached as the
switches on the way would route it, by the longest prefix that holds it.

Links that are down count only for what cannot be reached without them: if what we know of them is wrong, nothing is
lost, and if it is right, nothing more is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from functools import cached_property
from typing import NamedTuple

from p4vpc.compiler.distances import FAR, Distances, Hops, Shift
from p4vpc.compiler.entries import Origin
from p4vpc.intent import IpAddress, IpNetwork, ObjectId
from p4vpc.model import FabricPort, Model, Vtep


class Way(NamedTuple):
    """Ports of the switch through which something is reached, all equally good, and the links that announce it."""

    ports: frozenset[int]
    links: tuple[Origin, ...]


NO_PORTS: frozenset[int] = frozenset()


class OtherWays(NamedTuple):
    """What may be reached in another way than before, at the switches that there were and still are.

    Attributes:
        to: by switch the destinations to which its ways may be other ones, or that it may be transit for or be no more.
            Destinations that come or go are not in it.
        prefixes: the switches that may reach prefixes behind neighbours in another way.
    """

    to: Mapping[str, Set[str]]
    prefixes: Set[str]


SAME_WAYS = OtherWays({}, frozenset())
"""Nothing is reached in another way."""


class Paths:
    """What the ways of all switches have in common: the distances, with all links and without those that are down."""

    def __init__(self, model: Model, down_links: Collection[ObjectId] = ()):
        self.model = model
        self.wired = Distances(model)
        self.alive = Distances(model, down_links) if down_links else self.wired

    def after(self, model: Model, down_links: Collection[ObjectId]) -> tuple["Paths", "OtherWays"]:
        """Return those of another model, or with other links down, and which ways may be other ones then."""
        result: Paths = object.__new__(Paths)
        result.model = model
        steps = []
        known = self.model.leaf_vteps.keys() | self.announcing.keys()
        result.wired = self.wired
        if self.model.fabric_ports != model.fabric_ports:
            self.wired.find(known)
            result.wired, shift = self.wired.after(model, ())
            steps.append((self.wired, result.wired, shift))
        result.alive = result.wired
        if down_links or self.alive is not self.wired:
            self.alive.find(known)
            alive, shift = self.alive.after(model, down_links)
            steps.append((self.alive, alive, shift))
            if down_links:
                result.alive = alive
        return result, _other_ways(self, result, steps)

    @cached_property
    def announcing(self) -> Mapping[str, tuple[tuple[int, Origin, tuple[IpNetwork, ...]], ...]]:
        """The switches that have neighbours which announce something: port, link and prefixes of each."""
        found = {
            name: tuple((end.port, end.link, end.prefixes) for end in ends if end.prefixes)
            for name, ends in self.model.fabric_ports.items()
        }
        return {name: ends for name, ends in found.items() if ends}

    def that_count(self, switch: str, destination: str) -> Distances:
        """The distances that a switch goes by: those of links that are up, if they lead there at all."""
        number = self.alive.numbers[switch]
        return self.alive if self.alive.to(destination)[number] != FAR else self.wired


class Ways:
    """Everything that one switch reaches. Nothing is computed before it is asked for.

    Args:
        paths: those of the model and the links, if somebody has them.
    """

    def __init__(self, model: Model, switch: str, down_links: Collection[ObjectId] = (), paths: Paths | None = None):
        self._paths = paths or Paths(model, down_links)
        self._switch = switch
        self._ends = model.fabric_ports[switch]
        self._found: dict[IpAddress, frozenset[int]] = {}

    @cached_property
    def prefixes(self) -> Mapping[IpNetwork, Way]:
        """The prefixes behind neighbours, with the ways to the nearest neighbours that announce them."""
        paths = self._paths
        wired = self._reached(paths.wired)
        return wired if paths.alive is paths.wired else {**wired, **self._reached(paths.alive)}

    def _reached(self, over: Distances) -> Mapping[IpNetwork, Way]:
        found: dict[IpNetwork, list[tuple[int, frozenset[int], Origin]]] = defaultdict(list)
        for name, ends in self._paths.announcing.items():
            hops = over.to(name)[over.numbers[self._switch]]
            if hops == FAR:
                continue
            ports = over.ports(self._switch, name)
            for port, link, prefixes in ends:
                if link not in over.without:
                    for prefix in prefixes:
                        found[prefix].append((hops, ports or frozenset({port}), link))
        return {prefix: _nearest(ways) for prefix, ways in found.items()}

    def to_switch(self, name: str) -> frozenset[int]:
        """Return the ports on shortest paths to another switch; none if there is no path."""
        return self._paths.that_count(self._switch, name).ports(self._switch, name)

    def to_vtep(self, vtep: Vtep) -> frozenset[int]:
        """Return the ports towards a tunnel's far end: a leaf of ours, or a foreign VTEP behind some neighbour."""
        if vtep.switch is not None:
            return self.to_switch(vtep.switch)
        if vtep.address not in self._found:
            holders = [prefix for prefix in self.prefixes if vtep.address in prefix]
            longest = max(holders, key=lambda prefix: prefix.prefixlen, default=None)
            self._found[vtep.address] = NO_PORTS if longest is None else self.prefixes[longest].ports
        return self._found[vtep.address]

    @cached_property
    def _neighbors(self) -> Set[str]:
        return {end.peer_switch for end in self._ends if end.peer_switch is not None}

    @cached_property
    def _is_border(self) -> bool:
        return _is_border(self._ends)

    def transit_to(self, names: Iterable[str]) -> Iterable[str]:
        """Return those of the switches that `is_transit` is true of; while no link is down, without much ado."""
        if self._is_border:
            return names
        alive = self._paths.alive
        if alive is not self._paths.wired:
            return [name for name in names if self.is_transit(name)]
        here, beside = alive.numbers[self._switch], [alive.numbers[name] for name in self._neighbors]
        found = []
        for name in names:
            hops = alive.to(name)
            beyond = hops[here] + 1
            if any(hops[number] == beyond for number in beside):
                found.append(name)
        return found

    def is_transit(self, name: str) -> bool:
        """Whether somebody sends what is for another switch through this one: a neighbour of ours, or whoever else."""
        if self._is_border:
            return True
        here = self._paths.alive.numbers[self._switch]
        for neighbor in self._neighbors:
            over = self._paths.that_count(neighbor, name)
            hops, there = over.to(name), over.numbers[neighbor]
            if hops[here] + 1 == hops[there] and any(far == here for _, far in over.links(there)):
                return True
        return False


def _other_ways(old: Paths, new: Paths, steps: Sequence[tuple[Distances, Distances, Shift]]) -> OtherWays:
    both = old.model.switches.keys() & new.model.switches.keys()
    to: defaultdict[str, set[str]] = defaultdict(set)
    kept = (old.model.leaf_vteps.keys() | old.announcing.keys()) & (new.model.leaf_vteps.keys() | new.announcing.keys())
    kept &= both
    for before, after, shift in steps:
        step = _Step(before, after, shift, is_last=after is steps[-1][1])
        for destination in kept:
            for number in step.concerned(destination, (old.wired, new.wired)):
                name = after.names.get(number)
                if name in both:
                    to[name].add(destination)
    for name in both:
        one, other = old.model.fabric_ports[name], new.model.fabric_ports[name]
        if one is not other and _is_border(one) != _is_border(other):
            to[name] |= new.model.leaf_vteps.keys() | old.model.leaf_vteps.keys()
    announcing = old.announcing.keys() | new.announcing.keys()
    prefixes = {name for name, destinations in to.items() if not destinations.isdisjoint(announcing)}
    differing = old.alive.without ^ new.alive.without
    if old.announcing != new.announcing or any(
        link in differing for ends in new.announcing.values() for _, link, _ in ends
    ):
        prefixes |= both
    return OtherWays(to, prefixes)


class _Step(NamedTuple):
    """Distances that differ. `is_last`: they are those of the links that are up."""

    before: Distances
    after: Distances
    shift: Shift
    is_last: bool

    def concerned(self, destination: str, wired: Iterable[Distances]) -> Set[int]:
        """Return the switches that may reach a destination by other ports, or be transit to it or be no more."""
        one, other = self.before.to(destination), self.after.to(destination)
        moved = self.shift.moved.get(destination, frozenset[int]())
        found = set(moved)
        beside: set[int] = set()
        for hops, legs in ((one, self.shift.gone), (other, self.shift.come)):
            for near, _, far in legs:
                if hops[far] + 1 == hops[near]:
                    found.add(near)
                    beside.add(far)
        for number in moved:
            was, now = _at(one, number), _at(other, number)
            for far in {far for it in wired for _, far in it.links(number)} - found:
                far_was, far_now = _at(one, far), _at(other, far)
                if (was + 1 == far_was) != (now + 1 == far_now):
                    found.add(far)
                elif FAR in (was, now) or (far_was + 1 == was) != (far_now + 1 == now):
                    beside.add(far)
        return found | {number for number in beside - found if not self._stays_transit(number, one, other)}

    def _stays_transit(self, number: int, one: Hops, other: Hops) -> bool:
        """Whether a neighbour sends through a switch before and after: then no other one makes a difference."""
        if not self.is_last:
            return False
        kept = (leg for leg in self.after.links(number) if (number, *leg) not in self.shift.come)
        beyond, beyond_after = _at(one, number) + 1, _at(other, number) + 1
        return any(_at(one, far) == beyond and _at(other, far) == beyond_after for _, far in kept)


def _at(hops: Hops, number: int) -> int:
    return hops[number] if number < len(hops) else FAR


def _is_border(ends: Iterable[FabricPort]) -> bool:
    return any(end.peer_switch is None for end in ends)


def _nearest(ways: Iterable[tuple[int, frozenset[int], Origin]]) -> Way:
    known = list(ways)
    least = min(hops for hops, _, _ in known)
    best = [(ports, link) for hops, ports, link in known if hops == least]
    return Way(NO_PORTS.union(*(ports for ports, _ in best)), tuple(link for _, link in best))
