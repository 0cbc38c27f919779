# SPDX-License-Identifier: Apache-2.0
"""The UDP source port of the tunnel: entropy for the underlay's hashing (RFC 7348, section 5)."""

import struct
from collections import Counter

from scapy.layers.inet import UDP
from scapy.packet import Packet

from ptf_tests import entries, packets
from ptf_tests.base import BURST
from ptf_tests.leaf import RED_WEB1, RED_WEB3, LeafTest

_L4_OFFSET = 14 + 20


class _EntropyTest(LeafTest):
    def source_ports(self, layers: list[Packet]) -> list[int]:
        """The source port that each layer gets in the tunnel to leaf 2."""
        return self.source_ports_of([bytes(RED_WEB1.to(RED_WEB3, layer)) for layer in layers])

    def source_ports_of(self, frames: list[bytes]) -> list[int]:
        """The source port that each frame gets in the tunnel to leaf 2."""
        ports = []
        for start in range(0, len(frames), BURST):
            burst = frames[start : start + BURST]
            self.send(1, *burst)
            for frame, (_, raw) in zip(burst, self.receive(len(burst)), strict=True):
                self.assertEqual(frame, raw[packets.UNDERLAY_OVERHEAD :], "frames came out of order or changed")
                ports.append(packets.source_port(raw))
        self.expect_silence()
        for port in ports:
            self.assertIn(port, packets.ENTROPY_PORTS)
        return ports


def _layer(sport: int = 1000, dport: int = 2000, **options: int) -> Packet:
    return packets.udp(RED_WEB1.address, RED_WEB3.address, sport, dport, **options)


class SourcePortIsConstantPerFlow(_EntropyTest):
    """Packets of one flow have one source port, whatever their length, TTL, ID or payload."""

    def runTest(self) -> None:
        flow = [_layer(ttl=ttl, length=length) for ttl in (1, 64, 255) for length in (1, 100, 1400)]
        for number, layer in enumerate(flow):
            layer.id = number * 7919 & 0xFFFF
        self.assertEqual(1, len(set(self.source_ports(flow))))


class SourcePortDependsOnWholeFiveTuple(_EntropyTest):
    """A change of any one field of the inner 5-tuple changes the source port."""

    def runTest(self) -> None:
        base = (RED_WEB1.address, RED_WEB3.address, 1000, 2000)
        # The destination address may be any in a bridged frame; the source address must be the port's own, so
        # that field is varied by a second address that the port may use.
        second = "10.0.1.111"
        self.install([entries.guard(RED_WEB1.index, RED_WEB1.subnet.domain, RED_WEB1.mac, second)])
        variants = {
            "as it is": packets.udp(*base),
            "source address": packets.udp(second, *base[1:]),
            "destination address": packets.udp(base[0], "10.0.1.113", *base[2:]),
            "protocol": packets.tcp(*base),
            "source port": packets.udp(*base[:2], 1001, base[3]),
            "destination port": packets.udp(*base[:3], 2001),
        }
        ports = dict(zip(variants, self.source_ports(list(variants.values())), strict=True))
        for name, port in ports.items():
            if name != "as it is":
                with self.subTest(name):
                    self.assertNotEqual(ports["as it is"], port)


class SourcePortsSpread(_EntropyTest):
    """Over 10,000 flows, none of 16 equal buckets of source ports is off the mean by more than 20 %."""

    def runTest(self) -> None:
        layer = _layer()
        layer[UDP].chksum = 0
        template = bytes(RED_WEB1.to(RED_WEB3, layer))
        flows = [
            template[:_L4_OFFSET] + struct.pack("!HH", sport, dport) + template[_L4_OFFSET + 4 :]
            for sport in range(1024, 1124)
            for dport in range(8000, 8100)
        ]
        buckets = Counter(port >> 10 & 0xF for port in self.source_ports_of(flows))
        mean = len(flows) / 16
        self.assertEqual(16, len(buckets))
        for bucket, count in sorted(buckets.items()):
            self.assertLessEqual(abs(count - mean), 0.2 * mean, f"bucket {bucket}: {count}, mean {mean}")


class FlowsOfOtherProtocolsHaveOneSourcePort(_EntropyTest):
    """ICMP messages between two hosts stay on one source port, and another destination gets another one."""

    def runTest(self) -> None:
        echo = [packets.icmp(RED_WEB1.address, RED_WEB3.address, ttl=ttl) for ttl in (5, 64)]
        other = packets.icmp(RED_WEB1.address, "10.0.1.213")
        first, second, third = self.source_ports([*echo, other])
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)


class FragmentsKeepTogether(_EntropyTest):
    """All fragments of a datagram have one source port, so that they arrive in order by one path."""

    def runTest(self) -> None:
        first = _layer(4000, 5000)
        first.flags = "MF"
        later = packets.udp(RED_WEB1.address, RED_WEB3.address, 1, 2)
        later.frag = 7
        self.assertEqual(1, len(set(self.source_ports([first, later]))))
