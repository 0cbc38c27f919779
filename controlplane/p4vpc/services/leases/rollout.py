# SPDX-License-Identifier: Apache-2.0
"""The roll-out of a pipeline over all controllers: one switch of the whole fabric at a time. docs/adr/0029.

Whose turn it is stands in the database, and is the switch's: whoever takes the switch over goes on with it. Nothing
here must not be missed: what is to be done follows from whose turn it is and how the switch is, whenever that is seen.
"""

import asyncio
import contextlib
from collections.abc import Callable, Container

from p4vpc.errors import StoreError
from p4vpc.services.blocking import Blocking
from p4vpc.southbound import Rollout
from p4vpc.store import Registration, Store, Turn

_RETRY_SECONDS = 1.0


class FabricRollout(Rollout):
    """As `Rollout`, with whose turn it is in the database; `run` does the work.

    Args:
        store: a shared one.
        me: this controller.
        blocking: where the database is asked.
        intent: the last revision that we know, and the switches that it has.
        is_ours: whether we own a switch.
        is_well: whether a switch of ours shows everything with the pipeline that it shall have.
        on_change: called when the roll-out stops, or goes on.
    """

    def __init__(
        self,
        store: Store,
        me: Registration,
        blocking: Blocking,
        *,
        intent: Callable[[], tuple[int, Container[str]]],
        is_ours: Callable[[str], bool],
        is_well: Callable[[str], bool],
        on_change: Callable[[], None] = lambda: None,
    ):
        super().__init__(on_change)
        self._store = store
        self._me = me
        self._intent = intent
        self._is_ours = is_ours
        self._is_well = is_well
        self._blocking = blocking
        self._failures: dict[str, str] = {}
        self._wake = asyncio.Event()

    def take(self, turn: Turn | None) -> None:
        """Take notice of whose turn it is, as the database says."""
        self._see(turn)
        self._wake.set()

    def _see(self, turn: Turn | None) -> None:
        at, failure = (None, "") if turn is None else (turn.switch, turn.failure)
        if (at, failure) != (self.at, self.failure):
            self.at, self.failure = at, failure
            self._on_change()

    def done(self, switch: str) -> None:
        """The switch shows everything with its pipeline."""
        self._failures.pop(switch, None)
        if self.at == switch:
            self._wake.set()

    def failed(self, switch: str, reason: str) -> None:
        """The switch does not take the pipeline, or not everything with it: no other one gets it meanwhile."""
        self._failures[switch] = reason
        if self.at == switch:
            self._wake.set()

    def withdraw(self, switch: str) -> None:
        """The switch is somebody else's now, who has its turn if it had it; or is no more, which others see too."""
        self._failures.pop(switch, None)
        self._answer(switch, may=False)

    def _call(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Follow until cancelled. Without the database nobody's turn comes or ends."""
        while True:
            self._wake.clear()
            try:
                await self._round()
            except StoreError as error:
                self._log.debug("the roll-out waits for the database", reason=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS):
                    await self._wake.wait()

    async def _round(self) -> None:
        """End the turn of a switch of ours, say why it does not end, or ask for the next."""
        at = self.at
        if at is not None and self._is_ours(at):
            if self._is_well(at):
                self._see(await self._blocking.run(self._store.end_turn, self._me, at))
                if self.at != at:
                    self._log.info("pipeline rolled out", at=at, waiting=len(self._waiting))
            elif (reason := self._failures.get(at, self.failure)) != self.failure:
                self._see(await self._blocking.run(self._store.end_turn, self._me, at, reason))
                self._log.error("pipeline roll-out stopped", at=at, reason=reason, waiting=list(self.waiting))
        ours = [switch for switch in self.waiting if self._is_ours(switch)]
        if not ours:
            return
        revision, switches = self._intent()
        if self.at is not None and self.at in switches and self.at not in ours:
            return
        wanted = self.at if self.at in ours else ours[0]
        self._see(await self._blocking.run(self._store.take_turn, self._me, wanted, revision, switches))
        if self.at == wanted and self._is_ours(wanted):
            self._failures.pop(wanted, None)  # what was wrong with it before is not what the pipeline has done
            self._answer(wanted, may=True)
