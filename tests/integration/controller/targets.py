# SPDX-License-Identifier: Apache-2.0
"""Real P4Runtime targets for the tests: softswitch in this process, BMv2 where it is installed."""

import asyncio
import contextlib
import shutil
import socket
from typing import Protocol

import pytest

from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts

BMV2 = "simple_switch_grpc"


class RealSwitch(Protocol):
    """A target that keeps its address when it is started again."""

    address: str
    device_id: int

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class SoftSwitch:
    """The server in this process; each start is a new switch that remembers nothing."""

    def __init__(self, device_id: int):
        self.device_id = device_id
        self.address = f"127.0.0.1:{free_port()}"
        self._server: P4RuntimeServer | None = None

    async def start(self) -> None:
        self._server = P4RuntimeServer(self.address, device_id=self.device_id, drivers=[MemoryPorts(range(1, 32))])
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()
            self._server = None


class Bmv2:
    """A process without ports."""

    def __init__(self, device_id: int):
        self.device_id = device_id
        self.address = f"127.0.0.1:{free_port()}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(BMV2, "--no-p4", "--device-id", str(self.device_id)),
            *("--", "--grpc-server-addr", self.address, "--cpu-port", "510"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()
            self._process = None


TARGETS = [
    pytest.param(SoftSwitch, id="softswitch"),
    pytest.param(
        Bmv2,
        id="bmv2",
        marks=[
            pytest.mark.bmv2,
            pytest.mark.skipif(shutil.which(BMV2) is None, reason=f"{BMV2} is not on the PATH"),
        ],
    ),
]
