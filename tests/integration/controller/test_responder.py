# SPDX-License-Identifier: Apache-2.0
"""Answers over real gRPC: a host's frame goes through softswitch to the controller, the reply comes out at its port.

The pipeline's own punt is stood in for by an entry in `traps` that hands up every tenant's IPv4 with the reason's
number: the responder cannot tell the difference, and the test does not depend on what the pipeline drops.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from p4vpc.cli.serve import default_pipeline
from p4vpc.compiler import DesiredState, compile_switch
from p4vpc.compiler.entries import ActionCall, DesiredEntry, Exact, Origin, TableEntry
from p4vpc.intent import load_yaml
from p4vpc.model import Model
from p4vpc.services import Controller, Outcome, controller
from p4vpc.services.responder import Outcome as Answer
from p4vpc.services.responder import Reason
from p4vpc.southbound import AgentOptions, Pipeline
from p4vpc.store import Put, Store
from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts

BOUND_SECONDS = 20.0
HOST, GATEWAY = "10.0.1.11", "10.0.1.1"
HOST_MAC, GATEWAY_MAC = "02:00:00:00:00:0b", "02:00:5e:00:01:01"
HOST_PORT = 11

Answering: TypeAlias = Callable[[Reason], AbstractAsyncContextManager[Controller]]

INTENT = """
kind: switch
name: leaf1
role: leaf
vtep: 10.255.0.1
p4runtime: {address}
device_id: 1
---
kind: tenant
name: red
---
kind: vpc
tenant: red
name: prod
---
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
---"""

PORT = """
kind: port
tenant: red
vpc: prod
name: a
subnet: web
mac: "02:00:00:00:00:0b"
addresses: [10.0.1.11]
attachment: {{switch: leaf1, port: {port}}}
"""


def trapping(model: Model, switch: str, reason: Reason) -> DesiredState:
    """What the compiler wants, and the stand-in for the pipeline's punt."""
    state = compile_switch(model, switch)
    punt = TableEntry("traps", (Exact(0), Exact(0x0800)), 0, ActionCall("punt", (reason.value,)))
    desired = DesiredEntry(punt, (Origin("switch", switch),))
    return DesiredState(switch, state.revision, {**state.entries, punt.identity: desired})


@pytest.fixture
async def ports() -> MemoryPorts:
    return MemoryPorts(range(1, 32))


@pytest.fixture
def answering(ports: MemoryPorts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """A controller whose switch shows the intent, and hands up packets with the reason that is asked for."""

    @asynccontextmanager
    async def start(reason: Reason) -> AsyncIterator[Controller]:
        monkeypatch.setattr(controller, "compile_switch", partial(trapping, reason=reason))
        async with AsyncExitStack() as stack:
            store = stack.enter_context(Store(f"sqlite:///{tmp_path / 'p4vpc.db'}"))
            server = await stack.enter_async_context(P4RuntimeServer("127.0.0.1:0", device_id=1, drivers=[ports]))
            options = AgentOptions(first_backoff=0.02, last_backoff=0.2)
            pipeline = Pipeline.load(default_pipeline())
            running = await stack.enter_async_context(Controller(store, pipeline, options=options, feed_interval=0.05))
            intent = INTENT.format(address=server.address) + PORT.format(port=HOST_PORT)
            puts = [Put(it) for it in load_yaml(intent, "test")]
            revision = (await running.intents.apply(puts, who="test")).revision
            outcome = await running.wait_realised(revision, BOUND_SECONDS, is_every_switch_ready=True)
            assert outcome is Outcome.REALISED, running.status
            yield running

    return start


async def exchange(ports: MemoryPorts, port: int, packet: Packet) -> Packet:
    """Send a packet as the host, and return what it receives."""
    ports.inject(port, bytes(Ether(src=HOST_MAC, dst=GATEWAY_MAC) / packet))
    async with asyncio.timeout(BOUND_SECONDS):
        frame = Ether(await ports.receive(port))
    assert (frame.src, frame.dst) == (GATEWAY_MAC, HOST_MAC)
    return frame.payload


@pytest.mark.parametrize(
    ("reason", "packet", "icmp"),
    [
        (Reason.TO_GATEWAY, IP(src=HOST, dst=GATEWAY) / ICMP(id=7, seq=1) / Raw(b"ping"), (0, 0)),
        (Reason.TO_GATEWAY, IP(src=HOST, dst=GATEWAY) / UDP(dport=33434), (3, 3)),
        (Reason.TTL, IP(src=HOST, dst="10.0.2.9", ttl=1) / UDP(dport=33434), (11, 0)),
        (Reason.TOO_BIG, IP(src=HOST, dst="10.0.2.9", flags="DF") / UDP() / Raw(bytes(1473)), (3, 4)),
    ],
)
async def test_a_host_gets_its_answer(
    reason: Reason, packet: Packet, icmp: tuple[int, int], ports: MemoryPorts, answering: Answering
) -> None:
    async with answering(reason) as running:
        said = await exchange(ports, HOST_PORT, packet)
        assert (said.src, said.dst) == (GATEWAY, HOST)
        assert (said[ICMP].type, said[ICMP].code) == icmp
        await exchange(ports, HOST_PORT, packet)
        # The second exchange has begun after the first was counted.
        assert running.responders()["leaf1"].counts[reason, Answer.ANSWERED] >= 1


async def test_a_host_that_moves_is_answered_where_it_is(ports: MemoryPorts, answering: Answering) -> None:
    async with answering(Reason.TO_GATEWAY) as running:
        ping = IP(src=HOST, dst=GATEWAY) / ICMP()
        await exchange(ports, HOST_PORT, ping)
        moved = load_yaml(PORT.format(port=12), "test")
        revision = (await running.intents.apply([Put(intent) for intent in moved], who="test")).revision
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED
        await exchange(ports, 12, ping)
