# SPDX-License-Identifier: Apache-2.0
"""Switches get a new pipeline one after the other, and none more while one of them fares badly with it.

A push may empty all tables: so it is never done everywhere at once, and a pipeline that a switch refuses, or in which
not everything fits any more, is found out about at one switch. A switch that runs nothing has nothing to lose, and
waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog


class Place(NamedTuple):
    """A switch that waits; `called` is told whether it has its turn, or need not wait any more."""

    switch: str
    called: asyncio.Future[bool]


class Rollout:
    """Who may replace the pipeline of its switch: here, as far as one controller goes.

    Args:
        on_change: called when the roll-out stops, or goes on.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None):
        self._on_change = on_change
        self._log = structlog.get_logger().bind(switch="-")
        self._waiting: deque[Place] = deque()
        self.at: str | None = None
        self.failure = ""

    @property
    def waiting(self) -> tuple[str, ...]:
        """The switches that shall get the pipeline, in their order."""
        return tuple(place.switch for place in self._waiting)

    def describe(self) -> str:
        """Why somebody has to wait."""
        if self.failure:
            return f"the roll-out of the new pipeline has stopped at {self.at}: {self.failure}"
        if self.at is None:
            return "the switch waits for its turn to get the new pipeline"
        return f"the new pipeline is being put on {self.at}"

    async def turn(self, switch: str) -> bool:
        """Wait until the switch may be changed, or is withdrawn; whether it may.

        It has its turn until `done` or `withdraw`, also if it fails.
        """
        place = Place(switch, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        self._call()
        try:
            return await place.called
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            self.withdraw(switch)
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
        """The switch is somebody else's now, or no more: it waits no longer, and if it had its turn, the next one."""
        self._answer(switch, may=False)
        if self.at == switch:
            self._next()

    def _answer(self, switch: str, *, may: bool) -> None:
        for place in [place for place in self._waiting if place.switch == switch]:
            self._waiting.remove(place)
            if not place.called.done():
                place.called.set_result(may)

    def _next(self) -> None:
        self.at, self.failure = None, ""
        self._call()
        self._on_change()

    def _call(self) -> None:
        """See who may go on."""
        if self.at is None and self._waiting:
            self.at = self._waiting[0].switch
        if self.at is not None:
            self._answer(self.at, may=True)
