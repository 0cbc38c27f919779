# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP, Dot1Q, Ether

from softswitch.ports.offload import complete_checksum, internet_checksum, restore_vlan_tag

# With addresses, or scapy would look for them on the network of this machine.
ETHER = Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a")
IPV4 = IP(src="10.0.0.1", dst="10.0.0.2")
IPV6 = IPv6(src="fd00::1", dst="fd00::2")

STACKS = {
    "udp": ETHER / IPV4 / UDP(sport=1, dport=2),
    "tcp": ETHER / IP(src="10.0.0.1", dst="10.0.0.2", options=b"\x01\x01\x01\x00") / TCP(sport=1, dport=2),
    "tagged": ETHER / Dot1Q(vlan=5) / IPV4 / UDP(),
    "udp6": ETHER / IPV6 / UDP(sport=1, dport=2),
    "options6": ETHER / IPV6 / IPv6ExtHdrDestOpt() / TCP(),
}


@pytest.mark.parametrize("name", STACKS)
@given(payload=st.binary(max_size=64), trailer=st.binary(max_size=8))
def test_a_partial_checksum_is_completed(name, payload, trailer):
    right = bytes(STACKS[name] / payload) + trailer
    layer = TCP if Ether(right).haslayer(TCP) else UDP
    offset = len(right) - len(trailer) - len(payload) - len(layer()) + (16 if layer is TCP else 6)
    partial = right[:offset] + b"\x12\x34" + right[offset + 2 :]
    assert complete_checksum(partial) == right


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(13),
        bytes(ETHER / ARP(psrc="10.0.0.1")),
        bytes(ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="MF") / UDP() / b"abc"),
        bytes(ETHER / IP(src="10.0.0.1", dst="10.0.0.2", proto=1) / b"abc"),
        bytes(ETHER / IP(src="10.0.0.1", dst="10.0.0.2", len=9000) / UDP()),
        bytes(ETHER / IPV4 / UDP())[:38],
    ],
)
def test_a_frame_without_a_whole_segment_is_left_alone(frame):
    assert complete_checksum(frame) == frame


@given(st.binary(max_size=200))
def test_anything_is_survived(frame):
    assert len(complete_checksum(frame)) == len(frame)


@given(st.binary(min_size=1, max_size=64))
def test_the_checksum_of_data_with_its_checksum_is_zero(data):
    if len(data) % 2:
        data += b"\0"
    assert internet_checksum(data + internet_checksum(data).to_bytes(2, "big")) == 0


def test_a_tag_is_put_back():
    tagged = bytes(ETHER / Dot1Q(vlan=5, prio=3) / IPV4 / b"x")
    untagged = tagged[:12] + tagged[16:]
    assert restore_vlan_tag(untagged, 0x8100, 3 << 13 | 5) == tagged
