# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from softswitch.ports import PortError

BOUND_SECONDS = 20


class RecordingHost:
    """A device that only writes down what its drivers tell it."""

    def __init__(self) -> None:
        self.ports: dict[int, bool] = {}
        self.senders = {}
        self.refused: set[int] = set()
        self.events: asyncio.Queue[tuple] = asyncio.Queue()

    def port_added(self, number, send, *, is_up):
        if number in self.refused:
            raise PortError(f"port {number}: refused")
        self.ports[number] = is_up
        self.senders[number] = send
        self.events.put_nowait(("added", number, is_up))

    def port_removed(self, number):
        del self.ports[number]
        self.events.put_nowait(("removed", number))

    def port_state_changed(self, number, *, is_up):
        self.ports[number] = is_up
        self.events.put_nowait(("state", number, is_up))

    def frame_received(self, number, frame):
        self.events.put_nowait(("frame", number, frame))

    async def next(self, kind: str) -> tuple:
        """The next event of a kind; others before it are passed over."""
        async with asyncio.timeout(BOUND_SECONDS):
            while True:
                event = await self.events.get()
                if event[0] == kind:
                    return event[1:]


@pytest.fixture
def host() -> RecordingHost:
    return RecordingHost()
