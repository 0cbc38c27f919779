# SPDX-License-Identifier: Apache-2.0
import itertools
import re
from pathlib import Path

import pytest

from p4vpc.intent import load_yaml
from topo import fabric
from topo.expect import Expectation, Policy

EXAMPLE = Path(fabric.__file__).with_name("examples") / "two-tenants.yaml"

PORTS = """
kind: port
tenant: red
vpc: prod
name: a
subnet: web
mac: 02:00:00:00:00:01
addresses: [10.0.1.11]
security_groups: [a]
---
kind: port
tenant: red
vpc: prod
name: b
subnet: web
mac: 02:00:00:00:00:02
addresses: [10.0.1.12]
security_groups: [b]
---
"""
PORT_IN_DB = "subnet: db\nmac: 02:00:00:00:00:02\naddresses: [10.0.2.12]"
OPEN_A = "{direction: ingress, protocol: any, peer: {cidr: 0.0.0.0/0}}"


def group(name: str, *rules: str) -> str:
    lines = "".join(f"  - {rule}\n" for rule in rules)
    return (
        f"kind: security_group\ntenant: red\nvpc: prod\nname: {name}\nrules:{' []' if not rules else ''}\n{lines}---\n"
    )


def dual_stack(ports: str) -> str:
    return re.sub(r"\[10\.0\.(\d)\.(\d+)\]", r'[10.0.\1.\2, "fd0\1::\2"]', ports)


def policy(a: list[str], b: list[str]) -> Policy:
    return Policy(load_yaml(PORTS + group("a", *a) + group("b", *b), "test"))


@pytest.mark.parametrize(
    ("rule", "is_reachable"),
    [
        ("{direction: ingress, protocol: any, peer: {group: a}}", True),
        ("{direction: ingress, protocol: icmp, peer: {group: a}}", True),
        ("{direction: ingress, protocol: 1, peer: {group: a}}", True),
        ("{direction: ingress, protocol: icmp, icmp_type: 8, peer: {group: a}}", True),
        ("{direction: ingress, protocol: icmp, icmp_type: 0, peer: {group: a}}", False),
        ("{direction: ingress, protocol: tcp, peer: {group: a}}", False),
        ("{direction: ingress, protocol: any, peer: {group: b}}", False),
        ("{direction: ingress, protocol: any, peer: {cidr: 10.0.1.8/29}}", True),
        ("{direction: ingress, protocol: any, peer: {cidr: 10.0.1.12/32}}", False),
        ("{direction: egress, protocol: any, peer: {group: a}}", False),
    ],
)
def test_ingress_needs_a_rule_that_covers_the_request(rule: str, is_reachable: bool) -> None:
    assert policy([OPEN_A], [rule]).echo("red/prod/a", "red/prod/b", 4).is_reachable is is_reachable


@pytest.mark.parametrize(
    ("rule", "families"),
    [
        ("{direction: ingress, protocol: any, peer: {group: a}}", [4, 6]),
        ("{direction: ingress, protocol: icmp, peer: {group: a}}", [4]),
        ("{direction: ingress, protocol: icmpv6, peer: {group: a}}", [6]),
        ("{direction: ingress, protocol: icmpv6, icmp_type: 128, peer: {group: a}}", [6]),
        ("{direction: ingress, protocol: icmpv6, icmp_type: 8, peer: {group: a}}", []),
        ('{direction: ingress, protocol: any, peer: {cidr: "fd01::10/124"}}', [4, 6]),
        ('{direction: ingress, protocol: any, peer: {cidr: "fd02::/64"}}', []),
        ("{direction: ingress, protocol: any, peer: {cidr: 10.0.1.8/29}}", [4, 6]),
    ],
)
def test_a_peer_stands_for_both_families_and_icmp_for_one(rule: str, families: list[int]) -> None:
    rules = Policy(load_yaml(dual_stack(PORTS) + group("a", OPEN_A) + group("b", rule), "test"))
    assert [family for family in (4, 6) if rules.echo("red/prod/a", "red/prod/b", family).is_reachable] == families


def test_egress_is_open_until_a_group_has_an_egress_rule() -> None:
    open_b = "{direction: ingress, protocol: any, peer: {group: a}}"
    tcp_only = "{direction: egress, protocol: tcp, peer: {group: b}}"
    assert policy([OPEN_A], [open_b]).echo("red/prod/a", "red/prod/b", 4).is_reachable
    assert not policy([OPEN_A, tcp_only], [open_b]).echo("red/prod/a", "red/prod/b", 4).is_reachable


def test_the_reply_needs_no_rule_because_groups_are_stateful() -> None:
    rules = policy([], ["{direction: ingress, protocol: any, peer: {group: a}}"])
    assert rules.echo("red/prod/a", "red/prod/b", 4) == Expectation(
        is_reachable=True, is_delivered=True, drop_reason=None
    )
    denied = Expectation(is_reachable=False, is_delivered=False, drop_reason="policy")
    assert rules.echo("red/prod/b", "red/prod/a", 4) == denied
    assert policy([OPEN_A], []).echo("red/prod/a", "red/prod/b", 4) == denied


@pytest.mark.parametrize(
    ("cidr", "is_reachable"),
    [("2001:db8:1::/64", True), ("2001:db8:1::11/128", True), ("2001:db8:2::/64", False), ("10.0.1.0/24", True)],
)
def test_a_cidr_concerns_the_addresses_of_its_family(cidr: str, is_reachable: bool) -> None:
    ports = PORTS.replace("[10.0.1.11]", '[10.0.1.11, "2001:db8:1::11"]')
    rule = f'{{direction: ingress, protocol: any, peer: {{cidr: "{cidr}"}}}}'
    rules = Policy(load_yaml(ports + group("a") + group("b", rule), "test"))
    assert rules.echo("red/prod/a", "red/prod/b", 4).is_reachable is is_reachable
    v6_only = Policy(load_yaml(PORTS + group("a") + group("b", rule), "test"))
    assert v6_only.echo("red/prod/a", "red/prod/b", 4).is_reachable is (cidr == "10.0.1.0/24")


PASSES = Expectation(is_reachable=True, is_delivered=True, drop_reason=None)
REQUEST_DENIED = Expectation(is_reachable=False, is_delivered=False, drop_reason="acl")
REPLY_DENIED = Expectation(is_reachable=False, is_delivered=True, drop_reason="acl")


@pytest.mark.parametrize(
    ("acl", "expected"),
    [
        ("subnets: []\ninbound: []", PASSES),
        ("subnets: [db]\ninbound: [{action: allow}]", PASSES),
        ("subnets: [db]\ninbound: []", REQUEST_DENIED),
        ("subnets: [web]\noutbound: []", REQUEST_DENIED),
        ("subnets: [db]\noutbound: []", REPLY_DENIED),
        ("subnets: [web]\ninbound: []", REPLY_DENIED),
        ("subnets: [db]\ninbound: [{action: deny, protocol: tcp}, {action: allow}]", PASSES),
        ("subnets: [db]\ninbound: [{action: deny, protocol: icmp}, {action: allow}]", REQUEST_DENIED),
        ("subnets: [db]\ninbound: [{action: allow, protocol: icmp}, {action: deny}]", PASSES),
        ("subnets: [db]\ninbound: [{action: allow, protocol: icmpv6}]", REQUEST_DENIED),
        ("subnets: [db]\ninbound: [{action: allow, protocol: icmp, icmp_type: 8}]", PASSES),
        ("subnets: [db]\ninbound: [{action: allow, protocol: icmp, icmp_type: 0}]", REQUEST_DENIED),
        ("subnets: [web]\ninbound: [{action: allow, protocol: icmp, icmp_type: 0}]", PASSES),
        ("subnets: [web]\ninbound: [{action: allow, protocol: icmp, icmp_type: 8}]", REPLY_DENIED),
        ("subnets: [db]\ninbound: [{action: allow, source: 10.0.1.11/32}]", PASSES),
        ("subnets: [db]\ninbound: [{action: allow, source: 10.0.1.12/32}]", REQUEST_DENIED),
        ("subnets: [db]\ninbound: [{action: allow, destination: 10.0.2.0/24}]", PASSES),
        ("subnets: [db]\ninbound: [{action: allow, destination: 10.0.1.0/24}]", REQUEST_DENIED),
        ('subnets: [db]\ninbound: [{action: allow, source: "::/0"}]', REQUEST_DENIED),
    ],
)
def test_network_acls_are_met_between_subnets_by_request_and_reply(acl: str, expected: Expectation) -> None:
    ports = PORTS.replace("subnet: web\nmac: 02:00:00:00:00:02\naddresses: [10.0.1.12]", PORT_IN_DB)
    text = f"{ports}{group('a', OPEN_A)}{group('b', OPEN_A)}kind: network_acl\ntenant: red\nvpc: prod\nname: n\n{acl}\n"
    assert Policy(load_yaml(text, "test")).echo("red/prod/a", "red/prod/b", 4) == expected


@pytest.mark.parametrize(
    ("rule", "families"),
    [
        ("{action: allow}", [4, 6]),
        ("{action: allow, protocol: icmp}", [4]),
        ("{action: allow, protocol: icmpv6}", [6]),
        ("{action: allow, protocol: icmpv6, icmp_type: 128}", [6]),
        ('{action: allow, source: "fd01::/64"}', [6]),
        ("{action: allow, source: 10.0.1.0/24}", [4]),
    ],
)
def test_a_rule_of_a_network_acl_may_be_about_one_family(rule: str, families: list[int]) -> None:
    ports = PORTS.replace("subnet: web\nmac: 02:00:00:00:00:02\naddresses: [10.0.1.12]", PORT_IN_DB)
    acl = f"kind: network_acl\ntenant: red\nvpc: prod\nname: n\nsubnets: [db]\ninbound: [{rule}]\n"
    rules = Policy(load_yaml(dual_stack(ports) + group("a", OPEN_A) + group("b", OPEN_A) + acl, "test"))
    assert [family for family in (4, 6) if rules.echo("red/prod/a", "red/prod/b", family) == PASSES] == families


def test_inside_of_a_subnet_there_is_no_acl_and_a_missing_rule_comes_last() -> None:
    acl = "kind: network_acl\ntenant: red\nvpc: prod\nname: n\nsubnets: [web, db]\ninbound: []\noutbound: []\n"
    bridged = PORTS + group("a", OPEN_A) + group("b", OPEN_A) + acl
    assert Policy(load_yaml(bridged, "test")).echo("red/prod/a", "red/prod/b", 4) == PASSES
    ports = PORTS.replace("subnet: web\nmac: 02:00:00:00:00:02\naddresses: [10.0.1.12]", PORT_IN_DB)
    routed = ports + group("a", OPEN_A) + group("b") + acl
    assert Policy(load_yaml(routed, "test")).echo("red/prod/a", "red/prod/b", 4) == REQUEST_DENIED


def test_no_group_at_all_means_no_ingress() -> None:
    text = PORTS.replace("security_groups: [b]\n", "") + group("a", OPEN_A)
    assert not Policy(load_yaml(text, "test")).echo("red/prod/a", "red/prod/b", 4).is_reachable


def test_the_example_says_what_its_heading_promises() -> None:
    rules = Policy(load_yaml(EXAMPLE.read_text(encoding="utf-8"), "example"))
    for tenant, family in itertools.product(("red", "blue"), (4, 6)):
        key = f"{tenant}/prod/".__add__
        for source, target in (("web-1", "web-2"), ("web-1", "web-3"), ("web-1", "db-1")):
            assert rules.echo(key(source), key(target), family).is_reachable, (source, target)
        assert rules.echo(key("db-1"), key("web-2"), family).drop_reason == "policy"
        for other in ("web-1", "web-2", "web-3", "db-1"):
            assert rules.echo(key(other), key("quarantine-1"), family).drop_reason == "policy"
            assert rules.echo(key("quarantine-1"), key(other), family).drop_reason == "policy"
    assert not rules.echo("red/prod/web-1", "blue/prod/web-2", 4).is_reachable
