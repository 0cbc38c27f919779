# SPDX-License-Identifier: Apache-2.0
"""Underlay routing: the spine's role, and the leaf's choice of an uplink."""

from collections import Counter

from scapy.layers.inet import IP, UDP
from scapy.packet import Packet, Raw

from ptf_tests import entries, packets
from ptf_tests.base import BURST, PipelineTest
from ptf_tests.leaf import ROUTER_MAC
from ptf_tests.p4info import Group, Member

_PORTS = (1, 2, 3, 4)
_SENDER = 8
_LEAF = "10.255.0.1"
_OTHER = "10.255.0.2"
_SELECTOR = "underlay_selector_v4"
_FLOWS = 1000


def _neighbor_mac(port: int) -> str:
    return f"02:fa:00:00:01:{port:02x}"


class _SpineTest(PipelineTest):
    """A switch that only routes: all its ports are fabric ports, and no VTEP is its own."""

    def setUp(self) -> None:
        super().setUp()
        for port in (*_PORTS, _SENDER):
            self.install(
                [
                    entries.fabric_port(port, ROUTER_MAC),
                    entries.neighbor(port, ROUTER_MAC, _neighbor_mac(port)),
                ]
            )

    def transit(self, layer: Packet) -> Packet:
        """A frame from the neighbour on the sending port."""
        return packets.frame(_neighbor_mac(_SENDER), ROUTER_MAC, layer)

    def through(self, port: int, frame: Packet) -> Packet:
        """The frame as it leaves by a port."""
        return packets.routed(frame, src_mac=ROUTER_MAC, dst_mac=_neighbor_mac(port))

    def flow(self, number: int) -> Packet:
        """VXLAN between two VTEPs, with an entropy port for each flow."""
        inner = packets.frame("02:00:00:00:00:01", "02:00:00:00:00:02", packets.udp("10.0.0.1", "10.0.0.2"))
        link = packets.Link(_neighbor_mac(_SENDER), ROUTER_MAC)
        return packets.vxlan(link, _OTHER, _LEAF, 5010, inner, sport=49152 + number * 13 % 16384)

    def paths(self, flows: int = _FLOWS) -> list[int]:
        """The port by which each flow leaves; every frame comes out exactly once, rewritten right."""
        result: list[int] = []
        for start in range(0, flows, BURST):
            frames = [self.flow(number) for number in range(start, min(flows, start + BURST))]
            for frame in frames:
                self.send(_SENDER, frame)
            by_source_port = {packets.source_port(raw): (port, raw) for port, raw in self.receive(len(frames))}
            for frame in frames:
                port, raw = by_source_port[frame[UDP].sport]
                self.assertEqual(bytes(self.through(port, frame)), raw)
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


class TransitIsRouted(_SpineTest):
    """An underlay packet leaves with the link's MACs, TTL less one and a right checksum, whatever it carries."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2), entries.underlay_route("10.255.0.0/24", 3)])
        layers = {
            "UDP": packets.udp(_OTHER, _LEAF),
            "TCP": packets.tcp(_OTHER, _LEAF),
            "ICMP": packets.icmp(_OTHER, _LEAF),
            "VXLAN": self.flow(1).payload,
            "last hop but one": packets.udp(_OTHER, _LEAF, ttl=2),
        }
        for name, layer in layers.items():
            with self.subTest(name):
                frame = self.transit(layer)
                self.forwards(_SENDER, frame, (2, self.through(2, frame)))
        with self.subTest("a shorter prefix"):
            frame = self.transit(packets.udp(_OTHER, "10.255.0.77"))
            self.forwards(_SENDER, frame, (3, self.through(3, frame)))


class TransitKeepsFragments(_SpineTest):
    """A fragment in transit is routed like any packet: only the VTEP refuses it."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        for flags, offset in (("MF", 0), (0, 5)):
            with self.subTest(flags=flags, offset=offset):
                layer = packets.udp(_OTHER, _LEAF)
                layer.flags, layer.frag = flags, offset
                frame = self.transit(layer)
                self.forwards(_SENDER, frame, (2, self.through(2, frame)))


class TransitIsNotLookedInto(_SpineTest):
    """What a transit packet to UDP port 4789 carries does not matter, be it cut short or no VXLAN at all."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        vxlan = bytes(self.flow(1)[UDP].payload)
        for length in (0, 5, 8, 21, 30, 60):
            with self.subTest(length=length):
                layer = IP(src=_OTHER, dst=_LEAF) / UDP(sport=49152, dport=packets.VXLAN_PORT) / Raw(vxlan[:length])
                frame = self.transit(layer)
                self.forwards(_SENDER, frame, (2, self.through(2, frame)))


class UnderlayTtlExpires(_SpineTest):
    """An underlay packet with TTL 1 or 0 is dropped with underlay_ttl."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        for ttl in (1, 0):
            with self.subTest(ttl=ttl):
                self.drops_with("underlay_ttl", _SENDER, self.transit(packets.udp(_OTHER, _LEAF, ttl=ttl)))


class UnderlayWithoutRoute(_SpineTest):
    """An underlay packet without a route is dropped with no_underlay_route."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        self.drops_with("no_underlay_route", _SENDER, self.transit(packets.udp(_OTHER, "10.255.0.77")))


class EqualPathsAreUsedEqually(_SpineTest):
    """Flows spread over all equal paths, and each flow keeps to one path."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", *_PORTS)])
        paths = self.paths()
        self.assert_spread(paths, _PORTS)
        self.assertEqual(paths, self.paths(), "a flow changed its path")


class PathsGivenAsAGroup(_SpineTest):
    """A group of members spreads flows as members given with the entry do; an emptied place gets no flow."""

    def runTest(self) -> None:
        self.install(Member(_SELECTOR, port, entries.next_hop(port)) for port in _PORTS)
        group = self.group(_PORTS)
        self.install([group])
        self.install([entries.underlay_route_to_group("10.255.0.1/32", 1)])
        before = self.paths()
        self.assert_spread(before, _PORTS)
        for gone in (4, 2):
            with self.subTest(gone=gone):
                left = tuple(port for port in _PORTS if port != gone)
                smaller = self.group(left)
                self.replace(group, smaller)
                after = self.paths()
                self.assertEqual(set(left), set(after), "a path is unused, or a removed one is still used")
                self.replace(smaller, group)
                self.assertEqual(before, self.paths(), "the flows are not back on their paths")

    @staticmethod
    def group(ports: tuple[int, ...]) -> Group:
        """The selector group over some ports."""
        return Group(_SELECTOR, 1, tuple((port, 1, None) for port in ports), max_size=len(_PORTS))


class WeightsShiftFlows(_SpineTest):
    """A member of weight 3 beside one of weight 1 gets three of four flows, within 20 %."""

    def runTest(self) -> None:
        self.install([Member(_SELECTOR, port, entries.next_hop(port)) for port in (1, 2)])
        self.install([Group(_SELECTOR, 1, ((1, 3, None), (2, 1, None)), max_size=4)])
        self.install([entries.underlay_route_to_group("10.255.0.1/32", 1)])
        counts = Counter(self.paths())
        self.assertEqual({1, 2}, set(counts))
        self.assertLessEqual(abs(counts[1] - 0.75 * _FLOWS), 0.2 * 0.75 * _FLOWS, f"{counts}")
