# SPDX-License-Identifier: Apache-2.0
"""Classification of what enters: tenant frames by port and VLAN, underlay frames by port and destination MAC.

Writes `fabric_ports` and `traps` for the switch; for its ports `access_ports`, `transparent_ports`, and in egress
`egress_ports`.
"""

from collections.abc import Iterable

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.model import FabricPort, LocalPlace, Model, ModelPort, ModelSwitch, ModelVpc

BROADCAST_MAC = 0xFFFFFFFFFFFF
LLDP_MAC = 0x0180C200000E
"""IEEE 802.1AB clause 7.1: nearest bridge; never forwarded by one."""

LLDP_ETHER_TYPE = 0x88CC
PUNT_LLDP = 128
"""Reason of a packet-in that carries LLDP. Smaller ones are drop reasons (`drop_reasons`)."""


def emit_switch(switch: ModelSwitch, ends: Iterable[FabricPort]) -> Emitted:
    """Yield what makes ports fabric ports, and what fabric ports hand to the controller."""
    for end in ends:
        for mac in (switch.router_mac.value, BROADCAST_MAC, LLDP_MAC):
            key = (Exact(end.port), Exact(mac))
            yield TableEntry("fabric_ports", key, 0, ActionCall("set_fabric", (switch.tier,))), end.link
    punt = ActionCall("punt", (PUNT_LLDP,))
    yield TableEntry("traps", (Exact(1), Exact(LLDP_ETHER_TYPE)), 0, punt), switch.id


def emit_port(model: Model, vpc: ModelVpc, port: ModelPort, switch: ModelSwitch) -> Emitted:
    """Yield what makes the attachment of a port, how frames leave by it, and where it may turn up."""
    for candidate in port.candidates:
        if candidate.switch == switch.name:
            key = (Exact(candidate.port), Exact(candidate.vlan_id))
            action = ActionCall("set_candidate", (candidate.port_index, port.subnet.bridge_domain))
            yield TableEntry("access_ports", key, 0, action), port.id
            if port.subnet.is_vlan_transparent:
                yield _transparent(candidate.port), port.id
    place = port.place
    if not isinstance(place, LocalPlace) or place.switch != switch.name:
        return
    attachment = (place.port_index, port.subnet.bridge_domain, vpc.vrf, port.label, model.tenant_mtu)
    access = ActionCall("set_access", attachment)
    yield TableEntry("access_ports", (Exact(place.port), Exact(place.vlan_id)), 0, access), port.id
    if port.subnet.is_vlan_transparent:
        yield _transparent(place.port), port.id
    tagging = ActionCall("set_tagged", (place.vlan_id,)) if place.vlan_id else ActionCall("set_untagged")
    yield TableEntry("egress_ports", (Exact(place.port_index),), 0, tagging), port.id


def _transparent(switch_port: int) -> TableEntry:
    return TableEntry("transparent_ports", (Exact(switch_port),), 0, ActionCall("set_transparent"))
