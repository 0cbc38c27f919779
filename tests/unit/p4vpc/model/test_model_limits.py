# SPDX-License-Identifier: Apache-2.0
"""Network ACLs and QoS policies among the other objects: references, conflicts, what the model makes of them."""

import pytest

from p4vpc.errors import ModelError, Problem
from p4vpc.intent import ObjectId, read_documents
from p4vpc.intent.references import readable_references
from p4vpc.model import build_model, check_objects
from p4vpc.model.references import references
from tests.unit.p4vpc.model.world import build, number, world

ACL = """
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [web, db]
inbound: [{action: allow, protocol: tcp, ports: 443}]
---
"""
POLICY = """
kind: qos_policy
tenant: red
name: gold
from_port: {rate_bps: 100000000, burst_bytes: 150000}
---
"""
GOLDEN = """
kind: port
tenant: red
vpc: prod
name: web-3
subnet: web
mac: 02:00:00:00:01:33
addresses: [10.0.1.33]
attachment: {switch: leaf1, port: 33}
qos: gold
---
"""


def problems_of(extra: str, deleted: tuple[ObjectId, ...] = ()) -> tuple[Problem, ...]:
    with pytest.raises(ModelError) as caught:
        check_objects(world(extra), deleted)
    return caught.value.problems


def test_the_model_resolves_subnets_and_policies() -> None:
    vpc = build(world(ACL + POLICY + GOLDEN)).vpcs["red/prod"]
    (acl,) = vpc.acls
    assert [subnet.id.key for subnet in acl.subnets] == ["red/prod/web", "red/prod/db"]
    assert acl.outbound is None
    assert acl.inbound is not None
    assert len(acl.inbound) == 1
    qos = {port.id.key: port.qos for port in vpc.ports}
    golden = qos.pop("red/prod/web-3")
    assert golden is not None
    assert (golden.id, golden.to_port) == (ObjectId("qos_policy", "red/gold"), None)
    assert set(qos.values()) == {None}


def test_a_subnet_has_one_acl() -> None:
    other = ACL.replace("name: edge", "name: other").replace("[web, db]", "[db]")
    (problem,) = problems_of(ACL + other)
    assert (problem.object, problem.field) == ("network_acl red/prod/other", "subnets[0]")
    assert problem.message == "subnet db is taken by network_acl red/prod/edge"


@pytest.mark.parametrize(
    ("extra", "object_name", "field", "message", "remedy"),
    [
        (
            ACL.replace("[web, db]", "[wep]"),
            "network_acl red/prod/edge",
            "subnets[0]",
            "there is no subnet 'wep' in VPC red/prod",
            "did you mean web?",
        ),
        (
            POLICY + GOLDEN.replace("qos: gold", "qos: cold"),
            "port red/prod/web-3",
            "qos",
            "there is no QoS policy 'cold' of tenant red",
            "did you mean gold?",
        ),
        (GOLDEN, "port red/prod/web-3", "qos", "there is no QoS policy", "define the QoS policy first"),
        (
            POLICY.replace("tenant: red", "tenant: blue"),
            "qos_policy blue/gold",
            "tenant",
            "there is no tenant 'blue'",
            "known: red",
        ),
    ],
)
def test_references_that_lead_nowhere(extra: str, object_name: str, field: str, message: str, remedy: str) -> None:
    (problem,) = problems_of(extra)
    assert (problem.object, problem.field) == (object_name, field)
    assert message in problem.message
    assert problem.remedy == remedy


@pytest.mark.parametrize("field", ["burst_bytes", "peak_burst_bytes"])
def test_a_burst_takes_the_longest_frame(field: str) -> None:
    fabric = "kind: fabric\ntenant_mtu: 9000\n---\n"
    limit = {"burst_bytes": 150_000, "rate_bps": 8000, field: 9017}
    policy = f"kind: qos_policy\ntenant: red\nname: gold\nto_port: {limit}\n---\n"
    (problem,) = problems_of(fabric + policy)
    assert (problem.object, problem.field) == ("qos_policy red/gold", f"to_port.{field}")
    assert problem.remedy == "at least 9018"
    check_objects(world(fabric + policy.replace("9017", "9018")))
    check_objects(world(policy))


def test_bursts_are_not_judged_while_the_fabric_cannot_be_read() -> None:
    policy = "kind: qos_policy\ntenant: red\nname: gold\nto_port: {rate_bps: 8000, burst_bytes: 600}\n"
    malformed = {ObjectId("fabric", "fabric"): ()}
    check_objects(world(policy), malformed=malformed)
    assert problems_of(policy)[0].remedy == "at least 1518"


def test_what_is_used_cannot_be_deleted() -> None:
    gone = ObjectId("qos_policy", "red/gold")
    (problem,) = problems_of(GOLDEN, (gone,))
    assert (problem.object, problem.message) == (str(gone), "is still needed by port red/prod/web-3 (qos)")
    subnet = ObjectId("subnet", "red/prod/lone")
    (problem,) = problems_of(ACL.replace("[web, db]", "[web, lone]"), (subnet,))
    assert problem.message == "is still needed by network_acl red/prod/edge (subnets[1])"


def test_references_are_read_even_from_what_is_malformed() -> None:
    for intent in world(ACL + POLICY + GOLDEN):
        assert readable_references(intent.document(), intent.id) == tuple(references(intent)), str(intent)
    reading = read_documents(
        [
            {"kind": "network_acl", "tenant": "red", "vpc": "prod", "name": "x", "subnets": ["wep", 5], "inbound": 1},
            {"kind": "qos_policy", "tenant": "blue", "name": "x"},
        ]
    )
    with pytest.raises(ModelError) as caught:
        check_objects(world(), malformed=reading.malformed)
    found = {(problem.object, problem.field) for problem in caught.value.problems}
    assert found == {("network_acl red/prod/x", "subnets[0]"), ("qos_policy blue/x", "tenant")}


def test_neither_needs_a_number() -> None:
    objects = world(ACL + POLICY)
    assert number(objects) == number(world())
    build_model(objects, number(objects))
