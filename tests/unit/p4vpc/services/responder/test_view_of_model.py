# SPDX-License-Identifier: Apache-2.0
"""The view of a switch has what the model says of it, and nothing of what is elsewhere."""

from ipaddress import IPv4Address, IPv6Address

from p4vpc.model import LocalPlace
from p4vpc.services.responder import ForeignAttachment, Reason, respond, view_of_model
from tests.unit.p4vpc.model.world import DUAL_STACK, build, over_ipv6, world

MODEL = build(world())


def test_attachments_are_those_of_the_switch() -> None:
    assert view_of_model(MODEL, "leaf1").locals.keys() == {(11, 0), (12, 0)}
    assert view_of_model(MODEL, "leaf2").locals.keys() == {(11, 7), (12, 0)}
    spine = view_of_model(MODEL, "spine1")
    assert (spine.locals, spine.foreign, spine.vteps, spine.fabric_ports) == ({}, {}, frozenset(), {1, 2})


def test_an_attachment_has_its_port_index_and_its_subnets_gateway() -> None:
    attachment, subnet = view_of_model(MODEL, "leaf2").locals[11, 7]
    (port,) = (port for vpc in MODEL.vpcs.values() for port in vpc.ports if port.id.key == "red/prod/web-2")
    assert isinstance(port.place, LocalPlace)
    assert attachment.port_index == port.place.port_index
    assert (subnet.gateway_v4, subnet.gateway_mac) == (IPv4Address("10.0.1.1"), port.subnet.gateway_mac)
    assert subnet.mtu == MODEL.tenant_mtu
    assert subnet.broadcasts == {IPv4Address("10.0.1.255"), IPv4Address("10.0.2.255")}


def test_where_a_port_may_turn_up_it_is_known() -> None:
    candidates = "candidates: [{switch: leaf2, port: 40, vlan: 5}, {switch: leaf1, port: 41}]"
    text = f"""
kind: port
tenant: red
vpc: lab
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
attachment: {{switch: leaf1, port: 12}}
{candidates}
"""
    gone = [f"port red/prod/{name}" for name in ("web-2", "db-1")]
    model = build(world(text, without=(*gone, "route red/prod/outside")))
    (port,) = model.vpcs["red/lab"].ports
    assert view_of_model(model, "leaf1").locals.keys() == {(11, 0), (12, 0), (41, 0)}
    view = view_of_model(model, "leaf2")
    assert view.locals.keys() == {(40, 5)}
    attachment, subnet = view.locals[40, 5]
    assert (attachment.port_index, subnet.gateway_mac) == (port.candidates[0].port_index, port.subnet.gateway_mac)
    assert view.foreign == {}


def test_both_families() -> None:
    model = build(over_ipv6(world(DUAL_STACK)))
    view = view_of_model(model, "leaf1")
    _, dual = view.locals[11, 0]
    assert (dual.gateway_v4, dual.gateway_v6) == (IPv4Address("10.0.1.1"), IPv6Address("2001:db8:1::1"))
    (v6_only,) = (
        subnet
        for _, subnet in [*view.locals.values(), *view_of_model(model, "leaf2").locals.values()]
        if subnet.gateway_v4 is None
    )
    assert v6_only.gateway_v6 == IPv6Address("2001:db8:6::ff")
    assert dual.broadcasts == v6_only.broadcasts == {IPv4Address("10.0.1.255"), IPv4Address("10.0.2.255")}
    assert view.vteps == {IPv6Address("fd00::0:1")}
    assert {attachment.vtep for attachment in view.foreign} == {IPv6Address("fd00::9:1")}


def test_foreign_vteps_are_known_at_leaves_that_share_a_vpc_with_them() -> None:
    (vni,) = (it.vni for vpc in MODEL.vpcs.values() for it in vpc.subnets if it.id.key == "red/prod/web")
    for leaf in ("leaf1", "leaf2"):
        view = view_of_model(MODEL, leaf)
        assert view.foreign.keys() == {ForeignAttachment(IPv4Address("10.255.9.1"), vni)}
        assert view.vteps == {MODEL.switches[leaf].vtep}
        assert view.router_mac == MODEL.switches[leaf].router_mac
    alone = [f"port red/prod/{name}" for name in ("web-1", "web-2", "db-1")]
    without = build(world(without=[*alone, "route red/prod/outside"]))
    assert view_of_model(without, "leaf1").foreign == {}


def test_an_empty_view_answers_nothing() -> None:
    assert respond(bytes(64), Reason.TTL, 1, view_of_model(MODEL, "spine1")) is None
