# SPDX-License-Identifier: Apache-2.0
"""Which part of a VPC a switch is concerned with."""

from collections.abc import Set
from dataclasses import dataclass
from typing import TypeAlias

from p4vpc.compiler.shared import Shared
from p4vpc.compiler.ways import Ways
from p4vpc.intent import ObjectId
from p4vpc.model import LocalPlace, ModelPort, ModelSubnet, ModelSwitch, ModelVpc, Vtep

Moved: TypeAlias = Set[ObjectId]
"""Ports that have left the switch, and that it still redirects frames to."""

NOBODY: Moved = frozenset()


def vpc_of(port: ObjectId) -> str:
    """Return the key of the VPC that a port belongs to."""
    return port.key.rpartition("/")[0]


def is_elsewhere(port: ModelPort, switch: ModelSwitch) -> bool:
    """Whether the port is at another switch, or behind a foreign VTEP."""
    match port.place:
        case LocalPlace(switch=there):
            return there != switch.name
        case Vtep():
            return True
    return False


def entered_subnets(vpc: ModelVpc, switch: ModelSwitch) -> tuple[ModelSubnet, ...]:
    """Return the subnets that frames may enter or leave here as frames of that subnet.

    Only those need their gateway, VNI and MACs here. The VPC's other subnets are reached by routing, for which the
    addresses of their hosts are enough.
    """
    present = {port.subnet.id for port in vpc.places.entering(switch.name)}
    return tuple(subnet for subnet in vpc.subnets if subnet.id in present)


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a VPC a switch is concerned with, beside single ports.

    Attributes:
        switch: it.
        ways: its ways over the underlay.
        is_present: the VPC has a port here.
        is_redirecting: frames for ports that have left are sent on from here.
        entered: the subnets that frames may enter or leave here; see `entered_subnets`.
        moved: the VPC's ports that have left the switch a moment ago.
        peers: the other leaves that frames of the VPC are sent to from here, or may come from.
        shared: what has been made for other switches.
    """

    switch: ModelSwitch
    ways: Ways
    is_present: bool
    is_redirecting: bool
    entered: frozenset[ObjectId]
    moved: Moved
    peers: frozenset[str]
    shared: Shared


def scope_of(
    vpc: ModelVpc,
    switch: ModelSwitch,
    ways: Ways,
    moved: Moved = NOBODY,
    *,
    guests: Set[str] = frozenset(),
    shared: Shared | None = None,
) -> Scope:
    """Return what of the VPC the switch is concerned with.

    Args:
        moved: ports that have left the switch; those of other VPCs do not matter.
        guests: leaves that frames of the VPC may come from although it has no port there (any more, or yet).
        shared: what has been made of this model for other switches.
    """
    own = [port for port_id in moved if (port := vpc.port(port_id)) is not None] if moved else ()
    places = vpc.places
    is_present = switch.name in places.plugged
    entered = [port.subnet.id for port in places.entering(switch.name)] if is_present else ()
    gone = [port for port in own if is_elsewhere(port, switch)]
    # Whoever redirects gets frames of all leaves of the VPC, and sends them to some of those.
    peers = {*places.plugged, *places.candidates, *guests} if is_present or gone else set[str]()
    peers.discard(switch.name)
    return Scope(
        switch,
        ways,
        is_present,
        bool(gone),
        frozenset(entered),
        frozenset(port.id for port in own),
        frozenset(peers),
        shared or Shared(),
    )
