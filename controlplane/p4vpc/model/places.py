# SPDX-License-Identifier: Apache-2.0
"""The ports of a VPC by where they are: of all of them, and after some have changed."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from p4vpc.intent import ObjectId, ip_order
from p4vpc.model.types import LocalPlace, ModelPort, Places, Vtep, id_of

PortChanges = Mapping[ObjectId, tuple[ModelPort | None, ModelPort | None]]
"""Ports before and after; None where there is none."""


def places_of(ports: Iterable[ModelPort]) -> Places:
    """Return where the ports are, which are sorted by id."""
    plugged: defaultdict[str, list[ModelPort]] = defaultdict(list)
    candidates: defaultdict[str, list[ModelPort]] = defaultdict(list)
    foreign: list[ModelPort] = []
    labels: Counter[int] = Counter()
    for port in ports:
        match port.place:
            case LocalPlace(switch=switch):
                plugged[switch].append(port)
            case Vtep():
                foreign.append(port)
        if port.place is not None:
            labels[port.label] += 1
        for switch in _candidates(port):
            candidates[switch].append(port)
    return Places(_frozen(plugged), tuple(foreign), _frozen(candidates), dict(labels))


def places_after(places: Places, changes: PortChanges) -> Places:
    """Return where the ports are after some have changed."""
    plugged, candidates, labels = dict(places.plugged), dict(places.candidates), dict(places.labels)
    foreign = places.foreign
    for port_id, (before, after) in changes.items():
        for port, is_there in ((before, False), (after, True)):
            if port is None:
                continue
            kept = port if is_there else None
            match port.place:
                case LocalPlace(switch=switch):
                    _put(plugged, switch, port_id, kept)
                case Vtep():
                    foreign = ports_after(foreign, port_id, kept)
            if port.place is not None:
                _count(labels, port.label, 1 if is_there else -1)
            for switch in _candidates(port):
                _put(candidates, switch, port_id, kept)
    return Places(plugged, foreign, candidates, labels)


def ports_after(ports: tuple[ModelPort, ...], port_id: ObjectId, port: ModelPort | None) -> tuple[ModelPort, ...]:
    """Return the ports, sorted by id, with one put in its place, or taken out (None)."""
    at = bisect_left(ports, port_id, key=id_of)
    end = at + (at < len(ports) and ports[at].id == port_id)
    return (*ports[:at], *(() if port is None else (port,)), *ports[end:])


def foreign_vteps(foreign: Iterable[ModelPort]) -> tuple[Vtep, ...]:
    """Return the VTEPs that ports are behind, sorted by address."""
    found = {port.place.address: port.place for port in foreign if isinstance(port.place, Vtep)}
    return tuple(found[address] for address in sorted(found, key=ip_order))


def _candidates(port: ModelPort) -> Iterable[str]:
    return {place.switch for place in port.candidates}


def _frozen(ports: Mapping[str, list[ModelPort]]) -> Mapping[str, tuple[ModelPort, ...]]:
    return {switch: tuple(some) for switch, some in ports.items()}


def _put(by_switch: dict[str, tuple[ModelPort, ...]], switch: str, port_id: ObjectId, port: ModelPort | None) -> None:
    there = ports_after(by_switch.get(switch, ()), port_id, port)
    if there:
        by_switch[switch] = there
    else:
        by_switch.pop(switch, None)


def _count(labels: dict[int, int], label: int, change: int) -> None:
    number = labels.get(label, 0) + change
    if number:
        labels[label] = number
    else:
        del labels[label]
