# SPDX-License-Identifier: Apache-2.0
"""How long single changes take, from the call to realised on all switches concerned, and how that grows.

    python bench/changes.py [--quick] [--json FILE] [--ports N ...] [--leaves N] [--changes N] [--churn SECONDS]
        [--rate N] [--big PORTS LEAVES]

For each number of ports a controller is started over an empty store and simulated switches (`simulated`), one leaf for
each 100 ports, with VPCs of 100 ports on ten leaves each. Then one change at a time: a port is created, changes its
group, moves, is deleted. Then the controller is ended, and another one started over the same switches.
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
from typing import Any

import big_world
import report
import simulated
import structlog

import p4vpc.southbound.agent
from p4vpc.intent import ObjectId, from_document
from p4vpc.services.controller import Controller, Outcome
from p4vpc.services.links import LinkOptions
from p4vpc.southbound import Pipeline
from p4vpc.store import Change, Delete, Put, Store

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
            start = time.perf_counter()
            await self.apply(change())
            seconds.setdefault(name, []).append((time.perf_counter() - start) * 1000)

    async def churn(self, rate: int, seconds: float) -> list[float]:
        """So many port changes a second, each a commit of its own; how long each takes to be realised."""
        taken: list[float] = []

        async def one(number: int) -> None:
            vpc = number % self._shape.vpcs
            port = (number // self._shape.vpcs) % self._shape.vpc_ports
            stored = await self._controller.intents.get(ObjectId("port", f"tenant{vpc:04}/prod/port{port:05}"))
            document = {**stored.object.document(), "security_groups": [f"group{number % big_world.GROUPS}"]}
            start = time.perf_counter()
            await self.apply(Put(from_document(document)))
            taken.append(time.perf_counter() - start)

        start = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
                tasks.create_task(one(number))
        return taken


async def measure(shape: big_world.Shape, pipeline: Pipeline, arguments: Any, result: report.Report, name: str) -> None:
    """One size, all steps."""
    fleet = simulated.Fleet()
    p4vpc.southbound.agent.connect = fleet.connect  # type: ignore[assignment]
    documents = [*big_world.fabric(shape), *big_world.tenants(shape)]
    objects = [from_document(document) for document in documents]
    options = LinkOptions(first_look=0.5)
    numbers: dict[str, Any] = {"leaves": shape.leaves, "ports": shape.ports, "vpcs": shape.vpcs}
    with Store("sqlite://") as store:
        async with Controller(store, pipeline, link_options=options) as controller:
            bench = Bench(controller, shape)
            start = time.perf_counter()
            await bench.apply(*map(Put, objects))
            numbers["cold start s"] = time.perf_counter() - start
            numbers["entries"] = fleet.entries
            seconds: dict[str, list[float]] = {}
            for number in range(arguments.changes):
                await bench.round(number % shape.vpcs, seconds)
            for step, spent in seconds.items():
                numbers[f"{step} ms"] = spent
            if arguments.churn:
                taken = await bench.churn(arguments.rate, arguments.churn)
                numbers["churn s"] = taken
        updates = fleet.updates
        start = time.perf_counter()
        async with Controller(store, pipeline, link_options=options) as controller:
            await Bench(controller, shape).apply()
            numbers["restart s"] = time.perf_counter() - start
            numbers["updates of the restart"] = fleet.updates - updates
    numbers["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result.data[name] = numbers
    _add(result, name, numbers)


def _add(result: report.Report, name: str, numbers: dict[str, Any]) -> None:
    cells = [f"{numbers['ports']:,}", f"{numbers['leaves']:,}", f"{numbers['entries']:,}"]
    for step in ("create", "change group", "move", "delete"):
        spent = numbers[f"{step} ms"]
        cells.append(f"{statistics.median(spent):.1f} / {_p99(spent):.1f}")
    cells += [f"{numbers['cold start s']:.1f}", f"{numbers['restart s']:.1f}", f"{numbers['peak MiB']:,.0f}"]
    result.add(name, *cells)
    if numbers["updates of the restart"]:
        result.notes.append(f"{name}: the restart wrote {numbers['updates of the restart']} updates")
    if taken := numbers.get("churn s"):
        text = f"p50 {statistics.median(taken) * 1000:.0f} ms, p99 {_p99(taken) * 1000:.0f} ms, max {max(taken):.2f} s"
        result.notes.append(f"{name}: {len(taken)} changes of churn: {text}")


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def main(argv: list[str]) -> int:
    """Measures, prints and writes; gives the exit status."""
    options = report.parser(__doc__)
    options.add_argument("--ports", type=int, nargs="+", default=[1000, 10_000], help="sizes, one after the other")
    options.add_argument("--leaves", type=int, help="leaves (default: one for each 100 ports)")
    options.add_argument("--changes", type=int, default=50, help="rounds of single changes")
    options.add_argument("--churn", type=float, default=0, metavar="SECONDS", help="length of a churn (default: none)")
    options.add_argument("--rate", type=int, default=500, help="changes a second of the churn")
    options.add_argument("--big", type=int, nargs=2, metavar=("PORTS", "LEAVES"), help="also one VPC of this size")
    arguments = options.parse_args(argv)
    if arguments.quick:
        arguments.ports, arguments.changes = [1000], 5
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    pipeline = Pipeline.load(arguments.pipeline)
    columns = ("size", "ports", "leaves", "entries", "create", "group", "move", "delete", "cold s", "again s", "MiB")
    result = report.Report("changes", columns)
    for ports in arguments.ports:
        shape = big_world.Shape(ports, arguments.leaves or max(10, ports // 100))
        asyncio.run(measure(shape, pipeline, arguments, result, f"{ports:,} ports"))
    if arguments.big:
        ports, leaves = arguments.big
        shape = big_world.Shape(ports, leaves, vpc_ports=ports, leaves_per_vpc=leaves)
        asyncio.run(measure(shape, pipeline, arguments, result, "one VPC"))
    result.notes.append(f"single changes: p50 / p99 in ms over {arguments.changes} rounds, one change at a time")
    result.notes.append("MiB: highest so far of the whole process, with store and switches")
    result.finish(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
