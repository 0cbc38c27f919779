# SPDX-License-Identifier: Apache-2.0
"""A gRPC proxy between a controller and any P4Runtime target, which misbehaves on request.

All calls pass as bytes, gNMI too; only Write and Read are looked into. It knows nothing of what it stands in front of.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import grpc
from finsy.proto import p4r, p4r_grpc, rpc_code, rpc_status
from google.protobuf.any_pb2 import Any as AnyMessage

BOUND_SECONDS = 60.0
_DETAILS = "grpc-status-details-bin"
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 16 << 20),
    ("grpc.absolute_max_metadata_size", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),
)


class FaultyProxy:
    """In front of the target at `backend`.

    Attributes:
        refuses: the gRPC code with which an update is refused without asking the target; 0: it is passed on.
        forgets: whether an update is acknowledged without asking the target.
        garbles: what is told in place of an entity that the target has.
        open: while not set, writes wait, as with a slow target.
        cut_after: once so many more updates have been passed on, in mid-batch or not, `on_cut` runs instead of an
            answer; None: never.
        writes, updates: what was passed on.
    """

    def __init__(self, backend: str):
        self._backend = backend
        self._server: grpc.aio.Server | None = None
        self._channel: grpc.aio.Channel | None = None
        self._port = 0
        self._changed = asyncio.Condition()
        self._cutting: asyncio.Task[None] | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.writes = self.updates = self.waiting = self.cuts = 0
        self.cut_after: int | None = None
        self.on_cut: Callable[[], Any] = self.cut
        self.heal()

    def heal(self) -> None:
        """Behave."""
        self.refuses: Callable[[p4r.Update], int] = lambda update: 0
        self.forgets: Callable[[p4r.Update], bool] = lambda update: False
        self.garbles: Callable[[p4r.Entity], p4r.Entity | None] = lambda entity: entity
        self.cut_after = None
        self.open.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._channel = grpc.aio.insecure_channel(self._backend, options=_OPTIONS)
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((_Handler(self),))
        self._port = self._server.add_insecure_port(self.address)
        await self._server.start()

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace=None)
        if self._channel is not None:
            await self._channel.close()

    async def close(self) -> None:
        """Stop for good, whatever is under way."""
        if self._cutting is not None:
            await asyncio.wait((self._cutting,))
        await self.stop()

    async def cut(self) -> None:
        """End all connections; new ones are taken at once."""
        await self.stop()
        await self.start()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, not for ever, until something that was written makes the condition true."""
        async with asyncio.timeout(BOUND_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def write(self, request: p4r.WriteRequest, context: Any) -> p4r.WriteResponse:
        self.waiting += 1
        await self._notify()
        await self.open.wait()
        self.waiting -= 1
        codes = [self.refuses(update) for update in request.updates]
        passed = [
            position
            for position, update in enumerate(request.updates)
            if not codes[position] and not self.forgets(update)
        ]
        is_cut = self.cut_after is not None and len(passed) >= self.cut_after
        if is_cut:
            passed = passed[: self.cut_after]
            self.cut_after = None
        elif self.cut_after is not None:
            self.cut_after -= len(passed)
        details = [p4r.Error(canonical_code=code, message="so it is" if code else "") for code in codes]
        if passed:
            part = p4r.WriteRequest()
            part.CopyFrom(request)
            del part.updates[:]
            part.updates.extend(request.updates[position] for position in passed)
            for position, error in zip(passed, await self._pass_on(part, context), strict=True):
                details[position] = error
        self.writes += 1
        self.updates += len(passed)
        await self._notify()
        if is_cut:
            self.cuts += 1
            self._cutting = asyncio.create_task(self._run_cut())
            await asyncio.Event().wait()
        if any(detail.canonical_code for detail in details):
            await _abort(context, details)
        return p4r.WriteResponse()

    async def _run_cut(self) -> None:
        await self.on_cut()

    async def _pass_on(self, request: p4r.WriteRequest, context: Any) -> Sequence[p4r.Error]:
        assert self._channel is not None
        stub: Any = p4r_grpc.P4RuntimeStub(self._channel)
        try:
            await stub.Write(request)
        except grpc.aio.AioRpcError as error:
            trailer = dict(error.trailing_metadata() or ())
            if _DETAILS not in trailer:
                await context.abort(error.code(), error.details())
            status = rpc_status.Status.FromString(trailer[_DETAILS])
            errors = []
            for detail in status.details:
                unpacked = p4r.Error()
                detail.Unpack(unpacked)
                errors.append(unpacked)
            return errors
        return [p4r.Error()] * len(request.updates)

    async def read(self, request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        assert self._channel is not None
        stub: Any = p4r_grpc.P4RuntimeStub(self._channel)
        try:
            async for response in stub.Read(request):
                garbled = (self.garbles(entity) for entity in response.entities)
                yield p4r.ReadResponse(entities=[entity for entity in garbled if entity is not None])
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details())

    async def pass_through(self, method: str, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Any other call, whatever its kind: on the wire all are streams."""
        assert self._channel is not None
        call = self._channel.stream_stream(method)()

        async def pump() -> None:
            async for request in requests:
                await call.write(request)
            await call.done_writing()

        pumping = asyncio.create_task(pump())
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details())
        finally:
            pumping.cancel()
            call.cancel()
            await asyncio.wait((pumping,))
            if not pumping.cancelled():
                pumping.exception()


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, proxy: FaultyProxy):
        self._proxy = proxy

    def service(self, details: Any) -> Any:
        method = str(details.method)
        match method:
            case "/p4.v1.P4Runtime/Write":
                return grpc.unary_unary_rpc_method_handler(
                    self._proxy.write, p4r.WriteRequest.FromString, p4r.WriteResponse.SerializeToString
                )
            case "/p4.v1.P4Runtime/Read":
                return grpc.unary_stream_rpc_method_handler(
                    self._proxy.read, p4r.ReadRequest.FromString, p4r.ReadResponse.SerializeToString
                )
        return grpc.stream_stream_rpc_method_handler(partial(self._proxy.pass_through, method))


async def _abort(context: Any, errors: Sequence[p4r.Error]) -> None:
    status = rpc_status.Status(code=rpc_code.UNKNOWN, message="write failed")
    for error in errors:
        detail = AnyMessage()
        detail.Pack(error)
        status.details.append(detail)
    context.set_trailing_metadata(((_DETAILS, status.SerializeToString()),))
    await context.abort(grpc.StatusCode.UNKNOWN, "write failed")
