# SPDX-License-Identifier: Apache-2.0
"""Broadcast and multicast in subnets that allow it: head-end replication where the frame enters.

A subnet has two groups at each switch that has ports of it: 2k and 2k + 1, where k is its flood group. What one of
those ports sends goes to all other ports here, and in one copy to each other leaf and each foreign VTEP with ports of
the subnet. What comes out of a tunnel goes to the ports here only (split horizon): its sender has replicated it, also a
foreign one. A copy for a tunnel needs an egress port; it is one on a shortest path, chosen by a hash that spreads
tunnels and subnets over the uplinks and, when an uplink comes or goes, moves only what must move.

Writes `flood` and multicast groups.
"""

from collections import defaultdict
from hashlib import blake2b
from typing import TypeAlias

from p4vpc.compiler.entries import ActionCall, Exact, MulticastEntry, TableEntry
from p4vpc.compiler.guard import FOREIGN_PORT_INDEX
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.ways import Ways
from p4vpc.intent import ObjectId
from p4vpc.model import LocalPlace, Model, ModelPort, ModelSubnet, ModelSwitch, ModelVpc, Vtep

_Replicas: TypeAlias = set[tuple[int, int]]


def emit_vpc(model: Model, vpc: ModelVpc, switch: ModelSwitch, ways: Ways) -> Emitted:
    """Yield the groups of the VPC's subnets that flood and have ports here, and what leads to them."""
    if all(subnet.flood_group is None for subnet in vpc.subnets):
        return
    members: defaultdict[ObjectId, list[ModelPort]] = defaultdict(list)
    for port in vpc.ports:
        if port.subnet.flood_group is not None:
            members[port.subnet.id].append(port)
    for subnet in vpc.subnets:
        if subnet.flood_group is None:
            continue
        ports = members[subnet.id]
        local = _local(ports, switch)
        if not local:
            continue
        remote = _remote(model, ports, subnet, switch, ways)
        for is_terminated, replicas in ((0, local | remote), (1, local)):
            group = 2 * subnet.flood_group + is_terminated
            yield MulticastEntry(group, tuple(sorted(replicas))), subnet.id
            key = (Exact(subnet.bridge_domain), Exact(is_terminated))
            yield TableEntry("flood", key, 0, ActionCall("set_flood_group", (group,))), subnet.id


def _local(ports: list[ModelPort], switch: ModelSwitch) -> _Replicas:
    places = (port.place for port in ports)
    return {
        (place.port, place.port_index)
        for place in places
        if isinstance(place, LocalPlace) and place.switch == switch.name
    }


def _remote(model: Model, ports: list[ModelPort], subnet: ModelSubnet, switch: ModelSwitch, ways: Ways) -> _Replicas:
    replicas: _Replicas = set()
    for vtep in {vtep for port in ports if (vtep := _vtep(model, port, switch)) is not None}:
        uplinks = ways.to_vtep(vtep)
        if uplinks:
            weights = {_weight(uplink, vtep.tunnel_index, subnet.bridge_domain): uplink for uplink in uplinks}
            replicas.add((weights[max(weights)], FOREIGN_PORT_INDEX | vtep.tunnel_index))
    return replicas


def _vtep(model: Model, port: ModelPort, switch: ModelSwitch) -> Vtep | None:
    """Return the tunnel's end that a port is behind; None if it is here, or nowhere."""
    match port.place:
        case Vtep() as vtep:
            return vtep
        case LocalPlace(switch=name) if name != switch.name:
            return model.leaf_vteps[name]
    return None


def _weight(*numbers: int) -> bytes:
    """Return a number that depends on all bits of the others, and on nothing else: the same on every run."""
    return blake2b(b"".join(number.to_bytes(2) for number in numbers), digest_size=8).digest()
