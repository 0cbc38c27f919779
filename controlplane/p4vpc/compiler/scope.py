# SPDX-License-Identifier: Apache-2.0
"""Which part of a VPC a switch is concerned with."""

from collections.abc import Set
from typing import TypeAlias

from p4vpc.intent import ObjectId
from p4vpc.model import LocalPlace, ModelPort, ModelSubnet, ModelSwitch, ModelVpc, Vtep

Moved: TypeAlias = Set[ObjectId]
"""Ports that have left the switch, and that it still redirects frames to."""

NOBODY: Moved = frozenset()


def vpc_of(port: ObjectId) -> str:
    """Return the key of the VPC that a port belongs to."""
    return port.key.rpartition("/")[0]


def is_entrance(port: ModelPort, switch: ModelSwitch) -> bool:
    """Whether the port's packets may enter the fabric here: plugged in here, or behind a foreign VTEP."""
    match port.place:
        case LocalPlace(switch=switch.name) | Vtep():
            return True
    return False


def entered_subnets(vpc: ModelVpc, switch: ModelSwitch) -> tuple[ModelSubnet, ...]:
    """Return the subnets that frames may enter or leave here as frames of that subnet.

    Only those need their gateway, VNI and MACs here. The VPC's other subnets are reached by routing, for which the
    addresses of their hosts are enough.
    """
    present = {port.subnet.id for port in vpc.ports if is_entrance(port, switch)}
    return tuple(subnet for subnet in vpc.subnets if subnet.id in present)
