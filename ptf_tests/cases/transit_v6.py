# SPDX-License-Identifier: Apache-2.0
"""Underlay routing of IPv6 packets: the spine's role (RFC 8200)."""

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from ptf_tests import entries, packets
from ptf_tests.leaf import ROUTER_MAC
from ptf_tests.p4info import Group, Member
from ptf_tests.spine import PATHS, SENDER, SpineTest, neighbor_mac

_SELECTOR = "underlay_selector_v6"


class _SpineOverIpv6(SpineTest):
    source = "2001:db8:ff::2"
    destination = "2001:db8:ff::1"


class Ipv6TransitIsRouted(_SpineOverIpv6):
    """An IPv6 packet leaves with the link's MACs and hop limit less one, nothing else changed, whatever it carries."""

    def runTest(self) -> None:
        self.install([self.route(2)])
        ends = (self.source, self.destination)
        layers = {
            "UDP": packets.udp(*ends),
            "TCP": packets.tcp(*ends),
            "ICMPv6": packets.icmp(*ends),
            "VXLAN": self.flow(1).payload,
            "highest hop limit": packets.udp(*ends, ttl=255),
            "last hop but one": packets.udp(*ends, ttl=2),
            "extension header": packets.with_extension(packets.udp(*ends), 0),
            "first fragment": packets.fragment(packets.udp(*ends), offset=0),
            "later fragment": packets.fragment(packets.udp(*ends), offset=5),
            "no next header": packets.ip(*ends),
        }
        layers["no next header"].nh = 59
        for name, layer in layers.items():
            with self.subTest(name):
                frame = self.transit(layer)
                self.forwards(SENDER, frame, (2, self.through(2, frame)))
        with self.subTest("traffic class and flow label"):
            frame = self.transit(packets.udp(*ends))
            frame[IPv6].tc, frame[IPv6].fl = 0xBB, 0xFFFFF
            self.forwards(SENDER, frame, (2, self.through(2, frame)))


class LongestIpv6UnderlayPrefixWins(_SpineOverIpv6):
    """Of several underlay prefixes that cover the destination the longest decides, at any length, down to ::/0."""

    def runTest(self) -> None:
        prefixes = {
            "::/0": 1,
            "2001:db8::/32": 2,
            "2001:db8:ff::/64": 3,
            "2001:db8:ff::/127": 4,
            "2001:db8:ff::1/128": 1,
            "2001:db8:ff:1::/65": 2,
        }
        self.install(entries.underlay_route(prefix, port) for prefix, port in prefixes.items())
        for address, port in (
            ("2001:db8:ff::1", 1),
            ("2001:db8:ff::", 4),
            ("2001:db8:ff::2", 3),
            ("2001:db8:fe::1", 2),
            ("2001:db8:ff:1::1", 2),
            ("2001:db9::1", 1),
        ):
            with self.subTest(address=address):
                frame = self.transit(packets.udp(self.source, address))
                self.forwards(SENDER, frame, (port, self.through(port, frame)))


class Ipv6TransitIsNotLookedInto(_SpineOverIpv6):
    """What an IPv6 packet in transit to UDP port 4789 carries does not matter, be it cut short or no VXLAN at all."""

    def runTest(self) -> None:
        self.install([self.route(2)])
        vxlan = bytes(self.flow(1)[UDP].payload)
        for length in (0, 5, 8, 21, 30, 60):
            with self.subTest(length=length):
                layer = IPv6(src=self.source, dst=self.destination) / UDP(sport=49152, dport=packets.VXLAN_PORT)
                frame = self.transit(layer / Raw(vxlan[:length]))
                self.forwards(SENDER, frame, (2, self.through(2, frame)))


class UnderlayHopLimitExpires(_SpineOverIpv6):
    """An IPv6 packet in transit with hop limit 1 or 0 is dropped with underlay_ttl."""

    def runTest(self) -> None:
        self.install([self.route(2)])
        for hop_limit in (1, 0):
            with self.subTest(hop_limit=hop_limit):
                layer = packets.udp(self.source, self.destination, ttl=hop_limit)
                self.drops_with("underlay_ttl", SENDER, self.transit(layer))


class UnderlayV6WithoutRoute(_SpineOverIpv6):
    """An IPv6 packet in transit without a route is dropped with no_underlay_route, whatever IPv4 routes there are."""

    def runTest(self) -> None:
        self.install([self.route(2), entries.underlay_route("0.0.0.0/0", 1)])
        for address in ("2001:db8:ff::77", "2001:db8:ff::3", "::"):
            with self.subTest(address=address):
                layer = packets.udp(self.source, address)
                self.drops_with("no_underlay_route", SENDER, self.transit(layer))


class WrongIpv6TransitIsDropped(_SpineOverIpv6):
    """An IPv6 packet in transit of another version, or longer than its frame, is dropped with ip_header."""

    def runTest(self) -> None:
        self.install([self.route(2)])
        layer = packets.udp(self.source, self.destination)
        layer.version = 4
        self.drops_with("ip_header", SENDER, self.transit(layer))
        layer = packets.udp(self.source, self.destination)
        layer.plen = len(layer) - 40 + 1
        self.drops_with("ip_header", SENDER, self.transit(layer))


class EqualIpv6PathsAreUsedEqually(_SpineOverIpv6):
    """IPv6 flows spread over all equal paths, and each flow keeps to one path."""

    def runTest(self) -> None:
        self.install([self.route(*PATHS)])
        paths = self.paths()
        self.assert_spread(paths, PATHS)
        self.assertEqual(paths, self.paths(), "a flow changed its path")


class Ipv6PathsGivenAsAGroup(_SpineOverIpv6):
    """A group of members spreads IPv6 flows too; a removed path gets no flow, and its flows return with it."""

    def runTest(self) -> None:
        self.install(Member(_SELECTOR, port, entries.next_hop(port)) for port in PATHS)
        group = Group(_SELECTOR, 1, tuple((port, 1, None) for port in PATHS), max_size=len(PATHS))
        smaller = Group(_SELECTOR, 1, tuple((port, 1, None) for port in PATHS[:-1]), max_size=len(PATHS))
        self.install([group, entries.underlay_route_to_group(f"{self.destination}/128", 1)])
        before = self.paths()
        self.assert_spread(before, PATHS)
        self.replace(group, smaller)
        self.assertEqual(set(PATHS[:-1]), set(self.paths()), "a path is unused, or the removed one is still used")
        self.replace(smaller, group)
        self.assertEqual(before, self.paths(), "the flows are not back on their paths")


class BothFamiliesInTransit(_SpineOverIpv6):
    """IPv4 and IPv6 packets to one link are routed by their own tables, each to its own path."""

    def runTest(self) -> None:
        self.install([self.route(2), entries.underlay_route("10.255.0.1/32", 3)])
        for port, layer in (
            (2, packets.udp(self.source, self.destination)),
            (3, packets.udp("10.255.0.2", "10.255.0.1")),
        ):
            with self.subTest(port=port):
                frame = packets.frame(neighbor_mac(SENDER), ROUTER_MAC, layer)
                self.forwards(SENDER, frame, (port, self.through(port, frame)))
