# SPDX-License-Identifier: Apache-2.0
"""The compiler's entry point, and the pieces it works in.

A switch's entries are one piece for the fabric and one for each VPC that has a port there. Pieces need nothing of each
other: whoever keeps them can compile again only those that a change concerns, and `merge`. A change of the underlay
concerns VPCs that have ports behind foreign VTEPs or subnets that flood.
"""

from collections.abc import Collection
from itertools import chain
from types import MappingProxyType

from p4vpc.compiler import (
    access,
    answer,
    drops,
    flood,
    guard,
    mapping,
    network_acl,
    policy,
    punt,
    qos,
    termination,
    underlay,
)
from p4vpc.compiler.entries import DesiredState
from p4vpc.compiler.pieces import Piece, collect, merge
from p4vpc.compiler.ways import Ways
from p4vpc.intent import ObjectId
from p4vpc.model import Model


def compile_switch(model: Model, switch: str, down_links: Collection[ObjectId] = ()) -> DesiredState:
    """Return all entries that the switch shall hold, each with its origins.

    `down_links` carry nothing at the moment: an input beside the intent, being what is found and not what is wanted.

    Raises KeyError for a switch that the model has not, InternalError if two intents ask for different entries
    under one identity (the model should have refused them).
    """
    ways = Ways(model, switch, down_links)
    vpcs = (compile_vpc(model, vpc, switch, ways) for vpc in model.vpcs_of_switch.get(switch, ()))
    entries = merge((compile_fabric(model, switch, ways), *vpcs))
    return DesiredState(switch, model.revision, MappingProxyType(dict(entries)))


def compile_fabric(model: Model, switch: str, ways: Ways | None = None) -> Piece:
    """Return the entries that depend on switches and links only. `ways` saves finding them again."""
    it = model.switches[switch]
    return collect(
        chain(
            access.emit_switch(model, it),
            termination.emit_switch(model, it),
            answer.emit_switch(model, it),
            underlay.emit_switch(model, it, ways or Ways(model, switch)),
            drops.emit_switch(it),
            punt.emit_switch(),
        )
    )


def compile_vpc(model: Model, vpc: str, switch: str, ways: Ways | None = None) -> Piece:
    """Return the entries that one VPC needs at a switch; nothing if it has no port there.

    They depend on the underlay as far as the VPC's tunnels do. `ways` saves finding those of the switch again.
    """
    it, of = model.vpcs[vpc], model.switches[switch]
    if switch not in it.switches:
        return {}
    ways = ways or Ways(model, switch)
    return collect(
        chain(
            access.emit_vpc(model, it, of),
            termination.emit_vpc(model, it, of),
            guard.emit_vpc(it, of),
            answer.emit_vpc(it, of),
            mapping.emit_vpc(model, it, of),
            flood.emit_vpc(model, it, of, ways),
            policy.emit_vpc(it, of),
            network_acl.emit_vpc(it, of),
            qos.emit_vpc(it, of),
            underlay.emit_vpc(it, ways),
        )
    )
