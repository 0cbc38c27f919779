# SPDX-License-Identifier: Apache-2.0
"""Accounts: what is counted per attachment, VNI and tunnel."""

from ptf_tests import entries, packets
from ptf_tests.base import DROP_REASONS, DROP_TABLES
from ptf_tests.leaf import (
    NEIGHBOR_MACS,
    RED_DB1,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    ROUTER_MAC,
    UPLINK,
    LeafTest,
    delivered,
    from_tunnel,
    out_of_tunnel,
)
from ptf_tests.p4info import Action, Entry, Match

UPLINK_NEIGHBOR = entries.neighbor(UPLINK[2], ROUTER_MAC, NEIGHBOR_MACS[UPLINK[2]])


class _CounterTest(LeafTest):
    def rises(self, table: str, key: tuple[Match, ...], packets: int, octets: int) -> None:
        """The counter of an entry stands at so many packets and bytes."""
        counted = self.counter(table, *key)
        self.assertEqual((packets, octets), (counted.packets, counted.octets), f"{table} {key}")


class AttachmentsCountWhatComesIn(_CounterTest):
    """access_ports counts packets and bytes of the frames that came in by the attachment, dropped ones included."""

    def runTest(self) -> None:
        first = RED_WEB1.udp_to(RED_WEB2)
        second = RED_WEB2.udp_to(RED_WEB1, length=500)
        for number in (1, 2, 3):
            self.forwards(1, first, (2, delivered(RED_WEB2, first)))
            self.rises("access_ports", (1, 0), number, number * len(first))
        self.forwards(2, second, (1, delivered(RED_WEB1, second)))
        self.rises("access_ports", (2, 100), 1, len(second))
        self.rises("access_ports", (2, 200), 0, 0)
        with self.subTest("a frame that is dropped later"):
            spoofed = RED_WEB2.udp_to(RED_DB1)
            self.drops_with("unknown_destination", 2, spoofed)
            self.rises("access_ports", (2, 100), 2, len(second) + len(spoofed))


class AttachmentsCountWhatGoesOut(_CounterTest):
    """egress_ports counts the packets that were delivered to the attachment, and not those that were dropped."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB2)
        for number in (1, 2):
            self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))
            self.assertEqual(number, self.counter("egress_ports", RED_WEB2.index).packets)
        self.assertEqual(0, self.counter("egress_ports", RED_WEB1.index).packets)


class VnisCountWhatIsDecapsulated(_CounterTest):
    """vni_map counts the frames that came in with its VNI, and no other's."""

    def runTest(self) -> None:
        inner = RED_WEB3.udp_to(RED_WEB1)
        frame = from_tunnel(2, RED_WEB.vni, inner)
        for number in (1, 2):
            self.forwards(5, frame, (1, inner))
            self.rises("vni_map", (RED_WEB.vni,), number, number * len(frame))
        self.assertEqual(0, self.counter("vni_map", 5020).packets)


class TunnelsCountWhatIsSent(_CounterTest):
    """tunnels counts the packets that were sent into the tunnel."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB3)
        for number in (1, 2):
            self.forwards(1, frame, out_of_tunnel(2, RED_WEB, frame))
            self.assertEqual(number, self.counter("tunnels", 2).packets)
        self.assertEqual(0, self.counter("tunnels", 3).packets)


class DropsCountBytes(_CounterTest):
    """A drop reason counts the bytes of the dropped frames beside the packets."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_DB1)
        self.drops_with("unknown_destination", 1, frame, frame)
        self.rises("drop_reasons", (10,), 2, 2 * len(frame))


class UncountedDropsAreDrops(LeafTest):
    """Without an entry for its reason a packet is dropped all the same, in ingress and in egress."""

    def runTest(self) -> None:
        passes = RED_WEB1.udp_to(RED_WEB2)
        for table, reason, missing, frame in (
            ("drop_reasons", "spoof", [], packets.frame(RED_WEB2.mac, RED_WEB1.mac, passes.payload)),
            ("egress_drop_reasons", "no_neighbor", [UPLINK_NEIGHBOR], RED_WEB1.udp_to(RED_WEB3)),
        ):
            with self.subTest(reason):
                self.remove(missing)
                self.drops_with(reason, 1, frame)
                self.remove([Entry(table, {"drop_reason": DROP_REASONS[reason]}, Action(DROP_TABLES[table]))])
                before = self.drops()
                self.send(1, frame)
                self.forwards(1, passes, (2, delivered(RED_WEB2, passes)))
                self.assertEqual(before, self.drops())
