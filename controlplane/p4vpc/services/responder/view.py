# SPDX-License-Identifier: Apache-2.0
"""What of the model one switch's answers depend on. Immutable; made from the model in `view_of_model`."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TypeAlias

from p4vpc.intent import IpAddress, Mac, link_local_of


@dataclass(frozen=True, slots=True)
class LocalAttachment:
    """Plugged into this switch; `vlan_id` 0 is untagged."""

    port: int
    vlan_id: int
    port_index: int


@dataclass(frozen=True, slots=True)
class ForeignAttachment:
    """Whatever is behind a foreign VTEP in one subnet."""

    vtep: IpAddress
    vni: int


Attachment: TypeAlias = LocalAttachment | ForeignAttachment


@dataclass(frozen=True, slots=True)
class SubnetView:
    """A subnet as its hosts see it.

    Attributes:
        gateway_mac: the anycast gateway's MAC.
        gateway_v4, gateway_v6: its addresses; None where the subnet has no prefix of that family.
        prefix_v6: the subnet's IPv6 prefix, if it has one.
        mtu: octets of the longest IP packet that gets through.
        broadcasts: broadcast addresses of all subnets of the VPC.
        is_vlan_transparent: tags are the tenant's own, and the gateway is in none of its VLANs.
    """

    gateway_mac: Mac
    gateway_v4: IPv4Address | None
    gateway_v6: IPv6Address | None
    prefix_v6: IPv6Network | None
    mtu: int
    broadcasts: Set[IPv4Address]
    is_vlan_transparent: bool = False

    @property
    def gateway_link_local(self) -> IPv6Address:
        """What the gateway is on the link, also where the subnet has no IPv6 prefix."""
        return link_local_of(self.gateway_mac)

    def is_gateway(self, address: IpAddress) -> bool:
        """Whether an address is one of the gateway's own."""
        return address in (self.gateway_v4, self.gateway_v6, self.gateway_link_local)

    def source_for(self, target: IpAddress) -> IpAddress | None:
        """Return whom an error to `target` comes from; None if the gateway has no address of that family.

        Towards a link-local address it is the gateway's own one, as an address of wider scope is none of that zone
        (RFC 4007 section 6), and RFC 4443 section 2.2 wants one that belongs to the link the packet came by.
        """
        if isinstance(target, IPv4Address):
            return self.gateway_v4
        return self.gateway_link_local if target.is_link_local else self.gateway_v6 or self.gateway_link_local


@dataclass(frozen=True, slots=True)
class SwitchView:
    """A switch.

    Attributes:
        fabric_ports: where underlay frames arrive; a tenant's port is never taken for one.
        vteps: its own tunnel ends.
        locals: who is at (port, VLAN), or may turn up there.
        foreign: which subnet is behind (foreign VTEP, VNI).
        candidates: those of `locals` where somebody may turn up only.
    """

    router_mac: Mac
    fabric_ports: Set[int]
    vteps: Set[IpAddress]
    locals: Mapping[tuple[int, int], tuple[LocalAttachment, SubnetView]]
    foreign: Mapping[ForeignAttachment, SubnetView]
    candidates: Set[tuple[int, int]] = frozenset()

    @property
    def attached(self) -> tuple[tuple[LocalAttachment, SubnetView], ...]:
        """Who is at this switch, without those who may turn up."""
        return tuple(found for place, found in self.locals.items() if place not in self.candidates)
