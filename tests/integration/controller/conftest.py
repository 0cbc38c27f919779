# SPDX-License-Identifier: Apache-2.0
"""A controller as a process, shared by the tests of one module, and a store for one in this process."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4vpc.store import Store

START_SECONDS = 120.0
"""Many processes share the machine that the tests run on."""


class ServeProcess:
    """`p4vpc serve` on a free port."""

    def __init__(self, directory: Path, *options: str, database: str | None = None):
        self.database = database or f"sqlite:///{directory / 'p4vpc.db'}"
        self._command = [
            *(sys.executable, "-c", "from p4vpc.cli.main import main; main()"),
            *(
                "serve",
                "--db",
                self.database,
                "--listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
            ),
            *options,
        ]
        self._log = directory / "serve.log"
        self.token_file = directory / "p4vpc.token"
        self.url = ""

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if readable else ""
        assert line.startswith("p4vpc serves http"), self.log()
        self.url = line.split()[-1]

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        try:
            return self._process.wait(START_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture(scope="module")
def serve_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    process = ServeProcess(tmp_path_factory.mktemp("serve"))
    process.start()
    yield process
    assert process.stop() == os.EX_OK, process.log()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'p4vpc.db'}") as opened:
        yield opened
