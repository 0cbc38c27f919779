# SPDX-License-Identifier: Apache-2.0
"""Policy entries say exactly what the rules say: against a naive evaluation of rules for single packets."""

from collections.abc import Iterable
from ipaddress import IPv4Address, ip_network
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler import Origin, compile_switch
from p4vpc.compiler.entries import ActionCall, DesiredEntry, Range, TableEntry, Ternary
from p4vpc.intent import Intent, Port, Rule, SecurityGroup, from_document
from p4vpc.model import Model
from tests.unit.p4vpc.model.world import build, read

SWITCHES = """
kind: switch
name: leaf1
role: leaf
vtep: 10.255.0.1
p4runtime: h:1
---
kind: switch
name: leaf2
role: leaf
vtep: 10.255.0.2
p4runtime: h:2
---
kind: link
name: far
a: {switch: leaf1, port: 500}
b: {mac: 02:00:00:00:99:01, prefixes: [10.255.9.0/24]}
---
kind: tenant
name: red
---
kind: vpc
tenant: red
name: prod
---
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.0.0/16
ipv6: 2001:db8::/64
"""
PLACES: list[dict[str, object] | None] = [{"switch": "leaf1"}, {"switch": "leaf2"}, {"vtep": "10.255.9.1"}, None]
NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}


class Packet(NamedTuple):
    protocol: int
    l4_dst_port: int
    has_l4: bool


def group(name: str, rules: Iterable[object]) -> Intent:
    return from_document({"kind": "security_group", "tenant": "red", "vpc": "prod", "name": name, "rules": list(rules)})


def port(number: int, address: str | list[str], groups: list[str], place: dict[str, object] | None) -> Intent:
    attachment = {**place, "port": number} if place is not None and "switch" in place else place
    return from_document(
        {
            "kind": "port",
            "tenant": "red",
            "vpc": "prod",
            "name": f"p{number}",
            "subnet": "web",
            "mac": f"02:00:00:00:00:{number:02x}",
            "addresses": [address] if isinstance(address, str) else address,
            "security_groups": groups,
            "attachment": attachment,
        }
    )


def rules_allow(objects: list[Intent], sender: Port, receiver: Port, packet: Packet) -> bool:
    """Evaluate the rules as docs/architecture.md states them, one by one, for one packet."""
    groups = {it.name: it for it in objects if isinstance(it, SecurityGroup)}

    def matches(rule: Rule, other: Port) -> bool:
        peer = rule.model_dump(mode="json")["peer"]
        if "group" in peer:
            is_peer = peer["group"] in other.security_groups
        else:
            cidr = ip_network(peer["cidr"])
            concerned = [address for address in other.addresses if address.version == cidr.version]
            is_peer = concerned != [] and all(address in cidr for address in concerned)
        wanted = NUMBERS.get(str(rule.protocol), rule.protocol)
        if not is_peer or wanted not in ("any", packet.protocol):
            return False
        if rule.ports is not None:
            return packet.has_l4 and rule.ports.low <= packet.l4_dst_port <= rule.ports.high
        return rule.icmp_type is None or (packet.has_l4 and packet.l4_dst_port >> 8 == rule.icmp_type)

    def allowed(side: Port, other: Port, direction: str) -> bool | None:
        rules = [rule for name in side.security_groups for rule in groups[name].rules if rule.direction == direction]
        return any(matches(rule, other) for rule in rules) if rules else None

    return bool(allowed(receiver, sender, "ingress")) and allowed(sender, receiver, "egress") is not False


def policy_of(model: Model, switch: str) -> list[DesiredEntry]:
    entries = compile_switch(model, switch).values()
    return [it for it in entries if isinstance(it.entry, TableEntry) and it.entry.table == "policy"]


def table_permits(entries: list[DesiredEntry], source: int, destination: int, packet: Packet) -> bool:
    for desired in entries:
        entry = desired.entry
        assert isinstance(entry, TableEntry)
        assert entry.action == ActionCall("permit")
        values = (source, destination, packet.protocol, packet.l4_dst_port, int(packet.has_l4))
        if all(
            field.low <= value <= field.high if isinstance(field, Range) else value & field.mask == field.value
            for field, value in zip(entry.key, values, strict=True)
            if isinstance(field, Range | Ternary)
        ):
            return True
    return False


_names = ["a", "b", "c"]
_cidrs = ["0.0.0.0/0", "10.0.0.0/25", "10.0.0.0/30", "10.0.0.128/25", "::/0", "2001:db8::/126"]
_peers = st.sampled_from([*({"group": name} for name in _names), *({"cidr": cidr} for cidr in _cidrs)])


@st.composite
def _rules(draw: st.DrawFn) -> dict[str, object]:
    rule: dict[str, object] = {
        "direction": draw(st.sampled_from(["ingress", "ingress", "egress"])),
        "protocol": draw(st.sampled_from(["any", "tcp", "udp", "icmp", "icmpv6", 6, 47])),
        "peer": draw(_peers),
    }
    if rule["protocol"] in ("tcp", "udp", 6) and draw(st.booleans()):
        low = draw(st.integers(0, 12))
        rule["ports"] = f"{low}-{draw(st.integers(low, 14))}" if draw(st.booleans()) else low
    if rule["protocol"] in ("icmp", "icmpv6") and draw(st.booleans()):
        rule["icmp_type"] = draw(st.integers(0, 2))
    return rule


@st.composite
def _objects(draw: st.DrawFn) -> list[Intent]:
    objects = read(SWITCHES)
    objects += [group(name, draw(st.lists(_rules(), max_size=3))) for name in _names]
    for number in range(1, draw(st.integers(2, 5)) + 1):
        parts = draw(st.sampled_from([["0"], ["0", "1"], ["1"], ["0", "2"], ["2"]]))
        address = [f"10.0.0.{100 * int(part) + 1 + number}" for part in parts]
        v6 = [f"2001:db8::{part}" for part in (1 + number, f"1:{number}")]
        address = draw(st.sampled_from([address, [*address, v6[0]], [*address, *v6], v6[:1], v6[1:]]))
        place = draw(st.sampled_from(PLACES))
        objects.append(port(number, address, draw(st.lists(st.sampled_from(_names), unique=True, max_size=2)), place))
    return objects


_packets = st.builds(
    Packet, st.sampled_from([1, 6, 17, 58]), st.sampled_from([*range(16), 255, 256, 511, 512, 65535]), st.just(True)
) | st.builds(Packet, st.sampled_from([1, 6, 17, 47, 50, 58]), st.just(0), st.just(False))


@settings(max_examples=80)
@given(_objects(), st.lists(_packets, min_size=1, max_size=12))
def test_entries_permit_what_the_rules_allow_and_nothing_else(objects: list[Intent], packets: list[Packet]) -> None:
    model = build(objects)
    intents = {it.id: it for it in objects if isinstance(it, Port)}
    for switch in ("leaf1", "leaf2"):
        if not model.vpcs_of_switch.get(switch):
            continue
        entries = policy_of(model, switch)
        for sender in model.vpcs["red/prod"].ports:
            if sender.place is None or (sender.place.switch is not None and sender.place.switch != switch):
                continue
            for receiver in model.vpcs["red/prod"].ports:
                if receiver.place is None:
                    continue
                for packet in packets:
                    expected = rules_allow(objects, intents[sender.id], intents[receiver.id], packet)
                    assert table_permits(entries, sender.label, receiver.label, packet) is expected


@settings(max_examples=50)
@given(_objects())
def test_ranges_of_a_pair_are_disjoint_and_not_adjacent_and_have_origins(objects: list[Intent]) -> None:
    model = build(objects)
    for switch in model.vpcs_of_switch:
        ranges: dict[tuple[object, ...], list[Range]] = {}
        for desired in policy_of(model, switch):
            assert desired.origins
            assert {origin.kind for origin in desired.origins} == {"security_group"}
            assert isinstance(desired.entry, TableEntry)
            *pair, field, has_l4 = desired.entry.key
            assert isinstance(field, Range)
            assert has_l4 == (Ternary(0, 0) if field == Range(0, 0xFFFF) else Ternary(1, 1))
            ranges.setdefault(tuple(pair), []).append(field)
        for (source, destination, protocol), fields in ranges.items():
            fields.sort()
            for low, high in pairwise(fields):
                assert low.high + 1 < high.low
            if protocol == Ternary(0, 0):
                assert fields == [Range(0, 0xFFFF)]
                assert sum(pair[:2] == (source, destination) for pair in ranges) == 1


def entries_between(
    rules_of_a: list[object], rules_of_b: list[object]
) -> dict[tuple[Ternary, Range], tuple[Origin, ...]]:
    """Compile p1 in a at leaf1, p2 in b at leaf2; return what leaf1 lets p1 send to p2."""
    objects = read(SWITCHES)
    objects += [group("a", rules_of_a), group("b", rules_of_b)]
    objects += [port(1, "10.0.0.2", ["a"], {"switch": "leaf1"}), port(2, "10.0.0.3", ["b"], {"switch": "leaf2"})]
    model = build(objects)
    labels = {it.id.key: it.label for it in model.vpcs["red/prod"].ports}
    found = {}
    for desired in policy_of(model, "leaf1"):
        assert isinstance(desired.entry, TableEntry)
        source, destination, protocol, ports, _ = desired.entry.key
        assert isinstance(protocol, Ternary)
        assert isinstance(ports, Range)
        assert source == Ternary(labels["red/prod/p1"], 0xFFFF), "only sources that are at leaf1"
        if destination == Ternary(labels["red/prod/p2"], 0xFFFF):
            found[protocol, ports] = desired.origins
    return found


A, B = Origin("security_group", "red/prod/a"), Origin("security_group", "red/prod/b")
TCP, ICMP, ANY = Ternary(6, 0xFF), Ternary(1, 0xFF), Ternary(0, 0)


def ingress(**fields: object) -> dict[str, object]:
    return {"direction": "ingress", "peer": {"group": "a"}, "protocol": "tcp", **fields}


def egress(**fields: object) -> dict[str, object]:
    return {"direction": "egress", "peer": {"group": "b"}, "protocol": "tcp", **fields}


def test_without_rules_nothing_passes() -> None:
    assert entries_between([], []) == {}


def test_adjacent_and_overlapping_ranges_become_one() -> None:
    rules: list[object] = [ingress(ports="80-90"), ingress(ports="85-99"), ingress(ports=100), ingress(ports="102-103")]
    assert entries_between([], rules) == {(TCP, Range(80, 100)): (B,), (TCP, Range(102, 103)): (B,)}


def test_any_wildcards_protocol_and_port() -> None:
    rules: list[object] = [ingress(protocol="any"), ingress(ports=80)]
    assert entries_between([], rules) == {(ANY, Range(0, 0xFFFF)): (B,)}


def test_icmp_types_are_the_upper_half_of_the_field() -> None:
    assert entries_between([], [ingress(protocol="icmp", icmp_type=8)]) == {(ICMP, Range(0x800, 0x8FF)): (B,)}
    assert entries_between([], [ingress(protocol="icmp")]) == {(ICMP, Range(0, 0xFFFF)): (B,)}


def test_icmp_is_that_of_ipv4_and_icmpv6_that_of_ipv6() -> None:
    rules: list[object] = [ingress(protocol="icmp", icmp_type=8), ingress(protocol="icmpv6", icmp_type=128)]
    assert entries_between([], rules) == {
        (ICMP, Range(0x800, 0x8FF)): (B,),
        (Ternary(58, 0xFF), Range(0x8000, 0x80FF)): (B,),
    }


def test_egress_rules_narrow_what_ingress_rules_allow_and_both_are_origins() -> None:
    assert entries_between([egress(ports="85-200")], [ingress(ports="80-90")]) == {(TCP, Range(85, 90)): (A, B)}
    assert entries_between([egress(ports="91-200")], [ingress(ports="80-90")]) == {}
    assert entries_between([egress(protocol="any")], [ingress(ports=80)]) == {(TCP, Range(80, 80)): (A, B)}
    assert entries_between([egress(ports=80)], [ingress(protocol="any")]) == {(TCP, Range(80, 80)): (A, B)}
    assert entries_between([egress(peer={"group": "a"})], [ingress(ports=80)]) == {}, "an egress rule closes the rest"


def test_a_route_is_labelled_by_where_it_leads() -> None:
    """Sending to a prefix behind a port needs the port's groups to allow it, and counts as sending to that prefix."""
    objects = read(SWITCHES)
    to_prefix = {"direction": "egress", "protocol": "tcp", "peer": {"cidr": "192.0.2.0/24"}}
    objects += [group("a", [to_prefix]), group("b", [ingress(ports=80)])]
    objects += [port(1, "10.0.0.2", ["a"], {"switch": "leaf1"}), port(2, "10.0.0.3", ["b"], {"switch": "leaf2"})]
    names = {"kind": "route", "tenant": "red", "vpc": "prod", "name": "out"}
    objects.append(from_document({**names, "prefix": "192.0.2.0/25", "next_hop": "10.0.0.3"}))
    model = build(objects)
    (route,) = model.vpcs["red/prod"].routes
    sender, receiver = model.vpcs["red/prod"].ports
    entries = policy_of(model, "leaf1")
    assert IPv4Address("10.0.0.3") in receiver.addresses
    assert table_permits(entries, sender.label, route.label, Packet(6, 80, has_l4=True))
    assert not table_permits(entries, sender.label, route.label, Packet(6, 81, has_l4=True))
    assert not table_permits(entries, sender.label, receiver.label, Packet(6, 80, has_l4=True))
