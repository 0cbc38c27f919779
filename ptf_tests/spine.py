# SPDX-License-Identifier: Apache-2.0
"""A switch that only routes: all its ports are fabric ports, and no VTEP is its own."""

from collections import Counter
from ipaddress import ip_network

from scapy.packet import Packet

from ptf_tests import entries, packets, tunnels
from ptf_tests.base import BURST, PipelineTest
from ptf_tests.leaf import ROUTER_MAC
from ptf_tests.p4info import Entry

PATHS = (1, 2, 3, 4)
SENDER = 8
FLOWS = 1000
TIER = 1


def neighbor_mac(port: int) -> str:
    """The MAC address at the other end of a link."""
    return f"02:fa:00:00:01:{port:02x}"


def _entropy(flow: int) -> int:
    """The outer source port of a flow."""
    return 49152 + flow * 13 % 16384


class SpineTest(PipelineTest):
    """A test on a spine, with packets from a VTEP behind the sending port to one behind the equal paths."""

    source = "10.255.0.2"
    destination = "10.255.0.1"

    def setUp(self) -> None:
        super().setUp()
        for port in (*PATHS, SENDER):
            self.install(
                [
                    entries.fabric_port(port, ROUTER_MAC, tier=TIER),
                    entries.neighbor(port, ROUTER_MAC, neighbor_mac(port)),
                ]
            )

    def transit(self, layer: Packet) -> Packet:
        """A frame from the neighbour on the sending port."""
        return packets.frame(neighbor_mac(SENDER), ROUTER_MAC, layer)

    def through(self, port: int, frame: Packet) -> Packet:
        """The frame as it leaves by a port."""
        return packets.routed(frame, src_mac=ROUTER_MAC, dst_mac=neighbor_mac(port))

    def flow(self, number: int) -> Packet:
        """VXLAN between two VTEPs, with an entropy port for each flow."""
        inner = packets.frame("02:00:00:00:00:01", "02:00:00:00:00:02", packets.udp("10.0.0.1", "10.0.0.2"))
        way = tunnels.Way(packets.Link(neighbor_mac(SENDER), ROUTER_MAC), self.source, self.destination, 5010)
        return way.around(inner, sport=_entropy(number))

    def route(self, *ports: int) -> Entry:
        """The destination's VTEP behind these paths."""
        return entries.underlay_route(str(ip_network(self.destination)), *ports)

    def paths(self, flows: int = FLOWS) -> list[int]:
        """The port by which each flow leaves; every frame comes out exactly once, rewritten right."""
        result: list[int] = []
        frame = self.flow(0)
        sent, routed = bytes(frame), {port: bytes(self.through(port, frame)) for port in PATHS}
        for start in range(0, flows, BURST):
            source_ports = [_entropy(number) for number in range(start, min(flows, start + BURST))]
            self.send(SENDER, *(tunnels.with_source_port(sent, source_port) for source_port in source_ports))
            received = {tunnels.source_port(raw): (port, raw) for port, raw in self.receive(len(source_ports))}
            for source_port in source_ports:
                port, raw = received[source_port]
                self.assertEqual(tunnels.with_source_port(routed[port], source_port), raw)
                result.append(port)
        self.expect_silence()
        return result

    def assert_spread(self, paths: list[int], ports: tuple[int, ...]) -> None:
        """The flows use just these ports, none of them off the mean by more than 20 %."""
        mean = len(paths) / len(ports)
        counts = Counter(paths)
        self.assertEqual(set(ports), set(counts))
        for port, count in sorted(counts.items()):
            self.assertLessEqual(abs(count - mean), 0.2 * mean, f"port {port} has {count} of {len(paths)} flows")
