# SPDX-License-Identifier: Apache-2.0
"""Leaves before spines when a link dies, spines before leaves when it is back, whichever controllers they have."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from p4vpc.intent import Intent, ObjectId, load_yaml
from p4vpc.services import Controller, ControllerStatus, rerouting
from p4vpc.services.links import LinkOptions
from p4vpc.store import Store
from tests.integration.controller.fake_switch import FakeSwitch
from tests.integration.controller.running import BOUND_SECONDS, apply, controlling, realised, until
from tests.integration.controller.test_controller import fakes
from tests.integration.controller.test_links import VPC
from tests.integration.controller.test_several import is_ready, options, owners
from tests.postgres import PostgresServer

NAMES = ("leaf1", "leaf2", "spine1", "spine2")
"""Port n of a leaf is spine n, port n of a spine leaf n."""

CUT = ObjectId("link", "leaf2-spine1")


@pytest.fixture
def shared(postgres: PostgresServer) -> str:
    return postgres.new_url()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier waits for the one before it for as long as the test may take: what is seen is order, not time."""
    monkeypatch.setattr(rerouting, "TIER_SECONDS", BOUND_SECONDS)


def objects(switches: dict[str, FakeSwitch]) -> list[Intent]:
    """As in test_links."""
    text = "".join(
        f"---\nkind: switch\nname: {name}\nrole: {name[:-1]}\np4runtime: {it.address}\ndevice_id: {it.device_id}\n"
        + (f"vtep: 10.255.0.{name[-1]}\n" if name.startswith("leaf") else "")
        for name, it in switches.items()
    )
    for leaf in (1, 2):
        text += "".join(
            f"---\nkind: link\nname: leaf{leaf}-spine{spine}\n"
            f"a: {{switch: leaf{leaf}, port: {spine}}}\nb: {{switch: spine{spine}, port: {leaf}}}\n"
            for spine in (1, 2)
        )
    ports = "".join(
        f"---\nkind: port\ntenant: red\nvpc: prod\nname: web-{leaf}\nsubnet: web\nmac: 02:00:00:00:01:0{leaf}\n"
        f"addresses: [10.0.1.1{leaf}]\nattachment: {{switch: leaf{leaf}, port: 10}}\n"
        for leaf in (1, 2)
    )
    return load_yaml(text + VPC + ports, "test")


@asynccontextmanager
async def fabric_of_two(
    url: str,
) -> AsyncIterator[tuple[dict[str, FakeSwitch], list[Controller], AsyncExitStack]]:
    """Two leaves and two spines, of which each of two controllers owns two; what ends the second one."""
    async with AsyncExitStack() as stack, AsyncExitStack() as second:
        started = await stack.enter_async_context(fakes(len(NAMES)))
        switches = dict(zip(NAMES, started, strict=True))
        controllers = []
        for name in ("one", "two"):
            store = stack.enter_context(Store(url))
            links = LinkOptions(hold=0.05, longest_hold=0.1, lldp_interval=0)
            on = stack if name == "one" else second
            member = controlling(store, leases=options(name), link_options=links)
            controllers.append(await on.enter_async_context(member))
        revision = await apply(controllers[0], objects(switches))
        for running in controllers:
            await until(
                running,
                lambda status: is_ready(status) and sorted(owners(status).values()) == ["one", "one", "two", "two"],
            )
            await realised(running, revision)
        yield switches, controllers, second


async def test_a_spine_is_told_when_the_leaves_of_all_controllers_have_followed(shared: str) -> None:
    """leaf2-spine1 dies: leaf1 and leaf2 go round it, and spine1 goes round it over leaf1. Then it is back."""
    async with fabric_of_two(shared) as (switches, controllers, _):
        owned = owners(controllers[0].status)
        spine_owner = next(running for running in controllers if running.status.name == owned["spine1"])
        # A leaf that another controller has than the spine.
        leaf = next(name for name in ("leaf1", "leaf2") if owned[name] != owned["spine1"])
        held, spine = switches[leaf], switches["spine1"]

        held.held.clear()
        before = spine.writes, held.writes
        spine_owner._links.set_ports("spine1", {1: True, 2: False})
        await held.until(lambda: held.writes > before[1])  # the leaf's controller knows, and is writing
        await until(spine_owner, lambda _: CUT in spine_owner.down_links)
        await moments()
        assert spine.writes == before[0], "the leaf might still send to the spine what that would send back"
        found = next(link for link in spine_owner.status.links if link.name == CUT.key)
        assert (found.is_down, found.is_avoided) == (True, False), "down is told before everybody goes round it"
        held.held.set()
        await spine.until(lambda: spine.writes > before[0])
        for running in controllers:
            await until_followed(running, {CUT})

        spine.held.clear()
        before = spine.writes, held.writes
        spine_owner._links.set_ports("spine1", {1: True, 2: True})
        await spine.until(lambda: spine.writes > before[0])
        await moments()
        assert held.writes == before[1], "the spine still goes round"
        spine.held.set()
        await held.until(lambda: held.writes > before[1])
        for running in controllers:
            await until_followed(running, set())


async def test_a_controller_that_has_gone_is_not_waited_for(shared: str) -> None:
    async with fabric_of_two(shared) as (switches, controllers, second):
        one = controllers[0]
        await second.aclose()
        await until(one, lambda status: set(owners(status).values()) == {"one"} and is_ready(status))
        spine = switches["spine1"]
        before = spine.writes
        one._links.set_ports("spine1", {1: True, 2: False})
        await spine.until(lambda: spine.writes > before)
        await until_followed(one, {CUT})


async def until_followed(running: Controller, down: set[ObjectId]) -> None:
    """Wait until a controller's own switches show what follows from these links being down."""

    def is_told(status: ControllerStatus) -> bool:
        own = [agent for agent in running.agents().values() if agent.is_owner]
        avoided = {link.name for link in status.links if link.is_avoided}
        return avoided == {link.key for link in down} and all(agent.is_realised for agent in own)

    await until(running, is_told)


async def moments() -> None:
    """Many turns of the loop, in which a controller that does not wait would have written."""
    for _ in range(20):
        await asyncio.sleep(0.02)
