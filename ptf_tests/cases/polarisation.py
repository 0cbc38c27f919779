# SPDX-License-Identifier: Apache-2.0
"""Hashing at two tiers in a row: what a leaf sends by one uplink uses all paths of the spine behind it."""

from collections import Counter, defaultdict
from ipaddress import ip_network
from itertools import product

from ptf_tests import entries
from ptf_tests.base import BURST
from ptf_tests.leaf import NEIGHBOR_MACS, RED_WEB1, RED_WEB3, ROUTER_MAC, Host, by_family
from ptf_tests.p4info import Entry
from ptf_tests.spine import PATHS, neighbor_mac
from ptf_tests.tunnels import OVER_V4, OVER_V6, TunnelTest

_UPLINKS = (5, 6, 7, 8)
_INTO_SPINE = 8
_WIDTHS = (2, 3, 4)
_FLOWS_PER_PAIR = 100
_TOLERANCE = 0.3


class _TwoTiersTest(TunnelTest):
    """The switch under test is the leaf first, and then the spine that the leaf's frames reach."""

    def check_paths(self) -> None:
        """Flows of every number of paths spread at both tiers."""
        for port in _UPLINKS:
            if port not in NEIGHBOR_MACS:
                self.install([entries.neighbor(port, ROUTER_MAC, neighbor_mac(port))])
        hosts = tuple(by_family((RED_WEB1, RED_WEB3)))
        sent = {
            (width, source.address): self.leaf_sends(source, destination, width)
            for width, (source, destination) in product(_WIDTHS, hosts)
        }
        self.become_spine()
        for (width, source), by_uplink in sent.items():
            self.overwrite(self.far_route(width))
            with self.subTest("leaf", width=width, source=source):
                self.assert_even({uplink: len(frames) for uplink, frames in by_uplink.items()}, width)
            for uplink, frames in by_uplink.items():
                with self.subTest("spine", width=width, source=source, uplink=uplink):
                    self.assert_even(self.spine_paths(frames), width)

    def leaf_sends(self, source: Host, destination: Host, width: int) -> dict[int, list[bytes]]:
        """What the leaf makes of many flows, by uplink."""
        self.overwrite(entries.tunnel_next_hop(2, *_UPLINKS[:width]))
        count = _FLOWS_PER_PAIR * width**2
        sent: dict[int, list[bytes]] = defaultdict(list)
        for start in range(0, count, BURST):
            numbers = range(start, min(count, start + BURST))
            self.send(1, *[source.udp_to(destination, sport=1024 + number, length=1) for number in numbers])
            for port, raw in self.receive(len(numbers)):
                sent[port].append(raw)
        self.expect_silence()
        return sent

    def become_spine(self) -> None:
        """Takes all of the leaf away, and puts the far VTEP behind equal paths."""
        self.remove([item for item in reversed(self.installed) if isinstance(item, Entry) and not _is_account(item)])
        self.install(entries.neighbor(port, ROUTER_MAC, neighbor_mac(port)) for port in PATHS)
        macs = (NEIGHBOR_MACS.get(port, neighbor_mac(port)) for port in _UPLINKS)
        self.install(entries.fabric_port(_INTO_SPINE, mac) for mac in macs)
        self.install([self.far_route(1)])

    def far_route(self, width: int) -> Entry:
        """The way to the VTEP that the leaf sends to."""
        return entries.underlay_route(str(ip_network(self.underlay.vteps[2])), *PATHS[:width])

    def spine_paths(self, frames: list[bytes]) -> Counter[int]:
        """How many of the frames the spine sends by each path."""
        counts: Counter[int] = Counter()
        for start in range(0, len(frames), BURST):
            burst = frames[start : start + BURST]
            self.send(_INTO_SPINE, *burst)
            counts.update(port for port, _ in self.receive(len(burst)))
        self.expect_silence()
        return counts

    def assert_even(self, counts: dict[int, int], width: int) -> None:
        """So many paths are used, and none is off the mean by more than 30 %."""
        self.assertEqual(width, len(counts), f"paths used: {counts}")
        mean = sum(counts.values()) / width
        for path, count in counts.items():
            self.assertLessEqual(abs(count - mean), _TOLERANCE * mean, f"path {path}: {counts}")


def _is_account(entry: Entry) -> bool:
    return entry.table.endswith("drop_reasons")


class SpinesSpreadWhatALeafSends(_TwoTiersTest):
    """The flows of each uplink of a leaf spread over 2, 3 or 4 paths of the spine, none off the mean by over 30 %."""

    underlay = OVER_V4

    def runTest(self) -> None:
        self.check_paths()


class Ipv6SpinesSpreadWhatALeafSends(_TwoTiersTest):
    """Over an IPv6 underlay the flows of each uplink spread over the paths of the spine as over IPv4."""

    underlay = OVER_V6

    def runTest(self) -> None:
        self.check_paths()
