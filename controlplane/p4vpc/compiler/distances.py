# SPDX-License-Identifier: Apache-2.0
"""How far every switch is from a destination, over links that are not down.

Distances are kept by destination: a link that comes or goes changes those to few of them, and the others are the same
objects before and after (docs/adr/0022). So are the numbers of switches: one that goes leaves a hole, which a later one
fills, and what is known of the others stays where it is (docs/adr/0027).
"""

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple, TypeAlias

from p4vpc.intent import ObjectId
from p4vpc.model import FabricPort, Model

Hops: TypeAlias = Sequence[int]
"""Distance in links from each switch, by its number; where there is none, `FAR`."""

FAR = 0xFFFF
"""No path."""

Leg: TypeAlias = tuple[int, int, int]
"""A link as one of its ends sees it: the switch, its port, the far switch."""


class Shift(NamedTuple):
    """How distances differ from those before.

    Attributes:
        gone, come: the legs that only one of the two has.
        moved: the switches that are not as far as before from a destination, where there are any.
    """

    gone: Set[Leg]
    come: Set[Leg]
    moved: Mapping[str, Set[int]]


class Distances:
    """Hops over the links of a model without those in `without`, found as they are asked for."""

    def __init__(self, model: Model, without: Collection[ObjectId] = ()):
        self.without = frozenset(without)
        self.numbers = {name: number for number, name in enumerate(model.switches)}
        self.names = dict(enumerate(model.switches))
        self._fabric_ports = model.fabric_ports
        self._size = len(self.numbers)
        self._links: list[Sequence[tuple[int, int]]] = [tuple(self._alive(name)) for name in model.switches]
        self._hops: dict[str, array[int]] = {}

    def _alive(self, name: str) -> Iterator[tuple[int, int]]:
        """Yield the port and the far switch's number of each link that counts."""
        for end in self._fabric_ports[name]:
            if end.peer_switch is not None and end.link not in self.without:
                yield end.port, self.numbers[end.peer_switch]

    def links(self, number: int) -> Sequence[tuple[int, int]]:
        """The port and the far switch of each link of a switch; none if there is no such switch."""
        return self._links[number] if number < self._size else ()

    def to(self, destination: str) -> Hops:
        """The distance from each switch; `FAR` where there is no path."""
        found = self._hops.get(destination)
        if found is None:
            found = self._hops[destination] = self._search(self.numbers[destination])
        return found

    def find(self, destinations: Iterable[str]) -> None:
        """Find the distances to these now: what is not known cannot be compared with later ones."""
        for destination in destinations:
            self.to(destination)

    def _search(self, destination: int) -> "array[int]":
        hops = array("H", [FAR]) * self._size
        hops[destination] = distance = 0
        here = [destination]
        while here:
            distance += 1
            beyond = []
            for number in here:
                for _, far in self._links[number]:
                    if hops[far] == FAR:
                        hops[far] = distance
                        beyond.append(far)
            here = beyond
        return hops

    def ports(self, switch: str, destination: str) -> frozenset[int]:
        """The switch's ports on shortest paths; none if there is no path, or nothing to go."""
        hops, number = self.to(destination), self.numbers[switch]
        return frozenset(port for port, far in self._links[number] if hops[far] + 1 == hops[number])

    def after(self, model: Model, without: Collection[ObjectId]) -> tuple["Distances", Shift]:
        """Return those of another model, or without other links. What was found is brought up to date, not found again.

        Distances to a destination that are the same from everywhere are the same object, unless there are more
        switches.
        """
        result: Distances = object.__new__(Distances)
        before, after = self._fabric_ports, model.fabric_ports
        result.without, result._fabric_ports = frozenset(without), after
        result._number(self)
        touched = _at_links(before, self.without ^ result.without) | _at_links(after, self.without ^ result.without)
        if before is not after:
            touched |= {name for name in before.keys() | after.keys() if before.get(name) is not after.get(name)}
        result._links = [*self._links, *([()] * (result._size - self._size))]
        gone: set[Leg] = set()
        come: set[Leg] = set()
        for name in touched:
            number = self.numbers[name] if name in self.numbers else result.numbers[name]
            old = self._links[number] if name in self.numbers else ()
            new = tuple(result._alive(name)) if name in result.numbers else ()
            result._links[number] = new
            gone |= {(number, *leg) for leg in old} - {(number, *leg) for leg in new}
            come |= {(number, *leg) for leg in new} - {(number, *leg) for leg in old}
        moved: dict[str, Set[int]] = {}
        result._hops = {}
        for destination, hops in self._hops.items():
            if destination in result.numbers:
                result._hops[destination], some = result._repaired(hops, gone, come)
                if some:
                    moved[destination] = some
        return result, Shift(gone, come, moved)

    def _number(self, before: "Distances") -> None:
        """Keep the numbers of switches that stay, and give others to those that come."""
        names = self._fabric_ports.keys()
        if names == before.numbers.keys():
            self.numbers, self.names, self._size = before.numbers, before.names, before._size
            return
        self.numbers = {name: number for name, number in before.numbers.items() if name in names}
        self._size = before._size
        # Not those of switches that go now: what is compared with before has one meaning for each number.
        free = sorted(set(range(before._size)) - before.names.keys(), reverse=True)
        for name in (name for name in names if name not in before.numbers):
            if not free:
                free.append(self._size)
                self._size += 1
            self.numbers[name] = free.pop()
        self.names = {number: name for name, number in self.numbers.items()}

    def _repaired(self, hops: "array[int]", gone: Set[Leg], come: Set[Leg]) -> tuple["array[int]", Set[int]]:
        """Return the distances when some links have gone and others have come, and for whom they are not the same."""
        grown = hops if len(hops) == self._size else hops + array("H", [FAR]) * (self._size - len(hops))
        lost = self._lost(grown, gone)
        if not lost and all(grown[far] + 1 >= grown[number] for number, _, far in come):
            return grown, frozenset()
        fixed = grown[:]
        for number in lost:
            fixed[number] = FAR
        legs = chain(come, ((number, port, far) for number in lost for port, far in self._links[number]))
        queue = sorted({(fixed[far] + 1, number) for number, _, far in legs if fixed[far] + 1 < fixed[number]})
        nearer = set()
        while queue:
            distance, number = heappop(queue)
            if distance < fixed[number]:
                fixed[number] = distance
                nearer.add(number)
                for _, far in self._links[number]:
                    if distance + 1 < fixed[far]:
                        heappush(queue, (distance + 1, far))
        moved = {number for number in lost | nearer if fixed[number] != grown[number]}
        return (fixed if moved else grown), moved

    def _lost(self, hops: Hops, gone: Iterable[Leg]) -> Set[int]:
        """Return the switches that have no neighbour left which is nearer, from the nearest on."""
        lost: set[int] = set()
        queue = sorted({(hops[number], number) for number, _, far in gone if hops[far] + 1 == hops[number]})
        while queue:
            distance, number = heappop(queue)
            links = self._links[number]
            if number in lost or any(hops[far] + 1 == distance and far not in lost for _, far in links):
                continue
            lost.add(number)
            for _, far in links:
                if hops[far] == distance + 1:
                    heappush(queue, (distance + 1, far))
        return lost


def _at_links(fabric_ports: Mapping[str, Iterable[FabricPort]], links: Collection[ObjectId]) -> set[str]:
    """Return the switches at which one of the links ends."""
    return {name for name, ends in fabric_ports.items() if any(end.link in links for end in ends)} if links else set()
