# SPDX-License-Identifier: Apache-2.0
"""The states of all switches, and from one model to the next only what differs (docs/adr/0019).

What a switch holds is a sum of rows: of the fabric, of each VPC's networks, of each label pair's policy, of each port.
Every summand is a pure function of little: so where something differs, what was summed is derived again from the old
model and taken out, and what is to be summed is derived from the new one. Nothing is kept but the sums, and nothing is
looked at that is the same object in both models. `compile_switch` says what must come out.

A change of switches, links or the fabric's own settings compiles everything again; one of the links that are down, what
depends on ways that are other ones.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, product
from types import MappingProxyType

from p4vpc.compiler import policy, underlay
from p4vpc.compiler.compile import (
    NO_GUESTS,
    emit_fabric,
    emit_networks,
    emit_peers,
    emit_port,
    emit_vpc,
)
from p4vpc.compiler.entries import DesiredState, Identity
from p4vpc.compiler.scope import NOBODY, Moved, Scope, scope_of, vpc_of
from p4vpc.compiler.shared import Row, Shared
from p4vpc.compiler.tally import Tally, change, tally
from p4vpc.compiler.ways import Paths, Ways, changed_ways
from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelVpc


class Input:
    """All that the states depend on. Nobody changes it.

    Args:
        model: the whole.
        moved: what is redirected, by switch; not there: nobody.
        down_links: what carries nothing now.
        awaited: the leaves that a VPC is about to have ports at, by VPC.
    """

    def __init__(
        self,
        model: Model,
        moved: Mapping[str, Moved] = MappingProxyType({}),
        down_links: frozenset[ObjectId] = frozenset(),
        awaited: Mapping[str, Set[str]] = NO_GUESTS,
    ):
        self.model = model
        self.moved = moved
        self.down_links = down_links
        self._awaited = awaited
        self._ways: dict[str, Ways] = {}
        self.shared = Shared()

    @cached_property
    def paths(self) -> Paths:
        """Those of the fabric as it is now."""
        return Paths(self.model, self.down_links)

    def take_paths(self, before: "Input") -> None:
        """Begin with what another input of the same fabric has found."""
        if self.down_links == before.down_links:
            self.paths, self._ways = before.paths, before._ways
        else:
            self.paths = before.paths.after(self.down_links)

    def ways_of(self, switch: str) -> Ways:
        """The ways of one switch."""
        if switch not in self._ways:
            self._ways[switch] = Ways(self.model, switch, self.down_links, self.paths)
        return self._ways[switch]

    @cached_property
    def guests(self) -> Mapping[str, Set[str]]:
        """The leaves that frames of a VPC may come from although it has no port there, by VPC: redirects come too."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for key, leaves in self._awaited.items():
            found[key] |= leaves
        for switch, ports in self.moved.items():
            for port in ports:
                found[vpc_of(port)].add(switch)
        return found

    def scope_of(self, vpc: ModelVpc, switch: str) -> Scope:
        """What of a VPC a switch is concerned with."""
        moved, guests = self.moved.get(switch, NOBODY), self.guests.get(vpc.id.key, frozenset())
        of = self.model.switches[switch]
        return scope_of(vpc, of, self.ways_of(switch), moved, guests=guests, shared=self.shared)


@dataclass(frozen=True, slots=True)
class Compilation:
    """What one input came to.

    Attributes:
        states: by switch; a state that did not change is the same object as before, and has the older revision.
        tallies: by switch.
        changed: which entries differ from the compilation before, by switch; None: it was not there before.
        concerned: the switches whose part of the model may differ, whether or not it shows in entries.
    """

    input: Input
    states: Mapping[str, DesiredState]
    tallies: Mapping[str, Tally]
    changed: Mapping[str, Set[Identity] | None]
    concerned: Set[str]


def compile_all(of: Input) -> Compilation:
    """Return the states of all switches, from nothing."""
    tallies = {name: tally(_switch_rows(of, name), of.shared.items) for name in of.model.switches}
    of.shared.clear()
    states = {name: DesiredState(name, of.model.revision, it.entries) for name, it in tallies.items()}
    return Compilation(of, states, tallies, dict.fromkeys(tallies), tallies.keys())


def recompile(before: Compilation, of: Input) -> Compilation:
    """Return the states of all switches, by way of what differs from `before`.

    Raises InternalError as `compile_switch` does; `before` is as good as ever then.
    """
    old = before.input
    if not _is_same_fabric(old.model, of.model):
        return _compared(before, compile_all(of))
    of.take_paths(old)
    ways: Mapping[str, Set[str]] = {} if old.down_links == of.down_links else changed_ways(old.paths, of.paths)
    tallies = dict(before.tallies)
    states = dict(before.states)
    changed: dict[str, Set[Identity] | None] = {}
    concerned = _concerned(old, of, ways)
    ports = {key: _changed_ports(old.model.vpcs.get(key), of.model.vpcs.get(key)) for key in _all(concerned)}
    for name, keys in concerned.items():
        removed: list[Row] = []
        added: list[Row] = []
        other_ways = ways.get(name)
        if other_ways is not None:
            leaves = other_ways & of.model.leaf_vteps.keys()
            removed += underlay.emit_routes(old.model, old.model.switches[name], old.ways_of(name), leaves)
            added += underlay.emit_routes(of.model, of.model.switches[name], of.ways_of(name), leaves)
        for key in keys:
            pair = _Pair(old, of, key, name, ports[key], is_same_way=other_ways is None)
            pair.compare()
            removed += pair.removed
            added += pair.added
        tallies[name], differing = change(tallies[name], removed, added)
        if differing:
            changed[name] = differing
            states[name] = DesiredState(name, of.model.revision, tallies[name].entries)
    return Compilation(of, states, tallies, changed, concerned.keys())


def _all(concerned: Mapping[str, Set[str]]) -> Set[str]:
    return set(chain.from_iterable(concerned.values()))


def _is_same_fabric(old: Model, new: Model) -> bool:
    return old is new or all(
        getattr(old, name) is getattr(new, name) or getattr(old, name) == getattr(new, name)
        for name in ("tenant_mtu", "switches", "fabric_ports", "leaf_vteps", "drop_samples", "acl_log")
    )


def _compared(before: Compilation, after: Compilation) -> Compilation:
    """`after` with what differs from `before`."""
    changed: dict[str, Set[Identity] | None] = {}
    states = dict(after.states)
    for name, state in after.states.items():
        known = before.states.get(name)
        if known is None:
            changed[name] = None
            continue
        differing = {identity for identity, item in state.items() if known.entries.get(identity) != item}
        differing.update(identity for identity in known.entries if identity not in state.entries)
        if differing:
            changed[name] = differing
        else:
            states[name] = known
    return replace(after, states=states, changed=changed)


def _concerned(old: Input, new: Input, ways: Mapping[str, Set[str]]) -> Mapping[str, Set[str]]:
    """Which VPCs are to be looked at, by switch. `ways` are the destinations that switches reach in another way."""
    concerned: defaultdict[str, set[str]] = defaultdict(set)
    before, after = old.model.vpcs, new.model.vpcs
    for key in before.keys() | after.keys() if before is not after else ():
        one, other = before.get(key), after.get(key)
        if one is not other:
            for vpc in (one, other):
                for name in chain(vpc.switches, vpc.candidate_switches) if vpc is not None else ():
                    concerned[name].add(key)
            for moved in (old.moved, new.moved):
                for name, ports in moved.items():
                    if any(vpc_of(port) == key for port in ports):
                        concerned[name].add(key)
    for name in old.moved.keys() | new.moved.keys():
        for port in old.moved.get(name, NOBODY) ^ new.moved.get(name, NOBODY):
            concerned[name].add(vpc_of(port))
    for key in old.guests.keys() | new.guests.keys() if old.guests != new.guests else ():
        if old.guests.get(key) != new.guests.get(key) and key in after:
            for name in chain(after[key].switches, old.guests.get(key, ()), new.guests.get(key, ())):
                concerned[name].add(key)
    for name, destinations in ways.items():
        concerned[name].update(key for key in _keys(new, name) if _depends_on(new, key, destinations))
    return {name: keys for name, keys in concerned.items() if name in new.model.switches}


def _keys(of: Input, name: str) -> Set[str]:
    return {*of.model.vpcs_of_switch.get(name, ()), *(vpc_of(port) for port in of.moved.get(name, NOBODY))}


def _depends_on(of: Input, key: str, destinations: Set[str]) -> bool:
    """Whether a VPC, at a switch where it is, may have something to do with the ways to these switches."""
    vpc = of.model.vpcs.get(key)
    if vpc is None:
        return False
    leaves = chain(vpc.switches, vpc.candidate_switches, of.guests.get(key, ()))
    return bool(vpc.places.foreign) or any(leaf in destinations for leaf in leaves)


def _floods(vpc: ModelVpc) -> bool:
    return any(subnet.flood_group is not None for subnet in vpc.subnets)


def _switch_rows(of: Input, name: str) -> Iterator[Row]:
    yield from emit_fabric(of.model, of.model.switches[name], of.ways_of(name))
    for key in sorted(_keys(of, name) & of.model.vpcs.keys()):
        vpc = of.model.vpcs[key]
        yield from emit_vpc(of.model, vpc, of.scope_of(vpc, name))


class _Pair:
    """One VPC at one switch, before and after. `removed` and `added` are the rows that may differ.

    `changed` are the ports of the VPC that are not the same; `is_same_way` says that the switch's ways are.
    """

    def __init__(self, old: Input, new: Input, key: str, name: str, changed: Set[ObjectId], *, is_same_way: bool):
        self._changed = changed
        self._before = _side(old, key, name)
        self._after = _side(new, key, name)
        self._is_same_way = is_same_way
        self.removed: list[Row] = []
        self.added: list[Row] = []

    def compare(self) -> None:
        before, after = self._before, self._after
        if before is None or after is None or not before.is_like(after):
            self.removed += () if before is None else emit_vpc(before.model, before.vpc, before.scope)
            self.added += () if after is None else emit_vpc(after.model, after.vpc, after.scope)
            return
        if not self._is_same_way or before.scope.peers != after.scope.peers:
            self.removed += emit_peers(before.model, before.scope)
            self.added += emit_peers(after.model, after.scope)
        ports = self._ports(before, after)
        for port_id in ports:
            self.removed += before.port_rows(port_id)
            self.added += after.port_rows(port_id)
        if self._are_networks_other(before, after, ports):
            self.removed += emit_networks(before.model, before.vpc, before.scope)
            self.added += emit_networks(after.model, after.vpc, after.scope)
        if before.scope.is_present:
            self._compare_policy(before, after)

    def _ports(self, before: "_Side", after: "_Side") -> Set[ObjectId]:
        """The ports whose rows may differ."""
        found = set(self._changed)
        found |= before.scope.moved ^ after.scope.moved
        entered = before.scope.entered ^ after.scope.entered
        if entered:
            found |= {port.id for port in chain(before.vpc.ports, after.vpc.ports) if port.subnet.id in entered}
        if not self._is_same_way or before.scope.is_redirecting != after.scope.is_redirecting:
            found |= {port.id for port in chain(before.vpc.places.foreign, after.vpc.places.foreign)}
        return found

    def _are_networks_other(self, before: "_Side", after: "_Side", ports: Set[ObjectId]) -> bool:
        if before.scope.entered != after.scope.entered:
            return True
        one, other = before.vpc, after.vpc
        if (one.subnets, one.routes, one.acls, one.mirrors) != (other.subnets, other.routes, other.acls, other.mirrors):
            return True
        return (bool(ports) or not self._is_same_way) and _floods(other)

    def _compare_policy(self, before: "_Side", after: "_Side") -> None:
        one, other = before.vpc, after.vpc
        less, more = before.senders_and_receivers(), after.senders_and_receivers()
        labels = set().union(*less, *more)
        is_same = one.groups == other.groups and all(one.labels.get(it) == other.labels.get(it) for it in labels)
        if is_same and less == more:
            return
        gone, come = set(product(*less)), set(product(*more))
        if is_same:
            gone, come = gone - come, come - gone
        for pair in gone:
            self.removed += policy.pair(one, *pair, before.scope.shared)
        for pair in come:
            self.added += policy.pair(other, *pair, after.scope.shared)


@dataclass(frozen=True, slots=True)
class _Side:
    """A VPC at a switch, on one side of a change."""

    model: Model
    vpc: ModelVpc
    scope: Scope

    def is_like(self, other: "_Side") -> bool:
        """Whether rows of what is the same are the same."""
        return (self.vpc.vrf, self.scope.is_present) == (other.vpc.vrf, other.scope.is_present)

    def port_rows(self, port_id: ObjectId) -> Iterator[Row]:
        """The rows of one port, if there is one."""
        port = self.vpc.port(port_id)
        if port is not None:
            yield from emit_port(self.model, self.vpc, port, self.scope)

    def senders_and_receivers(self) -> tuple[Set[int], Set[int]]:
        """The labels that may meet here."""
        return policy.sources(self.vpc, self.scope.switch), policy.destinations(self.vpc)


def _side(of: Input, key: str, name: str) -> _Side | None:
    vpc = of.model.vpcs.get(key)
    if vpc is None:
        return None
    return _Side(of.model, vpc, of.scope_of(vpc, name))


def _changed_ports(one: ModelVpc | None, other: ModelVpc | None) -> Set[ObjectId]:
    """Return the ids of ports that are not the same in both; those that are one object cost next to nothing."""
    if one is None or other is None or one.ports is other.ports:
        return frozenset()
    before = dict(zip(map(id, one.ports), one.ports, strict=True))
    after = dict(zip(map(id, other.ports), other.ports, strict=True))
    gone = {before[it].id: before[it] for it in before.keys() - after.keys()}
    come = {after[it].id: after[it] for it in after.keys() - before.keys()}
    return {port_id for port_id in gone.keys() | come.keys() if gone.get(port_id) != come.get(port_id)}
