# SPDX-License-Identifier: Apache-2.0
"""Shortest paths from one switch, found in the plainest way: what ways are compared with."""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping

from p4vpc.intent import ObjectId
from p4vpc.model import Model


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
