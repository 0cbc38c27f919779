# SPDX-License-Identifier: Apache-2.0
import struct

from hypothesis import given
from hypothesis import strategies as st

from softswitch.ports.link_state import IFLA_IFNAME, RTM_DELLINK, RTM_NEWLINK, parse_link_names, read_link


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, *attributes: bytes) -> bytes:
    body = bytes(16) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_names_are_found_in_link_messages():
    data = (
        message(RTM_NEWLINK, attribute(1, b"abc"), attribute(IFLA_IFNAME, b"veth1\0"))
        + message(99, attribute(IFLA_IFNAME, b"other\0"))
        + message(RTM_DELLINK, attribute(IFLA_IFNAME, b"veth2\0"))
    )
    assert parse_link_names(data) == {"veth1", "veth2"}


@given(st.binary(max_size=200))
def test_anything_is_survived(data):
    assert isinstance(parse_link_names(data), set)


def test_the_loopback_interface_has_a_state():
    link = read_link("lo")
    assert link is not None
    assert link.index == 1
    assert read_link("no-such-if") is None
