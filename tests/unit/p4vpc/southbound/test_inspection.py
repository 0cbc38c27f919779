# SPDX-License-Identifier: Apache-2.0
"""What an inspection finds, and what it must not take for a difference."""

import contextlib
from collections.abc import Iterable

import pytest
from finsy.proto import p4r
from google.protobuf.message import DecodeError as ProtobufError
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.compiler.entries import ActionCall, Entry, Exact, TableEntry
from p4vpc.reconcile import Change, Operation, plan
from p4vpc.southbound import inspection
from p4vpc.southbound.describe import describe
from p4vpc.southbound.image import Image
from p4vpc.southbound.inspection import Inspection, Pace
from p4vpc.southbound.match_codec import EncodeError
from p4vpc.southbound.readback import Part, parts_of
from tests.unit.p4vpc.southbound.small_pipeline import small_pipeline

PIPELINE = small_pipeline()
CODEC = PIPELINE.codec
TUNNELS = next(part for part in parts_of(CODEC) if part.name == "tunnels")


def tunnel(index: int, address: int = 1) -> TableEntry:
    return TableEntry("tunnels", (Exact(index),), 0, ActionCall("set_tunnel", (1, address)))


def answer(*entries: TableEntry) -> list[p4r.ReadResponse]:
    """A message for each entry."""
    return [p4r.ReadResponse(entities=[encoded(entry)]) for entry in entries]


def encoded(entry: TableEntry) -> p4r.Entity:
    update = p4r.Update()
    update.MergeFromString(CODEC.encode(Operation.INSERT, entry))
    return update.entity


def image(*entries: Entry) -> Image:
    return Image({entry.identity: entry for entry in entries})


async def test_missing_changed_and_foreign_entries_are_found_and_those_of_other_tables_are_not_asked_for() -> None:
    of_another = TableEntry("drop_reasons", (Exact(1),), 0, ActionCall("count_drop"))
    looking = Inspection(CODEC)
    looking.begin()
    drift = await looking.compare(TUNNELS, answer(tunnel(2, 9), tunnel(3)), image(tunnel(1), tunnel(2), of_another))
    assert drift.found == {
        tunnel(1).identity: None,
        tunnel(2).identity: tunnel(2, 9),
        tunnel(3).identity: tunnel(3),
    }


@pytest.mark.parametrize("is_finished", [False, True])
async def test_what_is_written_while_it_is_read_may_or_may_not_show(is_finished: bool) -> None:
    looking = Inspection(CODEC)
    looking.begin()
    looking.sending([Change(Operation.INSERT, tunnel(1))])
    if is_finished:
        looking.sent()
    assert not (await looking.compare(TUNNELS, answer(), image(tunnel(1)))).found
    looking.sent()
    looking.begin()
    assert (await looking.compare(TUNNELS, answer(), image(tunnel(1)))).found == {tunnel(1).identity: None}


async def test_a_write_that_was_under_way_before_the_read_began_may_or_may_not_show() -> None:
    looking = Inspection(CODEC)
    looking.sending([Change(Operation.INSERT, tunnel(1))])
    looking.begin()
    looking.sent()
    assert not (await looking.compare(TUNNELS, answer(tunnel(1)), image())).found


class Decoding:
    """Counts what is decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.count = 0
        decode_part = inspection.decode_part

        async def counted(responses: Iterable[p4r.ReadResponse], codec: object) -> object:
            self.count += 1
            return await decode_part(responses, CODEC)

        monkeypatch.setattr(inspection, "decode_part", counted)


async def look(looking: Inspection, part: Part, responses: list[p4r.ReadResponse], of: Image) -> bool:
    looking.begin()
    return bool((await looking.compare(part, responses, of)).found)


async def test_an_answer_that_was_right_is_not_decoded_again_until_something_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoding = Decoding(monkeypatch)
    looking, of = Inspection(CODEC), image(tunnel(1), tunnel(2))
    right = answer(tunnel(1), tunnel(2))
    in_one_message = [p4r.ReadResponse(entities=[encoded(tunnel(1)), encoded(tunnel(2))])]
    assert not await look(looking, TUNNELS, right, of)
    assert not await look(looking, TUNNELS, in_one_message, of)
    assert decoding.count == 1
    assert await look(looking, TUNNELS, answer(tunnel(1), tunnel(2, 9)), of)
    assert decoding.count == 2
    looking.sending([Change(Operation.INSERT, tunnel(2))])
    looking.sent()
    assert not await look(looking, TUNNELS, right, of)
    assert decoding.count == 3


async def test_a_wrong_answer_is_wrong_however_often_it_comes() -> None:
    looking, of = Inspection(CODEC), image(tunnel(1))
    assert [await look(looking, TUNNELS, answer(), of) for _ in range(3)] == [True] * 3


def test_every_table_that_is_not_constant_is_a_part() -> None:
    names = [part.name for part in parts_of(CODEC)]
    assert len(set(names)) == len(names)
    tables = {name for name, table in small_pipeline().info.schema.tables.items() if not table.is_const}
    assert tables <= set(names)
    assert {"multicast_group", "clone_session"} <= set(names)


async def test_all_switches_together_are_read_one_gap_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def slept(seconds: float) -> None:
        waits.append(seconds)

    pace = Pace(rate=0.001)
    monkeypatch.setattr(inspection.asyncio, "sleep", slept)
    for _ in range(4):
        await pace.turn()
    assert [round(wait, -2) for wait in waits] == [0, 1000, 2000, 3000]


@given(
    st.sampled_from(
        [tunnel(1), tunnel(60_000, 2**31), TableEntry("drop_reasons", (Exact(1),), 0, ActionCall("count_drop"))]
    ),
    st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=3)), max_size=4),
)
async def test_whatever_a_switch_sends_is_an_entry_or_unreadable(
    entry: TableEntry, changes: list[tuple[int, bytes]]
) -> None:
    """Nothing that can be parsed at all makes the agent fail."""
    data = encoded(entry).SerializeToString()
    for position, put in changes:
        data = data[:position] + put + data[position + len(put) // 2 :]
    try:
        entity = p4r.Entity.FromString(data)
    except ProtobufError:
        return
    looking = Inspection(CODEC)
    looking.begin()
    drift = await looking.compare(TUNNELS, [p4r.ReadResponse(entities=[entity])], image(entry))
    held = {identity: have for identity, have in drift.found.items() if have is not None}
    for change in plan({}, held, PIPELINE.info.schema).changes:
        with contextlib.suppress(EncodeError):
            CODEC.encode(change.operation, change.entry)
        assert change.entry.identity[0] in describe(change.entry, PIPELINE.info.schema)
