# SPDX-License-Identifier: Apache-2.0
"""StreamChannel: one outbox per client, arbitration, packets and notifications (P4Runtime 1.5, sections 5 and 16)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

import structlog
from finsy.proto import p4r
from grpc import StatusCode

from softswitch.p4runtime.arbitration import Arbiter, Client, Notification
from softswitch.p4runtime.config_manager import ConfigManager
from softswitch.p4runtime.device import Device
from softswitch.p4runtime.status import StatusError, code_number, invalid, unimplemented

MAX_QUEUED_MESSAGES = 8192
"""Packets and notifications that wait for a slow client; more are dropped and counted, arbitration never is."""

log = structlog.get_logger("softswitch.p4runtime")


class Outbox:
    """What waits to be sent on one stream, in order."""

    def __init__(self) -> None:
        self.dropped = 0
        self._messages: deque[p4r.StreamMessageResponse] = deque()
        self._changed = asyncio.Event()
        self._end: StatusError | None = None
        self._is_closed = False

    def put(self, message: p4r.StreamMessageResponse) -> None:
        """Queue what must arrive."""
        self._messages.append(message)
        self._changed.set()

    def offer(self, message: p4r.StreamMessageResponse) -> None:
        """Queue what may be dropped when the client does not keep up."""
        if len(self._messages) >= MAX_QUEUED_MESSAGES:
            self.dropped += 1
        else:
            self.put(message)

    def close(self, error: StatusError | None = None) -> None:
        """End the stream after what is queued, with an error or without."""
        self._end = error
        self._is_closed = True
        self._changed.set()

    async def messages(self) -> AsyncIterator[p4r.StreamMessageResponse]:
        """Every message until the end. Raises the StatusError that ends the stream."""
        while True:
            while self._messages:
                yield self._messages.popleft()
            if self._is_closed:
                if self._end is not None:
                    raise self._end
                return
            self._changed.clear()
            await self._changed.wait()


class Streams:
    """All open streams of a device. `state_lock` keeps arbitration and writes apart."""

    def __init__(self, device: Device, configs: ConfigManager, arbiter: Arbiter, state_lock: asyncio.Lock) -> None:
        self._device = device
        self._configs = configs
        self._arbiter = arbiter
        self._state_lock = state_lock
        self._outboxes: dict[Client, Outbox] = {}
        device.on_packet_in = self._packet_in

    async def serve(
        self, name: str, requests: AsyncIterator[p4r.StreamMessageRequest]
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        """Serve one stream. Raises the StatusError that ends it."""
        client, outbox = Client(name), Outbox()
        self._outboxes[client] = outbox
        reader = asyncio.create_task(self._read(client, outbox, requests))
        try:
            async for message in outbox.messages():
                yield message
        finally:
            reader.cancel()
            del self._outboxes[client]
            self._notify(self._arbiter.leave(client))
            if outbox.dropped:
                log.warning("client was too slow", client=name, dropped_messages=outbox.dropped)

    def close(self) -> None:
        """End every stream, because the target stops."""
        for outbox in self._outboxes.values():
            outbox.close(StatusError(StatusCode.UNAVAILABLE, "the target is stopping"))

    def send_to_primaries(self, message: p4r.StreamMessageResponse) -> None:
        """A packet or notification for whoever is in charge; dropped when nobody is."""
        for client in self._arbiter.primaries():
            self._outboxes[client].offer(message)

    async def _read(self, client: Client, outbox: Outbox, requests: AsyncIterator[p4r.StreamMessageRequest]) -> None:
        try:
            async for request in requests:
                if request.WhichOneof("update") == "arbitration":
                    async with self._state_lock:
                        self._notify(self._arbiter.update(client, request.arbitration))
                else:
                    self._handle(client, outbox, request)
        except StatusError as error:
            outbox.close(error)
        except Exception as error:
            log.error("unexpected error", client=client.name, exc_info=error)
            outbox.close(StatusError(StatusCode.INTERNAL, "internal error; the log of the target has the details"))
        else:
            outbox.close()

    def _notify(self, notifications: Iterable[Notification]) -> None:
        for client, advice in notifications:
            outbox = self._outboxes.get(client)
            if outbox is not None:
                outbox.put(p4r.StreamMessageResponse(arbitration=advice))

    def _packet_in(self, packet: p4r.PacketIn) -> None:
        self.send_to_primaries(p4r.StreamMessageResponse(packet=packet))

    def _handle(self, client: Client, outbox: Outbox, request: p4r.StreamMessageRequest) -> None:
        """A message that is no arbitration: what is wrong with it is reported on the stream, which goes on."""
        try:
            if not self._arbiter.is_primary(client):
                raise StatusError(StatusCode.PERMISSION_DENIED, "only the primary client may send this")
            match request.WhichOneof("update"):
                case "packet":
                    if self._device.pipeline is None:
                        raise StatusError(StatusCode.FAILED_PRECONDITION, "no forwarding pipeline config is running")
                    self._device.packet_out(request.packet)
                case "digest_ack":
                    self._configs.require_target().digests.acknowledge(request.digest_ack)
                case "other":
                    raise unimplemented(f"messages of type {request.other.type_url!r} are not known")
                case _:
                    raise invalid("the message has no update set")
        except StatusError as error:
            outbox.offer(p4r.StreamMessageResponse(error=_stream_error(request, error)))


def _stream_error(request: p4r.StreamMessageRequest, error: StatusError) -> p4r.StreamError:
    report = p4r.StreamError(canonical_code=code_number(error.code), message=error.message)
    match request.WhichOneof("update"):
        case "packet":
            report.packet_out.packet_out.CopyFrom(request.packet)
        case "digest_ack":
            report.digest_list_ack.digest_list_ack.CopyFrom(request.digest_ack)
        case _:
            report.other.other.CopyFrom(request.other)
    return report
