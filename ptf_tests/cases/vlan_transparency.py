# SPDX-License-Identifier: Apache-2.0
"""Subnets that carry their tenants' own 802.1Q tags (docs/adr/0014)."""

from collections.abc import Iterable

from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.entries import policy
from ptf_tests.leaf import (
    BLUE_WEB1,
    DB,
    RED_DB,
    RED_DB1,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    WEB,
    Host,
    Subnet,
    attachment,
    by_family,
)
from ptf_tests.p4info import Entry, MulticastGroup
from ptf_tests.tunnels import OVER_V6, OVERHEAD, TunnelTest

_TRANSPARENT_PORTS = (1, 7)
RED_WEB4 = Host(RED_WEB, "02:00:00:00:01:14", "10.0.1.14", WEB, port=7, index=8, address_v6="2001:db8:1::14")
"""A second untagged attachment of the subnet, on a port whose tags chose another one until now."""
_VLANS = (1, 100, 4095)


def _tagged(frame: Packet, vlan: int, *, priority: int = 0) -> Packet:
    """The frame with a tag of the tenant's own."""
    return Ether(bytes(Ether(src=frame.src, dst=frame.dst) / Dot1Q(vlan=vlan, prio=priority) / frame.payload))


class _TransparentTest(TunnelTest):
    """The leaf of `leaf` with one more host, and the red web subnet carries tags."""

    def fabric(self) -> Iterable[Entry]:
        yield from super().fabric()
        yield from attachment(RED_WEB4)
        for port in _TRANSPARENT_PORTS:
            yield entries.transparent_port(port)

    def setUp(self) -> None:
        super().setUp()
        self.overwrite(_vni(RED_WEB))


def _vni(subnet: Subnet) -> Entry:
    return entries.vni(subnet.vni, domain=subnet.domain, vrf=subnet.vrf, is_vlan_transparent=1)


class TagsPassBetweenPorts(_TransparentTest):
    """A tagged frame leaves as it came, tag, priority and padding included; one without a tag is bridged as ever."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB1, RED_WEB4), (RED_WEB4, RED_WEB1)):
            for vlan in (0, *_VLANS):
                for priority in (0, 5):
                    with self.subTest(source=source.address, vlan=vlan, priority=priority):
                        frame = _tagged(source.udp_to(target), vlan, priority=priority)
                        self.forwards(source.port, frame, (target.port, frame))
            with self.subTest("padded", source=source.address):
                short = packets.padded(_tagged(source.udp_to(target, length=1), 7), 90)
                self.forwards(source.port, short, (target.port, short))
            with self.subTest("untagged", source=source.address):
                self.forwards(source.port, source.udp_to(target), (target.port, source.udp_to(target)))


class TagsPassThroughTunnels(_TransparentTest):
    """A tag goes along inside VXLAN, both ways, towards leaves of ours and foreign VTEPs."""

    def runTest(self) -> None:
        for source, web3, foreign in by_family((RED_WEB1, RED_WEB3, RED_FOREIGN)):
            for vlan in (0, *_VLANS):
                with self.subTest("out", source=source.address, vlan=vlan):
                    for tunnel, target in ((2, web3), (9, foreign)):
                        frame = _tagged(source.udp_to(target), vlan)
                        [raw] = self.forwards(1, frame, self.sends(tunnel, RED_WEB, frame))
                        self.assertEqual(len(frame) + OVERHEAD[4], len(raw))
                with self.subTest("in", source=source.address, vlan=vlan):
                    for tunnel, other in ((2, web3), (9, foreign)):
                        inner = _tagged(other.udp_to(source), vlan)
                        self.forwards(5, self.arrives(tunnel, RED_WEB, inner), (1, inner))


class TagsPassThroughIpv6Tunnels(_TransparentTest):
    """The same over IPv6, with a UDP checksum that covers the tag."""

    underlay = OVER_V6

    def runTest(self) -> None:
        for source, web3 in by_family((RED_WEB1, RED_WEB3)):
            with self.subTest(source=source.address):
                frame = _tagged(source.udp_to(web3), 100)
                self.set_tunnel(2)
                self.forwards(1, frame, self.sends(2, RED_WEB, frame))
                self.set_tunnel(2, is_udp_checksum=1)
                self.send(1, frame)
                [(_, raw)] = self.receive(1)
                outer = Ether(raw)
                found = outer.payload.payload.chksum
                self.assertNotEqual(0, found)
                del outer.payload.payload.chksum
                self.assertEqual(Ether(bytes(outer)).payload.payload.chksum, found)
                inner = _tagged(web3.udp_to(source), 100)
                self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner))


class MarksOfTaggedFramesAreMerged(_TransparentTest):
    """Behind its tag, a packet's congestion mark goes out with the tunnel and is merged on arrival (RFC 6040)."""

    def runTest(self) -> None:
        self.set_tunnel(2, is_ecn_compatible=0)
        for source, web3 in by_family((RED_WEB1, RED_WEB3)):
            with self.subTest(source=source.address):
                frame = _tagged(_marked(source.udp_to(web3), 2), 100)
                self.forwards(1, frame, self.sends(2, RED_WEB, frame, tos=2))
                inner = _tagged(_marked(web3.udp_to(source), 2), 100)
                congested = _tagged(_marked(web3.udp_to(source), 3), 100)
                self.forwards(5, self.arrives(2, RED_WEB, inner, tos=3), (1, congested))


def _marked(frame: Packet, mark: int) -> Packet:
    """The frame with this congestion mark, and the right checksum."""
    marked = Ether(bytes(frame))
    if packets.is_v6(marked.payload.src):
        marked.payload.tc = mark
    else:
        marked.payload.tos = mark
        del marked.payload.chksum
    return Ether(bytes(marked))


class TagsAreNotRouted(_TransparentTest):
    """A tagged frame to the gateway's MAC is a bridged one to nobody, and the gateway's address is not in any tag."""

    def runTest(self) -> None:
        for source, db1 in by_family((RED_WEB1, RED_DB1)):
            for vlan in (0, *_VLANS):
                with self.subTest(source=source.address, vlan=vlan):
                    self.drops_with("unknown_destination", 1, _tagged(source.udp_by_gateway(db1), vlan))
                    echo = source.to(RED_WEB.gateway_mac, packets.icmp(source.address, source.gateway))
                    self.drops_with("unknown_destination", 1, _tagged(echo, vlan))
            with self.subTest("untagged", source=source.address):
                self.drops_with(
                    "to_gateway", 1, source.to(RED_WEB.gateway_mac, packets.icmp(source.address, source.gateway))
                )


class TaggedQuestionsAreAnsweredInTheirTag(_TransparentTest):
    """ARP and neighbour discovery with a tag are answered with the same tag for hosts, and not for the gateway."""

    def runTest(self) -> None:
        for vlan in (0, *_VLANS):
            for target in (RED_WEB4, RED_WEB3, RED_FOREIGN):
                with self.subTest("ARP", vlan=vlan, target=target.address):
                    request = _tagged(packets.arp_request(RED_WEB1.mac, RED_WEB1.address, target.address), vlan)
                    self.forwards(1, request, (1, packets.arp_reply(request, target.mac)))
                for asked in (target.address_v6, target.link_local):
                    with self.subTest("ND", vlan=vlan, target=asked):
                        plain = discovery.solicitation(RED_WEB1.mac, RED_WEB1.address_v6, asked)
                        answer = _tagged(discovery.advertisement(plain, target.mac), vlan)
                        self.forwards(1, _tagged(plain, vlan), (1, answer))
            with self.subTest("gateway", vlan=vlan):
                request = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB.gateway)
                self.drops_with("arp_unknown", 1, _tagged(request, vlan))
                for asked in (RED_WEB.gateway_v6, packets.link_local(RED_WEB.gateway_mac)):
                    request = discovery.solicitation(RED_WEB1.mac, RED_WEB1.address_v6, asked)
                    self.drops_with("nd_unknown", 1, _tagged(request, vlan))


class TaggedQuestionsOfForeignWorkloadsAreAnswered(_TransparentTest):
    """A tagged question out of a foreign VTEP's tunnel is answered into it, with the tag."""

    def runTest(self) -> None:
        request = _tagged(packets.arp_request(RED_FOREIGN.mac, RED_FOREIGN.address, RED_WEB1.address), 100)
        reply = packets.arp_reply(request, RED_WEB1.mac)
        self.forwards(5, self.arrives(9, RED_WEB, request), self.sends(9, RED_WEB, reply))


class TaggedFramesAreGuarded(_TransparentTest):
    """Behind a tag the source guard holds: MAC, address, ARP sender and neighbour discovery (spoof, learn)."""

    def runTest(self) -> None:
        for source, target, other in by_family((RED_WEB1, RED_WEB4, RED_DB1)):
            forged = {
                "address": source.to(target, packets.udp(target.address, source.address)),
                "MAC": packets.frame(other.mac, target.mac, packets.udp(source.address, target.address)),
            }
            for name, frame in forged.items():
                with self.subTest(name, source=source.address):
                    self.drops_with("spoof", 1, _tagged(frame, 100))
        with self.subTest("ARP sender"):
            self.drops_with("spoof", 1, _tagged(packets.arp_request(RED_WEB1.mac, RED_WEB4.address, "10.0.1.13"), 100))
        with self.subTest("own announcement"):
            own = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB1.address)
            self.drops_with("learn", 1, _tagged(own, 100))
        with self.subTest("foreign"):
            inner = _tagged(RED_FOREIGN.to(RED_WEB1, packets.udp(RED_WEB4.address, RED_WEB1.address)), 100)
            self.drops_with("spoof", 5, self.arrives(9, RED_WEB, inner))


class TaggedFramesObeyPolicy(_TransparentTest):
    """Behind a tag, rules and flow state count as without."""

    policies = (policy("permit", src=WEB, dst=DB, protocol=17),)

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB1, RED_WEB4)):
            frame = _tagged(source.udp_to(target, sport=1000, dport=2000), 100)
            reply = _tagged(target.udp_to(source, sport=2000, dport=1000), 100)
            with self.subTest(source=source.address):
                self.drops_with("policy", 1, frame)
                rule = policy("permit", src=WEB, dst=WEB, protocol=17, ports=(2000, 2000), priority=3)
                self.install([rule])
                self.drops_with("policy", 7, _tagged(target.udp_to(source, sport=2000, dport=1001), 100))
                self.forwards(1, frame, (7, frame))
                self.forwards(7, reply, (1, reply))
                self.remove([rule])


class TaggedGroupFramesAreFlooded(_TransparentTest):
    """Broadcast with a tag reaches every member with the tag; from a tunnel the members here."""

    def runTest(self) -> None:
        tunnel = entries.FOREIGN_PORT_INDEX | 2
        self.install(
            [
                MulticastGroup(1, ((1, RED_WEB1.index), (7, RED_WEB4.index), (5, tunnel))),
                MulticastGroup(2, ((1, RED_WEB1.index), (7, RED_WEB4.index))),
                entries.flood(RED_WEB.domain, 0, 1),
                entries.flood(RED_WEB.domain, 1, 2),
            ]
        )
        frame = _tagged(RED_WEB1.to(packets.BROADCAST, packets.udp(RED_WEB1.address, "255.255.255.255")), 100)
        self.forwards(1, frame, (7, frame), self.sends(2, RED_WEB, frame))
        inner = _tagged(RED_WEB3.to(packets.BROADCAST, packets.udp(RED_WEB3.address, "255.255.255.255")), 100)
        self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner), (7, inner))


class OtherSubnetsKeepTheirTags(_TransparentTest):
    """Where a subnet does not carry tags nothing has changed: unknown_port, inner_vlan, attachments by VLAN."""

    def runTest(self) -> None:
        with self.subTest("untagged attachment"):
            frame = BLUE_WEB1.to(RED_DB1, packets.udp(BLUE_WEB1.address, RED_DB1.address))
            self.drops_with("unknown_port", 4, _tagged(frame, 100))
        with self.subTest("tunnel"):
            inner = _tagged(RED_WEB3.to(RED_DB1, packets.udp(RED_WEB3.address, RED_DB1.address)), 100)
            self.drops_with("inner_vlan", 5, self.arrives(2, RED_DB, inner))
        with self.subTest("attachment by VLAN"):
            frame = RED_WEB2.udp_to(RED_WEB1)
            self.forwards(2, frame, (1, packets.frame(frame.src, frame.dst, frame.payload.payload)))


class SecondTagsAreNotCarried(_TransparentTest):
    """One tag passes; two of them, or one in front of what is neither IP nor ARP, are dropped with ether_type."""

    def runTest(self) -> None:
        inner = RED_WEB1.udp_to(RED_WEB4)
        twice = Ether(src=inner.src, dst=inner.dst) / Dot1Q(vlan=100) / Dot1Q(vlan=7) / inner.payload
        self.drops_with("ether_type", 1, bytes(twice))
        lldp = Ether(src=inner.src, dst=inner.dst) / Dot1Q(vlan=100, type=0x88CC) / packets.payload()
        self.drops_with("ether_type", 1, bytes(lldp))


class TaggedLengthsAreChecked(_TransparentTest):
    """An IP packet behind a tag that is longer than its frame is dropped with ip_header; a whole one passes."""

    def runTest(self) -> None:
        for source, target in by_family((RED_WEB1, RED_WEB4)):
            frame = bytes(_tagged(source.udp_to(target), 100))
            with self.subTest(source=source.address):
                self.forwards(1, frame, (7, frame))
                for missing in (1, 2, 3, 4, 5):
                    self.drops_with("ip_header", 1, frame[:-missing])


class LongTaggedPacketsAreTooBig(_TransparentTest):
    """The tenant MTU is that of the IP packet: a tag does not count."""

    def runTest(self) -> None:
        self.overwrite(
            entries.access_port(1, 0, index=RED_WEB1.index, domain=RED_WEB.domain, vrf=RED_WEB.vrf, label=WEB, mtu=1500)
        )
        for source, target in by_family((RED_WEB1, RED_WEB4)):
            overhead = 48 if packets.is_v6(source.address) else 28
            with self.subTest(source=source.address):
                frame = _tagged(source.udp_to(target, length=1500 - overhead), 100)
                self.forwards(1, frame, (7, frame))
                self.drops_with("too_big", 1, _tagged(source.udp_to(target, length=1501 - overhead), 100))
