# SPDX-License-Identifier: Apache-2.0
"""The command `softswitch`: one switch in the foreground until SIGINT or SIGTERM.

The arguments are close to those of simple_switch_grpc, so that a fabric can start either.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from finsy.proto import p4i, p4r
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from softswitch.coverage import Coverage
from softswitch.errors import SoftswitchError
from softswitch.p4runtime import P4RuntimeServer, TlsFiles
from softswitch.p4runtime.device import DEFAULT_CPU_PORT, DEFAULT_DROP_PORT
from softswitch.p4runtime.entities import MAX_PORT
from softswitch.ports.base import PortDriver
from softswitch.ports.nanomsg import NanomsgPorts
from softswitch.ports.packet_socket import PacketSocketPort

EXIT_FAILED = 1
BINARY_SUFFIXES = (".bin", ".pb")


class UsageError(SoftswitchError):
    """An argument or a file that it names is wrong."""


@dataclass(frozen=True, slots=True)
class PortBinding:
    """`-i PORT@INTERFACE`."""

    number: int
    interface: str

    @classmethod
    def parse(cls, text: str) -> PortBinding:
        """Read an argument. Raises ArgumentTypeError, which argparse reports."""
        number, at, interface = text.partition("@")
        if not (at and interface and number.isdecimal() and int(number) <= MAX_PORT):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not PORT@INTERFACE with a port of 0 to {MAX_PORT}, such as 1@veth1"
            )
        return cls(int(number), interface)


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) <= 0xFFFF):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:9559 or [::1]:9559")
    return text


def _port_number(text: str) -> int:
    if not (text.isdecimal() and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; ports are 0 to {MAX_PORT}")
    return int(text)


def _device_id(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 1 << 64):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device id; it must be 1 or more")
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="softswitch", description="A P4Runtime switch that executes what p4c compiled for BMv2 (v1model)."
    )
    parser.add_argument("config", nargs="?", type=Path, metavar="CONFIG.json", help="BMv2 JSON to run from the start")
    parser.add_argument("--p4info", type=Path, metavar="FILE", help="P4Info of CONFIG.json, text or binary (.bin, .pb)")
    parser.add_argument("--no-p4", action="store_true", help="start without a pipeline; a controller sets one")
    parser.add_argument("--device-id", type=_device_id, default=1, metavar="N", help="P4Runtime device id (1)")
    parser.add_argument(
        "--grpc-addr", type=_address, default="127.0.0.1:9559", metavar="HOST:PORT",
        help="where to serve P4Runtime (127.0.0.1:9559); port 0 lets the system choose",
    )  # fmt: skip
    parser.add_argument(
        "-i", "--interface", type=PortBinding.parse, action="append", default=[], metavar="PORT@INTERFACE",
        help="bind a switch port to a network interface; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--nn", action="append", default=[], metavar="ADDRESS",
        help="let PTF (--platform nn) add ports over this socket, ipc:///path or tcp://host:port; may be repeated",
    )  # fmt: skip
    parser.add_argument("--cpu-port", type=_port_number, default=DEFAULT_CPU_PORT, metavar="N", help="CPU port (510)")
    parser.add_argument(
        "--drop-port", type=_port_number, default=DEFAULT_DROP_PORT, metavar="N", help="drop port (511)"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve TLS with this certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="key of the certificate (PEM)")
    parser.add_argument("--tls-client-ca", type=Path, metavar="FILE", help="accept only clients that this CA signed")
    parser.add_argument(
        "--coverage", type=Path, metavar="FILE",
        help="count which parser states, tables and actions packets reach, and write it here at the end (slower)",
    )  # fmt: skip
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 after a signal, 1 when it cannot start, 2 for wrong usage."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    _configure_logging(options.log_level)
    problem = _contradiction(options)
    if problem:
        parser.error(problem)
    try:
        asyncio.run(_serve(options))
    except SoftswitchError as error:
        print(f"softswitch: {error}", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _contradiction(options: argparse.Namespace) -> str:
    """What is wrong between arguments that are right one by one."""
    if options.no_p4 and (options.config or options.p4info):
        return "--no-p4 starts without a pipeline, so give neither CONFIG.json nor --p4info with it"
    if bool(options.config) != bool(options.p4info):
        return "CONFIG.json and --p4info go together; one of them is missing"
    if bool(options.tls_cert) != bool(options.tls_key) or (options.tls_client_ca and not options.tls_cert):
        return "TLS needs both --tls-cert and --tls-key"
    if options.cpu_port == options.drop_port:
        return f"--cpu-port and --drop-port are both {options.cpu_port}; they must differ"
    return ""


async def _serve(options: argparse.Namespace) -> None:
    drivers: list[PortDriver] = [PacketSocketPort(port.number, port.interface) for port in options.interface]
    drivers += [NanomsgPorts(address) for address in options.nn]
    config = load_config(options.config, options.p4info) if options.config else None
    tls = TlsFiles(options.tls_cert, options.tls_key, options.tls_client_ca) if options.tls_cert else None
    coverage = Coverage() if options.coverage else None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = P4RuntimeServer(
        options.grpc_addr,
        device_id=options.device_id,
        drivers=drivers,
        cpu_port=options.cpu_port,
        drop_port=options.drop_port,
        tls=tls,
        coverage=coverage,
    )
    async with server:
        if config is not None:
            await server.set_pipeline(config)
        print(f"softswitch: device {options.device_id} serves P4Runtime on {server.address}", flush=True)
        await stop.wait()
    if coverage is not None:
        _write(options.coverage, coverage.to_json())


def load_config(program: Path, p4info: Path) -> p4r.ForwardingPipelineConfig:
    """Read a pipeline from files. Raises UsageError naming the file that is wrong."""
    return p4r.ForwardingPipelineConfig(p4_device_config=_read(program), p4info=_parse_p4info(p4info))


def _parse_p4info(path: Path) -> p4i.P4Info:
    data = _read(path)
    info = p4i.P4Info()
    try:
        if path.suffix in BINARY_SUFFIXES:
            info.ParseFromString(data)
        else:
            text_format.Parse(data.decode(), info)
    except (DecodeError, UnicodeDecodeError, text_format.ParseError) as error:
        raise UsageError(f"{path}: not a P4Info file: {error}") from error
    return info


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _configure_logging(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
