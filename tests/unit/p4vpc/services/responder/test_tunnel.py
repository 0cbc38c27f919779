# SPDX-License-Identifier: Apache-2.0
"""Frames that came inside VXLAN from a foreign VTEP are answered back into the tunnel."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from p4vpc.services.responder import respond
from tests.unit.p4vpc.services.responder.frames import (
    ECHO,
    FABRIC_PORT,
    FOREIGN_V4,
    FOREIGN_V6,
    GATEWAY_MAC,
    GATEWAY_V4,
    HOST_MAC,
    HOST_V4,
    NEIGHBOR_MAC,
    PORT,
    ROUTER_MAC,
    TO_GATEWAY,
    TTL,
    VIEW,
    VNI,
    VTEP_V4,
    VTEP_V6,
    check,
    ether,
    tunnelled,
    v4,
    v6,
)

INNER = ether() / v4(dst=GATEWAY_V4) / ECHO


@pytest.mark.parametrize("is_v6", [False, True])
def test_the_answer_goes_back_into_the_tunnel(is_v6: bool) -> None:
    reply = respond(tunnelled(INNER, is_v6=is_v6), TO_GATEWAY, FABRIC_PORT, VIEW)
    assert reply is not None
    assert reply.egress_port == FABRIC_PORT
    frame = Ether(reply.frame)
    assert (frame.src, frame.dst) == (ROUTER_MAC, NEIGHBOR_MAC)
    if is_v6:
        outer = frame[IPv6]
        assert (outer.src, outer.dst, outer.hlim, outer.tc) == (VTEP_V6, FOREIGN_V6, 64, 0)
        assert outer.fl != 0
    else:
        outer = frame[IP]
        assert (outer.src, outer.dst, outer.ttl, outer.flags, outer.tos) == (VTEP_V4, FOREIGN_V4, 64, "DF", 0)
    assert outer[UDP].dport == 4789
    assert 49152 <= outer[UDP].sport <= 65535
    assert bytes(outer[VXLAN])[:8] == b"\x08\0\0\0" + VNI.to_bytes(3) + b"\0"
    inner = outer[VXLAN].payload
    assert (inner.src, inner.dst) == (GATEWAY_MAC, HOST_MAC)
    said = check(reply.frame)
    assert (said.src, said.dst, said.ttl) == (GATEWAY_V4, HOST_V4, 64)


def source_port(inner: Packet) -> int:
    reply = respond(tunnelled(inner), TTL, FABRIC_PORT, VIEW)
    assert reply is not None
    check(reply.frame)
    return int(Ether(reply.frame)[UDP].sport)


def test_the_source_port_is_a_flows_own() -> None:
    ports = {source_port(ether() / v4(dst=f"10.0.2.{host}", ttl=1) / UDP()) for host in range(1, 65)}
    assert len(ports) > 55
    again = [source_port(ether() / v4(ttl=1) / UDP(dport=33434 + probe)) for probe in range(3)]
    assert len(set(again)) == 1
    assert source_port(ether() / v6(hlim=1) / UDP()) != again[0]


def test_group_policy_flags_are_not_sent_back() -> None:
    frame = bytearray(tunnelled(INNER))
    assert frame[42:46] == b"\x08\0\0\0"
    frame[42:46] = b"\x88\x08\x12\x34"
    reply = respond(bytes(frame), TO_GATEWAY, FABRIC_PORT, VIEW)
    assert reply is not None
    assert reply.frame[42:46] == b"\x08\0\0\0"


@pytest.mark.parametrize(
    ("frame", "port"),
    [
        pytest.param(tunnelled(INNER), PORT, id="not on a fabric port: a tenant's own VXLAN"),
        pytest.param(tunnelled(INNER, vni=VNI + 1), FABRIC_PORT, id="another VNI"),
        pytest.param(tunnelled(INNER, dport=4790), FABRIC_PORT, id="another UDP port"),
        pytest.param(tunnelled(ether(vlan=5) / v4(dst=GATEWAY_V4) / ECHO), FABRIC_PORT, id="tagged inside"),
        pytest.param(tunnelled(INNER)[:42] + bytes(4) + tunnelled(INNER)[46:], FABRIC_PORT, id="no VNI"),
        pytest.param(tunnelled(Raw(b"short")), FABRIC_PORT, id="no frame inside"),
        pytest.param(bytes(INNER), FABRIC_PORT, id="no VXLAN"),
        pytest.param(tunnelled(INNER)[:60], FABRIC_PORT, id="cut off"),
    ],
)
def test_what_is_no_foreign_vteps_is_not_answered(frame: bytes, port: int) -> None:
    assert respond(frame, TO_GATEWAY, port, VIEW) is None


@pytest.mark.parametrize(
    ("source", "destination", "fields"),
    [
        ("10.255.0.2", VTEP_V4, {}),  # a leaf of ours, or nobody
        (FOREIGN_V4, "10.255.0.9", {}),  # in transit
        (FOREIGN_V4, VTEP_V4, {"flags": "MF"}),
        (FOREIGN_V4, VTEP_V4, {"frag": 3}),
    ],
)
def test_outer_addresses_and_fragments(source: str, destination: str, fields: dict[str, object]) -> None:
    outer = Ether(src=NEIGHBOR_MAC, dst=ROUTER_MAC) / IP(src=source, dst=destination, **fields)
    frame = bytes(outer / UDP() / VXLAN(vni=VNI, flags="Instance") / INNER)
    assert respond(frame, TO_GATEWAY, FABRIC_PORT, VIEW) is None
