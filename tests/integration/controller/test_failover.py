# SPDX-License-Identifier: Apache-2.0
"""Controllers on one PostgreSQL that die, sleep and lose it, under traffic: what is lost, what is wrong at the end."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from finsy import GRPCStatusCode
from finsy.proto import p4r

from p4vpc.client import Client, ServerError, Status
from p4vpc.compiler import Input, compile_all
from p4vpc.intent import Intent
from p4vpc.model import build_model
from p4vpc.reconcile import plan
from p4vpc.services.access import digest_of, new_secret
from p4vpc.southbound import RpcError
from p4vpc.southbound.readback import read_entries
from p4vpc.southbound.session import Listener, Session, connect
from p4vpc.store import Role, Store
from tests.integration.controller.conftest import ServeProcess
from tests.integration.controller.running import BOUND_SECONDS, PIPELINE
from tests.integration.controller.steady import SteadyTraffic
from tests.integration.controller.test_mobility import (
    DB,
    LEAVES,
    LINKS,
    MOVER,
    NEW,
    OLD,
    SOURCES,
    STAYER,
    WEB,
    Host,
    Traffic,
    arrive,
    base,
    sending,
)
from tests.integration.controller.wired import WiredFabric, wired
from tests.postgres import PostgresServer

LEASE_SECONDS = 1.5
OUTAGE_SECONDS = float(os.environ.get("P4VPC_OUTAGE_SECONDS", "4"))
"""How long the database is away; longer than a lease lasts."""

LATE = Host("late", 15)


@dataclass
class Site:
    """A fabric of three leaves, and two controllers for it, as processes.

    Attributes:
        counts: what a test has counted, printed at its end.
    """

    fabric: WiredFabric
    database: str
    secret: str
    controllers: Mapping[str, ServeProcess]
    counts: dict[str, int] = field(default_factory=dict)

    def client(self, name: str) -> Client:
        return Client(self.controllers[name].url, token=self.secret)

    async def apply(self, name: str, intents: Sequence[Intent]) -> int:
        """Apply at a controller, and wait until all switches show it."""

        def work() -> int:
            with self.client(name) as client:
                result = client.apply(intents, wait_seconds=BOUND_SECONDS)
            assert result.outcome == "realised", result
            return result.revision

        return await asyncio.to_thread(work)

    async def status(self, name: str) -> Status:
        def work() -> Status:
            with self.client(name) as client:
                return client.status()

        return await asyncio.to_thread(work)

    async def owners(self, name: str) -> dict[str, str]:
        """Who owns which switch, as a controller tells it."""
        return {switch.name: switch.controller for switch in (await self.status(name)).switches}

    async def until(self, name: str, condition: Callable[[Status], bool]) -> Status:
        loop = asyncio.get_running_loop()
        until = loop.time() + BOUND_SECONDS
        while not condition(status := await self.status(name)):
            assert loop.time() < until, f"{status}\n{self.controllers[name].log()[-4000:]}"
            await asyncio.sleep(0.05)
        return status

    async def differences(self) -> int:
        """How many entries at all switches are wrong, missing or too many, by what a fresh look at the intent says."""
        with Store(self.database) as store:
            snapshot = store.snapshot()
        model = build_model(snapshot.intents, snapshot.identifiers, snapshot.revision)
        states = compile_all(Input(model)).states
        found = 0
        for switch in model.switches.values():
            async with standing_by(switch.p4runtime, switch.device_id) as session:
                held = (await read_entries(session, PIPELINE.codec, states[switch.name])).entries
            found += sum(1 for _ in plan(states[switch.name], held, PIPELINE.info.schema).changes)
        return found


@asynccontextmanager
async def standing_by(address: str, device_id: int, election_id: int = 1 << 40) -> AsyncIterator[Session]:
    """A session that reads, and takes the switch from nobody."""
    listener = Listener(lambda _: None, lambda: None)
    async with connect(address, device_id, election_id, listener, is_candidate=False) as session:
        yield session


@pytest.fixture
async def site(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Site]:
    database, secret = postgres.new_url(), new_secret()
    with Store(database) as store:
        store.add_token("test", digest_of(secret), role=Role.OPERATOR, tenant=None, who="test")
    async with AsyncExitStack() as stack:
        fabric = await stack.enter_async_context(wired(LEAVES, LINKS))
        controllers: dict[str, ServeProcess] = {}
        it = Site(fabric, database, secret, controllers)
        for name, is_as_it_shall_be in (("one", owned_by("one")), ("two", is_shared)):
            folder = tmp_path / name
            folder.mkdir()
            options = ("--name", name, "--lease-seconds", str(LEASE_SECONDS), "--lldp-interval", "0")
            controllers[name] = ServeProcess(folder, *options, database=database)
            await asyncio.to_thread(controllers[name].start)
            stack.push_async_callback(asyncio.to_thread, controllers[name].stop, signal.SIGKILL)
            if name == "one":
                await it.apply(name, [*base(fabric), *(host.at("leaf1") for host in (WEB, DB)), MOVER.at("leaf2")])
            await it.until(name, is_as_it_shall_be)
        yield it


def is_shared(status: Status) -> bool:
    """Whether each controller owns some of the switches, and every switch is in order."""
    return len({switch.controller for switch in status.switches} - {""}) == 2 and is_ready(status)


def is_ready(status: Status) -> bool:
    return bool(status.switches) and all(it.state == "ready" and it.is_realised for it in status.switches)


def owned_by(name: str) -> Callable[[Status], bool]:
    """Whether a controller owns every switch, and every switch is in order."""
    return lambda status: {switch.controller for switch in status.switches} == {name} and is_ready(status)


def moving(fabric: WiredFabric) -> Traffic:
    return SteadyTraffic(fabric, SOURCES, MOVER, (OLD, NEW))


async def tell(site: Site, traffic: Traffic, capsys: pytest.CaptureFixture[str]) -> None:
    """Count, and say what was counted: nothing may be lost, twice, wrong or missing."""
    differences = await site.differences()
    with capsys.disabled():
        print(
            f"\n  packets sent {len(traffic.sent)}, lost {len(traffic.lost)}, twice {len(traffic.duplicated)}; "
            f"entries wrong or missing {differences}" + "".join(f"; {it} {n}" for it, n in site.counts.items())
        )
    assert (len(traffic.lost), len(traffic.duplicated), differences) == (0, 0, 0)


@pytest.mark.parametrize("is_new_place", [False, True], ids=["owner of the old place", "owner of the new place"])
async def test_an_owner_is_killed(site: Site, is_new_place: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A port moves before the other one has taken over: the move waits for that, and loses nothing."""
    traffic = moving(site.fabric)
    owners = await site.owners("one")
    assert owners["leaf2"] != owners["leaf3"]
    victim, heir = (owners["leaf3"], owners["leaf2"]) if is_new_place else (owners["leaf2"], owners["leaf3"])
    async with sending(traffic):
        await arrive(traffic, OLD)
        await asyncio.to_thread(site.controllers[victim].stop, signal.SIGKILL)
        since = asyncio.get_running_loop().time()
        moving_on = asyncio.create_task(site.apply(heir, [MOVER.at("leaf3"), STAYER.at("leaf2")]))
        await site.until(heir, owned_by(heir))
        await moving_on
        site.counts["ms until the change was realised"] = round(1000 * (asyncio.get_running_loop().time() - since))
        await arrive(traffic, NEW)
        status = await site.status(heir)
        assert {it.name: it.is_live for it in status.controllers} == {victim: False, heir: True}
        # What comes back joins in again, and the switches are spread anew, which no packet notices either.
        await asyncio.to_thread(site.controllers[victim].start)
        await site.until(victim, is_shared)
        await site.apply(victim, [LATE.at("leaf1")])
        await arrive(traffic, NEW)
    await tell(site, traffic, capsys)


async def test_the_owner_sleeps_and_wakes_up_deposed(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused by the switches, notices, stands by, and gets a part of the switches again later."""
    traffic = moving(site.fabric)
    sleeper, heir = site.controllers["one"], "two"
    before = {it.name: it.epoch for it in (await site.status(heir)).switches if it.controller == "one"}
    assert before
    async with sending(traffic):
        await arrive(traffic, OLD)
        sleeper.send(signal.SIGSTOP)
        await site.until(heir, owned_by(heir))
        await site.apply(heir, [MOVER.at("leaf3"), STAYER.at("leaf2")])
        await arrive(traffic, NEW)
        with Store(site.database) as store:
            number = store.snapshot().identifiers  # the store answers while one of its controllers sleeps
        assert number.numbers
        site.counts["writes of the deposed owner refused"] = await refused_writes(site, before)
        assert site.counts["writes of the deposed owner refused"] == len(before)
        sleeper.send(signal.SIGCONT)
        # It is told by the switches first of all; it follows what it has missed, and writes none of it.
        await site.until("one", lambda status: is_ready(status) and status.compiled_revision == status.revision)
        await site.until("one", is_shared)
        await site.apply("one", [LATE.at("leaf1")])
        await arrive(traffic, NEW)
    log = sleeper.log()
    assert "given up" in log
    await tell(site, traffic, capsys)


async def refused_writes(site: Site, epochs: Mapping[str, int]) -> int:
    """Write to switches as the owner of older epochs would; how many refuse that."""
    refused = 0
    for leaf, epoch in epochs.items():
        number = LEAVES.index(leaf) + 1
        async with standing_by(site.fabric.addresses[leaf], number) as session:
            for election_id in ((epoch << 64) + 1, (epoch << 64) + 2):
                session.election_id = election_id
                with pytest.raises(RpcError) as caught:
                    await session.write([p4r.Update().SerializeToString()])
                assert caught.value.code is GRPCStatusCode.PERMISSION_DENIED
            refused += 1
    return refused


class Watcher:
    """Follows commits by way of one controller, in a thread that a test which fails leaves behind."""

    def __init__(self, client: Client, since: int):
        self.revisions: list[int] = []
        self._client = client
        threading.Thread(target=self._run, args=(since,), daemon=True).start()

    def _run(self, since: int) -> None:
        for event in self._client.watch(since=since):
            self.revisions.append(event.revision)

    async def until(self, revision: int) -> None:
        async with asyncio.timeout(BOUND_SECONDS):
            while self.revisions[-1:] != [revision]:
                await asyncio.sleep(0.05)


async def answers(url: str, path: str, secret: str = "") -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, timeout=BOUND_SECONDS) as http:
        return await http.get(path, headers={"Authorization": f"Bearer {secret}"} if secret else {})


@pytest.mark.timeout(240)
@pytest.mark.parametrize("is_hung", [False, True], ids=["stopped", "hangs"])
async def test_the_database_is_away_for_a_while(
    site: Site, postgres: PostgresServer, is_hung: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forwarding goes on, the API says so, nobody gives up a switch, and everything goes on by itself."""
    traffic = moving(site.fabric)
    owners = {it.name: (it.controller, it.epoch) for it in (await site.status("one")).switches}
    watcher = Watcher(site.client("two"), (await site.status("two")).revision)
    async with sending(traffic), asyncio.timeout(BOUND_SECONDS * 3):
        await arrive(traffic, OLD)
        if is_hung:
            postgres.signal_all(signal.SIGSTOP)
        else:
            await asyncio.to_thread(postgres.stop)
        try:
            since = asyncio.get_running_loop().time()
            refused = 0
            while asyncio.get_running_loop().time() < since + OUTAGE_SECONDS or not refused:
                for name, controller in site.controllers.items():
                    answer = await answers(controller.url, "/v1/status", site.secret)
                    assert answer.status_code == 503, (name, answer.text)
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert int(answer.headers["retry-after"]) >= 1
                    assert answer.json()["status"] == 503
                    assert (await answers(controller.url, "/readyz")).status_code == 503
                    assert (await answers(controller.url, "/healthz")).status_code == 200
                    with pytest.raises(ServerError):
                        await site.apply(name, [MOVER.at("leaf3")])
                    refused += 1
                await asyncio.sleep(0.2)
            await arrive(traffic, OLD)
        finally:
            if is_hung:
                postgres.signal_all(signal.SIGCONT)
            else:
                await asyncio.to_thread(postgres.start)
        site.counts["changes answered with 503"] = refused
        for name in site.controllers:
            await ready(site, name)
        status = await site.until("one", is_ready)
        assert {it.name: (it.controller, it.epoch) for it in status.switches} == owners, "leases have moved"
        await site.apply("two", [MOVER.at("leaf3")])
        await arrive(traffic, NEW)
        last = await site.apply("one", [LATE.at("leaf2")])
        await watcher.until(last)
        assert watcher.revisions == sorted(set(watcher.revisions))
    await tell(site, traffic, capsys)


async def ready(site: Site, name: str) -> None:
    while (await answers(site.controllers[name].url, "/readyz")).status_code != 200:
        await asyncio.sleep(0.05)
