# SPDX-License-Identifier: Apache-2.0
"""What does not go together is refused: all at once, each with object, field and remedy."""

from collections.abc import Callable

import pytest

from p4vpc.errors import ModelError, Problem
from p4vpc.intent import Identifiers, Malformed, ObjectId, Reference
from p4vpc.intent.references import readable_references
from p4vpc.model import build_model, check_objects
from p4vpc.model.references import references
from tests.unit.p4vpc.model.world import build, read, world


def problems_of(check: Callable[[], object]) -> tuple[Problem, ...]:
    with pytest.raises(ModelError) as caught:
        check()
    return caught.value.problems


def port(name: str = "new", **fields: str) -> str:
    """A port that has no conflict, but for the fields given."""
    known = {"subnet": "web", "mac": "02:00:00:00:01:77", "addresses": "[10.0.1.77]", **fields}
    lines = "".join(f"{field}: {value}\n" for field, value in known.items())
    return f"kind: port\ntenant: red\nvpc: prod\nname: {name}\n{lines}"


def switch(name: str, **fields: str) -> str:
    known = {"role": "leaf", "vtep": "10.255.0.7", "p4runtime": "127.0.0.1:9567", **fields}
    lines = "".join(f"{field}: {value}\n" for field, value in known.items() if value)
    return f"kind: switch\nname: {name}\n{lines}"


def link(a: str, b: str) -> str:
    return f"kind: link\nname: new\na: {a}\nb: {b}\n"


def in_vpc(kind: str, name: str, *lines: str) -> str:
    return "\n".join([f"kind: {kind}", "tenant: red", "vpc: prod", f"name: {name}", *lines, ""])


def test_the_world_is_consistent() -> None:
    check_objects(world())
    check_objects([])


@pytest.mark.parametrize(
    ("extra", "subject", "field", "message", "remedy"),
    [
        pytest.param(
            port(addresses="[10.0.1.11]"),
            "port red/prod/web-1",
            "addresses[0]",
            "10.0.1.11 is taken by port red/prod/new",
            "one port",
            id="address-twice",
        ),
        pytest.param(
            port("zzz", mac="02:00:00:00:01:01"),
            "port red/prod/zzz",
            "mac",
            "02:00:00:00:01:01 is taken by port red/prod/web-1",
            "one port of the subnet",
            id="mac-twice",
        ),
        pytest.param(
            port(addresses="[10.0.2.77]"),
            "port red/prod/new",
            "addresses[0]",
            "outside of subnet web (10.0.1.0/24)",
            "10.0.1.1 to 10.0.1.254",
            id="address-outside",
        ),
        pytest.param(
            port(addresses="[10.0.1.255]"),
            "port red/prod/new",
            "addresses[0]",
            "not a host address",
            "10.0.1.1 to 10.0.1.254",
            id="broadcast-address",
        ),
        pytest.param(
            port(addresses="[10.0.1.1]"),
            "port red/prod/new",
            "addresses[0]",
            "gateway of subnet web",
            "another address",
            id="gateway-address",
        ),
        pytest.param(
            port(mac="02:00:5e:00:01:01"),
            "port red/prod/new",
            "mac",
            "gateway's MAC in subnet web",
            "another MAC",
            id="gateway-mac",
        ),
        pytest.param(
            port(subnet="wbe"),
            "port red/prod/new",
            "subnet",
            "there is no subnet 'wbe' in VPC red/prod",
            "did you mean web?",
            id="unknown-subnet",
        ),
        pytest.param(
            port(security_groups="[web, wep]"),
            "port red/prod/new",
            "security_groups[1]",
            "no security group 'wep' in VPC red/prod",
            "did you mean web?",
            id="unknown-group",
        ),
        pytest.param(
            port(attachment="{switch: lef1, port: 20}"),
            "port red/prod/new",
            "attachment.switch",
            "there is no switch 'lef1'",
            "did you mean leaf1 or leaf2?",
            id="unknown-switch",
        ),
        pytest.param(
            port(attachment="{switch: spine1, port: 20}"),
            "port red/prod/new",
            "attachment.switch",
            "spine1 is a spine",
            "a leaf: leaf1, leaf2",
            id="attached-to-spine",
        ),
        pytest.param(
            port(attachment="{switch: leaf1, port: 1}"),
            "port red/prod/new",
            "attachment.port",
            "port 1 of leaf1 belongs to link leaf1-spine1",
            "without a link",
            id="attached-to-fabric-port",
        ),
        pytest.param(
            port("zzz", attachment="{switch: leaf1, port: 11}"),
            "port red/prod/zzz",
            "attachment",
            "port 11 of leaf1, untagged, is taken by port red/prod/web-1",
            "one port for each",
            id="attachment-twice",
        ),
        pytest.param(
            port("zzz", attachment="{switch: leaf1, port: 12}"),
            "port red/prod/zzz",
            "attachment",
            "port 12 of leaf1, untagged, is taken by port red/lab/web-1",
            "one port for each",
            id="attachment-of-another-vpc",
        ),
        pytest.param(
            port("zzz", attachment="{switch: leaf2, port: 11, vlan: 7}"),
            "port red/prod/zzz",
            "attachment",
            "port 11 of leaf2, VLAN 7, is taken by port red/prod/web-2",
            "one port for each",
            id="vlan-twice",
        ),
        pytest.param(
            port(attachment="{switch: leaf1, port: 50}", candidates="[{switch: lef2, port: 20}]"),
            "port red/prod/new",
            "candidates[0].switch",
            "there is no switch 'lef2'",
            "leaf2",
            id="candidate-at-no-switch",
        ),
        pytest.param(
            port(attachment="{switch: leaf1, port: 50}", candidates="[{switch: leaf2, port: 1}]"),
            "port red/prod/new",
            "candidates[0].port",
            "port 1 of leaf2 belongs to link leaf2-spine1",
            "a port without a link",
            id="candidate-at-a-link",
        ),
        pytest.param(
            port("zzz", attachment="{switch: leaf1, port: 50}", candidates="[{switch: leaf1, port: 11}]"),
            "port red/prod/zzz",
            "candidates[0]",
            "port 11 of leaf1, untagged, is taken by port red/prod/web-1",
            "one port",
            id="candidate-where-another-is",
        ),
        pytest.param(
            port("zzz", attachment="{switch: leaf1, port: 50}", candidates="[{switch: leaf2, port: 60}]")
            + "---\n"
            + port("zzzz", mac="02:00:00:00:01:78", addresses="[10.0.1.78]", attachment="{switch: leaf2, port: 60}"),
            "port red/prod/zzzz",
            "attachment",
            "port 60 of leaf2, untagged, is taken by port red/prod/zzz",
            "one port",
            id="attachment-where-another-may-turn-up",
        ),
        pytest.param(
            port(attachment="{vtep: 10.255.0.2}"),
            "port red/prod/new",
            "attachment.vtep",
            "10.255.0.2 is the VTEP of our own leaf2",
            "switch: leaf2",
            id="own-vtep-as-foreign",
        ),
        pytest.param(
            port(attachment="{vtep: 10.99.0.1}"),
            "port red/prod/new",
            "attachment.vtep",
            "no link leads to 10.99.0.1",
            "prefixes",
            id="vtep-out-of-reach",
        ),
        pytest.param(
            in_vpc("subnet", "zzz", "ipv4: 10.0.1.128/25"),
            "subnet red/prod/zzz",
            "ipv4",
            "10.0.1.128/25 overlaps 10.0.1.0/24 of subnet red/prod/web",
            "disjoint",
            id="overlap",
        ),
        pytest.param(
            in_vpc("security_group", "zzz", "rules:", "- {direction: egress, protocol: any, peer: {group: wbe}}"),
            "security_group red/prod/zzz",
            "rules[0].peer.group",
            "no security group 'wbe'",
            "did you mean web?",
            id="unknown-peer",
        ),
        pytest.param(
            in_vpc("route", "zzz", "prefix: 198.51.100.0/24", "next_hop: 10.0.2.99"),
            "route red/prod/zzz",
            "next_hop",
            "no port of the VPC has the address 10.0.2.99",
            "an address of a port",
            id="unknown-next-hop",
        ),
        pytest.param(
            in_vpc("route", "zzz", "prefix: 192.0.2.0/24", "next_hop: 10.0.2.21"),
            "route red/prod/zzz",
            "prefix",
            "192.0.2.0/24 is taken by route red/prod/outside",
            "one route",
            id="route-twice",
        ),
        pytest.param(
            in_vpc("route", "zzz", "prefix: 10.0.1.64/26", "next_hop: 10.0.2.21"),
            "route red/prod/zzz",
            "prefix",
            "10.0.1.64/26 lies in subnet web",
            "outside",
            id="route-into-subnet",
        ),
        pytest.param(
            "kind: vpc\ntenant: rde\nname: prod\n", "vpc rde/prod", "tenant", "no tenant 'rde'", "red?", id="tenant"
        ),
        pytest.param(
            port().replace("vpc: prod", "vpc: prd"), "port red/prd/new", "vpc", "no VPC 'red/prd'", "red/prod", id="vpc"
        ),
        pytest.param(
            switch("leaf7", vtep="10.255.0.1"),
            "switch leaf7",
            "vtep",
            "10.255.0.1 is taken by switch leaf1",
            "its own",
            id="vtep-twice",
        ),
        pytest.param(
            switch("leaf7", p4runtime="127.0.0.1:9561"),
            "switch leaf7",
            "p4runtime",
            "127.0.0.1:9561 device 1 is taken by switch leaf1",
            "device_id",
            id="target-twice",
        ),
        pytest.param(
            switch("leaf7", router_mac="02:00:00:00:00:07")
            + "---\n"
            + switch("leaf8", router_mac="02:00:00:00:00:07", vtep="10.255.0.8", p4runtime="h:1"),
            "switch leaf8",
            "router_mac",
            "02:00:00:00:00:07 is taken by switch leaf7",
            "its own",
            id="router-mac-twice",
        ),
        pytest.param(
            link("{switch: leaf1, port: 1}", "{switch: spine1, port: 7}"),
            "link new",
            "a.port",
            "port 1 of leaf1 is taken by link leaf1-spine1",
            "one link",
            id="link-end-twice",
        ),
        pytest.param(
            link("{switch: leaf1, port: 7}", "{switch: leaf1, port: 7}"),
            "link new",
            "b.port",
            "taken by a.port of this link",
            "one link",
            id="both-ends-in-one-port",
        ),
        pytest.param(
            link("{switch: leaf1, port: 7}", "{switch: leaf1, port: 8}"),
            "link new",
            "b.switch",
            "connects leaf1 to itself",
            "two different",
            id="link-to-itself",
        ),
        pytest.param(
            link("{switch: leaf1, port: 7}", "{switch: spine7, port: 7}"),
            "link new",
            "b.switch",
            "there is no switch 'spine7'",
            "spine1",
            id="link-to-unknown-switch",
        ),
        pytest.param(
            link("{switch: leaf1, port: 7, address: 10.255.0.2}", "{switch: spine1, port: 7}"),
            "link new",
            "a.address",
            "10.255.0.2 is the VTEP of leaf2",
            "not used",
            id="link-address-is-vtep",
        ),
        pytest.param(
            link("{switch: leaf1, port: 7}", "{mac: 02:00:00:00:99:09, prefixes: [10.8.0.0/16, 10.255.0.2/32]}"),
            "link new",
            "b.prefixes[1]",
            "10.255.0.2/32 is the VTEP of leaf2",
            "behind the neighbour",
            id="prefix-is-vtep",
        ),
    ],
)
def test_conflict(extra: str, subject: str, field: str, message: str, remedy: str) -> None:
    for check in (lambda: check_objects(world(extra)), lambda: build_model(world(extra), Identifiers())):
        problems = [p for p in problems_of(check) if message in p.message]
        assert [(p.object, p.field) for p in problems] == [(subject, field)], problems_of(check)
        assert remedy in problems[0].remedy


def test_all_problems_come_at_once() -> None:
    extra = "---\n".join(
        [
            port("p1", subnet="nope"),
            port("p2", addresses="[10.0.1.1]"),
            port("p3", mac="02:00:00:00:01:01", addresses="[10.0.1.78]"),
            in_vpc("subnet", "zzz", "ipv4: 10.0.0.0/16"),
            switch("leaf7", vtep="10.255.0.1"),
        ]
    )
    found = {problem.object for problem in problems_of(lambda: check_objects(world(extra)))}
    assert found == {
        "port red/prod/p1",
        "port red/prod/p2",
        "port red/prod/web-1",
        "subnet red/prod/web",
        "subnet red/prod/db",
        "switch leaf7",
    }


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(port(mac="02:00:00:00:01:03"), id="mac-in-another-subnet"),
        pytest.param(port(attachment="{switch: leaf1, port: 11, vlan: 7}"), id="tagged-beside-untagged"),
        pytest.param(port(attachment="{switch: leaf2, port: 11, vlan: 8}"), id="two-vlans"),
        pytest.param(switch("leaf7", p4runtime="127.0.0.1:9561", device_id="2"), id="two-devices-at-one-address"),
        pytest.param(in_vpc("route", "default", "prefix: 0.0.0.0/0", "next_hop: 10.0.2.21"), id="default-route"),
        pytest.param(in_vpc("subnet", "far", "ipv4: 172.16.0.0/12"), id="another-subnet"),
    ],
)
def test_no_conflict(extra: str) -> None:
    check_objects(world(extra))


@pytest.mark.parametrize(
    ("name", "users"),
    [
        ("subnet red/prod/db", ["port red/prod/db-1 (subnet)"]),
        ("switch spine1", ["link leaf1-spine1 (b.switch)", "link leaf2-spine1 (b.switch)"]),
        ("tenant red", ["vpc red/lab (tenant)", "vpc red/prod (tenant)"]),
        ("vpc red/lab", ["port red/lab/web-1 (vpc)", "subnet red/lab/web (vpc)"]),
        (
            "security_group red/prod/web",
            [f"port red/prod/{port} (security_groups[0])" for port in ("far-1", "web-1", "web-2")],
        ),
    ],
)
def test_deleting_what_is_still_needed_names_who_needs_it(name: str, users: list[str]) -> None:
    kind, _, key = name.partition(" ")
    problems = problems_of(lambda: check_objects(world(without=[name]), deleted=[ObjectId(kind, key)]))
    (problem,) = [problem for problem in problems if problem.object == name]
    assert problem.message == f"is still needed by {', '.join(users)}"


def test_deleting_together_with_all_who_need_it_is_fine() -> None:
    gone = ["vpc red/lab", "port red/lab/web-1", "subnet red/lab/web"]
    check_objects(world(without=gone), deleted=[ObjectId("vpc", "red/lab")])


def test_many_referents_are_counted() -> None:
    extra = "---\n".join(
        port(f"p{n}", addresses=f"[10.0.1.{100 + n}]", mac=f"02:00:00:00:02:{n:02}") for n in range(12)
    )
    (problem,) = problems_of(
        lambda: check_objects(world(extra, ["subnet red/prod/web"]), deleted=[ObjectId("subnet", "red/prod/web")])
    )
    assert problem.message.endswith(" and 6 more")


def test_a_reference_to_what_could_not_be_read_is_no_second_problem() -> None:
    objects = world(
        without=["subnet red/prod/web", "security_group red/prod/web", "port red/prod/db-1", "link leaf2-router"]
    )
    malformed: Malformed = {
        ObjectId("subnet", "red/prod/web"): (),
        ObjectId("security_group", "red/prod/web"): (),
        ObjectId("port", "red/prod/db-1"): (),
        ObjectId("link", "leaf2-router"): (),
    }
    check_objects(objects, malformed=malformed)
    assert len(problems_of(lambda: check_objects(objects))) > 4


def test_references_of_what_could_not_be_read_are_checked() -> None:
    unread = ObjectId("port", "red/prod/new")
    found = (
        Reference("subnet", ObjectId("subnet", "red/prod/web")),
        Reference("security_groups[1]", ObjectId("security_group", "red/prod/wep")),
        Reference("attachment.switch", ObjectId("switch", "leaf9")),
    )
    problems = problems_of(lambda: check_objects(world(), malformed={unread: found}))
    problems = problems_of(lambda: check_objects(world(), malformed={unread: found}))
    assert [str(problem) for problem in problems if problem.object != "port red/prod/new"] == []
    assert [problem.field for problem in problems] == ["security_groups[1]", "attachment.switch"]


def test_references_read_from_documents_are_those_of_the_objects() -> None:
    objects = world()
    for intent in objects:
        assert readable_references(intent.document(), intent.id) == tuple(references(intent)), str(intent)


def test_an_object_given_twice_is_refused() -> None:
    (problem,) = problems_of(lambda: check_objects([*world(), *read("kind: tenant\nname: red\n")]))
    assert (problem.object, problem.message) == ("tenant red", "is there twice")


def test_overlaps_are_found_when_a_wide_subnet_covers_several() -> None:
    objects = read(
        "kind: tenant\nname: red\n---\nkind: vpc\ntenant: red\nname: prod\n---\n"
        + "---\n".join(
            in_vpc("subnet", f"s{position}", f"ipv4: {prefix}")
            for position, prefix in enumerate(["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "11.0.0.0/8"])
        )
    )
    problems = problems_of(lambda: check_objects(objects))
    assert [problem.object for problem in problems] == ["subnet red/prod/s1", "subnet red/prod/s2"]


def test_defaults() -> None:
    model = build(world())
    assert model.switches["leaf1"].router_mac != model.switches["leaf2"].router_mac
    for switch_ in model.switches.values():
        assert switch_.router_mac.value >> 40 == 2
    assert (
        model.switches["leaf1"].router_mac
        == build(world(without=["route red/prod/outside"])).switches["leaf1"].router_mac
    )
    assert {str(subnet.gateway_mac) for vpc in model.vpcs.values() for subnet in vpc.subnets} == {"02:00:5e:00:01:01"}
    assert [str(subnet.gateway_v4) for subnet in model.vpcs["red/prod"].subnets] == ["10.0.2.1", "10.0.1.1"]
    assert model.tenant_mtu == 1500
