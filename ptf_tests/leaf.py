# SPDX-License-Identifier: Apache-2.0
"""A leaf with two VPCs that use the same MAC and IP addresses, for the tests to work on.

Both are dual-stack: a host stands for its IPv4 address, `host.v6` for the same host by its IPv6 address.

```
                     fabric: port 5, port 6
                         |        |           10.255.0.2  leaf 2, trusted, tunnel 2 (route by port 5)
    +--------------------+--------+------+    10.255.0.3  leaf 3, trusted, tunnel 3 (route by port 6)
    |     leaf 1, VTEP 10.255.0.1        |    10.255.0.9  foreign VTEP, untrusted, tunnel 9 (route by port 5)
    +--+-----+-------+-----+------+---+--+
       1     2       3     4      7   8       port
       web1  web2    db1   web1   web2 db1
       -     100,200 -     -      100  -      VLAN
       \\--- VPC red ---/  \\-- VPC blue --/
```
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

from scapy.packet import Packet

from ptf_tests import entries, packets
from ptf_tests.base import Expected, Frame, PipelineTest
from ptf_tests.p4info import Action, Entry

VTEP = "10.255.0.1"
VTEPS = {2: "10.255.0.2", 3: "10.255.0.3", 9: "10.255.0.9"}
TRUSTED = {2: 1, 3: 1, 9: 0}
UPLINK = {2: 5, 3: 6, 9: 5}
FABRIC_PORTS = (5, 6)
ROUTER_MAC = "02:fa:00:00:00:01"
NEIGHBOR_MACS = {5: "02:fa:00:00:00:05", 6: "02:fa:00:00:00:06"}


@dataclass(frozen=True)
class Subnet:
    """A bridge domain of a VPC and its anycast gateway; without IPv6 when there is no gateway address for it."""

    domain: int
    vrf: int
    vni: int
    gateway: str
    gateway_mac: str
    gateway_v6: str = ""


@dataclass(frozen=True)
class Host:
    """A workload: behind a port of this leaf, or behind a tunnel when the port is 0.

    `address` is the one that tests send from and to.
    """

    subnet: Subnet
    mac: str
    address: str
    label: int
    port: int = 0
    vlan: int = 0
    index: int = 0
    tunnel: int = 0
    address_v6: str = ""

    @property
    def v6(self) -> "Host":
        """The same host, by its IPv6 address."""
        return replace(self, address=self.address_v6)

    @property
    def link_local(self) -> str:
        """The address that the host makes of its MAC."""
        return packets.link_local(self.mac)

    @property
    def gateway(self) -> str:
        """The gateway's address, of the family that the host goes by."""
        return self.subnet.gateway_v6 if packets.is_v6(self.address) else self.subnet.gateway

    def addresses(self) -> Iterator[str]:
        """All addresses that others may ask for in the VPC."""
        yield from dict.fromkeys(address for address in (self.address, self.address_v6) if address)

    def to(self, other: "Host | str", layer: Packet) -> Packet:
        """A frame from this host, tagged as its attachment wants it; to a host or a MAC address."""
        mac = other if isinstance(other, str) else other.mac
        return packets.frame(self.mac, mac, layer, vlan=self.vlan)

    def udp_to(self, other: "Host", **options: int) -> Packet:
        """A bridged UDP frame."""
        return self.to(other, packets.udp(self.address, other.address, **options))

    def udp_by_gateway(self, other: "Host", **options: int) -> Packet:
        """A UDP frame that is sent to the gateway of the host's own subnet."""
        return self.to(self.subnet.gateway_mac, packets.udp(self.address, other.address, **options))

    def guard_index(self) -> int:
        """The port index in the guard tables."""
        return self.index if self.port else entries.FOREIGN_PORT_INDEX | self.tunnel


RED_WEB = Subnet(10, 1, 5010, "10.0.1.1", "02:00:5e:00:01:01", "2001:db8:1::1")
RED_DB = Subnet(20, 1, 5020, "10.0.2.1", "02:00:5e:00:02:01", "2001:db8:2::1")
BLUE_WEB = replace(RED_WEB, domain=30, vrf=2, vni=5030)
BLUE_DB = replace(RED_DB, domain=40, vrf=2, vni=5040)
SUBNETS = (RED_WEB, RED_DB, BLUE_WEB, BLUE_DB)

WEB, DB, FOREIGN, BLUE = 101, 102, 103, 201

RED_WEB1 = Host(RED_WEB, "02:00:00:00:01:11", "10.0.1.11", WEB, port=1, index=1, address_v6="2001:db8:1::11")
RED_WEB2 = Host(RED_WEB, "02:00:00:00:01:12", "10.0.1.12", WEB, port=2, vlan=100, index=2, address_v6="2001:db8:1::12")
RED_DB1 = Host(RED_DB, "02:00:00:00:02:11", "10.0.2.11", DB, port=3, index=3, address_v6="2001:db8:2::11")
RED_DB2 = Host(RED_DB, "02:00:00:00:02:12", "10.0.2.12", DB, port=2, vlan=200, index=4, address_v6="2001:db8:2::12")
BLUE_WEB1 = replace(RED_WEB1, subnet=BLUE_WEB, label=BLUE, port=4, index=5)
BLUE_WEB2 = replace(RED_WEB2, subnet=BLUE_WEB, label=BLUE, port=7, index=6)
BLUE_DB1 = replace(RED_DB1, subnet=BLUE_DB, label=BLUE, port=8, index=7)
RED_WEB3 = Host(RED_WEB, "02:00:00:00:01:13", "10.0.1.13", WEB, tunnel=2, address_v6="2001:db8:1::13")
RED_DB3 = Host(RED_DB, "02:00:00:00:02:13", "10.0.2.13", DB, tunnel=3, address_v6="2001:db8:2::13")
BLUE_WEB3 = replace(RED_WEB3, subnet=BLUE_WEB, label=BLUE, tunnel=3)
BLUE_DB3 = replace(RED_DB3, subnet=BLUE_DB, label=BLUE, tunnel=2)
RED_FOREIGN = Host(RED_WEB, "02:00:00:00:01:99", "10.0.1.99", FOREIGN, tunnel=9, address_v6="2001:db8:1::99")

LOCAL_HOSTS = (RED_WEB1, RED_WEB2, RED_DB1, RED_DB2, BLUE_WEB1, BLUE_WEB2, BLUE_DB1)
REMOTE_HOSTS = (RED_WEB3, RED_DB3, BLUE_WEB3, BLUE_DB3, RED_FOREIGN)


def by_family(*groups: Sequence[Host]) -> Iterator[Sequence[Host]]:
    """Each group of hosts by their IPv4 addresses, and then by their IPv6 addresses."""
    for hosts in groups:
        yield hosts
        yield [host.v6 for host in hosts]


def next_hop_of(host: Host) -> Action:
    """How frames routed to a host go on."""
    if host.port:
        return entries.to_local_host(
            port=host.port, index=host.index, domain=host.subnet.domain, mac=host.mac, label=host.label
        )
    return entries.to_remote_host(tunnel=host.tunnel, domain=host.subnet.domain, mac=host.mac, label=host.label)


def host_entry(host: Host) -> Entry:
    """Where the address that the host goes by is in its VPC."""
    return entries.host(host.subnet.vrf, host.address, next_hop_of(host))


def host_entries(host: Host) -> Iterator[Entry]:
    """Where all addresses of the host are in its VPC."""
    for address in host.addresses():
        yield entries.host(host.subnet.vrf, address, next_hop_of(host))


def guards(host: Host) -> Iterator[Entry]:
    """What the host may send with; behind a foreign VTEP it has its label from there."""
    index, domain, label = host.guard_index(), host.subnet.domain, None if host.port else host.label
    yield entries.guard_mac(index, domain, host.mac)
    for address in (*host.addresses(), host.link_local):
        yield entries.guard(index, domain, host.mac, address, label)


def attachment(host: Host) -> Iterator[Entry]:
    """What a leaf holds for a host that is attached to it."""
    domain = host.subnet.domain
    yield entries.access_port(
        host.port, host.vlan, index=host.index, domain=domain, vrf=host.subnet.vrf, label=host.label
    )
    yield from guards(host)
    yield entries.local_mac(domain, host.mac, port=host.port, index=host.index, label=host.label)
    yield from host_entries(host)
    yield entries.egress_port(host.index, host.vlan)


def remote(host: Host) -> Iterator[Entry]:
    """What a leaf holds for a host behind another VTEP."""
    yield entries.remote_mac(host.subnet.domain, host.mac, tunnel=host.tunnel, label=host.label)
    yield from host_entries(host)
    if not TRUSTED[host.tunnel]:
        yield from guards(host)


def subnet_entries(subnet: Subnet) -> Iterator[Entry]:
    """What a leaf holds for a subnet."""
    yield entries.vni(subnet.vni, domain=subnet.domain, vrf=subnet.vrf)
    yield entries.gateway_address(subnet.domain, subnet.gateway)
    if subnet.gateway_v6:
        for address in (subnet.gateway_v6, packets.link_local(subnet.gateway_mac)):
            yield entries.gateway_address(subnet.domain, address)
    yield entries.router_mac(subnet.domain, subnet.gateway_mac)
    yield entries.bridge_domain(subnet.domain, subnet.vni, subnet.gateway_mac)


def fabric(vtep: str = VTEP, vteps: Mapping[int, str] = VTEPS) -> Iterator[Entry]:
    """The leaf's place in the underlay: links, own VTEP, peers, one fixed path to each."""
    yield entries.local_vtep(vtep)
    for port in FABRIC_PORTS:
        yield entries.fabric_port(port, ROUTER_MAC)
        yield entries.neighbor(port, ROUTER_MAC, NEIGHBOR_MACS[port])
    for index, address in vteps.items():
        yield entries.peer_vtep(address, index, is_trusted=TRUSTED[index])
        yield entries.tunnel(index, vtep, address)
        yield entries.tunnel_next_hop(index, UPLINK[index])
        yield entries.underlay_route(str(ip_network(address)), UPLINK[index])


def permit_all() -> Entry:
    """A policy that hinders nobody, for the tests that are about something else."""
    return entries.policy("permit", priority=1)


def delivered(host: Host, packet: Packet) -> Packet:
    """An inner frame as it leaves towards a local host: with the tag of its attachment."""
    untagged = without_tag(packet)
    return packets.frame(untagged.src, untagged.dst, untagged.payload, vlan=host.vlan)


def without_tag(packet: Packet) -> Packet:
    """The frame without its 802.1Q tag, if it has one."""
    if packet.type != packets.VLAN_TYPE:
        return packet
    return packets.frame(packet.src, packet.dst, packet.payload.payload)


def routed_to(host: Host, packet: Packet) -> Packet:
    """The frame after the router of the host's subnet, without a tag."""
    return packets.routed(without_tag(packet), src_mac=host.subnet.gateway_mac, dst_mac=host.mac)


def encapsulated(tunnel: int, subnet: Subnet, inner: Frame) -> Packet:
    """A frame of the subnet as this leaf sends it into a tunnel; the UDP source port is a placeholder."""
    link = packets.Link(ROUTER_MAC, NEIGHBOR_MACS[UPLINK[tunnel]])
    return packets.vxlan(link, VTEP, VTEPS[tunnel], subnet.vni, inner)


def out_of_tunnel(tunnel: int, subnet: Subnet, inner: Frame) -> tuple[int, Expected]:
    """Expected: the encapsulated frame on the uplink to the tunnel's far end, with any source port."""
    return UPLINK[tunnel], packets.any_source_port(encapsulated(tunnel, subnet, inner))


def from_tunnel(tunnel: int, vni: int, inner: Frame, *, flags: int = 0x08, dst: str = VTEP) -> Packet:
    """A frame that another VTEP has encapsulated, as it reaches this leaf."""
    link = packets.Link(NEIGHBOR_MACS[UPLINK[tunnel]], ROUTER_MAC)
    return packets.vxlan(link, VTEPS[tunnel], dst, vni, inner, flags=flags, ttl=62)


class LeafTest(PipelineTest):
    """A test on the leaf described at the head of this module."""

    policies: tuple[Entry, ...] = (permit_all(),)

    def fabric(self) -> Iterable[Entry]:
        """The leaf's place in the underlay."""
        return fabric()

    def setUp(self) -> None:
        super().setUp()
        self.install(self.fabric())
        self.install(entry for subnet in SUBNETS for entry in subnet_entries(subnet))
        self.install(entry for host in LOCAL_HOSTS for entry in attachment(host))
        self.install(entry for host in REMOTE_HOSTS for entry in remote(host))
        self.install(self.policies)
