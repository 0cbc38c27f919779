# SPDX-License-Identifier: Apache-2.0
"""The tenants' objects: tenants, VPCs, subnets, ports, security groups, routes."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from p4vpc.intent.base import Intent, Part
from p4vpc.intent.values import (
    PROTOCOL_NUMBERS,
    UNION_TAG,
    Address,
    Distinct,
    Name,
    Ports,
    Prefix,
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


def is_host_of(address: IPv4Address, prefix: IPv4Network) -> bool:
    """Whether the address is in the prefix and neither its network nor its broadcast address."""
    return prefix.network_address < address < prefix.broadcast_address


class Subnet(VpcMember):
    """One broadcast domain of a VPC.

    Attributes:
        ipv4: its prefix, /1 to /30.
        gateway_v4: the logical router's address in it; the first address if not given.
        gateway_mac: the logical router's MAC; the same anycast MAC for all subnets if not given.
    """

    collection: ClassVar[str] = "subnets"
    kind: Literal["subnet"] = "subnet"
    ipv4: Prefix
    gateway_v4: Address | None = None
    gateway_mac: UnicastMac | None = None

    @property
    def gateway(self) -> IPv4Address:
        """The logical router's address, given or not."""
        return self.gateway_v4 or self.ipv4[1]

    @model_validator(mode="after")
    def _gateway_is_a_host(self) -> Self:
        if not 1 <= self.ipv4.prefixlen <= 30:
            raise PydanticCustomError(
                "value",
                "{message}",
                {
                    "field": "ipv4",
                    "message": f"{self.ipv4} has no room for a gateway and a port",
                    "remedy": "a prefix length from 1 to 30",
                },
            )
        if self.gateway_v4 is not None and not is_host_of(self.gateway_v4, self.ipv4):
            raise PydanticCustomError(
                "value",
                "{message}",
                {
                    "field": "gateway_v4",
                    "message": f"{self.gateway_v4} is not a host address of {self.ipv4}",
                    "remedy": f"{self.ipv4[1]} to {self.ipv4[-2]}",
                },
            )
        return self


class SwitchAttachment(Part):
    """Plugged into a leaf: tagged with `vlan`, or untagged."""

    switch: Name
    port: SwitchPort
    vlan: VlanId | None = None


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
        mac: its MAC address.
        addresses: its fixed addresses, all inside of the subnet.
        security_groups: names of security groups of the same VPC; without any, nothing may reach it.
        attachment: where it is plugged in; None while it is unbound.
        qos: name of a QoS policy of the same tenant; it limits the port where that is plugged into a leaf.
    """

    collection: ClassVar[str] = "ports"
    kind: Literal["port"] = "port"
    subnet: Name
    mac: UnicastMac
    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=64), Distinct]
    security_groups: Annotated[tuple[Name, ...], Field(max_length=64), Distinct] = ()
    attachment: Attachment | None = None
    qos: Name | None = None


class GroupPeer(Part):
    """All ports in a security group of the same VPC."""

    group: Name


class CidrPeer(Part):
    """All ports whose addresses lie in a prefix."""

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
        icmp_type: ICMP type; all if not given.
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
        if self.icmp_type is not None and self.protocol_number != 1:
            raise PydanticCustomError(
                "value",
                "only ICMP has types",
                {"field": "icmp_type", "remedy": "protocol: icmp, or remove icmp_type"},
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
