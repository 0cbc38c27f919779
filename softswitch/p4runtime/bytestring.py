# SPDX-License-Identifier: Apache-2.0
"""P4Runtime byte strings (P4Runtime 1.5, section 8.4): big-endian integers, canonical when as short as possible."""

from collections.abc import Callable

from grpc import StatusCode

from softswitch.p4runtime.status import StatusError


def encode(value: int) -> bytes:
    """The canonical (shortest) byte string of an unsigned integer; zero takes one byte."""
    return value.to_bytes((value.bit_length() + 7) >> 3 or 1, "big")


def decode(data: bytes, width: int, what: str) -> int:
    """The unsigned integer that `data` stands for; leading zeros are accepted.

    `what` names the field in the error. Raises StatusError OUT_OF_RANGE when `data` is empty or the value needs more
    than `width` bits.
    """
    value = int.from_bytes(data, "big")
    if not data:
        raise StatusError(StatusCode.OUT_OF_RANGE, f"{what}: the byte string is empty; zero is the one byte 0x00")
    if value >> width:
        raise StatusError(
            StatusCode.OUT_OF_RANGE,
            f"{what}: value {value:#x} does not fit in {width} bits (at most {(1 << width) - 1:#x})",
        )
    return value


def decoder(width: int, what: str) -> Callable[[bytes], int]:
    """A function that does `decode` for one field: the fast path is two operations and a compare."""
    limit = 1 << width
    from_bytes = int.from_bytes

    def decode_field(data: bytes) -> int:
        value = from_bytes(data, "big")
        if data and value < limit:
            return value
        return decode(data, width, what)

    return decode_field


def encode_signed(value: int) -> bytes:
    """The canonical byte string of a signed integer (two's complement, no redundant sign bytes)."""
    magnitude = value if value >= 0 else ~value
    return value.to_bytes((magnitude.bit_length() >> 3) + 1, "big", signed=True)


def decode_signed(data: bytes, width: int, what: str) -> int:
    """The signed integer that `data` stands for; redundant sign bytes are accepted.

    Raises StatusError OUT_OF_RANGE when `data` is empty or the value does not fit in int<width>.
    """
    if not data:
        raise StatusError(StatusCode.OUT_OF_RANGE, f"{what}: the byte string is empty; zero is the one byte 0x00")
    value = int.from_bytes(data, "big", signed=True)
    limit = 1 << (width - 1)
    if not -limit <= value < limit:
        raise StatusError(
            StatusCode.OUT_OF_RANGE, f"{what}: value {value} does not fit in int<{width}> ({-limit} to {limit - 1})"
        )
    return value
