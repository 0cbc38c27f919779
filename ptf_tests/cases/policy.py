# SPDX-License-Identifier: Apache-2.0
"""Security groups, compiled to labels: default deny, and what a rule opens."""

from scapy.layers.inet import IP, IPOption
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from ptf_tests import discovery, packets
from ptf_tests.entries import policy
from ptf_tests.leaf import (
    DB,
    RED_DB1,
    RED_DB2,
    RED_DB3,
    RED_WEB,
    RED_WEB1,
    RED_WEB2,
    RED_WEB3,
    WEB,
    Host,
    LeafTest,
    by_family,
    delivered,
    out_of_tunnel,
    routed_to,
)
from ptf_tests.p4info import Ternary
from ptf_tests.packets import ICMP_PROTOCOL, ICMPV6_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL

_PAIR = (RED_WEB1, RED_DB1)


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


def _udp(dport: int, source: Host = RED_WEB1, target: Host = RED_DB1) -> Packet:
    return packets.udp(source.address, target.address, dport=dport)


def _tcp(dport: int, source: Host = RED_WEB1, target: Host = RED_DB1) -> Packet:
    return packets.tcp(source.address, target.address, dport=dport)


def _icmp(kind: int, code: int = 0) -> Packet:
    return packets.icmp(RED_WEB1.address, RED_DB1.address, kind, code)


def _icmp_v6(kind: int, code: int = 0) -> Packet:
    return packets.icmp(RED_WEB1.v6.address, RED_DB1.v6.address, kind, code)


class DefaultIsDeny(_PolicyTest):
    """Without a rule nothing passes: not on one switch, not in one subnet, not into a tunnel (policy)."""

    def runTest(self) -> None:
        for web1, web2, db1, web3, db3 in by_family((RED_WEB1, RED_WEB2, RED_DB1, RED_WEB3, RED_DB3)):
            frames = {
                "same switch, same subnet": web1.udp_to(web2),
                "same switch, routed": web1.udp_by_gateway(db1),
                "remote, same subnet": web1.udp_to(web3),
                "remote, routed": web1.udp_by_gateway(db3),
            }
            for name, frame in frames.items():
                with self.subTest(name, source=web1.address):
                    self.drops_with("policy", 1, frame)
        with self.subTest("link-local"):
            layer = packets.udp(RED_WEB1.link_local, RED_WEB2.link_local)
            self.drops_with("policy", 1, RED_WEB1.to(RED_WEB2, layer))


class QuestionsForAddressesNeedNoRule(_PolicyTest):
    """ARP and neighbour discovery are answered without any rule, for neighbours and for the gateway."""

    def runTest(self) -> None:
        for host, target, mac in (
            (RED_WEB1, RED_WEB2.address, RED_WEB2.mac),
            (RED_WEB1, RED_WEB.gateway, RED_WEB.gateway_mac),
        ):
            with self.subTest(target=target):
                request = packets.arp_request(host.mac, host.address, target)
                self.forwards(1, request, (1, packets.arp_reply(request, mac)))
        for target, mac, is_router in (
            (RED_WEB2.v6.address, RED_WEB2.mac, False),
            (RED_WEB2.link_local, RED_WEB2.mac, False),
            (RED_WEB.gateway_v6, RED_WEB.gateway_mac, True),
        ):
            with self.subTest(target=target):
                request = discovery.solicitation(RED_WEB1.mac, RED_WEB1.v6.address, target)
                self.forwards(1, request, (1, discovery.advertisement(request, mac, is_router=is_router)))


class RulesGoOneWay(_PolicyTest):
    """A rule from one label to another opens that direction for every pair of hosts with them, and no other."""

    def runTest(self) -> None:
        self.install([policy("permit", src=WEB, dst=DB)])
        for web1, web2, db1, db2, db3 in by_family((RED_WEB1, RED_WEB2, RED_DB1, RED_DB2, RED_DB3)):
            with self.subTest("to the label", source=web1.address):
                frame = web1.udp_by_gateway(db1)
                self.forwards(1, frame, (3, routed_to(db1, frame)))
                frame = web1.udp_by_gateway(db3)
                self.forwards(1, frame, out_of_tunnel(3, db3.subnet, routed_to(db3, frame)))
            with self.subTest("the other way", source=db2.address):
                self.drops_with("policy", 2, db2.udp_by_gateway(web2))
            with self.subTest("inside one label", source=web1.address):
                self.drops_with("policy", 1, web1.udp_to(web2))


class SameLabelNeedsARule(_PolicyTest):
    """Two hosts with the same label on one switch and subnet talk only after a rule from the label to itself."""

    def runTest(self) -> None:
        rule = policy("permit", src=WEB, dst=WEB)
        for source, target in by_family((RED_WEB1, RED_WEB2)):
            with self.subTest(source=source.address):
                frame = source.udp_to(target)
                self.drops_with("policy", 1, frame)
                self.install([rule])
                self.forwards(1, frame, (2, delivered(target, frame)))
                self.remove([rule])


class ProtocolRuleOpensItsProtocol(_PolicyTest):
    """A rule for one protocol opens it in both families, and no other; ICMP and ICMPv6 are two protocols."""

    def runTest(self) -> None:
        source, target = RED_WEB1.v6, RED_DB1.v6
        layers = [
            (TCP_PROTOCOL, _tcp(80)),
            (UDP_PROTOCOL, _udp(80)),
            (ICMP_PROTOCOL, _icmp(8)),
            (47, IP(src=RED_WEB1.address, dst=RED_DB1.address, proto=47) / packets.payload()),
            (TCP_PROTOCOL, _tcp(80, source, target)),
            (UDP_PROTOCOL, _udp(80, source, target)),
            (ICMPV6_PROTOCOL, _icmp_v6(128)),
            (47, IPv6(src=source.address, dst=target.address, nh=47) / packets.payload()),
        ]
        for opened in sorted({protocol for protocol, _ in layers}):
            rule = policy("permit", src=WEB, dst=DB, protocol=opened)
            self.install([rule])
            for protocol, layer in layers:
                with self.subTest(rule=opened, packet=protocol, version=layer.version):
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
                for source, target in by_family(_PAIR):
                    with self.subTest(protocol=protocol, port=port, source=source.address):
                        (self.passes if is_open else self.is_denied)(build(port, source, target))
            self.remove([rule])


class SourcePortIsNoDestinationPort(_PolicyTest):
    """Only the destination port counts: a packet from an open port is denied."""

    def runTest(self) -> None:
        self.install([policy("permit", src=WEB, dst=DB, protocol=TCP_PROTOCOL, ports=(80, 80))])
        for source, target in by_family(_PAIR):
            with self.subTest(source=source.address):
                self.is_denied(packets.tcp(source.address, target.address, sport=80, dport=81))
                self.passes(_tcp(80, source, target))


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


class Icmpv6TypeAndCode(_PolicyTest):
    """A rule for ICMPv6 opens a type with all its codes, or one type with one code, and nothing of ICMP."""

    def runTest(self) -> None:
        echo = policy("permit", src=WEB, dst=DB, protocol=ICMPV6_PROTOCOL, ports=(128 << 8, 128 << 8 | 0xFF))
        self.install([echo])
        for kind, code, is_open in ((128, 0, True), (128, 5, True), (129, 0, False), (2, 0, False), (8, 0, False)):
            with self.subTest("one type", type=kind, code=code):
                (self.passes if is_open else self.is_denied)(_icmp_v6(kind, code))
        with self.subTest("the number in ICMP"):
            self.is_denied(_icmp(128))
        self.remove([echo])
        self.install([policy("permit", src=WEB, dst=DB, protocol=ICMPV6_PROTOCOL, ports=(1 << 8 | 4, 1 << 8 | 4))])
        for kind, code, is_open in ((1, 4, True), (1, 3, False), (128, 0, False)):
            with self.subTest("one code", type=kind, code=code):
                (self.passes if is_open else self.is_denied)(_icmp_v6(kind, code))


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
        narrow = policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL, ports=(80, 80))
        whole = policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL)
        for source, target in by_family(_PAIR):
            # The first octets of the later fragments look like a UDP header to the open port.
            datagram, other = _udp(80, source, target), _udp(81, source, target)
            middle, last = (packets.fragment(datagram, offset=64, is_last=is_last) for is_last in (False, True))
            self.install([narrow])
            with self.subTest("all ports of the first fragment show", source=source.address):
                self.passes(datagram)
                self.passes(packets.fragment(datagram, offset=0))
                self.passes(packets.fragment(datagram, offset=0, is_last=True))
                self.is_denied(packets.fragment(other, offset=0))
            with self.subTest("a later fragment has none", source=source.address):
                self.is_denied(middle)
                self.is_denied(last)
            self.remove([narrow])
            self.install([whole])
            with self.subTest("all ports", source=source.address):
                self.passes(middle)
                self.passes(last)
                self.passes(packets.fragment(other, offset=0))
            self.remove([whole])


class FirstFragmentsShowTheirProtocol(_PolicyTest):
    """Of an IPv6 fragment the protocol behind the fragment header counts; the first one shows ports, type and code."""

    def runTest(self) -> None:
        source, target = RED_WEB1.v6, RED_DB1.v6
        datagrams = {
            TCP_PROTOCOL: (_tcp(80, source, target), _tcp(81, source, target), 80),
            UDP_PROTOCOL: (_udp(80, source, target), _udp(81, source, target), 80),
            ICMPV6_PROTOCOL: (_icmp_v6(128), _icmp_v6(129), 128 << 8),
        }
        for opened, (right, wrong, port) in datagrams.items():
            rule = policy("permit", src=WEB, dst=DB, protocol=opened, ports=(port, port))
            self.install([rule])
            with self.subTest(protocol=opened):
                self.passes(packets.fragment(right, offset=0))
                self.is_denied(packets.fragment(wrong, offset=0))
                self.is_denied(packets.fragment(right, offset=1))
            for protocol, (other, _, _) in datagrams.items():
                if protocol != opened:
                    with self.subTest("another protocol", rule=opened, packet=protocol):
                        self.is_denied(packets.fragment(other, offset=0))
            self.remove([rule])
        self.install([policy("permit", src=WEB, dst=DB, protocol=44)])
        with self.subTest("the fragment header is no protocol"):
            self.is_denied(packets.fragment(datagrams[UDP_PROTOCOL][0], offset=0))
            self.is_denied(packets.fragment(datagrams[UDP_PROTOCOL][0], offset=1))


class ExtensionHeadersHideThePorts(_PolicyTest):
    """Behind another IPv6 extension header no port shows: only a rule for that header or for any protocol opens it."""

    def runTest(self) -> None:
        datagram = _udp(80, RED_WEB1.v6, RED_DB1.v6)
        layers = {kind: packets.with_extension(datagram, kind) for kind in (0, 43, 60, 135)}
        for rule in (
            policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL),
            policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL, ports=(80, 80)),
            policy("permit", src=WEB, dst=DB, ports=(0, 0xFFFE)),
        ):
            self.install([rule])
            for kind, layer in layers.items():
                with self.subTest("not enough", rule=dict(rule.match), kind=kind):
                    self.is_denied(layer)
            self.remove([rule])
        for kind, layer in layers.items():
            for protocol in (kind, None):
                with self.subTest("enough", kind=kind, protocol=protocol):
                    rule = policy("permit", src=WEB, dst=DB, protocol=protocol)
                    self.install([rule])
                    self.passes(layer)
                    self.remove([rule])
        with self.subTest("in front of a fragment header"):
            self.install([policy("permit", src=WEB, dst=DB, protocol=UDP_PROTOCOL)])
            self.is_denied(packets.with_extension(packets.fragment(datagram, offset=0), 0))


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
        for source, target in by_family(_PAIR):
            with self.subTest(source=source.address):
                self.passes(_udp(4789, source, target))
                self.is_denied(_udp(4790, source, target))


class RemovedRuleCloses(_PolicyTest):
    """What a rule has opened is closed again with its removal."""

    def runTest(self) -> None:
        rule = policy("permit", src=WEB, dst=DB)
        for _ in range(2):
            self.install([rule])
            self.passes(_tcp(80))
            self.remove([rule])
            self.is_denied(_tcp(80))
