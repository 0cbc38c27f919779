# SPDX-License-Identifier: Apache-2.0
"""Values that the model fills in where the intent leaves them out."""

from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address

from p4vpc.intent import IpAddress, Mac, Subnet, Switch

ANYCAST_GATEWAY_MAC = Mac(0x02005E000101)
"""The logical routers' MAC: the same everywhere, so that a workload that moves keeps its ARP entry."""


def router_mac(switch: Switch) -> Mac:
    """Return the switch's MAC on fabric ports: as given, else a locally administered one made from its name."""
    if switch.router_mac is not None:
        return switch.router_mac
    return Mac(0x02 << 40 | int.from_bytes(sha256(switch.name.encode()).digest()[:5]))


def tier(switch: Switch) -> int:
    """Return how far the switch is from the leaves: 0 for a leaf; for a spine as given, else 1."""
    return 0 if switch.role == "leaf" else switch.tier or 1


def gateway_mac(subnet: Subnet) -> Mac:
    """Return the gateway's MAC in the subnet."""
    return subnet.gateway_mac or ANYCAST_GATEWAY_MAC


def gateway_v4(subnet: Subnet) -> IPv4Address | None:
    """Return the gateway's IPv4 address: as given, else the prefix's first; None without a prefix."""
    return subnet.gateway_v4 or (None if subnet.ipv4 is None else subnet.ipv4[1])


def gateway_v6(subnet: Subnet) -> IPv6Address | None:
    """Return the gateway's IPv6 address: as given, else the prefix's first; None without a prefix."""
    return subnet.gateway_v6 or (None if subnet.ipv6 is None else subnet.ipv6[1])


def gateway_of(subnet: Subnet, version: int) -> IpAddress | None:
    """Return the gateway's address of an IP version; None without a prefix of it."""
    return gateway_v4(subnet) if version == 4 else gateway_v6(subnet)
