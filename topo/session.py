# SPDX-License-Identifier: Apache-2.0
"""What `python -m topo run` does from start to end: fabric, matrix, demonstrations, verdict, and what to try next."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from topo import render
from topo.demos import DEMOS, Result
from topo.echo import has_ping_program
from topo.errors import TopoError
from topo.expect import Policy
from topo.fabric import FabricPlan
from topo.forward import Door
from topo.matrix import Outcome, Prober
from topo.run import Run, running
from topo.switches import Target

EXIT_OK = 0
EXIT_UNEXPECTED = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for.

    Attributes:
        files: the fabric and its tenants.
        demos: names of demonstrations to run after the matrix.
        has_matrix: ping between all hosts.
        is_once: exit with the verdict instead of staying.
        report: file for the results as JSON.
    """

    files: Sequence[Path]
    target: Target
    demos: Sequence[str]
    has_matrix: bool
    is_once: bool
    report: Path | None


async def run(console: Console, plan: FabricPlan, doors: Sequence[Door], options: Options) -> int:
    """Run a session and return its exit status. Cancelled while it stays, it ends well; earlier, it raises."""
    say = _stopwatch(console)
    vpcs = {host.vpc for host in plan.hosts}
    say(
        f"building {len(plan.switches)} switches, {len(plan.cables)} links, {len(plan.hosts)} hosts in {len(vpcs)} VPCs"
    )
    async with running(plan, options.files, options.target, doors, say) as fabric:
        outcomes: list[Outcome] = []
        is_good = True
        if options.has_matrix:
            outcomes = await _matrix(console, fabric)
            say(f"{len(outcomes)} pings done")
            render.print_matrix(console, plan.hosts, outcomes)
            is_good = render.is_as_expected(outcomes)
        demos: dict[str, Any] = {}
        for name in options.demos:
            console.rule(f"demo {name}: {DEMOS[name].title}", align="left")
            try:
                result = await DEMOS[name].play(fabric, say)
            except TopoError as error:
                result = Result(is_good=False, lines=[str(error)])
            demos[name] = result.facts
            for line in result.lines:
                console.print(f"  {line}", highlight=False, soft_wrap=True)
            console.print(
                f"  {'as expected' if result.is_good else 'FAILED'}", style="green" if result.is_good else "red"
            )
            is_good = is_good and result.is_good
        if options.report is not None:
            content = {"is_good": is_good, "pings": render.as_json(outcomes), "demos": demos}
            options.report.write_text(json.dumps(content, indent=2), encoding="utf-8")
        if not options.is_once:
            _print_hints(console, plan, doors, fabric.controller.token_file)
            await _until_cancelled()
            say("stopping")
    return EXIT_OK if is_good else EXIT_UNEXPECTED


async def _matrix(console: Console, fabric: Run) -> list[Outcome]:
    is_program = has_ping_program()
    if not is_program:
        console.print(
            "no `ping` that takes a payload pattern (iputils) is installed: ICMP echo is sent by Python instead"
        )
    policy = Policy(fabric.plan.objects)
    prober = Prober(fabric.network, policy, fabric.controller.drops, is_program=is_program)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("pinging")
        return await prober.run(
            fabric.plan.hosts, lambda done, total: progress.update(bar, completed=done, total=total)
        )


async def _until_cancelled() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return


def _stopwatch(console: Console) -> Callable[[str], None]:
    start = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - start:5.1f} s] {text}", markup=False, highlight=False, soft_wrap=True)

    return say


def _print_hints(console: Console, plan: FabricPlan, doors: Sequence[Door], token_file: Path) -> None:
    api = doors[0].outer_port
    host, other = plan.hosts[0], plan.hosts[-1]
    addresses = [str(other.address(family)) for family in other.families]
    option = "" if api == doors[0].inner_port else f" --server http://127.0.0.1:{api}"
    console.print(
        f"\nThe API is at http://127.0.0.1:{api} (description: /v1/openapi.json). In another shell, try:",
        highlight=False,
    )
    console.print(f"  export P4VPC_TOKEN_FILE={token_file}", highlight=False, soft_wrap=True)
    for line in (
        f"p4vpc status{option}",
        f"p4vpc get port {host.key} -o yaml{option}",
        f"p4vpc drops{option}",
        f"python -m topo exec {host.key} ping -c 3 {addresses[-1]}",
        f"python -m topo exec {host.key} ip neigh",
    ):
        console.print(f"  .venv/bin/{line}", highlight=False)
    moved = [f"{door.inner_port} -> {door.outer_port}" for door in doors if door.inner_port != door.outer_port]
    if moved:
        console.print(f"Ports that were taken, and what stands in for them: {', '.join(moved)}", highlight=False)
    console.print("Ctrl-C ends everything.", style="bold")
