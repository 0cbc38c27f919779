# SPDX-License-Identifier: Apache-2.0
"""Three leaves behind faulty proxies, with traffic between hosts where the target can take it, and how to judge them.

A run ends with what is wrong: every switch is read behind the proxy's back, and compared with a full compilation of
what the store holds. P4VPC_FAULT_FIGURES=FILE in the environment appends a JSON line for each run.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from finsy.proto import p4r, p4r_grpc

from p4vpc.compiler import Input, compile_all
from p4vpc.compiler.entries import Entry, Identity
from p4vpc.intent import Intent, load_yaml
from p4vpc.reconcile import normalise
from p4vpc.services.models import Models
from p4vpc.southbound.quirks import CHANNEL_OPTIONS
from p4vpc.southbound.readback import read_entries
from p4vpc.store import Store
from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts
from tests.integration.controller.faulty_proxy import FaultyProxy
from tests.integration.controller.running import PIPELINE
from tests.integration.controller.targets import Bmv2, RealSwitch, free_port
from tests.integration.controller.test_mobility import (
    DB,
    FABRIC,
    LEAVES,
    LINK,
    LINKS,
    SOURCES,
    STAYER,
    VPC,
    WEB,
    Host,
    Traffic,
)
from tests.integration.controller.wired import WiredFabric

HOSTS = ((WEB, "leaf1"), (DB, "leaf1"), (STAYER, "leaf2"))
"""Those that send to each other all the time: from leaf1 to leaf2."""


class PortedSwitch:
    """Softswitch whose ports outlive it; each start is a new switch that remembers nothing."""

    def __init__(self, device_id: int):
        self.device_id = device_id
        self.address = f"127.0.0.1:{free_port()}"
        self.ports = MemoryPorts(range(1, 200))
        self._server: P4RuntimeServer | None = None

    async def start(self) -> None:
        self._server = P4RuntimeServer(self.address, device_id=self.device_id, drivers=[self.ports])
        await self._server.start()

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()


class NumberedTraffic(Traffic):
    """Traffic beside which a host gets other frames too, such as router advertisements."""

    def collect(self) -> None:
        for place in self.places:
            for frame in self.fabric.received(place):
                if b"<" in frame and b">" in frame:
                    self.count(place, frame)


@dataclass
class FaultFabric:
    """Switches and their proxies, by name.

    Attributes:
        traffic: None where the target has no ports that a test can use.
    """

    kind: str
    switches: dict[str, RealSwitch]
    proxies: dict[str, FaultyProxy]
    traffic: Traffic | None

    def base(self) -> list[Intent]:
        """The fabric, and a VPC with the hosts that send."""
        texts = [
            FABRIC.format(leaf=leaf, number=number, address=self.proxies[leaf].address)
            for number, leaf in enumerate(LEAVES, start=1)
        ]
        texts += [LINK.format(a=a, b=b) for a, b in LINKS]
        hosts = [host.at(leaf) for host, leaf in HOSTS]
        return [*load_yaml("---\n".join([*texts, VPC]), "test"), *hosts]

    async def restart(self, leaf: str) -> None:
        """Stop a switch and its connections, and start it empty."""
        await self.proxies[leaf].stop()
        await self.switches[leaf].stop()
        await self.switches[leaf].start()
        await self.proxies[leaf].start()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Traffic goes on meanwhile, if there can be any."""
        if self.traffic is None:
            yield
            return
        task = asyncio.create_task(self._send(self.traffic))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))
        assert task.cancelled(), task.exception()
        self.traffic.collect()

    @staticmethod
    async def _send(traffic: Traffic) -> None:
        """Slowly enough that the controller in the same process has its turns."""
        while True:
            traffic.step()
            await asyncio.sleep(0.01)

    async def wrong(self, store: Store) -> dict[str, int]:
        """How many entries of each switch are wrong or missing, or there without being wanted; none: not in it."""
        model = Models().of(store.snapshot(), PIPELINE.architecture)
        states = compile_all(Input(model)).states
        found = {}
        for leaf, switch in self.switches.items():
            held = await read_switch(switch.address, switch.device_id)
            entries = (normalise(item.entry, PIPELINE.info.schema) for item in states[leaf].values())
            wanted = {entry.identity: entry for entry in entries}
            number = sum(held.get(identity) != entry for identity, entry in wanted.items())
            number += sum(identity not in wanted for identity in held)
            assert wanted, "there is nothing to compare"
            if number:
                found[leaf] = number
        return found


class _Reader:
    """Reads without a session, which anybody may (P4Runtime 1.4, section 5)."""

    def __init__(self, stub: Any, device_id: int):
        self._stub = stub
        self._device_id = device_id

    async def read(self, *entities: p4r.Entity) -> AsyncIterator[p4r.ReadResponse]:
        async for response in self._stub.Read(p4r.ReadRequest(device_id=self._device_id, entities=entities)):
            yield response


async def read_switch(address: str, device_id: int) -> dict[Identity, Entry]:
    """What a switch holds."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        reader: Any = _Reader(p4r_grpc.P4RuntimeStub(channel), device_id)
        found = await read_entries(reader, PIPELINE.codec, {})
    assert not found.unreadable
    return found.entries


@asynccontextmanager
async def fault_fabric(kind: type[RealSwitch]) -> AsyncIterator[FaultFabric]:
    """Three leaves of a kind, each linked to the two others."""
    async with AsyncExitStack() as stack:
        switches: dict[str, RealSwitch] = {}
        proxies: dict[str, FaultyProxy] = {}
        for device_id, leaf in enumerate(LEAVES, start=1):
            switches[leaf] = kind(device_id)  # type: ignore[call-arg]
            proxies[leaf] = FaultyProxy(switches[leaf].address)
            await switches[leaf].start()
            stack.push_async_callback(switches[leaf].stop)
            await proxies[leaf].start()
            stack.push_async_callback(proxies[leaf].close)
        ported = {leaf: it for leaf, it in switches.items() if isinstance(it, PortedSwitch)}
        traffic = None
        if ported:
            wires = {end: far for a, b in LINKS for end, far in ((a, b), (b, a))}
            ports = {leaf: it.ports for leaf, it in ported.items()}
            fabric = WiredFabric(ports, {}, wires)
            traffic = NumberedTraffic(fabric, SOURCES, STAYER, [("leaf2", STAYER.number)])
        yield FaultFabric("bmv2" if kind is Bmv2 else "softswitch", switches, proxies, traffic)


def bulk(number: int, first: int = 40) -> list[Intent]:
    """So many ports more, spread over all leaves."""
    return [Host(f"bulk{it}", it).at(LEAVES[it % len(LEAVES)]) for it in range(first, first + number)]


@dataclass
class Figures:
    """What a run came to; seconds are measured, never judged."""

    run: str
    target: str
    healed_at: float = 0.0
    settled_seconds: float = 0.0

    def heal(self) -> None:
        self.healed_at = time.perf_counter()

    def settled(self) -> None:
        self.settled_seconds = time.perf_counter() - self.healed_at

    async def judge(self, fabric: FaultFabric, store: Store, *, may_lose: bool = False, more: str = "") -> None:
        """The end of a run: nothing is wrong or missing, and nothing was lost that need not be."""
        wrong = await fabric.wrong(store)
        traffic = fabric.traffic
        lost = None if traffic is None else len(traffic.lost)
        figures = {
            **{"run": self.run, "target": self.target, "wrong": sum(wrong.values()), "lost": lost},
            **{"sent": None if traffic is None else len(traffic.sent), "settled_s": round(self.settled_seconds, 2)},
            "more": more,
        }
        print(f"\nfault run: {figures}")
        if path := os.environ.get("P4VPC_FAULT_FIGURES"):
            with Path(path).open("a") as file:
                file.write(json.dumps(figures) + "\n")
        assert wrong == {}
        if traffic is not None:
            assert len(traffic.sent) > 20, "there was traffic"
            assert not traffic.duplicated
            assert may_lose or not lost


def updates_of(proxies: Sequence[FaultyProxy]) -> int:
    return sum(proxy.updates for proxy in proxies)
