# SPDX-License-Identifier: Apache-2.0
"""Key fields to P4Runtime and back, one function per field and direction, chosen once when the pipeline is loaded.

Byte strings are canonical (P4Runtime 1.4, section 8.4): shortest big-endian form, zero is one zero byte. What targets
send back may be padded; decoding does not mind. A wildcard is left out of the message (section 9.1.1).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from finsy.proto import p4r

from p4vpc.compiler.entries import Exact, Lpm, Match, Range, Ternary
from p4vpc.errors import SouthboundError
from p4vpc.reconcile import FieldSchema, MatchKind
from p4vpc.reconcile.normalise import normalise_match
from p4vpc.southbound.wire import Wrap, delimited, heads, number_tag, tag, varint


class EncodeError(SouthboundError):
    """An entry does not fit the pipeline; says which table and field, and what would be right."""


class DecodeError(SouthboundError):
    """A switch has sent something that its own pipeline does not have."""


def canonical(value: int) -> bytes:
    """The shortest big-endian form, at least one byte."""
    return value.to_bytes((value.bit_length() + 7) >> 3 or 1, "big")


def number(data: bytes) -> int:
    """The value of a byte string of any length."""
    return int.from_bytes(data, "big")


Setter: TypeAlias = Callable[[Match], bytes]
Getter: TypeAlias = Callable[[p4r.FieldMatch], Match]


_MATCH = tag(p4r.TableEntry, "match")
_FIELD_ID = number_tag(p4r.FieldMatch, "field_id")
_LPM_VALUE = tag(p4r.FieldMatch.LPM, "value")
_LPM_PREFIX_LEN = number_tag(p4r.FieldMatch.LPM, "prefix_len")
_TERNARY_VALUE, _TERNARY_MASK = tag(p4r.FieldMatch.Ternary, "value"), tag(p4r.FieldMatch.Ternary, "mask")
_RANGE_LOW, _RANGE_HIGH = tag(p4r.FieldMatch.Range, "low"), tag(p4r.FieldMatch.Range, "high")

_MATCH_TYPES: Mapping[MatchKind, type[Match]] = {
    MatchKind.EXACT: Exact,
    MatchKind.LPM: Lpm,
    MatchKind.TERNARY: Ternary,
    MatchKind.RANGE: Range,
    MatchKind.OPTIONAL: Ternary,
}


def misfit(table: str, column: FieldSchema, match: Match) -> EncodeError:
    """What is wrong with a key field."""
    where = f"table {table}, key field {column.name}"
    if type(match) is not _MATCH_TYPES[column.kind]:
        return EncodeError(f"{where}: a match of kind {column.kind} is needed, this is {match!r}")
    match match:
        case Lpm(_, prefix_len) if not 0 <= prefix_len <= column.width:
            return EncodeError(f"{where}: prefix length {prefix_len} is not in 0..{column.width}")
        case Range(low, high) if low > high:
            return EncodeError(f"{where}: the range begins at {low}, after its end {high}")
        case Ternary(value, mask) if value & ~mask:
            return EncodeError(f"{where}: value {value:#x} has bits outside of its mask {mask:#x}")
        case Lpm(value, prefix_len) if normalise_match(match, column.width) != match:
            return EncodeError(f"{where}: value {value:#x} has bits beyond its prefix of {prefix_len}")
        case Ternary(_, mask) if column.kind is MatchKind.OPTIONAL and mask not in (0, column.maximum):
            return EncodeError(f"{where}: an optional field is compared whole or not at all, not under {mask:#x}")
        case _:
            return EncodeError(f"{where}: {match!r} is beyond its {column.width} bits")


def setter(table: str, column: FieldSchema, field_id: int) -> Setter:
    """A function that checks a match and gives its bytes in a table entry: none for a wildcard."""
    maximum, width = column.maximum, column.width
    longest = (width + 7) // 8
    id_field = _FIELD_ID + varint(field_id)

    def in_entry(kind: str) -> Wrap:
        of_kind = tag(p4r.FieldMatch, kind)
        return lambda data: delimited(_MATCH, id_field + delimited(of_kind, data))

    exact = heads(longest, partial(delimited, tag(p4r.FieldMatch.Exact, "value")), in_entry("exact"))
    optional = heads(longest, partial(delimited, tag(p4r.FieldMatch.Optional, "value")), in_entry("optional"))

    def set_exact(match: Match) -> bytes:
        if type(match) is not Exact or not 0 <= match[0] <= maximum:
            raise misfit(table, column, match)
        value = match[0]
        size = (value.bit_length() + 7) >> 3 or 1
        return exact[size] + value.to_bytes(size, "big")

    in_lpm, in_ternary, in_range = in_entry("lpm"), in_entry("ternary"), in_entry("range")

    def set_lpm(match: Match) -> bytes:
        if not isinstance(match, Lpm) or not 0 <= match.value <= maximum or not 0 <= match.prefix_len <= width:
            raise misfit(table, column, match)
        if match.value & ((1 << (width - match.prefix_len)) - 1):
            raise misfit(table, column, match)
        if not match.prefix_len:
            return b""
        return in_lpm(delimited(_LPM_VALUE, canonical(match.value)) + _LPM_PREFIX_LEN + varint(match.prefix_len))

    def set_ternary(match: Match) -> bytes:
        if not isinstance(match, Ternary) or not 0 <= match.mask <= maximum or match.value & ~match.mask:
            raise misfit(table, column, match)
        if not match.mask:
            return b""
        value, mask = canonical(match.value), canonical(match.mask)
        return in_ternary(delimited(_TERNARY_VALUE, value) + delimited(_TERNARY_MASK, mask))

    def set_range(match: Match) -> bytes:
        if not isinstance(match, Range) or not 0 <= match.low <= match.high <= maximum:
            raise misfit(table, column, match)
        if not match.low and match.high == maximum:
            return b""
        # In full width, see `quirks`: a range up to 255 is not the whole range of a wider field.
        low, high = canonical(match.low), match.high.to_bytes(longest, "big")
        return in_range(delimited(_RANGE_LOW, low) + delimited(_RANGE_HIGH, high))

    def set_optional(match: Match) -> bytes:
        if not isinstance(match, Ternary) or match.mask not in (0, maximum) or match.value & ~match.mask:
            raise misfit(table, column, match)
        if not match.mask:
            return b""
        value = canonical(match.value)
        return optional[len(value)] + value

    setters: Mapping[MatchKind, Setter] = {
        MatchKind.EXACT: set_exact,
        MatchKind.LPM: set_lpm,
        MatchKind.TERNARY: set_ternary,
        MatchKind.RANGE: set_range,
        MatchKind.OPTIONAL: set_optional,
    }
    return setters[column.kind]


def getter(column: FieldSchema) -> Getter:
    """A function that reads a match, in normal form."""
    maximum, width = column.maximum, column.width

    def get_ternary(match: p4r.FieldMatch) -> Match:
        mask = number(match.ternary.mask)
        return Ternary(number(match.ternary.value) & mask, mask)

    getters: Mapping[MatchKind, Getter] = {
        MatchKind.EXACT: lambda match: Exact(int.from_bytes(match.exact.value, "big")),
        MatchKind.LPM: lambda match: normalise_match(Lpm(number(match.lpm.value), match.lpm.prefix_len), width),
        MatchKind.TERNARY: get_ternary,
        MatchKind.RANGE: lambda match: Range(number(match.range.low), number(match.range.high)),
        MatchKind.OPTIONAL: lambda match: Ternary(number(match.optional.value), maximum),
    }
    return getters[column.kind]
