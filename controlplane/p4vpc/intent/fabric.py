# SPDX-License-Identifier: Apache-2.0
"""The operator's objects: fabric, switches, links."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from p4vpc.intent.addresses import Address, LinkAddress, Prefix
from p4vpc.intent.base import Intent, Part
from p4vpc.intent.tunnels import Dscp, Ecn, UdpChecksum
from p4vpc.intent.values import (
    UNION_TAG,
    Distinct,
    Name,
    PacketRate,
    PerSecond,
    ReasonName,
    SocketAddress,
    SwitchPort,
    UnicastMac,
)

Vni = Annotated[int, Field(strict=True, ge=1, le=0xFFFFFF)]


class Fabric(Intent):
    """What holds for the fabric as a whole. There is one, its key is ``fabric``; without it the defaults hold.

    Attributes:
        tenant_mtu: largest IP packet of a tenant in bytes, at least 1280 where a subnet has IPv6. The underlay must
            carry 50 bytes more if VTEPs are IPv4, 70 if they are IPv6; and 4 more where a subnet is `vlan_transparent`.
        vni_range: first and last VNI that p4vpc gives to subnets.
        ecn: congestion marks of tunnels between our leaves.
        dscp: DSCP of those.
        udp_checksum: UDP checksum of those over IPv6.
        drop_samples: how many of the packets that are dropped for a reason each switch shows to the controller, by
            the reason's name: ``{policy: 10/s}``. Reasons that are not given are only counted.
        acl_log: the same for what rules of network ACLs log, for each direction.
    """

    collection: ClassVar[str] = "fabrics"
    name_fields: ClassVar[tuple[str, ...]] = ()
    kind: Literal["fabric"] = "fabric"
    tenant_mtu: Annotated[int, Field(strict=True, ge=576, le=9166)] = 1500
    vni_range: tuple[Vni, Vni] = (4096, 0xFFFFFF)
    ecn: Ecn = "normal"
    dscp: Dscp = Dscp()
    udp_checksum: UdpChecksum = "zero"
    drop_samples: Annotated[Mapping[ReasonName, PacketRate], Field(max_length=128)] = Field(default_factory=dict)
    acl_log: PacketRate = PerSecond(10)

    @property
    def key(self) -> str:
        """Always ``fabric``: there is one."""
        return "fabric"

    @model_validator(mode="after")
    def _range_runs_forward(self) -> Self:
        if self.vni_range[0] > self.vni_range[1]:
            raise PydanticCustomError(
                "value",
                "vni_range runs backwards",
                {"field": "vni_range", "remedy": f"[{self.vni_range[1]}, {self.vni_range[0]}]"},
            )
        return self


class Switch(Intent):
    """A P4 switch that p4vpc programs.

    Attributes:
        role: a leaf has attachments and a VTEP, a spine only routes the underlay.
        vtep: a leaf's own address in the underlay, source and destination of its tunnels; IPv4 or IPv6, the same for
            all VTEPs of a fabric.
        tier: how far a spine is from the leaves, 1 to 3: it chooses among equal paths by other bits than the tiers
            beside it. 1 if not given; 2 is a super-spine. A leaf has none.
        router_mac: its MAC on fabric ports; derived from the name if not given.
        p4runtime: where its P4Runtime server listens.
        device_id: P4Runtime device id there.
    """

    collection: ClassVar[str] = "switches"
    kind: Literal["switch"] = "switch"
    name: Name
    role: Literal["leaf", "spine"]
    tier: Annotated[int, Field(strict=True, ge=1, le=3)] | None = None
    vtep: Address | None = None
    router_mac: UnicastMac | None = None
    p4runtime: SocketAddress
    device_id: Annotated[int, Field(strict=True, ge=1, le=0xFFFFFFFFFFFFFFFF)] = 1

    @model_validator(mode="after")
    def _leaf_has_vtep(self) -> Self:
        if self.role == "leaf" and self.vtep is None:
            raise PydanticCustomError(
                "value", "a leaf needs a VTEP address", {"field": "vtep", "remedy": "like vtep: 10.255.0.1"}
            )
        if self.role == "spine" and self.vtep is not None:
            raise PydanticCustomError(
                "value", "a spine has no VTEP", {"field": "vtep", "remedy": "remove vtep, or make it role: leaf"}
            )
        return self

    @model_validator(mode="after")
    def _only_spines_have_tiers(self) -> Self:
        if self.role == "leaf" and self.tier is not None:
            raise PydanticCustomError(
                "value", "a leaf has no tier", {"field": "tier", "remedy": "remove tier, or make it role: spine"}
            )
        return self


class LinkEnd(Part):
    """One managed end of a link.

    Attributes:
        switch: name of the switch.
        port: its port number there.
        address: the switch's own address on this link, for which it answers ARP or neighbour discovery; a neighbour
            that is not managed needs one as its next hop, managed switches do not.
    """

    switch: Name
    port: SwitchPort
    address: LinkAddress | None = None


class Neighbor(Part):
    """The far end of a link to something that p4vpc does not manage: a router, or a host with a VTEP of its own.

    Attributes:
        mac: where frames to it are sent.
        prefixes: what is reached through it.
    """

    mac: UnicastMac
    prefixes: Annotated[tuple[Prefix, ...], Field(min_length=1, max_length=1000), Distinct]


def _far_end_tag(value: object) -> str:
    is_neighbor = isinstance(value, Neighbor) or (
        isinstance(value, dict) and not value.keys().isdisjoint({"mac", "prefixes"})
    )
    return _NEIGHBOR_TAG if is_neighbor else _LINK_END_TAG


_LINK_END_TAG = UNION_TAG + LinkEnd.__name__
_NEIGHBOR_TAG = UNION_TAG + Neighbor.__name__
FarEnd: TypeAlias = Annotated[
    Annotated[LinkEnd, Tag(_LINK_END_TAG)] | Annotated[Neighbor, Tag(_NEIGHBOR_TAG)], Discriminator(_far_end_tag)
]


class Link(Intent):
    """A cable of the fabric: between two switches, or from a switch to a neighbour that p4vpc does not manage."""

    collection: ClassVar[str] = "links"
    kind: Literal["link"] = "link"
    name: Name
    a: LinkEnd
    b: FarEnd
