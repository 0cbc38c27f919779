# SPDX-License-Identifier: Apache-2.0
"""Stateful security groups: replies to what a rule allows pass, and nothing else does.

Records outlive a test, so each one uses ports and echo identifiers that it draws. Ageing is tested in memory, on a
clock that the test holds.
"""

import secrets

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.packet import Packet

from ptf_tests import packets
from ptf_tests.entries import policy
from ptf_tests.leaf import (
    BLUE_DB1,
    BLUE_WEB1,
    DB,
    FOREIGN,
    RED_DB1,
    RED_DB2,
    RED_FOREIGN,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    WEB,
    Host,
    LeafTest,
    delivered,
    from_tunnel,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Entry, Ternary

ICMP_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL = 1, 6, 17
SERVICE = 5432
UNSOLICITED = 2000


def drawn_port() -> int:
    """A port, or an echo identifier, that no earlier test is likely to have used."""
    return 10000 + secrets.randbelow(50000)


def tcp(source: Host, target: Host, sport: int, dport: int) -> Packet:
    """A TCP segment between two hosts, sent to the gateway when they are in two subnets."""
    return _from(source, target, packets.tcp(source.address, target.address, sport, dport))


def udp(source: Host, target: Host, sport: int, dport: int) -> Packet:
    """A UDP datagram, as `tcp`."""
    return _from(source, target, packets.udp(source.address, target.address, sport, dport))


def icmp(source: Host, target: Host, kind: int, identifier: int, code: int = 0) -> Packet:
    """An ICMP message with an identifier, as `tcp`."""
    layer = IP(src=source.address, dst=target.address, id=7) / ICMP(type=kind, code=code, id=identifier, seq=1)
    return _from(source, target, layer / packets.payload())


def _from(source: Host, target: Host, layer: Packet) -> Packet:
    is_neighbour = source.subnet == target.subnet
    return source.to(target if is_neighbour else source.subnet.gateway_mac, layer)


class _FlowTest(LeafTest):
    """Web may open TCP to the database's service and send it echo requests and UDP; the database may open nothing."""

    policies: tuple[Entry, ...] = (
        policy("permit", src=WEB, dst=DB, protocol=TCP_PROTOCOL, ports=(SERVICE, SERVICE)),
        policy("permit", src=WEB, dst=DB, protocol=ICMP_PROTOCOL, ports=(8 << 8, 8 << 8 | 0xFF)),
        policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL),
    )

    def passes(self, source: Host, target: Host, frame: Packet) -> None:
        """The frame goes from one local host to the other."""
        if source.subnet != target.subnet:
            self.forwards(source.port, frame, (target.port, delivered(target, routed_to(target, frame))))
        else:
            self.forwards(source.port, frame, (target.port, delivered(target, frame)))

    def is_denied(self, source: Host, frame: Packet) -> None:
        """The frame from a local host is dropped with policy."""
        self.drops_with("policy", source.port, frame)


class ReplyPassesAfterRequest(_FlowTest):
    """A reply without a rule is dropped before the request has passed, and passes afterwards, uncounted by policy."""

    def runTest(self) -> None:
        for name, build, dport in (("tcp", tcp, SERVICE), ("udp", udp, 53)):
            with self.subTest(name):
                sport = drawn_port()
                reply = build(RED_DB1, RED_WEB1, dport, sport)
                self.is_denied(RED_DB1, reply)
                self.passes(RED_WEB1, RED_DB1, build(RED_WEB1, RED_DB1, sport, dport))
                for _ in range(3):
                    self.passes(RED_DB1, RED_WEB1, reply)
        key = (Ternary(WEB, 0xFFFF), Ternary(DB, 0xFFFF), Ternary(UDP_PROTOCOL, 0xFF), None, None)
        self.assertEqual(1, self.counter("policy", *key).packets)


class OnlyTheReverseOfTheFlowPasses(_FlowTest):
    """Other ports, another protocol and other hosts stay closed; so does a second flow that the replier opens."""

    def runTest(self) -> None:
        sport = drawn_port()
        self.passes(RED_WEB1, RED_DB1, tcp(RED_WEB1, RED_DB1, sport, SERVICE))
        for name, source, frame in (
            ("source port", RED_DB1, tcp(RED_DB1, RED_WEB1, SERVICE + 1, sport)),
            ("destination port", RED_DB1, tcp(RED_DB1, RED_WEB1, SERVICE, sport ^ 1)),
            ("both ports, their difference kept", RED_DB1, tcp(RED_DB1, RED_WEB1, SERVICE ^ 1, sport ^ 1)),
            ("ports exchanged", RED_DB1, tcp(RED_DB1, RED_WEB1, sport, SERVICE)),
            ("protocol", RED_DB1, udp(RED_DB1, RED_WEB1, SERVICE, sport)),
            ("another sender", RED_DB2, tcp(RED_DB2, RED_WEB1, SERVICE, sport)),
            ("another receiver", RED_DB1, tcp(RED_DB1, RED_WEB2, SERVICE, sport)),
        ):
            with self.subTest(name):
                self.is_denied(source, frame)
        self.passes(RED_DB1, RED_WEB1, tcp(RED_DB1, RED_WEB1, SERVICE, sport))


class DeniedPacketsOpenNothing(_FlowTest):
    """What is denied leaves no record: a packet to a closed port gets no reply through, and two sides cannot help each
    other by sending at once."""

    def runTest(self) -> None:
        sport = drawn_port()
        request, reply = tcp(RED_WEB1, RED_DB1, sport, 22), tcp(RED_DB1, RED_WEB1, 22, sport)
        for _ in range(2):
            self.is_denied(RED_WEB1, request)
            self.is_denied(RED_DB1, reply)


class EchoReplyPassesByIdentifier(_FlowTest):
    """An echo request lets replies with its identifier pass; no request, no other identifier, no other message."""

    def runTest(self) -> None:
        identifier = drawn_port()
        reply = icmp(RED_DB1, RED_WEB1, 0, identifier)
        self.is_denied(RED_DB1, reply)
        self.passes(RED_WEB1, RED_DB1, icmp(RED_WEB1, RED_DB1, 8, identifier))
        self.passes(RED_DB1, RED_WEB1, reply)
        for name, frame in (
            ("identifier", icmp(RED_DB1, RED_WEB1, 0, identifier ^ 1)),
            ("a request", icmp(RED_DB1, RED_WEB1, 8, identifier)),
            ("code", icmp(RED_DB1, RED_WEB1, 0, identifier, code=1)),
            ("unreachable", icmp(RED_DB1, RED_WEB1, 3, identifier)),
            ("timestamp reply", icmp(RED_DB1, RED_WEB1, 14, identifier)),
        ):
            with self.subTest(name):
                self.is_denied(RED_DB1, frame)


class OtherIcmpOpensNothing(_FlowTest):
    """Neither an echo reply nor another ICMP message that a rule allows lets anything pass the other way."""

    policies = (policy("permit", src=WEB, dst=DB, protocol=ICMP_PROTOCOL),)

    def runTest(self) -> None:
        identifier = drawn_port()
        for kind, answer in ((0, 8), (0, 0), (13, 14), (13, 0), (3, 0)):
            with self.subTest(kind=kind, answer=answer):
                self.passes(RED_WEB1, RED_DB1, icmp(RED_WEB1, RED_DB1, kind, identifier))
                self.is_denied(RED_DB1, icmp(RED_DB1, RED_WEB1, answer, identifier))


class DeliveryFromATunnelRecords(_FlowTest):
    """A request that a trusted leaf has let in is recorded where it is delivered: the reply enters there."""

    def runTest(self) -> None:
        sport = drawn_port()
        reply = tcp(RED_DB1, RED_WEB3, SERVICE, sport)
        self.is_denied(RED_DB1, reply)
        request = routed_to(RED_DB1, tcp(RED_WEB3, RED_DB1, sport, SERVICE))
        self.forwards(5, from_tunnel(2, RED_DB1.subnet.vni, request), (RED_DB1.port, delivered(RED_DB1, request)))
        self.forwards(RED_DB1.port, reply, out_of_tunnel(2, RED_WEB, routed_to(RED_WEB3, reply)))
        self.is_denied(RED_DB1, tcp(RED_DB1, RED_WEB3, SERVICE, sport ^ 1))


class ForeignRepliesPass(_FlowTest):
    """A foreign workload may answer a local host at the leaf that sent it the request, and open nothing itself."""

    policies = (policy("permit", src=WEB, dst=FOREIGN),)

    def runTest(self) -> None:
        sport = drawn_port()
        reply = udp(RED_FOREIGN, RED_WEB1, 53, sport)
        self.drops_with("policy", 5, from_tunnel(9, RED_WEB.vni, reply))
        request = udp(RED_WEB1, RED_FOREIGN, sport, 53)
        self.forwards(1, request, out_of_tunnel(9, RED_WEB, request))
        self.forwards(5, from_tunnel(9, RED_WEB.vni, reply), (1, reply))
        for other in (
            udp(RED_FOREIGN, RED_WEB1, 53, sport ^ 1),
            udp(RED_FOREIGN, RED_WEB2, 53, sport),
            tcp(RED_FOREIGN, RED_WEB1, 53, sport),
        ):
            self.drops_with("policy", 5, from_tunnel(9, RED_WEB.vni, other))


class ForeignRequestsAreAnswered(_FlowTest):
    """A request from a foreign workload that a rule allows opens the way back into its tunnel."""

    policies = (policy("permit", src=FOREIGN, dst=WEB),)

    def runTest(self) -> None:
        sport = drawn_port()
        reply = udp(RED_WEB1, RED_FOREIGN, 53, sport)
        self.is_denied(RED_WEB1, reply)
        request = udp(RED_FOREIGN, RED_WEB1, sport, 53)
        self.forwards(5, from_tunnel(9, RED_WEB.vni, request), (1, request))
        self.forwards(1, reply, out_of_tunnel(9, RED_WEB, reply))


class VpcsKeepTheirOwnFlows(_FlowTest):
    """A flow of one VPC opens nothing in another that uses the same addresses and ports."""

    def runTest(self) -> None:
        sport = drawn_port()
        self.passes(RED_WEB1, RED_DB1, tcp(RED_WEB1, RED_DB1, sport, SERVICE))
        self.is_denied(BLUE_DB1, tcp(BLUE_DB1, BLUE_WEB1, SERVICE, sport))
        self.passes(RED_DB1, RED_WEB1, tcp(RED_DB1, RED_WEB1, SERVICE, sport))


class WhatHasNoPortsNeedsARule(_FlowTest):
    """Later fragments and packets with IPv4 options neither pass as replies nor open anything."""

    def runTest(self) -> None:
        sport = drawn_port()
        self.passes(RED_WEB1, RED_DB1, udp(RED_WEB1, RED_DB1, sport, 53))
        reply = udp(RED_DB1, RED_WEB1, 53, sport)
        fragment, optioned = reply.copy(), reply.copy()
        fragment[IP].frag = 64
        optioned[IP].options = [IPOption(b"\x01")] * 4
        self.is_denied(RED_DB1, fragment)
        self.is_denied(RED_DB1, optioned)
        self.passes(RED_DB1, RED_WEB1, reply)
        other = drawn_port()
        request = udp(RED_WEB1, RED_DB1, other, 53)
        request[IP].frag = 64
        self.passes(RED_WEB1, RED_DB1, request)
        self.is_denied(RED_DB1, udp(RED_DB1, RED_WEB1, 53, other))
        self.is_denied(RED_DB1, udp(RED_DB1, RED_WEB1, 0, 0))


class DenyIsFinal(_FlowTest):
    """An explicit deny stops replies of a flow on record too; without it they pass again."""

    def runTest(self) -> None:
        sport = drawn_port()
        reply = tcp(RED_DB1, RED_WEB1, SERVICE, sport)
        self.passes(RED_WEB1, RED_DB1, tcp(RED_WEB1, RED_DB1, sport, SERVICE))
        deny = policy("deny", src=DB, dst=WEB, protocol=TCP_PROTOCOL)
        self.install([deny])
        self.is_denied(RED_DB1, reply)
        self.remove([deny])
        self.passes(RED_DB1, RED_WEB1, reply)


class UnsolicitedPacketsStayOut(_FlowTest):
    """Thousands of packets without a flow of their own are all dropped while a flow runs, and do it no harm."""

    def runTest(self) -> None:
        sport = drawn_port()
        request, reply = tcp(RED_WEB1, RED_DB1, sport, SERVICE), tcp(RED_DB1, RED_WEB1, SERVICE, sport)
        self.passes(RED_WEB1, RED_DB1, request)
        source, target = RED_DB1.address, RED_WEB1.address
        frames = []
        for number in range(1, UNSOLICITED + 1):
            guess = (sport + number) % 65536
            header = TCP(sport=SERVICE, dport=guess, flags="SA") if number % 2 else UDP(sport=SERVICE, dport=guess)
            frames.append(bytes(_from(RED_DB1, RED_WEB1, IP(src=source, dst=target) / header)))
        for start in range(0, UNSOLICITED, 500):
            self.assertEqual({"policy": 500}, self.drops_all(RED_DB1.port, frames[start : start + 500]))
            self.passes(RED_DB1, RED_WEB1, reply)
