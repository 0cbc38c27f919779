# SPDX-License-Identifier: Apache-2.0
"""Who reaches whom: one ping between every two hosts, what was expected, what was seen.

Pings that should be answered run together. Those that should be refused run one after the other, because a refusal is
told by the drop counters, and one difference of counters must belong to one ping. A ping that should be answered and is
not is sent again in that second round, to learn why.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from topo.drops import Drop, DropCounters, difference
from topo.echo import Ping
from topo.expect import Expectation, Policy
from topo.fabric import HostPlan
from topo.network import Network
from topo.witness import Marks, Witnesses

REPLY_TIMEOUT_S = 5.0
"""How long a reply may take. Generous, because five switches may share one core."""

AFTER_DROP_S = 0.1
"""How long a reply may still take after a switch has counted a drop."""

MAX_PARALLEL = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """One ping.

    Attributes:
        source: key of the sender's port.
        target: key of the port that was meant.
        expected: what the intents say.
        is_replied: whether the reply came.
        arrivals: hosts that the request reached, once for every copy.
        drops: what the switches dropped meanwhile; only recorded for pings that ran alone.
    """

    source: str
    target: str
    expected: Expectation
    is_replied: bool
    arrivals: tuple[str, ...]
    drops: tuple[Drop, ...] = ()

    @property
    def strays(self) -> tuple[str, ...]:
        """Hosts other than the target that the request reached."""
        return tuple(host for host in self.arrivals if host != self.target)

    @property
    def problem(self) -> str | None:
        """What is wrong, None if everything is as expected."""
        if self.strays:
            return f"reached {', '.join(self.strays)}"
        if self.expected.is_reachable:
            return self._problem_of_permitted()
        return self._problem_of_refused()

    def _problem_of_permitted(self) -> str | None:
        if not self.is_replied:
            return f"no reply ({', '.join(map(str, self.drops)) or 'and no drop counted'})"
        return None if self.arrivals == (self.target,) else f"arrived {len(self.arrivals)} times"

    def _problem_of_refused(self) -> str | None:
        if self.is_replied:
            return "reply to a ping that no rule allows"
        if self.arrivals and not self.expected.is_delivered:
            return "the request arrived, and no rule allows it"
        reasons = {drop.reason for drop in self.drops}
        if not reasons:
            return "lost, and no drop counted"
        if reasons != {self.expected.drop_reason}:
            return f"dropped as {', '.join(sorted(reasons))} instead of {self.expected.drop_reason}"
        return None


@dataclass(frozen=True, slots=True)
class _Sent:
    """A ping that is over: the serial number of its mark, whether it was answered, what was dropped meanwhile."""

    serial: int
    is_replied: bool
    drops: tuple[Drop, ...] = ()


class Prober:
    """Sends the pings of a matrix. `read_drops` gives the drop counters of all switches."""

    def __init__(
        self, network: Network, policy: Policy, read_drops: Callable[[], Awaitable[DropCounters]], *, is_program: bool
    ) -> None:
        self._network = network
        self._policy = policy
        self._read_drops = read_drops
        self._is_program = is_program
        self._marks = Marks()

    async def run(self, hosts: Sequence[HostPlan], report: Callable[[int, int], None]) -> list[Outcome]:
        """Ping between all pairs, in their order; `report` is told how many of how many are done.

        A pair of different VPCs is pinged only if the address means nothing in the sender's own: otherwise that ping is
        one to a host of its own VPC, and the witnesses see where it goes.
        """
        pairs = [(a, b) for a in hosts for b in hosts if a is not b and self._is_worth_a_ping(a, b, hosts)]
        sent: dict[tuple[str, str], _Sent] = {}
        slots = asyncio.Semaphore(MAX_PARALLEL)

        async def together(source: HostPlan, target: HostPlan) -> None:
            async with slots:
                sent[source.key, target.key] = await self._permitted(source, target)
            report(len(sent), len(pairs))

        with Witnesses(self._network.hosts, self._marks) as witnesses:
            async with asyncio.TaskGroup() as group:
                for source, target in pairs:
                    if self._policy.echo(source.key, target.key).is_reachable:
                        group.create_task(together(source, target))
            for source, target in pairs:
                first = sent.get((source.key, target.key))
                if first is None:
                    sent[source.key, target.key] = await self._alone(source, target)
                elif not first.is_replied:  # stays a failure, whatever the second ping meets
                    drops = (await self._alone(source, target)).drops
                    sent[source.key, target.key] = _Sent(first.serial, is_replied=False, drops=drops)
                report(len(sent), len(pairs))
            # Only now, so that a copy that went astray had all the time to arrive.
            return [self._outcome(source, target, sent[source.key, target.key], witnesses) for source, target in pairs]

    def _outcome(self, source: HostPlan, target: HostPlan, sent: _Sent, witnesses: Witnesses) -> Outcome:
        expected = self._policy.echo(source.key, target.key)
        arrivals = witnesses.arrivals(sent.serial)
        return Outcome(source.key, target.key, expected, sent.is_replied, arrivals, sent.drops)

    @staticmethod
    def _is_worth_a_ping(source: HostPlan, target: HostPlan, hosts: Sequence[HostPlan]) -> bool:
        own = {host.address.ip for host in hosts if host.vpc == source.vpc}
        return source.vpc == target.vpc or target.address.ip not in own

    def _ping(self, source: HostPlan, target: HostPlan, mark: bytes) -> Ping:
        namespace = self._network.hosts[source.key]
        return Ping(namespace, target.address.ip, mark, is_program=self._is_program)

    async def _permitted(self, source: HostPlan, target: HostPlan) -> _Sent:
        serial, mark = self._marks.new()
        ping = self._ping(source, target, mark)
        try:
            return _Sent(serial, await ping.replied(REPLY_TIMEOUT_S))
        finally:
            ping.close()

    async def _alone(self, source: HostPlan, target: HostPlan) -> _Sent:
        """Ping until the reply or the drop that answers for its absence has come, whichever is first."""
        before = after = await self._read_drops()
        serial, mark = self._marks.new()
        ping = self._ping(source, target, mark)
        replied = asyncio.ensure_future(ping.replied(REPLY_TIMEOUT_S))
        try:
            while not replied.done() and after == before:
                await asyncio.wait([replied], timeout=AFTER_DROP_S)
                after = await self._read_drops()
            await asyncio.wait([replied], timeout=AFTER_DROP_S)
            is_replied = replied.done() and replied.result()
        finally:
            replied.cancel()
            ping.close()
        return _Sent(serial, is_replied, difference(before, await self._read_drops()))
