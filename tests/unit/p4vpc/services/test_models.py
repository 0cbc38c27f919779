# SPDX-License-Identifier: Apache-2.0
"""What shows between two snapshots is what the history of changes says."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.errors import P4vpcError
from p4vpc.intent import ObjectId, Port, SwitchAttachment
from p4vpc.services.blocking import Blocking
from p4vpc.services.intents import IntentService
from p4vpc.services.models import Models
from p4vpc.store import Delete, Put, Store
from tests.unit.p4vpc.model.histories import Edit, edits
from tests.unit.p4vpc.model.world import world


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(edits(), min_size=1, max_size=2, unique_by=lambda edit: edit[0]), min_size=1, max_size=10))
def test_who_has_departed_shows_between_two_revisions(history: list[list[Edit]]) -> None:
    async def run() -> None:
        blocking, models = Blocking(), Models()
        with Store("sqlite://") as store:
            service = IntentService(store, blocking)
            await service.apply([Put(intent) for intent in world()], who="test")
            models.of(await service.latest(), "v1model")
            for some in [*history, await _moves(service)]:
                since = store.revision
                try:
                    await service.apply([Delete(key) if it is None else Put(it) for key, it in some], who="test")
                except P4vpcError:
                    continue
                snapshot = await service.latest()
                assert snapshot.revision == store.revision
                assert models.departures(snapshot, since - 1) is None
                departed = models.departures(snapshot, since)
                if departed is not None:
                    assert set(departed) == set(store.departures(since))
                models.of(snapshot, "v1model")
        await blocking.close()

    asyncio.run(run())


async def _moves(service: IntentService) -> list[Edit]:
    """All ports that are plugged in are unplugged."""
    stored = (it.object for it in (await service.latest()).objects.values())
    ports = [it for it in stored if isinstance(it, Port) and isinstance(it.attachment, SwitchAttachment)]
    return [(port.id, port.model_copy(update={"attachment": None})) for port in ports]


def test_a_port_that_is_unplugged_has_departed() -> None:
    async def run() -> None:
        blocking, models = Blocking(), Models()
        with Store("sqlite://") as store:
            service = IntentService(store, blocking)
            await service.apply([Put(intent) for intent in world()], who="test")
            models.of(await service.latest(), "v1model")
            await service.apply([Put(intent) for _, intent in await _moves(service) if intent is not None], who="test")
            departed = models.departures(await service.latest(), 1)
            assert departed
            assert set(departed) == set(store.departures(1))
            web = ObjectId("port", "red/prod/web-1")
            assert web in {departure.port for departure in departed}
        await blocking.close()

    asyncio.run(run())


def test_a_commit_of_somebody_else_is_found_out_about() -> None:
    async def run() -> None:
        blocking = Blocking()
        with Store("sqlite://") as store:
            service = IntentService(store, blocking)
            await service.apply([Put(intent) for intent in world()], who="test")
            web = (await service.latest()).objects[ObjectId("port", "red/prod/web-1")].object
            store.commit([Delete(web.id)], "somebody else")
            assert (await service.latest()).revision == 1
            assert (await service.snapshot()).revision == 2
            store.commit([Put(web)], "somebody else")
            other = ObjectId("port", "red/prod/far-1")
            assert (await service.apply([Delete(other)], who="test")).revision == 4
            store.commit([Delete(web.id)], "somebody else")
            assert (await service.apply([Put(web)], who="test")).revision == 6
        await blocking.close()

    asyncio.run(run())
