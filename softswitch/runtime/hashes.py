# SPDX-License-Identifier: Apache-2.0
"""Hash and checksum algorithms of v1model, with the results of BMv2.

Each maps bytes to a non-negative int. Where BMv2's P4Runtime-less defaults of the ``_custom`` CRCs can be
reconfigured at run time, only the defaults exist here.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from array import array
from collections.abc import Callable
from functools import cache
from itertools import count


def _reflect(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


def _reflected_table(polynomial: int, width: int) -> tuple[int, ...]:
    """Return the byte table of a CRC whose input and remainder are both reflected."""
    reversed_polynomial = _reflect(polynomial, width)
    table: list[int] = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (reversed_polynomial if remainder & 1 else 0)
        table.append(remainder)
    return tuple(table)


def _forward_table(polynomial: int, width: int) -> tuple[int, ...]:
    top, mask = 1 << (width - 1), (1 << width) - 1
    table: list[int] = []
    for byte in range(256):
        remainder = byte << (width - 8)
        for _ in range(8):
            remainder = ((remainder << 1) ^ (polynomial if remainder & top else 0)) & mask
        table.append(remainder)
    return tuple(table)


_CRC16 = _reflected_table(0x8005, 16)
_CRC64 = _reflected_table(0x1B, 64)
_CRC8 = _forward_table(0x07, 8)


@cache
def _crc16_words() -> array[int]:
    """Return the table for two bytes at a time: a 16-bit remainder is used up by each step."""
    table = array("H", bytes(2 * 65536))
    for word in range(65536):
        remainder = _CRC16[word & 0xFF]
        table[word] = (remainder >> 8) ^ _CRC16[(remainder ^ word >> 8) & 0xFF]
    return table


@cache
def _little_endian_words(octets: int) -> struct.Struct:
    return struct.Struct(f"<{octets // 2}H" + "x" * (octets % 2))


def crc16(data: bytes) -> int:
    """CRC-16/ARC: polynomial 0x8005, reflected, initial value 0."""
    table = _crc16_words()
    remainder = 0
    for word in _little_endian_words(len(data)).unpack(data):
        remainder = table[remainder ^ word]
    if len(data) & 1:
        remainder = (remainder >> 8) ^ _CRC16[(remainder ^ data[-1]) & 0xFF]
    return remainder


def crc_ccitt(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF."""
    return binascii.crc_hqx(data, 0xFFFF)


def crc8(data: bytes) -> int:
    """CRC-8: polynomial 0x07, initial value 0."""
    remainder = 0
    for byte in data:
        remainder = _CRC8[remainder ^ byte]
    return remainder


def crc64(data: bytes) -> int:
    """CRC-64 of BMv2: polynomial 0x1B, reflected, initial value 0."""
    remainder = 0
    for byte in data:
        remainder = (remainder >> 8) ^ _CRC64[(remainder ^ byte) & 0xFF]
    return remainder


def csum16(data: bytes) -> int:
    """Internet checksum (RFC 1071); an odd last byte is padded with zeros."""
    if len(data) & 1:
        data += b"\0"
    return fold16(int.from_bytes(data, "big"))


def fold16(total: int) -> int:
    """Internet checksum of a sum of 16-bit words.

    The ones' complement sum is the remainder modulo 65535, except that it is 0xFFFF for a positive multiple.
    """
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))


def _xor(data: bytes, size: int) -> int:
    data += b"\0" * (-len(data) % size)
    result = 0
    for start in range(0, len(data), size):
        result ^= int.from_bytes(data[start : start + size], "big")
    return result


def xor16(data: bytes) -> int:
    """Exclusive or of all 16-bit words, the last padded with zeros."""
    return _xor(data, 2)


def xor32(data: bytes) -> int:
    """Exclusive or of all 32-bit words, the last padded with zeros."""
    return _xor(data, 4)


def identity(data: bytes) -> int:
    """Return the first eight bytes as a number."""
    return int.from_bytes(data[:8], "big")


def _shared(function: Callable[[bytes], int]) -> Callable[[], Callable[[bytes], int]]:
    return lambda: function


def _round_robin() -> Callable[[bytes], int]:
    numbers = count()
    return lambda data: next(numbers)


ALGORITHMS: dict[str, Callable[[], Callable[[bytes], int]]] = {
    "crc8_custom": _shared(crc8),
    "crc16": _shared(crc16),
    "crc16_custom": _shared(crc16),
    "crc32": _shared(zlib.crc32),
    "crc32_custom": _shared(zlib.crc32),
    "crc64_custom": _shared(crc64),
    "crcCCITT": _shared(crc_ccitt),
    "csum16": _shared(csum16),
    "cksum16": _shared(csum16),
    "xor16": _shared(xor16),
    "xor32": _shared(xor32),
    "identity": _shared(identity),
    "round_robin": _round_robin,
}
"""Factories by BMv2 name: one function per place of use, because ``round_robin`` has state."""
