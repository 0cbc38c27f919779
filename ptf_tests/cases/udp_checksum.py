# SPDX-License-Identifier: Apache-2.0
"""Tunnels over IPv6 whose UDP checksum is calculated (RFC 8200, section 8.1), for what drops a checksum of 0."""

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import checksum

from ptf_tests import discovery, entries, packets
from ptf_tests.base import Frame
from ptf_tests.leaf import (
    RED_DB,
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    Subnet,
    by_family,
    routed_to,
    without_tag,
)
from ptf_tests.p4info import MulticastGroup
from ptf_tests.tunnels import OVER_V4, OVER_V6, TunnelTest, any_entropy, inner_of

_IPV6_OFFSET, _UDP_OFFSET = 14, 54
_CHECKSUM = slice(_UDP_OFFSET + 6, _UDP_OFFSET + 8)


class _ComputedTest(TunnelTest):
    """The leaf of `leaf` over IPv6, and all its tunnels calculate the checksum."""

    underlay = OVER_V6

    def setUp(self) -> None:
        super().setUp()
        for tunnel in self.underlay.vteps:
            self.set_tunnel(tunnel, is_udp_checksum=1)

    def is_right(self, port: int, frame: Frame, tunnel: int, subnet: Subnet, inner: Frame) -> int:
        """The frame comes out in the tunnel, all as usual but for a right checksum, which is returned."""
        outer = any_entropy(self.underlay.sent(tunnel, subnet).around(inner))
        outer.set_do_not_care(_CHECKSUM.start * 8, 16)
        [raw] = self.forwards(port, frame, (5 if tunnel in (2, 9) else 6, outer))
        return self.check(raw)

    def check(self, raw: bytes) -> int:
        """The checksum of an encapsulated frame, which must be there and right."""
        header = raw[_IPV6_OFFSET:_UDP_OFFSET]
        datagram = raw[_UDP_OFFSET:]
        pseudo = header[8:40] + len(datagram).to_bytes(4, "big") + bytes([0, 0, 0, header[6]])
        self.assertEqual(0, checksum(pseudo + datagram), "the sum over pseudo-header and datagram")
        found = int.from_bytes(raw[_CHECKSUM], "big")
        self.assertNotEqual(0, found, "0 says that there is no checksum")
        return found


class ComputedChecksumIsRight(_ComputedTest):
    """It is right over the whole datagram: TCP, UDP, ICMP, fragments, other protocols, bridged and routed."""

    def runTest(self) -> None:
        for source, web3, db3 in by_family((RED_WEB1, RED_WEB3, RED_DB3), (RED_WEB2, RED_WEB3, RED_DB3)):
            ends = source.address, web3.address
            other = packets.ip(*ends) / Raw(bytes(packets.payload(33)))
            setattr(other, "nh" if packets.is_v6(source.address) else "proto", 132)
            layers = {
                "udp": packets.udp(*ends),
                "tcp": packets.tcp(*ends),
                "icmp": packets.icmp(*ends),
                "icmp, no echo": packets.icmp(*ends, 1),
                "first fragment": packets.fragment(packets.udp(*ends), offset=0),
                "later fragment": packets.fragment(packets.udp(*ends), offset=9),
                "another protocol": other,
            }
            if packets.is_v6(source.address):
                layers["behind an extension header"] = packets.with_extension(packets.udp(*ends), 60)
            for name, layer in layers.items():
                with self.subTest(name, source=source.address):
                    frame = source.to(web3, layer)
                    self.is_right(source.port, frame, 2, RED_WEB, without_tag(frame))
            with self.subTest("routed", source=source.address):
                frame = source.udp_by_gateway(db3)
                self.is_right(source.port, frame, 3, RED_DB, routed_to(db3, frame))


class ComputedChecksumHoldsForEveryLength(_ComputedTest):
    """Payloads of odd and even length, and padding behind the packet that is not zero, are in the sum."""

    def runTest(self) -> None:
        for source, web3 in by_family((RED_WEB1, RED_WEB3)):
            for length in (0, 1, 2, 3, 63, 64, 1399, 1400):
                with self.subTest(source=source.address, length=length):
                    frame = source.udp_to(web3, length=length)
                    self.is_right(1, frame, 2, RED_WEB, frame)
            padded = bytes(source.udp_to(web3, length=1)) + b"\xa5\x5a\xff"
            with self.subTest("padded", source=source.address):
                self.is_right(1, padded, 2, RED_WEB, padded)


class ZeroIsSentAsAllOnes(_ComputedTest):
    """A sum that comes to 0 is sent as 0xffff (RFC 768)."""

    def runTest(self) -> None:
        for source, web3 in by_family((RED_WEB1, RED_WEB3)):
            with self.subTest(source=source.address):
                # The flow decides the source port, so the payload alone moves the sum: by as much as is missing to 0.
                before = source.udp_to(web3, length=2)
                before[UDP].chksum = 1
                found = self.is_right(1, before, 2, RED_WEB, before)
                raw = bytearray(bytes(before))
                word = int.from_bytes(raw[-2:], "big") + found
                raw[-2:] = ((word & 0xFFFF) + (word >> 16)).to_bytes(2, "big")
                self.assertEqual(0xFFFF, self.is_right(1, bytes(raw), 2, RED_WEB, bytes(raw)))


class AnswersIntoTunnelsHaveAChecksum(_ComputedTest):
    """ARP and neighbour discovery replies that go back into a foreign VTEP's tunnel have a right checksum."""

    def runTest(self) -> None:
        request = packets.arp_request(RED_FOREIGN.mac, RED_FOREIGN.address, RED_WEB1.address)
        reply = packets.arp_reply(request, RED_WEB1.mac)
        self.is_right(5, self.arrives(9, RED_WEB, request), 9, RED_WEB, reply)
        for options in (None, b""):
            with self.subTest(options=options):
                request = discovery.solicitation(
                    RED_FOREIGN.mac, RED_FOREIGN.address_v6, RED_WEB1.address_v6, options=options
                )
                reply = discovery.advertisement(request, RED_WEB1.mac)
                self.is_right(5, self.arrives(9, RED_WEB, request), 9, RED_WEB, reply)


class FloodedCopiesHaveTheirChecksum(_ComputedTest):
    """Each copy of a flooded frame has the checksum of its own tunnel: calculated, or 0."""

    def runTest(self) -> None:
        self.set_tunnel(3)
        members = tuple((port, entries.FOREIGN_PORT_INDEX | tunnel) for port, tunnel in ((5, 2), (6, 3), (5, 9)))
        self.install([MulticastGroup(1, members), entries.flood(RED_WEB.domain, 0, 1)])
        frame = RED_WEB1.to(packets.BROADCAST, packets.udp(RED_WEB1.address, "255.255.255.255"))
        outers = []
        for port, tunnel in ((5, 2), (6, 3), (5, 9)):
            outer = any_entropy(self.underlay.sent(tunnel, RED_WEB).around(frame))
            if tunnel != 3:
                outer.set_do_not_care(_CHECKSUM.start * 8, 16)
            outers.append((port, outer))
        to_leaf, _, to_foreign = self.forwards(1, frame, *outers)
        self.check(to_leaf)
        self.check(to_foreign)


class ModesChangeTheChecksumToo(_ComputedTest):
    """A GBP header and a traffic class are in the sum."""

    def runTest(self) -> None:
        self.set_tunnel(2, is_udp_checksum=1, is_gbp=1, is_ecn_compatible=0, dscp=46)
        frame = RED_WEB1.udp_to(RED_WEB3)
        fields = {"tos": 46 << 2, "flags": 0x88, "policy_flags": 0x08, "group": RED_WEB1.label}
        outer = any_entropy(OVER_V6.sent(2, RED_WEB).around(frame, **fields))
        outer.set_do_not_care(_CHECKSUM.start * 8, 16)
        [raw] = self.forwards(1, frame, (5, outer))
        self.check(raw)


class ChecksumIsOfTheTunnel(_ComputedTest):
    """A tunnel without the mode sends 0, and one over IPv4 always does."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB3)
        self.set_tunnel(2)
        self.forwards(1, frame, self.sends(2, RED_WEB, frame))
        self.overwrite(entries.tunnel(2, OVER_V4.vtep, OVER_V4.vteps[2]))
        self.forwards(1, frame, (5, any_entropy(OVER_V4.sent(2, RED_WEB).around(frame))))
        self.set_tunnel(2, is_udp_checksum=1)
        self.is_right(1, frame, 2, RED_WEB, frame)


class ChecksumIsReadBySomebodyElse(_ComputedTest):
    """scapy calculates the same checksum for the datagram that was sent."""

    def runTest(self) -> None:
        for source, web3 in by_family((RED_WEB1, RED_WEB3)):
            frame = source.udp_to(web3, length=77)
            found = self.is_right(1, frame, 2, RED_WEB, frame)
            self.send(1, frame)
            [(_, raw)] = self.receive(1)
            with self.subTest(source=source.address):
                self.assertEqual(bytes(frame), inner_of(raw))
                self.assertEqual(found, _calculated(Ether(raw)))


def _calculated(outer: Packet) -> int:
    """The UDP checksum that scapy puts into the outer header."""
    datagram: Packet = UDP(sport=outer[UDP].sport, dport=outer[UDP].dport) / Raw(bytes(outer[UDP].payload))
    rebuilt = IPv6(bytes(IPv6(src=outer[IPv6].src, dst=outer[IPv6].dst) / datagram))
    return int(rebuilt[UDP].chksum)
