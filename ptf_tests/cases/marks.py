# SPDX-License-Identifier: Apache-2.0
"""Congestion marks (RFC 6040) and DSCP (RFC 2983) where a frame goes into a tunnel and where it comes out of one."""

from collections.abc import Iterator
from itertools import product

from scapy.layers.inet import IP, IPOption
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from ptf_tests import packets
from ptf_tests.leaf import (
    RED_DB,
    RED_DB1,
    RED_DB3,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    Host,
    by_family,
    delivered,
    routed_to,
    without_tag,
)
from ptf_tests.tunnels import TunnelTest, inner_of, tos_of, with_tos

NOT_ECT, ECT_1, ECT_0, CE = range(4)
ARRIVING: dict[int, dict[int, int | None]] = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT_0: NOT_ECT, ECT_1: NOT_ECT, CE: None},
    ECT_0: {NOT_ECT: ECT_0, ECT_0: ECT_0, ECT_1: ECT_1, CE: CE},
    ECT_1: {NOT_ECT: ECT_1, ECT_0: ECT_1, ECT_1: ECT_1, CE: CE},
    CE: {NOT_ECT: CE, ECT_0: CE, ECT_1: CE, CE: CE},
}
"""RFC 6040, figure 4: by inner and outer mark, what is delivered; None is dropped."""
CHANGING = ((ECT_0, ECT_1), (ECT_0, CE), (ECT_1, CE))
"""The pairs of inner and outer mark that change the inner one."""
TRAFFIC_CLASSES = (0x00, 0x01, 0x02, 0x03, 0xB8, 0x2A, 0xFF)
_RIGHT_SUM = 0xFFFF


def _cells() -> Iterator[tuple[int, int, int | None]]:
    for inner, outer in product(range(4), range(4)):
        yield inner, outer, ARRIVING[inner][outer]


def _udp(source: Host, destination: Host, tos: int, **options: int) -> Packet:
    return with_tos(source.udp_to(destination, **options), tos)


class _ArrivalTest(TunnelTest):
    """From web3 behind leaf 2 to hosts of this leaf."""

    def delivers(self, destination: Host, inner: Packet, outer_tos: int, expected: Packet) -> bytes:
        """The inner frame, in a tunnel packet with this TOS, reaches the host as another frame."""
        frame = self.arrives(2, RED_WEB, inner, tos=outer_tos)
        [raw] = self.forwards(5, frame, (destination.port, delivered(destination, expected)))
        return raw


class MarksAreMergedOnArrival(_ArrivalTest):
    """All 16 pairs of inner and outer mark give what RFC 6040 says, bridged, for IPv4 and IPv6; one is dropped: ecn."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_WEB1), (RED_WEB3, RED_WEB2)):
            for inner_mark, outer_mark, mark in _cells():
                with self.subTest(destination=destination.address, inner=inner_mark, outer=outer_mark):
                    inner = _udp(source, destination, inner_mark)
                    if mark is None:
                        self.drops_with("ecn", 5, self.arrives(2, RED_WEB, inner, tos=outer_mark))
                    else:
                        self.delivers(destination, inner, outer_mark, with_tos(inner, mark))


class MarksAreMergedBeforeRouting(_ArrivalTest):
    """A packet that is routed where its tunnel ends has the merged mark, TTL less one and a right checksum."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_DB1)):
            for inner_mark, outer_mark, mark in _cells():
                with self.subTest(destination=destination.address, inner=inner_mark, outer=outer_mark):
                    inner = with_tos(source.udp_by_gateway(destination, ttl=7), inner_mark)
                    if mark is None:
                        self.drops_with("ecn", 5, self.arrives(2, RED_WEB, inner, tos=outer_mark))
                    else:
                        self.delivers(destination, inner, outer_mark, routed_to(destination, with_tos(inner, mark)))


class EveryProtocolCarriesMarks(_ArrivalTest):
    """TCP, ICMP, fragments and packets with extension headers or options are marked as UDP is."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            pair = (source.address, destination.address)
            layers = {
                "TCP": packets.tcp(*pair),
                "ICMP": packets.icmp(*pair),
                "first fragment": packets.fragment(packets.udp(*pair), offset=0),
                "later fragment": packets.fragment(packets.udp(*pair), offset=9),
            }
            if source.address == RED_WEB3.address:
                layers["options"] = _with_options(packets.udp(*pair), 4)
            else:
                layers["extension"] = packets.with_extension(packets.udp(*pair), 0)
            for name, layer in layers.items():
                with self.subTest(name, source=source.address):
                    inner = with_tos(source.to(destination, layer), ECT_0)
                    self.delivers(destination, inner, CE, with_tos(inner, CE))


class ChecksumFollowsTheMark(_ArrivalTest):
    """The inner header's checksum is right after each change of the mark, with options and at the edges of the sum."""

    def runTest(self) -> None:
        for (inner_mark, outer_mark), octets in product(CHANGING, (0, 4, 40)):
            for checksum in (0x0000, 0x0001, 0x00FF, 0xFFFD, 0xFFFE):
                with self.subTest(inner=inner_mark, outer=outer_mark, octets=octets, checksum=hex(checksum)):
                    layer = _with_options(packets.udp(RED_WEB3.address, RED_WEB1.address), octets)
                    layer.tos = inner_mark
                    inner = RED_WEB3.to(RED_WEB1, _with_checksum(layer, checksum))
                    expected = with_tos(inner, ARRIVING[inner_mark][outer_mark] or 0)
                    raw = self.delivers(RED_WEB1, inner, outer_mark, expected)
                    self.assertEqual(_RIGHT_SUM, _sum(raw[14 : 14 + 20 + octets]))


class ChecksumFollowsMarkAndTtl(_ArrivalTest):
    """The checksum is right when mark, DSCP and TTL change together, whatever the old and new values."""

    def runTest(self) -> None:
        self.set_peer(2, is_dscp_uniform=1)
        for outer_tos, octets in product((0x01, 0x03, 0xB9, 0xFF, 0x00), (0, 8)):
            for ttl, dscp in ((2, 0), (64, 0x3F), (255, 0x2E)):
                with self.subTest(outer=hex(outer_tos), ttl=ttl, dscp=dscp, octets=octets):
                    layer = _with_options(packets.udp(RED_WEB3.address, RED_DB1.address, ttl=ttl), octets)
                    layer.tos = dscp << 2 | ECT_0
                    inner = Ether(bytes(RED_WEB3.to(RED_WEB.gateway_mac, layer)))
                    tos = outer_tos & 0xFC | (ARRIVING[ECT_0][outer_tos & 3] or 0)
                    raw = self.delivers(RED_DB1, inner, outer_tos, routed_to(RED_DB1, with_tos(inner, tos)))
                    self.assertEqual(_RIGHT_SUM, _sum(raw[14 : 14 + 20 + octets]))


class DamagedHeadersStayRecognisable(_ArrivalTest):
    """A header with options whose checksum is wrong, which we do not verify, is wrong by as much after a new mark."""

    def runTest(self) -> None:
        layer = _with_options(packets.udp(RED_WEB3.address, RED_WEB1.address), 4)
        layer.tos = ECT_0
        inner = RED_WEB3.to(RED_WEB1, _with_checksum(layer, 0x1234))
        damaged = Ether(bytes(inner))
        damaged[IP].chksum = 0x1235
        expected = with_tos(inner, CE)
        expected[IP].chksum += 1
        self.delivers(RED_WEB1, damaged, CE, expected)


class NormalModeCopiesTheMark(TunnelTest):
    """In normal mode the outer mark is the inner one, for IPv4 and IPv6, bridged and routed; the inner one stays."""

    def runTest(self) -> None:
        for tunnel in (2, 3):
            self.set_tunnel(tunnel, is_ecn_compatible=0)
        for mark in range(4):
            for source, bridged, routed in by_family((RED_WEB1, RED_WEB3, RED_DB3), (RED_WEB2, RED_WEB3, RED_DB3)):
                with self.subTest("bridged", source=source.address, mark=mark):
                    frame = _udp(source, bridged, mark)
                    self.forwards(source.port, frame, self.sends(2, RED_WEB, without_tag(frame), tos=mark))
                with self.subTest("routed", source=source.address, mark=mark):
                    frame = with_tos(source.udp_by_gateway(routed), mark)
                    self.forwards(source.port, frame, self.sends(3, RED_DB, routed_to(routed, frame), tos=mark))


class CompatibilityModeHidesTheMark(TunnelTest):
    """In compatibility mode the outer header is Not-ECT whatever the inner mark, which stays."""

    def runTest(self) -> None:
        self.set_tunnel(2, is_ecn_compatible=1)
        for mark in range(4):
            for source, destination in by_family((RED_WEB1, RED_WEB3)):
                with self.subTest(source=source.address, mark=mark):
                    frame = _udp(source, destination, mark)
                    self.forwards(1, frame, self.sends(2, RED_WEB, frame, tos=NOT_ECT))


class WhatIsNotIpIsNotEct(TunnelTest):
    """An ARP reply into a foreign tunnel is Not-ECT in both modes, whatever the request's outer header was."""

    def runTest(self) -> None:
        request = packets.arp_request(RED_FOREIGN.mac, RED_FOREIGN.address, RED_WEB1.address)
        reply = packets.arp_reply(request, RED_WEB1.mac)
        self.set_peer(9, is_dscp_uniform=1)
        for is_compatible, is_uniform, dscp in ((0, 1, 0), (1, 1, 0), (0, 0, 46), (1, 0, 46)):
            self.set_tunnel(9, is_ecn_compatible=is_compatible, is_dscp_uniform=is_uniform, dscp=dscp)
            for tos in (0x00, 0x03, 0xFF):
                with self.subTest(compatible=is_compatible, uniform=is_uniform, request=hex(tos)):
                    frame = self.arrives(9, RED_WEB, request, tos=tos)
                    self.forwards(5, frame, self.sends(9, RED_WEB, reply, tos=dscp << 2))


class MergedMarksGoOn(TunnelTest):
    """From a foreign tunnel into another one, the new outer header has the merged mark and the uniform DSCP."""

    def runTest(self) -> None:
        self.set_peer(9, is_dscp_uniform=1)
        self.set_tunnel(2, is_ecn_compatible=0, is_dscp_uniform=1)
        for source, destination in by_family((RED_FOREIGN, RED_WEB3)):
            for inner_mark, outer_mark, mark in _cells():
                with self.subTest(source=source.address, inner=inner_mark, outer=outer_mark):
                    inner = _udp(source, destination, inner_mark)
                    frame = self.arrives(9, RED_WEB, inner, tos=0x28 | outer_mark)
                    if mark is None:
                        self.drops_with("ecn", 5, frame)
                    else:
                        tos = 0x28 | mark
                        self.forwards(5, frame, self.sends(2, RED_WEB, with_tos(inner, tos), tos=tos))


class UniformModeCopiesDscpOut(TunnelTest):
    """A tunnel in uniform mode has the DSCP of the inner packet, IPv4 or IPv6, outside."""

    def runTest(self) -> None:
        self.set_tunnel(2, is_dscp_uniform=1, dscp=17)
        for tos in TRAFFIC_CLASSES:
            for source, destination in by_family((RED_WEB1, RED_WEB3)):
                with self.subTest(source=source.address, tos=hex(tos)):
                    frame = _udp(source, destination, tos)
                    self.forwards(1, frame, self.sends(2, RED_WEB, frame, tos=tos & 0xFC))


class UniformModeCopiesDscpIn(_ArrivalTest):
    """From a peer in uniform mode the outer DSCP is copied into the inner header, whose checksum stays right."""

    def runTest(self) -> None:
        self.set_peer(2, is_dscp_uniform=1)
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            for inner_tos, outer_tos in product(TRAFFIC_CLASSES, (0x00, 0xB8, 0xFC)):
                with self.subTest(source=source.address, inner=hex(inner_tos), outer=hex(outer_tos)):
                    inner = _udp(source, destination, inner_tos)
                    self.delivers(destination, inner, outer_tos, with_tos(inner, outer_tos | inner_tos & 3))


class PipeModeSetsTheDscp(TunnelTest):
    """A tunnel in pipe mode has its configured DSCP outside, and the inner one stays as it is."""

    def runTest(self) -> None:
        for dscp in (0, 1, 46, 63):
            self.set_tunnel(2, is_dscp_uniform=0, dscp=dscp)
            for tos in (0x00, 0xB8, 0xFC):
                for source, destination in by_family((RED_WEB1, RED_WEB3)):
                    with self.subTest(source=source.address, dscp=dscp, tos=hex(tos)):
                        frame = _udp(source, destination, tos)
                        self.forwards(1, frame, self.sends(2, RED_WEB, frame, tos=dscp << 2))


class PipeModeLeavesTheInnerDscp(_ArrivalTest):
    """From a peer in pipe mode the inner DSCP arrives as it was sent, whatever the outer one."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            for inner_tos, outer_tos in product((0x00, 0xB8, 0xFD), (0x00, 0x28, 0xFC)):
                with self.subTest(source=source.address, inner=hex(inner_tos), outer=hex(outer_tos)):
                    inner = _udp(source, destination, inner_tos)
                    self.delivers(destination, inner, outer_tos, inner)


class DscpAndMarksAreIndependent(TunnelTest):
    """Each mode of DSCP goes with each mode of ECN, on the way out and on the way in."""

    def runTest(self) -> None:
        for is_compatible, is_uniform in product((0, 1), (0, 1)):
            self.set_tunnel(2, is_ecn_compatible=is_compatible, is_dscp_uniform=is_uniform, dscp=5)
            for tos in TRAFFIC_CLASSES:
                with self.subTest("out", compatible=is_compatible, uniform=is_uniform, tos=hex(tos)):
                    frame = _udp(RED_WEB1, RED_WEB3, tos)
                    outer = (tos & 0xFC if is_uniform else 5 << 2) | (0 if is_compatible else tos & 3)
                    [raw] = self.forwards(1, frame, self.sends(2, RED_WEB, frame, tos=outer))
                    self.assertEqual((outer, tos), (tos_of(Ether(raw)), tos_of(Ether(inner_of(raw)))))
        for is_uniform in (0, 1):
            self.set_peer(2, is_dscp_uniform=is_uniform)
            for inner_mark, outer_mark, mark in _cells():
                with self.subTest("in", uniform=is_uniform, inner=inner_mark, outer=outer_mark):
                    inner = _udp(RED_WEB3, RED_WEB1, 0xB8 | inner_mark)
                    frame = self.arrives(2, RED_WEB, inner, tos=0x28 | outer_mark)
                    if mark is None:
                        self.drops_with("ecn", 5, frame)
                    else:
                        expected = with_tos(inner, (0x28 if is_uniform else 0xB8) | mark)
                        self.forwards(5, frame, (1, expected))


class LocalTrafficKeepsItsMarks(TunnelTest):
    """Between hosts of one leaf, bridged or routed, DSCP and mark stay as they are."""

    def runTest(self) -> None:
        for tos in TRAFFIC_CLASSES:
            for source, bridged, routed in by_family((RED_WEB1, RED_WEB2, RED_DB1)):
                with self.subTest(source=source.address, tos=hex(tos)):
                    frame = _udp(source, bridged, tos)
                    self.forwards(1, frame, (2, delivered(bridged, frame)))
                    frame = with_tos(source.udp_by_gateway(routed), tos)
                    self.forwards(1, frame, (3, routed_to(routed, frame)))


def _with_options(layer: Packet, octets: int) -> Packet:
    """The IPv4 packet with so many octets of options, a multiple of 4."""
    layer.options = [IPOption(b"\x01")] * octets
    return layer


def _with_checksum(layer: Packet, checksum: int) -> Packet:
    """The IPv4 packet with the identification that makes its checksum this one."""
    layer.id = 0
    header = bytes(layer)[: 4 * (bytes(layer)[0] & 0xF)]
    without = _sum(header[:10] + b"\0\0" + header[12:])
    layer.id = next(number for number in range(1 << 16) if ~_folded(without + number) & 0xFFFF == checksum)
    return layer


def _sum(header: bytes) -> int:
    """The one's complement sum of 16-bit words (RFC 1071)."""
    return _folded(sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, len(header), 2)))


def _folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
