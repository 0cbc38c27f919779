# SPDX-License-Identifier: Apache-2.0
"""A P4Runtime server that keeps tables and misbehaves on request.

It judges what arrives by its own means (serialised messages), not with the codec under test.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from finsy.proto import U128, p4r, p4r_grpc, rpc_code, rpc_status
from google.protobuf.any_pb2 import Any as AnyMessage
from typing_extensions import override

BOUND_SECONDS = 20.0


@dataclass
class Stream:
    """One controller's stream."""

    election_id: int
    outbox: "asyncio.Queue[p4r.StreamMessageResponse | None]" = field(default_factory=asyncio.Queue)


class FakeSwitch(p4r_grpc.P4RuntimeServicer):
    """State outlives the server, as `stop` and `start` cut the connection; `lose_state` is what a reboot adds.

    Attributes:
        refused_tables: table id -> gRPC code with which each update of it is refused.
        capacities: table id -> how many entries it holds, whatever its P4Info says.
        forgetful_tables: table ids; what is written to these is acknowledged, and not done.
        garbage: entities that it tells beside what it holds.
        asked: the entities of each read.
        can_reconcile: it takes another pipeline without losing its entries.
        writes, updates, pushes, reads, refused_pushes: how often something was asked for.
        held: while not set, writes wait for it.
    """

    def __init__(self, device_id: int = 1, *, has_cookie: bool = True, has_multicast: bool = True):
        self.device_id = device_id
        self.entries: dict[bytes, p4r.Entity] = {}
        self.config: p4r.ForwardingPipelineConfig | None = None
        self.refused_tables: dict[int, int] = {}
        self.capacities: dict[int, int] = {}
        self.forgetful_tables: set[int] = set()
        self.garbage: list[p4r.Entity] = []
        self.asked: list[list[p4r.Entity]] = []
        self.can_reconcile = False
        self.refuses_pipelines = False
        self.fails_as_a_whole: Callable[[p4r.Update], bool] = lambda _: False
        self.writes = self.updates = self.pushes = self.reads = self.refused_pushes = 0
        self.held = asyncio.Event()
        self.held.set()
        self.highest_election_id = 0
        self._has_cookie = has_cookie
        self._has_multicast = has_multicast
        self._streams: list[Stream] = []
        self._changed = asyncio.Condition()
        self._server: grpc.aio.Server | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def primary(self) -> Stream | None:
        best = max(self._streams, key=lambda stream: stream.election_id, default=None)
        return best if best and best.election_id >= self.highest_election_id else None

    async def start(self) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        p4r_grpc.add_P4RuntimeServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        """Cut all connections."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None
        self._streams.clear()

    def lose_state(self) -> None:
        """What a restarted process has forgotten."""
        self.entries.clear()
        self.config = None
        self.highest_election_id = 0

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, not for ever, until something that arrived makes `condition` true."""
        async with asyncio.timeout(BOUND_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def send_packet(self, packet: p4r.PacketIn) -> None:
        assert self.primary is not None
        self.primary.outbox.put_nowait(p4r.StreamMessageResponse(packet=packet))

    @override
    async def StreamChannel(
        self, request_iterator: AsyncIterator[p4r.StreamMessageRequest], context: Any
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        stream = Stream(-1)
        reader = asyncio.create_task(self._read_stream(stream, request_iterator))
        try:
            while (message := await stream.outbox.get()) is not None:
                yield message
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Election id already exists")
        finally:
            reader.cancel()
            if stream in self._streams:
                self._streams.remove(stream)
                self._tell_roles()
            await self._notify()

    async def _read_stream(self, stream: Stream, requests: AsyncIterator[p4r.StreamMessageRequest]) -> None:
        async for request in requests:
            if not request.HasField("arbitration"):
                continue
            election_id = U128.decode(request.arbitration.election_id)
            if any(other.election_id == election_id for other in self._streams if other is not stream):
                stream.outbox.put_nowait(None)
                return
            stream.election_id = election_id
            self.highest_election_id = max(self.highest_election_id, election_id)
            if stream not in self._streams:
                self._streams.append(stream)
            self._tell_roles()
            await self._notify()

    def _tell_roles(self) -> None:
        primary = self.primary
        for stream in self._streams:
            code = rpc_code.OK if stream is primary else rpc_code.ALREADY_EXISTS if primary else rpc_code.NOT_FOUND
            update = p4r.MasterArbitrationUpdate(
                device_id=self.device_id,
                election_id=U128.encode(self.highest_election_id),
                status=rpc_status.Status(code=code),
            )
            stream.outbox.put_nowait(p4r.StreamMessageResponse(arbitration=update))

    async def _check_primary(self, election_id: p4r.Uint128, context: Any) -> None:
        if self.primary is None or U128.decode(election_id) != self.primary.election_id:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Not primary")

    @override
    async def Write(self, request: p4r.WriteRequest, context: Any) -> p4r.WriteResponse:
        self.writes += 1
        await self._notify()
        await self.held.wait()
        await self._check_primary(request.election_id, context)
        if self.config is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "No forwarding pipeline config set")
        if any(map(self.fails_as_a_whole, request.updates)):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is malformed")
        codes = [self._update(update) for update in request.updates]
        self.updates += codes.count(rpc_code.OK)
        await self._notify()
        if any(codes):
            status = rpc_status.Status(code=rpc_code.UNKNOWN, message="write failed")
            for code in codes:
                detail = AnyMessage()
                detail.Pack(p4r.Error(canonical_code=code, message="" if code == rpc_code.OK else "so it is"))
                status.details.append(detail)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            await context.abort(grpc.StatusCode.UNKNOWN, "write failed")
        return p4r.WriteResponse()

    def _update(self, update: p4r.Update) -> int:
        entity = update.entity
        key = identity_of(entity)
        refusal = self.refused_tables.get(entity.table_entry.table_id)
        if refusal is not None:
            return refusal
        if entity.HasField("meter_entry"):
            return self._update_cell(key, update)
        table_id = entity.table_entry.table_id
        if table_id in self.forgetful_tables:
            return int(rpc_code.OK)
        if update.type == p4r.Update.INSERT and self._is_full(table_id):
            return int(rpc_code.RESOURCE_EXHAUSTED)
        if (key in self.entries) is (update.type == p4r.Update.INSERT):
            return int(rpc_code.ALREADY_EXISTS if update.type == p4r.Update.INSERT else rpc_code.NOT_FOUND)
        if update.type == p4r.Update.DELETE:
            del self.entries[key]
        else:
            self.entries[key] = p4r.Entity.FromString(entity.SerializeToString())
        return int(rpc_code.OK)

    def _is_full(self, table_id: int) -> bool:
        held = sum(entity.table_entry.table_id == table_id for entity in self.entries.values())
        return held >= self.capacities.get(table_id, held + 1)

    def _update_cell(self, key: bytes, update: p4r.Update) -> int:
        """A meter cell is always there: it can only be modified, and without a configuration that resets it."""
        if update.type != p4r.Update.MODIFY:
            return int(rpc_code.INVALID_ARGUMENT)
        if update.entity.meter_entry.HasField("config"):
            self.entries[key] = p4r.Entity.FromString(update.entity.SerializeToString())
        else:
            self.entries.pop(key, None)
        return int(rpc_code.OK)

    @override
    async def Read(self, request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        self.reads += 1
        self.asked.append(list(request.entities))
        for wanted in request.entities:
            if wanted.HasField("packet_replication_engine_entry") and not self._has_multicast:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no replication engine")
            for entity in [*self.entries.values(), *self.garbage]:
                answer = self._answer(entity, wanted)
                if answer is not None:
                    yield p4r.ReadResponse(entities=[answer])
        await self._notify()

    def _answer(self, entity: p4r.Entity, wanted: p4r.Entity) -> p4r.Entity | None:
        kind = wanted.WhichOneof("entity")
        if entity.WhichOneof("entity") != kind:
            return None
        table_id = wanted.table_entry.table_id
        if kind == "table_entry" and table_id and table_id != entity.table_entry.table_id:
            return None
        if kind == "packet_replication_engine_entry":
            replicated, asked = entity.packet_replication_engine_entry, wanted.packet_replication_engine_entry
            if replicated.WhichOneof("type") != asked.WhichOneof("type"):
                return None
        meter_id = wanted.meter_entry.meter_id
        if kind == "meter_entry" and meter_id and meter_id != entity.meter_entry.meter_id:
            return None
        answer = p4r.Entity.FromString(entity.SerializeToString())
        if wanted.table_entry.HasField("counter_data"):
            answer.table_entry.counter_data.packet_count = 3
            answer.table_entry.counter_data.byte_count = 300
        return answer

    @override
    async def SetForwardingPipelineConfig(
        self, request: p4r.SetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.SetForwardingPipelineConfigResponse:
        await self._check_primary(request.election_id, context)
        is_kept = request.action == p4r.SetForwardingPipelineConfigRequest.RECONCILE_AND_COMMIT
        if is_kept and not self.can_reconcile:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "tables are emptied here")
        if self.refuses_pipelines:
            self.refused_pushes += 1
            await self._notify()
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this does not fit")
        self.pushes += not is_kept
        if not is_kept:
            self.entries.clear()
        self.config = p4r.ForwardingPipelineConfig.FromString(request.config.SerializeToString())
        if not self._has_cookie:
            self.config.ClearField("cookie")
        await self._notify()
        return p4r.SetForwardingPipelineConfigResponse()

    @override
    async def GetForwardingPipelineConfig(
        self, request: p4r.GetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.GetForwardingPipelineConfigResponse:
        if self.config is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "No forwarding pipeline config set")
            raise AssertionError
        if request.response_type == p4r.GetForwardingPipelineConfigRequest.COOKIE_ONLY:
            return p4r.GetForwardingPipelineConfigResponse(
                config=p4r.ForwardingPipelineConfig(cookie=self.config.cookie)
            )
        return p4r.GetForwardingPipelineConfigResponse(config=self.config)

    @override
    async def Capabilities(self, request: p4r.CapabilitiesRequest, context: Any) -> p4r.CapabilitiesResponse:
        return p4r.CapabilitiesResponse(p4runtime_api_version="1.4.1")


def identity_of(entity: p4r.Entity) -> bytes:
    """What P4Runtime takes for the same entry."""
    if entity.HasField("table_entry"):
        entry = entity.table_entry
        key = p4r.TableEntry(table_id=entry.table_id, priority=entry.priority, match=entry.match)
        return key.SerializeToString(deterministic=True)
    if entity.HasField("meter_entry"):
        cell = entity.meter_entry
        return b"meter %d %d" % (cell.meter_id, cell.index.index)
    copies = entity.packet_replication_engine_entry
    if copies.HasField("clone_session_entry"):
        return b"session %d" % copies.clone_session_entry.session_id
    return b"multicast %d" % copies.multicast_group_entry.multicast_group_id
