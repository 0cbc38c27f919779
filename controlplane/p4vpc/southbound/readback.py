# SPDX-License-Identifier: Apache-2.0
"""Read what a switch holds: everything, or one part after the other; and counters table by table.

What cannot be read, because the switch sends what its pipeline does not have, is told and left alone: it shall not keep
the rest from being managed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from p4vpc.compiler.entries import (
    CLONE_TABLE,
    MULTICAST_TABLE,
    DesiredEntry,
    Entry,
    Identity,
    MeterEntry,
    TableEntry,
)
from p4vpc.southbound import quirks
from p4vpc.southbound.codec import Codec
from p4vpc.southbound.match_codec import DecodeError
from p4vpc.southbound.rpc import RpcError
from p4vpc.southbound.session import Session

_ENTRIES_BETWEEN_YIELDS = 1000
"""A target may answer with everything in one message; decoding that must not keep the other agents waiting."""


@dataclass(frozen=True, slots=True)
class CounterReading:
    """A direct counter: its entry, and what has hit it since the entry was installed."""

    entry: TableEntry
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is read at once: a table, a meter, all multicast groups, all clone sessions.

    Attributes:
        name: that under which identities of its entries are.
        wildcard: what to ask for.
        is_optional: a target may not have it.
    """

    name: str
    wildcard: p4r.Entity
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a switch has answered.

    Attributes:
        entries: in normal form.
        unreadable: table, or '', and what is wrong with each entity that its pipeline does not have; they are left
            alone.
    """

    entries: dict[Identity, Entry]
    unreadable: list[tuple[str, str]]


def parts_of(codec: Codec) -> tuple[Part, ...]:
    """Everything that p4vpc manages in a pipeline, in small portions."""
    tables = (
        Part(name, p4r.Entity(table_entry=p4r.TableEntry(table_id=table_id)), is_optional=False)
        for name, table_id in codec.managed_tables()
    )
    meters = (Part(name, wildcard, is_optional=True) for name, wildcard in codec.meters.wildcards())
    return (*tables, *_replication(), *meters)


def _replication() -> tuple[Part, Part]:
    groups = p4r.PacketReplicationEngineEntry(multicast_group_entry=p4r.MulticastGroupEntry())
    sessions = p4r.PacketReplicationEngineEntry(clone_session_entry=p4r.CloneSessionEntry())
    return (
        Part(MULTICAST_TABLE, p4r.Entity(packet_replication_engine_entry=groups), is_optional=True),
        Part(CLONE_TABLE, p4r.Entity(packet_replication_engine_entry=sessions), is_optional=True),
    )


async def read_entries(session: Session, codec: Codec, wanted: Mapping[Identity, DesiredEntry]) -> Found:
    """All table entries (but default and constant ones), multicast groups, clone sessions and configured meter cells.

    A meter cell that differs from what is `wanted` only as far as a target rounds rates is given as it is wanted.

    Raises:
        RpcError: the read failed.
    """
    found = Found({}, [])
    everything = Part("", p4r.Entity(table_entry=p4r.TableEntry()), is_optional=False)
    meters = (Part(name, wildcard, is_optional=True) for name, wildcard in codec.meters.wildcards())
    for part in (everything, *_replication(), *meters):
        try:
            async for response in session.read(part.wildcard):
                await _decode(response, codec, found)
        except RpcError as error:
            if not part.is_optional or error.code not in quirks.HAS_NONE_CODES:
                raise
    for identity, have in found.entries.items():
        item = wanted.get(identity)
        if item is not None and unrounded(have, item.entry) == item.entry:
            found.entries[identity] = item.entry  # most of it is as it shall be, and is kept once
    return found


async def holds_anything(session: Session) -> bool:
    """Whether a switch has table entries that somebody wrote, whatever its pipeline; also if it does not tell."""
    try:
        async for response in session.read(p4r.Entity(table_entry=p4r.TableEntry())):
            entries = (entity.table_entry for entity in response.entities)
            if any(not entry.is_default_action and not entry.is_const for entry in entries):
                return True
    except RpcError:
        return True
    return False


async def read_part(session: Session, part: Part) -> Sequence[p4r.ReadResponse]:
    """What the switch says that it holds of one part; `decode_part` makes entries of it.

    Raises:
        RpcError: the read failed.
    """
    try:
        return [response async for response in session.read(part.wildcard)]
    except RpcError as error:
        if part.is_optional and error.code in quirks.HAS_NONE_CODES:
            return ()
        raise


async def decode_part(responses: Iterable[p4r.ReadResponse], codec: Codec) -> Found:
    """The entries of what `read_part` has read; meter cells are as the target has rounded them."""
    found = Found({}, [])
    for response in responses:
        await _decode(response, codec, found)
    return found


async def _decode(response: p4r.ReadResponse, codec: Codec, into: Found) -> None:
    for position, entity in enumerate(response.entities, start=1):
        if position % _ENTRIES_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
        try:
            entry = codec.decode(entity)
        except DecodeError as error:
            into.unreadable.append((codec.name_of(entity), str(error)))
            continue
        if entry is not None:
            into.entries[entry.identity] = entry


def unrounded(have: Entry, want: Entry | None) -> Entry:
    """`want`, if it is a meter cell and `have` the same cell as the target has rounded it; else `have`."""
    if not isinstance(have, MeterEntry) or not isinstance(want, MeterEntry):
        return have
    return want if quirks.is_same_meter(have, want) else have


async def read_counters(session: Session, codec: Codec, table: str) -> AsyncIterator[CounterReading]:
    """The direct counters of all entries of one table, as the switch sends them.

    Raises:
        RpcError: the read failed.
        DecodeError: the switch sent what its pipeline does not have.
    """
    wildcard = p4r.TableEntry(table_id=codec.table(table).table_id, counter_data=p4r.CounterData())
    async for entity in _entities(session, p4r.Entity(table_entry=wildcard)):
        entry = codec.decode(entity)
        if isinstance(entry, TableEntry):
            data = entity.table_entry.counter_data
            yield CounterReading(entry, data.packet_count, data.byte_count)


async def _entities(session: Session, wildcard: p4r.Entity) -> AsyncIterator[p4r.Entity]:
    async for response in session.read(wildcard):
        for position, entity in enumerate(response.entities, start=1):
            if position % _ENTRIES_BETWEEN_YIELDS == 0:
                await asyncio.sleep(0)
            yield entity
