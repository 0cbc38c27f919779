# SPDX-License-Identifier: Apache-2.0
"""How far every switch is from a destination, over links that are not down.

Distances are kept by destination: a link that comes or goes changes those to few of them, and the others are the same
objects before and after (docs/adr/0022).
"""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from p4vpc.intent import ObjectId
from p4vpc.model import Model

Hops: TypeAlias = Sequence[int]
"""Distance in links from each switch, by its number."""

FAR = 0xFFFF
"""No path."""


class Distances:
    """Hops over the links of a model without those in `without`, found as they are asked for."""

    def __init__(self, model: Model, without: Collection[ObjectId] = ()):
        self.without = frozenset(without)
        self.numbers = {name: number for number, name in enumerate(model.switches)}
        self._model = model
        self._links = [list(self._alive(name)) for name in model.switches]
        self._hops: dict[str, Hops] = {}

    def _alive(self, name: str) -> Iterator[tuple[int, int]]:
        """Yield the port and the far switch's number of each link that counts."""
        for end in self._model.fabric_ports[name]:
            if end.peer_switch is not None and end.link not in self.without:
                yield end.port, self.numbers[end.peer_switch]

    def links(self, number: int) -> Sequence[tuple[int, int]]:
        """The port and the far switch of each link of a switch."""
        return self._links[number]

    def to(self, destination: str) -> Hops:
        """The distance from each switch; `FAR` where there is no path."""
        found = self._hops.get(destination)
        if found is None:
            found = self._hops[destination] = self._search(self.numbers[destination])
        return found

    def _search(self, destination: int) -> Hops:
        hops = array("H", [FAR]) * len(self.numbers)
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

    def after(self, without: Collection[ObjectId]) -> "Distances":
        """Return those without other links. What is as far as before from everywhere is not searched for again."""
        result = Distances(self._model, without)
        ends = link_ends(self._model, self.without ^ result.without)
        pairs = [tuple(self.numbers[name] for name in names) for names in ends.values() if len(names) > 1]
        for destination, hops in self._hops.items():
            if all(result._keeps(hops, one, other) for one, other in pairs):
                result._hops[destination] = hops
        return result

    def _keeps(self, hops: Hops, one: int, other: int) -> bool:
        """Whether distances hold at both ends of a link that has come or gone."""
        near, far = sorted((one, other), key=hops.__getitem__)
        if hops[far] == hops[near]:
            return True
        if hops[far] == FAR or hops[far] > hops[near] + 1:
            return False
        return any(hops[beyond] + 1 == hops[far] for _, beyond in self._links[far])


def link_ends(model: Model, links: Collection[ObjectId]) -> Mapping[ObjectId, Sequence[str]]:
    """Return the switches at which links end: two, or one if what is beyond is not ours."""
    found: dict[ObjectId, list[str]] = {}
    if links:
        for name, ends in model.fabric_ports.items():
            for end in ends:
                if end.link in links:
                    found.setdefault(end.link, []).append(name)
    return found
