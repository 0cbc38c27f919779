# SPDX-License-Identifier: Apache-2.0
"""`p4vpc token`: who may do what."""

from enum import StrEnum
from typing import Annotated

import typer

from p4vpc.cli import names, show
from p4vpc.cli.connection import connect
from p4vpc.cli.options import Output, Server, TokenOption
from p4vpc.cli.show import Format
from p4vpc.client import TokenInfo

app = typer.Typer(name="token", help="Bearer tokens: who may do what.", no_args_is_help=True, rich_markup_mode=None)


class RoleName(StrEnum):
    """What a token is for."""

    OPERATOR = "operator"
    TENANT_ADMIN = "tenant-admin"
    TENANT_VIEWER = "tenant-viewer"


@app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="whom the audit log shall name")],
    role: Annotated[RoleName, typer.Option(help="what it may do")],
    tenant: Annotated[str | None, typer.Option(help="whose objects, unless it is an operator's")] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--db", metavar="URL", help="make it in this database, without a controller: for who is locked out"
        ),
    ] = None,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Make a token and print its secret, which cannot be shown again."""
    if database is not None:
        secret, document = _create_in(database, name, role, tenant), {"name": name, "role": role.value}
        made = {"token": {**document, "tenant": tenant}, "secret": secret}
    else:
        with connect(server, token) as client:
            created = client.create_token(name, role.value, tenant)
        secret, made = created.secret, created.model_dump(mode="json")
    if output is Format.TABLE:
        typer.echo(secret)
    else:
        show.print_data(made, output)


@app.command("list")
def list_tokens(output: Output = Format.TABLE, server: Server = None, token: TokenOption = None) -> None:
    """Show all tokens, revoked ones too; never a secret."""
    with connect(server, token) as client:
        found = client.tokens()
    if output is Format.TABLE:
        columns = ("TOKEN", "ROLE", "TENANT", "CREATED", "BY", "REVOKED")
        show.print_table(columns, [_row(item) for item in found.items])
    else:
        show.print_data(found.model_dump(mode="json"), output)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="as `token list` shows it", autocompletion=names.tokens)],
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """End a token, at once and for ever."""
    with connect(server, token) as client:
        ended = client.revoke_token(name)
    if output is Format.TABLE:
        typer.echo(f"revoked {name}")
    else:
        show.print_data(ended.model_dump(mode="json"), output)


def _row(item: TokenInfo) -> tuple[str, ...]:
    revoked = f"{item.revoked} by {item.revoked_by}" if item.revoked else ""
    return item.name, item.role, item.tenant or "", item.created, item.created_by, revoked


def _create_in(database: str, name: str, role: RoleName, tenant: str | None) -> str:
    from p4vpc.services.access import check_token, digest_of, new_secret
    from p4vpc.store import Role, Store

    check_token(name, Role(role.value), tenant)
    secret = new_secret()
    with Store(database) as store:
        store.add_token(name, digest_of(secret), role=Role(role.value), tenant=tenant, who="command line")
    return secret
