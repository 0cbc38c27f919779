# SPDX-License-Identifier: Apache-2.0
"""Router advertisements: what they say, to whom, and which solicitations get none."""

from dataclasses import replace

import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from p4vpc.services.responder import SubnetView, respond
from p4vpc.services.responder.respond import advertise
from tests.unit.p4vpc.services.responder.frames import (
    FABRIC_PORT,
    GATEWAY_LINK_LOCAL,
    GATEWAY_MAC,
    HOST_LINK_LOCAL,
    HOST_MAC,
    HOST_V6,
    MTU,
    PORT,
    ROUTER_SOLICITATION,
    SUBNET,
    TAGGED,
    TAGGED_PORT,
    TO_GATEWAY,
    UNTAGGED,
    VIEW,
    VLAN_ID,
    check,
    ether,
    switch_view,
    tunnelled,
    v6,
)

ALL_ROUTERS, ALL_ROUTERS_MAC = "ff02::2", "33:33:00:00:00:02"
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
TRANSPARENT = replace(SUBNET, is_vlan_transparent=True)


def solicitation(sender: str = HOST_LINK_LOCAL, *, vlan: int | None = None, hop_limit: int = 255) -> Packet:
    option = Raw(b"") if sender == "::" else ICMPv6NDOptSrcLLAddr(lladdr=HOST_MAC)
    header = v6(src=sender, dst=ALL_ROUTERS, hlim=hop_limit)
    return ether(dst=ALL_ROUTERS_MAC, vlan=vlan) / header / ICMPv6ND_RS() / option


def advertisement(frame: bytes, port: int = PORT, subnet: SubnetView = SUBNET) -> Packet:
    reply = respond(frame, ROUTER_SOLICITATION, port, switch_view(subnet))
    assert reply is not None
    assert reply.egress_port == port
    return Ether(reply.frame)


@pytest.mark.parametrize(
    ("sender", "to_mac", "to_address"),
    [
        (HOST_LINK_LOCAL, HOST_MAC, HOST_LINK_LOCAL),
        (HOST_V6, HOST_MAC, HOST_V6),
        ("::", ALL_NODES_MAC, ALL_NODES),
    ],
)
def test_who_asks_is_told(sender: str, to_mac: str, to_address: str) -> None:
    frame = advertisement(bytes(solicitation(sender)))
    assert (frame.src, frame.dst) == (GATEWAY_MAC, to_mac)
    said = check(bytes(frame))
    assert (said.src, said.dst, said.hlim) == (GATEWAY_LINK_LOCAL, to_address, 255)


def test_what_it_says() -> None:
    said = check(bytes(advertisement(bytes(solicitation()))))
    router = said[ICMPv6ND_RA]
    assert (router.code, router.chlim, router.M, router.O, router.routerlifetime) == (0, 64, 0, 0, 65535)
    assert (router.reachabletime, router.retranstimer) == (0, 0)
    assert said[ICMPv6NDOptSrcLLAddr].lladdr == GATEWAY_MAC
    assert said[ICMPv6NDOptMTU].mtu == MTU
    prefix = said[ICMPv6NDOptPrefixInfo]
    assert (prefix.prefix, prefix.prefixlen, prefix.L, prefix.A) == ("2001:db8:1::", 64, 1, 0)
    assert prefix.validlifetime >= prefix.preferredlifetime >= router.routerlifetime
    assert said.plen == 16 + 8 + 8 + 32


def test_the_tag_is_the_attachments() -> None:
    frame = advertisement(bytes(solicitation(vlan=VLAN_ID)), TAGGED_PORT)
    assert frame[Dot1Q].vlan == VLAN_ID
    check(bytes(frame))


@pytest.mark.parametrize("is_v6", [False, True])
def test_a_foreign_workload_is_told_through_its_tunnel(is_v6: bool) -> None:
    frame = advertisement(tunnelled(solicitation(), is_v6=is_v6), FABRIC_PORT)
    assert frame[VXLAN].payload.src == GATEWAY_MAC
    assert check(bytes(frame))[ICMPv6ND_RA].routerlifetime == 65535


def test_a_subnet_without_ipv6_has_no_router_for_it() -> None:
    view = switch_view(replace(SUBNET, gateway_v6=None, prefix_v6=None))
    assert respond(bytes(solicitation()), ROUTER_SOLICITATION, PORT, view) is None


def spoilt(position: int, value: int) -> bytes:
    frame = bytearray(bytes(solicitation()))
    frame[position] ^= value
    return bytes(frame)


FROM_NOBODY = ether(dst=ALL_ROUTERS_MAC) / v6(src="::", dst=ALL_ROUTERS, hlim=255) / ICMPv6ND_RS()
FROM_HOST = v6(src=HOST_LINK_LOCAL, dst=ALL_ROUTERS, hlim=255)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(bytes(solicitation(hop_limit=254)), id="has passed a router"),
        pytest.param(spoilt(56, 1), id="wrong checksum"),
        pytest.param(bytes(ether() / FROM_HOST / ICMPv6ND_RS(code=1)), id="another code"),
        pytest.param(bytes(ether() / FROM_HOST / ICMPv6ND_RA()), id="an advertisement"),
        pytest.param(bytes(FROM_NOBODY / ICMPv6NDOptSrcLLAddr(lladdr=HOST_MAC)), id="nobody's MAC"),
        pytest.param(bytes(ether() / FROM_HOST / ICMPv6ND_RS() / Raw(b"\1\0" + bytes(6))), id="option of length 0"),
        pytest.param(bytes(ether() / FROM_HOST / ICMPv6ND_RS() / Raw(b"\1\2" + bytes(6))), id="option cut off"),
        pytest.param(bytes(ether() / FROM_HOST / ICMPv6ND_RS() / Raw(b"\1")), id="half an option"),
        pytest.param(bytes(ether() / FROM_HOST / IPv6ExtHdrFragment(m=1) / ICMPv6ND_RS()), id="fragment"),
        pytest.param(bytes(solicitation())[:60], id="cut off"),
    ],
)
def test_what_is_no_solicitation_gets_no_answer(frame: bytes) -> None:
    assert respond(frame, ROUTER_SOLICITATION, PORT, VIEW) is None


def test_it_is_no_solicitation_by_another_reason() -> None:
    assert respond(bytes(solicitation()), TO_GATEWAY, PORT, VIEW) is None


def test_a_tenants_own_vlan_has_no_router() -> None:
    tagged = bytes(solicitation(vlan=5))
    assert respond(tagged, ROUTER_SOLICITATION, PORT, switch_view(TRANSPARENT)) is None
    assert respond(tunnelled(solicitation(vlan=5)), ROUTER_SOLICITATION, FABRIC_PORT, switch_view(TRANSPARENT)) is None
    assert ICMPv6ND_RA in advertisement(bytes(solicitation()), subnet=TRANSPARENT)


def test_unasked_all_nodes_of_an_attachment_are_told() -> None:
    for attachment, vlan in ((UNTAGGED, None), (TAGGED, VLAN_ID)):
        told = advertise(attachment, SUBNET)
        assert told is not None
        assert told.egress_port == attachment.port
        frame = Ether(told.frame)
        assert (frame.src, frame.dst) == (GATEWAY_MAC, ALL_NODES_MAC)
        assert (frame[Dot1Q].vlan if Dot1Q in frame else None) == vlan
        said = check(told.frame)
        assert (said.src, said.dst, said[ICMPv6ND_RA].routerlifetime) == (GATEWAY_LINK_LOCAL, ALL_NODES, 65535)
    assert advertise(UNTAGGED, replace(SUBNET, gateway_v6=None, prefix_v6=None)) is None
