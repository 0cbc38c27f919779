# SPDX-License-Identifier: Apache-2.0
"""The parts of protobuf's wire format that building a message from pieces takes.

A message is its fields one after the other, and one within another is its own bytes behind a tag and its length. So
what is always the same is made once, and a message of two dozen small fields is a few concatenations of bytes, where
the message objects would be made, filled and taken apart again one by one
(https://protobuf.dev/programming-guides/encoding/).
"""

from collections.abc import Callable
from typing import TypeAlias

from google.protobuf.message import Message

_VARINT, _DELIMITED = 0, 2
_ONE_BYTE = 0x80

Wrap: TypeAlias = Callable[[bytes], bytes]


def varint(value: int) -> bytes:
    """A number that is not negative, seven bits in each byte, the lowest first."""
    data = bytearray()
    while value >= _ONE_BYTE:
        data.append(value & 0x7F | _ONE_BYTE)
        value >>= 7
    data.append(value)
    return bytes(data)


def tag(message: type[Message], name: str) -> bytes:
    """What a field of bytes, or of a message, begins with, before its length."""
    return varint(message.DESCRIPTOR.fields_by_name[name].number << 3 | _DELIMITED)


def number_tag(message: type[Message], name: str) -> bytes:
    """What a field that is a number begins with, before its value."""
    return varint(message.DESCRIPTOR.fields_by_name[name].number << 3 | _VARINT)


_LENGTHS = tuple(map(varint, range(1 << 14)))


def delimited(field_tag: bytes, data: bytes) -> bytes:
    """A field of bytes, or of a message that is encoded already."""
    size = len(data)
    return field_tag + (_LENGTHS[size] if size < len(_LENGTHS) else varint(size)) + data


def heads(longest: int, *wraps: Wrap) -> tuple[bytes, ...]:
    """What stands before a value of 0, 1, ... `longest` bytes that is the last thing in all of these fields.

    `wraps` are from the innermost to the outermost.
    """
    found = []
    for size in range(longest + 1):
        data = bytes(size)
        for wrap in wraps:
            data = wrap(data)
        found.append(data[: len(data) - size])
    return tuple(found)
