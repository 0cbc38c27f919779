# SPDX-License-Identifier: Apache-2.0
"""Network ACLs: the entries decide what the first matching rule decides, and are where packets meet them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from finsy.proto import p4r
from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler import Origin, Piece, compile_vpc
from p4vpc.compiler.entries import ActionCall, Exact, Match, Range, TableEntry, Ternary
from p4vpc.intent import AclRule, NetworkAcl, from_document
from p4vpc.model import Model, build_model
from p4vpc.reconcile import Operation
from tests.unit.p4vpc.compiler.acl_pipeline import acl_pipeline
from tests.unit.p4vpc.model.world import number, number_of, world

ACL_TABLES = ("acl_ingress_v4", "acl_ingress_v6", "acl_egress_v4", "acl_egress_v6")
WHOLE = Range(0, 0xFFFF)
ANY = Ternary(0, 0)
NO_COPY = (0, 0)
OBJECTS = world()
NUMBERS = number(OBJECTS)
WEB, DB = (number_of(NUMBERS, "bridge_domain", f"red/prod/{name}") for name in ("web", "db"))


def model_with(**fields: object) -> tuple[NetworkAcl, Model]:
    acl = from_document({"kind": "network_acl", "tenant": "red", "vpc": "prod", "name": "edge", **fields})
    assert isinstance(acl, NetworkAcl)
    return acl, build_model([*OBJECTS, acl], NUMBERS)


def acl_entries(model: Model, switch: str = "leaf2") -> list[TableEntry]:
    return of_acls(compile_vpc(model, "red/prod", switch))


def of_acls(piece: Piece) -> list[TableEntry]:
    entries = [desired.entry for desired in piece.values()]
    return [entry for entry in entries if isinstance(entry, TableEntry) and entry.table in ACL_TABLES]


def table(entries: Iterable[TableEntry], name: str) -> list[TableEntry]:
    return sorted((entry for entry in entries if entry.table == name), key=lambda entry: -entry.priority)


def test_rules_become_entries_in_their_order_and_the_rest_is_denied() -> None:
    _, model = model_with(
        subnets=["web"],
        outbound=[
            {"action": "deny", "protocol": "tcp", "destination": "192.0.2.0/24", "ports": "25"},
            {"action": "allow", "protocol": "udp", "source_ports": "1024-65535"},
            {"action": "allow", "protocol": "icmp", "icmp_type": 8},
        ],
    )
    deny, permit = ActionCall("deny_acl_ingress_v4", NO_COPY), ActionCall("permit_acl_ingress_v4", NO_COPY)
    net = Ternary(int(IPv4Address("192.0.2.0")), 0xFFFFFF00)
    assert [(entry.priority, entry.key, entry.action) for entry in table(acl_entries(model), "acl_ingress_v4")] == [
        (1001, (Exact(WEB), ANY, net, Ternary(6, 0xFF), WHOLE, Range(25, 25), Ternary(1, 1)), deny),
        (1000, (Exact(WEB), ANY, ANY, Ternary(17, 0xFF), Range(1024, 65535), WHOLE, Ternary(1, 1)), permit),
        (999, (Exact(WEB), ANY, ANY, Ternary(1, 0xFF), WHOLE, Range(0x0800, 0x08FF), Ternary(1, 1)), permit),
        (1, (Exact(WEB), ANY, ANY, ANY, WHOLE, WHOLE, ANY), deny),
    ]
    assert [(entry.priority, entry.action) for entry in table(acl_entries(model), "acl_ingress_v6")] == [
        (1000, ActionCall("permit_acl_ingress_v6", NO_COPY)),
        (1, ActionCall("deny_acl_ingress_v6", NO_COPY)),
    ]


def test_a_prefix_of_ipv6_is_a_mask_of_128_bits() -> None:
    _, model = model_with(subnets=["web"], inbound=[{"action": "allow", "source": "2001:db8::/32"}])
    entry = table(acl_entries(model), "acl_egress_v6")[0]
    assert entry.key[1] == Ternary(0x20010DB8 << 96, 0xFFFFFFFF << 96)
    assert [entry.priority for entry in table(acl_entries(model), "acl_egress_v4")] == [1]


@pytest.mark.parametrize(
    ("directions", "tables"),
    [
        ({}, set()),
        ({"inbound": []}, {"acl_egress_v4", "acl_egress_v6"}),
        ({"outbound": []}, {"acl_ingress_v4", "acl_ingress_v6"}),
        ({"inbound": [], "outbound": None}, {"acl_egress_v4", "acl_egress_v6"}),
    ],
)
def test_a_direction_that_is_not_given_has_no_entry(directions: Mapping[str, Any], tables: set[str]) -> None:
    _, model = model_with(subnets=["web"], **directions)
    assert {entry.table for entry in acl_entries(model)} == tables


def test_outbound_rules_are_where_the_subnet_is_entered_and_inbound_rules_wherever_the_vpc_is() -> None:
    _, model = model_with(subnets=["db", "web"], inbound=[], outbound=[])
    where = {
        switch: {(entry.table[:-3], entry.key[0]) for entry in acl_entries(model, switch)}
        for switch in ("leaf1", "leaf2")
    }
    inbound = {("acl_egress", Exact(WEB)), ("acl_egress", Exact(DB))}
    assert where == {
        "leaf1": {*inbound, ("acl_ingress", Exact(WEB))},
        "leaf2": {*inbound, ("acl_ingress", Exact(WEB)), ("acl_ingress", Exact(DB))},
    }
    assert of_acls(compile_vpc(model, "red/lab", "leaf1")) == []


def test_the_acl_is_the_origin() -> None:
    _, model = model_with(subnets=["web"], inbound=[{"action": "allow"}], outbound=[{"action": "allow"}])
    for desired in compile_vpc(model, "red/prod", "leaf1").values():
        if isinstance(desired.entry, TableEntry) and desired.entry.table in ACL_TABLES:
            assert desired.origins == (Origin("network_acl", "red/prod/edge"),)


def test_a_rule_that_is_appended_moves_no_other() -> None:
    rules = [{"action": "deny", "protocol": "udp"}, {"action": "allow", "protocol": "tcp"}]
    before = acl_entries(model_with(subnets=["web"], inbound=rules)[1])
    after = acl_entries(model_with(subnets=["web"], inbound=[*rules, {"action": "allow", "protocol": "icmp"}])[1])
    assert set(before) <= set(after)
    assert len(set(after) - set(before)) == 1


def test_the_longest_acl_leaves_the_rest_the_lowest_priority() -> None:
    rules = [{"action": "allow", "protocol": "tcp", "ports": port} for port in range(1000)]
    _, model = model_with(subnets=["web"], inbound=rules)
    assert [entry.priority for entry in table(acl_entries(model), "acl_egress_v4")] == [*range(1001, 1, -1), 1]


@dataclass(frozen=True)
class Packet:
    """What the ACL tables see of a packet: `l4` is (source port, destination port), None if it shows none."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: int
    l4: tuple[int, int] | None

    @property
    def fields(self) -> tuple[int, ...]:
        ports = self.l4 or (0, 0)
        return int(self.source), int(self.destination), self.protocol, *ports, int(self.l4 is not None)


def verdict_of_rules(rules: Sequence[AclRule] | None, packet: Packet) -> bool:
    """What the intent says, read literally."""
    if rules is None:
        return True
    return next((rule.action == "allow" for rule in rules if is_about(rule, packet)), False)


def is_about(rule: AclRule, packet: Packet) -> bool:
    if rule.source is not None and packet.source not in rule.source:
        return False
    if rule.destination is not None and packet.destination not in rule.destination:
        return False
    if rule.protocol_number not in (None, packet.protocol):
        return False
    if (rule.protocol_number, packet.source.version) in ((1, 6), (58, 4)):
        return False
    source_port, destination_port = packet.l4 or (None, None)
    for ports, shown in ((rule.source_ports, source_port), (rule.ports, destination_port)):
        is_narrow = ports is not None and (ports.low, ports.high) != (0, 0xFFFF)
        if is_narrow and ports is not None and (shown is None or not ports.low <= shown <= ports.high):
            return False
    if rule.icmp_type is None:
        return True
    return destination_port is not None and destination_port >> 8 == rule.icmp_type


def verdict_of_entries(entries: Iterable[TableEntry], direction: str, bridge_domain: int, packet: Packet) -> bool:
    """What a switch says: the entry with the highest priority, and a miss passes."""
    name = f"acl_{direction}_v{packet.source.version}"
    values = (bridge_domain, *packet.fields)
    hits = [
        entry
        for entry in entries
        if entry.table == name and all(is_match(match, value) for match, value in zip(entry.key, values, strict=True))
    ]
    if not hits:
        return True
    assert len({entry.priority for entry in hits}) == len(hits), "two entries could decide"
    action = max(hits, key=lambda entry: entry.priority).action
    assert isinstance(action, ActionCall)
    assert action.name in (f"permit_{name}", f"deny_{name}")
    return action.name.startswith("permit")


def is_match(match: Match, value: int) -> bool:
    match match:
        case Exact(wanted):
            return value == wanted
        case Ternary(wanted, mask):
            return value & mask == wanted
        case Range(low, high):
            return low <= value <= high
    raise AssertionError(match)


PREFIXES = {
    4: ("0.0.0.0/0", "10.0.0.0/8", "10.0.1.0/24", "10.0.1.11/32"),
    6: ("::/0", "2001:db8::/32", "2001:db8:1::/64", "2001:db8:1::11/128"),
}
ADDRESSES = {
    4: ("10.0.1.11", "10.0.1.12", "10.0.2.21", "192.0.2.1"),
    6: ("2001:db8:1::11", "2001:db8:1::12", "2001:db8:2::21", "2001:4860::1"),
}
PORTS = (0, 22, 79, 80, 81, 0x0800, 0x0803, 65535)
PORT_RANGES = ("80", "0-79", "22-80", "80-65535", "0-65535", "2048")


@st.composite
def rules(draw: st.DrawFn) -> dict[str, object]:
    family = draw(st.sampled_from([4, 6]))
    icmp = {4: "icmp", 6: "icmpv6"}[family]
    rule: dict[str, object] = {
        "action": draw(st.sampled_from(["allow", "deny"])),
        "protocol": draw(st.sampled_from(["any", "tcp", "udp", icmp, 47])),
    }
    for field in ("source", "destination"):
        if draw(st.booleans()):
            rule[field] = draw(st.sampled_from(PREFIXES[family]))
    if rule["protocol"] in ("tcp", "udp"):
        for field in ("ports", "source_ports"):
            if draw(st.booleans()):
                rule[field] = draw(st.sampled_from(PORT_RANGES))
    if rule["protocol"] == icmp and draw(st.booleans()):
        rule["icmp_type"] = draw(st.sampled_from([0, 8]))
    return rule


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    family = draw(st.sampled_from([4, 6]))
    address = st.sampled_from(ADDRESSES[family]).map(ip_address)
    protocol = draw(st.sampled_from([1, 6, 17, 47, 58]))
    port = st.sampled_from(PORTS)
    has_l4 = protocol in (6, 17, 1 if family == 4 else 58) and draw(st.integers(0, 3)) > 0
    l4 = (draw(port) if protocol in (6, 17) else 0, draw(port)) if has_l4 else None
    return Packet(draw(address), draw(address), protocol, l4)


rule_lists = st.none() | st.lists(rules(), max_size=5)


@settings(max_examples=150)
@given(rule_lists, rule_lists, st.lists(packets(), min_size=1, max_size=25))
def test_entries_decide_as_the_first_matching_rule_does(
    inbound: list[dict[str, object]] | None, outbound: list[dict[str, object]] | None, seen: list[Packet]
) -> None:
    acl, model = model_with(subnets=["web"], inbound=inbound, outbound=outbound)
    entries = acl_entries(model)
    for packet in seen:
        assert verdict_of_entries(entries, "ingress", WEB, packet) is verdict_of_rules(acl.outbound, packet)
        assert verdict_of_entries(entries, "egress", WEB, packet) is verdict_of_rules(acl.inbound, packet)
        assert verdict_of_entries(entries, "ingress", DB, packet), "an ACL is about its own subnets only"
        assert verdict_of_entries(entries, "egress", DB, packet)


@settings(max_examples=30)
@given(st.lists(rules(), max_size=5))
def test_entries_fit_the_tables_of_the_contract(some: list[dict[str, object]]) -> None:
    codec = acl_pipeline().codec
    for entry in acl_entries(model_with(subnets=["web", "db"], inbound=some, outbound=some)[1]):
        update = p4r.Update()
        update.MergeFromString(codec.encode(Operation.INSERT, entry))
        assert codec.decode(update.entity) == entry
