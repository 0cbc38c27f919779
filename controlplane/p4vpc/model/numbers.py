# SPDX-License-Identifier: Apache-2.0
"""Which numbers the objects need, and within which bounds (widths of Contract 1 in docs/architecture.md)."""

from collections.abc import Iterable, Iterator

from p4vpc.errors import ModelError, Problem
from p4vpc.intent import (
    Claim,
    ClaimId,
    Fabric,
    IdentifierPlan,
    Identifiers,
    IpNetwork,
    ObjectId,
    Port,
    Switch,
    SwitchAttachment,
    Vpc,
    VtepAttachment,
)
from p4vpc.model.index import Index, VpcIndex
from p4vpc.model.labels import cidr_peers, label_of_port, label_of_route, port_by_address

VNI = "vni"
VRF = "vrf"
BRIDGE_DOMAIN = "bridge_domain"
FLOOD_GROUP = "flood_group"
LABEL = "policy_label"
TUNNEL = "tunnel_index"
MIRROR = "mirror_session"
_MAX_16 = 0xFFFF
_MAX_15 = 0x7FFF
"""Port and tunnel indexes share a field: its top bit says which of the two it holds."""

_MAX_PORT_INDEX = 4095
"""Meters have a cell for each port index."""

_MAX_FLOOD_GROUP = 2047
"""Each takes two multicast groups (`compiler.flood`), and BMv2 keeps 4,096 (docs/adr/0007)."""

_MAX_MIRROR = 511
"""Each takes two clone sessions (`compiler.mirror`), and Tofino has 10 bits for them (docs/adr/0016)."""


def port_index_pool(switch: str) -> str:
    """Return the pool of a switch's port indexes: each switch counts its own."""
    return f"port_index of {switch}"


def claims(index: Index) -> Iterator[Claim]:
    """Yield a claim for every number that the objects need, some of them more than once."""
    for switch in index.switches.values():
        yield from switch_claims(switch)
    for key, vpc in index.vpcs.items():
        yield from vpc_claims(index.fabric, vpc, index.members_of(key))


def switch_claims(switch: Switch) -> Iterator[Claim]:
    """Yield a claim for every number that a switch needs."""
    if switch.vtep is not None:
        yield _claim(TUNNEL, str(switch.vtep), _MAX_15, switch.id)


def vpc_claims(fabric: Fabric, vpc: Vpc, members: VpcIndex) -> Iterator[Claim]:
    """Yield a claim for every number that a VPC needs."""
    vpc_key = vpc.key
    yield _claim(VRF, vpc_key, _MAX_16, vpc.id)
    low, high = fabric.vni_range
    for subnet in members.subnets.values():
        yield Claim(ClaimId(VNI, subnet.key), low, high, str(subnet.id))
        yield _claim(BRIDGE_DOMAIN, subnet.key, _MAX_16, subnet.id)
        if subnet.broadcast:
            yield _claim(FLOOD_GROUP, subnet.key, _MAX_FLOOD_GROUP, subnet.id, "broadcast")
    for mirror in members.mirrors.values():
        yield _claim(MIRROR, mirror.key, _MAX_MIRROR, mirror.id)
    cidrs = cidr_peers(members)
    for port in members.ports.values():
        yield from port_claims(port, cidrs)
    owners = port_by_address(members)
    for route in members.routes.values():
        labels = label_of_route(route, owners[route.next_hop], cidrs)
        yield _claim(LABEL, labels.owner(vpc_key), _MAX_16, route.id)


def port_claims(port: Port, cidrs: Iterable[IpNetwork]) -> Iterator[Claim]:
    """Yield a claim for every number that a port needs in a VPC whose rules name these CIDRs."""
    yield _claim(LABEL, label_of_port(port, cidrs).owner(port.vpc_key), _MAX_16, port.id)
    # One index for each switch where it is or may be: a port that moves by itself changes no numbers.
    for place in (port.attachment, *port.candidates):
        match place:
            case SwitchAttachment(switch=switch):
                yield _claim(port_index_pool(switch), port.key, _MAX_PORT_INDEX, port.id)
            case VtepAttachment(vtep=vtep):
                yield _claim(TUNNEL, str(vtep), _MAX_15, port.id)


def plan(index: Index, held: Identifiers) -> IdentifierPlan:
    """Return what must be allocated and retired.

    Raises ModelError if `fabric.vni_range` leaves out VNIs in use, or a number of an older version is out of bounds.
    """
    needed = {claim.id: claim for claim in claims(index)}
    problems = []
    for claim_id, claim in sorted(needed.items()):
        number = held.numbers.get(claim_id)
        if number is None or claim.low <= number <= claim.high:
            continue
        if claim_id.pool == VNI:
            message = f"leaves out VNI {number} of {claim.object}"
            problems.append(Problem("fabric fabric", "vni_range", message, "a range with all VNIs that are in use"))
        else:
            message = f"its {claim_id.pool.replace('_', ' ')} {number} is beyond {claim.high}"
            problems.append(
                Problem(claim.object, claim.field, message, "delete it, and create it again once that is realised")
            )
    if problems:
        raise ModelError(problems)
    return IdentifierPlan(
        tuple(claim for claim_id, claim in sorted(needed.items()) if claim_id not in held.numbers),
        tuple(claim_id for claim_id in sorted(held.numbers) if claim_id not in needed),
    )


def _claim(pool: str, owner: str, high: int, object_id: ObjectId, field: str = "") -> Claim:
    return Claim(ClaimId(pool, owner), 1, high, str(object_id), field)
