# SPDX-License-Identifier: Apache-2.0
"""Dual stack: conflicts between families, gateways, and which ports are in which CIDR."""

import pytest

from p4vpc.model import check_objects
from p4vpc.model.labels import LabelSet
from tests.unit.p4vpc.model.test_model_conflicts import in_vpc, link, port, problems_of, switch
from tests.unit.p4vpc.model.world import DUAL_STACK, build, over_ipv6, world


@pytest.mark.parametrize(
    ("extra", "subject", "field", "message", "remedy"),
    [
        pytest.param(
            port(addresses='["2001:db8:1::77"]'),
            "port red/prod/new",
            "addresses[0]",
            "2001:db8:1::77 is IPv6, and subnet web has no ipv6 prefix",
            "an address in 10.0.1.0/24",
            id="no-prefix-of-the-family",
        ),
        pytest.param(
            DUAL_STACK + "---\n" + port(addresses='[10.0.1.77, "2001:db8:2::77"]'),
            "port red/prod/new",
            "addresses[1]",
            "outside of subnet web (2001:db8:1::/64)",
            "2001:db8:1::1 to 2001:db8:1:0:ffff:ffff:ffff:ffff",
            id="outside",
        ),
        pytest.param(
            DUAL_STACK + "---\n" + port(addresses='["2001:db8:1::"]'),
            "port red/prod/new",
            "addresses[0]",
            "2001:db8:1:: is not a host address of 2001:db8:1::/64",
            "2001:db8:1::1 to",
            id="subnet-router-anycast",
        ),
        pytest.param(
            DUAL_STACK + "---\n" + port(addresses='["2001:db8:1::1"]'),
            "port red/prod/new",
            "addresses[0]",
            "2001:db8:1::1 is the gateway of subnet web",
            "another address",
            id="gateway",
        ),
        pytest.param(
            DUAL_STACK + "---\n" + port(addresses='["2001:db8:1::11"]'),
            "port red/prod/web-1",
            "addresses[1]",
            "2001:db8:1::11 is taken by port red/prod/new",
            "one port",
            id="address-twice",
        ),
        pytest.param(
            DUAL_STACK + "---\n" + in_vpc("subnet", "zzz", "ipv4: 10.7.0.0/16", "ipv6: 2001:db8:1::/96"),
            "subnet red/prod/zzz",
            "ipv6",
            "2001:db8:1::/96 overlaps 2001:db8:1::/64 of subnet red/prod/web",
            "disjoint",
            id="overlap",
        ),
        pytest.param(
            DUAL_STACK + "---\n" + in_vpc("route", "zzz", 'prefix: "2001:db8:6::/80"', 'next_hop: "2001:db8:6::11"'),
            "route red/prod/zzz",
            "prefix",
            "2001:db8:6::/80 lies in subnet v6 (2001:db8:6::/64)",
            "outside",
            id="route-into-subnet",
        ),
        pytest.param(
            DUAL_STACK + "---\n" + in_vpc("route", "zzz", 'prefix: "::/0"', 'next_hop: "2001:db8:6::12"'),
            "route red/prod/zzz",
            "next_hop",
            "no port of the VPC has the address 2001:db8:6::12",
            "an address of a port",
            id="unknown-next-hop",
        ),
        pytest.param(
            switch("leaf7", vtep='"2001:db8::7"'),
            "switch leaf7",
            "vtep",
            "2001:db8::7 is IPv6, but the fabric's VTEPs are IPv4 (switch leaf1: 10.255.0.1)",
            "an IPv4 address, or IPv6 for all VTEPs",
            id="vteps-of-two-families",
        ),
        pytest.param(
            link("{switch: leaf1, port: 7}", '{mac: 02:00:00:00:99:09, prefixes: ["2001:db8:9::/64"]}')
            + "---\n"
            + port(attachment='{vtep: "2001:db8:9::1"}'),
            "port red/prod/new",
            "attachment.vtep",
            "2001:db8:9::1 is IPv6, but the fabric's VTEPs are IPv4",
            "an IPv4 address",
            id="foreign-vtep-of-another-family",
        ),
        pytest.param(
            "kind: fabric\ntenant_mtu: 1279\n---\n" + DUAL_STACK,
            "fabric fabric",
            "tenant_mtu",
            "subnet red/prod/v6 has IPv6, which needs an MTU of 1280 at least",
            "at least 1280",
            id="mtu",
        ),
    ],
)
def test_conflict(extra: str, subject: str, field: str, message: str, remedy: str) -> None:
    problems = problems_of(lambda: check_objects(world(extra)))
    assert [(problem.object, problem.field) for problem in problems] == [(subject, field)], problems
    assert message in problems[0].message
    assert remedy in problems[0].remedy


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(DUAL_STACK, id="dual-stack"),
        pytest.param("kind: fabric\ntenant_mtu: 1280\n---\n" + DUAL_STACK, id="least-mtu"),
        pytest.param("kind: fabric\ntenant_mtu: 576\n", id="small-mtu-without-ipv6"),
        pytest.param(
            DUAL_STACK + "---\n" + port(addresses='["2001:db8:1:0:ffff:ffff:ffff:ffff"]'), id="last-address-of-ipv6"
        ),
    ],
)
def test_no_conflict(extra: str) -> None:
    check_objects(world(extra))


def test_a_fabric_may_have_ipv6_vteps() -> None:
    model = build(over_ipv6(world()))
    assert str(model.leaf_vteps["leaf1"].address) == "fd00::1"
    own = "/128 is the VTEP of leaf2"
    prefix = link("{switch: leaf1, port: 7}", '{mac: 02:00:00:00:99:09, prefixes: ["fd00::2/128"]}')
    (problem,) = problems_of(lambda: check_objects(over_ipv6(world(prefix))))
    assert own in problem.message


def test_gateways_are_the_first_address_unless_given() -> None:
    subnets = {subnet.id.key: subnet for subnet in build(world(DUAL_STACK)).vpcs["red/prod"].subnets}
    web, v6, db = (subnets[f"red/prod/{name}"] for name in ("web", "v6", "db"))
    assert [str(gateway) for gateway in web.gateways] == ["10.0.1.1", "2001:db8:1::1"]
    assert (v6.gateway_v4, str(v6.gateway_v6)) == (None, "2001:db8:6::ff")
    assert (str(db.gateway_v4), db.gateway_v6) == ("10.0.2.1", None)
    assert [subnet.flood_group is not None for subnet in (web, v6, db)] == [True, False, False]


def test_a_port_is_in_a_cidr_if_its_addresses_of_that_family_are() -> None:
    group = in_vpc(
        "security_group",
        "web",
        "rules:",
        *(
            f'- {{direction: ingress, protocol: any, peer: {{cidr: "{cidr}"}}}}'
            for cidr in ("10.0.1.0/24", "2001:db8:1::/64", "2001:db8:1::11/128", "::/0", "2001:db8::/32", "0.0.0.0/0")
        ),
    )
    vpc = build(world(f"{DUAL_STACK}---\n{group}")).vpcs["red/prod"]

    def cidrs(label: int) -> set[str]:
        return {str(cidr) for cidr in vpc.labels[label].cidrs}

    ports = {port.id.key: port for port in vpc.ports}
    everywhere = {"::/0", "2001:db8::/32"}
    assert cidrs(ports["red/prod/web-1"].label) == {"10.0.1.0/24", "0.0.0.0/0", "2001:db8:1::/64", *everywhere}
    assert cidrs(ports["red/prod/web-2"].label) == {"10.0.1.0/24", "0.0.0.0/0"}, "it has no IPv6 address"
    assert cidrs(ports["red/prod/v6-1"].label) == everywhere
    routes = {route.id.key: route for route in vpc.routes}
    assert cidrs(routes["red/prod/outside-v6"].label) == everywhere
    assert cidrs(routes["red/prod/outside"].label) == {"0.0.0.0/0"}


def test_the_owner_of_a_label_has_cidrs_of_both_families_in_order() -> None:
    vpc = build(world(DUAL_STACK)).vpcs["red/prod"]
    (cidr_v4, cidr_v6) = vpc.subnets[2].prefixes
    label = LabelSet(frozenset({"b", "a"}), frozenset({cidr_v6, cidr_v4}))
    assert label.owner("red/prod") == "red/prod groups=a,b cidrs=10.0.1.0/24,2001:db8:1::/64"
