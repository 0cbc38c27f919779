# SPDX-License-Identifier: Apache-2.0
"""`p4vpc serve`. Imports the controller only when it is called: the other commands shall start fast."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

import p4vpc
from p4vpc.cli.connection import DEFAULT_DATABASE, token_file_of
from p4vpc.cli.logs import LogFormat, LogLevel, configure_logs

DEFAULT_LISTEN = "127.0.0.1:9560"
_MAX_PORT = 65535


def default_pipeline() -> Path:
    """The artefacts inside of the installed package, else those of the checkout."""
    package = Path(p4vpc.__file__).resolve().parent
    packaged = package / "pipeline_artefacts"
    return packaged if packaged.is_dir() else package.parents[1] / "p4src" / "build" / "v1model"


def parse_listen(text: str) -> tuple[str, int]:
    """HOST:PORT, `[::1]:9560`.

    Raises:
        typer.BadParameter: it is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) <= _MAX_PORT):
        raise typer.BadParameter(f"{text!r} is not HOST:PORT, such as {DEFAULT_LISTEN} or [::1]:9560")
    return host, int(port)


def serve(
    *,
    database: Annotated[
        str,
        typer.Option(
            "--db",
            "--database",
            metavar="URL",
            envvar="P4VPC_DB",
            help="sqlite:///FILE, or postgresql://... for several controllers",
        ),
    ] = DEFAULT_DATABASE,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="where the API listens")] = DEFAULT_LISTEN,
    pipeline: Annotated[
        Path | None, typer.Option(metavar="DIR", help="p4info.txtpb and p4vpc.json; default: those of this version")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="serve HTTPS with this certificate and its chain (PEM)")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="key of the certificate (PEM)")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="only clients with a certificate that this CA signed (PEM)")
    ] = None,
    switch_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="reach switches over TLS; the CA of their certificates (PEM)")
    ] = None,
    switch_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="certificate to show to switches (PEM)")
    ] = None,
    switch_key: Annotated[Path | None, typer.Option(metavar="FILE", help="key of that certificate (PEM)")] = None,
    tenant_objects: Annotated[int, typer.Option(min=1, help="most objects of a tenant")] = 20_000,
    tenant_rules: Annotated[int, typer.Option(min=0, help="most rules of a tenant's groups and ACLs")] = 20_000,
    tenant_requests: Annotated[float, typer.Option(min=0.1, help="requests a second of a tenant")] = 50.0,
    tenant_burst: Annotated[int, typer.Option(min=1, help="requests of a tenant that may come at once")] = 200,
    tenant_body_bytes: Annotated[int, typer.Option(min=1, help="longest request body of a tenant")] = 4 * 1024 * 1024,
    allow_plain_http: Annotated[
        bool,
        typer.Option("--allow-plain-http", help="listen on other addresses than loopback although tokens are readable"),
    ] = False,
    lldp_interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="between LLDP frames of a fabric port, at least; 0: no LLDP")
    ] = 5.0,
    name: Annotated[
        str | None,
        typer.Option(help="of this controller among those that share a PostgreSQL; default: host name and port"),
    ] = None,
    lease_seconds: Annotated[
        float,
        typer.Option(min=1, help="after so long without a sign of life others take its switches (PostgreSQL only)"),
    ] = 6.0,
    inspection_round: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, help="in which each table of a switch is read once; 0: no inspection"),
    ] = 300.0,
    log_format: Annotated[LogFormat, typer.Option(help="how log lines look")] = LogFormat.CONSOLE,
    log_level: Annotated[LogLevel, typer.Option(help="the least important lines shown")] = LogLevel.INFO,
) -> None:
    """Run the controller until SIGINT or SIGTERM. The switches keep forwarding when it ends."""
    host, port = parse_listen(listen)
    if (tls_cert is None) != (tls_key is None) or (tls_client_ca and tls_cert is None):
        raise typer.BadParameter("HTTPS needs both --tls-cert and --tls-key")
    if switch_cert and switch_ca is None:
        raise typer.BadParameter("--switch-cert needs --switch-ca: without it switches are reached in the clear")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # the agents log what matters, with the switch's name
    configure_logs(log_format, log_level)
    from p4vpc.api import ApiTls, ServerOptions
    from p4vpc.api import serve as run
    from p4vpc.services import TenantLimits
    from p4vpc.southbound import AgentOptions, SwitchTls

    token_file = token_file_of(database)
    options = ServerOptions(
        database,
        host,
        port,
        pipeline or default_pipeline(),
        token_file=token_file,
        tls=ApiTls(tls_cert, tls_key, tls_client_ca) if tls_cert and tls_key else None,
        switch_options=AgentOptions(
            inspection_round=inspection_round,
            tls=SwitchTls.load(switch_ca, switch_cert, switch_key) if switch_ca else None,
        ),
        limits=TenantLimits(
            objects=tenant_objects,
            rules=tenant_rules,
            requests_per_second=tenant_requests,
            burst=tenant_burst,
            body_bytes=tenant_body_bytes,
        ),
        is_plain_allowed=allow_plain_http,
        lldp_interval=lldp_interval,
        name=name,
        lease_seconds=lease_seconds,
    )

    def tell_first_token(secret: str) -> None:
        kept = f"; kept in {token_file}" if token_file else ""
        typer.echo(f"operator token, shown this once{kept}: {secret}")

    asyncio.run(run(options, lambda url: typer.echo(f"p4vpc serves {url}"), tell_first_token))
