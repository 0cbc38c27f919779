# SPDX-License-Identifier: Apache-2.0
"""The UDP source port of the tunnel: entropy for the underlay's hashing (RFC 7348, section 5)."""

import struct
from collections import Counter

from scapy.layers.inet import UDP
from scapy.packet import Packet

from ptf_tests import entries, packets
from ptf_tests.base import BURST
from ptf_tests.leaf import (
    FOREIGN,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    Host,
    LeafTest,
    by_family,
    from_tunnel,
    out_of_tunnel,
)

_IPV4_L4_OFFSET, _IPV6_L4_OFFSET = 14 + 20, 14 + 40
_PAIR = (RED_WEB1, RED_WEB3)


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


def _layer(source: Host, target: Host, sport: int = 1000, dport: int = 2000, **options: int) -> Packet:
    return packets.udp(source.address, target.address, sport, dport, **options)


class SourcePortIsConstantPerFlow(_EntropyTest):
    """Packets of one flow have one source port, whatever their length, TTL, IPv4 ID, traffic class or flow label."""

    def runTest(self) -> None:
        for source, target in by_family(_PAIR):
            flow = [_layer(source, target, ttl=ttl, length=length) for ttl in (1, 64, 255) for length in (1, 100, 1400)]
            for number, layer in enumerate(flow):
                if packets.is_v6(source.address):
                    layer.fl, layer.tc = number * 7919, number << 2
                else:
                    layer.id, layer.tos = number * 7919 & 0xFFFF, number << 2
            with self.subTest(source=source.address):
                self.assertEqual(1, len(set(self.source_ports(flow))))


class SourcePortDependsOnWholeFiveTuple(_EntropyTest):
    """A change of any one field of the inner 5-tuple changes the source port."""

    def runTest(self) -> None:
        for source, target in by_family(_PAIR):
            base = (source.address, target.address, 1000, 2000)
            # The destination address may be any in a bridged frame; the source address must be the port's own, so
            # that field is varied by a second address that the port may use. IPv6: in either half of it.
            is_v6 = packets.is_v6(source.address)
            seconds = ("2001:db8:1::111", "2001:db8:111::11") if is_v6 else ("10.0.1.111",)
            others = ("2001:db8:1::113", "2001:db8:113::13") if is_v6 else ("10.0.1.113",)
            domain = source.subnet.domain
            self.install(entries.guard(source.index, domain, source.mac, second) for second in seconds)
            variants = {
                "as it is": packets.udp(*base),
                **{f"source address {second}": packets.udp(second, *base[1:]) for second in seconds},
                **{f"destination address {other}": packets.udp(base[0], other, *base[2:]) for other in others},
                "protocol": packets.tcp(*base),
                "source port": packets.udp(*base[:2], 1001, base[3]),
                "destination port": packets.udp(*base[:3], 2001),
            }
            ports = dict(zip(variants, self.source_ports(list(variants.values())), strict=True))
            for name, port in ports.items():
                if name != "as it is":
                    with self.subTest(name, source=source.address):
                        self.assertNotEqual(ports["as it is"], port)


class _SpreadTest(_EntropyTest):
    def check_spread(self, source: Host, target: Host) -> None:
        """10,000 flows between two hosts fill 16 buckets of source ports equally."""
        layer = _layer(source, target)
        layer[UDP].chksum = 0
        template = bytes(source.to(target, layer))
        offset = _IPV6_L4_OFFSET if packets.is_v6(source.address) else _IPV4_L4_OFFSET
        flows = [
            template[:offset] + struct.pack("!HH", sport, dport) + template[offset + 4 :]
            for sport in range(1024, 1124)
            for dport in range(8000, 8100)
        ]
        buckets = Counter(port >> 10 & 0xF for port in self.source_ports_of(flows))
        mean = len(flows) / 16
        self.assertEqual(16, len(buckets))
        for bucket, count in sorted(buckets.items()):
            self.assertLessEqual(abs(count - mean), 0.2 * mean, f"bucket {bucket}: {count}, mean {mean}")


class SourcePortsSpread(_SpreadTest):
    """Over 10,000 flows, none of 16 equal buckets of source ports is off the mean by more than 20 %."""

    def runTest(self) -> None:
        self.check_spread(RED_WEB1, RED_WEB3)


class SourcePortsSpreadForIpv6(_SpreadTest):
    """Over 10,000 IPv6 flows, none of 16 equal buckets of source ports is off the mean by more than 20 %."""

    def runTest(self) -> None:
        self.check_spread(RED_WEB1.v6, RED_WEB3.v6)


class FlowsOfOtherProtocolsHaveOneSourcePort(_EntropyTest):
    """ICMP messages between two hosts stay on one source port, and another destination gets another one."""

    def runTest(self) -> None:
        for source, target in by_family(_PAIR):
            with self.subTest(source=source.address):
                echo = [packets.icmp(source.address, target.address, ttl=ttl) for ttl in (5, 64)]
                elsewhere = "2001:db8:1::213" if packets.is_v6(source.address) else "10.0.1.213"
                first, second, third = self.source_ports([*echo, packets.icmp(source.address, elsewhere)])
                self.assertEqual(first, second)
                self.assertNotEqual(first, third)


class FragmentsKeepTogether(_EntropyTest):
    """All fragments of a datagram have one source port, so that they arrive in order by one path."""

    def runTest(self) -> None:
        for source, target in by_family(_PAIR):
            with self.subTest(source=source.address):
                first = packets.fragment(_layer(source, target, 4000, 5000), offset=0)
                middle = packets.fragment(_layer(source, target, 3, 4), offset=7)
                last = packets.fragment(_layer(source, target, 1, 2), offset=14, is_last=True)
                self.assertEqual(1, len(set(self.source_ports([first, middle, last]))))


class NonIpFramesHashTheirMacs(LeafTest):
    """ARP replies to a foreign VTEP: one source port for a pair of MACs, in range, and another one for another pair."""

    def runTest(self) -> None:
        domain = RED_FOREIGN.subnet.domain
        seen: dict[tuple[str, str], set[int]] = {}
        for number in range(8):
            mac = f"02:00:00:00:03:{number:02x}"
            self.install([entries.guard(RED_FOREIGN.guard_index(), domain, mac, RED_FOREIGN.address, FOREIGN)])
            for to_mac in (packets.BROADCAST, RED_WEB1.mac, RED_WEB2.mac):
                for asked in (RED_WEB1, RED_WEB2):
                    request = packets.arp_request(mac, RED_FOREIGN.address, asked.address)
                    request.dst = to_mac
                    reply = packets.arp_reply(request, asked.mac)
                    [raw] = self.forwards(5, from_tunnel(9, RED_WEB.vni, request), out_of_tunnel(9, RED_WEB, reply))
                    seen.setdefault((mac, to_mac), set()).add(packets.source_port(raw))
        for pair, ports in seen.items():
            with self.subTest(pair=pair):
                [port] = ports
                self.assertIn(port, packets.ENTROPY_PORTS)
        self.assertEqual(len(seen), len(set.union(*seen.values())), "two pairs of MACs share a source port")
