# SPDX-License-Identifier: Apache-2.0
"""The underlay: routes to every VTEP and to every prefix behind a neighbour, over all shortest paths.

Each next hop watches its port: while the port is down the switch leaves it out by itself, before the controller knows.

Writes `underlay_routes`, and in egress `neighbors`.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

from p4vpc.compiler.entries import ActionCall, ActionSet, Exact, Lpm, Origin, TableEntry, WeightedAction
from p4vpc.compiler.pieces import Emitted
from p4vpc.model import Model, ModelSwitch


def emit_switch(model: Model, switch: ModelSwitch) -> Emitted:
    """Yield the switch's routes and neighbours."""
    for end in model.fabric_ports[switch.name]:
        rewrite = ActionCall("set_neighbor", (switch.router_mac.value, end.peer_mac.value))
        yield TableEntry("neighbors", (Exact(end.port),), 0, rewrite), end.link
    paths = shortest_paths(model, switch.name)
    for name, leaf in model.leaf_vteps.items():
        if name != switch.name and name in paths:
            yield _route(IPv4Network(leaf.address), paths[name][1]), model.switches[name].id
    yield from _prefixes(model, paths)


def shortest_paths(model: Model, source: str) -> Mapping[str, tuple[int, frozenset[int]]]:
    """Return for each switch in reach its distance in hops and the source's ports on shortest paths to it."""
    distance = {source: 0}
    ports: dict[str, set[int]] = defaultdict(set)
    queue = deque([source])
    while queue:
        here = queue.popleft()
        for end in model.fabric_ports[here]:
            there = end.peer_switch
            if there is None:
                continue
            if there not in distance:
                distance[there] = distance[here] + 1
                queue.append(there)
            if distance[there] == distance[here] + 1:
                ports[there] |= {end.port} if here == source else ports[here]
    return {name: (hops, frozenset(ports[name])) for name, hops in distance.items()}


def _prefixes(model: Model, paths: Mapping[str, tuple[int, frozenset[int]]]) -> Emitted:
    """Yield routes to the prefixes of neighbours: of those that announce one prefix, the nearest."""
    ways: dict[IPv4Network, list[tuple[int, frozenset[int], Origin]]] = defaultdict(list)
    for name, (hops, ports) in paths.items():
        for end in model.fabric_ports[name]:
            for prefix in end.prefixes:
                ways[prefix].append((hops, ports or frozenset({end.port}), end.link))
    for prefix, found in ways.items():
        nearest = min(hops for hops, _, _ in found)
        best = [(ports, link) for hops, ports, link in found if hops == nearest]
        route = _route(prefix, frozenset[int]().union(*(ports for ports, _ in best)))
        for _, link in best:
            yield route, link


def _route(prefix: IPv4Network, ports: Iterable[int]) -> TableEntry:
    members = tuple(WeightedAction(ActionCall("set_next_hop", (port,)), 1, port) for port in sorted(ports))
    return TableEntry("underlay_routes", (Lpm(int(prefix.network_address), prefix.prefixlen),), 0, ActionSet(members))
