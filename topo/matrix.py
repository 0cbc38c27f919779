# SPDX-License-Identifier: Apache-2.0
"""Who reaches whom: one ping of each IP version between every two hosts, what was expected, what was seen.

Pings that should be answered run together. Those that should be refused run one pair of hosts after the other, because
a refusal is told by the drop counters, and one difference of counters must belong to one ping. Both IP versions of a
pair share one as long as it tells the same of both; else each is sent again alone. A ping that should be answered and
is not is sent alone too, to learn why.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from topo.drops import Drop, DropCounters, difference
from topo.echo import Ping
from topo.expect import Expectation, Policy
from topo.fabric import FAMILIES, HostPlan
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
        family: IP version.
        expected: what the intents say.
        is_replied: whether the reply came.
        arrivals: hosts that the request reached, once for every copy.
        drops: what the switches dropped meanwhile; only recorded for pings that did not run among others.
    """

    source: str
    target: str
    family: int
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
class _Probe:
    """A ping to be sent."""

    source: HostPlan
    target: HostPlan
    family: int


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
        pairs = [list(_probes(a, b, hosts)) for a in hosts for b in hosts if a is not b]
        probes = [probe for pair in pairs for probe in pair]
        sent: dict[_Probe, _Sent] = {}
        slots = asyncio.Semaphore(MAX_PARALLEL)

        async def permitted(probe: _Probe) -> None:
            async with slots:
                sent[probe] = await self._permitted(probe)
            report(len(sent), len(probes))

        with Witnesses(self._network.hosts, self._marks) as witnesses:
            async with asyncio.TaskGroup() as group:
                for probe in probes:
                    if self._expected(probe).is_reachable:
                        group.create_task(permitted(probe))
            for pair in pairs:
                for probe in pair:
                    if probe in sent and not sent[probe].is_replied:  # stays a failure, whatever this one meets
                        sent[probe] = replace(sent[probe], drops=(await self._refused([probe]))[probe].drops)
                sent |= await self._refused([probe for probe in pair if probe not in sent])
                report(len(sent), len(probes))
            # Only now, so that a copy that went astray had all the time to arrive.
            return [self._outcome(probe, sent[probe], witnesses) for probe in probes]

    def _outcome(self, probe: _Probe, sent: _Sent, witnesses: Witnesses) -> Outcome:
        return Outcome(
            probe.source.key,
            probe.target.key,
            probe.family,
            self._expected(probe),
            sent.is_replied,
            witnesses.arrivals(sent.serial),
            sent.drops,
        )

    def _expected(self, probe: _Probe) -> Expectation:
        return self._policy.echo(probe.source.key, probe.target.key, probe.family)

    def _ping(self, probe: _Probe, mark: bytes) -> Ping:
        address = probe.target.address(probe.family)
        assert address is not None, probe
        return Ping(self._network.hosts[probe.source.key], address, mark, is_program=self._is_program)

    async def _permitted(self, probe: _Probe) -> _Sent:
        serial, mark = self._marks.new()
        ping = self._ping(probe, mark)
        try:
            return _Sent(serial, await ping.replied(REPLY_TIMEOUT_S))
        finally:
            ping.close()

    async def _refused(self, probes: Sequence[_Probe]) -> dict[_Probe, _Sent]:
        """Ping until the replies or the drops that answer for their absence have come, whichever are first."""
        if not probes:
            return {}
        before = after = await self._read_drops()
        marks = [self._marks.new() for _ in probes]
        pings = [self._ping(probe, mark) for probe, (_, mark) in zip(probes, marks, strict=True)]
        replies = [asyncio.ensure_future(ping.replied(REPLY_TIMEOUT_S)) for ping in pings]
        try:
            while not all(reply.done() for reply in replies) and _count(difference(before, after)) < len(probes):
                await asyncio.wait(replies, timeout=AFTER_DROP_S, return_when=asyncio.ALL_COMPLETED)
                after = await self._read_drops()
            await asyncio.wait(replies, timeout=AFTER_DROP_S)
            are_replied = [reply.done() and reply.result() for reply in replies]
        finally:
            for ping, reply in zip(pings, replies, strict=True):
                reply.cancel()
                ping.close()
        drops = difference(before, await self._read_drops())
        if len(probes) > 1:
            if any(are_replied) or [drop.packets for drop in drops] != [len(probes)]:
                return {probe: (await self._refused([probe]))[probe] for probe in probes}
            drops = (replace(drops[0], packets=1),)
        return {
            probe: _Sent(serial, is_replied, drops)
            for probe, (serial, _), is_replied in zip(probes, marks, are_replied, strict=True)
        }


def _probes(source: HostPlan, target: HostPlan, hosts: Sequence[HostPlan]) -> Iterator[_Probe]:
    """The pings between two hosts that are worth it, of each IP version that both speak."""
    own = {item.interface.ip for host in hosts if host.vpc == source.vpc for item in host.addresses}
    for family in FAMILIES:
        address = target.address(family)
        if source.address(family) is None or address is None:
            continue
        if source.vpc == target.vpc or address not in own:
            yield _Probe(source, target, family)


def _count(drops: Sequence[Drop]) -> int:
    return sum(drop.packets for drop in drops)
