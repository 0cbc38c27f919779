# SPDX-License-Identifier: Apache-2.0
"""Mirrors, logged rules and sampled drops as documents and among the other objects."""

import pytest

from p4vpc.compiler import check_samples
from p4vpc.errors import IntentError, ModelError, Problem
from p4vpc.intent import Fabric, ObjectId, PerSecond, from_document, to_document
from p4vpc.model import build_model, check_objects
from tests.unit.p4vpc.model.world import build, number, world

MIRROR = "kind: mirror\ntenant: red\nvpc: prod\nname: tap\nports: [{}]\n---\n"
ACL = """
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [web]
inbound: [{action: allow}, {action: deny, mirror: tap}]
---
"""


def problems_of(extra: str, deleted: tuple[ObjectId, ...] = ()) -> list[str]:
    with pytest.raises(ModelError) as caught:
        check_objects(world(extra), deleted)
    return [told(problem) for problem in caught.value.problems]


def told(problem: Problem) -> str:
    return f"{problem.object}: {problem.field}: {problem.message}; {problem.remedy}"


def test_the_model_resolves_ports_and_rules() -> None:
    mirror = build(world(MIRROR.format("web-1, web-2") + ACL)).vpcs["red/prod"].mirrors["tap"]
    assert [port.id.key for port in mirror.ports] == ["red/prod/web-1", "red/prod/web-2"]
    assert (mirror.number, mirror.max_bytes) == (1, None)


def test_a_mirror_belongs_to_its_vpc() -> None:
    other = MIRROR.format("web-1").replace("vpc: prod", "vpc: lab")
    (problem,) = problems_of(other + ACL)
    assert problem.startswith("network_acl red/prod/edge: inbound[1].mirror: there is no mirror 'tap' in VPC red/prod;")
    assert problems_of(MIRROR.format("db-9")) == [
        "mirror red/prod/tap: ports[0]: there is no port 'db-9' in VPC red/prod; did you mean db-1?"
    ]


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        (
            "far-1",
            "ports[0]: port far-1 is behind a foreign VTEP, where no copies are sent; a port that is plugged into",
        ),
        (
            "web-2, db-1",
            "ports[1]: switch leaf2 is taken by ports[0] of this mirror; a mirror has one port at each leaf",
        ),
    ],
)
def test_ports_that_can_get_no_copies(ports: str, problem: str) -> None:
    (found,) = problems_of(MIRROR.format(ports))
    assert problem in found


def test_what_is_needed_is_not_deleted() -> None:
    objects = [intent for intent in world(MIRROR.format("idle-1") + ACL) if intent.key != "red/prod/tap"]
    with pytest.raises(ModelError) as caught:
        check_objects(objects, (ObjectId("mirror", "red/prod/tap"),))
    assert "is still needed by network_acl red/prod/edge (inbound[1].mirror)" in told(caught.value.problems[0])
    objects = world(MIRROR.format("idle-1"), without=["port red/prod/idle-1"])
    with pytest.raises(ModelError) as caught:
        check_objects(objects, (ObjectId("port", "red/prod/idle-1"),))
    assert "is still needed by mirror red/prod/tap (ports[0])" in told(caught.value.problems[0])


def test_samples_and_log_are_those_of_the_fabric() -> None:
    document = {"kind": "fabric", "drop_samples": {"policy": "10/s", "rate": "1000/s"}, "acl_log": "1/s"}
    fabric = from_document(document)
    assert to_document(fabric) == document
    objects = [*world(), fabric]
    model = build_model(objects, number(objects))
    assert (model.drop_samples, model.acl_log) == ({"policy": PerSecond(10), "rate": PerSecond(1000)}, PerSecond(1))
    default = build(world())
    assert (default.drop_samples, default.acl_log) == ({}, PerSecond(10))


@pytest.mark.parametrize(
    ("fields", "field", "message", "remedy"),
    [
        ({"acl_log": 10}, "acl_log", "10 is not a rate of packets", "like 10/s"),
        ({"acl_log": "0/s"}, "acl_log", "0 packets a second are not possible", "1/s to 1000/s"),
        ({"drop_samples": {"acl": "1001/s"}}, "drop_samples.acl", "1001 packets a second", "1/s to 1000/s"),
        ({"drop_samples": ["acl"]}, "drop_samples", "a list is not a mapping", "drop_samples: {policy: 10/s}"),
        ({"drop_samples": {"ACL": "1/s"}}, "drop_samples.ACL", "'ACL' is not a name", "lower case"),
    ],
)
def test_mistakes_of_rates(fields: dict[str, object], field: str, message: str, remedy: str) -> None:
    with pytest.raises(IntentError) as caught:
        from_document({"kind": "fabric", **fields})
    (problem,) = caught.value.problems
    assert (problem.object, problem.field) == ("fabric fabric", field)
    assert message in problem.message
    assert remedy in problem.remedy


def test_a_reason_that_there_is_not_is_told_with_what_was_meant() -> None:
    fabric = from_document({"kind": "fabric", "drop_samples": {"policy": "1/s", "spof": "1/s"}})
    assert isinstance(fabric, Fabric)
    (problem,) = check_samples(fabric)
    assert told(problem) == "fabric fabric: drop_samples.spof: is no drop reason; did you mean spoof?"


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"ports": []}, "ports", "too few"),
        ({}, "ports", "is missing"),
        ({"ports": ["a", "a"]}, "ports", "a is given twice"),
        ({"ports": ["a"], "max_bytes": 63}, "max_bytes", "63 is too small"),
    ],
)
def test_mistakes_of_mirrors(fields: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(IntentError) as caught:
        from_document({"kind": "mirror", "tenant": "red", "vpc": "prod", "name": "tap", **fields})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert message in problem.message
