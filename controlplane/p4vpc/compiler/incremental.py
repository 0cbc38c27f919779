# SPDX-License-Identifier: Apache-2.0
"""The states of all switches, and from one model to the next only what differs (docs/adr/0019).

What a switch holds is a sum of rows: of the fabric, of each VPC's networks, of each label pair's policy, of each port.
Every summand is a pure function of little: so where something differs, what was summed is derived again from the old
model and taken out, and what is to be summed is derived from the new one. Nothing is kept but the sums, and nothing is
looked at that is the same object in both models. `compile_switch` says what must come out.

A change of switches, links or the fabric's own settings compiles everything again; one of the links that are down, what
depends on ways.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import chain, product

from p4vpc.compiler import policy
from p4vpc.compiler.compile import (
    concerned_ports,
    emit_fabric,
    emit_networks,
    emit_policy,
    emit_port,
)
from p4vpc.compiler.entries import DesiredState, Identity
from p4vpc.compiler.scope import NOBODY, Moved, Scope, scope_of, vpc_of
from p4vpc.compiler.tally import Row, Tally, change, tally
from p4vpc.compiler.ways import Ways
from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelVpc


@dataclass(frozen=True, slots=True)
class Input:
    """All that the states depend on.

    Attributes:
        moved: what is redirected, by switch; not there: nobody.
        down_links: what carries nothing now.
        ways: of the switches, as far as they have been asked for; those of one model and set of links are shared.
    """

    model: Model
    moved: Mapping[str, Moved] = field(default_factory=dict)
    down_links: frozenset[ObjectId] = frozenset()
    ways: dict[str, Ways] = field(default_factory=dict, compare=False, repr=False)

    def ways_of(self, switch: str) -> Ways:
        """The ways of one switch."""
        if switch not in self.ways:
            self.ways[switch] = Ways(self.model, switch, self.down_links)
        return self.ways[switch]


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
    tallies = {name: tally(_switch_rows(of, name)) for name in of.model.switches}
    states = {name: DesiredState(name, of.model.revision, it.entries) for name, it in tallies.items()}
    return Compilation(of, states, tallies, dict.fromkeys(tallies), tallies.keys())


def recompile(before: Compilation, of: Input) -> Compilation:
    """Return the states of all switches, by way of what differs from `before`.

    Raises InternalError as `compile_switch` does; `before` is as good as ever then.
    """
    old = before.input
    if not _is_same_fabric(old.model, of.model):
        return _compared(before, compile_all(of))
    if old.down_links == of.down_links:
        of = replace(of, ways=old.ways)
    tallies = dict(before.tallies)
    states = dict(before.states)
    changed: dict[str, Set[Identity] | None] = {}
    concerned = _concerned(old, of)
    ports = {key: _changed_ports(old.model.vpcs.get(key), of.model.vpcs.get(key)) for key in _all(concerned)}
    for name, keys in concerned.items():
        removed: list[Row] = []
        added: list[Row] = []
        if old.down_links != of.down_links:
            removed += emit_fabric(old.model, old.model.switches[name], old.ways_of(name))
            added += emit_fabric(of.model, of.model.switches[name], of.ways_of(name))
        for key in keys:
            pair = _Pair(old, of, key, name, ports[key])
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


def _concerned(old: Input, new: Input) -> Mapping[str, Set[str]]:
    """Which VPCs are to be looked at, by switch."""
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
    if old.down_links != new.down_links:
        for name in new.model.switches:
            concerned[name].update(key for key in _keys(new, name) if _depends_on_ways(after.get(key)))
    return {name: keys for name, keys in concerned.items() if name in new.model.switches}


def _keys(of: Input, name: str) -> Set[str]:
    return {*of.model.vpcs_of_switch.get(name, ()), *(vpc_of(port) for port in of.moved.get(name, NOBODY))}


def _depends_on_ways(vpc: ModelVpc | None) -> bool:
    return vpc is not None and (bool(vpc.places.foreign) or _floods(vpc))


def _floods(vpc: ModelVpc) -> bool:
    return any(subnet.flood_group is not None for subnet in vpc.subnets)


def _switch_rows(of: Input, name: str) -> Iterator[Row]:
    yield from emit_fabric(of.model, of.model.switches[name], of.ways_of(name))
    for key in sorted(_keys(of, name) & of.model.vpcs.keys()):
        vpc, switch = of.model.vpcs[key], of.model.switches[name]
        scope = scope_of(vpc, switch, of.ways_of(name), of.moved.get(name, NOBODY))
        yield from _vpc_rows(of.model, vpc, scope)


def _vpc_rows(model: Model, vpc: ModelVpc, scope: Scope) -> Iterator[Row]:
    yield from emit_networks(model, vpc, scope)
    yield from emit_policy(vpc, scope)
    for port in concerned_ports(vpc, scope):
        yield from emit_port(model, vpc, port, scope)


class _Pair:
    """One VPC at one switch, before and after. `removed` and `added` are the rows that may differ.

    `changed` are the ports of the VPC that are not the same.
    """

    def __init__(self, old: Input, new: Input, key: str, name: str, changed: Set[ObjectId]):
        self._changed = changed
        self._before = _side(old, key, name)
        self._after = _side(new, key, name)
        self._is_same_way = old.down_links == new.down_links
        self.removed: list[Row] = []
        self.added: list[Row] = []

    def compare(self) -> None:
        before, after = self._before, self._after
        if before is None or after is None or not before.is_like(after):
            self.removed += () if before is None else _vpc_rows(before.model, before.vpc, before.scope)
            self.added += () if after is None else _vpc_rows(after.model, after.vpc, after.scope)
            return
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
            self.removed += policy.pair(one, *pair)
        for pair in come:
            self.added += policy.pair(other, *pair)


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
    return _Side(of.model, vpc, scope_of(vpc, of.model.switches[name], of.ways_of(name), of.moved.get(name, NOBODY)))


def _changed_ports(one: ModelVpc | None, other: ModelVpc | None) -> Set[ObjectId]:
    """Return the ids of ports that are not the same in both; those that are one object cost next to nothing."""
    if one is None or other is None or one.ports is other.ports:
        return frozenset()
    before = dict(zip(map(id, one.ports), one.ports, strict=True))
    after = dict(zip(map(id, other.ports), other.ports, strict=True))
    gone = {before[it].id: before[it] for it in before.keys() - after.keys()}
    come = {after[it].id: after[it] for it in after.keys() - before.keys()}
    return {port_id for port_id in gone.keys() | come.keys() if gone.get(port_id) != come.get(port_id)}
