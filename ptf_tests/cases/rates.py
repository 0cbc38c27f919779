# SPDX-License-Identifier: Apache-2.0
"""Meters (RFC 2698): what a port sends and gets, and what the controller is shown, within a rate.

Nothing here waits for tokens: a bucket is filled when it is configured, and a rate of one byte per second adds less in
a test than the half frame that each bucket has to spare.
"""

from ptf_tests import entries, packets
from ptf_tests.base import DROP_REASONS, WAIT_S, Expected, Frame
from ptf_tests.leaf import (
    RED_DB1,
    RED_DB2,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    Host,
    LeafTest,
    delivered,
    from_tunnel,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import MeterCell, MulticastGroup

INGRESS, EGRESS, PUNT = "port_ingress_meter", "port_egress_meter", "punt_meter"
TTL_REASON, TO_GATEWAY_REASON = DROP_REASONS["ttl"], DROP_REASONS["to_gateway"]
_SENT, _PASS = 10, 3
_HUGE = 1 << 30


def _room_for(frames: int, frame: Frame, meter: str, host: Host) -> MeterCell:
    """A cell whose buckets hold so many of these frames and a half, and fill with a byte per second."""
    octets = len(bytes(frame))
    burst = frames * octets + octets // 2
    return MeterCell(meter, host.index, rates=(1, 1), bursts=(burst, burst))


class _RatesTest(LeafTest):
    def some_pass(self, port: int, frame: Frame, expected: tuple[int, Expected], passed: int = _PASS) -> None:
        """Of ten frames the first ones come out as expected, and the others are dropped with rate."""
        before = self.drops()["rate"]
        self.send(port, *[frame] * _SENT)
        self.expect(*[expected] * passed)
        self.wait_for(lambda: self.drops()["rate"] - before >= _SENT - passed)
        self.assertEqual(_SENT - passed, self.drops()["rate"] - before)

    def all_pass(self, port: int, frame: Frame, expected: tuple[int, Expected]) -> None:
        """Ten frames come out as expected, and no drop is counted."""
        before = self.drops()
        self.send(port, *[frame] * _SENT)
        self.expect(*[expected] * _SENT)
        self.assertEqual(before, self.drops())


class PortsSendWithinTheirRate(_RatesTest):
    """Of what a port sends beyond its burst nothing passes, bridged, routed or into a tunnel: rate."""

    def runTest(self) -> None:
        bridged, routed, remote = RED_WEB1.udp_to(RED_WEB2), RED_WEB1.udp_by_gateway(RED_DB1), RED_WEB1.udp_to(RED_WEB3)
        for name, frame, expected in (
            ("bridged", bridged, (2, delivered(RED_WEB2, bridged))),
            ("routed", routed, (3, routed_to(RED_DB1, routed))),
            ("into a tunnel", remote, out_of_tunnel(2, RED_WEB, remote)),
        ):
            with self.subTest(name):
                self.limit(_room_for(_PASS, frame, INGRESS, RED_WEB1))
                self.some_pass(1, frame, expected)
                self.drops_with("rate", 1, frame)
        with self.subTest("IPv6"):
            frame = RED_WEB1.v6.udp_to(RED_WEB2.v6)
            self.limit(_room_for(_PASS, frame, INGRESS, RED_WEB1))
            self.some_pass(1, frame, (2, delivered(RED_WEB2, frame)))


class PortsReceiveWithinTheirRate(_RatesTest):
    """What a port gets, from whatever ports and tunnels, passes within its burst, and the rest is dropped with rate."""

    def runTest(self) -> None:
        bridged, routed = RED_WEB1.udp_to(RED_WEB2), RED_DB1.udp_by_gateway(RED_WEB2)
        for name, port, frame, expected in (
            ("bridged", 1, bridged, delivered(RED_WEB2, bridged)),
            ("routed", 3, routed, delivered(RED_WEB2, routed_to(RED_WEB2, routed))),
        ):
            with self.subTest(name):
                self.limit(_room_for(_PASS, frame, EGRESS, RED_WEB2))
                self.some_pass(port, frame, (2, expected))
        with self.subTest("from a tunnel, after others have used it up"):
            inner = RED_WEB3.udp_to(RED_WEB2)
            self.drops_with("rate", 5, from_tunnel(2, RED_WEB.vni, inner))
        with self.subTest("what it sends is not touched"):
            frame = RED_WEB2.udp_to(RED_WEB1)
            self.all_pass(2, frame, (1, delivered(RED_WEB1, frame)))


class OneRateTouchesNoOtherPort(_RatesTest):
    """When one attachment has used up its rate, others send and get as before, on the same switch port too."""

    def runTest(self) -> None:
        limited = RED_WEB2.udp_to(RED_WEB1)
        for meter in (INGRESS, EGRESS):
            self.limit(_room_for(0, limited, meter, RED_WEB2))
        self.drops_with("rate", 2, limited)
        self.drops_with("rate", 1, RED_WEB1.udp_to(RED_WEB2))
        for source, destination in ((RED_DB2, RED_DB1), (RED_DB1, RED_DB2)):
            with self.subTest(source=source.address):
                frame = source.udp_to(destination)
                self.all_pass(source.port, frame, (destination.port, delivered(destination, frame)))


class WithoutARateEverythingPasses(_RatesTest):
    """A cell that nobody has configured, or whose rates have been taken away, lets everything pass."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB2, length=1400)
        expected = (2, delivered(RED_WEB2, frame))
        self.all_pass(1, frame, expected)
        for meter, host in ((INGRESS, RED_WEB1), (EGRESS, RED_WEB2)):
            with self.subTest(meter):
                self.limit(_room_for(0, frame, meter, host))
                self.drops_with("rate", 1, frame)
                self.limit(MeterCell(meter, host.index))
                self.all_pass(1, frame, expected)


class HugeRatesLetEverythingPass(_RatesTest):
    """A rate that is beyond what is sent hinders nobody."""

    def runTest(self) -> None:
        for meter, host in ((INGRESS, RED_WEB1), (EGRESS, RED_WEB2)):
            self.limit(MeterCell(meter, host.index, rates=(_HUGE, _HUGE), bursts=(_HUGE, _HUGE)))
        frame = RED_WEB1.udp_to(RED_WEB2, length=1400)
        self.all_pass(1, frame, (2, delivered(RED_WEB2, frame)))


class YellowPasses(_RatesTest):
    """What is beyond the committed rate and within the peak rate passes."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB2)
        for meter, host in ((INGRESS, RED_WEB1), (EGRESS, RED_WEB2)):
            self.limit(MeterCell(meter, host.index, rates=(1, _HUGE), bursts=(1, _HUGE)))
        self.all_pass(1, frame, (2, delivered(RED_WEB2, frame)))


class RatesCountBytes(_RatesTest):
    """A frame that is longer than what is left in the bucket is dropped, and a shorter one after it passes."""

    def runTest(self) -> None:
        short, long = RED_WEB1.udp_to(RED_WEB2, length=100), RED_WEB1.udp_to(RED_WEB2, length=1000)
        for meter, host in ((INGRESS, RED_WEB1), (EGRESS, RED_WEB2)):
            with self.subTest(meter):
                self.limit(MeterCell(meter, host.index, rates=(1, 1), bursts=(500, 500)))
                self.drops_with("rate", 1, long)
                self.forwards(1, short, (2, delivered(RED_WEB2, short)))
                self.drops_with("rate", 1, long)
                self.limit(MeterCell(meter, host.index))


class WhatIsRefusedUsesNoRate(_RatesTest):
    """What the source guard drops uses up nothing of the port's rate, and is dropped with spoof beyond it too."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB2)
        forged = packets.frame(RED_DB1.mac, RED_WEB2.mac, packets.udp(RED_WEB1.address, RED_WEB2.address))
        self.limit(_room_for(_PASS, frame, INGRESS, RED_WEB1))
        self.drops_with("spoof", 1, *[forged] * _SENT)
        self.some_pass(1, frame, (2, delivered(RED_WEB2, frame)))
        self.drops_with("spoof", 1, forged)


class QueriesAreWithinTheRate(_RatesTest):
    """ARP requests, and packets to the gateway, beyond the port's rate are dropped with rate like all else."""

    def runTest(self) -> None:
        request = packets.arp_request(RED_WEB1.mac, RED_WEB1.address, RED_WEB.gateway)
        self.limit(_room_for(_PASS, request, INGRESS, RED_WEB1))
        self.some_pass(1, request, (1, packets.arp_reply(request, RED_WEB.gateway_mac)))
        echo = RED_WEB1.to(RED_WEB.gateway_mac, packets.icmp(RED_WEB1.address, RED_WEB.gateway))
        self.drops_with("rate", 1, echo)


class CopiesAreWithinTheirMembersRate(_RatesTest):
    """A member of a group that has used up its rate loses its copy, counted as rate, and the others get theirs."""

    def runTest(self) -> None:
        group = MulticastGroup(1, ((1, RED_WEB1.index), (2, RED_WEB2.index), (5, entries.FOREIGN_PORT_INDEX | 2)))
        self.install([group, entries.flood(RED_WEB.domain, 0, 1)])
        frame = RED_WEB1.to(packets.BROADCAST, packets.udp(RED_WEB1.address, "255.255.255.255"))
        remote = out_of_tunnel(2, RED_WEB, frame)
        self.forwards(1, frame, (2, delivered(RED_WEB2, frame)), remote)
        self.limit(_room_for(0, frame, EGRESS, RED_WEB2))
        before = self.drops()["rate"]
        self.send(1, frame)
        self.expect(remote)
        self.assertTrue(self.wait_for(lambda: self.drops()["rate"] == before + 1))
        self.limit(_room_for(0, frame, INGRESS, RED_WEB1))
        self.drops_with("rate", 1, frame)


class TunnelsHaveNoRate(_RatesTest):
    """What goes into a tunnel or comes out of one is not metered as a port's, whatever the cells of all indexes say."""

    def runTest(self) -> None:
        self.limit(
            *[MeterCell(meter, index, rates=(1, 1), bursts=(1, 1)) for meter in (INGRESS, EGRESS) for index in (0, 2)]
        )
        frame = RED_WEB1.udp_to(RED_WEB3)
        self.all_pass(1, frame, out_of_tunnel(2, RED_WEB, frame))
        inner = RED_WEB3.udp_to(RED_WEB1)
        self.all_pass(5, from_tunnel(2, RED_WEB.vni, inner), (1, inner))


class TheControllerIsShownSome(_RatesTest):
    """Beyond the green rate of its reason a drop is counted, but not shown to the controller; other reasons are."""

    def runTest(self) -> None:
        for reason in ("ttl", "to_gateway"):
            self.overwrite(entries.drop_reason(DROP_REASONS[reason], "punt_drop"))
        expired = RED_WEB1.udp_by_gateway(RED_DB1, ttl=1)
        echo = RED_WEB1.to(RED_WEB.gateway_mac, packets.icmp(RED_WEB1.address, RED_WEB.gateway))
        for green, peak in ((_PASS, _PASS), (_PASS, _SENT), (0, 0)):
            with self.subTest(green=green, peak=peak):
                self.limit(MeterCell(PUNT, TTL_REASON, rates=(0, 0), bursts=(green, peak)))
                self.drops_with("ttl", 1, *[expired] * _SENT)
                self.assertEqual([TTL_REASON] * green, self.reasons(green))
        self.drops_with("to_gateway", 1, *[echo] * _SENT)
        self.assertEqual([TO_GATEWAY_REASON] * _SENT, self.reasons(_SENT))

    def reasons(self, count: int) -> list[int]:
        """Why so many frames were shown to the controller, and whatever came after them."""
        shown = [self.client.packet_in(WAIT_S) for _ in range(count)]
        shown.append(self.client.packet_in(0.05))
        return [packet.metadata["reason"] for packet in shown if packet is not None]
