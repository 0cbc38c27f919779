# SPDX-License-Identifier: Apache-2.0
"""Several controllers on one PostgreSQL: who owns what, what they tell each other, and who takes over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from p4vpc.intent import Intent, ObjectId, load_yaml
from p4vpc.services import Concern, Controller, ControllerStatus, LeaseOptions, MobilityOptions, Outcome
from p4vpc.services.links import LinkOptions
from p4vpc.southbound import PipelineState, SwitchState
from p4vpc.store import Delete, Put, Store
from tests.integration.controller.running import BOUND_SECONDS, apply, controlling, realised, until
from tests.integration.controller.steady import SteadyTraffic
from tests.integration.controller.targets import TARGETS, RealSwitch
from tests.integration.controller.test_controller import PORTS, fabric, fakes, port
from tests.integration.controller.test_mobility import (
    BLUE,
    DB,
    LEAVES,
    LINKS,
    MOVER,
    WEB,
    Gate,
    arrive,
    base,
    blue,
    redirects,
    sending,
)
from tests.integration.controller.wired import WiredFabric, wired
from tests.postgres import PostgresServer

SECONDS = 1.0


def options(name: str) -> LeaseOptions:
    return LeaseOptions(name, f"http://{name}", seconds=SECONDS, settle=SECONDS)


@pytest.fixture
def shared(postgres: PostgresServer) -> str:
    return postgres.new_url()


@asynccontextmanager
async def member(url: str, name: str) -> AsyncIterator[Controller]:
    with Store(url) as store:
        async with controlling(store, leases=options(name)) as running:
            yield running


def owners(status: ControllerStatus) -> dict[str, str]:
    return {switch: owner for switch, (owner, _) in status.owners.items()}


def is_ready(status: ControllerStatus) -> bool:
    return bool(status.switches) and all(switch.state is SwitchState.READY for switch in status.switches)


async def balanced(*controllers: Controller) -> None:
    """Wait until each of them knows that each of them owns one of two switches."""
    for running in controllers:
        await until(running, lambda status: len(set(owners(status).values())) == 2 and is_ready(status))


@pytest.fixture(params=TARGETS)
async def switches(request: pytest.FixtureRequest) -> AsyncIterator[list[RealSwitch]]:
    async with AsyncExitStack() as stack:
        started: list[RealSwitch] = [request.param(device_id) for device_id in (1, 2)]
        for switch in started:
            stack.push_async_callback(switch.stop)
            await switch.start()
        yield started


async def test_one_controller_owns_all_and_writes_nothing_when_it_starts_again(
    shared: str, switches: list[RealSwitch]
) -> None:
    async with member(shared, "one") as one:
        revision = await apply(one, [*fabric(*switches), *PORTS])
        status = await realised(one, revision)
        assert status.owners == {"leaf1": ("one", 1), "leaf2": ("one", 1)}
    async with member(shared, "one") as one:
        status = await realised(one, revision)
        assert status.owners == {"leaf1": ("one", 2), "leaf2": ("one", 2)}
        assert sum(switch.updates_written for switch in status.switches) == 0
        assert [switch.pipeline for switch in status.switches] == [PipelineState.SAME] * 2


async def test_switches_are_spread_and_a_commit_at_one_is_realised_at_both(
    shared: str, switches: list[RealSwitch]
) -> None:
    async with member(shared, "one") as one, member(shared, "two") as two:
        revision = await apply(one, [*fabric(*switches), *PORTS])
        await realised(one, revision)
        await balanced(one, two)
        for running, number in ((one, 13), (two, 14), (one, 15)):
            revision = await apply(
                running, [port(f"p{number}", "leaf1", number), port(f"q{number}", "leaf2", number + 4)]
            )
            for waiting in (one, two):
                await realised(waiting, revision)
        for running in (one, two):
            assert {switch.realised_revision for switch in running.status.switches} == {revision}
            for switch in running.status.switches:
                assert switch.entries == len(running.desired(switch.name) or ())


async def test_who_takes_over_reads_back_and_writes_nothing(shared: str, switches: list[RealSwitch]) -> None:
    async with member(shared, "one") as one, AsyncExitStack() as stack:
        two = await stack.enter_async_context(member(shared, "two"))
        revision = await apply(one, [*fabric(*switches), *PORTS])
        await realised(one, revision)
        await balanced(one, two)
        written = {name: agent.status.updates_written for name, agent in one.agents().items()}
        taken = next(name for name, owner in owners(one.status).items() if owner == "two")
        await stack.aclose()
        status = await until(one, lambda status: set(owners(status).values()) == {"one"} and is_ready(status))
        assert (await realised(one, revision)).owners == status.owners
        now = {name: agent.status.updates_written for name, agent in one.agents().items()}
        assert now[taken] == 0
        assert now == written | {taken: 0}
        await realised(one, await apply(one, [port("c", taken, 13)]))


async def test_a_dead_controllers_switches_are_taken_when_its_lease_has_expired(shared: str) -> None:
    async with fakes(2) as (first, second), member(shared, "one") as one, AsyncExitStack() as stack:
        with Store(shared) as store:
            two = Controller(store, one.pipeline, leases=options("two"))
            await stack.enter_async_context(two)
            revision = await apply(one, [*fabric(first, second), *PORTS])
            await realised(one, revision)
            await balanced(one, two)
            taken = next(name for name, owner in owners(one.status).items() if owner == "two")
            # As if killed: it neither renews nor gives up, and its sessions are still open.
            assert two._cluster is not None
            for task in two._cluster._tasks:
                task.cancel()
            await until(one, lambda status: set(owners(status).values()) == {"one"} and is_ready(status))
            updates = {"leaf1": first, "leaf2": second}[taken].updates
            # It follows commits, and would write; the switch refuses that, and it says that it is deposed.
            revision = await apply(one, [port("c", taken, 13)])
            await realised(one, revision)
            assert two.agents()[taken].is_deposed
            assert {"leaf1": first, "leaf2": second}[taken].updates - updates == (
                one.agents()[taken].status.updates_written
            )


async def test_a_switch_that_its_owner_cannot_reach_goes_to_who_can(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fakes(2) as (first, second), member(shared, "one") as one, member(shared, "two") as two:
        revision = await apply(one, [*fabric(first, second), *PORTS])
        await realised(one, revision)
        await balanced(one, two)
        lost = next(name for name, owner in owners(one.status).items() if owner == "two")
        agent = two.agents()[lost]
        object.__setattr__(agent.target, "address", "127.0.0.1:1")
        agent.session()._stream.cancel()
        await until(one, lambda status: owners(status)[lost] == "one" and is_ready(status))
        await realised(one, await apply(two, [port("c", lost, 13)]))
        # It stays there, as nobody else has a session, however unbalanced that is.
        async with asyncio.timeout(BOUND_SECONDS):
            for _ in range(8):
                await asyncio.sleep(SECONDS / 2)
                assert owners(one.status)[lost] == "one"


async def test_commits_at_two_controllers_at_once_lose_nothing(shared: str) -> None:
    async with fakes(2) as (first, second), member(shared, "one") as one, member(shared, "two") as two:
        await realised(one, await apply(one, [*fabric(first, second), *PORTS]))

        async def create(running: Controller, numbers: range) -> list[int]:
            return [await apply(running, [port(f"p{number}", "leaf1", number)]) for number in numbers]

        revisions = await asyncio.gather(create(one, range(20, 40)), create(two, range(40, 60)))
        assert sorted(revisions[0] + revisions[1]) == list(range(2, 42))
        for running in (one, two):
            status = await realised(running, 41)
            assert len((await running.intents.snapshot()).objects) == 9 + 40
            assert {switch.realised_revision for switch in status.switches} == {41}
        keys = [port(f"p{number}", "leaf1", number).id for number in range(20, 60)]
        await two.intents.apply([Delete(key) for key in keys], who="test")
        assert await one.wait_realised(42, BOUND_SECONDS) is Outcome.REALISED
        snapshots = [await running.intents.snapshot() for running in (one, two)]
        with Store(shared) as store:
            whole = store.snapshot()
        for snapshot in snapshots:
            assert dict(snapshot.objects) == whole.objects
            assert dict(snapshot.identifiers.numbers) == whole.identifiers.numbers


async def test_what_one_has_seen_the_other_may_rely_on(shared: str) -> None:
    """An object's own revision (If-Match) guards against a commit at the other controller."""
    first_port: Intent = PORTS[0]
    async with fakes(2) as (first, second), member(shared, "one") as one, member(shared, "two") as two:
        await apply(one, [*fabric(first, second), *PORTS])
        seen = await two.intents.get(first_port.id)
        await two.intents.apply([Delete(first_port.id, if_revision=seen.revision)], who="test")
        await one.intents.apply([Put(first_port, if_revision=0)], who="test")
        assert (await two.intents.get(first_port.id)).revision == 3


async def test_a_name_stands_for_one_controller_the_later_one(shared: str) -> None:
    async with fakes(2) as (first, second), member(shared, "one") as old:
        revision = await apply(old, [*fabric(first, second), *PORTS])
        await realised(old, revision)
        async with member(shared, "one") as new:
            await realised(new, revision)
            await until(old, lambda status: "registered as this controller" in status.error)
            assert not any(agent.is_owner for agent in old.agents().values())
            await realised(new, await apply(new, [port("c", "leaf1", 13)]))


@asynccontextmanager
async def two_for_three_leaves(
    url: str, *, lldp_interval: float = 0.0
) -> AsyncIterator[tuple[WiredFabric, list[Controller]]]:
    """Three wired leaves, of which each controller owns one at least."""
    async with AsyncExitStack() as stack:
        wires = await stack.enter_async_context(wired(LEAVES, LINKS))
        controllers = []
        for name in ("one", "two"):
            store = stack.enter_context(Store(url))
            links = LinkOptions(hold=0.05, longest_hold=0.1, lldp_interval=lldp_interval)
            running = controlling(store, leases=options(name), link_options=links)
            controllers.append(await stack.enter_async_context(running))
        await realised(controllers[0], await apply(controllers[0], base(wires)))
        await balanced(*controllers)
        yield wires, controllers


@pytest.mark.parametrize("owner", ["one", "two"])
async def test_a_move_between_leaves_of_two_controllers_loses_nothing(shared: str, owner: str) -> None:
    """The old leaf's controller waits until the new leaf's has said that it is ready; then the old leaf redirects."""
    async with two_for_three_leaves(shared) as (wires, controllers):
        owned = owners(controllers[0].status)
        old = next(leaf for leaf in LEAVES if owned[leaf] == owner)
        new = next(leaf for leaf in LEAVES if owned[leaf] != owner)
        source = next(leaf for leaf in LEAVES if leaf not in (old, new))
        hosts = [WEB.at(source), DB.at(source), MOVER.at(old)]
        await realised(controllers[1], await apply(controllers[0], hosts))
        sources = tuple((host, (source, host.number)) for host in (WEB, DB))
        traffic = SteadyTraffic(wires, sources, MOVER, ((old, MOVER.number), (new, MOVER.number)))
        async with sending(traffic):
            for leaf in (new, old, new):
                await arrive(traffic, (old if leaf == new else new, MOVER.number), 20)
                revision = await apply(controllers[0], [MOVER.at(leaf)])
                for running in controllers:
                    assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED
                await arrive(traffic, (leaf, MOVER.number), 20)
        # When every switch has acknowledged, at whichever controller, nothing is redirected any more.
        for running in controllers:
            await until(running, lambda _, it=running: not any(redirects(it, leaf) for leaf in LEAVES))
            await realised(running, revision)


async def test_a_slow_leaf_of_another_controller_holds_up_nobody_but_the_vpcs_leaves(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both know who is behind; and who takes over a leaf that is held goes on to hold it."""
    gate = Gate(monkeypatch)
    async with AsyncExitStack() as stack:
        wires = await stack.enter_async_context(wired(LEAVES, LINKS))
        lives = [await stack.enter_async_context(AsyncExitStack()) for _ in range(2)]
        controllers = []
        for name, life in zip(("one", "two"), lives, strict=True):
            store = life.enter_context(Store(shared))
            mobility, links = MobilityOptions(patience=10 * BOUND_SECONDS), LinkOptions(lldp_interval=0.0)
            running = controlling(store, leases=options(name), link_options=links, mobility=mobility)
            controllers.append(await life.enter_async_context(running))
        one, two = controllers
        await realised(one, await apply(one, [*base(wires), *load_yaml(BLUE, "test")]))
        await balanced(one, two)
        owned = owners(one.status)
        old = next(leaf for leaf in LEAVES if owned[leaf] == "one")
        new = next(leaf for leaf in LEAVES if owned[leaf] == "two")
        other = next(leaf for leaf in LEAVES if leaf not in (old, new))
        hosts = [WEB.at(old), DB.at(old), MOVER.at(old)]
        await realised(two, await apply(one, hosts))
        here, there = (old, MOVER.number), (new, MOVER.number)
        traffic = SteadyTraffic(wires, tuple((host, (old, host.number)) for host in (WEB, DB)), MOVER, (here, there))
        async with sending(traffic):
            await arrive(traffic, here, 20)
            gate.close(LEAVES.index(new) + 1)
            move = await apply(one, [MOVER.at(new)])
            for number in (21, 22):
                revision = await apply(one, [blue(f"web-{number}", number, other)])
                concern = Concern("blue", {"blue/lab"})
                for running in controllers:
                    assert await running.wait_realised(revision, BOUND_SECONDS, concern=concern) is Outcome.REALISED
            for running in controllers:
                for waited in (move, revision):
                    assert await running.wait_realised(waited, 0.1) is Outcome.TIMEOUT
                assert await running.wait_realised(move, 0.1, concern=Concern("red")) is Outcome.TIMEOUT
            await lives[0].aclose()
            await until(two, lambda status: set(owners(status).values()) == {"two"})
            await until(two, lambda status: two.agents()[old].status.state is SwitchState.SYNCHRONISING)
            await arrive(traffic, here, 20)
            assert two.agents()[old].given_revision < move
            gate.open.set()
            await arrive(traffic, there, 20)
        await realised(two, revision)
        await until(two, lambda _: not any(redirects(two, leaf) for leaf in LEAVES))


async def test_who_is_held_by_its_owner_counts_as_behind_elsewhere(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at a controller that has ceased to wait, or has heard before the owner that it need not."""
    gate = Gate(monkeypatch)
    async with AsyncExitStack() as stack:
        wires = await stack.enter_async_context(wired(LEAVES, LINKS))
        controllers = []
        for name in ("one", "two"):
            store = stack.enter_context(Store(shared))
            mobility, links = MobilityOptions(patience=10 * BOUND_SECONDS), LinkOptions(lldp_interval=0.0)
            running = controlling(store, leases=options(name), link_options=links, mobility=mobility)
            controllers.append(await stack.enter_async_context(running))
        one, two = controllers
        await realised(one, await apply(one, base(wires)))
        await balanced(one, two)
        owned = owners(one.status)
        old = next(leaf for leaf in LEAVES if owned[leaf] == "one")
        new = next(leaf for leaf in LEAVES if owned[leaf] == "two")
        await realised(two, await apply(one, [WEB.at(old), MOVER.at(old)]))
        gate.close(LEAVES.index(new) + 1)
        move = await apply(one, [MOVER.at(new)])
        for running in controllers:
            await until(running, lambda _, it=running: old in it._fleet.held)
        compiled = two.compilation
        assert compiled is not None
        two._fleet.hand_to([old], compiled)  # as if it had given up: what it hands to others' switches goes nowhere
        await until(two, lambda _: (status := two._fleet.status_of(old)).desired_revision > status.realised_revision)
        assert old in two._fleet.behind
        gate.open.set()
        for running in controllers:
            await realised(running, move)


async def test_a_link_that_only_one_controller_knows_to_be_dead_is_gone_round_by_all(shared: str) -> None:
    """LLDP is heard by the owner of the switch that it comes in at, wherever it was sent from."""
    async with two_for_three_leaves(shared, lldp_interval=0.3) as (wires, controllers):
        task = asyncio.create_task(carry(wires))
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                while not all(map(has_heard, controllers)):
                    await asyncio.sleep(0.05)
            for running in controllers:
                await until(running, lambda _, it=running: not it.down_links)
            owned = owners(controllers[0].status)
            a, b = next((a, b) for a, b in LINKS if owned[a[0]] != owned[b[0]])
            del wires.wires[a]  # one way only: who hears at b is the only one to know
            link = ObjectId("link", f"{a[0]}-{b[0]}")
            for running in controllers:
                await until(running, lambda _, it=running: it.down_links == {link})
            evidence = {running.status.name: running._links.down_links() for running in controllers}
            assert {name for name, links in evidence.items() if links} == {owned[b[0]]}
        finally:
            task.cancel()
            await asyncio.wait([task])


def has_heard(running: Controller) -> bool:
    """Whether LLDP has come in at every fabric port of the switches that a controller owns."""
    owned = {switch for switch, owner in owners(running.status).items() if owner == running.status.name}
    hearings = [it for link in running._links._links.values() for it in link.hearings.items()]
    return all(hearing.was_heard for end, hearing in hearings if end.switch in owned)


async def carry(wires: WiredFabric) -> None:
    while True:
        wires.settle()
        await asyncio.sleep(0.01)
