# SPDX-License-Identifier: Apache-2.0
"""Parser value sets (P4Runtime 1.5, section 9.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from finsy.proto import p4i, p4r
from grpc import StatusCode

from softswitch.p4runtime.entities import EntityHandler, Undo, UpdateType, look_up, require_modify, select
from softswitch.p4runtime.match_codec import KeyCodec, field_codec
from softswitch.p4runtime.status import StatusError
from softswitch.runtime.entries import KeyField, MatchKind
from softswitch.runtime.externs import ValueSet


class ValueSetCodec:
    """One value set; the engine keeps the fields of a member as one number, the first field highest."""

    def __init__(self, info: p4i.ValueSet, value_set: ValueSet) -> None:
        self.value_set_id = info.preamble.id
        self.what = f"value set {info.preamble.name}"
        self.value_set = value_set
        self._widths = [field.bitwidth for field in info.match]
        self._key = KeyCodec(
            [
                field_codec(field, KeyField(field.name, MatchKind.EXACT, field.bitwidth), self.what)
                for field in info.match
            ],
            self.what,
        )

    def decode(self, member: p4r.ValueSetMember) -> int:
        """The number of a member."""
        number = 0
        for value, width in zip(self._key.decode(member.match), self._widths, strict=True):
            assert isinstance(value, int)
            number = number << width | value
        return number

    def encode(self, number: int) -> p4r.ValueSetMember:
        """The member of a number."""
        values = []
        for width in reversed(self._widths):
            values.append(number & ((1 << width) - 1))
            number >>= width
        member = p4r.ValueSetMember()
        self._key.encode(tuple(reversed(values)), member.match)
        return member


class ValueSets(EntityHandler):
    """`value_set_entry`."""

    def __init__(self, value_sets: Mapping[int, ValueSetCodec]) -> None:
        self._value_sets = value_sets

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.value_set_entry
        codec = look_up(self._value_sets, message.value_set_id, "value_set_id")
        require_modify(kind, codec.what)
        values = [codec.decode(member) for member in message.members]
        if len(set(values)) != len(values):
            raise StatusError(StatusCode.ALREADY_EXISTS, f"{codec.what}: a member is given more than once")
        limit = codec.value_set.max_size
        if limit and len(values) > limit:
            raise StatusError(
                StatusCode.RESOURCE_EXHAUSTED, f"{codec.what}: {len(values)} members, more than its size {limit}"
            )
        before = list(codec.value_set)
        _replace(codec.value_set, values)
        return lambda: _replace(codec.value_set, before)

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        for codec in select(self._value_sets, entity.value_set_entry.value_set_id, "value_set_id"):
            members = [codec.encode(number) for number in codec.value_set]
            yield p4r.Entity(value_set_entry=p4r.ValueSetEntry(value_set_id=codec.value_set_id, members=members))


def _replace(value_set: ValueSet, values: list[int]) -> None:
    value_set.clear()
    for value in values:
        value_set.insert(value)
