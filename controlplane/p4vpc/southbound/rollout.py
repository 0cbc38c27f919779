# SPDX-License-Identifier: Apache-2.0
"""Switches get a new pipeline one after the other, and none more while one of them fares badly with it.

A push may empty all tables: so it is never done everywhere at once, and a pipeline that a switch refuses, or in which
not everything fits any more, is found out about at one switch. A switch that runs nothing has nothing to lose, and
waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog


class Rollout:
    """Who may replace the pipeline of its switch.

    Args:
        on_change: called when the roll-out stops, or goes on.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None):
        self._on_change = on_change
        self._log = structlog.get_logger().bind(switch="-")
        self._waiting: deque[tuple[str, asyncio.Event]] = deque()
        self.at: str | None = None
        self.failure = ""

    @property
    def waiting(self) -> tuple[str, ...]:
        """The switches that shall get the pipeline, in their order."""
        return tuple(name for name, _ in self._waiting)

    def describe(self) -> str:
        """Why somebody has to wait."""
        if self.failure:
            return f"the roll-out of the new pipeline has stopped at {self.at}: {self.failure}"
        return f"the new pipeline is being put on {self.at}"

    async def turn(self, switch: str) -> None:
        """Wait until the switch may be changed; it has its turn until `done` or `withdraw`, also if it fails."""
        if self.at == switch:
            return
        if self.at is None:
            self.at = switch
            return
        called = asyncio.Event()
        place = (switch, called)
        self._waiting.append(place)
        try:
            await called.wait()
        except asyncio.CancelledError:
            if called.is_set():
                self.withdraw(switch)
            else:
                self._waiting.remove(place)
            raise

    def done(self, switch: str) -> None:
        """The switch shows everything with its new pipeline: the next one."""
        if self.at == switch:
            self._log.info("pipeline rolled out", at=switch, waiting=len(self._waiting))
            self._next()

    def failed(self, switch: str, reason: str) -> None:
        """The switch does not take the pipeline, or not everything with it: no other one gets it meanwhile."""
        if self.at == switch and self.failure != reason:
            self._log.error("pipeline roll-out stopped", at=switch, reason=reason, waiting=list(self.waiting))
            self.failure = reason
            self._on_change()

    def withdraw(self, switch: str) -> None:
        """The switch is somebody else's now, or no more: the next one."""
        if self.at == switch:
            self._next()

    def _next(self) -> None:
        self.failure = ""
        if self._waiting:
            self.at, called = self._waiting.popleft()
            called.set()
        else:
            self.at = None
        self._on_change()
