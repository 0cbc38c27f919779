# SPDX-License-Identifier: Apache-2.0
"""The five RPCs of P4Runtime, for one device, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn

import structlog
from finsy.proto import p4r
from grpc import StatusCode, aio

from softswitch.p4runtime.arbitration import Arbiter
from softswitch.p4runtime.batch import read_batch, write_batch
from softswitch.p4runtime.config_manager import ConfigManager
from softswitch.p4runtime.device import Device
from softswitch.p4runtime.idle_timeouts import SCAN_INTERVAL_SECONDS, IdleScanner
from softswitch.p4runtime.status import STATUS_DETAILS_KEY, BatchError, StatusError, not_found
from softswitch.p4runtime.streams import Streams

API_VERSION = "1.5.0"

log = structlog.get_logger("softswitch.p4runtime")

_Context = aio.ServicerContext[object, object]


class P4RuntimeService:
    """P4Runtime for one device.

    A write batch, a change of pipeline and an arbitration update exclude one another and reads by one lock, so every
    request sees a state between two batches. Packets are processed in between.
    """

    def __init__(self, device: Device, device_id: int) -> None:
        self._device = device
        self._device_id = device_id
        self._lock = asyncio.Lock()
        self._arbiter = Arbiter(device_id)
        self._configs = ConfigManager(device)
        self._streams = Streams(device, self._configs, self._arbiter, self._lock)
        self._scanner = IdleScanner()

    async def commit(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Set a pipeline without a client, as the command line does. Raises StatusError with all problems."""
        action = p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
        verified = await self._configs.verify(action, config)
        async with self._lock:
            self._configs.apply(action, verified)
            self._connect_digests()

    def stop(self) -> None:
        """End every stream."""
        self._streams.close()

    async def watch_idle_timeouts(self) -> None:
        """Send idle-timeout notifications for ever."""
        while True:
            await asyncio.sleep(SCAN_INTERVAL_SECONDS)
            if self._device.pipeline is not None:
                for notification in self._scanner.scan(self._device.pipeline):
                    self._streams.send_to_primaries(p4r.StreamMessageResponse(idle_timeout_notification=notification))

    # -- RPCs; the names are those of the protocol --------------------------------------------------------------

    async def write(self, request: p4r.WriteRequest, context: _Context) -> p4r.WriteResponse:
        """Write."""
        try:
            self._check_device(request.device_id)
            async with self._lock:
                self._check_primary(request)
                pipeline = self._configs.require_target()
                await write_batch(pipeline.handlers, request.updates, request.atomicity)
        except Exception as error:
            await _fail(context, error)
        return p4r.WriteResponse()

    async def read(self, request: p4r.ReadRequest, context: _Context) -> AsyncIterator[bytes]:
        """Read; yields serialised ReadResponses."""
        try:
            self._check_device(request.device_id)
            async with self._lock:
                pipeline = self._configs.require_target()
                responses, failure = await read_batch(pipeline.handlers, request.entities)
        except Exception as error:
            await _fail(context, error)
        for response in responses:
            yield response
        if failure is not None:
            await _fail(context, failure)

    async def set_forwarding_pipeline_config(
        self, request: p4r.SetForwardingPipelineConfigRequest, context: _Context
    ) -> p4r.SetForwardingPipelineConfigResponse:
        """SetForwardingPipelineConfig."""
        try:
            self._check_device(request.device_id)
            self._check_primary(request)
            config = request.config if request.HasField("config") else None
            verified = await self._configs.verify(request.action, config)
            async with self._lock:
                # The client may have lost its role while the program was compiled.
                self._check_primary(request)
                self._configs.apply(request.action, verified)
                self._connect_digests()
        except Exception as error:
            await _fail(context, error)
        return p4r.SetForwardingPipelineConfigResponse()

    async def get_forwarding_pipeline_config(
        self, request: p4r.GetForwardingPipelineConfigRequest, context: _Context
    ) -> p4r.GetForwardingPipelineConfigResponse:
        """GetForwardingPipelineConfig."""
        try:
            self._check_device(request.device_id)
            return self._describe_config(request.response_type)
        except Exception as error:
            await _fail(context, error)

    async def stream_channel(
        self, requests: AsyncIterator[p4r.StreamMessageRequest], context: _Context
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        """StreamChannel."""
        try:
            async for message in self._streams.serve(context.peer(), requests):
                yield message
        except Exception as error:
            await _fail(context, error)

    async def capabilities(self, request: p4r.CapabilitiesRequest, context: _Context) -> p4r.CapabilitiesResponse:
        """Capabilities."""
        try:
            if request.device_id:
                self._check_device(request.device_id)
        except Exception as error:
            await _fail(context, error)
        return p4r.CapabilitiesResponse(p4runtime_api_version=API_VERSION)

    # -- inside -------------------------------------------------------------------------------------------------

    def _check_device(self, device_id: int) -> None:
        if device_id != self._device_id:
            raise not_found(f"device_id: there is no device {device_id} here, only device {self._device_id}")

    def _check_primary(self, request: p4r.WriteRequest | p4r.SetForwardingPipelineConfigRequest) -> None:
        self._arbiter.check_write(request.role, request.election_id if request.HasField("election_id") else None)

    def _connect_digests(self) -> None:
        pipeline = self._device.pipeline
        if pipeline is not None:
            pipeline.digests.send = lambda digest_list: self._streams.send_to_primaries(
                p4r.StreamMessageResponse(digest=digest_list)
            )

    def _describe_config(
        self, response_type: p4r.GetForwardingPipelineConfigRequest.ResponseType.ValueType
    ) -> p4r.GetForwardingPipelineConfigResponse:
        response = p4r.GetForwardingPipelineConfigResponse()
        if self._configs.target is None:
            return response
        stored = self._configs.target.config
        wanted = p4r.GetForwardingPipelineConfigRequest
        response.config.SetInParent()
        if response_type in (wanted.ALL, wanted.P4INFO_AND_COOKIE):
            response.config.p4info.CopyFrom(stored.p4info)
        if response_type in (wanted.ALL, wanted.DEVICE_CONFIG_AND_COOKIE):
            response.config.p4_device_config = stored.p4_device_config
        if stored.HasField("cookie"):
            response.config.cookie.CopyFrom(stored.cookie)
        return response


async def _fail(context: _Context, error: Exception) -> NoReturn:
    """End an RPC with the error's code; what nobody expected is INTERNAL, and its traceback is in the log."""
    if isinstance(error, BatchError):
        trailer = ((STATUS_DETAILS_KEY, error.to_status().SerializeToString()),)
        await context.abort(error.code, error.message, trailer)
    if isinstance(error, StatusError):
        await context.abort(error.code, error.message)
    if isinstance(error, aio.AbortError):
        raise error
    log.error("unexpected error", exc_info=error)
    await context.abort(StatusCode.INTERNAL, "internal error; the log of the target has the details")
