# SPDX-License-Identifier: Apache-2.0
"""The compiler's entry point, and the pieces it works in.

A switch's entries are one piece for the fabric and one for each VPC that has a port there, had one a moment ago, or may
have one as soon as that announces itself. Pieces need nothing of each
other: whoever keeps them can compile again only those that a change concerns, and `merge`. A change of the underlay
concerns VPCs by their tunnels.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from itertools import chain
from types import MappingProxyType

from p4vpc.compiler import (
    access,
    answer,
    drops,
    flood,
    guard,
    mapping,
    mirror,
    network_acl,
    policy,
    punt,
    qos,
    redirect,
    termination,
    underlay,
)
from p4vpc.compiler.entries import DesiredState
from p4vpc.compiler.pieces import Emitted, Piece, collect, merge
from p4vpc.compiler.scope import NOBODY, Moved, Scope, scope_of, vpc_of
from p4vpc.compiler.ways import Ways
from p4vpc.intent import ObjectId
from p4vpc.model import FabricPort, Model, ModelPort, ModelSwitch, ModelVpc, Vtep

NO_GUESTS: Mapping[str, Set[str]] = MappingProxyType({})
"""No leaf sends frames of a VPC that has no port there."""


def compile_switch(
    model: Model,
    switch: str,
    moved: Moved = NOBODY,
    down_links: Collection[ObjectId] = (),
    guests: Mapping[str, Set[str]] = NO_GUESTS,
) -> DesiredState:
    """Return all entries that the switch shall hold, each with its origins.

    Args:
        model: the whole.
        switch: its name.
        moved: ports that have left the switch and that it shall redirect frames to; what is unknown or here is ignored.
        down_links: those that carry nothing now; beside the intent, being what is found and not what is wanted.
        guests: the leaves that frames of a VPC may come from although it has no port there, by VPC.

    Raises KeyError for a switch that the model has not, InternalError if two intents ask for different entries
    under one identity (the model should have refused them).
    """
    ways = Ways(model, switch, down_links)
    concerned = {*model.vpcs_of_switch.get(switch, ()), *(vpc_of(port) for port in moved)}
    known = sorted(concerned & model.vpcs.keys())
    vpcs = (compile_vpc(model, vpc, switch, ways, moved, guests=guests.get(vpc, frozenset())) for vpc in known)
    entries = merge((compile_fabric(model, switch, ways), *vpcs))
    return DesiredState(switch, model.revision, MappingProxyType(dict(entries)))


def compile_fabric(model: Model, switch: str, ways: Ways | None = None) -> Piece:
    """Return the entries that depend on switches and links only. `ways` saves finding them again."""
    return collect(emit_fabric(model, model.switches[switch], ways or Ways(model, switch)))


def compile_vpc(
    model: Model,
    vpc: str,
    switch: str,
    ways: Ways | None = None,
    moved: Moved = NOBODY,
    *,
    guests: Set[str] = frozenset(),
) -> Piece:
    """Return the entries that one VPC needs at a switch; nothing if it has no port there, and had none a moment ago.

    They depend on the underlay as far as the VPC's tunnels do. `ways` saves finding those of the switch again.
    """
    it, of = model.vpcs[vpc], model.switches[switch]
    return collect(emit_vpc(model, it, scope_of(it, of, ways or Ways(model, switch), moved, guests=guests)))


def emit_vpc(model: Model, vpc: ModelVpc, scope: Scope) -> Emitted:
    """Yield all that the switch holds of one VPC."""
    yield from emit_peers(model, scope)
    yield from emit_networks(model, vpc, scope)
    yield from emit_policy(vpc, scope)
    for port in concerned_ports(vpc, scope):
        yield from emit_port(model, vpc, port, scope)


def emit_fabric(model: Model, switch: ModelSwitch, ways: Ways) -> Emitted:
    """Yield what the switch holds whatever the tenants want."""
    yield from emit_ends(switch, model.fabric_ports[switch.name])
    yield from emit_reasons(model, switch)
    yield from underlay.emit_routes(model, switch, ways, model.leaf_vteps)
    yield from underlay.emit_prefixes(ways)


def emit_ends(switch: ModelSwitch, ends: Iterable[FabricPort]) -> Emitted:
    """Yield what the switch holds of itself and of some of its ends of links."""
    yield from access.emit_switch(switch, ends)
    yield from termination.emit_switch(switch)
    yield from answer.emit_switch(switch, ends)
    yield from underlay.emit_switch(switch, ends)


def emit_reasons(model: Model, switch: ModelSwitch) -> Emitted:
    """Yield what is counted of drops, and how much of them and of what is logged the controller gets to see."""
    yield from drops.emit_switch(model, switch)
    yield from punt.emit_switch(model)
    yield from mirror.emit_switch()


def concerned_ports(vpc: ModelVpc, scope: Scope) -> Iterable[ModelPort]:
    """Return the ports of the VPC that the switch may have entries of."""
    if scope.is_present:
        return vpc.ports
    moved = (vpc.port(port) for port in scope.moved)
    known = chain(vpc.places.awaited(scope.switch.name), vpc.places.foreign, moved)
    return {port.id: port for port in known if port is not None}.values()


def emit_port(model: Model, vpc: ModelVpc, port: ModelPort, scope: Scope) -> Emitted:
    """Yield what the switch holds of one port. It depends on no other port but through `scope`."""
    switch = scope.switch
    is_candidate = any(candidate.switch == switch.name for candidate in port.candidates)
    if scope.is_present:
        yield from mapping.emit_port(model, vpc, port, scope)
        if port.switch == switch.name or is_candidate:
            yield from access.emit_port(model, vpc, port, switch)
            yield from qos.emit_port(port, switch)
        if port.switch == switch.name or is_candidate or isinstance(port.place, Vtep):
            yield from guard.emit_port(port, switch)
    elif is_candidate:
        yield from access.emit_port(model, vpc, port, switch)
        yield from guard.emit_candidate(port, switch)
    if port.id in scope.moved:
        yield from redirect.emit_port(model, vpc, port, switch)
    if isinstance(port.place, Vtep) and (scope.is_present or scope.is_redirecting):
        yield from termination.emit_port(port, switch)
        yield from underlay.emit_port(port, scope.ways)


def emit_peers(model: Model, scope: Scope, leaves: Set[str] | None = None) -> Emitted:
    """Yield the leaves, all or some, that the switch has tunnels with on behalf of one VPC."""
    peers = scope.peers if leaves is None else scope.peers & leaves
    for name in sorted(peers & model.leaf_vteps.keys()):
        leaf, origin = model.leaf_vteps[name], model.switches[name].id
        yield from termination.emit_peer(scope.switch, leaf, origin)
        yield from underlay.emit_peer(leaf, scope.ways, origin)


def emit_networks(model: Model, vpc: ModelVpc, scope: Scope) -> Emitted:
    """Yield what the switch holds of the VPC beside its ports and its policy."""
    switch = scope.switch
    if scope.is_present:
        yield from termination.emit_vpc(model, vpc, switch)
        yield from answer.emit_vpc(vpc, switch)
        yield from mapping.emit_vpc(model, vpc, switch)
        yield from flood.emit_vpc(model, vpc, switch, scope.ways)
        yield from network_acl.emit_vpc(vpc, switch)
        yield from mirror.emit_vpc(vpc, switch)


def emit_policy(vpc: ModelVpc, scope: Scope) -> Emitted:
    """Yield what the VPC's ports that send from here may send."""
    if scope.is_present:
        yield from policy.emit_vpc(vpc, scope.switch, scope.shared)
