# SPDX-License-Identifier: Apache-2.0
"""A run of `python -m topo` that stays: until what it prints says that it does, and never longer than the block."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY = "Ctrl-C ends everything."
TIMEOUT_S = 60.0
TOKEN_FILE = "P4VPC_TOKEN_FILE="


@contextmanager
def staying(environment: Mapping[str, str], *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A run without a matrix that has come to the point where it stays, and what it has printed by then."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "topo", "run", "--no-matrix", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, read_until(process, READY)
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
        if process.stdout is not None:
            process.stdout.close()


def credentials(output: str) -> dict[str, str]:
    """Headers of the operator whose token file a run has told."""
    path = next(word for word in output.split() if word.startswith(TOKEN_FILE)).removeprefix(TOKEN_FILE)
    return {"Authorization": f"Bearer {Path(path).read_text(encoding='ascii').strip()}"}


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What a process prints up to `text`."""
    assert process.stdout is not None
    output = ""
    deadline = time.monotonic() + TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while text not in output:
            assert selector.select(deadline - time.monotonic()), f"{text!r} did not come:\n{output}"
            chunk = os.read(process.stdout.fileno(), 65536).decode()
            assert chunk, f"ended before {text!r}:\n{output}"
            output += chunk
    return output
