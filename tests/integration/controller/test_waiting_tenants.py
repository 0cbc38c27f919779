# SPDX-License-Identifier: Apache-2.0
"""A tenant waits for its own switches: what is wrong with those of others, or with their entries, is not its matter."""

from finsy.proto import rpc_code

from p4vpc.intent import Intent, ObjectId, load_yaml
from p4vpc.services import Concern, Controller, Outcome
from p4vpc.store import Put, Store
from tests.integration.controller.fake_switch import BOUND_SECONDS
from tests.integration.controller.running import PIPELINE, apply, controlling, realise, realised, until
from tests.integration.controller.test_controller import PORTS, fabric, fakes, port

BLUE = """
kind: tenant
name: blue
---
kind: vpc
tenant: blue
name: prod
---
kind: subnet
tenant: blue
vpc: prod
name: web
ipv4: 10.0.1.0/24
---
kind: port
tenant: blue
vpc: prod
name: a
subnet: web
mac: "02:00:00:00:0b:01"
addresses: [10.0.1.21]
attachment: {switch: leaf2, port: 21}
"""


ANOTHER_BLUE = """
kind: port
tenant: blue
vpc: prod
name: b
subnet: web
mac: "02:00:00:00:0b:02"
addresses: [10.0.1.22]
attachment: {switch: leaf2, port: 22}
"""


async def tenant_apply(running: Controller, tenant: str, objects: list[Intent], seconds: float) -> Outcome:
    """As the API does for a tenant with `wait`, once the switches have been told."""
    applied = await running.intents.apply([Put(intent) for intent in objects], who="test")
    await until(running, lambda status: status.compiled_revision >= applied.revision)
    return await running.wait_realised(applied.revision, seconds, concern=Concern.of(tenant, applied.edits))


async def test_a_switch_that_is_away_is_waited_for_by_those_who_are_at_it_only(store: Store) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        blue = load_yaml(BLUE, "test")
        await realise(running, [*fabric(first, second), PORTS[0], *blue])
        await first.stop()
        await until(running, lambda status: not status.switches[0].is_connected)
        red = await apply(running, [port("c", "leaf1", 13)])
        assert await running.wait_realised(red, 0.05) is Outcome.TIMEOUT
        assert await tenant_apply(running, "blue", load_yaml(ANOTHER_BLUE, "test"), BOUND_SECONDS) is Outcome.REALISED
        assert await tenant_apply(running, "red", [port("d", "leaf1", 14)], 0.05) is Outcome.TIMEOUT
        await first.start()
        await realised(running, store.revision)


async def test_what_others_are_refused_at_a_shared_switch_degrades_them_only(store: Store) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        blue = load_yaml(BLUE, "test")
        await realise(running, [*fabric(first, second), *blue])
        second.refused_tables[PIPELINE.info.ids["policy"].table] = rpc_code.RESOURCE_EXHAUSTED
        assert await tenant_apply(running, "red", [port("b", "leaf2", 12)], BOUND_SECONDS) is Outcome.DEGRADED
        more = load_yaml(ANOTHER_BLUE, "test")
        assert await tenant_apply(running, "blue", more, BOUND_SECONDS) is Outcome.REALISED
        revision = (await running.intents.snapshot()).revision
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.DEGRADED, "as a whole it is not"


async def test_a_port_that_leaves_is_waited_for_where_it_was(store: Store) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        blue = load_yaml(BLUE, "test")
        await realise(running, [*fabric(first, second), *blue])
        await second.stop()
        await until(running, lambda status: not status.switches[1].is_connected)
        unbound = [intent.model_copy(update={"attachment": None}) for intent in blue if intent.kind == "port"]
        assert await tenant_apply(running, "blue", unbound, 0.05) is Outcome.TIMEOUT
        await second.start()
        await realised(running, store.revision)
        object_id = ObjectId("port", "blue/prod/a")
        assert running.origins.count(running.compilation.states["leaf2"], object_id) == 0  # type: ignore[union-attr]
