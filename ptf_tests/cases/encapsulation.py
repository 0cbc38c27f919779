# SPDX-License-Identifier: Apache-2.0
"""VXLAN encapsulation (RFC 7348): what this VTEP sends."""

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from ptf_tests import entries, packets
from ptf_tests.leaf import (
    NEIGHBOR_MACS,
    RED_DB1,
    RED_DB3,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    ROUTER_MAC,
    UPLINK,
    VTEP,
    VTEPS,
    LeafTest,
    by_family,
    out_of_tunnel,
    subnet_entries,
    without_tag,
)


class OuterHeadersAreExact(LeafTest):
    """The outer frame has the link's MACs, TTL 64, DF, ID 0, UDP port 4789, checksum 0, flags 0x08 and the VNI."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_WEB3), (RED_DB1, RED_DB3)):
            with self.subTest(destination=destination.address):
                subnet = source.subnet
                inner = source.udp_to(destination)
                [raw] = self.forwards(source.port, inner, out_of_tunnel(destination.tunnel, subnet, inner))
                outer = Ether(raw)
                port = 5 if destination.tunnel == 2 else 6
                self.assertEqual((ROUTER_MAC, NEIGHBOR_MACS[port]), (outer.src, outer.dst))
                self.assertEqual((VTEP, VTEPS[destination.tunnel]), (outer[IP].src, outer[IP].dst))
                self.assertEqual(
                    (4, 5, 0, 64, "DF", 0, 17),
                    (
                        outer[IP].version,
                        outer[IP].ihl,
                        outer[IP].id,
                        outer[IP].ttl,
                        str(outer[IP].flags),
                        outer[IP].frag,
                        outer[IP].proto,
                    ),
                )
                self.assertEqual((4789, 0), (outer[UDP].dport, outer[UDP].chksum))
                self.assertEqual((0x08, subnet.vni), (int(outer[VXLAN].flags), outer[VXLAN].vni))


class InnerTagIsRemoved(LeafTest):
    """The tag of a tagged attachment does not travel in the tunnel."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB2, RED_WEB3)):
            with self.subTest(destination=destination.address):
                frame = source.udp_to(destination)
                self.forwards(2, frame, out_of_tunnel(2, RED_WEB, without_tag(frame)))


class LengthsFollowTheFrame(LeafTest):
    """Outer IP and UDP lengths count the inner frame as it came, padding included, without a tag."""

    def runTest(self) -> None:
        lengths = (74, 75, 90, 590, 1513, 1514, 1515, 9014)
        for untagged, tagged, destination in by_family((RED_WEB1, RED_WEB2, RED_WEB3)):
            family = "IPv6" if packets.is_v6(destination.address) else "IPv4"
            for length in lengths if family == "IPv6" else (60, 61, 64, *lengths):
                with self.subTest(family, attachment="untagged", length=length):
                    inner = packets.padded(untagged.udp_to(destination, length=8), length)
                    [raw] = self.forwards(1, inner, out_of_tunnel(2, RED_WEB, inner))
                    self._check_lengths(raw, length)
                with self.subTest(family, attachment="tagged", length=length):
                    frame = Ether(packets.padded(tagged.udp_to(destination, length=8), length))
                    [raw] = self.forwards(2, frame, out_of_tunnel(2, RED_WEB, without_tag(frame)))
                    self._check_lengths(raw, length - 4)

    def _check_lengths(self, raw: bytes, inner_length: int) -> None:
        outer = Ether(raw)
        self.assertEqual(inner_length + packets.UNDERLAY_OVERHEAD, len(raw))
        self.assertEqual((inner_length + 36, inner_length + 16), (outer[IP].len, outer[UDP].len))


class InnerHeaderIsNotTouched(LeafTest):
    """Bridging into a tunnel changes no inner byte: TTL, ID, TOS, flags, options of TCP and payload stay."""

    def runTest(self) -> None:
        for change in ({"ttl": 1}, {"id": 0xFFFF}, {"tos": 0xB8}, {"flags": "DF"}, {"id": 0, "tos": 3}):
            with self.subTest(**change):
                layer = packets.tcp(RED_WEB1.address, RED_WEB3.address)
                for name, value in change.items():
                    setattr(layer, name, value)
                inner = RED_WEB1.to(RED_WEB3, layer)
                self.forwards(1, inner, out_of_tunnel(2, RED_WEB, inner))


class MissingTunnelIsCounted(LeafTest):
    """A destination behind a tunnel that has no entry is dropped with no_tunnel."""

    def runTest(self) -> None:
        self.remove([entries.tunnel(2, VTEP, VTEPS[2])])
        self.drops_with("no_tunnel", 1, RED_WEB1.udp_to(RED_WEB3))


class MissingUnderlayRouteIsCounted(LeafTest):
    """A far VTEP that the underlay has no way to is dropped with no_underlay_route."""

    def runTest(self) -> None:
        self.remove([entries.tunnel_next_hop(2, 5)])
        self.drops_with("no_underlay_route", 1, RED_WEB1.udp_to(RED_WEB3))


class MissingNeighborIsCounted(LeafTest):
    """A fabric port without a neighbour sends nothing: no_neighbor."""

    def runTest(self) -> None:
        self.remove([entries.neighbor(5, ROUTER_MAC, NEIGHBOR_MACS[5])])
        self.drops_with("no_neighbor", 1, RED_WEB1.udp_to(RED_WEB3))


class MissingBridgeDomainIsCounted(LeafTest):
    """A bridge domain without a VNI sends nothing into a tunnel: unknown_bridge_domain."""

    def runTest(self) -> None:
        self.remove(entry for entry in subnet_entries(RED_WEB) if entry.table == "bridge_domains")
        self.drops_with("unknown_bridge_domain", 1, RED_WEB1.udp_to(RED_WEB3))


class TunnelMovesWithItsEntry(LeafTest):
    """After a tunnel's entries are changed, the next packet goes to the new VTEP."""

    def runTest(self) -> None:
        inner = RED_WEB1.udp_to(RED_WEB3)
        self.forwards(1, inner, out_of_tunnel(2, RED_WEB, inner))
        self.replace(entries.tunnel(2, VTEP, VTEPS[2]), entries.tunnel(2, VTEP, VTEPS[3]))
        self.replace(entries.tunnel_next_hop(2, UPLINK[2]), entries.tunnel_next_hop(2, UPLINK[3]))
        self.forwards(1, inner, out_of_tunnel(3, RED_WEB, inner))
