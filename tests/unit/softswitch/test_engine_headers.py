# SPDX-License-Identifier: Apache-2.0
"""Whole headers: assigned, compared, and made inside the program; loops inside actions."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.program import Program

HEADER = st.binary(min_size=4, max_size=4)


@given(first=HEADER, second=HEADER, payload=st.binary(max_size=9))
def test_headers_are_swapped_and_a_local_one_is_sent(
    load_program: Callable[[str], Program], first: bytes, second: bytes, payload: bytes
) -> None:
    ((_, sent),) = load_program("locals").instantiate().process(0, first + second + payload)
    assert sent == second + first + second[:1] + b"\x12\xbe\xef" + payload


@given(first=HEADER)
def test_equal_headers(load_program: Callable[[str], Program], first: bytes) -> None:
    switch = load_program("locals").instantiate()
    other = bytes([first[0], first[1] ^ 1]) + first[2:]
    assert [switch.process(0, first + second)[0][0] for second in (first, other)] == [2, 1]


@pytest.mark.parametrize("length", range(8))
def test_an_invalid_header_is_assigned_as_invalid(load_program: Callable[[str], Program], length: int) -> None:
    frame = bytes(range(1, length + 1))
    ((port, sent),) = load_program("locals").instantiate().process(0, frame)
    assert port == (2 if length < 4 else 1), "two invalid headers are equal, a valid and an invalid one are not"
    rest = frame[4:] if length >= 4 else frame
    assert (sent[: len(frame) - len(rest)], sent.endswith(rest)) == (frame[: len(frame) - len(rest)], True)
    assert len(sent) == length + 4


@given(count=st.integers(0, 255), skipped=st.integers(0, 255), last=st.integers(0, 255))
def test_loop_inside_an_action(load_program: Callable[[str], Program], count: int, skipped: int, last: int) -> None:
    total = 0
    for number in range(count):
        if number == skipped:
            continue
        if number == last:
            break
        total += number
    head = bytes([count, skipped, last])
    ((_, sent),) = load_program("loops").instantiate().process(0, head + b"\xff\xff")
    assert sent == head + total.to_bytes(2, "big")
