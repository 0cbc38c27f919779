# SPDX-License-Identifier: Apache-2.0
"""Security groups, compiled to labels: default deny, and what a rule opens."""

from scapy.layers.inet import IP, UDP, IPOption
from scapy.packet import Packet

from ptf_tests import packets
from ptf_tests.entries import policy
from ptf_tests.leaf import (
    DB,
    RED_DB1,
    RED_DB3,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    WEB,
    LeafTest,
    delivered,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Ternary

ICMP_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL = 1, 6, 17


class _PolicyTest(LeafTest):
    """Starts without any rule; traffic is web1 to db1, through the gateway of one leaf."""

    policies = ()

    def passes(self, layer: Packet) -> None:
        """The layer reaches db1."""
        frame = RED_WEB1.to(RED_WEB.gateway_mac, layer)
        self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))

    def is_denied(self, layer: Packet) -> None:
        """The layer is dropped with policy."""
        self.drops_with("policy", 1, RED_WEB1.to(RED_WEB.gateway_mac, layer))


def _udp(dport: int) -> Packet:
    return packets.udp(RED_WEB1.address, RED_DB1.address, dport=dport)


def _tcp(dport: int) -> Packet:
    return packets.tcp(RED_WEB1.address, RED_DB1.address, dport=dport)


def _icmp(kind: int, code: int = 0) -> Packet:
    return packets.icmp(RED_WEB1.address, RED_DB1.address, kind, code)


class DefaultIsDeny(_PolicyTest):
    """Without a rule nothing passes: not on one switch, not in one subnet, not into a tunnel (policy)."""

    def runTest(self) -> None:
        frames = {
            "same switch, same subnet": RED_WEB1.udp_to(RED_WEB2),
            "same switch, routed": RED_WEB1.udp_by_gateway(RED_DB1),
            "remote, same subnet": RED_WEB1.udp_to(RED_WEB3),
            "remote, routed": RED_WEB1.udp_by_gateway(RED_DB3),
        }
        for name, frame in frames.items():
            with self.subTest(name):
                self.drops_with("policy", 1, frame)


class RulesGoOneWay(_PolicyTest):
    """A rule from one label to another opens that direction for every pair of hosts with them, and no other."""

    def runTest(self) -> None:
        self.install([policy("permit", src=WEB, dst=DB)])
        frame = RED_WEB1.udp_by_gateway(RED_DB1)
        self.forwards(1, frame, (3, routed_to(RED_DB1, frame)))
        frame = RED_WEB1.udp_by_gateway(RED_DB3)
        self.forwards(1, frame, out_of_tunnel(3, RED_DB3.subnet, routed_to(RED_DB3, frame)))
        with self.subTest("the other way"):
            self.drops_with("policy", 3, RED_DB1.udp_by_gateway(RED_WEB1))
        with self.subTest("inside one label"):
            self.drops_with("policy", 1, RED_WEB1.udp_to(RED_WEB2))


class SameLabelNeedsARule(_PolicyTest):
    """Two hosts with the same label on one switch and subnet talk only after a rule from the label to itself."""

    def runTest(self) -> None:
        frame = RED_WEB1.udp_to(RED_WEB2)
        self.drops_with("policy", 1, frame)
        self.install([policy("permit", src=WEB, dst=WEB)])
        self.forwards(1, frame, (2, delivered(RED_WEB2, frame)))


class ProtocolRuleOpensItsProtocol(_PolicyTest):
    """A rule for one protocol opens no other."""

    def runTest(self) -> None:
        layers = {
            TCP_PROTOCOL: _tcp(80),
            UDP_PROTOCOL: _udp(80),
            ICMP_PROTOCOL: _icmp(8),
            47: IP(src=RED_WEB1.address, dst=RED_DB1.address, proto=47) / packets.payload(),
        }
        for opened in layers:
            rule = policy("permit", src=WEB, dst=DB, protocol=opened)
            self.install([rule])
            for protocol, layer in layers.items():
                with self.subTest(rule=opened, packet=protocol):
                    if protocol == opened:
                        self.passes(layer)
                    else:
                        self.is_denied(layer)
            self.remove([rule])


class PortRangeHasBothEnds(_PolicyTest):
    """A destination port range opens both ends and what is between; one beside is denied."""

    def runTest(self) -> None:
        for protocol, build in ((TCP_PROTOCOL, _tcp), (UDP_PROTOCOL, _udp)):
            rule = policy("permit", src=WEB, dst=DB, protocol=protocol, ports=(8000, 8099))
            self.install([rule])
            for port, is_open in ((7999, False), (8000, True), (8050, True), (8099, True), (8100, False), (0, False)):
                with self.subTest(protocol=protocol, port=port):
                    (self.passes if is_open else self.is_denied)(build(port))
            self.remove([rule])


class SourcePortIsNoDestinationPort(_PolicyTest):
    """Only the destination port counts: a packet from an open port is denied."""

    def runTest(self) -> None:
        self.install([policy("permit", src=WEB, dst=DB, protocol=TCP_PROTOCOL, ports=(80, 80))])
        self.is_denied(packets.tcp(RED_WEB1.address, RED_DB1.address, sport=80, dport=81))
        self.passes(_tcp(80))


class IcmpTypeAndCode(_PolicyTest):
    """An ICMP rule opens a type with all its codes, or one type with one code."""

    def runTest(self) -> None:
        echo = policy("permit", src=WEB, dst=DB, protocol=ICMP_PROTOCOL, ports=(8 << 8, 8 << 8 | 0xFF))
        self.install([echo])
        for kind, code, is_open in ((8, 0, True), (8, 5, True), (0, 0, False), (3, 4, False), (9, 0, False)):
            with self.subTest("one type", type=kind, code=code):
                (self.passes if is_open else self.is_denied)(_icmp(kind, code))
        self.remove([echo])
        self.install([policy("permit", src=WEB, dst=DB, protocol=ICMP_PROTOCOL, ports=(3 << 8 | 4, 3 << 8 | 4))])
        for kind, code, is_open in ((3, 4, True), (3, 3, False), (8, 0, False)):
            with self.subTest("one code", type=kind, code=code):
                (self.passes if is_open else self.is_denied)(_icmp(kind, code))


class HigherPriorityDecides(_PolicyTest):
    """Of several rules that match, the one with the highest priority decides, deny or permit."""

    def runTest(self) -> None:
        permit = policy("permit", src=WEB, dst=DB, priority=10)
        deny = policy("deny", protocol=TCP_PROTOCOL, ports=(22, 22), priority=20)
        exception = policy("permit", src=WEB, dst=DB, protocol=TCP_PROTOCOL, ports=(22, 22), priority=30)
        self.install([permit, deny])
        self.passes(_tcp(80))
        self.is_denied(_tcp(22))
        self.install([exception])
        self.passes(_tcp(22))
        self.remove([exception])
        self.is_denied(_tcp(22))
        self.remove([deny])
        self.passes(_tcp(22))


class RulesCount(_PolicyTest):
    """Each rule counts the packets and bytes that it has decided, and no others."""

    def runTest(self) -> None:
        permit = policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL, priority=10)
        deny = policy("deny", src=WEB, dst=DB, protocol=TCP_PROTOCOL, priority=20)
        self.install([permit, deny])
        keys = {
            name: (Ternary(WEB, 0xFFFF), Ternary(DB, 0xFFFF), Ternary(protocol, 0xFF), None, None)
            for name, protocol in (("permit", UDP_PROTOCOL), ("deny", TCP_PROTOCOL))
        }
        frame = RED_WEB1.to(RED_WEB.gateway_mac, _udp(53))
        for number in range(1, 4):
            self.passes(_udp(53))
            counted = self.counter("policy", *keys["permit"])
            self.assertEqual((number, number * len(frame)), (counted.packets, counted.octets))
        self.assertEqual(0, self.counter("policy", *keys["deny"]).packets)
        self.is_denied(_tcp(53))
        self.assertEqual((3, 1), tuple(self.counter("policy", *keys[rule]).packets for rule in ("permit", "deny")))


class LaterFragmentsMatchOnlyWholeRanges(_PolicyTest):
    """A later fragment has no ports: a rule with a range denies it, a rule over all ports lets it through."""

    def runTest(self) -> None:
        # The first octets of the fragment look like a UDP header to the open port.
        lookalike = UDP(sport=1, dport=80) / packets.payload()
        fragment = IP(src=RED_WEB1.address, dst=RED_DB1.address, proto=17, frag=64, id=9) / lookalike
        narrow = policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL, ports=(80, 80))
        self.install([narrow])
        self.passes(_udp(80))
        self.is_denied(fragment)
        with self.subTest("the first fragment has ports"):
            first = _udp(80)
            first[IP].flags = "MF"
            self.passes(first)
        self.remove([narrow])
        self.install([policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL)])
        self.passes(fragment)


class WhatHasNoPortsMatchesNoRange(_PolicyTest):
    """Later fragments and packets with IPv4 options have no ports for us: no range opens them, not even one from 0."""

    def runTest(self) -> None:
        options = [IPOption(b"\x01")] * 4
        request, segment = _icmp(8), _tcp(80)
        request.options = segment.options = options
        hidden = {
            ICMP_PROTOCOL: (request, _icmp(8)),
            TCP_PROTOCOL: (segment, _tcp(80)),
            UDP_PROTOCOL: (_udp(80), _udp(80)),
        }
        hidden[ICMP_PROTOCOL][1].frag = hidden[TCP_PROTOCOL][1].frag = 9
        hidden[UDP_PROTOCOL][0].options, hidden[UDP_PROTOCOL][1].frag = options, 9
        for protocol, layers in hidden.items():
            narrow = policy("permit", src=WEB, dst=DB, protocol=protocol, ports=(0, 255))
            self.install([narrow])
            for layer in layers:
                with self.subTest("range from 0", protocol=protocol, fragment=layer.frag):
                    self.is_denied(layer)
            self.remove([narrow])
            whole = policy("permit", src=WEB, dst=DB, protocol=protocol)
            self.install([whole])
            for layer in layers:
                with self.subTest("all ports", protocol=protocol, fragment=layer.frag):
                    self.passes(layer)
            self.remove([whole])


class TunnelPortIsNoProtocolOfItsOwn(_PolicyTest):
    """Policy sees TCP, UDP and ICMP headers as they are: port 4789 is a port like any other."""

    def runTest(self) -> None:
        self.install([policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL, ports=(4789, 4789))])
        self.passes(_udp(4789))
        self.is_denied(_udp(4790))


class RemovedRuleCloses(_PolicyTest):
    """What a rule has opened is closed again with its removal."""

    def runTest(self) -> None:
        rule = policy("permit", src=WEB, dst=DB)
        for _ in range(2):
            self.install([rule])
            self.passes(_tcp(80))
            self.remove([rule])
            self.is_denied(_tcp(80))
