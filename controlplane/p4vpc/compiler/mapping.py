# SPDX-License-Identifier: Apache-2.0
"""Where destinations are: every address of the VPC, and every MAC of the subnets that are entered here.

An entry holds the whole answer - port or tunnel, bridge domain, MAC, policy label - so that moving a port changes one
entry for each address at each switch, and nothing else. A route to a port that is unbound drops, rather than let the
packet fall through to a shorter prefix; so does a subnet's own prefix where a route would swallow its unused addresses.

Writes `router_macs`, `bridge`, and for each family `hosts_v4`, `hosts_v6`, `routes_v4`, `routes_v6`.
"""

from p4vpc.compiler.entries import ActionCall, Exact, Lpm, TableEntry
from p4vpc.compiler.family import of_family
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import Scope, entered_subnets
from p4vpc.compiler.shared import Destination
from p4vpc.intent import IpNetwork, is_within
from p4vpc.model import LocalPlace, Model, ModelPort, ModelSwitch, ModelVpc, Vtep

_DROP = ActionCall("drop_route")


def emit_vpc(model: Model, vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the destinations that are no ports: routers, what a route would swallow, and static routes."""
    for subnet in entered_subnets(vpc, switch):
        router_mac = (Exact(subnet.bridge_domain), Exact(subnet.gateway_mac.value))
        yield TableEntry("router_macs", router_mac, 0, ActionCall("route")), subnet.id
    for subnet in vpc.subnets:
        for prefix in subnet.prefixes:
            if any(is_within(prefix, route.prefix) for route in vpc.routes):
                yield _route(vpc, prefix, _DROP), subnet.id
    for route in vpc.routes:
        entry = _route(vpc, route.prefix, _host(model, route.next_hop, route.label, switch) or _DROP)
        yield entry, route.id
        yield entry, route.next_hop.id


def emit_port(model: Model, vpc: ModelVpc, port: ModelPort, scope: Scope) -> Emitted:
    """Yield a port as a destination, as seen from the switch; but for the MAC if it has moved, see `redirect`."""
    is_remote = port.switch != scope.switch.name
    destination = scope.shared.remote.get(port.id) if is_remote else None
    if destination is None:
        host = _host(model, port, port.label, scope.switch)
        if host is None:
            return
        destination = _destination(vpc, port, host)
        if is_remote:
            scope.shared.put(port.id, destination)
    yield from destination.hosts
    if port.subnet.id in scope.entered and not (is_remote and port.id in scope.moved):
        yield destination.station


def _destination(vpc: ModelVpc, port: ModelPort, host: ActionCall) -> Destination:
    """Return the port as a destination that `host` takes a routed packet to."""
    hosts = (
        TableEntry(of_family("hosts", address), (Exact(vpc.vrf), Exact(int(address))), 0, host)
        for address in port.addresses
    )
    station = (Exact(port.subnet.bridge_domain), Exact(port.mac.value))
    return Destination(
        tuple((entry, port.id) for entry in hosts), (TableEntry("bridge", station, 0, _station(host)), port.id)
    )


def _route(vpc: ModelVpc, prefix: IpNetwork, action: ActionCall) -> TableEntry:
    key = (Exact(vpc.vrf), Lpm(int(prefix.network_address), prefix.prefixlen))
    return TableEntry(of_family("routes", prefix), key, 0, action)


def _host(model: Model, port: ModelPort, label: int, switch: ModelSwitch) -> ActionCall | None:
    """Return how a routed packet gets to the port; None if it is unbound."""
    bridge_domain, mac = port.subnet.bridge_domain, port.mac.value
    match port.place:
        case LocalPlace(switch=switch.name) as place:
            return ActionCall("set_local_host", (place.port, place.port_index, bridge_domain, mac, label))
        case LocalPlace(switch=remote):
            return ActionCall("set_remote_host", (model.leaf_vteps[remote].tunnel_index, bridge_domain, mac, label))
        case Vtep(tunnel_index=tunnel_index):
            return ActionCall("set_remote_host", (tunnel_index, bridge_domain, mac, label))
    return None


def _station(host: ActionCall) -> ActionCall:
    """Return how a bridged frame gets to where `host` takes a routed packet."""
    if host.name == "set_local_host":
        egress_port, port_index, _, _, label = host.params
        return ActionCall("set_local_mac", (egress_port, port_index, label))
    tunnel_index, _, _, label = host.params
    return ActionCall("set_remote_mac", (tunnel_index, label))
