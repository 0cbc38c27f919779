# SPDX-License-Identifier: Apache-2.0
"""The controller as a user has it: `p4vpc serve` as a process, `p4vpc apply`, and its REST API."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from topo.drops import DropCounters
from topo.errors import StartError, TopoError
from topo.namespaces import Namespace
from topo.processes import RUN_VARIABLE, ManagedProcess, stop_all

API_PORT = 9560
READY_TIMEOUT_S = 30.0
APPLY_TIMEOUT_S = 60.0
SETTLED_TIMEOUT_S = 60.0
_HTTP_TIMEOUT_S = 10.0
_POLL_S = 0.05


class Controller:
    """One controller and its database. It may be killed and started again; the database stays."""

    def __init__(self, namespace: Namespace, directory: Path, run_name: str) -> None:
        self.url = f"http://127.0.0.1:{API_PORT}"
        self._namespace = namespace
        self._directory = directory
        self.token_file = directory / "p4vpc.token"
        """Where the controller keeps the operator token that it makes at its first start."""
        self._environment = {
            RUN_VARIABLE: run_name,
            "P4VPC_SERVER": self.url,
            "P4VPC_TOKEN_FILE": str(self.token_file),
            "P4VPC_TOKEN": "",
        }
        self._process: ManagedProcess | None = None
        self._http = httpx.AsyncClient(base_url=self.url)

    @property
    def process(self) -> ManagedProcess:
        """The process that was started last; StartError if there is none."""
        if self._process is None:
            raise StartError("the controller has not been started")
        return self._process

    def start(self) -> None:
        """Start the process; `wait_ready` waits for the API."""
        self._process = ManagedProcess(
            "controller",
            [
                *(str(program()), "serve", "--listen", f"127.0.0.1:{API_PORT}"),
                *("--db", f"sqlite:///{self._directory / 'p4vpc.sqlite'}"),
            ],
            self._namespace,
            self._directory / "controller.log",
            self._environment,
        )

    async def stop(self) -> None:
        """Close the connection to the API and stop the process, if it runs."""
        await self._http.aclose()
        if self._process is not None:
            stop_all([self._process])

    async def get(self, path: str, timeout_s: float = _HTTP_TIMEOUT_S) -> Any:
        """Read a resource of the API; TopoError if that fails."""
        try:
            headers = {"Authorization": f"Bearer {self.token_file.read_text(encoding='ascii').strip()}"}
        except OSError as error:
            raise TopoError(f"the controller has made no token yet: {error}") from error
        try:
            response = await self._http.get(path, headers=headers, timeout=timeout_s)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise TopoError(f"the controller did not answer GET {path}: {error or type(error).__name__}") from error
        return response.json()

    async def wait_ready(self) -> None:
        """Wait until the API answers; StartError if the controller ends or does not get there in time."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            self.process.check_running()
            try:
                await self.status()
            except TopoError:
                if time.monotonic() > deadline:
                    raise StartError(
                        f"no API at {self.url} after {READY_TIMEOUT_S:.0f} s; {self.process.log_tail()}"
                    ) from None
                await asyncio.sleep(_POLL_S)
            else:
                return

    async def status(self) -> dict[str, Any]:
        """What /v1/status says."""
        status: dict[str, Any] = await self.get("/v1/status")
        return status

    async def wait_settled(self) -> None:
        """Wait until every switch is connected and shows the newest revision; StartError with the status if not."""
        seconds = int(SETTLED_TIMEOUT_S)
        status = await self.get(f"/v1/status?wait={seconds}", timeout_s=SETTLED_TIMEOUT_S + _HTTP_TIMEOUT_S)
        if status["outcome"] != "realised":
            raise StartError(f"switches are not settled after {seconds} s: {json.dumps(status, indent=2)}")

    async def updates_written(self) -> int:
        """Updates that the controller process has written to all switches since it started."""
        status = await self.status()
        return sum(int(switch["updates_written"]) for switch in status["switches"])

    async def drops(self) -> DropCounters:
        """Drop counters of all switches, as the switches have them now."""
        answer = await self.get("/v1/drops")
        if answer["errors"]:
            raise TopoError(f"drop counters cannot be read: {json.dumps(answer['errors'])}")
        return {
            (switch, reason): int(packets)
            for switch, reasons in answer["switches"].items()
            for reason, packets in reasons.items()
        }

    async def vni(self, subnet: str) -> int:
        """VNI of a subnet, by its key; TopoError if there is no such subnet."""
        answer = await self.get(f"/v1/identifiers?pool=vni&owner={subnet}")
        for identifier in answer["identifiers"]:
            return int(identifier["number"])
        raise TopoError(f"subnet {subnet} has no VNI: has it been applied?")

    async def apply(self, files: Sequence[Path]) -> None:
        """Run `p4vpc apply --wait`; TopoError with what it printed if it fails."""
        log = self._directory / "apply.log"
        words = [
            *(str(program()), "apply", "--wait", "--timeout", str(APPLY_TIMEOUT_S)),
            *(word for file in files for word in ("-f", str(file))),
        ]
        process = ManagedProcess("p4vpc apply", words, self._namespace, log, self._environment)
        try:
            status = await process.ended(APPLY_TIMEOUT_S + _HTTP_TIMEOUT_S)
        finally:
            stop_all([process])
        if status is None:
            raise TopoError(f"p4vpc apply --wait was not done after {APPLY_TIMEOUT_S:.0f} s; {process.log_tail()}")
        if status != 0:
            raise TopoError(f"p4vpc apply failed with status {status}; {process.log_tail()}")


def program() -> Path:
    """The `p4vpc` command of the environment that this program runs in."""
    return Path(sys.executable).with_name("p4vpc")
