# SPDX-License-Identifier: Apache-2.0
"""Identifiers: who needs which, within which bounds, and through the store."""

import pytest

from p4vpc.errors import ExhaustedError, InternalError, ModelError
from p4vpc.intent import ClaimId, Identifiers, Intent, from_document
from p4vpc.model import LocalPlace, Vtep, build_model, plan_identifiers
from p4vpc.store import Delete, Put, Store
from tests.unit.p4vpc.model.world import build, number, world

SUBNET = "kind: subnet\ntenant: red\nvpc: prod\nname: web\nipv4: 10.0.1.0/24\nbroadcast: true\n"
PORT = "kind: port\ntenant: red\nvpc: prod\nname: web-1\nsubnet: web\nmac: 02:00:00:00:01:01\naddresses: [10.0.1.11]\n"


def owners(pool: str, identifiers: Identifiers) -> set[str]:
    return {claim_id.owner for claim_id in identifiers.numbers if claim_id.pool == pool}


def test_everything_that_needs_a_number_claims_one() -> None:
    identifiers = number(world())
    assert owners("vni", identifiers) == owners("bridge_domain", identifiers)
    assert owners("vni", identifiers) == {"red/prod/web", "red/prod/db", "red/lab/web"}
    assert owners("vrf", identifiers) == {"red/prod", "red/lab"}
    assert owners("tunnel_index", identifiers) == {"10.255.0.1", "10.255.0.2", "10.255.9.1"}
    assert owners("port_index of leaf1", identifiers) == {"red/prod/web-1", "red/lab/web-1"}
    assert owners("port_index of leaf2", identifiers) == {"red/prod/web-2", "red/prod/db-1"}
    assert owners("policy_label", identifiers) == {
        "red/prod groups= cidrs=",
        "red/prod groups=web cidrs=",
        "red/lab groups= cidrs=",
    }


def test_bounds_are_the_widths_of_the_pipeline() -> None:
    for claim in plan_identifiers(world(), Identifiers()).allocate:
        if claim.id.pool == "vni":
            assert (claim.low, claim.high) == (4096, 0xFFFFFF)
        elif claim.id.pool.startswith("port_index"):
            assert (claim.low, claim.high) == (1, 4095)
        elif claim.id.pool == "tunnel_index":
            assert (claim.low, claim.high) == (1, 0x7FFF)
        else:
            assert (claim.low, claim.high) == (1, 0xFFFF)


def test_only_a_subnet_that_floods_has_a_flood_group() -> None:
    flooding = world(SUBNET)
    assert owners("flood_group", number(world())) == set()
    (claim,) = (claim for claim in plan_identifiers(flooding, Identifiers()).allocate if claim.id.pool == "flood_group")
    assert (claim.id.owner, claim.low, claim.high) == ("red/prod/web", 1, 2047), "two groups each, of 4,095"
    plan = plan_identifiers(world(), number(flooding))
    assert (plan.allocate, plan.retire) == ((), (claim.id,))
    identifiers = number(flooding)
    subnets = {subnet.id.key: subnet for subnet in build_model(flooding, identifiers).vpcs["red/prod"].subnets}
    assert subnets["red/prod/web"].flood_group == identifiers.get("flood_group", "red/prod/web")
    assert subnets["red/prod/db"].flood_group is None


def test_flood_groups_run_out_with_an_error_that_says_so() -> None:
    """2,047 subnets of a VPC may flood; the next one is refused, and nothing of its commit is done."""

    def subnet(index: int) -> Intent:
        document = {"kind": "subnet", "tenant": "red", "vpc": "prod", "name": f"n{index}", "broadcast": True}
        return from_document({**document, "ipv4": f"10.{index // 256}.{index % 256}.0/24"})

    fabric = [intent for intent in world() if intent.id.kind in ("fabric", "switch", "link", "tenant", "vpc")]
    full = [*fabric, *(subnet(index) for index in range(2047))]
    with Store("sqlite://") as store:
        plan = plan_identifiers(full, store.snapshot().identifiers)
        store.commit([Put(it) for it in full], "x", identifiers=plan)
        held = store.snapshot().identifiers
        assert {held.get("flood_group", intent.key) for intent in full[len(fabric) :]} == set(range(1, 2048))
        more = subnet(2047)
        with pytest.raises(ExhaustedError) as caught:
            store.commit([Put(more)], "x", identifiers=plan_identifiers([*full, more], held))
        (problem,) = caught.value.problems
        assert (problem.object, problem.field) == ("subnet red/prod/n2047", "broadcast")
        assert problem.message == "there is no flood_group left from 1 to 2047"
        assert store.revision == 1


def test_a_plan_for_what_is_held_is_empty() -> None:
    plan = plan_identifiers(world(), number(world()))
    assert (plan.allocate, plan.retire) == ((), ())


def test_a_move_keeps_all_numbers_but_the_port_index() -> None:
    before = number(world())
    plan = plan_identifiers(world(PORT + "security_groups: [web]\nattachment: {switch: leaf2, port: 20}\n"), before)
    assert [claim.id for claim in plan.allocate] == [ClaimId("port_index of leaf2", "red/prod/web-1")]
    assert plan.retire == (ClaimId("port_index of leaf1", "red/prod/web-1"),)


def test_vni_range_can_grow_but_not_leave_out_what_is_in_use() -> None:
    held = number(world("kind: fabric\nvni_range: [5000, 5002]\n"))
    assert {held.numbers[claim] for claim in held.numbers if claim.pool == "vni"} == {5000, 5001, 5002}
    plan_identifiers(world("kind: fabric\nvni_range: [5000, 6000]\n"), held)
    with pytest.raises(ModelError) as caught:
        plan_identifiers(world("kind: fabric\nvni_range: [5001, 6000]\n"), held)
    (problem,) = caught.value.problems
    assert (problem.object, problem.field) == ("fabric fabric", "vni_range")
    assert "leaves out VNI 5000 of subnet" in problem.message


def test_a_number_beyond_its_bounds_is_told_at_its_owner() -> None:
    held = number(world())
    beyond = {**held.numbers, ClaimId("bridge_domain", "red/prod/web"): 0x10000}
    with pytest.raises(ModelError) as caught:
        plan_identifiers(world(), Identifiers(beyond))
    (problem,) = caught.value.problems
    assert problem.object == "subnet red/prod/web"
    assert problem.message == "its bridge domain 65536 is beyond 65535"


def test_exhaustion_names_the_object() -> None:
    objects = world("kind: fabric\nvni_range: [5000, 5001]\n")
    with Store("sqlite://") as store:
        with pytest.raises(ExhaustedError) as caught:
            store.commit(
                [Put(it) for it in objects], "x", identifiers=plan_identifiers(objects, store.snapshot().identifiers)
            )
        assert [problem.object for problem in caught.value.problems] == ["subnet red/prod/web"]
        assert store.revision == 0


def test_a_model_without_its_numbers_is_our_mistake_not_the_users() -> None:
    with pytest.raises(InternalError, match="identifiers were not planned"):
        build_model(world(), Identifiers())


def test_places_carry_their_numbers() -> None:
    identifiers = number(world())
    ports = {port.id.key: port for port in build_model(world(), identifiers).vpcs["red/prod"].ports}
    local, tagged, foreign = (ports[f"red/prod/{name}"].place for name in ("web-1", "web-2", "far-1"))
    assert isinstance(local, LocalPlace)
    assert local.port_index == identifiers.get("port_index of leaf1", "red/prod/web-1")
    assert local.vlan_id == 0
    assert isinstance(tagged, LocalPlace)
    assert tagged.vlan_id == 7
    assert isinstance(foreign, Vtep)
    assert (foreign.switch, foreign.tunnel_index) == (None, identifiers.get("tunnel_index", "10.255.9.1"))
    assert ports["red/prod/idle-1"].place is None


def test_cidr_peers_split_labels() -> None:
    group = (
        "kind: security_group\ntenant: red\nvpc: prod\nname: web\nrules:\n"
        "- {direction: ingress, protocol: any, peer: {cidr: 10.0.2.21/32}}\n"
        "- {direction: ingress, protocol: any, peer: {cidr: 10.0.2.0/24}}\n"
        "- {direction: ingress, protocol: any, peer: {cidr: 192.0.0.0/8}}\n"
    )
    vpc = build(world(group)).vpcs["red/prod"]
    labels = {port.id.key.rpartition("/")[2]: vpc.labels[port.label] for port in vpc.ports}
    assert {str(cidr) for cidr in labels["db-1"].cidrs} == {"10.0.2.0/24"}, "10.0.2.22 is outside of the /32"
    assert labels["web-1"].cidrs == frozenset()
    assert {str(cidr) for cidr in vpc.labels[vpc.routes[0].label].cidrs} == {"192.0.0.0/8"}


def test_numbers_through_the_store_across_delete_and_create() -> None:
    """A deleted port's index comes back to the same port, and to nobody else while it is retired."""
    with Store("sqlite://") as store:
        objects = {intent.id: intent for intent in world()}

        def commit(*changes: Put | Delete) -> Identifiers:
            for change in changes:
                if isinstance(change, Put):
                    objects[change.id] = change.object
                else:
                    del objects[change.id]
            plan = plan_identifiers(objects.values(), store.snapshot().identifiers)
            store.commit(changes, "x", identifiers=plan)
            return store.snapshot().identifiers

        first = commit(*(Put(intent) for intent in world()))
        web_1 = next(intent for intent in world() if intent.key == "red/prod/web-1")
        assert commit(Delete(web_1.id)).get("port_index of leaf1", "red/prod/web-1") is None
        newcomer = world(
            PORT.replace("web-1", "new").replace(":01:01", ":07:07").replace(".11]", ".77]")
            + "attachment: {switch: leaf1, port: 33}\n"
        )[-1]
        index = "port_index of leaf1"
        held = {number for claim_id, number in first.numbers.items() if claim_id.pool == index}
        assert commit(Put(newcomer)).get(index, "red/prod/new") not in held
        assert commit(Put(web_1)).get(index, "red/prod/web-1") == first.get(index, "red/prod/web-1")
