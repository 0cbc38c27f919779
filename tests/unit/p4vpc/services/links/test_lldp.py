# SPDX-License-Identifier: Apache-2.0
"""LLDP frames: as scapy reads them, and as others may write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.lldp import LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUPortID, LLDPDUTimeToLive
from scapy.layers.l2 import Ether

from p4vpc.services.links.lldp import Sender, decode_frame, encode_frame

LEAF = Sender("leaf-1", "7")
MAC = 0x02FA00000001


def test_others_read_what_we_send() -> None:
    frame = encode_frame(LEAF, MAC, 20)
    assert len(frame) == 60, "without FCS the shortest frame there is"
    ether = Ether(frame)
    assert (ether.dst, ether.src, ether.type) == ("01:80:c2:00:00:0e", "02:fa:00:00:00:01", 0x88CC)
    assert (ether[LLDPDUChassisID].subtype, ether[LLDPDUChassisID].id) == (7, b"leaf-1")
    assert (ether[LLDPDUPortID].subtype, ether[LLDPDUPortID].id) == (7, b"7")
    assert ether[LLDPDUTimeToLive].ttl == 20
    assert ether.haslayer(LLDPDUEndOfLLDPDU)


@given(st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True), st.integers(0, 511))
def test_we_read_what_we_send(name: str, port: int) -> None:
    sender = Sender(name, str(port))
    assert decode_frame(encode_frame(sender, MAC, 100_000)) == sender


def foreign(*values: tuple[int, bytes]) -> bytes:
    """LLDP of values that begin with their subtype, where they have one."""
    unit = b"".join((kind << 9 | len(value)).to_bytes(2) + value for kind, value in values)
    return bytes(Ether(dst="01:80:c2:00:00:0e", src="02:00:00:00:00:09", type=0x88CC)) + unit


CHASSIS_ID, PORT_ID, TTL, SYSTEM_NAME, END = 1, 2, 3, 5, 0


def test_what_a_router_sends_is_read_up_to_the_ttl() -> None:
    chassis, port = b"\x04" + bytes.fromhex("020000000009"), b"\x05eth0"
    rest = ((TTL, b"\0\x78"), (SYSTEM_NAME, b"router"), (END, b""))
    assert decode_frame(foreign((CHASSIS_ID, chassis), (PORT_ID, port), *rest)) == Sender(
        "02:00:00:00:00:09", "65:74:68:30"
    )


def test_names_that_do_not_print_are_shown_in_hexadecimal() -> None:
    frame = foreign((CHASSIS_ID, b"\x07\x1b[2J"), (PORT_ID, b"\x071"), (TTL, b"\0\1"))
    assert decode_frame(frame) == Sender("1b:5b:32:4a", "1")


@pytest.mark.parametrize("length", range(31))
def test_what_is_cut_short_is_none(length: int) -> None:
    assert decode_frame(encode_frame(LEAF, MAC, 20)[:length]) is None


def test_what_is_out_of_order_is_none() -> None:
    assert decode_frame(foreign((PORT_ID, b"\x071"), (CHASSIS_ID, b"\x07a"), (TTL, b"\0\1"))) is None


@given(st.binary(max_size=80))
def test_nothing_trips_the_reader(tail: bytes) -> None:
    decode_frame(encode_frame(LEAF, MAC, 20)[:14] + tail)
