# SPDX-License-Identifier: Apache-2.0
"""Values that the model fills in where the intent leaves them out."""

from hashlib import sha256

from p4vpc.intent import Mac, Subnet, Switch

ANYCAST_GATEWAY_MAC = Mac(0x02005E000101)
"""The logical routers' MAC: the same everywhere, so that a workload that moves keeps its ARP entry."""


def router_mac(switch: Switch) -> Mac:
    """Return the switch's MAC on fabric ports: as given, else a locally administered one made from its name."""
    if switch.router_mac is not None:
        return switch.router_mac
    return Mac(0x02 << 40 | int.from_bytes(sha256(switch.name.encode()).digest()[:5]))


def gateway_mac(subnet: Subnet) -> Mac:
    """Return the gateway's MAC in the subnet."""
    return subnet.gateway_mac or ANYCAST_GATEWAY_MAC
