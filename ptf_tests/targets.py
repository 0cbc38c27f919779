# SPDX-License-Identifier: Apache-2.0
"""The switches that the suite can run against: started, awaited at a gRPC address, ended by their process id."""

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from ptf_tests import namespace

PORTS = range(1, 9)
CPU_PORT = 510
DEVICE_ID = 1
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class TargetError(Exception):
    """The target cannot be started here; the text says why and what would help."""


@dataclass(frozen=True)
class RunningTarget:
    """Where the switch's P4Runtime server and its ports are reached."""

    grpc_address: str
    device_id: int = DEVICE_ID
    platform: str = "eth"
    port_map: dict[tuple[int, int], str] = field(default_factory=dict)


def missing(target: str) -> str | None:
    """Why the target cannot run on this machine, or None."""
    if target in ("softswitch", "external"):
        return None
    if target == "softswitch-veth":
        return namespace.why_not()
    if target == "bmv2":
        if shutil.which("simple_switch_grpc") is None:
            return "simple_switch_grpc is not on the PATH"
        return namespace.why_not()
    if shutil.which("tofino-model") is None:
        return "tofino-model is not on the PATH"
    return "start the model and its driver, then use --target external (see docs/checklist.md)"


@contextmanager
def start(target: str, coverage: Path | None = None) -> Iterator[RunningTarget]:
    """Runs a target until the block ends; whatever it made on the machine is gone afterwards.

    softswitch on ptf's socket writes to the file `coverage` at its end what packets have reached.
    """
    with tempfile.TemporaryDirectory(prefix="p4vpc-ptf-") as folder:
        address = f"127.0.0.1:{_free_port()}"
        if target == "softswitch":
            yield from _softswitch_on_socket(address, Path(folder), coverage)
        elif target == "softswitch-veth":
            yield from _on_veth(address, [*_softswitch(address), *_interfaces()], Path(folder))
        elif target == "bmv2":
            yield from _on_veth(address, _bmv2(address, _interfaces()), Path(folder))
        else:
            raise TargetError(f"target {target}: {missing(target)}")


@contextmanager
def start_without_ports(target: str) -> Iterator[RunningTarget]:
    """Runs softswitch or BMv2 for its tables alone: no port, no namespace."""
    with tempfile.TemporaryDirectory(prefix="p4vpc-bench-") as folder:
        address = f"127.0.0.1:{_free_port()}"
        command = _softswitch(address) if target == "softswitch" else _bmv2(address, [])
        with _process(command, address, Path(folder) / "log"):
            yield RunningTarget(address)


def _bmv2(address: str, interfaces: list[str]) -> list[str]:
    switch = ["simple_switch_grpc", "--device-id", str(DEVICE_ID), "--no-p4", *interfaces, "--log-level", "off"]
    return [*switch, "--", "--grpc-server-addr", address, "--cpu-port", str(CPU_PORT)]


def _softswitch(address: str) -> list[str]:
    script = Path(sys.executable).with_name("softswitch")
    return [
        str(script),
        "--device-id",
        str(DEVICE_ID),
        "--grpc-addr",
        address,
        "--cpu-port",
        str(CPU_PORT),
        "--no-p4",
    ]


def _softswitch_on_socket(address: str, folder: Path, coverage: Path | None) -> Iterator[RunningTarget]:
    ports = f"ipc://{folder / 'ports'}"
    counting = ["--coverage", str(coverage.absolute())] if coverage is not None else []
    with _process([*_softswitch(address), "--nn", ports, *counting], address, folder / "log"):
        yield RunningTarget(address, platform="nn", port_map={(0, port): ports for port in PORTS})


def _interfaces() -> list[str]:
    return [word for port in PORTS for word in ("-i", f"{port}@{namespace.switch_side(port)}")]


def _on_veth(address: str, command: list[str], folder: Path) -> Iterator[RunningTarget]:
    for port in PORTS:
        namespace.add_link(namespace.switch_side(port), namespace.test_side(port))
    try:
        with _process(command, address, folder / "log"):
            yield RunningTarget(address, port_map={(0, port): namespace.test_side(port) for port in PORTS})
    finally:
        for port in PORTS:
            namespace.remove_link(namespace.switch_side(port))


@contextmanager
def _process(command: list[str], address: str, log: Path) -> Iterator[None]:
    """Runs a switch process from its first answer over gRPC to the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
    try:
        _wait_for_server(process, address, log)
        yield
        if process.poll() is not None:
            raise TargetError(f"{command[0]} ended with status {process.returncode} during the run:\n{_tail(log)}")
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)


def _wait_for_server(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    with grpc.insecure_channel(address, options=[("grpc.max_reconnect_backoff_ms", 200)]) as channel:
        ready = grpc.channel_ready_future(channel)
        for _ in range(int(START_TIMEOUT_S / 0.2)):
            if process.poll() is not None:
                raise TargetError(f"{process.args!r} ended with status {process.returncode}:\n{_tail(log)}")
            try:
                ready.result(0.2)
            except grpc.FutureTimeoutError:
                continue
            return
    raise TargetError(f"no P4Runtime server at {address} after {START_TIMEOUT_S:.0f} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def needs_namespace(target: str) -> bool:
    """Whether the target's ports are network interfaces, which are made in a namespace of their own."""
    return target in ("bmv2", "softswitch-veth") and not namespace.is_inside()
