# SPDX-License-Identifier: Apache-2.0
"""Fault runs with a controller that is a process and gets kill -9 in the midst of a bulk apply (docs/faults.md)."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from p4vpc.client import Client, UnreachableError
from p4vpc.intent import Intent
from p4vpc.store import Store
from tests.integration.controller.conftest import ServeProcess
from tests.integration.controller.fault_fabric import FaultFabric, Figures, PortedSwitch, bulk, fault_fabric
from tests.integration.controller.running import BOUND_SECONDS

BULK = 40
WAIT_SECONDS = 120.0
WITHOUT_CONTROLLER = 40
"""Packets that go through the fabric while there is no controller."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def fabric() -> AsyncIterator[FaultFabric]:
    async with fault_fabric(PortedSwitch) as it:
        yield it


class Killable:
    """`p4vpc serve`, and a client that works in threads, so that the switches in this process have their turns."""

    def __init__(self, directory: Path):
        self._process = ServeProcess(directory, "--lldp-interval", "0", "--inspection-round", "0")
        self.database = self._process.database

    async def start(self) -> None:
        await asyncio.to_thread(self._process.start)

    async def kill(self) -> None:
        assert await asyncio.to_thread(self._process.stop, signal.SIGKILL) == -signal.SIGKILL

    async def stop(self) -> None:
        assert await asyncio.to_thread(self._process.stop) == os.EX_OK, self._process.log()

    def _client(self) -> Client:
        return Client(self._process.url, token=self._process.token_file.read_text().strip())

    async def apply(self, objects: list[Intent], wait: float | None = None) -> str | None:
        """Return the outcome."""

        def call() -> str | None:
            with self._client() as client:
                return client.apply(objects, wait_seconds=wait).outcome

        return await asyncio.to_thread(call)

    async def settle(self) -> str | None:
        """Wait until all switches are connected and show the last revision."""

        def call() -> str | None:
            with self._client() as client:
                return client.status(wait_seconds=WAIT_SECONDS).outcome

        return await asyncio.to_thread(call)

    async def ports(self) -> int:
        def call() -> int:
            with self._client() as client:
                return len(client.list("port"))

        return await asyncio.to_thread(call)


async def more_arrive(fabric: FaultFabric, number: int) -> None:
    """Wait until so many packets more went through."""
    assert fabric.traffic is not None
    wanted = len(fabric.traffic.arrived) + number
    async with asyncio.timeout(BOUND_SECONDS):
        while len(fabric.traffic.arrived) < wanted:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("updates", [0, 1, 60, 110])
async def test_killed_in_the_midst_of_a_bulk_apply(tmp_path: Path, fabric: FaultFabric, updates: int) -> None:
    """After so many updates at one leaf, in the midst of a batch (0: before any). The next start finishes it."""
    figures = Figures(f"controller killed after {updates} updates of a bulk apply", fabric.kind)
    controller, proxy, dead = Killable(tmp_path), fabric.proxies["leaf2"], asyncio.Event()
    base = fabric.base()

    async def kill() -> None:
        await controller.kill()
        dead.set()

    await controller.start()
    assert await controller.apply(base, WAIT_SECONDS) == "realised"
    async with fabric.sending():
        await more_arrive(fabric, WITHOUT_CONTROLLER)
        proxy.cut_after, proxy.on_cut = updates, kill
        with pytest.raises(UnreachableError):
            await controller.apply(bulk(BULK), WAIT_SECONDS)
        await dead.wait()
        with Store(controller.database) as store:
            assert (await fabric.wrong(store)).keys() >= {"leaf2"}, "it was killed with something to do"
        await more_arrive(fabric, WITHOUT_CONTROLLER)
        figures.heal()
        await controller.start()
        assert await controller.settle() == "realised"
        figures.settled()
        assert await controller.ports() == BULK + len(base) - len([it for it in base if it.kind != "port"])
    with Store(controller.database) as store:
        await figures.judge(fabric, store, more="time from starting it again, with the start of the process")
    await controller.stop()


async def test_killed_while_it_commits(tmp_path: Path, fabric: FaultFabric) -> None:
    """Nobody is told whether a bulk apply was committed: all of it is there afterwards, or nothing."""
    figures = Figures("controller killed while it commits a bulk apply", fabric.kind)
    controller = Killable(tmp_path)
    base = fabric.base()
    await controller.start()
    assert await controller.apply(base, WAIT_SECONDS) == "realised"
    async with fabric.sending():
        for number, delay in enumerate((0.02, 0.06)):
            before = await controller.ports()
            request = asyncio.create_task(controller.apply(bulk(BULK, 40 + number * BULK)))
            await asyncio.wait((request,), timeout=delay)
            await controller.kill()
            await asyncio.wait((request,))
            is_acknowledged = request.exception() is None
            figures.heal()
            await controller.start()
            assert await controller.settle() == "realised"
            figures.settled()
            more = await controller.ports() - before
            assert more in (0, BULK)
            assert more == BULK or not is_acknowledged
    with Store(controller.database) as store:
        await figures.judge(fabric, store, more="time from starting it again, with the start of the process")
    await controller.stop()
