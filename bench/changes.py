# SPDX-License-Identifier: Apache-2.0
"""How long single changes take, from the call to realised on all switches concerned, and how that grows.

    python bench/changes.py [--quick] [--json FILE] [--ports N ...] [--leaves N] [--spread N] [--changes N]
        [--churn SECONDS] [--rate N] [--links N] [--operators N] [--real TARGET] [--no-restart] [--big PORTS LEAVES]

For each number of ports a controller is started over an empty store and simulated switches (`simulated`), one leaf for
each 100 ports, with VPCs of 100 ports on ten leaves each. Then one change at a time: a port is created, changes its
group, moves, is deleted. Then the controller is ended, and another one started over the same switches.
`--operators 10` adds rounds of changes of what many share, and refused requests (`operators`).
`--big 10000 250` adds one VPC with 10,000 ports over 250 leaves. Controller, store and switches share one process: so
memory is that of all of them.
"""

import asyncio
import logging
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain
from typing import Any

import big_world
import operators
import report
import simulated
import structlog

import p4vpc.southbound.agent
from p4vpc.intent import ObjectId, from_document
from p4vpc.services import Controller, Outcome
from p4vpc.services.links import LinkOptions
from p4vpc.southbound import Pipeline
from p4vpc.store import Change, Delete, Put, Store
from ptf_tests import targets

WHO = "bench"
_TIMEOUT_SECONDS = 600.0
_AT_ONCE = 20_000
_FREE_PORT = 500


class Bench:
    """A controller, and ways to change what it has."""

    def __init__(self, controller: Controller, shape: big_world.Shape):
        self._controller = controller
        self._shape = shape
        self._port = shape.vpc_ports

    async def apply(self, *changes: Change) -> None:
        """Commit, and wait until it is realised."""
        applied = await self._controller.intents.apply(changes, who=WHO)
        outcome = await self._controller.wait_realised(applied.revision, _TIMEOUT_SECONDS)
        if outcome is not Outcome.REALISED:
            status = self._controller.status
            problem = next((problem for switch in status.switches for problem in switch.problems), status.error)
            raise SystemExit(f"revision {applied.revision}: {outcome}: {problem}")

    async def round(self, vpc: int, seconds: dict[str, list[float]]) -> None:
        """One port's life."""
        there, elsewhere = self._shape.leaf_of(vpc, 0), self._shape.leaf_of(vpc, 1)
        document = big_world.port_document(vpc, self._port, there, _FREE_PORT, 0)
        steps: list[tuple[str, Callable[[], Change]]] = [
            ("create", lambda: Put(from_document(document))),
            ("change group", lambda: Put(from_document({**document, "security_groups": ["group5"]}))),
            ("move", lambda: Put(from_document({**document, "attachment": {"switch": elsewhere, "port": _FREE_PORT}}))),
            ("delete", lambda: Delete(ObjectId("port", f"tenant{vpc:04}/prod/{document['name']}"))),
        ]
        for name, change in steps:
            wall, cpu = time.perf_counter(), time.process_time()
            await self.apply(change())
            seconds.setdefault(f"{name} ms", []).append((time.perf_counter() - wall) * 1000)
            seconds.setdefault(f"{name} cpu ms", []).append((time.process_time() - cpu) * 1000)

    async def links(self, fleet: simulated.Fleet, number: int, seconds: dict[str, list[float]]) -> None:
        """A leaf loses an uplink; its leaf tells it, and everybody goes round it."""
        name = big_world.leaf(number)
        link = ObjectId("link", f"{name}-1")
        wall, cpu = time.perf_counter(), time.process_time()
        fleet[f"{name}:9559"].set_port(1, is_up=False)
        while link not in self._controller.down_links:
            await self._controller.changed()
        await self._controller.wait_realised(self._controller.status.compiled_revision, _TIMEOUT_SECONDS)
        seconds.setdefault("link dies ms", []).append((time.perf_counter() - wall) * 1000)
        seconds.setdefault("link dies cpu ms", []).append((time.process_time() - cpu) * 1000)

    async def operators(self, rounds: int) -> dict[str, list[float]]:
        """Changes of what many share."""
        snapshot = await self._controller.intents.snapshot()
        ids = (ObjectId("port", f"tenant0000/prod/port{number:05}") for number in range(self._shape.vpc_ports))
        known = [snapshot.objects[it].object.document()["attachment"] for it in ids if it in snapshot.objects]
        some = operators.Rounds(self.apply, self._shape)
        await some.prepare(known)
        for number in range(rounds):
            await some.round(number)
        return some.seconds

    async def churn(self, rate: int, seconds: float) -> list[float]:
        """So many port changes a second, each a commit of its own; how long each takes to be realised."""
        taken: list[float] = []

        snapshot = await self._controller.intents.snapshot()
        # What callers have at hand is no part of what a change takes.
        documents: dict[tuple[int, int], dict[str, Any]] = {}
        for number in range(min(int(rate * seconds), self._shape.ports)):
            vpc, port = self._of(number)
            stored = snapshot.objects[ObjectId("port", f"tenant{vpc:04}/prod/port{port:05}")]
            documents[vpc, port] = stored.object.document()

        async def one(number: int) -> None:
            vpc, port = self._of(number)
            # Not the group that it has, also if the same port comes again.
            group = (port + 1 + number // self._shape.ports) % big_world.GROUPS
            document = {**documents[vpc, port], "security_groups": [f"group{group}"]}
            start = time.perf_counter()
            await self.apply(Put(from_document(document)))
            taken.append(time.perf_counter() - start)

        start = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
                tasks.create_task(one(number))
        return taken

    def _of(self, number: int) -> tuple[int, int]:
        """The VPC and the port of one change of a churn: VPC after VPC, so that neighbours in time share nothing."""
        return number % self._shape.vpcs, (number // self._shape.vpcs) % self._shape.vpc_ports


async def measure(shape: big_world.Shape, pipeline: Pipeline, arguments: Any, result: report.Report, name: str) -> None:
    """One size, all steps."""
    with targets.start_without_ports(arguments.real) if arguments.real else nullcontext() as real:
        await _measure(shape, pipeline, arguments, result, name, fleet=simulated.Fleet(real))


async def _measure(
    shape: big_world.Shape,
    pipeline: Pipeline,
    arguments: Any,
    result: report.Report,
    name: str,
    *,
    fleet: simulated.Fleet,
) -> None:
    p4vpc.southbound.agent.connect = fleet.connect  # type: ignore[assignment]
    objects = list(map(from_document, chain(big_world.fabric(shape), big_world.tenants(shape))))
    options = LinkOptions(first_look=0.5, lldp_interval=0)  # nobody is at the other ends
    numbers: dict[str, Any] = {"leaves": shape.leaves, "ports": shape.ports, "vpcs": shape.vpcs}
    with Store("sqlite://") as store:
        async with Controller(store, pipeline, link_options=options) as controller:
            bench = Bench(controller, shape)
            wall, cpu = time.perf_counter(), time.process_time()
            await bench.apply(*map(Put, objects))
            del objects
            numbers["cold start s"] = time.perf_counter() - wall
            numbers["cold start cpu s"] = time.process_time() - cpu
            numbers["entries"] = fleet.entries
            _told(f"{name}: cold start {numbers['cold start s']:.1f} s, cpu {numbers['cold start cpu s']:.1f} s")
            await controller.intents.prepare()  # what a change finds that does not come at once
            seconds: dict[str, list[float]] = {}
            for number in range(arguments.changes):
                vpc = number * shape.leaves // shape.leaves_per_vpc if arguments.real else number
                await bench.round(vpc % shape.vpcs, seconds)
            for step, spent in seconds.items():
                _told(f"{name}: {step}: {statistics.median(spent):.1f} / {_p99(spent):.1f}")
            numbers |= seconds
            if arguments.operators:
                numbers["operators"] = await bench.operators(arguments.operators)
                for step in operators.STEPS:
                    _told(f"{name}: {step}: {_spent(numbers['operators'], step)}")
            if arguments.churn:
                wall, cpu = time.perf_counter(), time.process_time()
                taken = await bench.churn(arguments.rate, arguments.churn)
                numbers["churn s"] = taken
                numbers["churn load"] = (time.process_time() - cpu) / (time.perf_counter() - wall)
                _told(f"{name}: {_churn_text(numbers)}")
            numbers["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            links: dict[str, list[float]] = {}
            # A real leaf has no ports here, so none that could lose a link.
            for number in range(0 if arguments.real else min(arguments.links, shape.leaves)):
                await bench.links(fleet, number, links)
            numbers |= links
        numbers["restart s"] = numbers["restart cpu s"] = numbers["updates of the restart"] = 0
        if not arguments.no_restart:
            updates = fleet.updates
            wall, cpu = time.perf_counter(), time.process_time()
            async with Controller(store, pipeline, link_options=options) as controller:
                await Bench(controller, shape).apply()
                numbers["restart s"] = time.perf_counter() - wall
                numbers["restart cpu s"] = time.process_time() - cpu
                numbers["updates of the restart"] = fleet.updates - updates
    result.data[name] = numbers
    _add(result, name, numbers)


def _add(result: report.Report, name: str, numbers: dict[str, Any]) -> None:
    cells = [f"{numbers['ports']:,}", f"{numbers['leaves']:,}", f"{numbers['entries']:,}"]
    for step in ("create", "change group", "move", "delete", "link dies"):
        cells.append(_spent(numbers, step))
    for step in ("cold start", "restart"):
        cells.append(f"{numbers[f'{step} s']:.1f} ({numbers[f'{step} cpu s']:.1f})")
    cells.append(f"{numbers['peak MiB']:,.0f}")
    result.add(name, *cells)
    if numbers["updates of the restart"]:
        result.notes.append(f"{name}: the restart wrote {numbers['updates of the restart']} updates")
    for step in operators.STEPS if "operators" in numbers else ():
        result.notes.append(f"{name}: {step}: {_spent(numbers['operators'], step)}")
    if "churn s" in numbers:
        result.notes.append(f"{name}: {_churn_text(numbers)}")


def _spent(numbers: dict[str, Any], step: str) -> str:
    """The times of one step: p50 / p99, and CPU."""
    spent, cpu = numbers.get(f"{step} ms", [0.0]), numbers.get(f"{step} cpu ms", [0.0])
    return f"{statistics.median(spent):.1f} / {_p99(spent):.1f} ({statistics.median(cpu):.1f})"


def _churn_text(numbers: dict[str, Any]) -> str:
    taken = numbers["churn s"]
    text = f"p50 {statistics.median(taken) * 1000:.0f} ms, p99 {_p99(taken) * 1000:.0f} ms, max {max(taken):.2f} s"
    return f"{len(taken)} changes of churn: {text}, {numbers['churn load']:.2f} of one core"


def _told(text: str) -> None:
    """A long run is not silent."""
    print(text, file=sys.stderr, flush=True)


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def main(argv: list[str]) -> int:
    """Measures, prints and writes; gives the exit status."""
    options = report.parser(__doc__)
    options.add_argument("--ports", type=int, nargs="+", default=[1000, 10_000], help="sizes, one after the other")
    options.add_argument("--leaves", type=int, help="leaves (default: one for each 100 ports)")
    options.add_argument("--spread", type=int, default=10, help="leaves that the ports of one VPC are on")
    options.add_argument("--changes", type=int, default=50, help="rounds of single changes")
    options.add_argument("--churn", type=float, default=0, metavar="SECONDS", help="length of a churn (default: none)")
    options.add_argument("--rate", type=int, default=500, help="changes a second of the churn")
    options.add_argument("--links", type=int, default=10, help="how many links die, one after the other")
    options.add_argument("--operators", type=int, default=0, help="rounds of changes of what many share")
    options.add_argument(
        "--real", choices=("softswitch", "bmv2"), help="the first leaf is one, over gRPC; it is changed"
    )
    options.add_argument("--no-restart", action="store_true", help="leave out the second controller")
    options.add_argument("--big", type=int, nargs=2, metavar=("PORTS", "LEAVES"), help="also one VPC of this size")
    arguments = options.parse_args(argv)
    if arguments.quick:
        arguments.ports, arguments.changes = [1000], 5
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    pipeline = Pipeline.load(arguments.pipeline)
    steps = ("create", "group", "move", "delete", "link dies")
    columns = ("size", "ports", "leaves", "entries", *steps, "cold s", "again s", "MiB")
    result = report.Report("changes", columns)
    for ports in arguments.ports:
        leaves = arguments.leaves or max(10, ports // 100)
        shape = big_world.Shape(ports, leaves, leaves_per_vpc=arguments.spread)
        asyncio.run(measure(shape, pipeline, arguments, result, f"{ports:,} ports"))
    if arguments.big:
        ports, leaves = arguments.big
        shape = big_world.Shape(ports, leaves, vpc_ports=ports, leaves_per_vpc=leaves)
        asyncio.run(measure(shape, pipeline, arguments, result, "one VPC"))
    result.notes.append(f"single changes: p50 / p99 in ms over {arguments.changes} rounds, one change at a time")
    result.notes.append("in brackets: CPU time (p50) of the whole process, which has one interpreter lock")
    result.notes.append("MiB: highest so far of the whole process, with store and switches, until a link dies")
    result.finish(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
