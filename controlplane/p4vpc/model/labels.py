# SPDX-License-Identifier: Apache-2.0
"""Policy labels: which sets of groups and CIDRs there are, and who has which (docs/adr/0002)."""

from collections.abc import Iterable
from dataclasses import dataclass

from p4vpc.intent import CidrPeer, IpAddress, IpNetwork, Port, Route, ip_order, is_within
from p4vpc.model.index import VpcIndex


@dataclass(frozen=True, slots=True)
class LabelSet:
    """What a policy label stands for, within one VPC: names of security groups, and CIDR peers."""

    groups: frozenset[str]
    cidrs: frozenset[IpNetwork]

    def owner(self, vpc_key: str) -> str:
        """Return the key under which the label's number is kept."""
        cidrs = ",".join(map(str, sorted(self.cidrs, key=ip_order)))
        return f"{vpc_key} groups={','.join(sorted(self.groups))} cidrs={cidrs}"


def cidr_peers(members: VpcIndex) -> frozenset[IpNetwork]:
    """Return the CIDRs that rules of the VPC name."""
    return frozenset(
        rule.peer.cidr for group in members.groups.values() for rule in group.rules if isinstance(rule.peer, CidrPeer)
    )


def label_of_port(port: Port, cidrs: Iterable[IpNetwork]) -> LabelSet:
    """Return the label set of a port: its groups, and the CIDRs that contain all of its addresses of their family.

    A port without an address of the family is in no CIDR of it.
    """
    inside = frozenset(cidr for cidr in cidrs if _is_member(port, cidr))
    return LabelSet(frozenset(port.security_groups), inside)


def _is_member(port: Port, cidr: IpNetwork) -> bool:
    concerned = [address for address in port.addresses if address.version == cidr.version]
    return bool(concerned) and all(address in cidr for address in concerned)


def label_of_route(route: Route, next_hop: Port, cidrs: Iterable[IpNetwork]) -> LabelSet:
    """Return the label set of what a route leads to: the next hop's groups, the CIDRs that contain the prefix."""
    inside = frozenset(cidr for cidr in cidrs if is_within(route.prefix, cidr))
    return LabelSet(frozenset(next_hop.security_groups), inside)


def port_by_address(members: VpcIndex) -> dict[IpAddress, Port]:
    """Return which port has each address of the VPC."""
    return {address: port for port in members.ports.values() for address in port.addresses}
