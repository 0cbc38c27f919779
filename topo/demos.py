# SPDX-License-Identifier: Apache-2.0
"""Demonstrations on a running fabric; the end-to-end tests run them too. Each tells what it did and what came of it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from p4vpc.intent import Link, LinkEnd, Port, Subnet, Switch, VtepAttachment
from topo import links
from topo.echo import EchoStream
from topo.errors import TopoError
from topo.expect import Policy
from topo.fabric import Cable, HostPlan, of_type
from topo.matrix import REPLY_TIMEOUT_S
from topo.namespaces import Namespace
from topo.run import Run

INTERVAL_S = 0.02
"""Between two echo requests of one stream."""

STEP_TIMEOUT_S = 60.0
"""How long any single thing may take to happen."""

MAX_PAIRS = 3
"""Pairs of hosts with traffic at a time: each stream is fifty packets per second for switches that share a core."""

VTEP_PINGS = 10

_LEAST_DOWNLINKS = 2

_POLL_S = 0.05

_SETTLED_REPLIES = 25
"""Replies in a row that show that a stream runs."""

_UNANSWERED = 150
"""Requests into a leaf without links: switches see within a second or so that ports are down."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a demonstration: lines for people, facts for programs."""

    is_good: bool
    lines: Sequence[str]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration; `files` are examples that have to be applied together with the fabric."""

    title: str
    play: Callable[[Run, Callable[[str], None]], Awaitable[Result]]
    files: tuple[str, ...] = ()


class Traffic:
    """Echo streams between pairs of hosts, of each IP version that both speak, for as long as the block lasts."""

    def __init__(self, run: Run, pairs: Sequence[tuple[HostPlan, HostPlan]]) -> None:
        policy = Policy(run.plan.objects)
        self.streams = {
            (source.key, f"{target.key} ({address})"): EchoStream(run.network.hosts[source.key], address)
            for source, target in pairs
            for family in source.families
            if (address := target.address(family)) is not None
            if policy.echo(source.key, target.key, family).is_reachable
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Traffic":
        self._tasks = [asyncio.create_task(stream.send_every(INTERVAL_S)) for stream in self.streams.values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        for stream in self.streams.values():
            stream.close()

    @property
    def sent(self) -> int:
        """Requests of all streams."""
        return sum(stream.sent for stream in self.streams.values())

    @property
    def lost(self) -> int:
        """Requests without a reply."""
        return sum(stream.sent - stream.received for stream in self.streams.values())

    async def stop(self) -> None:
        """Send no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def wait_more(self, count: int) -> None:
        """Wait until each stream has `count` more replies than now; TopoError if one does not get them in time."""
        goals = {pair: stream.received + count for pair, stream in self.streams.items()}
        for pair, stream in self.streams.items():
            if not await stream.wait_received(goals[pair], STEP_TIMEOUT_S):
                raise TopoError(f"{pair[0]} -> {pair[1]}: no reply for {STEP_TIMEOUT_S:.0f} s")

    async def wait_sent(self, count: int) -> None:
        """Wait until each stream has sent `count` more requests than now, answered or not."""
        goals = {pair: stream.sent + count for pair, stream in self.streams.items()}
        while any(stream.sent < goals[pair] for pair, stream in self.streams.items()):
            await asyncio.sleep(INTERVAL_S)

    async def drain(self) -> None:
        """Stop, and give the last replies the time to come."""
        await self.stop()
        for stream in self.streams.values():
            await stream.wait_received(stream.sent, 2.0)


def reachable_pairs(run: Run) -> list[tuple[HostPlan, HostPlan]]:
    """Every two hosts of which the first may ping the second somehow, in the order of the file."""
    policy = Policy(run.plan.objects)
    hosts = run.plan.hosts
    return [
        (a, b)
        for a in hosts
        for b in hosts
        if a is not b
        if any(policy.echo(a.key, b.key, family).is_reachable for family in a.families if b.address(family))
    ]


def _first(pairs: Sequence[tuple[HostPlan, HostPlan]], what: str) -> tuple[HostPlan, HostPlan]:
    if not pairs:
        raise TopoError(f"this fabric has no two hosts {what}")
    return pairs[0]


def _apart(pairs: Sequence[tuple[HostPlan, HostPlan]]) -> tuple[HostPlan, HostPlan]:
    return _first([(a, b) for a, b in pairs if a.plug.switch != b.plug.switch], "on two leaves that may talk")


async def restart_leaf(run: Run, say: Callable[[str], None]) -> Result:
    """Kill a leaf under traffic and start it again; forwarding has to come back without a command."""
    pairs = reachable_pairs(run)
    source, target = _apart(pairs)
    leaf = target.plug.switch
    others = [(a, b) for a, b in pairs if leaf not in (a.plug.switch, b.plug.switch)]
    bystanders = _first(others, f"away from {leaf} that may talk")
    async with Traffic(run, [(source, target)]) as traffic, Traffic(run, [bystanders]) as elsewhere:
        await traffic.wait_more(_SETTLED_REPLIES)
        say(f"killing {leaf} (kill -9) under traffic from {source.key} to {target.key}")
        run.switch(leaf).kill()
        await elsewhere.wait_more(_SETTLED_REPLIES)
        received = {pair: stream.received for pair, stream in traffic.streams.items()}
        say(f"starting {leaf} again, empty")
        run.start_switch(leaf)
        await run.wait_switch(leaf)
        await traffic.wait_more(_SETTLED_REPLIES)
        await asyncio.gather(traffic.drain(), elsewhere.drain())
    gap = max(_longest_gap_s(stream) for stream in traffic.streams.values())
    is_back = all(stream.received > received[pair] for pair, stream in traffic.streams.items())
    lines = [
        f"{source.key} -> {target.key} through {leaf}: forwarding came back by itself; {traffic.lost} of "
        f"{traffic.sent} lost, {gap:.1f} s without a reply",
        f"{bystanders[0].key} -> {bystanders[1].key}, not through {leaf}: {elsewhere.lost} of {elsewhere.sent} lost",
    ]
    facts = {
        "is_back": is_back,
        "lost": traffic.lost,
        "sent": traffic.sent,
        "bystanders_lost": elsewhere.lost,
        "gap_s": gap,
    }
    return Result(is_back and traffic.lost > 0 and elsewhere.lost == 0, lines, facts)


def _longest_gap_s(stream: EchoStream) -> float:
    """Longest time between two replies, s."""
    times = sorted(exchange.received_s for exchange in stream.exchanges if exchange.received_s is not None)
    return max((after - before for before, after in itertools.pairwise(times)), default=0.0)


async def restart_controller(run: Run, say: Callable[[str], None]) -> Result:
    """Kill the controller under traffic and start it again; no packet may be lost, and nothing written."""
    pairs = reachable_pairs(run)
    async with Traffic(run, pairs[:: max(1, len(pairs) // MAX_PAIRS)]) as traffic:
        await traffic.wait_more(_SETTLED_REPLIES)
        say(f"killing the controller (kill -9) under {len(traffic.streams)} streams between hosts")
        run.controller.process.kill()
        await traffic.wait_more(_SETTLED_REPLIES)
        say("starting the controller again, on the same database")
        run.controller.start()
        await run.controller.wait_ready()
        await run.controller.wait_settled()
        await traffic.wait_more(_SETTLED_REPLIES)
        await traffic.drain()
        written = await run.controller.updates_written()
    lines = [
        f"packets: {traffic.lost} of {traffic.sent} lost",
        f"table updates written by the new controller: {written}",
    ]
    return Result(
        traffic.lost == 0 and written == 0, lines, {"lost": traffic.lost, "sent": traffic.sent, "written": written}
    )


async def cut_link(run: Run, say: Callable[[str], None]) -> Result:
    """Cut the link behind a spine, which no watch port of the sending leaf can see, and mend it again."""
    source, target = _apart(reachable_pairs(run))
    leaf = target.plug.switch
    cables = _several_cables(run, leaf)
    await _wait_heard(run)
    async with Traffic(run, [(source, target)]) as traffic:
        before = {name: _sent_to(run, leaf, cable) for name, cable in cables.items()}
        await traffic.wait_more(_SETTLED_REPLIES)
        carried = {name: _sent_to(run, leaf, cable) - before[name] for name, cable in cables.items()}
        name = max(carried, key=lambda link: carried[link])
        say(f"cutting {name}, which carries traffic from {source.key} to {target.key}")
        run.network.cables.cut(cables[name])
        detail = await _wait_link(run, name, is_down=True)
        say(detail)
        await traffic.drain()
        lost = {"until_found": traffic.lost}
    async with Traffic(run, [(source, target)]) as traffic:
        await traffic.wait_more(_SETTLED_REPLIES)
        await traffic.drain()
        lost["after"] = traffic.lost
    async with Traffic(run, [(source, target)]) as traffic:
        say(f"mending {name}")
        run.network.cables.mend(cables[name])
        await _wait_link(run, name, is_down=False)
        await traffic.wait_more(_SETTLED_REPLIES)
        await traffic.drain()
        lost["mended"] = traffic.lost
    lines = [
        f"{source.key} -> {target.key}: {lost['until_found']} lost until the fabric had gone round {name} ({detail})",
        f"{lost['after']} lost after that, {lost['mended']} while it came back",
    ]
    return Result(
        lost["after"] == lost["mended"] == 0, lines, {"detail": detail, "lost": lost, "carried": carried[name]}
    )


async def cut_off_leaf(run: Run, say: Callable[[str], None]) -> Result:
    """Cut all links of a leaf at once under traffic from it, and mend them: no switch may end of it."""
    source, target = _apart(reachable_pairs(run))
    leaf = source.plug.switch
    cables = _several_cables(run, leaf)
    async with Traffic(run, [(source, target)]) as traffic:
        await traffic.wait_more(_SETTLED_REPLIES)
        say(f"cutting {', '.join(cables)}, all that {leaf} has, under traffic from {source.key} to {target.key}")
        for cable in cables.values():
            run.network.cables.cut(cable)
        await traffic.wait_sent(_UNANSWERED)
        ended = [switch.name for switch in run.plan.switches if not run.switch(switch.name).is_running()]
        if ended:
            return Result(is_good=False, lines=[f"ended: {', '.join(ended)}"], facts={"ended": ended})
        cut_off = traffic.lost
        say("mending them")
        for cable in cables.values():
            run.network.cables.mend(cable)
        await traffic.wait_more(_SETTLED_REPLIES)
        await traffic.drain()
    for name in cables:
        await _wait_link(run, name, is_down=False)
    lines = [
        f"{source.key} -> {target.key}: {cut_off} lost with {leaf} cut off, {traffic.lost} until it was back; "
        f"no switch has ended"
    ]
    return Result(cut_off > 0, lines, {"ended": ended, "cut_off": cut_off, "lost": traffic.lost})


def _several_cables(run: Run, leaf: str) -> dict[str, Cable]:
    """As `_cables`, of a leaf that must have more than one."""
    cables = _cables(run, leaf)
    if len(cables) < _LEAST_DOWNLINKS:
        raise TopoError(f"{leaf} has no second link to another switch")
    return cables


def _cables(run: Run, leaf: str) -> dict[str, Cable]:
    """The cables of a leaf's links to other switches, by name of the link."""
    ends = {(end.switch, end.number): cable for cable in run.plan.cables for end in (cable.a, cable.b)}
    return {
        link.name: ends[leaf, end.port]
        for link in of_type(run.plan.objects, Link)
        for end in (link.a, link.b)
        if isinstance(end, LinkEnd) and end.switch == leaf and (leaf, end.port) in ends
    }


def _sent_to(run: Run, leaf: str, cable: Cable) -> int:
    """How many packets the far end has sent to a leaf."""
    far = cable.b if cable.a.switch == leaf else cable.a
    return links.sent_packets(run.network.fabric, far.interface)


async def _wait_heard(run: Run) -> None:
    """Wait until LLDP is heard at both ends of every link between switches: what was never heard cannot be missed."""
    between = {link.name for link in of_type(run.plan.objects, Link) if isinstance(link.b, LinkEnd)}
    for _ in range(int(STEP_TIMEOUT_S / _POLL_S)):
        status = await run.controller.status()
        silent = [link["name"] for link in status["links"] if link["name"] in between and not link["is_heard"]]
        if not silent:
            return
        await asyncio.sleep(_POLL_S)
    raise TopoError(f"no LLDP over {', '.join(silent)} after {STEP_TIMEOUT_S:.0f} s")


async def _wait_link(run: Run, name: str, *, is_down: bool) -> str:
    """Wait until a link counts as down, or up, and all switches show what follows from it; what is said about it.

    Down comes before avoided: the switches have to be told, and until they are, they are as realised as ever.
    """
    for _ in range(int(STEP_TIMEOUT_S / _POLL_S)):
        status = await run.controller.status()
        link = next(link for link in status["links"] if link["name"] == name)
        if link["is_down"] is link["is_avoided"] is is_down and all(
            switch["is_realised"] for switch in status["switches"]
        ):
            return str(link["detail"])
        run.check_switches()
        await asyncio.sleep(_POLL_S)
    raise TopoError(f"link {name} is not {'down' if is_down else 'up'} after {STEP_TIMEOUT_S:.0f} s: {link}")


async def join_foreign_vtep(run: Run, say: Callable[[str], None]) -> Result:
    """Let a Linux kernel's VXLAN device join a subnet as a foreign VTEP, and ping both ways."""
    objects = run.plan.objects
    ports = [port for port in of_type(objects, Port) if isinstance(port.attachment, VtepAttachment)]
    if not ports or not run.plan.neighbors:
        raise TopoError("this fabric has no port behind a foreign VTEP, or no link to one")
    port, neighbor = ports[0], run.plan.neighbors[0]
    gateway_leaf = next(switch for switch in of_type(objects, Switch) if switch.vtep is not None)
    subnet = next(item for item in of_type(objects, Subnet) if item.key == f"{port.vpc_key}/{port.subnet}")
    vni = await run.controller.vni(subnet.key)
    say(f"Linux VXLAN device: VNI {vni}, {neighbor.address} <-> {gateway_leaf.vtep} ({gateway_leaf.name})")
    namespace = run.network.neighbors[neighbor.name]
    links.ip_batch(
        namespace,
        [
            f"link add vxlan0 mtu {run.plan.tenant_mtu} address {port.mac} type vxlan id {vni} "
            f"local {neighbor.address} remote {gateway_leaf.vtep} dstport 4789",
        ],
    )
    links.disable_offloads(namespace, ["vxlan0"])
    links.enable_ipv6(namespace, "vxlan0")
    prefixes = {4: subnet.ipv4, 6: subnet.ipv6}
    # Nobody else has the address: waiting for duplicates would only take time here.
    addresses = [f"{own}/{prefix.prefixlen}" for own in port.addresses if (prefix := prefixes[own.version]) is not None]
    links.ip_batch(
        namespace,
        ["link set vxlan0 addrgenmode none up", *(f"address add {own} dev vxlan0 nodad" for own in addresses)],
    )
    policy = Policy(objects)
    lines: list[str] = []
    facts: dict[str, dict[str, Any]] = {}
    for host in run.plan.hosts:
        for own in port.addresses:
            peer, prefix = host.address(own.version), prefixes[own.version]
            if host.vpc != port.vpc_key or peer is None or prefix is None or peer not in prefix:
                continue
            if not policy.echo(port.key, host.key, own.version).is_reachable:
                continue
            there = await _exchange(namespace, peer)
            back = await _exchange(run.network.hosts[host.key], own)
            learned = links.neighbor_mac(namespace, peer)
            lines.append(
                f"{port.key} (VXLAN) -> {host.key} on {host.plug.switch}: {there} of {VTEP_PINGS} answered, back "
                f"{back} of {VTEP_PINGS}; asked through the tunnel, {peer} is at {learned or 'unknown'}"
            )
            fact = {"there": there, "back": back, "is_mac_right": learned == host.mac}
            facts.setdefault(host.key, {})[f"ipv{own.version}"] = fact
    good = {"there": VTEP_PINGS, "back": VTEP_PINGS, "is_mac_right": True}
    return Result(bool(facts) and all(fact == good for both in facts.values() for fact in both.values()), lines, facts)


async def _exchange(namespace: Namespace, address: IPv4Address | IPv6Address) -> int:
    """Ping until VTEP_PINGS are answered, one after the other; how many were."""
    with EchoStream(namespace, address) as stream:
        for number in range(1, VTEP_PINGS + 1):
            stream.send()
            if not await stream.wait_received(number, REPLY_TIMEOUT_S):
                break
        return stream.received


DEMOS = {
    "controller-restart": Demo("the controller is killed and restarted under traffic", restart_controller),
    "leaf-cut-off": Demo("all links of a leaf are cut under traffic, and mended", cut_off_leaf),
    "leaf-restart": Demo("a leaf is killed and restarted under traffic", restart_leaf),
    "link-cut": Demo("the link behind a spine is cut under traffic", cut_link),
    "vtep": Demo("a Linux kernel VXLAN device as a foreign VTEP", join_foreign_vtep, ("foreign-vtep.yaml",)),
}
"""By the name that `--demo` takes."""
