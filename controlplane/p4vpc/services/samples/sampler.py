# SPDX-License-Identifier: Apache-2.0
"""From packet-ins to samples, for one switch.

The switch keeps to the rates of the intent by itself, with one exception: what the controller answers is shown to it
more often than an operator wants to see it, so of those reasons the sampler takes its share.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from p4vpc.compiler.drop_reasons import ANSWERED, LOGGED_INBOUND, LOGGED_OUTBOUND, DropReason
from p4vpc.services.responder.limits import TokenBuckets
from p4vpc.services.samples.describe import describe
from p4vpc.services.samples.ring import SampleRing
from p4vpc.services.samples.sample import SampledRule
from p4vpc.services.samples.view import Found, SampleView
from p4vpc.southbound import Packet

ACL_LOG = "acl_log"
_DIRECTIONS = {LOGGED_OUTBOUND: "outbound", LOGGED_INBOUND: "inbound"}
_REASONS = {reason.value: reason.name.lower() for reason in DropReason}
_ANSWERED = {reason.name.lower() for reason in ANSWERED}


class Sampler:
    """Makes samples of what one switch shows.

    Args:
        switch: its name.
        ring: where samples go.
        clock: in seconds since 1970.
        steady_clock: in seconds; never goes back.
    """

    def __init__(
        self,
        switch: str,
        ring: SampleRing,
        *,
        clock: Callable[[], float] = time.time,
        steady_clock: Callable[[], float] = time.monotonic,
    ):
        self._switch = switch
        self._ring = ring
        self._clock = clock
        self._steady_clock = steady_clock
        self._view: SampleView | None = None
        self._rates: Mapping[str, int] = {}
        self._shares: dict[str, TokenBuckets] = {}
        self._counts: Counter[str] = Counter()
        self._log = structlog.get_logger().bind(switch=switch)

    @property
    def counts(self) -> Mapping[str, int]:
        """Samples since the start, by reason."""
        return self._counts

    def set_view(self, view: SampleView) -> None:
        """What the switch looks like from now on."""
        self._view = view
        rates = dict(view.sampled_reasons)
        for name in _ANSWERED:
            rate = rates.get(name)
            if rate is None:
                self._shares.pop(name, None)
            elif rate != self._rates.get(name):
                self._shares[name] = TokenBuckets(rate, rate, self._steady_clock)
        self._rates = rates

    def offer(self, packet: Packet) -> None:
        """Make a sample of a packet-in, if it is one that somebody has asked to see."""
        number, port = packet.metadata.get("reason"), packet.metadata.get("ingress_port")
        if number is None or port is None or self._view is None:
            return
        reason = ACL_LOG if number in _DIRECTIONS else _REASONS.get(number)
        if reason is None or (reason != ACL_LOG and reason not in self._rates):
            return
        share = self._shares.get(reason)
        if share is not None and not share.take(reason):
            return
        try:
            found = self._view.find(packet.payload, port, packet.metadata.get("vrf", 0))
            sample = describe(found, packet.payload, reason, self._rule(found, number))
        except Exception:  # a frame that trips us must not hold up the session that delivered it
            self._log.exception("unexpected error, please report it", reason=reason, frame=packet.payload.hex())
            return
        self._counts[reason] += 1
        self._ring.add(replace(sample, switch=self._switch, port=port, time=self._clock()))

    def _rule(self, found: Found, number: int) -> SampledRule | None:
        direction = _DIRECTIONS.get(number)
        logged = None if direction is None or self._view is None else self._view.logged_by(found, direction)
        if direction is None or logged is None:
            return None
        acl, position, rule = logged
        return SampledRule(acl.id, direction, position, rule.action)
