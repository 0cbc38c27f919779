# SPDX-License-Identifier: Apache-2.0
"""Requests that wait share a transaction; each comes to what it would have come to alone, one after the other."""

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.errors import P4vpcError
from p4vpc.intent import ObjectId
from p4vpc.services.blocking import Blocking
from p4vpc.services.intents import IntentService
from p4vpc.store import Change, Commit, Delete, Draft, Put, Store
from tests.unit.p4vpc.model.histories import Edit, edits
from tests.unit.p4vpc.model.world import world


class Counting(Store):
    """A store that knows how many commits each of its transactions was."""

    def __init__(self) -> None:
        super().__init__("sqlite://")
        self.together: list[int] = []

    def commit_all(self, drafts: Sequence[Draft], *, expected_revision: int | None = None) -> Sequence[Commit]:
        done = super().commit_all(drafts, expected_revision=expected_revision)
        self.together.append(len(drafts))
        return done


def change(edit: Edit) -> Change:
    object_id, intent = edit
    return Delete(object_id) if intent is None else Put(intent)


async def outcome(service: IntentService, some: Sequence[Change]) -> tuple[object, ...]:
    """What a request comes to."""
    try:
        applied = await service.apply(some, who="test")
    except P4vpcError as error:
        return type(error), str(error)
    return applied.revision, [(edit.operation, edit.id) for edit in applied.edits]


def what_is_there(store: Store) -> dict[ObjectId, tuple[object, int, int]]:
    return {key: (it.object.document(), it.revision, it.created) for key, it in store.snapshot().objects.items()}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(edits(), min_size=1, max_size=2, unique_by=lambda edit: edit[0]), min_size=2, max_size=10))
def test_all_at_once_and_one_after_the_other_come_to_the_same(history: list[list[Edit]]) -> None:
    requests = [[change(edit) for edit in some] for some in history]

    async def run() -> None:
        blocking = Blocking()
        with Counting() as store, Store("sqlite://") as other:
            service, alone = IntentService(store, blocking), IntentService(other, blocking)
            for it in (service, alone):
                await it.apply([Put(intent) for intent in world()], who="test")
                await it.prepare()
            together = await asyncio.gather(*(outcome(service, some) for some in requests))
            single = [await outcome(alone, some) for some in requests]
            assert together == single
            assert what_is_there(store) == what_is_there(other)
            assert store.snapshot().identifiers == other.snapshot().identifiers
            assert (await service.snapshot()).identifiers == store.snapshot().identifiers
            history_of = [store.changes_since(0), other.changes_since(0)]
            assert history_of[0] == history_of[1]
            assert [it.summary for it in store.revisions()] == [it.summary for it in other.revisions()]
        await blocking.close()

    asyncio.run(run())


async def test_waiting_requests_share_a_transaction_and_have_a_revision_each() -> None:
    ports = [it for it in world() if it.kind == "port"]
    blocking = Blocking()
    with Counting() as store:
        told: list[int] = []
        service = IntentService(store, blocking, lambda: told.append(store.revision))
        await service.apply([Put(intent) for intent in world()], who="test")
        await service.prepare()
        moves = [Put(port.model_copy(update={"security_groups": ()})) for port in ports]
        applied = await asyncio.gather(*(service.apply([it], who=f"user{n}") for n, it in enumerate(moves)))
        effective = [it.revision for it in applied if it.edits]
        assert effective == list(range(2, 2 + len(effective)))
        assert len(effective) > 2
        assert max(store.together) == len(effective), "they came while nothing else was under way"
        assert told[-1] == store.revision
        by_revision = {it.number: it.who for it in store.revisions()}
        assert all(by_revision[it.revision] == f"user{n}" for n, it in enumerate(applied) if it.edits)
    await blocking.close()


async def test_whoever_does_not_wait_any_more_holds_up_nobody() -> None:
    blocking = Blocking()
    with Counting() as store:
        service = IntentService(store, blocking)
        first = asyncio.create_task(service.apply([Put(intent) for intent in world()], who="gone"))
        await asyncio.sleep(0)
        first.cancel()
        applied = await service.apply([Put(intent) for intent in world()], who="test")
        assert (await service.snapshot()).revision == store.revision == applied.revision == 1
    await blocking.close()
