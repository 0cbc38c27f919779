# SPDX-License-Identifier: Apache-2.0
"""Hashing at tiers in a row: what a leaf sends by one uplink uses all paths of the spine behind it, and what that spine
sends by one path all paths of the super-spine."""

from collections import Counter, defaultdict
from ipaddress import ip_network
from itertools import product

from scapy.layers.inet import UDP

from ptf_tests import entries
from ptf_tests.base import BURST
from ptf_tests.leaf import NEIGHBOR_MACS, RED_WEB1, RED_WEB3, ROUTER_MAC, Host, by_family
from ptf_tests.p4info import Entry
from ptf_tests.spine import PATHS, neighbor_mac
from ptf_tests.tunnels import OVER_V4, OVER_V6, TunnelTest, with_source_port

_UPLINKS = (5, 6, 7, 8)
_INTO_SPINE = 8
_WIDTHS = (2, 3, 4)
_FLOWS_PER_PAIR = 100
_TOLERANCE = 0.3

_WIDTHS_OF_THREE_TIERS = (4, 3)
_CHI_SQUARE = {4: 16.27, 3: 13.82}
"""By the number of paths: what evenly spread flows stay below in 999 of 1,000 cases."""


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
        frame = source.udp_to(destination, length=1)
        frame[UDP].chksum = 0
        flow = bytes(frame)
        sent: dict[int, list[bytes]] = defaultdict(list)
        for start in range(0, count, BURST):
            numbers = range(start, min(count, start + BURST))
            self.send(1, *(with_source_port(flow, 1024 + number) for number in numbers))
            for port, raw in self.receive(len(numbers)):
                sent[port].append(raw)
        self.expect_silence()
        return sent

    def become_spine(self) -> None:
        """Takes all of the leaf away, and puts the far VTEP behind equal paths."""
        self.remove([item for item in reversed(self.installed) if isinstance(item, Entry) and not _is_account(item)])
        self.install(entries.neighbor(port, ROUTER_MAC, neighbor_mac(port)) for port in PATHS)
        self.install(self.spine_ports(tier=1))
        self.install([self.far_route(1)])

    def spine_ports(self, tier: int) -> list[Entry]:
        """The spine as a switch of this tier, for frames to each of the MACs that the leaf knows."""
        macs = (NEIGHBOR_MACS.get(port, neighbor_mac(port)) for port in _UPLINKS)
        return [entries.fabric_port(_INTO_SPINE, mac, tier=tier) for mac in macs]

    def far_route(self, width: int) -> Entry:
        """The way to the VTEP that the leaf sends to."""
        return entries.underlay_route(str(ip_network(self.underlay.vteps[2])), *PATHS[:width])

    def spine_paths(self, frames: list[bytes]) -> Counter[int]:
        """How many of the frames the spine sends by each path."""
        return Counter({port: len(sent) for port, sent in self.spine_sends(frames).items()})

    def spine_sends(self, frames: list[bytes]) -> dict[int, list[bytes]]:
        """What the spine makes of frames, by path."""
        sent: dict[int, list[bytes]] = defaultdict(list)
        for start in range(0, len(frames), BURST):
            burst = frames[start : start + BURST]
            self.send(_INTO_SPINE, *burst)
            for port, raw in self.receive(len(burst)):
                sent[port].append(raw)
        self.expect_silence()
        return sent

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


class _ThreeTiersTest(_TwoTiersTest):
    """The switch under test is a leaf, then a spine, then the super-spine behind that: one after the other."""

    def check_tiers(self) -> None:
        """What the leaf and the spine have put on one path spreads evenly at the super-spine."""
        hosts = tuple(by_family((RED_WEB1, RED_WEB3)))
        source, destination = hosts[0]
        for port in _UPLINKS:
            if port not in NEIGHBOR_MACS:
                self.install([entries.neighbor(port, ROUTER_MAC, neighbor_mac(port))])
        by_width = {width: self.leaf_sends(source, destination, width) for width in _WIDTHS_OF_THREE_TIERS}
        self.become_spine()
        for width, by_uplink in by_width.items():
            self.overwrite(self.far_route(width))
            for uplink, frames in by_uplink.items():
                self.check_spines(width, uplink, frames)

    def check_spines(self, width: int, uplink: int, frames: list[bytes]) -> None:
        """One uplink's flows at a spine, and behind it at a super-spine."""
        self.be_of_tier(1)
        by_path = self.spine_sends(frames)
        with self.subTest("spine", width=width, uplink=uplink):
            self.assert_spreads({path: len(sent) for path, sent in by_path.items()}, width)
        # The super-spine is reached over a link of its own: its MAC takes the place of the path's.
        arriving = {path: [_readdressed(raw) for raw in sent] for path, sent in by_path.items()}
        first, *_ = arriving
        with self.subTest("a second spine of the same tier adds nothing", width=width, uplink=uplink):
            self.assertEqual({first: len(arriving[first])}, dict(self.spine_paths(arriving[first])))
        for tier in (2, 3):
            self.be_of_tier(tier)
            for path, sent in arriving.items():
                with self.subTest("behind it", tier=tier, width=width, uplink=uplink, path=path):
                    self.assert_spreads(self.spine_paths(sent), width)
        with self.subTest("each flow keeps its path", width=width, uplink=uplink):
            once, again = (self.spine_sends(arriving[first]) for _ in range(2))
            self.assertEqual(*({port: Counter(raws) for port, raws in sent.items()} for sent in (once, again)))

    def be_of_tier(self, tier: int) -> None:
        """Makes the switch under test one of this tier."""
        for port in self.spine_ports(tier):
            self.overwrite(port)

    def assert_spreads(self, counts: dict[int, int], width: int) -> None:
        """So many paths are used, as evenly as by chance."""
        self.assertEqual(width, len(counts), f"paths used: {counts}")
        mean = sum(counts.values()) / width
        chi_square = sum((count - mean) ** 2 / mean for count in counts.values())
        self.assertLess(chi_square, _CHI_SQUARE[width], f"paths used: {counts}")


def _readdressed(raw: bytes) -> bytes:
    """A frame that leaves a spine, as it enters the next one."""
    return bytes.fromhex(NEIGHBOR_MACS[_UPLINKS[0]].replace(":", "")) + raw[6:]


class SuperSpinesSpreadWhatASpineSends(_ThreeTiersTest):
    """Flows that a leaf and a spine send one way spread over 3 or 4 paths of a super-spine, as evenly as by chance."""

    underlay = OVER_V4

    def runTest(self) -> None:
        self.check_tiers()


class Ipv6SuperSpinesSpreadWhatASpineSends(_ThreeTiersTest):
    """Over an IPv6 underlay the flows of one way spread over the paths of a super-spine as over IPv4."""

    underlay = OVER_V6

    def runTest(self) -> None:
        self.check_tiers()
