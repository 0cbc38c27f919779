# SPDX-License-Identifier: Apache-2.0
"""Source guard: who may send with which MAC and address. For ports plugged in here or that may turn up here, and for
those behind foreign VTEPs.

A port sends from its fixed addresses, and in a subnet with IPv6 from the link-local address made of its MAC, without
which neighbour discovery does not work. Its MAC alone lets it ask whether an address is free (RFC 5227, RFC 4862).

Writes `source_guard_mac`, `source_guard_v4` and `source_guard_v6`.
"""

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.family import of_family
from p4vpc.compiler.pieces import Emitted
from p4vpc.intent import IpAddress, link_local_of
from p4vpc.model import LocalPlace, ModelPort, ModelSwitch, Vtep

FOREIGN_PORT_INDEX = 0x8000
"""Added to a tunnel index it stands where a port index does, for packets of an untrusted peer."""


def emit_port(port: ModelPort, switch: ModelSwitch) -> Emitted:
    """Yield the bindings of a port if its packets enter here, or it may turn up here."""
    match port.place:
        case LocalPlace(switch=switch.name, port_index=port_index):
            yield from _bindings(port, port_index, ActionCall("permit_source"))
        case Vtep(tunnel_index=tunnel_index):
            permit = ActionCall("permit_foreign_source", (port.label,))
            yield from _bindings(port, FOREIGN_PORT_INDEX | tunnel_index, permit)
    yield from emit_candidate(port, switch)


def emit_candidate(port: ModelPort, switch: ModelSwitch) -> Emitted:
    """Yield the bindings of a port that may turn up here; it has one index at a switch, wherever it is."""
    for candidate in port.candidates:
        if candidate.switch == switch.name:
            yield from _bindings(port, candidate.port_index, ActionCall("permit_source"))


def _bindings(port: ModelPort, port_index: int, permit: ActionCall) -> Emitted:
    mac_key = (Exact(port_index), Exact(port.subnet.bridge_domain), Exact(port.mac.value))
    yield TableEntry("source_guard_mac", mac_key, 0, ActionCall("permit_mac")), port.id
    for address in _sources(port):
        yield TableEntry(of_family("source_guard", address), (*mac_key, Exact(int(address))), 0, permit), port.id


def _sources(port: ModelPort) -> tuple[IpAddress, ...]:
    return port.addresses if port.subnet.ipv6 is None else (*port.addresses, link_local_of(port.mac))
