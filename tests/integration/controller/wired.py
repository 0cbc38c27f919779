# SPDX-License-Identifier: Apache-2.0
"""Softswitches of this process with real P4Runtime servers, wired to each other in memory."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts

Place = tuple[str, int]
"""Switch and switch port."""

_PORTS = range(1, 32)


@dataclass
class WiredFabric:
    """Switches by name, and which of their ports are wired to which.

    Attributes:
        addresses: of the P4Runtime servers.
    """

    ports: Mapping[str, MemoryPorts]
    addresses: Mapping[str, str]
    wires: dict[Place, Place]

    def send(self, place: Place, frame: bytes) -> None:
        """Let a host send a frame, and everything that follows from it go over the wires."""
        self.ports[place[0]].inject(place[1], frame)
        self.settle()

    def settle(self) -> None:
        """Take frames over the wires until none is on one."""
        is_moving = True
        while is_moving:
            is_moving = False
            for end, far_end in list(self.wires.items()):
                for frame in self.ports[end[0]].received(end[1]):
                    self.ports[far_end[0]].inject(far_end[1], frame)
                    is_moving = True

    def received(self, place: Place) -> list[bytes]:
        """Take what a host has received."""
        return self.ports[place[0]].received(place[1])


@asynccontextmanager
async def wired(names: Iterable[str], links: Iterable[tuple[Place, Place]]) -> AsyncIterator[WiredFabric]:
    """Start switches, numbered from device 1 on, and wire them."""
    async with AsyncExitStack() as stack:
        ports, addresses = {}, {}
        for device_id, name in enumerate(names, start=1):
            ports[name] = MemoryPorts(_PORTS)
            server = P4RuntimeServer("127.0.0.1:0", device_id=device_id, drivers=[ports[name]])
            addresses[name] = (await stack.enter_async_context(server)).address
        wires = {}
        for a, b in links:
            wires[a], wires[b] = b, a
        yield WiredFabric(ports, addresses, wires)
