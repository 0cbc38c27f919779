# SPDX-License-Identifier: Apache-2.0
"""The command, as a process."""

import asyncio
import signal
import socket
import subprocess
import sys

import pytest
from finsy.grpcutil import GRPCCredentialsTLS
from finsy.p4client import P4Client
from finsy.proto import p4r

from .conftest import BOUND_SECONDS, PROGRAMS, failure

COMMAND = [sys.executable, "-m", "softswitch.cli"]


async def run(*arguments: str) -> tuple[int, str, str]:
    """Run to the end; exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(BOUND_SECONDS):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


class Running:
    """The command while it serves."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments

    async def __aenter__(self) -> "Running":
        self.process = await asyncio.create_subprocess_exec(
            *COMMAND, "--grpc-addr", "127.0.0.1:0", *self._arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(BOUND_SECONDS):
            self.line = (await self.process.stdout.readline()).decode().strip()
        self.address = self.line.rpartition(" ")[2]
        return self

    async def __aexit__(self, *error) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    async def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(BOUND_SECONDS):
            return await self.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_and_stops_cleanly(number):
    async with Running("--device-id", "7") as switch:
        assert switch.line.startswith("softswitch: device 7 serves P4Runtime on 127.0.0.1:")
        async with P4Client(switch.address) as client:
            await client.request(p4r.CapabilitiesRequest(device_id=7))
            # An open stream does not hold the process.
            await client.send(p4r.StreamMessageRequest(arbitration=p4r.MasterArbitrationUpdate(device_id=7)))
            await client.receive()
            assert await switch.stop(number) == 0


async def test_it_starts_with_a_pipeline(tmp_path):
    everything = str(PROGRAMS / "everything.json"), "--p4info", str(PROGRAMS / "everything.p4info.txtpb")
    async with Running(*everything, "--nn", f"ipc://{tmp_path}/ptf") as switch, P4Client(switch.address) as client:
        request = p4r.GetForwardingPipelineConfigRequest(device_id=1)
        assert len((await client.request(request)).config.p4info.tables) == 7


async def test_an_address_in_use_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, output, errors = await run("--grpc-addr", address)
    assert (code, output) == (1, "")
    assert f"softswitch: cannot listen on {address}: it is in use" in errors
    assert "Traceback" not in errors


async def test_two_switches_do_not_share_an_address():
    async with Running() as switch:
        code, _, errors = await run("--grpc-addr", switch.address)
        assert code == 1
        assert "it is in use" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--no-p4", "x.json", "--p4info", "y"], 2, "--no-p4 starts without a pipeline"),
        (["x.json"], 2, "CONFIG.json and --p4info go together"),
        (["-i", "veth1"], 2, "'veth1' is not PORT@INTERFACE"),
        (["-i", "512@veth1"], 2, "a port of 0 to 511"),
        (["--device-id", "0"], 2, "it must be 1 or more"),
        (["--grpc-addr", "9559"], 2, "'9559' is not HOST:PORT"),
        (["--cpu-port", "511"], 2, "they must differ"),
        (["--tls-cert", "x"], 2, "TLS needs both"),
        (["x.json", "--p4info", "y"], 1, "x.json: No such file or directory"),
        ([str(PROGRAMS / "everything.json"), "--p4info", str(PROGRAMS / "everything.json")], 1, "not a P4Info file"),
        (["--grpc-addr", "127.0.0.1:0", "-i", "1@nowhere"], 1, "port 1: there is no network interface 'nowhere'"),
        (["--grpc-addr", "127.0.0.1:0", "-i", "510@lo"], 1, "port 510: it is the CPU port"),
        (["--tls-cert", "x", "--tls-key", "y"], 1, "TLS key y: No such file or directory"),
        (["--nn", "nonsense", "--grpc-addr", "127.0.0.1:0"], 1, "nonsense: cannot listen for PTF"),
    ],
)
async def test_a_mistake_is_named_without_a_traceback(arguments, code, message):
    got, output, errors = await run(*arguments)
    assert (got, output) == (code, "")
    assert message in errors
    assert "Traceback" not in errors


async def test_a_bad_pipeline_is_named(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    info = str(PROGRAMS / "everything.p4info.txtpb")
    code, _, errors = await run("--grpc-addr", "127.0.0.1:0", str(bad), "--p4info", info)
    assert code == 1
    assert errors.startswith("softswitch: config: ") or "\nsoftswitch: config: " in errors
    assert "Traceback" not in errors


def make_certificate(folder, name: str, *issuer: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", *issuer],
        check=True, capture_output=True,
    )  # fmt: skip


async def test_tls_with_client_certificates(tmp_path):
    make_certificate(tmp_path, "server")
    make_certificate(tmp_path, "client")
    tls = ["--tls-cert", f"{tmp_path}/server.pem", "--tls-key", f"{tmp_path}/server.key"]
    async with Running(*tls, "--tls-client-ca", f"{tmp_path}/client.pem") as switch:
        credentials = GRPCCredentialsTLS(
            cacert=tmp_path / "server.pem", cert=tmp_path / "client.pem", private_key=tmp_path / "client.key"
        )
        async with P4Client(switch.address, credentials) as client:
            await client.request(p4r.CapabilitiesRequest())
        async with P4Client(switch.address, wait_for_ready=False) as stranger:
            assert (await failure(stranger.request(p4r.CapabilitiesRequest()))).code != 0
