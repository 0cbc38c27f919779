# SPDX-License-Identifier: Apache-2.0
"""A controller in this process, with the pipeline that is checked in and no patience between attempts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from p4vpc.cli.serve import default_pipeline
from p4vpc.intent import Intent, load_yaml
from p4vpc.services import Controller, ControllerStatus, Outcome
from p4vpc.southbound import AgentOptions, Pipeline
from p4vpc.store import Put, Store
from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts

BOUND_SECONDS = 60.0
"""Several switches in this process compile their pipelines before anything happens."""

PIPELINE = Pipeline.load(default_pipeline())
OPTIONS = AgentOptions(first_backoff=0.02, last_backoff=0.2)


@asynccontextmanager
async def controlling(store: Store, pipeline: Pipeline = PIPELINE, **options: Any) -> AsyncIterator[Controller]:
    async with Controller(store, pipeline, **{"options": OPTIONS, "feed_interval": 0.05, **options}) as running:
        yield running


@asynccontextmanager
async def controlling_a_leaf(
    folder: Path, ports: MemoryPorts, intent: str, **options: Any
) -> AsyncIterator[Controller]:
    """A controller whose only switch shows the intent, in which its address is ADDRESS and its device number 1."""
    async with AsyncExitStack() as stack:
        store = stack.enter_context(Store(f"sqlite:///{folder / 'p4vpc.db'}"))
        server = await stack.enter_async_context(P4RuntimeServer("127.0.0.1:0", device_id=1, drivers=[ports]))
        running = await stack.enter_async_context(controlling(store, **options))
        await realise(running, load_yaml(intent.replace("ADDRESS", server.address), "test"))
        yield running


async def apply(running: Controller, objects: Iterable[Intent]) -> int:
    return (await running.intents.apply([Put(intent) for intent in objects], who="test")).revision


async def realised(running: Controller, revision: int) -> ControllerStatus:
    outcome = await running.wait_realised(revision, BOUND_SECONDS, is_every_switch_ready=True)
    assert outcome is Outcome.REALISED, running.status
    return running.status


async def realise(running: Controller, objects: Iterable[Intent]) -> int:
    revision = await apply(running, objects)
    await realised(running, revision)
    return revision


async def until(running: Controller, condition: Callable[[ControllerStatus], bool]) -> ControllerStatus:
    async with asyncio.timeout(BOUND_SECONDS):
        while not condition(running.status):
            await running.changed()
    return running.status
