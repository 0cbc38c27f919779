# SPDX-License-Identifier: Apache-2.0
"""The states of all switches, and from one model to the next only what differs (docs/adr/0019, docs/adr/0027).

What a switch holds is a sum of rows: of its ends of links, of its routes, of each VPC's networks, of each label pair's
policy, of each port. Every summand is a pure function of little: so where something differs, what was summed is derived
again from the old model and taken out, and what is to be summed is derived from the new one. Nothing is kept but the
sums, and nothing is looked at that is the same object in both models. `compile_switch` says what must come out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import chain

from p4vpc.compiler import underlay
from p4vpc.compiler.compile import emit_ends, emit_fabric, emit_reasons, emit_vpc
from p4vpc.compiler.entries import DesiredState, Identity
from p4vpc.compiler.input import Input
from p4vpc.compiler.pair import Pair, Surroundings, change_of, side_of
from p4vpc.compiler.scope import NOBODY, vpc_of
from p4vpc.compiler.shared import Row
from p4vpc.compiler.tally import Tally, change, tally
from p4vpc.compiler.ways import OtherWays
from p4vpc.model import FabricPort, Model

__all__ = ("Compilation", "Input", "compile_all", "recompile")


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
    ways = of.take_paths(old)
    fabric = _Fabric(old.model, of.model, ways)
    concerned = _concerned(old, of, fabric)
    changes = {key: change_of(old.model.vpcs.get(key), of.model.vpcs.get(key)) for key in _all(concerned)}
    tallies, states = dict(before.tallies), dict(before.states)
    changed: dict[str, Set[Identity] | None] = {}
    touched = set(concerned)
    for name in before.states.keys() - of.model.switches.keys():
        del tallies[name], states[name]
    for name in of.model.switches.keys() - before.states.keys():
        tallies[name] = tally(_switch_rows(of, name), of.shared.items)
        states[name] = DesiredState(name, of.model.revision, tallies[name].entries)
        changed[name] = None
        touched.add(name)
    for name in before.states.keys() & (concerned.keys() | fabric.switches):
        removed, added = fabric.rows(old, of, name)
        if removed or added:
            touched.add(name)
        keys = concerned.get(name)
        around = fabric.around(name) if keys else Surroundings()
        for key in keys or ():
            pair = Pair(side_of(old, key, name), side_of(of, key, name), changes[key], around)
            pair.compare()
            removed += pair.removed
            added += pair.added
        if not removed and not added:
            continue
        tallies[name], differing = change(tallies[name], removed, added, of.shared.items)
        if differing:
            changed[name] = differing
            states[name] = DesiredState(name, of.model.revision, tallies[name].entries)
    of.shared.clear()
    return Compilation(of, states, tallies, changed, touched)


def _all(concerned: Mapping[str, Set[str]]) -> Set[str]:
    return set(chain.from_iterable(concerned.values()))


class _Fabric:
    """What of the fabric differs between two models, and which of the switches that both have it concerns.

    Attributes:
        ends: the leaves that are another end of tunnels.
        is_other_mtu: the length of tenants' packets is another one: that concerns every switch that has any.
        switches: those whose rows beside the VPCs' may differ.
    """

    def __init__(self, old: Model, new: Model, ways: OtherWays):
        self._old, self._new, self.ways = old, new, ways
        self.is_other_mtu = old.tenant_mtu != new.tenant_mtu
        self.ends = frozenset(_differing(old.leaf_vteps, new.leaf_vteps))
        one, other = old.leaf_vteps, new.leaf_vteps
        self._numbers = frozenset(
            name
            for name in self.ends
            if name not in one or name not in other or one[name].tunnel_index != other[name].tunnel_index
        )
        self._addresses = frozenset(
            name
            for name in self.ends
            if name not in one or name not in other or one[name].address != other[name].address
        )
        both = old.switches.keys() & new.switches.keys()
        self._own = set(_differing(old.switches, new.switches)) | set(_differing(old.fabric_ports, new.fabric_ports))
        self._are_reasons_other = (old.drop_samples, old.acl_log) != (new.drop_samples, new.acl_log)
        self.switches: Set[str] = {*self._own, *ways.to, *ways.prefixes} & both
        if self._are_reasons_other or self._addresses:
            self.switches = both

    def around(self, name: str) -> Surroundings:
        """What differs around the VPCs of a switch."""
        one, other = self._old.switches[name], self._new.switches[name]
        return Surroundings(
            self.ends,
            self._numbers,
            self.ways.to.get(name, frozenset()),
            is_other_way_out=name in self.ways.prefixes,
            is_other_source=one.vtep != other.vtep,
            is_other_mtu=self.is_other_mtu,
        )

    def rows(self, old: Input, new: Input, name: str) -> tuple[list[Row], list[Row]]:
        """The rows of a switch, beside those of its VPCs, that may differ."""
        is_other = self._old.switches[name] != self._new.switches[name]
        kept: Collection[FabricPort] = ()
        if name in self._own and not is_other:
            kept = set(self._old.fabric_ports[name]) & set(self._new.fabric_ports[name])
        return list(self._rows(old, name, kept)), list(self._rows(new, name, kept))

    def _rows(self, of: Input, name: str, kept: Collection[FabricPort]) -> Iterator[Row]:
        switch = of.model.switches[name]
        if name in self._own:
            yield from emit_ends(switch, [end for end in of.model.fabric_ports[name] if end not in kept])
        if self._are_reasons_other:
            yield from emit_reasons(of.model, switch)
        leaves = (self.ways.to.get(name, frozenset()) | self._addresses) & of.model.leaf_vteps.keys()
        if leaves:
            yield from underlay.emit_routes(of.model, switch, of.ways_of(name), leaves)
        if name in self.ways.prefixes:
            yield from underlay.emit_prefixes(of.ways_of(name))


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[str]:
    """Return the names that are not equal in both; a mapping of which little has changed costs little."""
    if before is after:
        return ()
    return [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]


def _concerned(old: Input, new: Input, fabric: _Fabric) -> Mapping[str, Set[str]]:
    """Which VPCs are to be looked at, by switch."""
    concerned: defaultdict[str, set[str]] = defaultdict(set)
    before, after = old.model.vpcs, new.model.vpcs
    others: set[str] = set()
    if before is not after:
        others |= {key for key in before.keys() | after.keys() if before.get(key) is not after.get(key)}
    if fabric.is_other_mtu:
        others |= before.keys() | after.keys()
    for leaf in fabric.ends:
        others |= old.vpcs_to(leaf) | new.vpcs_to(leaf)
    for key in others:
        for name in old.switches_of(key) | new.switches_of(key):
            concerned[name].add(key)
    for name in old.moved.keys() | new.moved.keys():
        for port in old.moved.get(name, NOBODY) ^ new.moved.get(name, NOBODY):
            concerned[name].add(vpc_of(port))
    for key in old.guests.keys() | new.guests.keys() if old.guests != new.guests else ():
        if old.guests.get(key) != new.guests.get(key) and key in after:
            for name in chain(after[key].switches, old.guests.get(key, ()), new.guests.get(key, ())):
                concerned[name].add(key)
    to = {leaf: new.vpcs_to(leaf) for leaf in set().union(*fabric.ways.to.values())}
    for name in fabric.ways.to.keys() | fabric.ways.prefixes:
        here = new.vpcs_at(name)
        if name in fabric.ways.prefixes:
            concerned[name] |= here & new.foreign_vpcs
        if here:
            concerned[name] |= here & set().union(*(to[leaf] for leaf in fabric.ways.to.get(name, ())))
    both = old.model.switches.keys() & new.model.switches.keys()
    return {name: keys for name, keys in concerned.items() if keys and name in both}


def _switch_rows(of: Input, name: str) -> Iterator[Row]:
    yield from emit_fabric(of.model, of.model.switches[name], of.ways_of(name))
    for key in sorted(of.vpcs_at(name) & of.model.vpcs.keys()):
        vpc = of.model.vpcs[key]
        yield from emit_vpc(of.model, vpc, of.scope_of(vpc, name))
