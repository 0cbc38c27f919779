# SPDX-License-Identifier: Apache-2.0
"""VXLAN decapsulation (RFC 7348): what this VTEP accepts from a leaf of ours."""

from itertools import product

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from ptf_tests import entries, packets
from ptf_tests.leaf import (
    BLUE_WEB,
    BLUE_WEB2,
    BLUE_WEB3,
    NEIGHBOR_MACS,
    RED_DB,
    RED_DB1,
    RED_DB2,
    RED_DB3,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    ROUTER_MAC,
    VTEP,
    LeafTest,
    by_family,
    delivered,
    from_tunnel,
)

_VXLAN_OFFSET = 14 + 20 + 8


class DeliversInnerFrames(LeafTest):
    """The inner frame leaves on the host's port with the tag of its attachment, otherwise unchanged."""

    def runTest(self) -> None:
        pairs = ((RED_WEB3, RED_WEB1), (RED_WEB3, RED_WEB2), (RED_DB3, RED_DB1), (BLUE_WEB3, BLUE_WEB2))
        for source, destination in by_family(*pairs):
            for build in (packets.udp, packets.tcp, packets.icmp):
                with self.subTest(destination=destination, kind=build.__name__):
                    inner = source.to(destination, build(source.address, destination.address, ttl=1))
                    outer = from_tunnel(source.tunnel, source.subnet.vni, inner)
                    self.forwards(5, outer, (destination.port, delivered(destination, inner)))


class PaddedInnerFramesKeepTheirPadding(LeafTest):
    """An inner frame that was padded by its sender is delivered with its padding."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            with self.subTest(source=source.address):
                inner = packets.padded(source.udp_to(destination, length=1), 80)
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (1, inner))


class ReservedBitsAreIgnored(LeafTest):
    """Reserved bits of the VXLAN header do not matter as long as the I flag is set."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        for flags in (0x09, 0x0A, 0x0C, 0x18, 0x28, 0x48, 0xFF):
            with self.subTest(flags=flags):
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner, flags=flags), (1, inner))
        for offset in (1, 2, 3, 7):
            with self.subTest(octet=offset):
                raw = bytearray(bytes(from_tunnel(2, RED_WEB.vni, inner)))
                raw[_VXLAN_OFFSET + offset] = 0xFF
                self.forwards(5, bytes(raw), (1, inner))


class InnerFragmentsAreDelivered(LeafTest):
    """Fragments of a tenant's packet, first and later, are delivered as they are."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB3, RED_WEB1)):
            layers = {
                "datagram": packets.udp(source.address, destination.address),
                "echo request": packets.icmp(source.address, destination.address),
            }
            for (name, layer), (offset, is_last) in product(layers.items(), ((0, False), (10, False), (20, True))):
                with self.subTest(name, source=source.address, offset=offset):
                    inner = source.to(destination, packets.fragment(layer, offset=offset, is_last=is_last))
                    self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (1, inner))


class TunnelToAGroupMacIsDropped(LeafTest):
    """VXLAN to our VTEP in a frame to all stations of a fabric link is dropped with broadcast."""

    def runTest(self) -> None:
        self.install([entries.fabric_port(5, packets.BROADCAST)])
        outer = from_tunnel(2, RED_WEB.vni, RED_WEB3.udp_to(RED_WEB1))
        outer.dst = packets.BROADCAST
        self.drops_with("broadcast", 5, outer)


class MissingIFlagIsDropped(LeafTest):
    """A VXLAN header without the I flag is dropped with vxlan_flags."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        for flags in (0x00, 0x80, 0xF7):
            with self.subTest(flags=flags):
                self.drops_with("vxlan_flags", 5, from_tunnel(2, RED_WEB.vni, inner, flags=flags))


class UnknownVniIsDropped(LeafTest):
    """A VNI that this switch does not serve is dropped with unknown_vni."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        for vni in (0, 5011, 0xFFFFFF):
            with self.subTest(vni=vni):
                self.drops_with("unknown_vni", 5, from_tunnel(2, vni, inner))


class UnknownVtepIsDropped(LeafTest):
    """VXLAN from an address that is no known VTEP is dropped with unknown_vtep."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        link = packets.Link(NEIGHBOR_MACS[5], ROUTER_MAC)
        for source in ("10.255.0.77", VTEP):
            with self.subTest(source=source):
                self.drops_with("unknown_vtep", 5, packets.vxlan(link, source, VTEP, RED_WEB.vni, inner))


class InnerTagIsDropped(LeafTest):
    """An inner frame that carries an 802.1Q tag is dropped with inner_vlan."""

    def runTest(self) -> None:
        layer = packets.udp(RED_WEB3.address, RED_WEB1.address)
        for vlan in (1, 100):
            with self.subTest(vlan=vlan):
                inner = packets.frame(RED_WEB3.mac, RED_WEB1.mac, layer, vlan=vlan)
                self.drops_with("inner_vlan", 5, from_tunnel(2, RED_WEB.vni, inner))


class OuterFragmentIsDropped(LeafTest):
    """A fragment addressed to the VTEP is dropped with outer_fragment, be it the first or a later one."""

    def runTest(self) -> None:
        for flags, offset in (("MF", 0), ("MF", 10), (0, 10)):
            with self.subTest(flags=flags, offset=offset):
                outer = from_tunnel(2, RED_WEB.vni, RED_WEB3.udp_to(RED_WEB1))
                outer[IP].flags, outer[IP].frag = flags, offset
                self.drops_with("outer_fragment", 5, outer)


class OuterChecksumNeedNotBeZero(LeafTest):
    """A UDP checksum that the sending VTEP has computed is accepted as 0 is."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        outer = from_tunnel(2, RED_WEB.vni, inner)
        del outer[UDP].chksum
        self.assertNotEqual(0, Ether(bytes(outer))[UDP].chksum)
        self.forwards(5, outer, (1, inner))


class OtherTrafficToTheVtepIsDropped(LeafTest):
    """Whatever is addressed to the VTEP and is no VXLAN is dropped with not_vxlan."""

    def runTest(self) -> None:
        ip = IP(src="10.255.0.2", dst=VTEP)
        layers = {
            "UDP to another port": ip / UDP(sport=4789, dport=4790) / packets.payload(64),
            "TCP to 4789": ip / TCP(dport=4789) / packets.payload(64),
            "ICMP": packets.icmp("10.255.0.2", VTEP),
        }
        for name, layer in layers.items():
            with self.subTest(name):
                self.drops_with("not_vxlan", 5, packets.frame(NEIGHBOR_MACS[5], ROUTER_MAC, layer))


class NeverFromTunnelToTunnel(LeafTest):
    """What came from a leaf of ours enters no other tunnel: bridged it is unknown_destination, routed split_horizon."""

    def runTest(self) -> None:
        bridged_on = entries.remote_mac(RED_WEB.domain, "02:00:00:00:01:14", tunnel=3, label=RED_WEB1.label)
        self.install([bridged_on])
        layer = packets.udp(RED_WEB3.address, "10.0.1.14")
        with self.subTest("to another leaf"):
            self.drops_with(
                "unknown_destination", 5, from_tunnel(2, RED_WEB.vni, RED_WEB3.to("02:00:00:00:01:14", layer))
            )
        for first, source, target in by_family((RED_WEB1, RED_WEB3, RED_DB3)):
            with self.subTest("back to the same leaf", source=source.address):
                self.drops_with("unknown_destination", 5, from_tunnel(2, RED_WEB.vni, first.udp_to(source)))
            with self.subTest("routed", source=source.address):
                self.drops_with("split_horizon", 5, from_tunnel(2, RED_WEB.vni, source.udp_by_gateway(target)))


class TrustedPeersAreNotFilteredAgain(LeafTest):
    """From a leaf of ours, source guard and policy have been applied already and are not applied again."""

    policies = ()

    def runTest(self) -> None:
        for source, first, second in by_family((RED_WEB3, RED_WEB1, RED_WEB2)):
            with self.subTest("a known source", source=source.address):
                inner = source.udp_to(first)
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (1, inner))
            unknown = "2001:db8:1::200" if packets.is_v6(source.address) else "10.0.1.200"
            with self.subTest("a source that this leaf has never heard of", source=unknown):
                inner = packets.frame("02:00:00:00:01:c8", second.mac, packets.udp(unknown, second.address))
                self.forwards(5, from_tunnel(2, RED_WEB.vni, inner), (2, delivered(second, inner)))


class UnknownInnerDestinationIsDropped(LeafTest):
    """An inner frame for a MAC that is not here is dropped with unknown_destination."""

    def runTest(self) -> None:
        for vni, mac in ((RED_WEB.vni, RED_DB1.mac), (RED_DB.vni, RED_WEB1.mac), (BLUE_WEB.vni, RED_DB2.mac)):
            with self.subTest(vni=vni, mac=mac):
                inner = packets.frame(RED_WEB3.mac, mac, packets.udp(RED_WEB3.address, RED_DB1.address))
                self.drops_with("unknown_destination", 5, from_tunnel(2, vni, inner))


class AnySourcePortIsAccepted(LeafTest):
    """The outer UDP source port does not matter, not even 4789 or 0."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        for port in (0, 1, 4789, 49151, 65535):
            with self.subTest(port=port):
                outer = from_tunnel(2, RED_WEB.vni, inner)
                outer[UDP].sport = port
                self.assertEqual(RED_WEB.vni, VXLAN(bytes(outer)[_VXLAN_OFFSET:]).vni)
                self.forwards(5, outer, (1, inner))
