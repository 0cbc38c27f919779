# SPDX-License-Identifier: Apache-2.0
"""Access classification: which attachment a frame belongs to."""

from scapy.layers.l2 import Dot1Q, Ether

from ptf_tests import packets
from ptf_tests.leaf import (
    NEIGHBOR_MACS,
    RED_DB1,
    RED_DB2,
    RED_WEB1,
    RED_WEB2,
    LeafTest,
    delivered,
)


class AttachmentIsChosenByPortAndVlan(LeafTest):
    """Two attachments on one switch port are told apart by VLAN, and an untagged one by its port alone."""

    def runTest(self) -> None:
        for source, destination in ((RED_WEB2, RED_WEB1), (RED_DB2, RED_DB1), (RED_WEB1, RED_WEB2)):
            with self.subTest(source=source.address, destination=destination.address):
                frame = source.udp_to(destination)
                self.forwards(source.port, frame, (destination.port, delivered(destination, frame)))


class UnknownVlanIsDropped(LeafTest):
    """A VLAN that has no attachment on the port, or no tag where one is needed, is dropped with unknown_port."""

    def runTest(self) -> None:
        layer = packets.udp(RED_WEB2.address, RED_WEB1.address)
        for port, vlan in ((2, None), (2, 300), (2, 4095), (1, 100), (7, None)):
            with self.subTest(port=port, vlan=vlan):
                frame = packets.frame(RED_WEB2.mac, RED_WEB1.mac, layer, vlan=vlan)
                self.drops_with("unknown_port", port, frame)


class PriorityTaggedFramesCountAsUntagged(LeafTest):
    """A tag with VLAN 0 carries only a priority (IEEE 802.1Q): the frame belongs to the untagged attachment."""

    def runTest(self) -> None:
        for priority in (0, 7):
            with self.subTest(priority=priority):
                untagged = RED_WEB1.udp_to(RED_WEB2)
                tag = Dot1Q(prio=priority, vlan=0)
                frame = Ether(src=untagged.src, dst=untagged.dst) / tag / untagged.payload
                self.forwards(1, frame, (2, delivered(RED_WEB2, untagged)))


class SecondTagIsNotLookedThrough(LeafTest):
    """A frame with two tags is no IPv4 to us: ether_type."""

    def runTest(self) -> None:
        inner = RED_WEB2.udp_to(RED_WEB1)
        frame = Ether(src=inner.src, dst=inner.dst) / Dot1Q(vlan=100) / Dot1Q(vlan=100) / inner.payload.payload
        self.drops_with("ether_type", 2, frame)


class FabricPortCarriesNoTenantFrames(LeafTest):
    """On a fabric port, a frame that is not addressed to the router is no tenant's frame: unknown_port."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB2)
        self.drops_with("unknown_port", 5, frame)
        self.drops_with("unknown_port", 6, packets.frame(NEIGHBOR_MACS[6], RED_WEB1.mac, frame.payload))
