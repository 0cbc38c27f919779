# SPDX-License-Identifier: Apache-2.0
"""TLS of the API and towards switches, with certificates on one side and on both."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from p4vpc.client import Client, ClientTls, UnreachableError
from p4vpc.client.tls import ClientTlsError
from p4vpc.intent import load_yaml
from p4vpc.services import Controller, Outcome
from p4vpc.southbound import AgentOptions, SwitchTls
from p4vpc.southbound.tls import TlsFileError
from p4vpc.store import Put, Store
from softswitch.p4runtime import P4RuntimeServer, TlsFiles
from softswitch.ports import MemoryPorts
from tests.integration.controller.conftest import ServeProcess
from tests.integration.controller.fake_switch import BOUND_SECONDS
from tests.integration.controller.running import PIPELINE

SWITCH = "kind: switch\nname: leaf1\nrole: leaf\nvtep: 10.255.0.1\np4runtime: {address}\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of their own making: `server`, `client` and `stranger`."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("server", "client", "stranger"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "1", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
    return folder


def test_the_api_over_tls(certificates: Path, tmp_path: Path) -> None:
    process = ServeProcess(
        tmp_path, "--tls-cert", f"{certificates}/server.pem", "--tls-key", f"{certificates}/server.key"
    )
    process.start()
    try:
        token = process.token_file.read_text().strip()
        assert process.url.startswith("https://")
        with Client(process.url, token=token, tls=ClientTls(certificates / "server.pem")) as client:
            assert client.status().switches == []
        for stranger in (
            Client(process.url, token=token),
            Client(process.url, token=token, tls=ClientTls(certificates / "stranger.pem")),
            Client(process.url.replace("https", "http"), token=token),
        ):
            with stranger, pytest.raises(UnreachableError):
                stranger.status()
    finally:
        assert process.stop() == 0, process.log()


def test_the_api_for_clients_with_certificates(certificates: Path, tmp_path: Path) -> None:
    tls = ("--tls-cert", f"{certificates}/server.pem", "--tls-key", f"{certificates}/server.key")
    process = ServeProcess(tmp_path, *tls, "--tls-client-ca", f"{certificates}/client.pem")
    process.start()
    try:
        token, ca = process.token_file.read_text().strip(), certificates / "server.pem"
        own = ClientTls(ca, certificates / "client.pem", certificates / "client.key")
        with Client(process.url, token=token, tls=own) as client:
            assert client.status().switches == []
        other = ClientTls(ca, certificates / "stranger.pem", certificates / "stranger.key")
        for tls_of_stranger in (ClientTls(ca), other):
            with Client(process.url, token=token, tls=tls_of_stranger) as client, pytest.raises(UnreachableError):
                client.status()
    finally:
        assert process.stop() == 0, process.log()


@pytest.mark.parametrize("is_mutual", [False, True])
async def test_switches_over_tls(certificates: Path, is_mutual: bool) -> None:
    def path(name: str) -> Path:
        return certificates / name

    files = TlsFiles(path("server.pem"), path("server.key"), path("client.pem") if is_mutual else None)
    own = (path("client.pem"), path("client.key")) if is_mutual else ()
    strangers: list[SwitchTls | None] = [None, SwitchTls.load(path("stranger.pem"), *own)]
    if is_mutual:
        strangers.append(SwitchTls.load(path("server.pem")))
        strangers.append(SwitchTls.load(path("server.pem"), path("stranger.pem"), path("stranger.key")))
    async with P4RuntimeServer("127.0.0.1:0", device_id=1, drivers=[MemoryPorts([1])], tls=files) as server:
        intents = [Put(intent) for intent in load_yaml(SWITCH.format(address=server.address), "test")]
        for tls in strangers:
            with Store("sqlite://") as store:
                async with Controller(store, PIPELINE, options=AgentOptions(first_backoff=0.02, tls=tls)) as running:
                    await running.intents.apply(intents, who="test")
                    await until(running, lambda it: bool(it.status.switches and it.status.switches[0].error))
                    assert not running.status.switches[0].is_connected
        with Store("sqlite://") as store:
            tls = SwitchTls.load(path("server.pem"), *own)
            async with Controller(store, PIPELINE, options=AgentOptions(first_backoff=0.02, tls=tls)) as running:
                revision = (await running.intents.apply(intents, who="test")).revision
                outcome = await running.wait_realised(revision, BOUND_SECONDS, is_every_switch_ready=True)
                assert outcome is Outcome.REALISED, running.status


async def until(running: Controller, condition: Callable[[Controller], bool]) -> None:
    while not condition(running):
        await running.changed()


def test_files_that_are_none_are_named(certificates: Path, tmp_path: Path) -> None:
    nothing, text = tmp_path / "nothing.pem", tmp_path / "text.pem"
    text.write_text("hello")
    for path in (nothing, text):
        with pytest.raises(TlsFileError, match=path.name):
            SwitchTls.load(path)
        with pytest.raises(ClientTlsError, match=path.name):
            ClientTls(path).context()
    with pytest.raises(TlsFileError, match="go together"):
        SwitchTls.load(certificates / "server.pem", certificates / "client.pem")
    assert b"PRIVATE" not in repr(SwitchTls.load(*(certificates / it for it in FILES))).encode()


FILES = ("server.pem", "client.pem", "client.key")
