# SPDX-License-Identifier: Apache-2.0
"""Frames that are broken, by accident or by intent: dropped with a reason, never delivered, never fatal."""

import ptf
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from ptf_tests import discovery, entries, packets
from ptf_tests.leaf import (
    RED_DB1,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    LeafTest,
    by_family,
    delivered,
    from_tunnel,
    routed_to,
)

_ETHERNET = 14
_SHORTEST_ON_A_NIC = 15
_REASONS = {"malformed", "ip_header"}


class _TruncationTest(LeafTest):
    def every_length_drops(self, port: int, frame: Packet, from_length: int = 1) -> None:
        """Each shortened copy of the frame is dropped with malformed or ip_header."""
        raw = bytes(frame)
        first = from_length if ptf.config["platform"] == "nn" else max(from_length, _SHORTEST_ON_A_NIC)
        reasons = self.drops_all(port, [raw[:length] for length in range(first, len(raw))])
        self.assertLessEqual(set(reasons), _REASONS)


class TruncatedFromAnAccessPort(_TruncationTest):
    """A frame that was cut off anywhere is dropped, bridged or routed, TCP, UDP or ICMP; the whole one passes."""

    def runTest(self) -> None:
        for source, neighbour, target in by_family((RED_WEB1, RED_WEB2, RED_DB1)):
            for build in (packets.tcp, packets.udp, packets.icmp):
                with self.subTest(kind=build.__name__, path="bridged", source=source.address):
                    frame = source.to(neighbour, build(source.address, neighbour.address))
                    self.every_length_drops(1, frame)
                    self.forwards(1, frame, (2, delivered(neighbour, frame)))
                with self.subTest(kind=build.__name__, path="routed", source=source.address):
                    frame = source.to(RED_WEB.gateway_mac, build(source.address, target.address))
                    self.every_length_drops(1, frame)
                    self.forwards(1, frame, (3, routed_to(target, frame)))


class TruncatedExtensions(_TruncationTest):
    """An IPv6 packet that was cut off in or after a fragment header or another extension header is dropped."""

    def runTest(self) -> None:
        layer = packets.udp(RED_WEB1.v6.address, RED_WEB2.v6.address)
        for name, extended in (
            ("first fragment", packets.fragment(layer, offset=0)),
            ("later fragment", packets.fragment(layer, offset=1)),
            ("hop-by-hop", packets.with_extension(layer, 0)),
        ):
            with self.subTest(name):
                frame = RED_WEB1.to(RED_WEB2, extended)
                self.every_length_drops(1, frame)
                self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))


class TruncatedNeighborDiscovery(_TruncationTest):
    """A solicitation that was cut off anywhere is dropped, with an option or without, in a tunnel or not."""

    def runTest(self) -> None:
        target = RED_WEB2
        for options in (None, b""):
            with self.subTest(options=options):
                request = discovery.solicitation(RED_WEB1.mac, RED_WEB1.v6.address, target.v6.address, options=options)
                self.every_length_drops(1, request)
                self.forwards(1, request, (1, discovery.advertisement(request, target.mac)))
        with self.subTest("tunnel"):
            raw = bytes(discovery.solicitation(RED_FOREIGN.mac, RED_FOREIGN.v6.address, target.v6.address))
            cut = [from_tunnel(9, RED_WEB.vni, raw[:length]) for length in range(len(raw))]
            self.assertLessEqual(set(self.drops_all(5, cut)), _REASONS)


class TruncatedArp(_TruncationTest):
    """An ARP request that was cut off anywhere is dropped."""

    def runTest(self) -> None:
        request = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB2.address)
        self.every_length_drops(1, request)
        self.forwards(1, request, (1, packets.arp_reply(request, RED_WEB2.mac)))


class TruncatedTunnel(_TruncationTest):
    """VXLAN that was cut off anywhere, in the outer headers or in the inner frame, is dropped."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            with self.subTest(source=source.address):
                inner = source.udp_to(destination)
                frame = from_tunnel(2, RED_WEB.vni, inner)
                self.every_length_drops(5, frame)
                self.forwards(5, frame, (1, inner))


class TruncatedInnerFrame(LeafTest):
    """An inner frame that was cut off before it was encapsulated is dropped, though the outer headers are right."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            raw = bytes(source.udp_to(destination))
            with self.subTest(source=source.address):
                cut = [from_tunnel(2, RED_WEB.vni, raw[:length]) for length in range(len(raw))]
                self.assertLessEqual(set(self.drops_all(5, cut)), _REASONS)


class BrokenIpv4HeadersAreDropped(LeafTest):
    """A wrong version, header length, total length or header checksum is dropped with ip_header on any path."""

    def runTest(self) -> None:
        changes = {
            "version 6": {"version": 6},
            "version 0": {"version": 0},
            "IHL 0": {"ihl": 0},
            "IHL 4": {"ihl": 4},
            "total length 0": {"len": 0},
            "total length below the header": {"len": 19},
            "total length beyond the frame": {"len": 61},
            "total length 65535": {"len": 0xFFFF},
        }
        for destination in (RED_WEB2.mac, RED_WEB.gateway_mac):
            for name, change in changes.items():
                with self.subTest(name, destination=destination):
                    self.drops_with("ip_header", 1, _with_header(RED_WEB1.to(destination, _layer()), change))
            for flip in (0x0001, 0x8000, 0xFFFF):
                with self.subTest("checksum", flip=hex(flip), destination=destination):
                    frame = Ether(bytes(RED_WEB1.to(destination, _layer())))
                    frame[IP].chksum ^= flip
                    self.drops_with("ip_header", 1, frame)


class BrokenIpv6HeadersAreDropped(LeafTest):
    """A version that is not 6, or a payload length beyond the frame, is dropped with ip_header on any path."""

    def runTest(self) -> None:
        for path, source, mac in (
            ("bridged", RED_WEB1.v6, RED_WEB2.mac),
            ("routed", RED_WEB1.v6, RED_WEB.gateway_mac),
            ("remote", RED_WEB1.v6, RED_WEB3.mac),
            ("tagged", RED_WEB2.v6, RED_WEB1.mac),
            ("out of a tunnel", RED_WEB3.v6, RED_WEB1.mac),
        ):
            layer = packets.udp(source.address, RED_DB1.v6.address)
            length = len(layer) - 40
            changes = [("version", version) for version in (0, 4, 5, 7, 14, 15)]
            changes += [("plen", length + 1), ("plen", length + 100), ("plen", 0xFFFF - 40), ("plen", 0xFFFF)]
            for field, value in changes:
                with self.subTest(path, **{field: value}):
                    broken = layer.copy()
                    setattr(broken, field, value)
                    frame = source.to(mac, broken)
                    if source.port:
                        self.drops_with("ip_header", source.port, frame)
                    else:
                        self.drops_with("ip_header", 5, from_tunnel(source.tunnel, RED_WEB.vni, frame))


class ShortIpv6PayloadsPass(LeafTest):
    """What follows an IPv6 packet in its frame is padding, and stays, whatever the payload length says up to there."""

    def runTest(self) -> None:
        for length in (8, 39, 40):
            with self.subTest(length=length):
                frame = Ether(bytes(RED_WEB1.v6.udp_to(RED_WEB2.v6)))
                frame[IPv6].plen = length
                sent = bytes(frame)
                tag = bytes.fromhex("81000064")
                self.forwards(1, sent, (2, sent[:12] + tag + sent[12:]))


class BrokenOuterHeadersAreDropped(LeafTest):
    """A wrong outer header checksum, version or header length is dropped with ip_header first of all."""

    def runTest(self) -> None:
        for change in ({"chksum": 0xBEEF}, {"ihl": 4}, {"version": 6}):
            with self.subTest(**change):
                frame = from_tunnel(2, RED_WEB.vni, RED_WEB3.udp_to(RED_WEB1))
                self.drops_with("ip_header", 5, _with_header(frame, change))


class BrokenInnerHeadersAreDropped(LeafTest):
    """An inner IPv4 header with a wrong version, length or checksum is dropped with ip_header."""

    def runTest(self) -> None:
        for change in ({"chksum": 0xBEEF}, {"version": 6}, {"ihl": 4}, {"len": 19}, {"len": 0xFFFF}):
            with self.subTest(**change):
                inner = _with_header(RED_WEB3.udp_to(RED_WEB1), change)
                self.drops_with("ip_header", 5, from_tunnel(2, RED_WEB.vni, inner))


class MartianSourcesAreDropped(LeafTest):
    """A source in 0/8, 127/8, 224/4, 240/4 or ff00::/8, ::1 or :: is martian, even where the source guard has it."""

    def runTest(self) -> None:
        martians = ("0.0.0.0", "0.0.0.1", "0.255.255.255", "127.0.0.1", "127.255.0.1", "224.0.0.1", "239.1.2.3",
                    "240.0.0.1", "255.255.255.255", "::", "::1", "ff00::", "ff02::1", "ff0e::1", "ffff::")  # fmt: skip
        for source in martians:
            permitted = entries.guard(RED_WEB1.index, RED_WEB.domain, RED_WEB1.mac, source)
            self.install([permitted])
            target = RED_DB1.v6 if packets.is_v6(source) else RED_DB1
            for destination in (RED_WEB2.mac, RED_WEB.gateway_mac):
                for build in (packets.udp, packets.icmp):
                    with self.subTest(source=source, destination=destination, kind=build.__name__):
                        self.drops_with("martian", 1, RED_WEB1.to(destination, build(source, target.address)))
            with self.subTest("out of a trusted tunnel", source=source):
                inner = RED_WEB3.to(RED_WEB1, packets.udp(source, target.address))
                self.drops_with("martian", 5, from_tunnel(2, RED_WEB.vni, inner))
            self.remove([permitted])


class NeighboursOfMartiansPass(LeafTest):
    """The addresses just outside the martian prefixes are ordinary sources."""

    def runTest(self) -> None:
        for source in ("1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "::2", "::1:0:0:0", "feff::1"):
            with self.subTest(source=source):
                self.install([entries.guard(RED_WEB1.index, RED_WEB.domain, RED_WEB1.mac, source)])
                target = RED_WEB2.v6 if packets.is_v6(source) else RED_WEB2
                frame = RED_WEB1.to(target, packets.udp(source, target.address))
                self.forwards(1, frame, (2, delivered(target, frame)))


class BrokenTransportHeadersDoNoHarm(LeafTest):
    """A datagram too short for its ports, or for its UDP or ICMP header, is dropped with malformed."""

    def runTest(self) -> None:
        for protocol, shortest in ((6, 4), (17, 8), (1, 4), (58, 4)):
            for length in (0, 1, shortest - 1):
                with self.subTest(protocol=protocol, length=length):
                    if protocol != 58:
                        layer = IP(src=RED_WEB1.address, dst=RED_WEB2.address, proto=protocol)
                        self.drops_with("malformed", 1, RED_WEB1.to(RED_WEB2, layer / packets.payload(length)))
                    if protocol != 1:
                        layer_v6 = IPv6(src=RED_WEB1.v6.address, dst=RED_WEB2.v6.address, nh=protocol)
                        self.drops_with("malformed", 1, RED_WEB1.to(RED_WEB2, layer_v6 / packets.payload(length)))


class WrongArpIsDropped(LeafTest):
    """ARP that is not for Ethernet and IPv4 is dropped with malformed, from an attachment or out of a tunnel."""

    def runTest(self) -> None:
        for fields in (b"\0\6\x08\0\6\4", b"\0\1\x86\xdd\6\4", b"\0\1\x08\0\x08\4", b"\0\1\x08\0\6\x10"):
            for source in (RED_WEB1, RED_FOREIGN):
                with self.subTest(fields=fields.hex(), source=source.address):
                    raw = bytearray(bytes(packets.arp_request(source.mac, source.address, RED_WEB2.address)))
                    raw[_ETHERNET : _ETHERNET + 6] = fields
                    frame = bytes(raw)
                    if source.port:
                        self.drops_with("malformed", source.port, frame)
                    else:
                        self.drops_with("malformed", 5, from_tunnel(source.tunnel, RED_WEB.vni, frame))


def _layer() -> Packet:
    return packets.udp(RED_WEB1.address, RED_DB1.address)


def _with_header(frame: Packet, change: dict[str, int]) -> bytes:
    """The frame with fields of its first IPv4 header changed and the checksum right, unless that is the change."""
    raw = bytearray(bytes(frame))
    header = IP(bytes(raw[_ETHERNET : _ETHERNET + 20]))
    for name, value in change.items():
        setattr(header, name, value)
    if "chksum" not in change:
        header.chksum = 0
        octets = bytes(header)[:20]
        total = sum(int.from_bytes(octets[at : at + 2], "big") for at in range(0, 20, 2))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        header.chksum = ~total & 0xFFFF
    raw[_ETHERNET : _ETHERNET + 20] = bytes(header)[:20]
    return bytes(raw)
