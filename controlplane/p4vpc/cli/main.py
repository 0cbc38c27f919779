# SPDX-License-Identifier: Apache-2.0
"""The command line. Exit codes: see `exits`."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from p4vpc.cli import backup, names, samples, show, snapshots, tokens
from p4vpc.cli import describe as description
from p4vpc.cli import migrate as migration
from p4vpc.cli.changing import DryRun, Timeout, Wait, commit, exit_of, report
from p4vpc.cli.completion import completion
from p4vpc.cli.connection import connect
from p4vpc.cli.exits import EXIT_CODES, Exit, print_error, run
from p4vpc.cli.files import Documents, read_files
from p4vpc.cli.names import ALL
from p4vpc.cli.options import Output, Server, TokenOption
from p4vpc.cli.progress import realised, working
from p4vpc.cli.serve import serve
from p4vpc.cli.show import Format
from p4vpc.cli.trace import trace
from p4vpc.client import ApplyResult, Client, RefusedError, UnreachableError
from p4vpc.errors import IntentError, Problem
from p4vpc.intent import COLLECTIONS, KINDS, ObjectId, closest, parse_id

TOKEN = "token"
"""What the audit log calls tokens."""

app = typer.Typer(
    name="p4vpc",
    help="Virtual private clouds on P4 switches.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(context_settings={"auto_envvar_prefix": "P4VPC_SERVE"})(serve)
app.command()(backup.backup)
app.command()(completion)
app.command()(trace)
app.add_typer(tokens.app)

Files = Annotated[
    list[Path],
    typer.Option("-f", "--file", metavar="FILE", help="YAML file, directory, or -; repeat for more"),
]
Switches = Annotated[
    list[str] | None,
    typer.Option(
        "--switch",
        metavar="NAME",
        help="only this one; repeat for more",
        autocompletion=names.keys_of("switch"),
    ),
]
Tenant = Annotated[
    str | None,
    typer.Option(help="only what belongs to this tenant", autocompletion=names.keys_of("tenant")),
]


@app.command()
def apply(
    *,
    file: Files,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Create or change the objects in the files: all of them, or none if anything is wrong."""
    documents = working("reading files", lambda: read_files(file))
    seconds = timeout if wait else None
    commit(
        "applying",
        (server, token),
        lambda client: _submit(client, documents, is_dry_run=dry_run, wait_seconds=seconds),
        output,
    )


@app.command()
def diff(file: Files, output: Output = Format.TABLE, server: Server = None, token: TokenOption = None) -> None:
    """Show what `apply` would change. Exits with 1 if that is anything."""
    documents = working("reading files", lambda: read_files(file))
    with connect(server, token) as client:
        result = working("comparing", lambda: _submit(client, documents, is_dry_run=True, wait_seconds=None))
        report(client, result, output)
    raise typer.Exit(Exit.REFUSED if result.changes else Exit.DONE)


@app.command()
def get(
    *,
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help=f"{', '.join(KINDS)}; or {ALL}", autocompletion=names.kinds)
    ],
    key: Annotated[
        str | None,
        typer.Argument(metavar="[KEY]", help="such as red/prod/web-1; default: all", autocompletion=names.keys),
    ] = None,
    output: Output = Format.TABLE,
    tenant: Tenant = None,
    vpc: Annotated[str | None, typer.Option(help="only what belongs to the VPC of this name")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="FIELD=VALUE", help="such as subnet=web or switch=leaf1; repeat for more"),
    ] = None,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="then show what changes, until Ctrl-C")] = False,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show objects. `-o yaml` is what `apply` takes."""
    kinds = list(KINDS) if kind == ALL else [_kind(kind)]
    narrowed = _filters(where or ())
    wanted = None if key is None else parse_id(kinds[0] if kind != ALL else kind, key)
    with connect(server, token) as client:
        since = client.status().revision if watch else 0
        if wanted is not None:
            found = {kinds[0]: [client.get(wanted)]}
        else:
            found = working(
                "reading",
                lambda: {name: [*client.list(name, tenant=tenant, vpc=vpc, narrowed=narrowed)] for name in kinds},
            )
        documents = [document for items in found.values() for document in items]
        if output is Format.JSON:
            show.print_json(documents[0] if key is not None else documents)
        elif output is Format.YAML:
            show.print_yaml(documents)
        else:
            for name, items in found.items():
                if items or kind != ALL:
                    show.print_objects(name, items)
        if watch:
            for event in client.watch(kinds=kinds, tenant=tenant, vpc=vpc, since=since):
                changes = [it for it in event.changes if wanted is None or it.key == wanted.key]
                show.print_event(event.revision, changes, output)


@app.command()
def describe(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=", ".join(KINDS), autocompletion=names.kinds)],
    key: Annotated[str, typer.Argument(metavar="KEY", help="such as red/prod/web-1", autocompletion=names.keys)],
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show all that is known of one object: fields, where it is realised, who needs it, its numbers, last changes."""
    wanted = parse_id(_kind(kind), key)
    with connect(server, token) as client:
        found = working("reading", lambda: description.describe(client, wanted))
    description.print_description(found, output)


@app.command()
def migrate(
    *,
    port: Annotated[
        str, typer.Argument(metavar="PORT", help="such as red/prod/web-1", autocompletion=names.keys_of("port"))
    ],
    to: Annotated[str, typer.Option("--to", metavar="SWITCH:PORT", help="where it is plugged in from now on")],
    vlan: Annotated[int | None, typer.Option(min=1, max=4094, help="with this tag there; default: untagged")] = None,
    dry_run: DryRun = False,
    wait: Annotated[bool, typer.Option(help="wait until all switches know where it is")] = True,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Move a port to another switch port: the new one goes first, the old one redirects, no packet is lost."""
    wanted, place = parse_id("port", port), migration.parse_place(to, vlan)
    seconds = timeout if wait and not dry_run else None
    commit(
        "migrating",
        (server, token),
        lambda client: migration.migrate(client, wanted, place, is_dry_run=dry_run, wait_seconds=seconds),
        output,
    )


app.command()(snapshots.snapshot)
app.command()(snapshots.rollback)
app.command()(snapshots.clone)


@app.command()
def delete(
    *,
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND", help=", ".join(KINDS), autocompletion=names.kinds)
    ] = None,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY]", help="such as red/prod/web-1", autocompletion=names.keys)
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("-f", "--file", metavar="FILE", help="delete the objects in these files"),
    ] = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Delete one object, or all objects in the files: all of them, or none if anything else still needs one."""
    ids = _ids_to_delete(kind, key, file or [])
    seconds = timeout if wait else None
    commit(
        "deleting",
        (server, token),
        lambda client: client.delete(ids, is_dry_run=dry_run, wait_seconds=seconds),
        output,
    )


@app.command()
def status(
    *,
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND", help="default: all switches", autocompletion=names.kinds)
    ] = None,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY]", help="such as red/prod/web-1", autocompletion=names.keys)
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show every switch, or with KIND and KEY where one object is realised, and where not, why."""
    if kind is not None:
        _show_object_status(
            kind, key, wait_seconds=timeout if wait else None, output=output, connection=(server, token)
        )
        return
    with connect(server, token) as client:
        seconds = timeout if wait else None
        now = working("waiting", lambda: client.status(wait_seconds=seconds), realised(client))
    if output is Format.TABLE:
        show.print_status(now)
    else:
        show.print_data(now.model_dump(mode="json"), output)
    if now.outcome is not None:
        raise typer.Exit(exit_of(now.outcome))


@app.command()
def drops(
    *,
    switch: Switches = None,
    every: Annotated[bool, typer.Option("--all", help="show reasons that have not occurred, too")] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="show the packets themselves as they come, as far as the fabric samples them"),
    ] = False,
    reason: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="with --watch: only this one; acl_log: what ACL rules log; repeat for more"),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="with --watch: end after so many packets")] = None,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show how many packets the switches have dropped, and why; with --watch, which ones."""
    if not watch and (reason or count is not None):
        raise typer.BadParameter("only together with --watch", param_hint="--reason, --count")
    with connect(server, token) as client:
        if watch:
            samples.warn_if_nothing_is_sampled(client)
            with suppress(KeyboardInterrupt):
                samples.watch(client, switch or [], reason or [], count, output)
            return
        found = working("reading", lambda: client.drops(switch or ()))
    if output is Format.TABLE:
        show.print_drops(found, is_zero_shown=every)
    else:
        show.print_data(found.model_dump(mode="json"), output)


@app.command()
def identifiers(
    pool: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="only these, like vni; repeat for more")
    ] = None,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show the numbers that objects have on the wire and in tables: VNIs, VRFs, labels, tunnels."""
    with connect(server, token) as client:
        found = working("reading", lambda: client.identifiers(pool or ()))
    if output is Format.TABLE:
        show.print_table(
            ("POOL", "NUMBER", "OWNER"), [(item.pool, str(item.number), item.owner) for item in found.identifiers]
        )
    else:
        show.print_data(found.model_dump(mode="json"), output)


@app.command()
def audit(
    *,
    who: Annotated[str | None, typer.Option(metavar="TOKEN", help="only what was done with this token")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help=f"only changes of this kind of objects; {TOKEN}: tokens", autocompletion=names.kinds),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="only changes of the object of this key", autocompletion=names.keys)
    ] = None,
    tenant: Tenant = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="such as 2030-01-31T12:00:00Z")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="as --since; this moment is excluded")] = None,
    limit: Annotated[int, typer.Option(min=1, help="at most so many commits, the newest")] = 100,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show who has changed what, newest first."""
    wanted = kind if kind in (None, TOKEN) else _kind(str(kind))
    with connect(server, token) as client:
        found = working(
            "reading",
            lambda: client.audit(limit=limit, who=who, kind=wanted, key=key, tenant=tenant, since=since, until=until),
        )
    if output is Format.TABLE:
        show.print_audit(found)
    else:
        show.print_data([item.model_dump(mode="json") for item in found], output)


@app.command()
def counters(
    *,
    switch: Switches = None,
    table: Annotated[list[str] | None, typer.Option(metavar="NAME", help="only this table; repeat for more")] = None,
    every: Annotated[bool, typer.Option("--all", help="show entries that nothing has hit, too")] = False,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show packets and bytes of each table entry that is counted, and the objects it comes from."""
    with connect(server, token) as client:
        found = working("reading", lambda: client.counters(switch or (), table or ()))
    if output is Format.TABLE:
        show.print_counters(found, is_zero_shown=every)
    else:
        show.print_data(found.model_dump(mode="json"), output)


def _show_object_status(
    kind: str, key: str | None, *, wait_seconds: float | None, output: Format, connection: tuple[str | None, str | None]
) -> None:
    if key is None:
        raise typer.BadParameter("give KIND and KEY, or neither")
    with connect(*connection) as client:
        wanted = parse_id(_kind(kind), key)
        found = working("waiting", lambda: client.object_status(wanted, wait_seconds=wait_seconds))
    if output is Format.TABLE:
        show.print_object_status(found)
    else:
        show.print_data(found.model_dump(mode="json"), output)
    if found.state == "refused" or wait_seconds is not None:
        raise typer.Exit({"realised": Exit.DONE, "refused": Exit.REFUSED}.get(found.state, Exit.TIMEOUT))


def _submit(client: Client, documents: Documents, *, is_dry_run: bool, wait_seconds: float | None) -> ApplyResult:
    """Apply, or collect the mistakes that we have found and those that only the controller can find."""
    problems: list[Problem] = list(documents.problems)
    try:
        result = client.apply(
            documents.intents,
            malformed=documents.malformed,
            is_dry_run=is_dry_run or bool(problems),
            wait_seconds=None if problems else wait_seconds,
        )
    except RefusedError as error:
        raise IntentError([*problems, *documents.located(error.problems)]) from None
    except UnreachableError as error:
        if not problems:
            raise
        print_error(f"the files could not be checked against what exists: {error}")
        raise IntentError(problems) from None
    if problems:
        raise IntentError(problems)
    return result


def _filters(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for field, sign, value in pairs:
        if not (field and sign and value):
            raise typer.BadParameter(f"{field}{sign}{value} is not FIELD=VALUE", param_hint="--where")
    return {field: value for field, _, value in pairs}


def _kind(text: str) -> str:
    """A kind, in singular or plural, with hyphens or underscores."""
    name = text.replace("-", "_")
    if name in KINDS:
        return name
    plural = COLLECTIONS.get(text) or COLLECTIONS.get(name)
    if plural is None:
        raise typer.BadParameter(f"there is no kind {text!r}; {closest(name, KINDS)}", param_hint="KIND")
    return plural


def _ids_to_delete(kind: str | None, key: str | None, files: list[Path]) -> list[ObjectId]:
    if files and kind is None:
        documents = working("reading files", lambda: read_files(files))
        if documents.problems:
            raise IntentError(documents.problems)
        return [intent.id for intent in documents.intents]
    if files or kind is None or key is None:
        raise typer.BadParameter("give either KIND and KEY, or -f FILE")
    return [parse_id(_kind(kind), key)]


for _command in (*app.registered_commands, *tokens.app.registered_commands):
    _command.epilog = EXIT_CODES


def main() -> None:
    """Entry point of the command."""
    sys.exit(run(app))
