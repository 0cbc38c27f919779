# SPDX-License-Identifier: Apache-2.0
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

import pytest

from topo import fabric
from topo.errors import FabricFileError

EXAMPLES = Path(fabric.__file__).with_name("examples")

SWITCH = (
    "kind: switch\nname: {name}\nrole: leaf\nvtep: 10.255.0.{number}\np4runtime: {address}\ndevice_id: {number}\n---\n"
)
SUBNET = "kind: subnet\ntenant: red\nvpc: prod\nname: web\nipv4: 10.0.1.0/24\n---\n"
PORT = """\
kind: port
tenant: red
vpc: prod
name: {name}
subnet: {subnet}
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
attachment: {{switch: {switch}, port: {port}{vlan}}}
---
"""


def read(tmp_path: Path, text: str) -> fabric.FabricPlan:
    path = tmp_path / "fabric.yaml"
    path.write_text(text, encoding="utf-8")
    return fabric.read([path])


def switch(name: str, number: int, address: str | None = None) -> str:
    return SWITCH.format(name=name, number=number, address=address or f"127.0.0.1:{9560 + number}")


def port(name: str = "web-1", subnet: str = "web", switch: str = "leaf1", number: int = 11, vlan: str = "") -> str:
    return PORT.format(name=name, subnet=subnet, switch=switch, port=number, vlan=vlan)


def test_the_example_is_two_spines_three_leaves_and_two_identical_tenants() -> None:
    plan = fabric.read([EXAMPLES / "two-tenants.yaml"])
    assert [item.name for item in plan.switches] == ["leaf1", "leaf2", "leaf3", "spine1", "spine2"]
    assert [item.grpc_port for item in plan.switches] == [9561, 9562, 9563, 9564, 9565]
    assert len(plan.cables) == 6
    red, blue = (
        sorted((host.name, host.mac, str(host.addresses)) for host in plan.hosts if host.vpc == vpc)
        for vpc in ("red/prod", "blue/prod")
    )
    assert red == blue
    assert len(red) == 5


def test_a_host_has_the_ports_address_and_the_subnets_gateway() -> None:
    plan = fabric.read([EXAMPLES / "two-tenants.yaml"])
    host = next(item for item in plan.hosts if item.key == "red/prod/db-1")
    assert (host.vpc, host.name) == ("red/prod", "db-1")
    assert host.addresses == (
        fabric.HostAddress(IPv4Interface("10.0.2.21/24"), IPv4Address("10.0.2.1")),
        fabric.HostAddress(IPv6Interface("fd02::21/64"), IPv6Address("fd02::1")),
    )
    assert host.families == (4, 6)
    assert [str(host.address(family)) for family in (4, 6)] == ["10.0.2.21", "fd02::21"]
    assert host.plug == fabric.SwitchPort("leaf3", 11, "leaf3-11")


def test_a_host_may_speak_ipv6_alone(tmp_path: Path) -> None:
    text = (switch("leaf1", 1) + SUBNET + port()).replace("ipv4: 10.0.1.0/24", "ipv6: 2001:db8::/64")
    plan = read(tmp_path, text.replace("10.0.1.11", '"2001:db8::11"'))
    assert plan.hosts[0].families == (6,)
    assert plan.hosts[0].address(4) is None
    assert plan.tenant_mtu == 1500


def test_a_neighbour_gets_the_first_address_of_its_prefix() -> None:
    plan = fabric.read([EXAMPLES / "two-tenants.yaml", EXAMPLES / "foreign-vtep.yaml"])
    [neighbor] = plan.neighbors
    assert (str(neighbor.address), str(neighbor.gateway), neighbor.plug.switch) == ("192.0.2.2", "192.0.2.1", "spine1")


def test_a_long_switch_name_still_gives_an_interface_name_that_linux_takes(tmp_path: Path) -> None:
    name = "leaf-in-the-second-room"
    plan = read(tmp_path, switch(name, 1) + SUBNET + port(switch=name, number=101))
    assert plan.hosts[0].plug.interface == "sw1-101"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: tenant\nname: red\n", "the fabric has no switch"),
        (switch("leaf1", 1) + SUBNET + port(switch="leaf9"), "attachment.switch: there is no switch leaf9"),
        (switch("leaf1", 1) + SUBNET + port(subnet="app"), "subnet: there is no subnet red/prod/app"),
        (switch("leaf1", 1) + SUBNET + port("a") + port("b"), "port 11 of leaf1 is taken by port red/prod/a"),
        (switch("leaf1", 1) + SUBNET + port(vlan=", vlan: 7"), "attachment.vlan: hosts are untagged here"),
        (switch("leaf1", 1, "192.0.2.7:9559"), "switch leaf1: p4runtime: switches of this machine listen on 127.0.0.1"),
        (switch("leaf1", 1) + switch("leaf2", 2, "127.0.0.1:9561"), "port 9561 is taken by another switch"),
        ("kind: switch\nname: leaf1\nrole: hub\n", "role"),
        (
            switch("leaf1", 1) + SUBNET + port().replace("10.0.1.11", '"2001:db8::11"'),
            "port red/prod/web-1: addresses: a host needs one of its subnet's families",
        ),
        (
            switch("leaf1", 1)
            + "kind: link\nname: up\na: {switch: leaf1, port: 1, address: 192.0.2.1}\n"
            + 'b: {mac: 02:00:00:00:99:01, prefixes: ["2001:db8::/64"]}\n',
            "link up: b.prefixes[0]: machines on the underlay are IPv4 here",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FabricFileError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FabricFileError) as caught:
        read(tmp_path, switch("leaf1", 1) + SUBNET + port("a", switch="leaf8") + port("b", subnet="app"))
    assert "leaf8" in str(caught.value)
    assert "red/prod/app" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FabricFileError, match=r"nothing\.yaml: cannot be read"):
        fabric.read([tmp_path / "nothing.yaml"])
