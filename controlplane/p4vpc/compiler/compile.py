# SPDX-License-Identifier: Apache-2.0
"""The compiler's entry point, and the pieces it works in.

A switch's entries are one piece for the fabric and one for each VPC that has a port there, had one a moment ago, or may
have one as soon as that announces itself. Pieces need nothing of each
other: whoever keeps them can compile again only those that a change concerns, and `merge`. A change of the underlay
concerns VPCs that have ports behind foreign VTEPs or subnets that flood.
"""

from collections.abc import Collection, Iterable
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
from p4vpc.compiler.entries import DesiredState, Entry, Origin
from p4vpc.compiler.pieces import Piece, collect, merge
from p4vpc.compiler.scope import NOBODY, Moved, vpc_of
from p4vpc.compiler.ways import Ways
from p4vpc.intent import ObjectId
from p4vpc.model import Model


def compile_switch(
    model: Model, switch: str, moved: Moved = NOBODY, down_links: Collection[ObjectId] = ()
) -> DesiredState:
    """Return all entries that the switch shall hold, each with its origins.

    Args:
        model: the whole.
        switch: its name.
        moved: ports that have left the switch and that it shall redirect frames to; what is unknown or here is ignored.
        down_links: those that carry nothing now; beside the intent, being what is found and not what is wanted.

    Raises KeyError for a switch that the model has not, InternalError if two intents ask for different entries
    under one identity (the model should have refused them).
    """
    ways = Ways(model, switch, down_links)
    concerned = {*model.vpcs_of_switch.get(switch, ()), *(vpc_of(port) for port in moved)}
    vpcs = (compile_vpc(model, vpc, switch, ways, moved) for vpc in sorted(concerned & model.vpcs.keys()))
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
            drops.emit_switch(model, it),
            punt.emit_switch(model),
            mirror.emit_switch(),
        )
    )


def compile_vpc(model: Model, vpc: str, switch: str, ways: Ways | None = None, moved: Moved = NOBODY) -> Piece:
    """Return the entries that one VPC needs at a switch; nothing if it has no port there, and had none a moment ago.

    They depend on the underlay as far as the VPC's tunnels do. `ways` saves finding those of the switch again.
    """
    it, of = model.vpcs[vpc], model.switches[switch]
    ways = ways or Ways(model, switch)
    if switch in it.switches:
        return collect(
            chain(
                access.emit_vpc(model, it, of),
                termination.emit_vpc(model, it, of),
                guard.emit_vpc(it, of),
                answer.emit_vpc(it, of),
                mapping.emit_vpc(model, it, of, moved),
                redirect.emit_vpc(model, it, of, moved),
                flood.emit_vpc(model, it, of, ways),
                policy.emit_vpc(it, of),
                network_acl.emit_vpc(it, of),
                mirror.emit_vpc(it, of),
                qos.emit_vpc(it, of),
                underlay.emit_vpc(it, ways),
            )
        )
    stages: list[Iterable[tuple[Entry, Origin]]] = []
    if switch in it.candidate_switches:
        stages += [access.emit_vpc(model, it, of), guard.emit_candidates(it, of)]
    redirected = list(redirect.emit_vpc(model, it, of, moved))
    if redirected:
        stages += [redirected, termination.emit_foreign(it, of), underlay.emit_vpc(it, ways)]
    return collect(chain.from_iterable(stages))
