# SPDX-License-Identifier: Apache-2.0
"""Source guard: who may send with which MAC and address. For ports plugged in here, and for those behind foreign VTEPs.

Writes `source_guard_mac` and `source_guard_v4`.
"""

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.model import LocalPlace, ModelPort, ModelSwitch, ModelVpc, Vtep

FOREIGN_PORT_INDEX = 0x8000
"""Added to a tunnel index it stands where a port index does, for packets of an untrusted peer."""


def emit_vpc(vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the bindings of every port of the VPC whose packets enter here."""
    for port in vpc.ports:
        found = _entrance(port, switch)
        if found is None:
            continue
        port_index, permit = found
        mac_key = (Exact(port_index), Exact(port.subnet.bridge_domain), Exact(port.mac.value))
        yield TableEntry("source_guard_mac", mac_key, 0, permit), port.id
        for address in port.addresses:
            yield TableEntry("source_guard_v4", (*mac_key, Exact(int(address))), 0, permit), port.id


def _entrance(port: ModelPort, switch: ModelSwitch) -> tuple[int, ActionCall] | None:
    match port.place:
        case LocalPlace(switch=switch.name, port_index=port_index):
            return port_index, ActionCall("permit_source")
        case Vtep(tunnel_index=tunnel_index):
            return FOREIGN_PORT_INDEX | tunnel_index, ActionCall("permit_foreign_source", (port.label,))
    return None
