# SPDX-License-Identifier: Apache-2.0
"""Conflicts about tunnels and about subnets that carry tags; what the model makes of those."""

import pytest

from p4vpc.model import check_objects
from tests.unit.p4vpc.model.test_model_conflicts import in_vpc, port, problems_of
from tests.unit.p4vpc.model.world import build, over_ipv6, world

FABRIC = "kind: fabric\nudp_checksum: computed\n"


def vtep(name: str, address: str, *lines: str) -> str:
    return "\n".join(["kind: vtep", f"name: {name}", f'address: "{address}"', *lines, ""])


def transparent(name: str) -> str:
    prefix = {"web": "10.0.1.0/24", "db": "10.0.2.0/24"}[name]
    return in_vpc("subnet", name, f"ipv4: {prefix}", "vlan_transparent: true")


@pytest.mark.parametrize(
    ("extra", "subject", "field", "message", "remedy"),
    [
        pytest.param(
            f"{vtep('a', '10.255.9.1')}---\n{vtep('b', '10.255.9.1')}",
            "vtep b",
            "address",
            "10.255.9.1 is taken by vtep a",
            "one object",
            id="address-twice",
        ),
        pytest.param(
            vtep("own", "10.255.0.2"),
            "vtep own",
            "address",
            "10.255.0.2 is the VTEP of our own leaf2",
            "described by the fabric",
            id="own-leaf",
        ),
        pytest.param(
            vtep("far", "fd00::9"),
            "vtep far",
            "address",
            "fd00::9 is IPv6, but the fabric's VTEPs are IPv4",
            "an IPv4 address",
            id="another-family",
        ),
        pytest.param(
            vtep("far", "10.255.9.9", "udp_checksum: computed"),
            "vtep far",
            "udp_checksum",
            "always 0 over IPv4, as to 10.255.9.9",
            "remove udp_checksum",
            id="checksum-over-ipv4",
        ),
        pytest.param(
            FABRIC,
            "fabric fabric",
            "udp_checksum",
            "always 0 over IPv4, as between these leaves",
            "remove udp_checksum",
            id="fabric-checksum-over-ipv4",
        ),
        pytest.param(
            transparent("web"),
            "port red/prod/web-2",
            "attachment.vlan",
            "subnet web is vlan_transparent, so a tag chooses no attachment of it",
            "remove vlan, or vlan_transparent of the subnet",
            id="tagged-attachment",
        ),
        pytest.param(
            transparent("db") + "---\n" + port(attachment="{switch: leaf2, port: 12, vlan: 9}"),
            "port red/prod/new",
            "attachment",
            "all tags on port 12 of leaf2 belong to port red/prod/db-1",
            "another switch port",
            id="another-attachment-on-the-port",
        ),
    ],
)
def test_conflicts(extra: str, subject: str, field: str, message: str, remedy: str) -> None:
    (problem,) = problems_of(lambda: check_objects(world(extra)))
    assert (problem.object, problem.field) == (subject, field)
    assert message in problem.message
    assert remedy in problem.remedy


def test_what_goes_together() -> None:
    check_objects(world(vtep("router", "10.255.9.1", "gbp: true", "trust_gbp: true")))
    check_objects(world(vtep("unused", "10.255.9.9")))
    check_objects(over_ipv6(world(FABRIC)))
    check_objects(world(transparent("db")))


def test_candidates_are_places_like_others() -> None:
    moving = port(
        "db-1",
        subnet="db",
        mac="02:00:00:00:01:03",
        addresses="[10.0.2.21, 10.0.2.22]",
        attachment="{switch: leaf2, port: 12}",
        candidates="[{switch: leaf1, port: 12}, {switch: leaf1, port: 40, vlan: 3}]",
    )
    found = problems_of(lambda: check_objects(world(transparent("db") + "---\n" + moving)))
    assert ("port red/prod/db-1", "candidates[1].vlan") in {(problem.object, problem.field) for problem in found}
    taken = [problem for problem in found if "all tags on port 12 of leaf1 belong to" in problem.message]
    assert [(problem.object, problem.field) for problem in taken] == [("port red/lab/web-1", "attachment")]


def test_two_transparent_ports_on_one_switch_port_are_one_conflict() -> None:
    taken = (
        transparent("db")
        + "---\n"
        + port("zzz", subnet="db", addresses="[10.0.2.77]", attachment="{switch: leaf2, port: 12}")
    )
    problems = problems_of(lambda: check_objects(world(taken)))
    assert {problem.object for problem in problems} == {"port red/prod/zzz"}


def test_subnets_say_whether_they_carry_tags() -> None:
    model = build(world(transparent("db")))
    found = {subnet.id.key: subnet.is_vlan_transparent for subnet in model.vpcs["red/prod"].subnets}
    assert {key for key, is_transparent in found.items() if is_transparent} == {"red/prod/db"}
