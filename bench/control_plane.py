# SPDX-License-Identifier: Apache-2.0
"""Entries per second through the control plane: compiled, encoded, written, read back, compared.

    python bench/control_plane.py [--quick] [--json FILE] [--ports N] [--runs N]

The intent is generated: four leaves, two spines, VPCs of 100 ports, every VPC on every leaf. Compiling and encoding is
for all six switches; writing and reading is one leaf, through the controller's own session and codec, one batch after
the other. The controller and the switch are two processes on the same machine.
"""

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import report
import world

from p4vpc.compiler import DesiredState, compile_switch
from p4vpc.reconcile import Plan, plan
from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.readback import read_entries
from p4vpc.southbound.session import Listener, connect
from ptf_tests import targets

Seconds = dict[str, list[float]]


@contextmanager
def timed(seconds: Seconds, name: str, clock: Callable[[], float] = time.process_time) -> Iterator[None]:
    """Notes how long the block took: CPU time, unless it waits for a switch."""
    start = clock()
    yield
    seconds.setdefault(name, []).append(clock() - start)


def encode(pipeline: Pipeline, made: Plan) -> list[list[bytes]]:
    """All updates of a plan as encoded messages, batch by batch."""
    return [[pipeline.codec.encode(change.operation, change.entry) for change in batch] for batch in made.batches]


async def on_target(target: str, pipeline: Pipeline, desired: DesiredState, runs: int) -> Seconds:
    """Writes, reads back and compares one leaf's entries, several times over."""
    seconds: Seconds = {}
    made = plan(desired, {}, pipeline.info.schema)
    listener = Listener(packet=lambda packet: None, role=lambda: None)
    with targets.start_without_ports(target) as running:
        async with connect(running.grpc_address, running.device_id, 1, listener) as session:
            for _ in range(runs):
                await session.push_pipeline(pipeline)
                batches = encode(pipeline, made)
                with timed(seconds, "written", time.perf_counter):
                    for updates in batches:
                        if errors := await session.write(updates):
                            raise SystemExit(f"{target} refused {len(errors)} updates: {next(iter(errors.values()))}")
                with timed(seconds, "read back", time.perf_counter):
                    actual = (await read_entries(session, pipeline.codec, desired)).entries
                with timed(seconds, "compared"):
                    settled = plan(desired, actual, pipeline.info.schema)
                if settled.batches:
                    raise SystemExit(f"{target}: what was read back differs from what was written")
    return seconds


def main(argv: list[str]) -> int:
    """Measures, prints and writes; gives the exit status."""
    options = report.parser(__doc__)
    options.add_argument("--ports", type=int, default=3000, help="ports in the generated intent")
    options.add_argument("--runs", type=int, default=5, help="measurements of which the median is taken")
    arguments = options.parse_args(argv)
    ports, runs = (400, 2) if arguments.quick else (arguments.ports, arguments.runs)
    pipeline = Pipeline.load(arguments.pipeline)
    seconds: Seconds = {}
    for _ in range(runs):
        with timed(seconds, "intent validated"):
            intents = world.objects(ports)
        with timed(seconds, "model built"):
            model = world.model_of(intents)
        with timed(seconds, "compiled"):
            desired = {name: compile_switch(model, name) for name in model.switches}
        with timed(seconds, "planned"):
            plans = [plan(state, {}, pipeline.info.schema) for state in desired.values()]
        with timed(seconds, "encoded"):
            for made in plans:
                encode(pipeline, made)
    everything = sum(len(state) for state in desired.values())
    one_leaf = desired[world.leaf(0)]
    result = report.Report("control_plane", ("step", "what", "items", "items/s", "ms"))
    for name, spent in seconds.items():
        of_objects = name in ("intent validated", "model built")
        items, unit = (len(intents), "objects") if of_objects else (everything, "entries")
        _add(result, name, f"all switches, {unit}", items, spent)
    for target in ("softswitch", "bmv2"):
        if target == "bmv2" and shutil.which("simple_switch_grpc") is None:
            result.notes.append("BMv2 not measured: simple_switch_grpc is not on the PATH")
            continue
        for name, spent in asyncio.run(on_target(target, pipeline, one_leaf, runs)).items():
            _add(result, name, f"one leaf, {target}", len(one_leaf), spent)
    vpcs = -(-ports // world.PORTS_PER_VPC)
    result.notes.append(f"{ports} ports in {vpcs} VPCs; median of {runs} runs (lowest to highest)")
    result.notes.append("written and read back: by the clock; all else: CPU time of the one thread that does it")
    result.finish(arguments.json)
    return 0


def _add(result: report.Report, step: str, what: str, items: int, seconds: list[float]) -> None:
    rates = report.Sample(tuple(items / spent for spent in seconds))
    took = report.Sample(tuple(spent * 1000 for spent in seconds))
    result.add(step, what, f"{items:,}", rates.text(), took.text())
    result.data[f"{step}, {what}"] = {"items": items, "seconds": seconds}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
