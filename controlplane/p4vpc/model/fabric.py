# SPDX-License-Identifier: Apache-2.0
"""The model's switches, links and tunnel ends: of all objects, and after some have changed.

What does not change is the same object before and after: a switch depends on itself, its ends of links on those and on
the far ends' MACs, its tunnel end also on the modes that the fabric says (docs/adr/0027).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
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
    links_of = _links_of(before, changes, switches)
    for name in names & before.switches.keys() & switches.keys():
        if before.switches[name].router_mac != switches[name].router_mac:
            peers = {end.peer_switch for end in before.fabric_ports[name] if end.peer_switch is not None}
            for peer in peers - links_of.keys():
                links_of[peer] = {end.link.key for end in before.fabric_ports[peer]}
    ports = {
        name: _sorted(end for key in keys for at, end in _ends(index.links[key], switches) if at == name)
        for name, keys in links_of.items()
        if name in switches
    }
    fabric_ports = _after(before.fabric_ports, ports, links_of.keys() | (names - switches.keys()))
    modes = modes_between_leaves(index.fabric)
    others = switches.keys() if any(object_id.kind == "fabric" for object_id in changes) else names & switches.keys()
    vteps = {name: vtep for name in others if (vtep := _vtep(switches[name], modes, number)) is not None}
    return FabricPieces(switches, fabric_ports, _after(before.leaf_vteps, vteps, {*others, *names}))


def _links_of(before: FabricPieces, changes: Changes, switches: Mapping[str, ModelSwitch]) -> dict[str, set[str]]:
    """Return the names of all links at the switches where one comes, goes or is another one, or which are new."""
    links_of: dict[str, set[str]] = {}

    def of(name: str) -> set[str]:
        return links_of.setdefault(name, {end.link.key for end in before.fabric_ports.get(name, ())})

    for name in switches.keys() - before.switches.keys():
        of(name)
    links = [(key.key, *pair) for key, pair in changes.items() if key.kind == "link"]
    for key, link, _ in links:
        for name in _switches_of(link):
            of(name).discard(key)
    for key, _, link in links:
        for name in _switches_of(link):
            of(name).add(key)
    return links_of


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
