# SPDX-License-Identifier: Apache-2.0
"""Read what a switch holds: all tables at once, groups, sessions, meters one by one, and counters table by table."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from finsy.proto import p4r

from p4vpc.compiler.entries import DesiredEntry, Entry, Identity, MeterEntry, TableEntry
from p4vpc.southbound import quirks
from p4vpc.southbound.codec import Codec
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


async def read_entries(
    session: Session, codec: Codec, wanted: Mapping[Identity, DesiredEntry]
) -> dict[Identity, Entry]:
    """All table entries (but default and constant ones), multicast groups, clone sessions and configured meter cells.

    They are in normal form.

    A meter cell that differs from what is `wanted` only as far as a target rounds rates is given as it is wanted.

    Raises:
        RpcError: the read failed.
        DecodeError: the switch sent what its pipeline does not have.
    """
    entries: dict[Identity, Entry] = {}
    async for entity in _entities(session, p4r.Entity(table_entry=p4r.TableEntry())):
        entry = codec.decode_shared(entity)
        if entry is not None:
            identity = entry.identity
            item = wanted.get(identity)
            # Most of it is as it shall be, and is kept once.
            entries[identity] = item.entry if item is not None and item.entry == entry else entry
    groups = p4r.PacketReplicationEngineEntry(multicast_group_entry=p4r.MulticastGroupEntry())
    sessions = p4r.PacketReplicationEngineEntry(clone_session_entry=p4r.CloneSessionEntry())
    optional = [
        p4r.Entity(packet_replication_engine_entry=groups),
        p4r.Entity(packet_replication_engine_entry=sessions),
        *codec.meters.wildcards(),
    ]
    for wildcard in optional:
        try:
            async for entity in _entities(session, wildcard):
                entry = codec.decode(entity)
                if isinstance(entry, MeterEntry):
                    entry = _unrounded(entry, wanted)
                if entry is not None:
                    entries[entry.identity] = entry
        except RpcError as error:
            if error.code not in quirks.HAS_NONE_CODES:
                raise
    return entries


def _unrounded(have: MeterEntry, wanted: Mapping[Identity, DesiredEntry]) -> MeterEntry:
    item = wanted.get(have.identity)
    want = item.entry if item else None
    return want if isinstance(want, MeterEntry) and quirks.is_same_meter(have, want) else have


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
