# SPDX-License-Identifier: Apache-2.0
"""Match keys: FieldMatch messages to the engine's match values and back (P4Runtime 1.5, section 9.1.1).

Everything that P4Info says about a field is looked up once, when the pipeline is set; what is left per entry is one
function call for each field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from finsy.proto import p4i, p4r
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.status import StatusError, invalid
from softswitch.runtime.entries import KeyField, MatchKind, MatchValue

DecodeField = Callable[[p4r.FieldMatch], MatchValue]
Matches = RepeatedCompositeFieldContainer[p4r.FieldMatch]
EncodeField = Callable[[MatchValue, Matches], None]
Key = tuple[MatchValue, ...]

_KIND_NAMES = {
    p4i.MatchField.EXACT: "exact",
    p4i.MatchField.LPM: "lpm",
    p4i.MatchField.TERNARY: "ternary",
    p4i.MatchField.RANGE: "range",
    p4i.MatchField.OPTIONAL: "optional",
}

_PRIORITY_KINDS = (p4i.MatchField.TERNARY, p4i.MatchField.RANGE, p4i.MatchField.OPTIONAL)


@dataclass(frozen=True, slots=True)
class FieldCodec:
    """One key field: how to read it, how to write it, and its value when the message leaves it out."""

    field_id: int
    name: str
    is_required: bool
    wildcard: MatchValue
    decode: DecodeField
    encode: EncodeField


def kind_name(field: p4i.MatchField) -> str:
    """The match kind of a P4Info field as P4 writes it."""
    if field.WhichOneof("match") == "other_match_type":
        return field.other_match_type
    return _KIND_NAMES.get(field.match_type, "unspecified")


def needs_priority(fields: Iterable[p4i.MatchField]) -> bool:
    """Whether entries over these fields carry a priority: one of the fields is ternary, range or optional."""
    return any(field.match_type in _PRIORITY_KINDS for field in fields)


def is_compatible(field: p4i.MatchField, key: KeyField) -> bool:
    """Whether P4Info and program agree on the kind; p4c compiles an optional field to a ternary one for BMv2."""
    kind = kind_name(field)
    return kind == key.kind or (kind == "optional" and key.kind is MatchKind.TERNARY)


def field_codec(field: p4i.MatchField, key: KeyField, owner: str) -> FieldCodec:
    """The codec of one key field; `owner` names the table (or value set) in errors."""
    what = f"{owner}: match field {field.name}"
    width = min(field.bitwidth or key.width, key.width)
    match kind_name(field):
        case "exact":
            decode, encode = _exact(field.id, width, what)
        case "lpm":
            decode, encode = _lpm(field.id, width, what)
        case "ternary":
            decode, encode = _ternary(field.id, width, what)
        case "range":
            decode, encode = _range(field.id, width, what)
        case _ if key.kind is MatchKind.TERNARY:
            decode, encode = _optional_as_ternary(field.id, width, what)
        case _:
            decode, encode = _optional(field.id, width, what)
    return FieldCodec(field.id, field.name, key.kind is MatchKind.EXACT, key.wildcard, decode, encode)


class KeyCodec:
    """The whole key of one table."""

    def __init__(self, fields: Sequence[FieldCodec], owner: str) -> None:
        self._fields = tuple(fields)
        self._owner = owner
        self._slots = {field.field_id: (position, field.decode) for position, field in enumerate(fields)}
        self._wildcards = tuple(field.wildcard for field in fields)
        self._encoders = tuple(field.encode for field in fields)
        self._required = sum(1 << position for position, field in enumerate(fields) if field.is_required)

    def decode(self, matches: Sequence[p4r.FieldMatch]) -> Key:
        """The engine's key. Raises StatusError naming the field that is unknown, doubled, missing or wrong."""
        values = list(self._wildcards)
        slots = self._slots
        seen = 0
        for match in matches:
            slot = slots.get(match.field_id)
            if slot is None:
                raise self._unknown(match.field_id)
            position, decode = slot
            values[position] = decode(match)
            seen |= 1 << position
        if seen & self._required != self._required or seen.bit_count() != len(matches):
            raise self._wrong_presence(seen, matches)
        return tuple(values)

    def encode(self, key: Key, matches: Matches) -> None:
        """Append the FieldMatch messages of a key, canonical and without the fields that match everything."""
        for encode, value in zip(self._encoders, key, strict=True):
            encode(value, matches)

    def describe(self, key: Key) -> str:
        """The key for people: `name=value` of each field that is not a wildcard."""
        parts = []
        for field, value in zip(self._fields, key, strict=True):
            if field.is_required or value != field.wildcard:
                shown = "/".join(hex(part) for part in value) if isinstance(value, tuple) else f"{value:#x}"
                parts.append(f"{field.name}={shown}")
        return ", ".join(parts) or "any"

    def _unknown(self, field_id: int) -> StatusError:
        known = ", ".join(f"{field.field_id} ({field.name})" for field in self._fields) or "none"
        return invalid(f"{self._owner}: there is no match field with id {field_id}; its fields are {known}")

    def _wrong_presence(self, seen: int, matches: Sequence[p4r.FieldMatch]) -> StatusError:
        if seen.bit_count() != len(matches):
            ids = [match.field_id for match in matches]
            doubled = sorted({field.name for field in self._fields if ids.count(field.field_id) > 1})
            return invalid(f"{self._owner}: match field {', '.join(doubled)} is given more than once")
        missing = [
            field.name for position, field in enumerate(self._fields) if field.is_required and not seen >> position & 1
        ]
        return invalid(
            f"{self._owner}: match field {', '.join(missing)} is missing; an exact field must always be given"
        )


def _check_kind(match: p4r.FieldMatch, kind: str, what: str) -> None:
    given = match.WhichOneof("field_match_type")
    if given != kind:
        raise invalid(f"{what}: is matched {kind}, but the message has {given or 'no match value'}")


def _exact(field_id: int, width: int, what: str) -> tuple[DecodeField, EncodeField]:
    limit = 1 << width
    from_bytes = int.from_bytes
    encode_int = bytestring.encode

    def decode(match: p4r.FieldMatch) -> MatchValue:
        data = match.exact.value
        value = from_bytes(data, "big")
        if data and value < limit:
            return value
        _check_kind(match, "exact", what)
        return bytestring.decode(data, width, what)

    def encode(value: MatchValue, matches: Matches) -> None:
        assert isinstance(value, int)
        matches.add(field_id=field_id).exact.value = encode_int(value)

    return decode, encode


def _optional(field_id: int, width: int, what: str) -> tuple[DecodeField, EncodeField]:
    to_int = bytestring.decoder(width, what)

    def decode(match: p4r.FieldMatch) -> MatchValue:
        _check_kind(match, "optional", what)
        return to_int(match.optional.value)

    def encode(value: MatchValue, matches: Matches) -> None:
        if isinstance(value, int):
            matches.add(field_id=field_id).optional.value = bytestring.encode(value)

    return decode, encode


def _optional_as_ternary(field_id: int, width: int, what: str) -> tuple[DecodeField, EncodeField]:
    to_int = bytestring.decoder(width, what)
    full_mask = (1 << width) - 1

    def decode(match: p4r.FieldMatch) -> MatchValue:
        _check_kind(match, "optional", what)
        return (to_int(match.optional.value), full_mask)

    def encode(value: MatchValue, matches: Matches) -> None:
        assert isinstance(value, tuple)
        if value[1]:
            matches.add(field_id=field_id).optional.value = bytestring.encode(value[0])

    return decode, encode


def _lpm(field_id: int, width: int, what: str) -> tuple[DecodeField, EncodeField]:
    to_int = bytestring.decoder(width, what)

    def decode(match: p4r.FieldMatch) -> MatchValue:
        _check_kind(match, "lpm", what)
        value, prefix_len = to_int(match.lpm.value), match.lpm.prefix_len
        if not 0 < prefix_len <= width:
            hint = "; leave the field out to match everything" if prefix_len == 0 else ""
            raise invalid(f"{what}: prefix_len is 1 to {width}, not {prefix_len}{hint}")
        if value & ((1 << (width - prefix_len)) - 1):
            raise invalid(f"{what}: value {value:#x} has bits set beyond its prefix of {prefix_len} bits")
        return (value, prefix_len)

    def encode(value: MatchValue, matches: Matches) -> None:
        assert isinstance(value, tuple)
        prefix, prefix_len = value
        if prefix_len:
            lpm = matches.add(field_id=field_id).lpm
            lpm.value = bytestring.encode(prefix)
            lpm.prefix_len = prefix_len

    return decode, encode


def _ternary(field_id: int, width: int, what: str) -> tuple[DecodeField, EncodeField]:
    to_int = bytestring.decoder(width, what)

    def decode(match: p4r.FieldMatch) -> MatchValue:
        _check_kind(match, "ternary", what)
        value, mask = to_int(match.ternary.value), to_int(match.ternary.mask)
        if not mask:
            raise invalid(f"{what}: the mask is zero; leave the field out to match everything")
        if value & ~mask:
            raise invalid(f"{what}: value {value:#x} has bits set outside the mask {mask:#x}")
        return (value, mask)

    def encode(value: MatchValue, matches: Matches) -> None:
        assert isinstance(value, tuple)
        bits, mask = value
        if mask:
            ternary = matches.add(field_id=field_id).ternary
            ternary.value = bytestring.encode(bits)
            ternary.mask = bytestring.encode(mask)

    return decode, encode


def _range(field_id: int, width: int, what: str) -> tuple[DecodeField, EncodeField]:
    to_int = bytestring.decoder(width, what)
    everything = (0, (1 << width) - 1)

    def decode(match: p4r.FieldMatch) -> MatchValue:
        _check_kind(match, "range", what)
        low, high = to_int(match.range.low), to_int(match.range.high)
        if low > high:
            raise invalid(f"{what}: the low bound {low} is above the high bound {high}")
        if (low, high) == everything:
            raise invalid(f"{what}: the range holds every value; leave the field out to match everything")
        return (low, high)

    def encode(value: MatchValue, matches: Matches) -> None:
        assert isinstance(value, tuple)
        if value != everything:
            bounds = matches.add(field_id=field_id).range
            bounds.low = bytestring.encode(value[0])
            bounds.high = bytestring.encode(value[1])

    return decode, encode
