# SPDX-License-Identifier: Apache-2.0
"""The task that answers for one switch: packet-ins in, packet-outs out.

::

    Agent --offer--> queue (bounded) --> locate --> answer --> token bucket --> Agent.packet_out
                                            +-----> announcement -> token bucket -> LatestAnnouncements

`offer` never waits, so the session that delivers packets is never held up; when packets come faster than they are
answered the oldest are lost, whose senders wait no more. One task a switch: a switch that does not take its packet-outs
holds up no other.
"""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import structlog

from p4vpc.errors import SouthboundError
from p4vpc.services.responder.announcements import read_announcement
from p4vpc.services.responder.latest import LatestAnnouncements
from p4vpc.services.responder.limits import TokenBuckets
from p4vpc.services.responder.locate import Arrival, locate
from p4vpc.services.responder.reasons import Reason
from p4vpc.services.responder.respond import advertise, answer
from p4vpc.services.responder.router import ADVERTISEMENT_INTERVAL_SECONDS, FIRST_ADVERTISEMENT_SECONDS
from p4vpc.services.responder.view import SwitchView
from p4vpc.southbound import Packet

Send: TypeAlias = Callable[[Packet], Awaitable[None]]
"""`Agent.packet_out`, or what does the same."""

_SERVED = frozenset(Reason)


class Outcome(StrEnum):
    """What became of a packet-in."""

    ANSWERED = "answered"
    ANNOUNCED = "announced"
    SILENT = "silent"  # no answer is due
    UNKNOWN_SENDER = "unknown_sender"
    LIMITED = "limited"
    OVERFLOWED = "overflowed"
    UNSENT = "unsent"  # the switch has gone meanwhile
    FAILED = "failed"  # a bug


@dataclass(frozen=True, slots=True)
class ResponderOptions:
    """How much is answered.

    Attributes:
        queue_size: packet-ins of a switch that wait.
        rate, burst: answers a second, and at once, for each attachment; announcements have as much again.
        first_advertisement: seconds from the start to the first router advertisement that nobody asked for.
        advertisement_interval: seconds from one of those to the next.
    """

    queue_size: int = 256
    rate: float = 10.0
    burst: int = 10
    first_advertisement: float = FIRST_ADVERTISEMENT_SECONDS
    advertisement_interval: float = ADVERTISEMENT_INTERVAL_SECONDS


class Responder:
    """Answers for one switch; `run` does the work.

    Args:
        switch: its name.
        announcements: where announcements go.
        clock: in seconds; never goes back.
    """

    def __init__(
        self,
        switch: str,
        announcements: LatestAnnouncements,
        *,
        options: ResponderOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        options = options or ResponderOptions()
        self._switch = switch
        self._announcements = announcements
        self._answers_left = TokenBuckets(options.rate, options.burst, clock)
        self._announcements_left = TokenBuckets(options.rate, options.burst, clock)
        self._queue: deque[tuple[Reason, int, bytes]] = deque()
        self._queue_size = options.queue_size
        self._clock = clock
        self._advertisement_interval = options.advertisement_interval
        self._advertisement_due = clock() + options.first_advertisement
        self._offered = asyncio.Event()
        self._view: SwitchView | None = None
        self._counts: Counter[tuple[Reason, Outcome]] = Counter()
        self._log = structlog.get_logger().bind(switch=switch)

    @property
    def counts(self) -> Mapping[tuple[Reason, Outcome], int]:
        """Packet-ins since the start, by reason and outcome."""
        return self._counts

    def set_view(self, view: SwitchView) -> None:
        """What the switch looks like from now on."""
        self._view = view

    def offer(self, packet: Packet) -> bool:
        """Take a packet-in to answer it later; False if it is none of ours (another reason, a trap)."""
        reason, port = packet.metadata.get("reason"), packet.metadata.get("ingress_port")
        if reason not in _SERVED or port is None:
            return False
        if len(self._queue) >= self._queue_size:
            oldest, _, _ = self._queue.popleft()
            self._counts[oldest, Outcome.OVERFLOWED] += 1
        self._queue.append((Reason(reason), port, packet.payload))
        self._offered.set()
        return True

    async def run(self, send: Send) -> None:
        """Answer until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._advertisement_due - self._clock())):
                    await self._offered.wait()
            await self.drain(send)
            if self._clock() >= self._advertisement_due:
                await self.advertise(send)

    async def drain(self, send: Send) -> None:
        """Answer what waits."""
        self._offered.clear()
        while self._queue:
            reason, port, frame = self._queue.popleft()
            try:
                outcome = await self._serve(reason, port, frame, send)
            except Exception:  # a frame that trips us must not silence the switch's gateways
                outcome = Outcome.FAILED
                self._log.exception("unexpected error, please report it", reason=reason.name.lower(), frame=frame.hex())
            self._counts[reason, outcome] += 1

    async def advertise(self, send: Send) -> None:
        """Tell everybody who is attached here who the router is. Who asks meanwhile is answered in between."""
        self._advertisement_due = self._clock() + self._advertisement_interval
        for attachment, subnet in self._view.attached if self._view is not None else ():
            advertisement = advertise(attachment, subnet)
            if advertisement is None:
                continue
            try:
                await send(Packet(advertisement.frame, {"egress_port": advertisement.egress_port}))
            except SouthboundError as error:
                self._log.debug("router advertisements not sent", reason=str(error))
                return
            if self._queue:
                await self.drain(send)

    async def _serve(self, reason: Reason, port: int, frame: bytes, send: Send) -> Outcome:
        arrival = None if self._view is None else locate(frame, port, self._view)
        if arrival is None:
            return Outcome.UNKNOWN_SENDER
        if reason is Reason.LEARN:
            return self._learn(arrival)
        reply = answer(arrival, reason, port)
        if reply is None:
            return Outcome.SILENT
        if not self._answers_left.take(arrival.attachment):
            return Outcome.LIMITED
        try:
            await send(Packet(reply.frame, {"egress_port": reply.egress_port}))
        except SouthboundError as error:
            self._log.debug("answer not sent", reason=str(error))
            return Outcome.UNSENT
        return Outcome.ANSWERED

    def _learn(self, arrival: Arrival) -> Outcome:
        announcement = read_announcement(arrival.frame)
        if announcement is None:
            return Outcome.SILENT
        if not self._announcements_left.take(arrival.attachment):
            return Outcome.LIMITED
        self._announcements.record(self._switch, arrival.attachment, announcement)
        return Outcome.ANNOUNCED
