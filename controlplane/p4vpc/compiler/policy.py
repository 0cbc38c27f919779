# SPDX-License-Identifier: Apache-2.0
"""Policy: security groups as label against label (docs/adr/0002). What has no entry is denied.

Ingress is denied unless a rule of one of the receiver's groups allows it. Egress is open if none of the sender's groups
has an egress rule, else only what one allows. A packet needs both. The pipeline lets
replies to what has passed come back by itself (docs/adr/0008), so nothing is written for them.

Only pairs whose source enters at this switch are written: policy is enforced where a packet enters, or, from a foreign
VTEP, where its tunnel ends. A VTEP whose group ids are trusted may say any label of the VPC. All entries permit, so it
does not matter which of two that overlap is hit, and they share one priority. An entry for some ports or ICMP types
asks for a packet that shows them (`has_l4`): a later fragment or a packet with IP options shows none and passes only
where its whole protocol may.

Writes `policy`.
"""

from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

from p4vpc.compiler.entries import ActionCall, Origin, Range, TableEntry, Ternary
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.shared import Row, Shared
from p4vpc.compiler.traffic import EVERYTHING, WHOLE, Interval, TrafficSet, traffic_of
from p4vpc.intent import CidrPeer, GroupPeer, Rule
from p4vpc.model import LabelSet, ModelGroup, ModelSwitch, ModelVpc

PRIORITY = 100
_LABEL_MASK = 0xFFFF
_PROTOCOL_MASK = 0xFF
_PERMIT = ActionCall("permit")


class _Allowed(NamedTuple):
    """What one side allows, and by which groups' rules."""

    traffic: TrafficSet
    parts: tuple[tuple[TrafficSet, Origin], ...]


def emit_vpc(vpc: ModelVpc, switch: ModelSwitch, shared: Shared) -> Emitted:
    """Yield what the VPC's ports that send from here may send."""
    for source in sorted(sources(vpc, switch)):
        for destination in sorted(destinations(vpc)):
            yield from pair(vpc, source, destination, shared)


def sources(vpc: ModelVpc, switch: ModelSwitch) -> Set[int]:
    """Return the labels of what may enter here."""
    found = {port.label for port in vpc.places.entering(switch.name)}
    if any(vtep.modes.is_gbp_trusted for vtep in vpc.foreign_vteps):
        found |= vpc.labels.keys()
    return found


def destinations(vpc: ModelVpc) -> Set[int]:
    """Return the labels of what can be reached."""
    return {route.label for route in vpc.routes} | vpc.places.labels.keys()


def pair(vpc: ModelVpc, source: int, destination: int, shared: Shared) -> Iterable[Row]:
    """Return what one label may send to another. `shared` is of the VPC's model."""
    name = (vpc.id, source, destination)
    known = shared.pairs.get(name)
    if known is None:
        known = shared.pairs[name] = tuple(_pair(vpc, source, destination))
    return known


def _pair(vpc: ModelVpc, source: int, destination: int) -> Emitted:
    sender, receiver = vpc.labels[source], vpc.labels[destination]
    ingress = _allowed(vpc, receiver, sender, "ingress")
    egress = _allowed(vpc, sender, receiver, "egress") if _has_egress_rules(vpc, sender) else _Allowed(EVERYTHING, ())
    for protocol, interval in _flatten(ingress.traffic & egress.traffic):
        entry = TableEntry(
            "policy",
            (
                Ternary(source, _LABEL_MASK),
                Ternary(destination, _LABEL_MASK),
                Ternary(0, 0) if protocol is None else Ternary(protocol, _PROTOCOL_MASK),
                Range(*interval),
                Ternary(0, 0) if interval == WHOLE else Ternary(1, 1),
            ),
            PRIORITY,
            _PERMIT,
        )
        for traffic, group in (*ingress.parts, *egress.parts):
            if traffic.overlaps(protocol, interval):
                yield entry, group


def _allowed(vpc: ModelVpc, side: LabelSet, peer: LabelSet, direction: str) -> _Allowed:
    rules: list[Rule] = []
    parts = []
    for group in _groups(vpc, side):
        matching = [rule for rule in group.rules if rule.direction == direction and _is_peer(rule, peer)]
        if matching:
            rules += matching
            parts.append((traffic_of(matching), group.id))
    return _Allowed(traffic_of(rules), tuple(parts))


def _has_egress_rules(vpc: ModelVpc, side: LabelSet) -> bool:
    return any(rule.direction == "egress" for group in _groups(vpc, side) for rule in group.rules)


def _groups(vpc: ModelVpc, side: LabelSet) -> Iterable[ModelGroup]:
    return (vpc.groups[name] for name in sorted(side.groups))


def _is_peer(rule: Rule, peer: LabelSet) -> bool:
    match rule.peer:
        case GroupPeer(group=group):
            return group in peer.groups
        case CidrPeer(cidr=cidr):
            return cidr in peer.cidrs


def _flatten(traffic: TrafficSet) -> Iterator[tuple[int | None, Interval]]:
    if traffic.is_everything:
        yield None, WHOLE
    for protocol, intervals in traffic.ranges.items():
        for interval in intervals:
            yield protocol, interval
