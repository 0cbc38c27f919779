# SPDX-License-Identifier: Apache-2.0
"""Packets between the controller and the wire."""

from scapy.layers.l2 import Ether

from ptf_tests import entries, packets
from ptf_tests.base import WAIT_S, PipelineTest
from ptf_tests.leaf import NEIGHBOR_MACS, RED_WEB1, RED_WEB2, ROUTER_MAC, LeafTest, delivered

_LLDP_MAC = "01:80:c2:00:00:0e"
_LLDP_TYPE = 0x88CC
_REASON = 7


def _lldp(source: str) -> Ether:
    return Ether(src=source, dst=_LLDP_MAC, type=_LLDP_TYPE) / packets.payload(46)


class PacketOutLeavesAsItIs(PipelineTest):
    """A packet-out leaves by the port that it names, byte for byte, whatever it holds and with empty tables."""

    def runTest(self) -> None:
        frames = {
            "LLDP": _lldp(ROUTER_MAC),
            "ARP": packets.arp_request(ROUTER_MAC, "172.31.0.1", "172.31.0.0"),
            "tagged": RED_WEB2.udp_to(RED_WEB1),
            "VXLAN": packets.vxlan(
                packets.Link(ROUTER_MAC, NEIGHBOR_MACS[5]), "10.0.0.1", "10.0.0.2", 1, _lldp("02:00:00:00:00:01")
            ),
            "nothing known": Ether(src=ROUTER_MAC, dst=_LLDP_MAC, type=0x9999) / packets.payload(1000),
        }
        for name, frame in frames.items():
            for port in (1, 5, 8):
                with self.subTest(name, port=port):
                    before = self.drops()
                    self.client.packet_out(bytes(frame), egress_port=port)
                    self.expect((port, frame))
                    self.assertEqual(before, self.drops())


class LldpReachesTheController(LeafTest):
    """LLDP on a fabric port goes to the controller with ingress port and reason, and nowhere else."""

    def runTest(self) -> None:
        self.install([entries.trap(1, _LLDP_TYPE, _REASON)])
        self.install(entries.fabric_port(port, _LLDP_MAC) for port in (5, 6))
        for port in (5, 6):
            with self.subTest(port=port):
                frame = _lldp(NEIGHBOR_MACS[port])
                self.send(port, frame)
                packet = self.client.packet_in(WAIT_S)
                if packet is None:
                    self.fail(f"no packet-in came; drops now: {self.drops()}")
                self.assertEqual(bytes(frame), packet.payload)
                self.assertEqual((port, _REASON), (packet.metadata["ingress_port"], packet.metadata["reason"]))
                self.expect_silence()
        self.assertEqual(2, self.counter("traps", 1, _LLDP_TYPE).packets)


class TrapsKnowTheKindOfPort(LeafTest):
    """A trap for fabric ports is none for access ports, and the other way round."""

    def runTest(self) -> None:
        self.install([entries.trap(1, _LLDP_TYPE, _REASON)])
        self.drops_with("ether_type", 1, Ether(src=RED_WEB1.mac, dst=RED_WEB2.mac, type=_LLDP_TYPE) / packets.payload())
        self.install([entries.trap(0, 0x88B5, _REASON + 1)])
        frame = Ether(src=RED_WEB1.mac, dst=RED_WEB2.mac, type=0x88B5) / packets.payload(50)
        self.send(1, frame)
        packet = self.client.packet_in(WAIT_S)
        if packet is None:
            self.fail(f"no packet-in came; drops now: {self.drops()}")
        self.assertEqual((1, _REASON + 1), (packet.metadata["ingress_port"], packet.metadata["reason"]))
        self.assertEqual(bytes(frame), packet.payload)


class UntrappedFramesGoOn(LeafTest):
    """Without a trap, forwarded traffic causes no packet-in."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB2)
        self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
        self.assertIsNone(self.client.packet_in(0.05))
