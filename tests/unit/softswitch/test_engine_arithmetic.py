# SPDX-License-Identifier: Apache-2.0
"""Every operator gives what P4 says, computed here a second time the plain way."""

import struct
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from softswitch.program import Program

OPERANDS = struct.Struct(">BBIBBB")


def signed(value: int, width: int = 8) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def expected(operands: bytes) -> list[tuple[int, int]]:
    """Result fields as (value, width), in the order of the header."""
    a, b, wide, nibbles, signed_a, signed_b = OPERANDS.unpack(operands)
    left, right = signed(signed_a), signed(signed_b)
    both = a >= 10 and b <= 20
    return [
        (a + b, 8),
        (a - b, 8),
        (a * b, 8),
        (clamp(a + b, 0, 255), 8),
        (clamp(a - b, 0, 255), 8),
        (a & b, 8),
        (a | b, 8),
        (a ^ b, 8),
        (~a, 8),
        (-a, 8),
        (a << b, 8),
        (a >> b, 8),
        (wide >> 12, 8),
        (a << 8 | b, 16),
        (a if a > b else 7, 8),
        (int(a < b), 8),
        (int((both or wide == 0) and a == b), 8),
        (left + right, 8),
        (clamp(left + right, -128, 127), 8),
        (clamp(left - right, -128, 127), 8),
        (left >> 2, 8),
        (int(left < right), 8),
        (left, 16),
        (wide, 8),
        ((nibbles >> 4) ^ (nibbles & 15), 4),
        ((nibbles >> 4) + (nibbles & 15), 4),
        (wide & 0xFFFF00FF | a << 8, 32),
    ]


@given(st.binary(min_size=9, max_size=9), st.binary(max_size=40))
@example(bytes(9), b"")
@example(bytes([255, 255, 255, 255, 255, 255, 255, 128, 127]), b"x")
@example(bytes([128, 8, 0, 0, 0, 1, 0x88, 127, 128]), b"")
def test_operators(load_program: Callable[[str], Program], operands: bytes, payload: bytes) -> None:
    bits = 0
    width = 0
    for value, field_width in expected(operands):
        bits = bits << field_width | value & ((1 << field_width) - 1)
        width += field_width
    outputs = load_program("arithmetic").instantiate().process(3, operands + payload)
    assert outputs == [(1, operands + bits.to_bytes(width // 8, "big") + payload)]


def test_short_packet_is_dropped_by_the_program(load_program: Callable[[str], Program]) -> None:
    switch = load_program("arithmetic").instantiate()
    assert [switch.process(0, bytes(length)) for length in range(9)] == [[]] * 9
    assert switch.faults == 0
