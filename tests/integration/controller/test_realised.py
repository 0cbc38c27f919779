# SPDX-License-Identifier: Apache-2.0
"""How far each object is: realised, refused with the reason, or waiting."""

from pathlib import Path

import pytest
from finsy.proto import rpc_code

from p4vpc.intent import Intent, ObjectId
from p4vpc.services import Controller, Realised, RealisedState, read_realised
from p4vpc.store import Store
from tests.integration.controller.fake_switch import BOUND_SECONDS
from tests.integration.controller.running import PIPELINE, apply, controlling
from tests.integration.controller.test_controller import PORTS, fabric, fakes, port


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'p4vpc.db'}")


async def state_of(running: Controller, kind: str, key: str) -> Realised:
    object_id = ObjectId(kind, key)
    revision = (await running.intents.get(object_id)).revision
    return await read_realised(running, object_id, revision, BOUND_SECONDS)


def switches(found: Realised) -> list[str]:
    return [at.switch.name for at in found.switches]


async def test_objects_are_realised_at_the_switches_that_they_concern(store: Store) -> None:
    alone: Intent = port("alone", "leaf1", 13).model_copy(update={"attachment": None})
    async with fakes(2) as started, controlling(store) as running:
        await apply(running, [*fabric(*started), PORTS[0], alone])
        for kind, key in (("port", "red/prod/a"), ("subnet", "red/prod/web"), ("vpc", "red/prod"), ("tenant", "red")):
            found = await state_of(running, kind, key)
            assert (found.state, found.error, switches(found)) == (RealisedState.REALISED, "", ["leaf1"]), kind
            assert all(at.entries and at.is_realised for at in found.switches)
        assert switches(await state_of(running, "link", "leaf1-leaf2")) == ["leaf1", "leaf2"]
        nowhere = await state_of(running, "port", "red/prod/alone")
        assert nowhere.state is RealisedState.REALISED
    store.close()


async def test_what_is_refused_counts_against_its_objects_only(store: Store) -> None:
    async with fakes(2) as started, controlling(store) as running:
        await apply(running, fabric(*started))
        table = PIPELINE.info.ids["access_ports"].table
        started[0].refused_tables[table] = rpc_code.RESOURCE_EXHAUSTED
        await apply(running, PORTS)
        refused = await state_of(running, "port", "red/prod/a")
        assert refused.state is RealisedState.REFUSED
        problems = {at.switch.name: at.problems for at in refused.switches}
        assert [problem.table for problem in problems["leaf1"]] == ["access_ports"]
        assert "RESOURCE_EXHAUSTED" in problems["leaf1"][0].reason
        assert not problems.get("leaf2")
        assert (await state_of(running, "vpc", "red/prod")).state is RealisedState.REFUSED
        assert (await state_of(running, "port", "red/prod/b")).state is RealisedState.REALISED
    store.close()


async def test_what_a_disconnected_switch_shall_show_is_pending(store: Store) -> None:
    async with fakes(2) as started, controlling(store) as running:
        await apply(running, [*fabric(*started), *PORTS])
        assert (await state_of(running, "port", "red/prod/a")).state is RealisedState.REALISED
        await started[0].stop()
        while running.agents()["leaf1"].status.is_connected:
            await running.changed()
        object_id = ObjectId("port", "red/prod/a")
        assert (await read_realised(running, object_id, 1, 0)).state is RealisedState.PENDING
    store.close()
