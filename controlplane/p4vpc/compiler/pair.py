# SPDX-License-Identifier: Apache-2.0
"""One VPC at one switch, before and after a change: which rows may differ.

Every summand of a state is a pure function of little (`compile`). Where what it depends on differs, its old rows are
derived again from the old model, and the new ones from the new model; what is the same object in both is not looked at.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import chain, product

from p4vpc.compiler import policy
from p4vpc.compiler.compile import emit_networks, emit_peers, emit_port, emit_vpc
from p4vpc.compiler.input import Input
from p4vpc.compiler.scope import Scope
from p4vpc.compiler.shared import Row
from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelPort, ModelVpc


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What differs around a switch's VPCs.

    Attributes:
        ends: leaves whose ends of tunnels are others in any way.
        numbers: those of them that tunnels have another number to, or none.
        ways: leaves that are reached in another way.
        is_other_way_out: prefixes behind neighbours may be reached in another way.
        is_other_source: the switch itself is another end of tunnels.
        is_other_mtu: the length of tenants' packets is another one.
    """

    ends: Set[str] = frozenset()
    numbers: Set[str] = frozenset()
    ways: Set[str] = frozenset()
    is_other_way_out: bool = False
    is_other_source: bool = False
    is_other_mtu: bool = False


class Pair:
    """One VPC at one switch, before and after. `removed` and `added` are the rows that may differ.

    `changed` is what differs of the VPC itself, wherever it is.
    """

    def __init__(self, before: "Side | None", after: "Side | None", changed: "VpcChange", around: Surroundings):
        self._before, self._after = before, after
        self._changed = changed
        self._around = around
        self.removed: list[Row] = []
        self.added: list[Row] = []

    def compare(self) -> None:
        """Find the rows."""
        before, after = self._before, self._after
        if before is None or after is None or not before.is_like(after):
            self.removed += () if before is None else emit_vpc(before.model, before.vpc, before.scope)
            self.added += () if after is None else emit_vpc(after.model, after.vpc, after.scope)
            return
        peers = self._peers(before, after)
        if peers:
            self._take(
                emit_peers(before.model, before.scope, peers),
                emit_peers(after.model, after.scope, peers),
            )
        ports = self._ports(before, after)
        known = self._changed.ports
        for port_id in ports:
            one, other = known.get(port_id) or (before.vpc.port(port_id), after.vpc.port(port_id))
            self._take(before.port_rows(one), after.port_rows(other))
        if self._are_networks_other(before, after, ports):
            self._take(
                emit_networks(before.model, before.vpc, before.scope),
                emit_networks(after.model, after.vpc, after.scope),
            )
        if before.scope.is_present:
            self._compare_policy(before, after)

    def _take(self, removed: Iterable[Row], added: Iterable[Row]) -> None:
        """Take up rows; where both sides have as many, those that are the same at the same place come to nothing."""
        gone, come = list(removed), list(added)
        if len(gone) != len(come):
            self.removed += gone
            self.added += come
            return
        for one, other in zip(gone, come, strict=True):
            if one != other:
                self.removed.append(one)
                self.added.append(other)

    def _peers(self, before: "Side", after: "Side") -> Set[str]:
        """The leaves that the tunnels to may differ."""
        one, other = before.scope.peers, after.scope.peers
        if self._around.is_other_source:
            return one | other
        return (one ^ other) | (other & (self._around.ends | self._around.ways))

    def _ports(self, before: "Side", after: "Side") -> Set[ObjectId]:
        """The ports whose rows may differ."""
        around, here = self._around, before.scope.switch.name
        found = set(self._changed.ports)
        found |= before.scope.moved ^ after.scope.moved
        entered = before.scope.entered ^ after.scope.entered
        if entered:
            found |= {port.id for port in chain(before.vpc.ports, after.vpc.ports) if port.subnet.id in entered}
        is_other_peer = around.is_other_way_out or around.is_other_source
        if is_other_peer or before.scope.is_redirecting != after.scope.is_redirecting:
            found |= {port.id for port in chain(before.vpc.places.foreign, after.vpc.places.foreign)}
        for leaf in around.numbers:
            found |= {port.id for port in chain(before.vpc.places.at(leaf), after.vpc.places.at(leaf))}
        if around.is_other_mtu:
            found |= {port.id for port in chain(before.vpc.places.at(here), after.vpc.places.at(here))}
            found |= before.scope.moved | after.scope.moved
        return found

    def _are_networks_other(self, before: "Side", after: "Side", ports: Set[ObjectId]) -> bool:
        around = self._around
        if around.is_other_mtu or before.scope.entered != after.scope.entered:
            return True
        one, other = before.vpc, after.vpc
        if (one.subnets, one.routes, one.acls, one.mirrors) != (other.subnets, other.routes, other.acls, other.mirrors):
            return True
        if around.numbers and any(route.next_hop.id in ports for route in other.routes):
            return True
        return (bool(ports or around.ways) or around.is_other_way_out) and _floods(other)

    def _compare_policy(self, before: "Side", after: "Side") -> None:
        one, other, changed = before.vpc, after.vpc, self._changed
        less = policy.sources(one, before.scope.switch), changed.receivers_before
        more = policy.sources(other, after.scope.switch), changed.receivers_after
        if less == more and not changed.are_groups_other and all(map(changed.labels.isdisjoint, less)):
            return
        gone, come = set(product(*less)), set(product(*more))
        if not changed.are_groups_other:
            same = {pair for pair in gone & come if changed.labels.isdisjoint(pair)}
            gone -= same
            come -= same
        for pair in gone:
            self.removed += policy.pair(one, *pair, before.scope.shared)
        for pair in come:
            self.added += policy.pair(other, *pair, after.scope.shared)


@dataclass(frozen=True, slots=True)
class Side:
    """A VPC at a switch, on one side of a change."""

    model: Model
    vpc: ModelVpc
    scope: Scope

    def is_like(self, other: "Side") -> bool:
        """Whether rows of what is the same are the same."""
        return (self.vpc.vrf, self.scope.is_present) == (other.vpc.vrf, other.scope.is_present)

    def port_rows(self, port: ModelPort | None) -> Iterable[Row]:
        """The rows of one port, if there is one."""
        return () if port is None else emit_port(self.model, self.vpc, port, self.scope)


def side_of(of: Input, key: str, name: str) -> Side | None:
    """Return a VPC at a switch; None if there is no such VPC."""
    vpc = of.model.vpcs.get(key)
    if vpc is None:
        return None
    return Side(of.model, vpc, of.scope_of(vpc, name))


def _floods(vpc: ModelVpc) -> bool:
    return any(subnet.flood_group is not None for subnet in vpc.subnets)


@dataclass(frozen=True, slots=True)
class VpcChange:
    """What differs between two versions of a VPC itself: the same for all switches that have it.

    Attributes:
        ports: those that are not the same, before and after.
        labels: those that do not stand for the same.
        are_groups_other: some security group's rules are others.
        receivers_before, receivers_after: the labels of what can be reached.
    """

    ports: Mapping[ObjectId, tuple[ModelPort | None, ModelPort | None]]
    labels: frozenset[int]
    are_groups_other: bool
    receivers_before: Set[int]
    receivers_after: Set[int]


_NO_CHANGE = VpcChange(
    {}, frozenset(), are_groups_other=False, receivers_before=frozenset(), receivers_after=frozenset()
)


def change_of(one: ModelVpc | None, other: ModelVpc | None) -> VpcChange:
    """Return what differs between two versions of a VPC; nothing if there is only one, which is compared with nothing.

    What is one object in both costs next to nothing.
    """
    if one is None or other is None:
        return _NO_CHANGE
    return VpcChange(
        _changed_ports(one, other),
        frozenset(_differing(one.labels, other.labels)),
        one.groups is not other.groups and one.groups != other.groups,
        policy.destinations(one),
        policy.destinations(other),
    )


def _changed_ports(one: ModelVpc, other: ModelVpc) -> Mapping[ObjectId, tuple[ModelPort | None, ModelPort | None]]:
    if one.ports is other.ports:
        return {}
    before = dict(zip(map(id, one.ports), one.ports, strict=True))
    after = dict(zip(map(id, other.ports), other.ports, strict=True))
    gone = {before[it].id: before[it] for it in before.keys() - after.keys()}
    come = {after[it].id: after[it] for it in after.keys() - before.keys()}
    pairs = {port_id: (gone.get(port_id), come.get(port_id)) for port_id in gone.keys() | come.keys()}
    return {port_id: pair for port_id, pair in pairs.items() if pair[0] != pair[1]}


def _differing(one: Mapping[int, object], other: Mapping[int, object]) -> Iterator[int]:
    if one is not other:
        yield from (it for it in one.keys() | other.keys() if one.get(it) != other.get(it))
