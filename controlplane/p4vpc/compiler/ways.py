# SPDX-License-Identifier: Apache-2.0
"""The ways from one switch over the underlay: to every other switch, and to every prefix behind a neighbour.

All shortest paths count. Of neighbours that announce one prefix the nearest are taken; an address is reached as the
switches on the way would route it, by the longest prefix that holds it.

Links that are down count only for what cannot be reached without them: if what we know of them is wrong, nothing is
lost, and if it is right, nothing more is.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import NamedTuple

from p4vpc.compiler.entries import Origin
from p4vpc.intent import IpAddress, IpNetwork, ObjectId
from p4vpc.model import Model, Vtep


class Way(NamedTuple):
    """Ports of the switch through which something is reached, all equally good, and the links that announce it."""

    ports: frozenset[int]
    links: tuple[Origin, ...]


NO_PORTS: frozenset[int] = frozenset()


class Ways:
    """Everything that one switch reaches. Nothing is computed before it is asked for."""

    def __init__(self, model: Model, switch: str, down_links: Collection[ObjectId] = ()):
        self._wired = _Reach(model, switch, ())
        self._alive = _Reach(model, switch, down_links) if down_links else self._wired
        self._found: dict[IpAddress, frozenset[int]] = {}

    @cached_property
    def prefixes(self) -> Mapping[IpNetwork, Way]:
        """The prefixes behind neighbours, with the ways to the nearest neighbours that announce them."""
        return {**self._wired.prefixes, **self._alive.prefixes}

    def to_switch(self, name: str) -> frozenset[int]:
        """Return the ports on shortest paths to another switch; none if there is no path."""
        found = self._alive.paths.get(name) or self._wired.paths.get(name)
        return found[1] if found is not None else NO_PORTS

    def to_vtep(self, vtep: Vtep) -> frozenset[int]:
        """Return the ports towards a tunnel's far end: a leaf of ours, or a foreign VTEP behind some neighbour."""
        if vtep.switch is not None:
            return self.to_switch(vtep.switch)
        if vtep.address not in self._found:
            holders = [prefix for prefix in self.prefixes if vtep.address in prefix]
            longest = max(holders, key=lambda prefix: prefix.prefixlen, default=None)
            self._found[vtep.address] = NO_PORTS if longest is None else self.prefixes[longest].ports
        return self._found[vtep.address]


class _Reach:
    """What is reached without the links of one set."""

    def __init__(self, model: Model, switch: str, without: Collection[ObjectId]):
        self._model = model
        self._switch = switch
        self._without = without

    @cached_property
    def paths(self) -> Mapping[str, tuple[int, frozenset[int]]]:
        return shortest_paths(self._model, self._switch, self._without)

    @cached_property
    def prefixes(self) -> Mapping[IpNetwork, Way]:
        found: dict[IpNetwork, list[tuple[int, frozenset[int], Origin]]] = defaultdict(list)
        for name, (hops, ports) in self.paths.items():
            for end in self._model.fabric_ports[name]:
                if end.link not in self._without:
                    for prefix in end.prefixes:
                        found[prefix].append((hops, ports or frozenset({end.port}), end.link))
        return {prefix: _nearest(ways) for prefix, ways in found.items()}


def shortest_paths(
    model: Model, source: str, without: Collection[ObjectId] = ()
) -> Mapping[str, tuple[int, frozenset[int]]]:
    """Return for each switch in reach its distance in hops and the source's ports on shortest paths to it.

    Links in `without` are passed over.
    """
    distance = {source: 0}
    ports: dict[str, set[int]] = defaultdict(set)
    queue = deque([source])
    while queue:
        here = queue.popleft()
        for end in model.fabric_ports[here]:
            there = end.peer_switch
            if there is None or end.link in without:
                continue
            if there not in distance:
                distance[there] = distance[here] + 1
                queue.append(there)
            if distance[there] == distance[here] + 1:
                ports[there] |= {end.port} if here == source else ports[here]
    return {name: (hops, frozenset(ports[name])) for name, hops in distance.items()}


def _nearest(ways: list[tuple[int, frozenset[int], Origin]]) -> Way:
    least = min(hops for hops, _, _ in ways)
    best = [(ports, link) for hops, ports, link in ways if hops == least]
    return Way(NO_PORTS.union(*(ports for ports, _ in best)), tuple(link for _, link in best))
