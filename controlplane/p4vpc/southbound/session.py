# SPDX-License-Identifier: Apache-2.0
"""One P4Runtime session with one switch: channel, stream, arbitration, and the calls that need them.

finsy supplies the protocol's messages and its decoding of errors; the session itself is ours, because finsy's `Switch`
takes over as primary on its own, which is what an election id from the store must prevent, and because a read of all
tables and the errors of a big batch exceed the limits of its channel.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from finsy import GRPCStatusCode
from finsy.proto import U128, p4r, p4r_grpc

from p4vpc.southbound import quirks
from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.port_states import follow_ports, has_gnmi
from p4vpc.southbound.rpc import RpcError, UpdateError, rpc_error, update_errors
from p4vpc.southbound.tls import SwitchTls
from p4vpc.southbound.wire import delimited, tag

CONNECT_TIMEOUT_SECONDS = 10.0
PROBE_TIMEOUT_SECONDS = 10.0
CALL_TIMEOUT_SECONDS = 60.0
PIPELINE_TIMEOUT_SECONDS = 120.0

_WriteCall: TypeAlias = grpc.aio.UnaryUnaryMultiCallable[bytes, p4r.WriteResponse]

_WRITE = "/p4.v1.P4Runtime/Write"
_UPDATES = tag(p4r.WriteRequest, "updates")


class ElectionIdUselessError(RpcError):
    """Another connection uses our election id, or nobody is primary and a higher id is known: get a new one.

    Attributes:
        highest: the highest id that the switch has told us of; 0 if none.
    """

    def __init__(self, operation: str, code: GRPCStatusCode, reason: str, highest: int = 0):
        super().__init__(operation, code, reason)
        self.highest = highest


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a session tells what the switch sends by itself.

    Attributes:
        packet: called with each packet-in.
        role: called whenever we may have become, or ceased to be, primary.
    """

    packet: Callable[[p4r.PacketIn], None]
    role: Callable[[], None]


class Session:
    """An open session; made by `connect`.

    Attributes:
        is_primary: whether the switch takes writes from us; follows what the switch says.
        is_candidate: whether we want to be; a session that stands by is content with not being primary.
        election_id: the one that the switch was told last.
    """

    def __init__(self, channel: grpc.aio.Channel, device_id: int, election_id: int, listener: Listener):
        self._channel = channel
        self._stub: p4r_grpc.P4RuntimeAsyncStub = p4r_grpc.P4RuntimeStub(channel)
        self._write_encoded: _WriteCall = channel.unary_unary(
            _WRITE, response_deserializer=p4r.WriteResponse.FromString
        )
        self._device_id = device_id
        self.election_id = election_id
        self.is_candidate = True
        self._listener = listener
        self._arbitrated = asyncio.Event()
        self._stream = self._stub.StreamChannel()
        self._receiver = asyncio.create_task(self._receive())
        self.is_primary = False

    async def arbitrate(self, election_id: int, *, is_candidate: bool = True) -> None:
        """Tell the switch our election id, the first one or another; afterwards `is_primary` is known.

        Raises:
            RpcError: the switch cannot be reached, or refuses.
            ElectionIdUselessError: with this id we shall never be primary.
        """
        self.election_id, self.is_candidate, self.is_primary = election_id, is_candidate, False
        self._arbitrated.clear()
        arbitration = p4r.MasterArbitrationUpdate(device_id=self._device_id, election_id=U128.encode(self.election_id))
        answered = asyncio.create_task(self._arbitrated.wait())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the receiver knows why
                    await self._stream.write(p4r.StreamMessageRequest(arbitration=arbitration))
                await asyncio.wait((answered, self._receiver), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise RpcError("arbitration", GRPCStatusCode.DEADLINE_EXCEEDED, "the switch does not answer") from None
        finally:
            answered.cancel()
        if self._receiver.done():
            self._receiver.result()

    async def close(self) -> None:
        """End the stream."""
        self._receiver.cancel()
        self._stream.cancel()
        await asyncio.wait((self._receiver,))
        if not self._receiver.cancelled():
            self._receiver.exception()

    async def closed(self) -> None:
        """Wait until the stream ends.

        Raises:
            RpcError: always; how it ended.
        """
        await asyncio.shield(self._receiver)

    async def _receive(self) -> None:
        try:
            async for message in self._stream:
                self._dispatch(message)
        except grpc.aio.AioRpcError as error:
            failure = rpc_error("stream", error)
            if quirks.is_election_id_taken(failure.code, failure.reason):
                raise ElectionIdUselessError("arbitration", failure.code, failure.reason) from None
            raise failure from None
        finally:
            self.is_primary = False
        raise RpcError("stream", GRPCStatusCode.UNAVAILABLE, "closed by the switch")

    def _dispatch(self, message: p4r.StreamMessageResponse) -> None:
        # Digests and idle timeouts are not asked for; a stream error answers a packet-out, which may get lost anyway.
        match message.WhichOneof("update"):
            case "arbitration":
                update = message.arbitration
                highest = U128.decode(update.election_id)
                if self.is_candidate and update.status.code == GRPCStatusCode.NOT_FOUND and highest >= self.election_id:
                    reason = (
                        f"nobody is primary, but election id {highest:#x} is known and ours is {self.election_id:#x}"
                    )
                    raise ElectionIdUselessError("arbitration", GRPCStatusCode.NOT_FOUND, reason, highest)
                self.is_primary = quirks.is_primary(update, self.election_id)
                self._arbitrated.set()
                self._listener.role()
            case "packet":
                self._listener.packet(message.packet)

    async def packet_out(self, packet: p4r.PacketOut) -> None:
        """Send a packet.

        Raises:
            RpcError: the stream has ended.
        """
        try:
            await self._stream.write(p4r.StreamMessageRequest(packet=packet))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise RpcError("packet-out", GRPCStatusCode.UNAVAILABLE, str(error)) from None

    async def has_gnmi(self) -> bool:
        """Whether the switch speaks gNMI; `port_states.has_gnmi` says what it raises."""
        return await has_gnmi(self._channel, PROBE_TIMEOUT_SECONDS)

    def port_states(self) -> AsyncIterator[Mapping[int, bool]]:
        """Whether ports are up, by number, now and after each change; `follow_ports` says what it raises."""
        return follow_ports(self._channel)

    async def write(self, updates: Sequence[bytes]) -> Mapping[int, UpdateError]:
        """Write a batch of encoded updates (`Codec.update`); what can be written is (CONTINUE_ON_ERROR).

        Returns:
            The errors by position in `updates`; empty if all went well.

        Raises:
            RpcError: the write failed as a whole; PERMISSION_DENIED: we are not primary (any more).
        """
        request = p4r.WriteRequest(device_id=self._device_id, election_id=U128.encode(self.election_id))
        data = b"".join((request.SerializeToString(), *(delimited(_UPDATES, update) for update in updates)))
        try:
            await self._write_encoded(data, timeout=CALL_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                self.is_primary = False
            return update_errors(error, len(updates))
        return {}

    async def read(self, *entities: p4r.Entity) -> AsyncIterator[p4r.ReadResponse]:
        """Read what matches; answers come as the switch sends them.

        Raises:
            RpcError: the read failed.
        """
        request = p4r.ReadRequest(device_id=self._device_id, entities=entities)
        try:
            async for response in self._stub.Read(request, timeout=CALL_TIMEOUT_SECONDS):
                yield response
        except grpc.aio.AioRpcError as error:
            raise rpc_error("read", error) from None

    async def pipeline(self, *, is_complete: bool) -> p4r.ForwardingPipelineConfig:
        """What the switch says that it runs: the cookie alone, or everything. Empty if it runs nothing.

        Raises:
            RpcError: the call failed.
        """
        kind = p4r.GetForwardingPipelineConfigRequest
        request = kind(device_id=self._device_id, response_type=kind.ALL if is_complete else kind.COOKIE_ONLY)
        try:
            response = await self._stub.GetForwardingPipelineConfig(request, timeout=PROBE_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            failure = rpc_error("get pipeline", error)
            if failure.code in quirks.NO_PIPELINE_CODES:
                return p4r.ForwardingPipelineConfig()
            raise failure from None
        return response.config

    async def push_pipeline(self, pipeline: Pipeline) -> None:
        """Make the switch run `pipeline`. Its tables are empty afterwards.

        Raises:
            RpcError: the switch refuses it.
        """
        await self._set_pipeline(pipeline, p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT)

    async def reconcile_pipeline(self, pipeline: Pipeline) -> bool:
        """Make the switch run `pipeline` in place of another one and keep its entries; whether it can do that.

        Raises:
            RpcError: the call failed for another reason.
        """
        try:
            await self._set_pipeline(pipeline, p4r.SetForwardingPipelineConfigRequest.RECONCILE_AND_COMMIT)
        except RpcError as error:
            if error.code in quirks.CANNOT_RECONCILE_CODES:
                return False
            raise
        return True

    async def _set_pipeline(
        self, pipeline: Pipeline, action: p4r.SetForwardingPipelineConfigRequest.Action.ValueType
    ) -> None:
        request = p4r.SetForwardingPipelineConfigRequest(
            device_id=self._device_id,
            election_id=U128.encode(self.election_id),
            action=action,
            config=pipeline.config(),
        )
        try:
            await self._stub.SetForwardingPipelineConfig(request, timeout=PIPELINE_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise rpc_error("push pipeline", error) from None


@asynccontextmanager
async def connect(
    address: str,
    device_id: int,
    election_id: int,
    listener: Listener,
    *,
    is_candidate: bool = True,
    tls: SwitchTls | None = None,
) -> AsyncIterator[Session]:
    """A session with the switch `device_id` behind `address` (host:port), arbitrated; closed at the end.

    Without `tls` it is neither encrypted nor certain who answers.

    Raises:
        RpcError: the switch cannot be reached, or refuses.
        ElectionIdUselessError: with this election id we shall never be primary.
    """
    if tls is None:
        channel = grpc.aio.insecure_channel(address, options=quirks.CHANNEL_OPTIONS)
    else:
        channel = grpc.aio.secure_channel(address, tls.credentials(), options=quirks.CHANNEL_OPTIONS)
    try:
        session = Session(channel, device_id, election_id, listener)
        try:
            await session.arbitrate(election_id, is_candidate=is_candidate)
            yield session
        finally:
            await session.close()
    finally:
        await channel.close()
