# SPDX-License-Identifier: Apache-2.0
"""What the model is made of: intent with references resolved, defaults filled in, numbers attached. All immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType

from p4vpc.intent import AclRule, IpAddress, IpNetwork, Mac, ObjectId, PerSecond, RateLimit, Rule
from p4vpc.model.labels import LabelSet


@dataclass(frozen=True, slots=True)
class ModelSwitch:
    """A switch with its defaults filled in; tier 0 is that of the leaves."""

    name: str
    is_leaf: bool
    vtep: IpAddress | None
    router_mac: Mac
    p4runtime: str
    device_id: int
    tier: int

    @property
    def id(self) -> ObjectId:
        """The intent object it comes from."""
        return ObjectId("switch", self.name)


@dataclass(frozen=True, slots=True)
class FabricPort:
    """A switch's end of a link.

    Attributes:
        port: the switch port.
        link: the intent object it comes from.
        address: the switch's own address on the link, if it has one.
        peer_mac: MAC of the far end.
        peer_switch: name of the far end if we manage it.
        prefixes: what is reached through a far end that we do not manage.
    """

    port: int
    link: ObjectId
    address: IpAddress | None
    peer_mac: Mac
    peer_switch: str | None = None
    prefixes: tuple[IpNetwork, ...] = ()


@dataclass(frozen=True, slots=True)
class TunnelModes:
    """What the outer headers of a tunnel say of the packet inside, and what of theirs is believed.

    Attributes:
        is_ecn_compatible: Not-ECT outside, rather than the mark inside (RFC 6040).
        is_dscp_uniform: the DSCP is copied, out and back in, rather than set to `dscp` (RFC 2983).
        is_udp_checksum: over IPv6 the UDP checksum is calculated, rather than 0.
        is_gbp: the sender's policy label goes along (VXLAN-GBP).
        is_gbp_trusted: the group id that comes in is the sender's policy label.
        origin: the intent object that says so; None if they are the defaults.
    """

    is_ecn_compatible: bool
    is_dscp_uniform: bool
    dscp: int
    is_udp_checksum: bool
    is_gbp: bool
    is_gbp_trusted: bool
    origin: ObjectId | None


@dataclass(frozen=True, slots=True)
class Vtep:
    """A tunnel end: one of our leaves (`switch`), or a foreign one (None)."""

    address: IpAddress
    tunnel_index: int
    switch: str | None
    modes: TunnelModes


@dataclass(frozen=True, slots=True)
class ModelSubnet:
    """A broadcast domain.

    Attributes:
        ipv4: None if it has no IPv4 prefix; likewise `ipv6`. One of the two is there.
        gateway_v4: the logical router's address; None if there is no prefix of the family; likewise `gateway_v6`.
        flood_group: number of its multicast groups if broadcast and multicast frames reach all of its ports; None if
            they reach none.
        is_vlan_transparent: 802.1Q tags of the tenant's own pass between its ports.
    """

    id: ObjectId
    ipv4: IPv4Network | None
    gateway_v4: IPv4Address | None
    ipv6: IPv6Network | None
    gateway_v6: IPv6Address | None
    gateway_mac: Mac
    vni: int
    bridge_domain: int
    flood_group: int | None = None
    is_vlan_transparent: bool = False

    @property
    def prefixes(self) -> tuple[IpNetwork, ...]:
        """Its prefixes, IPv4 first."""
        return tuple(prefix for prefix in (self.ipv4, self.ipv6) if prefix is not None)

    @property
    def gateways(self) -> tuple[IpAddress, ...]:
        """The logical router's addresses, IPv4 first."""
        return tuple(gateway for gateway in (self.gateway_v4, self.gateway_v6) if gateway is not None)


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """Plugged into a leaf; `vlan_id` 0 is untagged."""

    switch: str
    port: int
    vlan_id: int
    port_index: int


@dataclass(frozen=True, slots=True)
class ModelQos:
    """What a port may send and receive."""

    id: ObjectId
    from_port: RateLimit | None
    to_port: RateLimit | None


@dataclass(frozen=True, slots=True)
class ModelPort:
    """A workload's interface.

    Attributes:
        place: None while it is unbound.
        qos: None if nothing limits it.
        candidates: where it may move to by announcing itself.
    """

    id: ObjectId
    subnet: ModelSubnet
    mac: Mac
    addresses: tuple[IpAddress, ...]
    label: int
    place: LocalPlace | Vtep | None
    qos: ModelQos | None = None
    candidates: tuple[LocalPlace, ...] = ()

    @property
    def switch(self) -> str | None:
        """The leaf that it is plugged into; None if it is unbound, or behind a foreign VTEP."""
        return self.place.switch if isinstance(self.place, LocalPlace) else None


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """A static route to a port of the VPC. `label` is that of what lies behind the port."""

    id: ObjectId
    prefix: IpNetwork
    next_hop: ModelPort
    label: int


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """A security group's rules."""

    id: ObjectId
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class ModelAcl:
    """A network ACL. A direction that is None lets everything pass."""

    id: ObjectId
    subnets: tuple[ModelSubnet, ...]
    inbound: tuple[AclRule, ...] | None
    outbound: tuple[AclRule, ...] | None


@dataclass(frozen=True, slots=True)
class ModelMirror:
    """Where copies go.

    Attributes:
        number: from which the clone sessions are made.
        ports: those that get copies, each where it is plugged in.
        max_bytes: copies are cut to so many bytes; None: they are not.
    """

    id: ObjectId
    number: int
    ports: tuple[ModelPort, ...]
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class ModelVpc:
    """One routed address space.

    Attributes:
        groups: by name.
        labels: what each policy label of the VPC stands for.
        switches: the leaves that it has ports at.
        foreign_vteps: the foreign VTEPs that it has ports behind.
        candidate_switches: the leaves that its ports may move to by announcing themselves.
        mirrors: by name.
    """

    id: ObjectId
    vrf: int
    subnets: tuple[ModelSubnet, ...]
    ports: tuple[ModelPort, ...]
    routes: tuple[ModelRoute, ...]
    groups: Mapping[str, ModelGroup]
    labels: Mapping[int, LabelSet]
    switches: frozenset[str]
    foreign_vteps: tuple[Vtep, ...]
    acls: tuple[ModelAcl, ...] = ()
    candidate_switches: frozenset[str] = frozenset()
    mirrors: Mapping[str, ModelMirror] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Model:
    """All of the intent at one revision, consistent, with every number that switches need.

    Attributes:
        switches: by name.
        fabric_ports: ends of links by switch, sorted by port.
        leaf_vteps: tunnel ends of our leaves by switch.
        vpcs: by key.
        vpcs_of_switch: keys of the VPCs that have a port there, or one that may move there by announcing itself,
            sorted; switches without any are not in it.
        drop_samples: how many of the packets that are dropped are shown, by name of the reason.
        acl_log: how many of those that rules of network ACLs log.
    """

    revision: int
    tenant_mtu: int
    switches: Mapping[str, ModelSwitch]
    fabric_ports: Mapping[str, tuple[FabricPort, ...]]
    leaf_vteps: Mapping[str, Vtep]
    vpcs: Mapping[str, ModelVpc]
    vpcs_of_switch: Mapping[str, tuple[str, ...]]
    drop_samples: Mapping[str, PerSecond] = field(default_factory=lambda: MappingProxyType({}))
    acl_log: PerSecond = field(default=PerSecond(10))
