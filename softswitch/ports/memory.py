# SPDX-License-Identifier: Apache-2.0
"""Ports in memory: a test puts frames in and takes out what the switch sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial

from softswitch.ports.base import PortCounters, PortDriver, PortError, PortHost


class MemoryPorts(PortDriver):
    """Ports without wires. `inject` is what a neighbour sends, `received` what a neighbour got."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._counters = {number: PortCounters() for number in numbers}
        self._queues: dict[int, deque[bytes]] = {number: deque() for number in self._counters}
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {number: deque() for number in self._counters}
        self._host: PortHost | None = None

    def start(self, host: PortHost) -> None:
        self._host = host
        for number in self._counters:
            host.port_added(number, partial(self._send, number), is_up=True)

    def stop(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            for number in self._counters:
                host.port_removed(number)

    def counters(self) -> dict[int, PortCounters]:
        return self._counters

    def inject(self, number: int, frame: bytes) -> None:
        """Let a frame arrive at a port; it is processed before this returns. Raises PortError before `start`."""
        if self._host is None or number not in self._counters:
            raise PortError(f"port {number}: not a started in-memory port; there are {sorted(self._counters)}")
        counters = self._counters[number]
        counters.rx_frames += 1
        counters.rx_bytes += len(frame)
        self._host.frame_received(number, frame)

    def set_link(self, number: int, *, is_up: bool) -> None:
        """Pull or plug the cable. Raises PortError before `start`."""
        if self._host is None:
            raise PortError(f"port {number}: the in-memory ports are not started")
        self._host.port_state_changed(number, is_up=is_up)

    def received(self, number: int) -> list[bytes]:
        """Take every frame that left through a port and was not taken yet."""
        frames = list(self._queues[number])
        self._queues[number].clear()
        return frames

    async def receive(self, number: int) -> bytes:
        """Wait for the next frame that leaves through a port and take it."""
        while not self._queues[number]:
            arrival = asyncio.get_running_loop().create_future()
            self._waiting[number].append(arrival)
            await arrival
        return self._queues[number].popleft()

    def _send(self, number: int, frame: bytes) -> None:
        counters = self._counters[number]
        counters.tx_frames += 1
        counters.tx_bytes += len(frame)
        self._queues[number].append(frame)
        waiting = self._waiting[number]
        while waiting:
            arrival = waiting.popleft()
            if not arrival.done():
                arrival.set_result(None)
                break
