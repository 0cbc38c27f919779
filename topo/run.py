# SPDX-License-Identifier: Apache-2.0
"""A running fabric: its network, its switches, its controller. What is started here is stopped here."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from topo import forward
from topo.controller import Controller
from topo.errors import StartError
from topo.fabric import FabricPlan, SwitchPlan
from topo.network import Network
from topo.processes import RUN_VARIABLE, ManagedProcess, stop_all
from topo.rundir import RunDirectory
from topo.switches import Target, command

SWITCH_TIMEOUT_S = 30.0
RUN_FILE = "run.json"
"""File in the run's directory that tells other commands which namespaces the hosts have."""

_POLL_S = 0.05

Report = Callable[[str], None]


class Run:
    """The parts of a running fabric. `running` makes one."""

    def __init__(self, plan: FabricPlan, target: Target, directory: RunDirectory, network: Network) -> None:
        self.plan = plan
        self.network = network
        self.directory = directory
        self.controller = Controller(network.fabric, directory.path, directory.name)
        self._target = target
        self._switches: dict[str, ManagedProcess] = {}

    def switch(self, name: str) -> ManagedProcess:
        """The process of a switch, as started last."""
        return self._switches[name]

    def start_switch(self, name: str) -> None:
        """Start a switch process, the first time or again; `wait_switch` waits for its P4Runtime server."""
        plan = self._switch_plan(name)
        self._switches[name] = ManagedProcess(
            name,
            command(self._target, plan, self.directory.path),
            self.network.fabric,
            self.directory.path / f"{name}.log",
            {RUN_VARIABLE: self.directory.name},
        )

    def check_switches(self) -> None:
        """Raise StartError with the end of its log if a switch has ended."""
        for process in self._switches.values():
            process.check_running()

    async def wait_switch(self, name: str) -> None:
        """Wait until a switch accepts connections; StartError with its log if it ends or takes too long."""
        process, port = self._switches[name], self._switch_plan(name).grpc_port
        deadline = time.monotonic() + SWITCH_TIMEOUT_S
        while True:
            process.check_running()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if time.monotonic() > deadline:
                    message = f"{name} has no P4Runtime server after {SWITCH_TIMEOUT_S:.0f} s; {process.log_tail()}"
                    raise StartError(message) from None
                await asyncio.sleep(_POLL_S)
            else:
                writer.close()
                await writer.wait_closed()
                return

    async def start(self, files: Sequence[Path], report: Report) -> None:
        """Start switches and controller and apply the intents; returns when every switch shows them."""
        self.controller.start()
        for switch in self.plan.switches:
            self.start_switch(switch.name)
        for switch in self.plan.switches:
            await self.wait_switch(switch.name)
        report(f"{len(self.plan.switches)} switches ({self._target.program}) listen for P4Runtime")
        await self.controller.wait_ready()
        report("the controller's API answers")
        await self.controller.apply(files)
        await self.network.wait_usable()
        report("intents applied, and realised on every switch")

    async def stop(self) -> None:
        """Stop every process. The controller goes first, so that it does not report the switches' end as a fault."""
        await self.controller.stop()
        stop_all(list(self._switches.values()))

    def _switch_plan(self, name: str) -> SwitchPlan:
        return next(switch for switch in self.plan.switches if switch.name == name)


@asynccontextmanager
async def running(
    plan: FabricPlan, files: Sequence[Path], target: Target, doors: Sequence[forward.Door], report: Report
) -> AsyncIterator[Run]:
    """A fabric that runs, with its intents realised, for as long as the block lasts."""
    directory = RunDirectory()
    try:
        network = Network(plan)
        try:
            run = Run(plan, target, directory, network)
            _write_run_file(directory, network)
            servers = [await forward.serve(door) for door in doors]
            try:
                await run.start(files, report)
                yield run
            finally:
                for server in servers:
                    server.close()
                await run.stop()
        finally:
            network.close()
    finally:
        directory.close()


def _write_run_file(directory: RunDirectory, network: Network) -> None:
    content = {"pid": os.getpid(), "hosts": {key: namespace.fd for key, namespace in network.hosts.items()}}
    (directory.path / RUN_FILE).write_text(json.dumps(content), encoding="utf-8")
