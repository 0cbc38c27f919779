# SPDX-License-Identifier: Apache-2.0
"""The gNMI service: Capabilities, Get and Subscribe. Set is refused: nothing here can be configured."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import NoReturn

import grpc
import structlog
from finsy.proto import gnmi
from grpc import StatusCode, aio

from softswitch.gnmi.errors import GnmiError, invalid, not_found, unimplemented
from softswitch.gnmi.paths import Pattern
from softswitch.gnmi.subscription import SubscriptionState, notification
from softswitch.gnmi.tree import CONFIG, ENCODINGS, LEAVES, STATE, PortSource, check_encoding, read_leaves

SERVICE_NAME = "gnmi.gNMI"
GNMI_VERSION = "0.10.0"

_GetContext = aio.ServicerContext[gnmi.GetRequest, gnmi.GetResponse]
_SetContext = aio.ServicerContext[gnmi.SetRequest, gnmi.SetResponse]
_CapabilityContext = aio.ServicerContext[gnmi.CapabilityRequest, gnmi.CapabilityResponse]
_SubscribeContext = aio.ServicerContext[gnmi.SubscribeRequest, gnmi.SubscribeResponse]
_AnyContext = _GetContext | _SetContext | _CapabilityContext | _SubscribeContext

log = structlog.get_logger("softswitch.gnmi")


class GnmiService:
    """Answers gNMI from the ports of a switch."""

    def __init__(self, source: PortSource) -> None:
        self._source = source

    async def capabilities(
        self, request: gnmi.CapabilityRequest, context: _CapabilityContext
    ) -> gnmi.CapabilityResponse:
        """Capabilities."""
        models = [
            gnmi.ModelData(name="openconfig-interfaces", organization="OpenConfig working group", version="2.4.3"),
            gnmi.ModelData(name="openconfig-p4rt", organization="OpenConfig working group", version="0.2.0"),
        ]
        return gnmi.CapabilityResponse(
            supported_models=models, supported_encodings=ENCODINGS, gNMI_version=GNMI_VERSION
        )

    async def get(self, request: gnmi.GetRequest, context: _GetContext) -> gnmi.GetResponse:
        """Get: one notification for each path, one update for each leaf."""
        try:
            return self._read(request)
        except Exception as error:
            await _fail(context, error)

    async def set(self, request: gnmi.SetRequest, context: _SetContext) -> gnmi.SetResponse:
        """Set: nothing can be set."""
        await _fail(
            context, unimplemented("set: nothing can be configured; ports follow the links of their interfaces")
        )

    async def subscribe(
        self, requests: AsyncIterator[gnmi.SubscribeRequest], context: _SubscribeContext
    ) -> AsyncIterator[gnmi.SubscribeResponse]:
        """Subscribe: ONCE, POLL and STREAM."""
        try:
            async for response in self._subscribe(requests):
                yield response
        except Exception as error:
            await _fail(context, error)

    def _read(self, request: gnmi.GetRequest) -> gnmi.GetResponse:
        check_encoding(request.encoding)
        response = gnmi.GetResponse()
        ports = self._source.port_states()
        kinds = (CONFIG,) if request.type == gnmi.GetRequest.CONFIG else (STATE,)
        for path in request.path or [gnmi.Path()]:
            pattern = Pattern.parse(request.prefix, path)
            leaves = [leaf for leaf in LEAVES if pattern.selects(leaf)]
            if not leaves:
                raise not_found(f"path {pattern.text}: there is nothing of that name")
            if request.type != gnmi.GetRequest.ALL:
                leaves = [leaf for leaf in leaves if leaf[0] in kinds]
            if pattern.interface is not None and all(port.name != pattern.interface for port in ports):
                known = ", ".join(port.name for port in ports) or "none"
                raise not_found(f"path {pattern.text}: there is no interface {pattern.interface!r}; there are: {known}")
            values = read_leaves(ports, pattern, leaves)
            response.notification.append(notification(values.items(), (), request.encoding, request.prefix.target))
        return response

    async def _subscribe(self, requests: AsyncIterator[gnmi.SubscribeRequest]) -> AsyncIterator[gnmi.SubscribeResponse]:
        first = await anext(requests, None)
        if first is None:
            return
        if not first.HasField("subscribe"):
            raise invalid("subscribe: the first message of the stream must hold a subscription list")
        wanted = first.subscribe
        state = SubscriptionState(self._source, wanted, time.monotonic_ns)
        changed = asyncio.Event()
        stop_watching = self._source.watch_ports(changed.set)
        try:
            initial = state.everything(is_told=not wanted.updates_only)
            if initial is not None:
                yield initial
            yield gnmi.SubscribeResponse(sync_response=True)
            if wanted.mode == gnmi.SubscriptionList.POLL:
                async for response in _polled(state, requests):
                    yield response
            elif wanted.mode == gnmi.SubscriptionList.STREAM:
                async for response in _streamed(state, requests, changed):
                    yield response
        finally:
            stop_watching()


async def _polled(
    state: SubscriptionState, requests: AsyncIterator[gnmi.SubscribeRequest]
) -> AsyncIterator[gnmi.SubscribeResponse]:
    async for request in requests:
        if not request.HasField("poll"):
            raise invalid("subscribe: after the list, a POLL subscription takes only poll messages")
        values = state.everything()
        if values is not None:
            yield values
        yield gnmi.SubscribeResponse(sync_response=True)


async def _streamed(
    state: SubscriptionState, requests: AsyncIterator[gnmi.SubscribeRequest], changed: asyncio.Event
) -> AsyncIterator[gnmi.SubscribeResponse]:
    """Tell what is due. A client may close its half of the stream and go on reading; another message is an error."""
    surplus = asyncio.ensure_future(anext(requests, None))
    surplus.add_done_callback(lambda _: changed.set())
    try:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), state.seconds_to_next())
            changed.clear()
            if surplus.done() and surplus.result() is not None:
                raise invalid("subscribe: a STREAM subscription takes no message after its list")
            response = state.due()
            if response is not None:
                yield response
    finally:
        surplus.cancel()


def gnmi_handlers(service: GnmiService) -> grpc.GenericRpcHandler:
    """The RPCs by name."""
    return grpc.method_handlers_generic_handler(
        SERVICE_NAME,
        {
            "Capabilities": grpc.unary_unary_rpc_method_handler(
                service.capabilities, gnmi.CapabilityRequest.FromString, gnmi.CapabilityResponse.SerializeToString
            ),
            "Get": grpc.unary_unary_rpc_method_handler(
                service.get, gnmi.GetRequest.FromString, gnmi.GetResponse.SerializeToString
            ),
            "Set": grpc.unary_unary_rpc_method_handler(
                service.set, gnmi.SetRequest.FromString, gnmi.SetResponse.SerializeToString
            ),
            "Subscribe": grpc.stream_stream_rpc_method_handler(
                service.subscribe, gnmi.SubscribeRequest.FromString, gnmi.SubscribeResponse.SerializeToString
            ),
        },
    )


async def _fail(context: _AnyContext, error: Exception) -> NoReturn:
    """End an RPC with the error's code; what nobody expected is INTERNAL, and its traceback is in the log."""
    if isinstance(error, GnmiError):
        await context.abort(error.code, error.message)
    if isinstance(error, aio.AbortError):
        raise error
    log.error("unexpected error", exc_info=error)
    await context.abort(StatusCode.INTERNAL, "internal error; the log of the target has the details")
