# SPDX-License-Identifier: Apache-2.0
"""Headers taken apart: lengths that lie, broken checksums, chains of extension headers."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from p4vpc.intent import Mac
from p4vpc.services.responder.ethernet import parse_frame
from p4vpc.services.responder.ipv4 import parse_ipv4
from p4vpc.services.responder.ipv6 import parse_ipv6
from p4vpc.services.responder.vxlan import Tunnel, wrap
from tests.unit.p4vpc.services.responder.frames import HOST_MAC, check_v6, v4, v6

UDP_BODY = UDP(sport=1, dport=2) / Raw(b"body")
AUTHENTICATION = bytes((17, 4)) + bytes(22)
"""24 octets in front of UDP: the length is in words of 4 octets, less 2."""


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(v4(chksum=0x1234) / UDP_BODY, id="wrong checksum"),
        pytest.param(v4(version=5) / UDP_BODY, id="wrong version"),
        pytest.param(v4(ihl=4) / UDP_BODY, id="header too short"),
        pytest.param(v4(ihl=15) / UDP_BODY, id="header beyond the packet"),
        pytest.param(v4(len=19) / UDP_BODY, id="packet shorter than its header"),
        pytest.param(v4(len=1000) / UDP_BODY, id="packet beyond the frame"),
    ],
)
def test_malformed_v4(packet: Packet) -> None:
    assert parse_ipv4(bytes(packet)) is None


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(v6(version=5) / UDP_BODY, id="wrong version"),
        pytest.param(v6(plen=1000) / UDP_BODY, id="packet beyond the frame"),
        pytest.param(v6(nh=0) / Raw(bytes(7)), id="extension cut off"),
        pytest.param(v6(nh=60) / Raw(bytes((17, 3)) + bytes(20)), id="extension beyond the packet"),
        pytest.param(v6(nh=51) / Raw(AUTHENTICATION[:23]), id="authentication beyond the packet"),
    ],
)
def test_malformed_v6(packet: Packet) -> None:
    assert parse_ipv6(bytes(packet)) is None


def test_every_cut_of_a_packet_is_malformed() -> None:
    for packet, parse in ((v4() / UDP_BODY, parse_ipv4), (v6() / IPv6ExtHdrDestOpt() / UDP_BODY, parse_ipv6)):
        octets = bytes(packet)
        assert parse(octets) is not None
        assert all(parse(octets[:length]) is None for length in range(len(octets)))


@pytest.mark.parametrize(
    "packet",
    [
        v6() / UDP_BODY,
        v6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP_BODY,
        v6() / IPv6ExtHdrRouting(segleft=0) / UDP_BODY,
        v6(nh=51) / Raw(AUTHENTICATION + bytes(UDP_BODY)),
    ],
)
def test_the_upper_layer_is_behind_all_extension_headers(packet: IPv6) -> None:
    parsed = parse_ipv6(bytes(packet))
    assert parsed is not None
    assert (parsed.protocol, parsed.upper[:4], parsed.upper[8:]) == (17, b"\0\x01\0\x02", b"body")
    assert not parsed.is_fragment
    assert not parsed.is_source_routed


@pytest.mark.parametrize(
    ("fields", "is_fragment", "is_later"),
    [
        ({"offset": 0, "m": 0}, False, False),
        ({"offset": 0, "m": 1}, True, False),
        ({"offset": 1, "m": 0, "nh": 60}, True, True),
    ],
)
def test_fragments_v6(fields: dict[str, int], is_fragment: bool, is_later: bool) -> None:
    # What follows a later fragment's header is data, even if it is called an extension header.
    body = Raw(b"xx") if is_later else UDP_BODY
    parsed = parse_ipv6(bytes(v6() / IPv6ExtHdrFragment(**fields) / body))
    assert parsed is not None
    assert (parsed.is_fragment, parsed.is_later_fragment) == (is_fragment, is_later)


def test_fields_v4() -> None:
    parsed = parse_ipv4(bytes(IP(src="10.0.0.1", dst="10.0.0.2", tos=0xB9, ttl=3, flags="DF") / UDP_BODY) + b"padding")
    assert parsed is not None
    assert (parsed.src, parsed.dst) == (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"))
    assert (parsed.traffic_class, parsed.hop_limit, parsed.is_unfragmentable) == (0xB9, 3, True)
    assert len(parsed.octets) == 32


@pytest.mark.parametrize("length", range(18))
def test_a_frame_that_ends_in_its_header(length: int) -> None:
    frame = bytes(Ether(src=HOST_MAC, dst=HOST_MAC, type=0x8100) / Raw(b"\0\x07\x08\0"))
    assert (parse_frame(frame[:length]) is None) == (length < 18)


def test_a_flow_label_is_never_0() -> None:
    tunnel = Tunnel(Mac(2), Mac(4), IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2"), 5)
    for flow_hash in (0, 1 << 20):
        assert check_v6(wrap(tunnel, bytes(60), flow_hash)[14:]).fl == 1


def test_a_tunnel_has_one_family() -> None:
    tunnel = Tunnel(Mac(2), Mac(4), IPv6Address("2001:db8::1"), IPv4Address("10.0.0.2"), 5)
    with pytest.raises(TypeError, match="not of one family"):
        wrap(tunnel, bytes(60), 0)
