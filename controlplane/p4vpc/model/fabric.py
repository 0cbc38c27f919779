# SPDX-License-Identifier: Apache-2.0
"""The model's switches, links and tunnel ends: of all objects, and after some have changed.

What does not change is the same object before and after: a switch depends on itself, its ends of links on those and on
the far ends' MACs, its tunnel end also on the modes that the fabric says (docs/adr/0027).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeVar

from p4vpc.intent import Intent, Link, LinkEnd, ObjectId, Switch, ip_order
from p4vpc.model import numbers
from p4vpc.model.defaults import router_mac, tier
from p4vpc.model.index import Index
from p4vpc.model.tunnels import modes_between_leaves
from p4vpc.model.types import FabricPort, ModelSwitch, TunnelModes, Vtep

_V = TypeVar("_V")
Number = Callable[[str, str], int]
"""The number that the owner has from a pool."""

Changes = Mapping[ObjectId, tuple[Intent | None, Intent | None]]
"""Objects before and after; None where there is none."""


class FabricPieces(NamedTuple):
    """The fields of `Model` that depend on switches and links; each is by switch."""

    switches: Mapping[str, ModelSwitch]
    fabric_ports: Mapping[str, tuple[FabricPort, ...]]
    leaf_vteps: Mapping[str, Vtep]


def fabric_of(index: Index, number: Number) -> FabricPieces:
    """Return what all objects come to."""
    switches = {name: _switch(switch) for name, switch in index.switches.items()}
    ports: dict[str, list[FabricPort]] = {name: [] for name in switches}
    for link in index.links.values():
        for name, end in _ends(link, switches):
            ports[name].append(end)
    modes = modes_between_leaves(index.fabric)
    vteps = {name: vtep for name, it in switches.items() if (vtep := _vtep(it, modes, number)) is not None}
    return FabricPieces(switches, {name: _sorted(ends) for name, ends in ports.items()}, vteps)


def fabric_after(before: FabricPieces, index: Index, changes: Changes, number: Number) -> FabricPieces:
    """Return what the objects come to after some of them have changed; the index has them as they are now."""
    names = {object_id.key for object_id in changes if object_id.kind == "switch"}
    new = {name: _switch(index.switches[name]) for name in names if name in index.switches}
    switches = _after(before.switches, new, names)
    ports = _ports_after(before, changes, switches)
    fabric_ports = _after(before.fabric_ports, ports, ports.keys() | (names - switches.keys()))
    modes = modes_between_leaves(index.fabric)
    others = switches.keys() if any(object_id.kind == "fabric" for object_id in changes) else names & switches.keys()
    vteps = {name: vtep for name in others if (vtep := _vtep(switches[name], modes, number)) is not None}
    return FabricPieces(switches, fabric_ports, _after(before.leaf_vteps, vteps, {*others, *names}))


def _ports_after(
    before: FabricPieces, changes: Changes, switches: Mapping[str, ModelSwitch]
) -> Mapping[str, tuple[FabricPort, ...]]:
    """Return the ends of links at switches where one may come, go or be another one, and at those that are new."""
    links = {object_id for object_id in changes if object_id.kind == "link"}
    new: defaultdict[str, list[FabricPort]] = defaultdict(list)
    for link_id in links:
        _, link = changes[link_id]
        for name, end in _ends(link, switches) if isinstance(link, Link) else ():
            new[name].append(end)
    touched = {name for link_id in links for link in changes[link_id] for name in _switches_of(link)}
    touched |= switches.keys() - before.switches.keys()
    for name in {object_id.key for object_id in changes if object_id.kind == "switch"} & before.switches.keys():
        if name in switches and before.switches[name].router_mac != switches[name].router_mac:
            touched |= {end.peer_switch for end in before.fabric_ports[name] if end.peer_switch is not None}
    return {
        name: _sorted(chain(_kept(before.fabric_ports.get(name, ()), links, switches), new[name]))
        for name in touched & switches.keys()
    }


def _kept(
    ends: Iterable[FabricPort], links: Collection[ObjectId], switches: Mapping[str, ModelSwitch]
) -> Iterator[FabricPort]:
    """Yield the ends of links that have not changed themselves."""
    for end in ends:
        if end.link not in links:
            mac = end.peer_mac if end.peer_switch is None else switches[end.peer_switch].router_mac
            yield end if end.peer_mac == mac else replace(end, peer_mac=mac)


def _after(known: Mapping[str, _V], puts: Mapping[str, _V], names: Iterable[str]) -> Mapping[str, _V]:
    """Return a mapping in which these names are as in `puts`, or not; itself if nothing differs, sorted otherwise."""
    differing = {name for name in names if known.get(name) != puts.get(name)}
    if not differing:
        return known
    result = dict(known)
    for name in differing:
        if name in puts:
            result[name] = puts[name]
        else:
            result.pop(name)
    return result if known.keys() >= puts.keys() else dict(sorted(result.items()))


def _switch(switch: Switch) -> ModelSwitch:
    return ModelSwitch(
        switch.name,
        switch.role == "leaf",
        switch.vtep,
        router_mac(switch),
        switch.p4runtime,
        switch.device_id,
        tier(switch),
    )


def _vtep(switch: ModelSwitch, modes: TunnelModes, number: Number) -> Vtep | None:
    if switch.vtep is None:
        return None
    return Vtep(switch.vtep, number(numbers.TUNNEL, str(switch.vtep)), switch.name, modes)


def _ends(link: Link, switches: Mapping[str, ModelSwitch]) -> Iterator[tuple[str, FabricPort]]:
    a, b = link.a, link.b
    if isinstance(b, LinkEnd):
        yield a.switch, FabricPort(a.port, link.id, a.address, switches[b.switch].router_mac, b.switch)
        yield b.switch, FabricPort(b.port, link.id, b.address, switches[a.switch].router_mac, a.switch)
    else:
        prefixes = tuple(sorted(b.prefixes, key=ip_order))
        yield a.switch, FabricPort(a.port, link.id, a.address, b.mac, None, prefixes)


def _switches_of(link: Intent | None) -> Set[str]:
    if not isinstance(link, Link):
        return frozenset()
    return {end.switch for end in (link.a, link.b) if isinstance(end, LinkEnd)}


def _sorted(ends: Iterable[FabricPort]) -> tuple[FabricPort, ...]:
    return tuple(sorted(ends, key=lambda end: end.port))
