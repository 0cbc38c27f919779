# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from topo.echo import echo_request, internet_checksum
from topo.witness import Marks


def test_checksum_of_the_example_of_rfc_1071() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2


@given(st.binary(max_size=200), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_an_echo_request_sums_to_zero(payload: bytes, identifier: int, sequence: int) -> None:
    message = echo_request(4, identifier, sequence, payload)
    assert internet_checksum(message) == 0
    assert message[8:] == payload


def test_the_checksum_of_icmpv6_is_left_to_the_kernel() -> None:
    assert echo_request(6, 0x1234, 0x0007, b"payload") == bytes.fromhex("8000000012340007") + b"payload"


@given(st.integers(0, 40))
def test_a_mark_is_found_wherever_the_payload_starts_to_repeat_it(cut: int) -> None:
    marks = Marks()
    first, _ = marks.new()
    serial, mark = marks.new()
    assert serial == first + 1
    assert marks.find((mark * 5)[cut:]) == serial


def test_the_marks_of_another_run_are_not_ours() -> None:
    _, mark = Marks().new()
    assert Marks().find(mark * 4) is None
    assert Marks().find(b"") is None
