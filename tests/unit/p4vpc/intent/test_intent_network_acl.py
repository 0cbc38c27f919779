# SPDX-License-Identifier: Apache-2.0
"""Network ACLs as documents: what a rule may say, and what is told to whoever says something else."""

import pytest

from p4vpc.errors import IntentError, Problem
from p4vpc.intent import AclRule, NetworkAcl, from_document, to_document

ACL = {"kind": "network_acl", "tenant": "red", "vpc": "prod", "name": "edge", "subnets": ["web"]}


def inbound(**fields: object) -> dict[str, object]:
    return {**ACL, "inbound": [{"action": "allow", **fields}]}


def rule_of(**fields: object) -> AclRule:
    acl = from_document(inbound(**fields))
    assert isinstance(acl, NetworkAcl)
    assert acl.inbound is not None
    return acl.inbound[0]


def problem_of(document: object) -> Problem:
    with pytest.raises(IntentError) as caught:
        from_document(document)
    assert len(caught.value.problems) == 1, caught.value.problems
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("fields", "families"),
    [
        ({}, (4, 6)),
        ({"protocol": "tcp", "ports": 443}, (4, 6)),
        ({"source": "10.0.0.0/8"}, (4,)),
        ({"destination": "2001:db8::/32"}, (6,)),
        ({"source": "::/0", "destination": "2001:db8::/32"}, (6,)),
        ({"protocol": "icmp"}, (4,)),
        ({"protocol": "icmpv6", "icmp_type": 128}, (6,)),
        ({"protocol": 58}, (6,)),
        ({"protocol": 47}, (4, 6)),
    ],
)
def test_a_rule_is_about_the_families_that_it_can_match(fields: dict[str, object], families: tuple[int, ...]) -> None:
    assert rule_of(**fields).families == families


@pytest.mark.parametrize(
    ("fields", "field", "message", "remedy"),
    [
        ({"action": "permit"}, "action", "'permit' is not one of the choices", "allow"),
        ({"protocol": "sctp"}, "protocol", "'sctp' is not a protocol", "icmpv6"),
        ({"source": "10.0.0.1/8"}, "source", "bits set right of the prefix length", "10.0.0.0/8"),
        ({"source": "2001:db8::1/32"}, "source", "bits set right of the prefix length", "2001:db8::/32"),
        ({"source": "2001:db8::1"}, "source", "is not an IP", "2001:db8:1::/64"),
        ({"source": "fe80::%1/64"}, "source", "is not an IP", "2001:db8:1::/64"),
        ({"source": "2001:db8::/129"}, "source", "is not an IP", "2001:db8:1::/64"),
        ({"source": 10}, "source", "10 is not an IP", "10.0.1.0/24"),
        (
            {"source": "10.0.0.0/8", "destination": "::/0"},
            "destination",
            "is of another family than source",
            "an IPv4 prefix, or two rules",
        ),
        ({"protocol": "icmp", "source": "::/0"}, "protocol", "ICMP is not sent over IPv6", "protocol: icmpv6"),
        ({"protocol": 58, "source": "0.0.0.0/0"}, "protocol", "ICMPv6 is not sent over IPv4", "protocol: icmp"),
        ({"ports": 80}, "ports", "only TCP and UDP have ports", "protocol: tcp"),
        ({"protocol": "icmp", "source_ports": 80}, "source_ports", "only TCP and UDP have ports", "source_ports"),
        ({"protocol": "tcp", "icmp_type": 8}, "icmp_type", "only ICMP and ICMPv6 have types", "protocol: icmp"),
        ({"protocol": "icmp", "icmp_type": 256}, "icmp_type", "256 is too large", "255"),
        ({"port": 80}, "port", "is not a field here", "ports"),
    ],
)
def test_mistakes_in_rules(fields: dict[str, object], field: str, message: str, remedy: str) -> None:
    problem = problem_of(inbound(**fields))
    assert problem.field == f"inbound[0].{field}"
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        ({**ACL, "subnets": ["web", "web"]}, "subnets", "web is given twice"),
        ({**ACL, "subnets": "web"}, "subnets", "is not a list"),
        ({**ACL, "outbound": {"action": "deny"}}, "outbound", "a mapping is not a list"),
        ({**ACL, "outbound": [{"action": "deny"}] * 1001}, "outbound", "too many"),
        ({**ACL, "egress": []}, "egress", "is not a field here"),
    ],
)
def test_mistakes_in_acls(document: object, field: str, message: str) -> None:
    problem = problem_of(document)
    assert (problem.field, message in problem.message) == (field, True), problem


def test_a_direction_that_is_not_given_is_not_the_same_as_an_empty_one() -> None:
    acl = from_document({**ACL, "inbound": []})
    assert isinstance(acl, NetworkAcl)
    assert (acl.inbound, acl.outbound) == ((), None)


def test_documents_survive_the_round_trip_and_prefixes_get_their_shortest_form() -> None:
    rules = [{"action": "deny", "protocol": "udp", "source_ports": "1-1023"}, {"action": "allow"}]
    document = {**ACL, "inbound": rules, "outbound": None}
    assert to_document(from_document(document)) == document
    spelled = inbound(source="2001:0DB8:0:0::/64")
    assert to_document(from_document(spelled)) == inbound(source="2001:db8::/64")
