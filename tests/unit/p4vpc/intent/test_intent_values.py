# SPDX-License-Identifier: Apache-2.0
"""Value types and documents that are not YAML."""

import pytest

from p4vpc.errors import IntentError, Problem
from p4vpc.intent import (
    COLLECTIONS,
    KINDS,
    Fabric,
    Mac,
    ObjectId,
    PortRange,
    SecurityGroup,
    closest,
    from_document,
    parse_id,
    read_documents,
    to_document,
)

GROUP = {"kind": "security_group", "tenant": "red", "vpc": "prod", "name": "web"}
SUBNET = {"kind": "subnet", "tenant": "red", "vpc": "prod", "name": "web", "ipv4": "10.0.1.0/24"}
SWITCH = {"kind": "switch", "name": "s", "role": "leaf", "vtep": "10.255.0.1", "p4runtime": "h:1"}
SPINE = {"kind": "switch", "name": "s", "role": "spine", "p4runtime": "h:1"}
LINK = {"kind": "link", "name": "l", "a": {"switch": "s", "port": 1}, "b": {"switch": "t", "port": 1}}


def problem_of(document: object) -> Problem:
    with pytest.raises(IntentError) as caught:
        from_document(document)
    assert len(caught.value.problems) == 1, caught.value.problems
    return caught.value.problems[0]


def rule(**fields: object) -> dict[str, object]:
    return {**GROUP, "rules": [{"direction": "ingress", "protocol": "tcp", "peer": {"group": "web"}, **fields}]}


def test_mac_is_written_in_lower_case_with_colons() -> None:
    assert str(Mac.parse("0A:bC:00:00:00:Ff")) == "0a:bc:00:00:00:ff"
    with pytest.raises(ValueError, match="not a MAC"):
        Mac.parse("0a-bc-00-00-00-ff")


@pytest.mark.parametrize(
    ("value", "is_unicast"), [(0, False), (0x020000000001, True), (0x010000000001, False), (0xFFFFFFFFFFFF, False)]
)
def test_unicast(value: int, is_unicast: bool) -> None:
    assert Mac(value).is_unicast is is_unicast


@pytest.mark.parametrize(
    ("ports", "expected"),
    [("80", PortRange(80, 80)), (80, PortRange(80, 80)), ("8000-8099", PortRange(8000, 8099)), (0, PortRange(0, 0))],
)
def test_ports(ports: object, expected: PortRange) -> None:
    group = from_document(rule(ports=ports))
    assert isinstance(group, SecurityGroup)
    assert group.rules[0].ports == expected


@pytest.mark.parametrize(
    ("ports", "remedy"),
    [
        ("90-80", "80-90"),
        ("70000", "65535"),
        ("80,81", "8000-8099"),
        (-1, "8000-8099"),
        (True, "8000-8099"),
        ("80-", "8000-8099"),
        ("٨٠", "8000-8099"),
    ],
)
def test_wrong_ports(ports: object, remedy: str) -> None:
    problem = problem_of(rule(ports=ports))
    assert problem.field == "rules[0].ports"
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        (rule(protocol="icmp", ports="80"), "rules[0].ports", "only TCP and UDP have ports"),
        (rule(icmp_type=8), "rules[0].icmp_type", "only ICMP has types"),
        (rule(protocol=256), "rules[0].protocol", "256 is not a protocol"),
        (rule(protocol=True), "rules[0].protocol", "true is not a protocol"),
        (rule(protocol="sctp"), "rules[0].protocol", "'sctp' is not a protocol"),
        (rule(peer={}), "rules[0].peer.group", "is missing"),
        (rule(peer={"group": "a", "cidr": "10.0.0.0/8"}), "rules[0].peer.group", "is not a field here"),
        (rule(peer={"cidr": "10.0.0.1/8"}), "rules[0].peer.cidr", "bits set right of the prefix length"),
        (rule(peer={"cidr": "10.0.0.0/255.0.0.0"}), "rules[0].peer.cidr", "not an IP prefix"),
        (rule(direction="in"), "rules[0].direction", "'in' is not one of the choices"),
        ({**SUBNET, "ipv4": "10.0.1.0/31"}, "ipv4", "no room"),
        ({**SUBNET, "gateway_v4": "10.0.2.1"}, "gateway_v4", "not a host address of 10.0.1.0/24"),
        ({**SUBNET, "gateway_v4": "10.0.1.255"}, "gateway_v4", "not a host address of 10.0.1.0/24"),
        ({**SUBNET, "gateway_mac": "ff:ff:ff:ff:ff:ff"}, "gateway_mac", "not a unicast MAC"),
        ({**SWITCH, "vtep": None}, "vtep", "a leaf needs a VTEP"),
        ({**SWITCH, "role": "spine"}, "vtep", "a spine has no VTEP"),
        ({**SWITCH, "tier": 1}, "tier", "a leaf has no tier"),
        ({**SPINE, "tier": 0}, "tier", "0 is too small"),
        ({**SPINE, "tier": 4}, "tier", "4 is too large"),
        ({**SWITCH, "p4runtime": "h"}, "p4runtime", "not host:port"),
        ({**SWITCH, "p4runtime": "h:70000"}, "p4runtime", "not host:port"),
        ({**SWITCH, "device_id": 0}, "device_id", "too small"),
        ({**SWITCH, "device_id": "1"}, "device_id", "'1' is not a whole number"),
        ({**LINK, "a": {"switch": "s", "port": 510}}, "a.port", "510 is too large"),
        ({**LINK, "b": {"mac": "02:00:00:00:00:01"}}, "b.prefixes", "is missing"),
        ({**LINK, "b": {"mac": "02:00:00:00:00:01", "prefixes": []}}, "b.prefixes", "too few"),
        ({**LINK, "b": {"switch": "t", "prot": 1, "port": 1}}, "b.prot", "is not a field here"),
        ({"kind": "tenant", "name": "a", "description": "\x1b[2J"}, "description", "U+001B, which does not print"),
        ({"kind": "tenant", "name": "a", "description": "\ud800"}, "description", "lone surrogate"),
        ({"kind": "tenant", "name": "a", "\x1b[2J": 1}, r"\x1b[2J", "is not a field here"),
        ({"kind": "tenant", "name": "a" * 1500}, "name", "is not a name"),
        ({"kind": "tenant", "name": "a", "description": "a" * 1500}, "description", "is too long"),
        ([], "", "not a mapping"),
        (None, "", "not a mapping"),
    ],
)
def test_shape(document: object, field: str, message: str) -> None:
    problem = problem_of(document)
    assert (problem.field, message in problem.message) == (field, True), problem


def test_unknown_field_in_a_nested_part_suggests_that_parts_fields() -> None:
    assert problem_of({**LINK, "b": {"switch": "t", "prot": 1, "port": 1}}).remedy == "known: address"
    assert problem_of(rule(icmp_typ=8)).remedy == "did you mean icmp_type?"


def test_a_document_says_what_was_said_and_no_more() -> None:
    assert to_document(from_document(SUBNET)) == SUBNET
    assert list(to_document(from_document(SUBNET))) == list(SUBNET)
    assert to_document(Fabric()) == {"kind": "fabric"}


def test_read_documents_goes_on_after_a_mistake() -> None:
    reading = read_documents([SUBNET, {**GROUP, "rules": 5}, {"kind": "x"}], "request")
    assert [intent.id for intent in reading.intents] == [ObjectId("subnet", "red/prod/web")]
    assert reading.malformed.keys() == {ObjectId("security_group", "red/prod/web")}
    assert [p.source for p in reading.problems] == ["request, document 2", "request, document 3"]
    assert reading.sources[ObjectId("subnet", "red/prod/web")] == "request, document 1"


def test_objects_cannot_be_changed() -> None:
    subnet = from_document(SUBNET)
    field = "name"
    with pytest.raises(ValueError, match="frozen"):
        setattr(subnet, field, "db")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_collection_and_a_key_of_its_own(kind: str) -> None:
    assert COLLECTIONS[KINDS[kind].collection] == kind
    key = "fabric" if kind == "fabric" else "/".join("abc"[: len(KINDS[kind].name_fields)])
    assert parse_id(kind, key) == ObjectId(kind, key)


@pytest.mark.parametrize(
    ("kind", "key", "text"),
    [
        ("prot", "a", "did you mean port"),
        ("port", "a/b", "<tenant>/<vpc>/<name>"),
        ("port", "a/b/C", "lower case"),
        ("tenant", "a\n", "lower case"),
        ("fabric", "x", "one fabric"),
    ],
)
def test_parse_id_says_what_a_key_looks_like(kind: str, key: str, text: str) -> None:
    with pytest.raises(IntentError, match=text):
        parse_id(kind, key)


def test_closest() -> None:
    assert closest("wbe", ["web", "db"]) == "did you mean web?"
    assert closest("zzz", ["web", "db"]) == "known: db, web"
    assert closest("zzz", []) == ""
    assert closest("zzz", [f"n{i:02}" for i in range(50)]).endswith("n11, ...")


@pytest.mark.parametrize("name", ["=x", "=SwitchAttachment", "=", ""])
def test_an_unknown_field_may_have_a_name_like_the_tag_of_a_union(name: str) -> None:
    with pytest.raises(IntentError) as refused:
        from_document({"kind": "tenant", "name": "red", name: 1})
    assert [(problem.field, problem.message) for problem in refused.value.problems] == [(name, "is not a field here")]
