# SPDX-License-Identifier: Apache-2.0
"""A P4Runtime and gNMI server in this process: gRPC in front, a device behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import structlog
from finsy.proto import p4r
from grpc import aio

from softswitch.coverage import Coverage
from softswitch.errors import SoftswitchError
from softswitch.gnmi import GnmiService, gnmi_handlers
from softswitch.p4runtime.device import DEFAULT_CPU_PORT, DEFAULT_DROP_PORT, Device
from softswitch.p4runtime.service import P4RuntimeService
from softswitch.ports.base import PortDriver

SERVICE_NAME = "p4.v1.P4Runtime"
MAX_MESSAGE_BYTES = 128 << 20
MAX_METADATA_BYTES = 16 << 20
STOP_GRACE_SECONDS = 1.0

_OPTIONS = (
    # gRPC shares listening ports between processes unless told not to: two switches on one address would take turns.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.keepalive_permit_without_calls", 1),
)

log = structlog.get_logger("softswitch.server")


class ServerError(SoftswitchError):
    """The server cannot start: its address is in use, or a certificate cannot be read."""


@dataclass(frozen=True)
class TlsFiles:
    """PEM files. With a CA, clients must show a certificate that it signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials for gRPC. Raises ServerError naming the file that cannot be read."""
        pair = (_read_pem(self.key, "key"), _read_pem(self.certificate, "certificate"))
        root = _read_pem(self.client_ca, "client CA") if self.client_ca is not None else None
        return grpc.ssl_server_credentials([pair], root, root is not None)


class P4RuntimeServer:
    """Serves one device. Use as an async context manager, or call `start` and `stop`.

    >>> async with P4RuntimeServer(drivers=[MemoryPorts(range(1, 9))]) as server:
    ...     print(server.address)
    """

    def __init__(
        self,
        address: str = "127.0.0.1:0",
        *,
        device_id: int = 1,
        drivers: Sequence[PortDriver] = (),
        cpu_port: int = DEFAULT_CPU_PORT,
        drop_port: int = DEFAULT_DROP_PORT,
        tls: TlsFiles | None = None,
        coverage: Coverage | None = None,
    ) -> None:
        self._address = address
        self._tls = tls
        self._grpc: aio.Server | None = None
        self._idle_watch: asyncio.Task[None] | None = None
        self._service: P4RuntimeService | None = None
        self._port = 0
        self.device_id = device_id
        self.device = Device(drivers, cpu_port=cpu_port, drop_port=drop_port, coverage=coverage)

    @property
    def address(self) -> str:
        """host:port, with the port that the system chose when 0 was asked for."""
        return f"{self._address.rpartition(':')[0]}:{self._port}"

    async def start(self) -> None:
        """Listen and open the ports. Raises ServerError or PortError; nothing stays open then."""
        service = P4RuntimeService(self.device, self.device_id)
        server = aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((_handlers(service), gnmi_handlers(GnmiService(self.device))))
        credentials = self._tls.credentials() if self._tls is not None else None
        try:
            if credentials is not None:
                self._port = server.add_secure_port(self._address, credentials)
            else:
                self._port = server.add_insecure_port(self._address)
        except RuntimeError as error:
            await server.stop(None)
            raise ServerError(
                f"cannot listen on {self._address}: it is in use, or no address of this machine"
            ) from error
        try:
            self.device.start()
        except BaseException:
            await server.stop(None)
            raise
        await server.start()
        self._grpc, self._service = server, service
        self._idle_watch = asyncio.create_task(service.watch_idle_timeouts())

    async def stop(self) -> None:
        """End streams, finish requests that run, close the ports."""
        server, self._grpc = self._grpc, None
        if server is None:
            return
        if self._idle_watch is not None:
            self._idle_watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._idle_watch
        if self._service is not None:
            self._service.stop()
        await server.stop(STOP_GRACE_SECONDS)
        self.device.stop()

    async def set_pipeline(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Commit a pipeline from this process, as if it had been built in. Raises StatusError with all problems."""
        if self._service is None:
            raise ServerError("the server is not started, so it cannot take a pipeline")
        await self._service.commit(config)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()


def _handlers(service: P4RuntimeService) -> grpc.GenericRpcHandler:
    """The RPCs by name. ReadResponses come serialised, because they are built while writes are kept out."""
    return grpc.method_handlers_generic_handler(
        SERVICE_NAME,
        {
            "Write": grpc.unary_unary_rpc_method_handler(
                service.write, p4r.WriteRequest.FromString, p4r.WriteResponse.SerializeToString
            ),
            "Read": grpc.unary_stream_rpc_method_handler(service.read, p4r.ReadRequest.FromString, None),
            "SetForwardingPipelineConfig": grpc.unary_unary_rpc_method_handler(
                service.set_forwarding_pipeline_config,
                p4r.SetForwardingPipelineConfigRequest.FromString,
                p4r.SetForwardingPipelineConfigResponse.SerializeToString,
            ),
            "GetForwardingPipelineConfig": grpc.unary_unary_rpc_method_handler(
                service.get_forwarding_pipeline_config,
                p4r.GetForwardingPipelineConfigRequest.FromString,
                p4r.GetForwardingPipelineConfigResponse.SerializeToString,
            ),
            "StreamChannel": grpc.stream_stream_rpc_method_handler(
                service.stream_channel,
                p4r.StreamMessageRequest.FromString,
                p4r.StreamMessageResponse.SerializeToString,
            ),
            "Capabilities": grpc.unary_unary_rpc_method_handler(
                service.capabilities, p4r.CapabilitiesRequest.FromString, p4r.CapabilitiesResponse.SerializeToString
            ),
        },
    )


def _read_pem(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ServerError(f"TLS {what} {path}: {error.strerror}") from error
