# SPDX-License-Identifier: Apache-2.0
"""VXLAN over an IPv6 underlay (RFC 7348, RFC 6935, RFC 6438): a leaf whose VTEPs have IPv6 addresses, and a spine."""

from collections import Counter
from itertools import product

from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from ptf_tests import discovery, entries, packets
from ptf_tests.base import BURST
from ptf_tests.cases.marks import ARRIVING
from ptf_tests.leaf import (
    BLUE_WEB2,
    BLUE_WEB3,
    NEIGHBOR_MACS,
    RED_DB,
    RED_DB1,
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    ROUTER_MAC,
    VTEP,
    VTEPS,
    by_family,
    delivered,
    routed_to,
    without_tag,
)
from ptf_tests.tunnels import OVER_V4, OVER_V6, OVERHEAD, TunnelTest, any_entropy, inner_of, with_tos

_VXLAN_OFFSET = 14 + 40 + 8
_FLOWS = 1000


class _LeafOverIpv6(TunnelTest):
    """The leaf of `leaf`, but all VTEPs have IPv6 addresses and only those."""

    underlay = OVER_V6

    def outer_of(self, frame: Packet) -> Packet:
        """A frame for web3 as it leaves into the tunnel to leaf 2."""
        [raw] = self.forwards(1, frame, self.sends(2, RED_WEB, frame))
        return Ether(raw)

    def outers_of(self, frames: list[Packet]) -> list[Packet]:
        """Many frames for web3 as they leave, in their order."""
        result: list[Packet] = []
        for start in range(0, len(frames), BURST):
            burst = [bytes(frame) for frame in frames[start : start + BURST]]
            self.send(1, *burst)
            received = [raw for _, raw in self.receive(len(burst))]
            self.assertEqual(burst, [inner_of(raw) for raw in received], "frames came out of order or changed")
            result += [Ether(raw) for raw in received]
        self.expect_silence()
        return result


class OuterIpv6HeadersAreExact(_LeafOverIpv6):
    """Outside are the link's MACs, hop limit 64, next header 17, UDP port 4789, checksum 0, flags 0x08 and the VNI."""

    def runTest(self) -> None:
        for source, web3, db3 in by_family((RED_WEB1, RED_WEB3, RED_DB3), (RED_WEB2, RED_WEB3, RED_DB3)):
            with self.subTest("bridged", source=source.address):
                frame = source.udp_to(web3)
                [raw] = self.forwards(source.port, frame, self.sends(2, RED_WEB, without_tag(frame)))
                outer = Ether(raw)
                self.assertEqual((ROUTER_MAC, NEIGHBOR_MACS[5]), (outer.src, outer.dst))
                header = outer[IPv6]
                self.assertEqual((6, 0, 17, 64), (header.version, header.tc, header.nh, header.hlim))
                self.assertEqual((OVER_V6.vtep, OVER_V6.vteps[2]), (header.src, header.dst))
                self.assertEqual((4789, 0), (outer[UDP].dport, outer[UDP].chksum))
                self.assertIn(outer[UDP].sport, packets.ENTROPY_PORTS)
                vxlan = raw[_VXLAN_OFFSET : _VXLAN_OFFSET + 8]
                self.assertEqual(b"\x08\0\0\0" + RED_WEB.vni.to_bytes(3, "big") + b"\0", vxlan)
            with self.subTest("routed", source=source.address):
                frame = source.udp_by_gateway(db3)
                self.forwards(source.port, frame, self.sends(3, RED_DB, routed_to(db3, frame)))


class OverheadIsSeventyBytes(_LeafOverIpv6):
    """The frame grows by 70 bytes, and the outer lengths count the inner frame as it came, padding included."""

    def runTest(self) -> None:
        for length in (60, 61, 590, 1513, 1514, 1515, 9014):
            with self.subTest(length=length):
                inner = Ether(packets.padded(RED_WEB1.udp_to(RED_WEB3, length=8), length))
                outer = self.outer_of(inner)
                self.assertEqual(length + OVERHEAD[6], len(outer))
                self.assertEqual((length + 16, length + 16), (outer[IPv6].plen, outer[UDP].len))


class FlowLabelIsConstantPerFlow(_LeafOverIpv6):
    """Packets of one flow have one flow label and one source port, and the label is never 0."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_WEB3)):
            with self.subTest(source=source.address):
                sizes = product((1, 64, 255), (1, 100, 1400))
                flow = [source.udp_to(destination, ttl=ttl, length=length) for ttl, length in sizes]
                seen = {(outer[IPv6].fl, outer[UDP].sport) for outer in self.outers_of(flow)}
                [(label, _)] = seen
                self.assertNotEqual(0, label)


class FlowLabelsSpread(_LeafOverIpv6):
    """Over 1,000 flows no label is 0, nearly all differ, and no bucket of 8 is off the mean by more than 30 %."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_WEB3)):
            with self.subTest(source=source.address):
                flows = [source.udp_to(destination, sport=1024 + number, length=1) for number in range(_FLOWS)]
                labels = [outer[IPv6].fl for outer in self.outers_of(flows)]
                self.assertNotIn(0, labels)
                self.assertGreater(len(set(labels)), 0.95 * _FLOWS)
                buckets, mean = Counter(label & 7 for label in labels), _FLOWS / 8
                for bucket in range(8):
                    self.assertLessEqual(abs(buckets[bucket] - mean), 0.3 * mean, f"{sorted(buckets.items())}")


class TenantsFlowLabelStays(_LeafOverIpv6):
    """The flow label of a tenant's own IPv6 packet is not altered, and is not the outer one."""

    def runTest(self) -> None:
        for label in (0, 1, packets.FLOW_LABEL, 0xFFFFF):
            with self.subTest(label=label):
                frame = RED_WEB1.v6.udp_to(RED_WEB3.v6)
                frame[IPv6].fl = label
                self.assertNotEqual(0, self.outer_of(frame)[IPv6].fl)


class DecapsulatesFromIpv6(_LeafOverIpv6):
    """The inner frame, of IPv4 or IPv6, leaves on the host's port with its tag, otherwise unchanged; or is routed."""

    def runTest(self) -> None:
        pairs = ((RED_WEB3, RED_WEB1), (RED_WEB3, RED_WEB2), (BLUE_WEB3, BLUE_WEB2))
        for source, destination in by_family(*pairs):
            for build in (packets.udp, packets.tcp, packets.icmp):
                with self.subTest(destination=destination, kind=build.__name__):
                    inner = source.to(destination, build(source.address, destination.address, ttl=1))
                    outer = self.arrives(source.tunnel, source.subnet, inner)
                    self.forwards(5, outer, (destination.port, delivered(destination, inner)))
        for source, destination in by_family((RED_WEB3, RED_DB1)):
            with self.subTest("routed", source=source.address):
                inner = source.udp_by_gateway(destination)
                self.forwards(5, self.arrives(2, RED_WEB, inner), (3, routed_to(destination, inner)))


class PaddingSurvivesIpv6Tunnels(_LeafOverIpv6):
    """An inner frame that was padded by its sender is delivered with its padding."""

    def runTest(self) -> None:
        inner = packets.padded(RED_WEB3.udp_to(RED_WEB1, length=1))
        self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner))


class OuterIpv6FieldsDoNotMatter(_LeafOverIpv6):
    """Any source port, flow label and hop limit, and a UDP checksum that is not 0, are accepted."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        for sport, label, hop_limit, checksum in product((0, 4789, 65535), (0, 0xFFFFF), (0, 1, 255), (0, None)):
            with self.subTest(sport=sport, label=label, hop_limit=hop_limit, checksum=checksum):
                outer = self.arrives(2, RED_WEB, inner, sport=sport, flow_label=label)
                outer[IPv6].hlim, outer[UDP].chksum = hop_limit, checksum
                self.forwards(5, outer, (1, inner))


class UnknownIpv6VtepIsDropped(_LeafOverIpv6):
    """VXLAN from an IPv6 address that is no known VTEP, be it one bit off, is dropped with unknown_vtep."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        for source in ("2001:db8:ff::77", OVER_V6.vtep, "2001:db8:ff:8000::2", "2001:db9:ff::2", "::a:ff00:2"):
            with self.subTest(source=source):
                outer = self.arrives(2, RED_WEB, inner)
                outer[IPv6].src = source
                self.drops_with("unknown_vtep", 5, outer)


class FamiliesOfVtepsAreApart(_LeafOverIpv6):
    """VXLAN over IPv4 does not end at a leaf that has only IPv6 VTEPs: it is in transit, and has no route."""

    def runTest(self) -> None:
        way = OVER_V4.received(2, RED_WEB)
        self.drops_with("no_underlay_route", 5, way.around(RED_WEB3.udp_to(RED_WEB1)))
        with self.subTest("an IPv4 VTEP of ours, and an unknown peer"):
            self.install([entries.local_vtep(VTEP)])
            self.drops_with("unknown_vtep", 5, way.around(RED_WEB3.udp_to(RED_WEB1)))


class BothFamiliesServeOneLeaf(_LeafOverIpv6):
    """A leaf with VTEPs of both families receives by both, and sends by the one that the tunnel has."""

    def runTest(self) -> None:
        self.install(
            [entries.local_vtep(VTEP), entries.peer_vtep(VTEPS[3], 3, is_trusted=1)],
        )
        inner = RED_WEB3.udp_to(RED_WEB1)
        self.forwards(6, OVER_V4.received(3, RED_WEB).around(inner), (1, inner))
        self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner))
        self.overwrite(entries.tunnel(3, VTEP, VTEPS[3]))
        frame = RED_WEB1.udp_by_gateway(RED_DB3)
        over_v4 = OVER_V4.sent(3, RED_DB).around(routed_to(RED_DB3, frame))
        self.forwards(1, frame, (6, any_entropy(over_v4)))
        frame = RED_WEB1.udp_to(RED_WEB3)
        self.forwards(1, frame, self.sends(2, RED_WEB, frame))


class MissingIFlagOverIpv6IsDropped(_LeafOverIpv6):
    """A VXLAN header without the I flag is dropped with vxlan_flags; other reserved bits do not matter."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        for flags in (0x00, 0x80, 0xF7):
            with self.subTest(flags=flags):
                self.drops_with("vxlan_flags", 5, self.arrives(2, RED_WEB, inner, flags=flags))
        for flags, policy_flags, group in ((0xFF, 0, 0), (0x88, 0xFF, 0xFFFF)):
            with self.subTest(flags=flags, policy_flags=policy_flags):
                outer = self.arrives(2, RED_WEB, inner, flags=flags, policy_flags=policy_flags, group=group)
                self.forwards(5, outer, (1, inner))


class UnknownVniOverIpv6IsDropped(_LeafOverIpv6):
    """A VNI that this switch does not serve is dropped with unknown_vni, an inner tag with inner_vlan."""

    def runTest(self) -> None:
        raw = bytearray(bytes(self.arrives(2, RED_WEB, RED_WEB3.udp_to(RED_WEB1))))
        raw[_VXLAN_OFFSET + 6] ^= 1
        self.drops_with("unknown_vni", 5, bytes(raw))
        tagged = packets.frame(RED_WEB3.mac, RED_WEB1.mac, packets.udp(RED_WEB3.address, RED_WEB1.address), vlan=7)
        self.drops_with("inner_vlan", 5, self.arrives(2, RED_WEB, tagged))


class OtherTrafficToTheIpv6VtepIsDropped(_LeafOverIpv6):
    """What is addressed to the IPv6 VTEP and is no VXLAN is dropped with not_vxlan, a fragment with outer_fragment."""

    def runTest(self) -> None:
        ends = (OVER_V6.vteps[2], OVER_V6.vtep)
        tunnelled = self.arrives(2, RED_WEB, RED_WEB3.udp_to(RED_WEB1)).payload
        layers = {
            "UDP to another port": packets.udp(*ends, 4789, 4790, length=64),
            "TCP to 4789": IPv6(src=ends[0], dst=ends[1]) / TCP(dport=4789) / packets.payload(64),
            "ICMPv6": packets.icmp(*ends),
            "behind an extension header": packets.with_extension(tunnelled, 60),
        }
        for name, layer in layers.items():
            with self.subTest(name):
                self.drops_with("not_vxlan", 5, packets.frame(NEIGHBOR_MACS[5], ROUTER_MAC, layer))
        for offset in (0, 9):
            with self.subTest("fragment", offset=offset):
                layer = packets.fragment(tunnelled, offset=offset)
                self.drops_with("outer_fragment", 5, packets.frame(NEIGHBOR_MACS[5], ROUTER_MAC, layer))


class TruncatedIpv6TunnelsAreDropped(_LeafOverIpv6):
    """A tunnel packet that ends anywhere before the inner IP header does is dropped, and counted once."""

    def runTest(self) -> None:
        raw = bytes(self.arrives(2, RED_WEB, RED_WEB3.udp_to(RED_WEB1)))
        inner_at = _VXLAN_OFFSET + 8
        for length in (*range(20, inner_at + 14, 3), inner_at + 14, inner_at + 33):
            with self.subTest(length=length):
                [reason] = self.drops_all(5, [raw[:length]])
                self.assertEqual("malformed", reason)


class TrustedIpv6PeersKeepTheSplitHorizon(_LeafOverIpv6):
    """Between two IPv6 VTEPs, from a leaf of ours nothing goes into another tunnel; from a foreign VTEP it may."""

    def runTest(self) -> None:
        self.drops_with("split_horizon", 5, self.arrives(2, RED_WEB, RED_WEB3.udp_by_gateway(RED_DB3)))
        inner = RED_FOREIGN.udp_to(RED_WEB3)
        self.forwards(5, self.arrives(9, RED_WEB, inner), self.sends(2, RED_WEB, inner))


class ForeignIpv6VtepsAreGuarded(_LeafOverIpv6):
    """A foreign IPv6 VTEP sends only with addresses of its own workloads, and is answered for ARP and solicitations."""

    def runTest(self) -> None:
        forged = packets.frame(RED_WEB2.mac, RED_WEB1.mac, packets.udp(RED_FOREIGN.address, RED_WEB1.address))
        self.drops_with("spoof", 5, self.arrives(9, RED_WEB, forged))
        for source, destination in by_family((RED_FOREIGN, RED_WEB1)):
            inner = source.udp_to(destination)
            self.forwards(5, self.arrives(9, RED_WEB, inner), (1, inner))
        request = packets.arp_request(RED_FOREIGN.mac, RED_FOREIGN.address, RED_WEB1.address)
        reply = packets.arp_reply(request, RED_WEB1.mac)
        self.forwards(5, self.arrives(9, RED_WEB, request), self.sends(9, RED_WEB, reply))
        request = discovery.solicitation(RED_FOREIGN.mac, RED_FOREIGN.address_v6, RED_WEB1.address_v6)
        reply = discovery.advertisement(request, RED_WEB1.mac)
        self.forwards(5, self.arrives(9, RED_WEB, request), self.sends(9, RED_WEB, reply))


class MarksPassThroughIpv6Tunnels(_LeafOverIpv6):
    """Traffic class outside: copied in normal and uniform mode, and merged into the inner one as RFC 6040 says."""

    def runTest(self) -> None:
        self.set_tunnel(2, is_ecn_compatible=0, is_dscp_uniform=1)
        for source, destination in by_family((RED_WEB1, RED_WEB3)):
            for tos in (0x00, 0x03, 0xB8, 0xFE):
                with self.subTest("out", source=source.address, tos=hex(tos)):
                    frame = with_tos(source.udp_to(destination), tos)
                    self.forwards(1, frame, self.sends(2, RED_WEB, frame, tos=tos))
        self.set_peer(2, is_dscp_uniform=1)
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            for inner_mark, outer_mark in product(range(4), range(4)):
                with self.subTest("in", source=source.address, inner=inner_mark, outer=outer_mark):
                    mark = ARRIVING[inner_mark][outer_mark]
                    inner = with_tos(source.udp_to(destination), 0x28 | inner_mark)
                    frame = self.arrives(2, RED_WEB, inner, tos=0xB8 | outer_mark)
                    if mark is None:
                        self.drops_with("ecn", 5, frame)
                    else:
                        self.forwards(5, frame, (1, with_tos(inner, 0xB8 | mark)))


class TenantsMayTunnelOverIpv6(_LeafOverIpv6):
    """A tenant's own VXLAN over IPv6, even to the address of our VTEP, is ordinary UDP and passes untouched."""

    def runTest(self) -> None:
        innermost = packets.frame("02:00:00:00:aa:01", "02:00:00:00:aa:02", packets.udp("1.1.1.1", VTEP), vlan=7)
        for payload in (b"\x88\0\0\0" + RED_WEB.vni.to_bytes(3, "big") + b"\0" + bytes(innermost), b"", b"\x08\0\0"):
            udp = UDP(sport=50000, dport=packets.VXLAN_PORT) / Raw(payload)
            with self.subTest("bridged", octets=len(payload)):
                frame = RED_WEB1.to(RED_WEB2, IPv6(src=RED_WEB1.address_v6, dst=RED_WEB2.address_v6) / udp)
                self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
            with self.subTest("to our VTEP's address, as the tenant sees it", octets=len(payload)):
                frame = RED_WEB1.to(RED_WEB2, IPv6(src=RED_WEB1.address_v6, dst=OVER_V6.vtep) / udp)
                self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
            with self.subTest("into our tunnel", octets=len(payload)):
                frame = RED_WEB1.to(RED_WEB3, IPv6(src=RED_WEB1.address_v6, dst=RED_WEB3.address_v6) / udp)
                self.forwards(1, frame, self.sends(2, RED_WEB, frame))
            with self.subTest("out of our tunnel", octets=len(payload)):
                inner = RED_WEB3.to(RED_WEB1, IPv6(src=RED_WEB3.address_v6, dst=RED_WEB1.address_v6) / udp)
                self.forwards(5, self.arrives(2, RED_WEB, inner), (1, inner))
