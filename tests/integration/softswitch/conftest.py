# SPDX-License-Identifier: Apache-2.0
"""Targets under test over real gRPC: this soft switch, and BMv2 as the judge of its answers where it is installed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from finsy.p4client import P4Client, P4ClientError
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts

PROGRAMS = Path(__file__).parent / "programs"
DEVICE_ID = 1
BOUND_SECONDS = 20


def load_config(name: str = "everything", cookie: int = 0) -> p4r.ForwardingPipelineConfig:
    info = text_format.Parse((PROGRAMS / f"{name}.p4info.txtpb").read_text(), p4i.P4Info())
    program = (PROGRAMS / f"{name}.json").read_bytes()
    config = p4r.ForwardingPipelineConfig(p4info=info, p4_device_config=program)
    if cookie:
        config.cookie.cookie = cookie
    return config


@dataclass
class Target:
    """Something that serves P4Runtime. `ports` is there for the soft switch only."""

    name: str
    address: str
    ports: MemoryPorts | None = None
    server: P4RuntimeServer | None = None


@dataclass
class Session:
    """A client with its stream, and requests with device, role and election id filled in."""

    client: P4Client
    election_id: int
    role: str = ""
    config: p4r.ForwardingPipelineConfig = field(default_factory=load_config)

    @property
    def info(self) -> p4i.P4Info:
        return self.config.p4info

    async def arbitrate(self, election_id: int | None = None, device_id: int = DEVICE_ID) -> None:
        self.election_id = self.election_id if election_id is None else election_id
        message = p4r.StreamMessageRequest()
        message.arbitration.device_id = device_id
        message.arbitration.election_id.CopyFrom(self.uint128())
        if self.role:
            message.arbitration.role.name = self.role
        await self.client.send(message)

    async def receive(self) -> p4r.StreamMessageResponse:
        return await asyncio.wait_for(self.client.receive(), BOUND_SECONDS)

    async def status(self) -> tuple[int, int]:
        """The next arbitration notification: status code and highest election id."""
        advice = (await self.receive()).arbitration
        return advice.status.code, advice.election_id.low

    def uint128(self) -> p4r.Uint128:
        return p4r.Uint128(low=self.election_id)

    async def set_pipeline(self, action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT, config=None) -> None:
        request = p4r.SetForwardingPipelineConfigRequest(
            device_id=DEVICE_ID, role=self.role, election_id=self.uint128(), action=action
        )
        if action != p4r.SetForwardingPipelineConfigRequest.COMMIT:
            request.config.CopyFrom(config or self.config)
        await self.client.request(request)

    async def get_pipeline(self, response_type=0) -> p4r.GetForwardingPipelineConfigResponse:
        return await self.client.request(
            p4r.GetForwardingPipelineConfigRequest(device_id=DEVICE_ID, response_type=response_type)
        )

    async def write(self, *updates: tuple[int, p4r.Entity], atomicity=0) -> None:
        await self.client.request(
            p4r.WriteRequest(
                device_id=DEVICE_ID,
                role=self.role,
                election_id=self.uint128(),
                updates=[p4r.Update(type=kind, entity=entity) for kind, entity in updates],
                atomicity=atomicity,
            )
        )

    async def read(self, *entities: p4r.Entity) -> list[p4r.Entity]:
        found: list[p4r.Entity] = []
        async for response in self.client.request_iter(p4r.ReadRequest(device_id=DEVICE_ID, entities=entities)):
            found.extend(response.entities)
        return found

    # -- entities by name --

    def id_of(self, kind: str, name: str) -> int:
        return next(item.preamble.id for item in getattr(self.info, kind) if item.preamble.name == name)

    def action(self, name: str, *values: bytes) -> p4r.Action:
        params = [p4r.Action.Param(param_id=number, value=value) for number, value in enumerate(values, 1)]
        return p4r.Action(action_id=self.id_of("actions", name), params=params)

    def entry(self, table: str, *matches: p4r.FieldMatch, action: p4r.Action | None = None, **fields) -> p4r.Entity:
        entity = p4r.Entity(table_entry=p4r.TableEntry(table_id=self.id_of("tables", table), match=matches, **fields))
        if action is not None:
            entity.table_entry.action.action.CopyFrom(action)
        return entity


def exact(value: bytes, field_id: int = 1) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field_id, exact=p4r.FieldMatch.Exact(value=value))


async def failure(awaitable) -> P4ClientError:
    """The error that a request ends with; it must end with one."""
    with pytest.raises(P4ClientError) as caught:
        await awaitable
    return caught.value


def codes(error: P4ClientError, count: int) -> list[int]:
    """The canonical code of each update of a batch."""
    return [int(error.details[number].canonical_code) if number in error.details else 0 for number in range(count)]


@contextlib.asynccontextmanager
async def run_softswitch() -> AsyncIterator[Target]:
    ports = MemoryPorts(range(1, 9))
    async with P4RuntimeServer(device_id=DEVICE_ID, drivers=[ports]) as server:
        yield Target("softswitch", server.address, ports, server)


@contextlib.asynccontextmanager
async def run_bmv2() -> AsyncIterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        "simple_switch_grpc", "--no-p4", "--device-id", str(DEVICE_ID), "--log-level", "off",
        "--", "--grpc-server-addr", address, "--cpu-port", "510",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), BOUND_SECONDS)
        yield Target("bmv2", address)
    finally:
        process.terminate()
        await process.wait()


NO_BMV2 = pytest.mark.skipif(shutil.which("simple_switch_grpc") is None, reason="simple_switch_grpc is not installed")


@pytest.fixture(params=["softswitch", pytest.param("bmv2", marks=[pytest.mark.bmv2, NO_BMV2])])
async def target(request) -> AsyncIterator[Target]:
    """Each target in turn."""
    async with run_softswitch() if request.param == "softswitch" else run_bmv2() as running:
        yield running


@pytest.fixture
async def softswitch() -> AsyncIterator[Target]:
    """The soft switch, for what only it is asked."""
    async with run_softswitch() as running:
        yield running


class Clients:
    """Opens clients and closes them at the end."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack

    async def open(self, target: Target, election_id: int = 1, role: str = "") -> Session:
        """A client without a stream."""
        client = await self._stack.enter_async_context(P4Client(target.address))
        return Session(client, election_id, role)

    async def primary(self, target: Target, election_id: int = 1, role: str = "") -> Session:
        """A client that is primary."""
        session = await self.open(target, election_id, role)
        await session.arbitrate()
        assert await session.status() == (0, election_id)
        return session

    async def ready(self, target: Target) -> Session:
        """A primary client with the pipeline of `everything.p4` in place."""
        session = await self.primary(target)
        await session.set_pipeline()
        return session


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    async with contextlib.AsyncExitStack() as stack:
        yield Clients(stack)
