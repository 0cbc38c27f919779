# SPDX-License-Identifier: Apache-2.0
"""Underlay routing: the spine's role, and the leaf's choice of an uplink."""

from collections import Counter

from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from ptf_tests import entries, packets
from ptf_tests.p4info import Group, Member
from ptf_tests.spine import FLOWS, PATHS, SENDER, SpineTest

_SELECTOR = "underlay_selector_v4"


class TransitIsRouted(SpineTest):
    """An underlay packet leaves with the link's MACs, TTL less one and a right checksum, whatever it carries."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2), entries.underlay_route("10.255.0.0/24", 3)])
        layers = {
            "UDP": packets.udp(self.source, self.destination),
            "TCP": packets.tcp(self.source, self.destination),
            "ICMP": packets.icmp(self.source, self.destination),
            "VXLAN": self.flow(1).payload,
            "last hop but one": packets.udp(self.source, self.destination, ttl=2),
        }
        for name, layer in layers.items():
            with self.subTest(name):
                frame = self.transit(layer)
                self.forwards(SENDER, frame, (2, self.through(2, frame)))
        with self.subTest("a shorter prefix"):
            frame = self.transit(packets.udp(self.source, "10.255.0.77"))
            self.forwards(SENDER, frame, (3, self.through(3, frame)))


class TransitKeepsFragments(SpineTest):
    """A fragment in transit is routed like any packet: only the VTEP refuses it."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        for flags, offset in (("MF", 0), (0, 5)):
            with self.subTest(flags=flags, offset=offset):
                layer = packets.udp(self.source, self.destination)
                layer.flags, layer.frag = flags, offset
                frame = self.transit(layer)
                self.forwards(SENDER, frame, (2, self.through(2, frame)))


class TransitIsNotLookedInto(SpineTest):
    """What a transit packet to UDP port 4789 carries does not matter, be it cut short or no VXLAN at all."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        vxlan = bytes(self.flow(1)[UDP].payload)
        for length in (0, 5, 8, 21, 30, 60):
            with self.subTest(length=length):
                layer = IP(src=self.source, dst=self.destination) / UDP(sport=49152, dport=packets.VXLAN_PORT)
                frame = self.transit(layer / Raw(vxlan[:length]))
                self.forwards(SENDER, frame, (2, self.through(2, frame)))


class UnderlayTtlExpires(SpineTest):
    """An underlay packet with TTL 1 or 0 is dropped with underlay_ttl."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        for ttl in (1, 0):
            with self.subTest(ttl=ttl):
                self.drops_with(
                    "underlay_ttl", SENDER, self.transit(packets.udp(self.source, self.destination, ttl=ttl))
                )


class UnderlayWithoutRoute(SpineTest):
    """An underlay packet without a route is dropped with no_underlay_route."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", 2)])
        self.drops_with("no_underlay_route", SENDER, self.transit(packets.udp(self.source, "10.255.0.77")))


class EqualPathsAreUsedEqually(SpineTest):
    """Flows spread over all equal paths, and each flow keeps to one path."""

    def runTest(self) -> None:
        self.install([entries.underlay_route("10.255.0.1/32", *PATHS)])
        paths = self.paths()
        self.assert_spread(paths, PATHS)
        self.assertEqual(paths, self.paths(), "a flow changed its path")


class PathsGivenAsAGroup(SpineTest):
    """A group of members spreads flows as members given with the entry do; an emptied place gets no flow."""

    def runTest(self) -> None:
        self.install(Member(_SELECTOR, port, entries.next_hop(port)) for port in PATHS)
        group = self.group(PATHS)
        self.install([group])
        self.install([entries.underlay_route_to_group("10.255.0.1/32", 1)])
        before = self.paths()
        self.assert_spread(before, PATHS)
        for gone in (4, 2):
            with self.subTest(gone=gone):
                left = tuple(port for port in PATHS if port != gone)
                smaller = self.group(left)
                self.replace(group, smaller)
                after = self.paths()
                self.assertEqual(set(left), set(after), "a path is unused, or a removed one is still used")
                self.replace(smaller, group)
                self.assertEqual(before, self.paths(), "the flows are not back on their paths")

    @staticmethod
    def group(ports: tuple[int, ...]) -> Group:
        """The selector group over some ports."""
        return Group(_SELECTOR, 1, tuple((port, 1, None) for port in ports), max_size=len(PATHS))


class WeightsShiftFlows(SpineTest):
    """A member of weight 3 beside one of weight 1 gets three of four flows, within 20 %."""

    def runTest(self) -> None:
        self.install([Member(_SELECTOR, port, entries.next_hop(port)) for port in (1, 2)])
        self.install([Group(_SELECTOR, 1, ((1, 3, None), (2, 1, None)), max_size=4)])
        self.install([entries.underlay_route_to_group("10.255.0.1/32", 1)])
        counts = Counter(self.paths())
        self.assertEqual({1, 2}, set(counts))
        self.assertLessEqual(abs(counts[1] - 0.75 * FLOWS), 0.2 * 0.75 * FLOWS, f"{counts}")
