# SPDX-License-Identifier: Apache-2.0
"""Key fields to P4Runtime and back, one function per field and direction, chosen once when the pipeline is loaded.

Byte strings are canonical (P4Runtime 1.4, section 8.4): shortest big-endian form, zero is one zero byte. What targets
send back may be padded; decoding does not mind. A wildcard is left out of the message (section 9.1.1).
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from finsy.proto import p4r

from p4vpc.compiler.entries import Exact, Lpm, Match, Range, Ternary
from p4vpc.errors import SouthboundError
from p4vpc.reconcile import FieldSchema, MatchKind
from p4vpc.reconcile.normalise import normalise_match


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


Setter: TypeAlias = Callable[[p4r.TableEntry, Match], None]
Getter: TypeAlias = Callable[[p4r.FieldMatch], Match]


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
    """A function that checks a match and adds it to a message, unless it is a wildcard."""
    maximum, width = column.maximum, column.width

    def set_exact(into: p4r.TableEntry, match: Match) -> None:
        if not isinstance(match, Exact) or not 0 <= match.value <= maximum:
            raise misfit(table, column, match)
        into.match.add(field_id=field_id).exact.value = canonical(match.value)

    def set_lpm(into: p4r.TableEntry, match: Match) -> None:
        if not isinstance(match, Lpm) or not 0 <= match.value <= maximum or not 0 <= match.prefix_len <= width:
            raise misfit(table, column, match)
        if match.value & ((1 << (width - match.prefix_len)) - 1):
            raise misfit(table, column, match)
        if match.prefix_len:
            lpm = into.match.add(field_id=field_id).lpm
            lpm.value, lpm.prefix_len = canonical(match.value), match.prefix_len

    def set_ternary(into: p4r.TableEntry, match: Match) -> None:
        if not isinstance(match, Ternary) or not 0 <= match.mask <= maximum or match.value & ~match.mask:
            raise misfit(table, column, match)
        if match.mask:
            ternary = into.match.add(field_id=field_id).ternary
            ternary.value, ternary.mask = canonical(match.value), canonical(match.mask)

    def set_range(into: p4r.TableEntry, match: Match) -> None:
        if not isinstance(match, Range) or not 0 <= match.low <= match.high <= maximum:
            raise misfit(table, column, match)
        if match.low or match.high != maximum:
            bounds = into.match.add(field_id=field_id).range
            # In full width, see `quirks`: a range up to 255 is not the whole range of a wider field.
            bounds.low, bounds.high = canonical(match.low), match.high.to_bytes((width + 7) // 8, "big")

    def set_optional(into: p4r.TableEntry, match: Match) -> None:
        if not isinstance(match, Ternary) or match.mask not in (0, maximum) or match.value & ~match.mask:
            raise misfit(table, column, match)
        if match.mask:
            into.match.add(field_id=field_id).optional.value = canonical(match.value)

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
