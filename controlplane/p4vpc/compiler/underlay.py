# SPDX-License-Identifier: Apache-2.0
"""The underlay: the ways of this switch's own tunnels, and routes for what it only passes on.

A tunnel's frames leave by `tunnel_next_hops`: towards a leaf of ours over all shortest paths, towards a foreign VTEP as
the longest prefix that holds its address. `underlay_routes_*` are for transit: to every prefix behind a neighbour, and
to every VTEP that somebody sends to through this switch (docs/adr/0022). Each of several next hops watches its port:
while the port is down the switch leaves it out by itself, before the controller knows. A single one watches nothing, as
nothing is left to go over instead: BMv2 divides by the number of members whose port is up, and would end at the next
frame (docs/adr/0009; `southbound.spare` says what it gets of several). What cannot be reached has no entry.

Writes `tunnel_next_hops`, `underlay_routes_v4`, `underlay_routes_v6`, and in egress `neighbors`.
"""

from collections.abc import Iterable
from ipaddress import ip_network

from p4vpc.compiler.entries import ActionCall, ActionSet, Exact, Lpm, Origin, TableEntry, WeightedAction
from p4vpc.compiler.family import of_family
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.ways import Ways
from p4vpc.intent import IpNetwork
from p4vpc.model import FabricPort, Model, ModelPort, ModelSwitch, Vtep

MOST_NEXT_HOPS = 64
"""What a group of the pipeline's selectors holds; a spine whose link has died would go round over all other leaves."""


def emit_switch(switch: ModelSwitch, ends: Iterable[FabricPort]) -> Emitted:
    """Yield the switch's neighbours."""
    for end in ends:
        rewrite = ActionCall("set_neighbor", (switch.router_mac.value, end.peer_mac.value))
        yield TableEntry("neighbors", (Exact(end.port),), 0, rewrite), end.link


def emit_routes(model: Model, switch: ModelSwitch, ways: Ways, leaves: Iterable[str]) -> Emitted:
    """Yield the routes to the VTEPs of some leaves."""
    for name in ways.transit_to(leaves):
        if name != switch.name and (ports := ways.to_switch(name)):
            yield _route(ip_network(model.leaf_vteps[name].address), ports), model.switches[name].id


def emit_prefixes(ways: Ways) -> Emitted:
    """Yield the routes to all prefixes behind neighbours."""
    for prefix, way in ways.prefixes.items():
        for link in way.links:
            yield _route(prefix, way.ports), link


def emit_peer(leaf: Vtep, ways: Ways, origin: Origin) -> Emitted:
    """Yield the ways to another leaf that tunnels lead to."""
    if ports := ways.to_vtep(leaf):
        yield _tunnel(leaf, ports), origin


def emit_port(port: ModelPort, ways: Ways) -> Emitted:
    """Yield the ways to the foreign VTEP that a port is behind."""
    if isinstance(port.place, Vtep) and (ports := ways.to_vtep(port.place)):
        yield _tunnel(port.place, ports), port.id


def _tunnel(vtep: Vtep, ports: Iterable[int]) -> TableEntry:
    return TableEntry("tunnel_next_hops", (Exact(vtep.tunnel_index),), 0, _next_hops(ports))


def _route(prefix: IpNetwork, ports: Iterable[int]) -> TableEntry:
    key = (Lpm(int(prefix.network_address), prefix.prefixlen),)
    return TableEntry(of_family("underlay_routes", prefix), key, 0, _next_hops(ports))


def _next_hops(ports: Iterable[int]) -> ActionSet:
    used = sorted(ports)[:MOST_NEXT_HOPS]
    is_watched = len(used) > 1
    return ActionSet(
        tuple(WeightedAction(ActionCall("set_next_hop", (port,)), 1, port if is_watched else None) for port in used)
    )
