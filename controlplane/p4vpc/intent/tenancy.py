# SPDX-License-Identifier: Apache-2.0
"""The tenants' objects: tenants, VPCs, subnets, ports, security groups, routes."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from p4vpc.intent.addresses import (
    Address,
    AddressV4,
    AddressV6,
    IpNetwork,
    Prefix,
    PrefixV4,
    PrefixV6,
    hosts_of,
    is_host_of,
    is_unicast_block,
)
from p4vpc.intent.base import Intent, Part
from p4vpc.intent.values import (
    PROTOCOL_NUMBERS,
    UNION_TAG,
    Distinct,
    Name,
    Ports,
    Protocol,
    SwitchPort,
    Text,
    UnicastMac,
    VlanId,
)


class Tenant(Intent):
    """Owner of VPCs."""

    collection: ClassVar[str] = "tenants"
    kind: Literal["tenant"] = "tenant"
    name: Name
    description: Text = ""


class Vpc(Intent):
    """One routed address space of a tenant."""

    collection: ClassVar[str] = "vpcs"
    name_fields: ClassVar[tuple[str, ...]] = ("tenant", "name")
    kind: Literal["vpc"] = "vpc"
    tenant: Name
    name: Name
    description: Text = ""


class VpcMember(Intent):
    """Something inside of a VPC."""

    name_fields: ClassVar[tuple[str, ...]] = ("tenant", "vpc", "name")
    tenant: Name
    vpc: Name
    name: Name

    @property
    def vpc_key(self) -> str:
        """Key of the VPC it belongs to."""
        return f"{self.tenant}/{self.vpc}"


class Subnet(VpcMember):
    """One broadcast domain of a VPC. It has an IPv4 prefix, an IPv6 prefix, or both.

    Attributes:
        ipv4: its IPv4 prefix, /1 to /30.
        gateway_v4: the logical router's IPv4 address; the first one of `ipv4` if not given.
        ipv6: its IPv6 prefix, /1 to /126.
        gateway_v6: the logical router's IPv6 address; the first one of `ipv6` if not given.
        gateway_mac: the logical router's MAC; the same anycast MAC for all subnets if not given.
        broadcast: whether broadcast and multicast frames reach all of the subnet's ports, rather than none.
        vlan_transparent: whether 802.1Q tags of the tenant's own pass between the subnet's ports, rather than choose an
            attachment. All its ports at leaves are then attached untagged, each alone on its switch port.
    """

    collection: ClassVar[str] = "subnets"
    kind: Literal["subnet"] = "subnet"
    ipv4: PrefixV4 | None = None
    gateway_v4: AddressV4 | None = None
    ipv6: PrefixV6 | None = None
    gateway_v6: AddressV6 | None = None
    gateway_mac: UnicastMac | None = None
    broadcast: Annotated[bool, Field(strict=True)] = False
    vlan_transparent: Annotated[bool, Field(strict=True)] = False

    @property
    def prefixes(self) -> tuple[IpNetwork, ...]:
        """Its prefixes, of each family at most one."""
        return tuple(prefix for prefix in (self.ipv4, self.ipv6) if prefix is not None)

    @model_validator(mode="after")
    def _addresses_fit(self) -> Self:
        mistake = next(self._mistakes(), None)
        if mistake is not None:
            field, message, remedy = mistake
            raise PydanticCustomError("value", "{message}", {"field": field, "message": message, "remedy": remedy})
        return self

    def _mistakes(self) -> Iterator[tuple[str, str, str]]:
        if not self.prefixes:
            yield "ipv4", "a subnet needs a prefix", "ipv4: 10.0.1.0/24, or ipv6: 2001:db8:1::/64, or both"
        for family, prefix, gateway, longest in (
            ("v4", self.ipv4, self.gateway_v4, 30),
            ("v6", self.ipv6, self.gateway_v6, 126),
        ):
            if prefix is None:
                if gateway is not None:
                    yield f"gateway_{family}", f"{gateway} has no prefix", f"give ip{family}, or remove it"
                continue
            if not 1 <= prefix.prefixlen <= longest:
                message = f"{prefix} has no room for a gateway and a port"
                yield f"ip{family}", message, f"a prefix length from 1 to {longest}"
                continue
            first, last = hosts_of(prefix)
            if not is_unicast_block(prefix):
                yield f"ip{family}", f"{prefix} has no address that a host could have", "a unicast prefix"
            if gateway is not None and not is_host_of(gateway, prefix):
                message = f"{gateway} is not a host address of {prefix}"
                yield f"gateway_{family}", message, f"{first} to {last}"


class SwitchAttachment(Part):
    """Plugged into a leaf: tagged with `vlan`, or untagged."""

    switch: Name
    port: SwitchPort
    vlan: VlanId | None = None

    def __str__(self) -> str:
        tag = "untagged" if self.vlan is None else f"VLAN {self.vlan}"
        return f"port {self.port} of {self.switch}, {tag}"


class VtepAttachment(Part):
    """Behind a foreign VTEP: a hypervisor or router that does VXLAN itself."""

    vtep: Address


def _attachment_tag(value: object) -> str:
    is_vtep = isinstance(value, VtepAttachment) or (isinstance(value, dict) and value.keys() == {"vtep"})
    return _VTEP_TAG if is_vtep else _SWITCH_TAG


_SWITCH_TAG = UNION_TAG + SwitchAttachment.__name__
_VTEP_TAG = UNION_TAG + VtepAttachment.__name__
Attachment: TypeAlias = Annotated[
    Annotated[SwitchAttachment, Tag(_SWITCH_TAG)] | Annotated[VtepAttachment, Tag(_VTEP_TAG)],
    Discriminator(_attachment_tag),
]


class Port(VpcMember):
    """A workload's interface.

    Attributes:
        subnet: name of a subnet of the same VPC.
        mac: its MAC address; allocated if not given, and then kept.
        addresses: its fixed addresses of both families, all inside of the subnet. If not given, one of each family of
            the subnet is allocated, and then kept. Where the subnet has an IPv6 prefix a port may also use the
            link-local address made of its MAC, which is not given here.
        security_groups: names of security groups of the same VPC; without any, nothing may reach it.
        attachment: where it is plugged in; None while it is unbound.
        candidates: where else it may turn up. When it announces itself at one of these (gratuitous ARP, RARP,
            unsolicited neighbour advertisement), the controller moves it there: it and the attachment change places.
        qos: name of a QoS policy of the same tenant; it limits the port where that is plugged into a leaf.
    """

    collection: ClassVar[str] = "ports"
    kind: Literal["port"] = "port"
    subnet: Name
    mac: UnicastMac | None = None
    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=64), Distinct] = ()
    security_groups: Annotated[tuple[Name, ...], Field(max_length=64), Distinct] = ()
    attachment: Attachment | None = None
    candidates: Annotated[tuple[SwitchAttachment, ...], Field(max_length=16), Distinct] = ()
    qos: Name | None = None

    @model_validator(mode="after")
    def _candidates_fit(self) -> Self:
        if self.candidates and not isinstance(self.attachment, SwitchAttachment):
            message = "a port that may move by itself has an attachment at a leaf, to change places with"
            remedy = "attachment: {switch: leaf1, port: 11}, or remove candidates"
            raise PydanticCustomError(
                "value", "{message}", {"field": "candidates", "message": message, "remedy": remedy}
            )
        if self.attachment in self.candidates:
            message = f"{self.attachment} is where the port is already"
            raise PydanticCustomError(
                "value", "{message}", {"field": "candidates", "message": message, "remedy": "other places only"}
            )
        return self

    def moved_to(self, candidate: SwitchAttachment) -> Self:
        """Return the port plugged in at one of its candidates, which its attachment takes the place of.

        Raises ValueError if that is none of its candidates.
        """
        candidates = list(self.candidates)
        if not isinstance(self.attachment, SwitchAttachment):
            raise ValueError(f"{self} has no attachment to change places with")
        candidates[candidates.index(candidate)] = self.attachment
        return self.model_copy(update={"attachment": candidate, "candidates": tuple(candidates)})


class GroupPeer(Part):
    """All ports in a security group of the same VPC."""

    group: Name


class CidrPeer(Part):
    """All ports that have addresses of the prefix's family and whose addresses of that family all lie in it.

    Being a member says nothing of the family of a packet: a rule for 10.0.0.0/8 lets two dual-stack ports talk over
    IPv6 too. What tells the families apart in a rule is the protocol (`icmp`, `icmpv6`).
    """

    cidr: Prefix


def _peer_tag(value: object) -> str:
    is_cidr = isinstance(value, CidrPeer) or (isinstance(value, dict) and "cidr" in value)
    return _CIDR_TAG if is_cidr else _GROUP_TAG


_GROUP_TAG = UNION_TAG + GroupPeer.__name__
_CIDR_TAG = UNION_TAG + CidrPeer.__name__
Peer: TypeAlias = Annotated[
    Annotated[GroupPeer, Tag(_GROUP_TAG)] | Annotated[CidrPeer, Tag(_CIDR_TAG)], Discriminator(_peer_tag)
]


class Rule(Part):
    """What a security group allows.

    Attributes:
        direction: seen from the group's ports: `ingress` is towards them.
        protocol: a name, or an IP protocol number.
        ports: destination ports (TCP and UDP); all if not given.
        icmp_type: type of ICMP or ICMPv6, whichever the protocol is; all if not given.
        peer: the other side.
    """

    direction: Literal["ingress", "egress"]
    protocol: Protocol
    ports: Ports | None = None
    icmp_type: Annotated[int, Field(strict=True, ge=0, le=255)] | None = None
    peer: Peer

    @property
    def protocol_number(self) -> int | None:
        """IP protocol number, None for any."""
        if isinstance(self.protocol, int):
            return self.protocol
        return PROTOCOL_NUMBERS.get(self.protocol)

    @model_validator(mode="after")
    def _qualifier_fits_protocol(self) -> Self:
        if self.ports is not None and self.protocol_number not in (6, 17):
            raise PydanticCustomError(
                "value", "only TCP and UDP have ports", {"field": "ports", "remedy": "protocol: tcp, or remove ports"}
            )
        if self.icmp_type is not None and self.protocol_number not in (1, 58):
            raise PydanticCustomError(
                "value",
                "only ICMP has types",
                {"field": "icmp_type", "remedy": "protocol: icmp or icmpv6, or remove icmp_type"},
            )
        return self


class SecurityGroup(VpcMember):
    """A set of ports and what is allowed to and from them. An empty one denies all ingress."""

    collection: ClassVar[str] = "security-groups"
    kind: Literal["security_group"] = "security_group"
    rules: Annotated[tuple[Rule, ...], Field(max_length=1000)] = ()


class Route(VpcMember):
    """A static route of a VPC.

    Attributes:
        prefix: destinations outside of the VPC's subnets.
        next_hop: an address of a port in the VPC.
    """

    collection: ClassVar[str] = "routes"
    kind: Literal["route"] = "route"
    prefix: Prefix
    next_hop: Address

    @model_validator(mode="after")
    def _one_family(self) -> Self:
        if self.prefix.version != self.next_hop.version:
            message = (
                f"{self.next_hop} is IPv{self.next_hop.version}, the prefix {self.prefix} IPv{self.prefix.version}"
            )
            remedy = f"an IPv{self.prefix.version} address of a port in the VPC"
            raise PydanticCustomError("value", "{message}", {"field": "next_hop", "message": message, "remedy": remedy})
        return self
