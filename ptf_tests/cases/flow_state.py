# SPDX-License-Identifier: Apache-2.0
"""Stateful security groups: replies to what a rule allows pass, and nothing else does.

Records outlive a test, so each one uses ports and echo identifiers that it draws. Ageing is tested in memory, on a
clock that the test holds.
"""

import secrets

from scapy.layers.inet import IP, TCP, UDP, IPOption
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
    by_family,
    delivered,
    from_tunnel,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Entry, Ternary
from ptf_tests.packets import ICMP_PROTOCOL, ICMPV6_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL

SERVICE = 5432
UNSOLICITED = 2000
_PAIR = (RED_WEB1, RED_DB1)


def drawn_port() -> int:
    """A port, or an echo identifier, that no earlier test is likely to have used."""
    return 10000 + secrets.randbelow(50000)


def tcp(source: Host, target: Host, sport: int, dport: int) -> Packet:
    """A TCP segment between two hosts, sent to the gateway when they are in two subnets."""
    return from_host(source, target, packets.tcp(source.address, target.address, sport, dport))


def udp(source: Host, target: Host, sport: int, dport: int) -> Packet:
    """A UDP datagram, as `tcp`."""
    return from_host(source, target, packets.udp(source.address, target.address, sport, dport))


def icmp(source: Host, target: Host, kind: int, identifier: int, code: int = 0) -> Packet:
    """A message of the family's ICMP with an identifier, as `tcp`."""
    return from_host(source, target, packets.icmp(source.address, target.address, kind, code, identifier=identifier))


def _in_fragment(source: Host, target: Host, kind: int, identifier: int) -> Packet:
    message = packets.icmp(source.address, target.address, kind, identifier=identifier)
    return packets.fragment(message, offset=0)


def from_host(source: Host, target: Host, layer: Packet) -> Packet:
    """The layer as a host sends it: to the target, or to the gateway when that is in another subnet."""
    is_neighbour = source.subnet == target.subnet
    return source.to(target if is_neighbour else source.subnet.gateway_mac, layer)


class _FlowTest(LeafTest):
    """Web may open TCP to the database's service and send it echo requests and UDP; the database may open nothing."""

    policies: tuple[Entry, ...] = (
        policy("permit", src=WEB, dst=DB, protocol=TCP_PROTOCOL, ports=(SERVICE, SERVICE)),
        policy("permit", src=WEB, dst=DB, protocol=ICMP_PROTOCOL, ports=(8 << 8, 8 << 8 | 0xFF)),
        policy("permit", src=WEB, dst=DB, protocol=ICMPV6_PROTOCOL, ports=(128 << 8, 128 << 8 | 0xFF)),
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
        for web, database in by_family(_PAIR):
            for build, dport in ((tcp, SERVICE), (udp, 53)):
                with self.subTest(build.__name__, source=web.address):
                    sport = drawn_port()
                    reply = build(database, web, dport, sport)
                    self.is_denied(database, reply)
                    self.passes(web, database, build(web, database, sport, dport))
                    for _ in range(3):
                        self.passes(database, web, reply)
        key = (Ternary(WEB, 0xFFFF), Ternary(DB, 0xFFFF), Ternary(UDP_PROTOCOL, 0xFF), None, None)
        self.assertEqual(2, self.counter("policy", *key).packets)


class OnlyTheReverseOfTheFlowPasses(_FlowTest):
    """Other ports, another protocol and other hosts stay closed; so does a second flow that the replier opens."""

    def runTest(self) -> None:
        for web1, web2, db1, db2 in by_family((RED_WEB1, RED_WEB2, RED_DB1, RED_DB2)):
            sport = drawn_port()
            self.passes(web1, db1, tcp(web1, db1, sport, SERVICE))
            for name, source, frame in (
                ("source port", db1, tcp(db1, web1, SERVICE + 1, sport)),
                ("destination port", db1, tcp(db1, web1, SERVICE, sport ^ 1)),
                ("both ports, their difference kept", db1, tcp(db1, web1, SERVICE ^ 1, sport ^ 1)),
                ("ports exchanged", db1, tcp(db1, web1, sport, SERVICE)),
                ("protocol", db1, udp(db1, web1, SERVICE, sport)),
                ("another sender", db2, tcp(db2, web1, SERVICE, sport)),
                ("another receiver", db1, tcp(db1, web2, SERVICE, sport)),
            ):
                with self.subTest(name, source=source.address):
                    self.is_denied(source, frame)
            self.passes(db1, web1, tcp(db1, web1, SERVICE, sport))


class FamiliesKeepTheirOwnFlows(_FlowTest):
    """A flow over one family opens nothing over the other, though hosts and ports are the same."""

    def runTest(self) -> None:
        families = list(by_family(_PAIR))
        for (web, database), (other_web, other_database) in (families, reversed(families)):
            for build, dport in ((tcp, SERVICE), (udp, 53)):
                with self.subTest(build.__name__, source=web.address):
                    sport = drawn_port()
                    self.passes(web, database, build(web, database, sport, dport))
                    self.is_denied(other_database, build(other_database, other_web, dport, sport))
                    self.passes(database, web, build(database, web, dport, sport))
        identifier = drawn_port()
        with self.subTest("echo"):
            self.passes(*_PAIR, icmp(*_PAIR, 8, identifier))
            for kind in (0, 129):
                self.is_denied(RED_DB1, icmp(RED_DB1.v6, RED_WEB1.v6, kind, identifier))
        with self.subTest("ICMPv6 echo"):
            other = drawn_port()
            self.passes(*_PAIR, icmp(RED_WEB1.v6, RED_DB1.v6, 128, other))
            for kind in (0, 129):
                self.is_denied(RED_DB1, icmp(RED_DB1, RED_WEB1, kind, other))


class DeniedPacketsOpenNothing(_FlowTest):
    """What is denied leaves no record: a packet to a closed port gets no reply through, and two sides cannot help each
    other by sending at once."""

    def runTest(self) -> None:
        for web, database in by_family(_PAIR):
            sport = drawn_port()
            request, reply = tcp(web, database, sport, 22), tcp(database, web, 22, sport)
            for _ in range(2):
                with self.subTest(source=web.address):
                    self.is_denied(web, request)
                    self.is_denied(database, reply)


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
            ("the number of ICMPv6", icmp(RED_DB1, RED_WEB1, 129, identifier)),
        ):
            with self.subTest(name):
                self.is_denied(RED_DB1, frame)


class Icmpv6EchoReplyPassesByIdentifier(_FlowTest):
    """An ICMPv6 echo request lets replies with its identifier pass; no request, no other identifier or message."""

    def runTest(self) -> None:
        web, database = RED_WEB1.v6, RED_DB1.v6
        identifier = drawn_port()
        reply = icmp(database, web, 129, identifier)
        self.is_denied(database, reply)
        self.passes(web, database, icmp(web, database, 128, identifier))
        self.passes(database, web, reply)
        for name, frame in (
            ("identifier", icmp(database, web, 129, identifier ^ 1)),
            ("a request", icmp(database, web, 128, identifier)),
            ("code", icmp(database, web, 129, identifier, code=1)),
            ("unreachable", icmp(database, web, 1, identifier)),
            ("time exceeded", icmp(database, web, 3, identifier)),
            ("the number of ICMP", icmp(database, web, 0, identifier)),
            ("and in a fragment", from_host(database, web, _in_fragment(database, web, 0, identifier))),
        ):
            with self.subTest(name):
                self.is_denied(database, frame)
        with self.subTest("a first fragment is a reply"):
            self.passes(database, web, from_host(database, web, _in_fragment(database, web, 129, identifier)))


class OtherIcmpOpensNothing(_FlowTest):
    """Neither an echo reply nor another ICMP message that a rule allows lets anything pass the other way."""

    policies = tuple(
        policy("permit", src=WEB, dst=DB, protocol=protocol) for protocol in (ICMP_PROTOCOL, ICMPV6_PROTOCOL)
    )

    def runTest(self) -> None:
        identifier = drawn_port()
        for kind, answer in ((0, 8), (0, 0), (13, 14), (13, 0), (3, 0), (128, 129), (128, 0), (129, 128)):
            with self.subTest("ICMP", kind=kind, answer=answer):
                self.passes(RED_WEB1, RED_DB1, icmp(RED_WEB1, RED_DB1, kind, identifier))
                self.is_denied(RED_DB1, icmp(RED_DB1, RED_WEB1, answer, identifier))
        web, database = RED_WEB1.v6, RED_DB1.v6
        for kind, answer in ((129, 128), (129, 129), (1, 129), (135, 129), (139, 140), (8, 0), (8, 129)):
            with self.subTest("ICMPv6", kind=kind, answer=answer):
                self.passes(web, database, icmp(web, database, kind, identifier, code=int(kind == 135)))
                self.is_denied(database, icmp(database, web, answer, identifier))


class DeliveryFromATunnelRecords(_FlowTest):
    """A request that a trusted leaf has let in is recorded where it is delivered: the reply enters there."""

    def runTest(self) -> None:
        for web, database in by_family((RED_WEB3, RED_DB1)):
            with self.subTest(source=web.address):
                sport = drawn_port()
                reply = tcp(database, web, SERVICE, sport)
                self.is_denied(database, reply)
                request = routed_to(database, tcp(web, database, sport, SERVICE))
                outer = from_tunnel(2, database.subnet.vni, request)
                self.forwards(5, outer, (database.port, delivered(database, request)))
                self.forwards(database.port, reply, out_of_tunnel(2, RED_WEB, routed_to(web, reply)))
                self.is_denied(database, tcp(database, web, SERVICE, sport ^ 1))


class ForeignRepliesPass(_FlowTest):
    """A foreign workload may answer a local host at the leaf that sent it the request, and open nothing itself."""

    policies = (policy("permit", src=WEB, dst=FOREIGN),)

    def runTest(self) -> None:
        for foreign, web1, web2 in by_family((RED_FOREIGN, RED_WEB1, RED_WEB2)):
            sport = drawn_port()
            reply = udp(foreign, web1, 53, sport)
            self.drops_with("policy", 5, from_tunnel(9, RED_WEB.vni, reply))
            request = udp(web1, foreign, sport, 53)
            self.forwards(1, request, out_of_tunnel(9, RED_WEB, request))
            self.forwards(5, from_tunnel(9, RED_WEB.vni, reply), (1, reply))
            for other in (
                udp(foreign, web1, 53, sport ^ 1),
                udp(foreign, web2, 53, sport),
                tcp(foreign, web1, 53, sport),
            ):
                self.drops_with("policy", 5, from_tunnel(9, RED_WEB.vni, other))


class ForeignRequestsAreAnswered(_FlowTest):
    """A request from a foreign workload that a rule allows opens the way back into its tunnel."""

    policies = (policy("permit", src=FOREIGN, dst=WEB),)

    def runTest(self) -> None:
        for foreign, web in by_family((RED_FOREIGN, RED_WEB1)):
            with self.subTest(source=foreign.address):
                sport = drawn_port()
                reply = udp(web, foreign, 53, sport)
                self.is_denied(web, reply)
                request = udp(foreign, web, sport, 53)
                self.forwards(5, from_tunnel(9, RED_WEB.vni, request), (1, request))
                self.forwards(1, reply, out_of_tunnel(9, RED_WEB, reply))


class VpcsKeepTheirOwnFlows(_FlowTest):
    """A flow of one VPC opens nothing in another that uses the same addresses and ports."""

    def runTest(self) -> None:
        for web, database, blue_web, blue_database in by_family((*_PAIR, BLUE_WEB1, BLUE_DB1)):
            with self.subTest(source=web.address):
                sport = drawn_port()
                self.passes(web, database, tcp(web, database, sport, SERVICE))
                self.is_denied(blue_database, tcp(blue_database, blue_web, SERVICE, sport))
                self.passes(database, web, tcp(database, web, SERVICE, sport))


class WhatHasNoPortsNeedsARule(_FlowTest):
    """Later fragments and packets with IP options or extension headers neither pass as replies nor open anything."""

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
        self._check_ipv6(RED_WEB1.v6, RED_DB1.v6)

    def _check_ipv6(self, web: Host, database: Host) -> None:
        """The same with the extension headers of IPv6, which a rule for all protocols lets pass one way."""
        self.install([policy("permit", src=WEB, dst=DB)])
        sport, other = drawn_port(), drawn_port()
        self.passes(web, database, udp(web, database, sport, 53))
        reply = packets.udp(database.address, web.address, 53, sport)
        request = packets.udp(web.address, database.address, other, 53)
        for name, hidden_reply, hidden_request in (
            ("later fragment", packets.fragment(reply, offset=64), packets.fragment(request, offset=64)),
            ("hop-by-hop", packets.with_extension(reply, 0), packets.with_extension(request, 0)),
            ("destination options", packets.with_extension(reply, 60), packets.with_extension(request, 60)),
        ):
            with self.subTest(name):
                self.is_denied(database, from_host(database, web, hidden_reply))
                self.passes(web, database, from_host(web, database, hidden_request))
                self.is_denied(database, udp(database, web, 53, other))
        with self.subTest("a first fragment has ports"):
            self.passes(database, web, from_host(database, web, packets.fragment(reply, offset=0)))


class DenyIsFinal(_FlowTest):
    """An explicit deny stops replies of a flow on record too; without it they pass again."""

    def runTest(self) -> None:
        deny = policy("deny", src=DB, dst=WEB, protocol=TCP_PROTOCOL)
        for web, database in by_family(_PAIR):
            with self.subTest(source=web.address):
                sport = drawn_port()
                reply = tcp(database, web, SERVICE, sport)
                self.passes(web, database, tcp(web, database, sport, SERVICE))
                self.install([deny])
                self.is_denied(database, reply)
                self.remove([deny])
                self.passes(database, web, reply)


class UnsolicitedPacketsStayOut(_FlowTest):
    """Thousands of packets without a flow of their own are all dropped while a flow runs, and do it no harm."""

    def runTest(self) -> None:
        # No other test has flows of the ports from here on; records outlive tests.
        sport = 60000 + secrets.randbelow(65536 - 60000 - UNSOLICITED)
        request, reply = tcp(RED_WEB1, RED_DB1, sport, SERVICE), tcp(RED_DB1, RED_WEB1, SERVICE, sport)
        self.passes(RED_WEB1, RED_DB1, request)
        source, target = RED_DB1.address, RED_WEB1.address
        frames = []
        for number in range(1, UNSOLICITED + 1):
            guess = sport + number
            header = TCP(sport=SERVICE, dport=guess, flags="SA") if number % 2 else UDP(sport=SERVICE, dport=guess)
            frames.append(bytes(from_host(RED_DB1, RED_WEB1, IP(src=source, dst=target) / header)))
        for start in range(0, UNSOLICITED, 500):
            self.assertEqual({"policy": 500}, self.drops_all(RED_DB1.port, frames[start : start + 500]))
            self.passes(RED_DB1, RED_WEB1, reply)
