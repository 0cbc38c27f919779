# SPDX-License-Identifier: Apache-2.0
"""How far the controller is, and how whoever waits for that to change hears of it."""

import asyncio
from dataclasses import dataclass, field

from p4vpc.compiler import Compilation


@dataclass(slots=True)
class Progress:
    """What has become of the store's revisions.

    Attributes:
        compiled: what the switches shall hold, and what it was made from; None before the first.
        compiled_revision: the last that was handed to the agents.
        is_ready: whether any has been since the start.
        failed_revision: the last that does not make a model, or does not compile; -1: none.
        store_error, model_error: why the last revision was not handed to the agents; empty if it was.
    """

    compiled: Compilation | None = None
    compiled_revision: int = 0
    is_ready: bool = False
    failed_revision: int = -1
    store_error: str = ""
    model_error: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def notify(self) -> None:
        """Something of the whole is different now, here or at a switch."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait until something is."""
        await self._changed.wait()
