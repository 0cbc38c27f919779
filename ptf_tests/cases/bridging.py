# SPDX-License-Identifier: Apache-2.0
"""Bridging inside a subnet, between attachments of one leaf."""

from scapy.layers.l2 import Ether

from ptf_tests import entries, packets
from ptf_tests.leaf import (
    RED_DB1,
    RED_DB2,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    LeafTest,
    by_family,
    delivered,
)


class BridgesOnOneLeaf(LeafTest):
    """A frame to a MAC of the subnet leaves on that host's port with the tag of its attachment, otherwise unchanged."""

    def runTest(self) -> None:
        pairs = ((RED_WEB1, RED_WEB2), (RED_WEB2, RED_WEB1), (RED_DB1, RED_DB2), (RED_DB2, RED_DB1))
        for source, destination in by_family(*pairs):
            for build in (packets.udp, packets.tcp, packets.icmp):
                with self.subTest(source=source.address, destination=destination.address, kind=build.__name__):
                    frame = source.to(destination, build(source.address, destination.address))
                    self.forwards(source.port, frame, (destination.port, delivered(destination, frame)))


class BridgingLeavesTtlAlone(LeafTest):
    """A bridged packet keeps its TTL or hop limit, even 1 and 0."""

    def runTest(self) -> None:
        for source, destination in by_family((RED_WEB1, RED_WEB2)):
            for ttl in (255, 2, 1, 0):
                with self.subTest(source=source.address, ttl=ttl):
                    frame = source.udp_to(destination, ttl=ttl)
                    self.forwards(1, frame, (2, delivered(destination, frame)))


class PaddingIsKept(LeafTest):
    """The padding of a short frame stays on it when the tag comes or goes."""

    def runTest(self) -> None:
        untagged = RED_WEB1.udp_to(RED_WEB2, length=1)
        for length in (60, 64, 100):
            with self.subTest(direction="tag added", length=length):
                sent = Ether(packets.padded(untagged, length))
                [frame] = self.forwards(1, sent, (2, delivered(RED_WEB2, sent)))
                self.assertEqual(length + 4, len(frame))
        tagged = RED_WEB2.udp_to(RED_WEB1, length=1)
        for length in (60, 64, 100):
            with self.subTest(direction="tag removed", length=length):
                sent = Ether(packets.padded(tagged, length))
                [frame] = self.forwards(2, sent, (1, delivered(RED_WEB1, sent)))
                self.assertEqual(length - 4, len(frame))


class UnknownDestinationIsDropped(LeafTest):
    """A unicast frame to a MAC that the subnet does not have is not flooded: unknown_destination."""

    def runTest(self) -> None:
        for source, target in ((RED_WEB1, "10.0.1.77"), (RED_WEB1.v6, "2001:db8:1::77")):
            layer = packets.udp(source.address, target)
            with self.subTest(target=target):
                self.drops_with("unknown_destination", 1, source.to("02:00:00:00:01:77", layer))
            with self.subTest("a MAC of the VPC's other subnet", target=target):
                self.drops_with("unknown_destination", 1, source.to(RED_DB1.mac, layer))


class BroadcastIsNotFlooded(LeafTest):
    """Broadcast and multicast frames that are no question for an address are dropped with broadcast."""

    def runTest(self) -> None:
        for source, mac, address in (
            (RED_WEB1, packets.BROADCAST, "255.255.255.255"),
            (RED_WEB1, "01:00:5e:00:00:fb", "224.0.0.251"),
            (RED_WEB1.v6, "33:33:00:00:00:fb", "ff02::fb"),
            (RED_WEB1.v6, "33:33:00:00:00:01", "ff02::1"),
        ):
            with self.subTest(mac=mac):
                self.drops_with("broadcast", 1, source.to(mac, packets.udp(source.address, address)))


class NeverBackToTheSamePort(LeafTest):
    """A frame to a MAC behind the attachment that it came from is not sent back, bridged or routed: same_port."""

    def runTest(self) -> None:
        second_mac = "02:00:00:00:01:21"
        self.install([entries.local_mac(RED_WEB.domain, second_mac, port=1, index=1, label=RED_WEB1.label)])
        layer = packets.udp(RED_WEB1.address, "10.0.1.21")
        self.drops_with("same_port", 1, RED_WEB1.to(second_mac, layer))
        with self.subTest("routed"):
            hop = entries.to_local_host(port=1, index=1, domain=RED_WEB.domain, mac=second_mac, label=RED_WEB1.label)
            self.install([entries.host(RED_WEB.vrf, "10.0.1.21", hop)])
            self.drops_with("same_port", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))


class OnlyIpAndArpAreCarried(LeafTest):
    """Frames that are neither IPv4, IPv6 nor ARP are dropped with ether_type."""

    def runTest(self) -> None:
        frames = {
            "0x88b5": Ether(src=RED_WEB1.mac, dst=RED_WEB2.mac, type=0x88B5) / packets.payload(60),
            "802.3 length": Ether(src=RED_WEB1.mac, dst=RED_WEB2.mac, type=46) / packets.payload(46),
        }
        for name, frame in frames.items():
            with self.subTest(name):
                self.drops_with("ether_type", 1, frame)
