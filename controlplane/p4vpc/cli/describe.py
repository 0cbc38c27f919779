# SPDX-License-Identifier: Apache-2.0
"""`p4vpc describe`: all that is known of one object, on one screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from p4vpc.cli import show
from p4vpc.cli.show import Format
from p4vpc.client import AuditItem, Client, Identifier, ObjectStatus, RefusedError
from p4vpc.intent import ObjectId

_CHANGES_SHOWN = 5
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Description:
    """What the controller knows of an object.

    Attributes:
        needed_by: why it cannot be deleted now, if so.
        identifiers: its numbers on the wire and in tables; a tenant is told none.
        history: its last changes, the newest first.
    """

    document: Mapping[str, Any]
    status: ObjectStatus
    needed_by: Sequence[str]
    identifiers: Sequence[Identifier]
    history: Sequence[AuditItem]


def describe(client: Client, object_id: ObjectId) -> Description:
    """Ask for all of it.

    Raises:
        RefusedError: there is no such object.
    """
    document = client.get(object_id)
    return Description(
        document,
        client.object_status(object_id),
        _needed_by(client, object_id),
        _identifiers(client, object_id),
        client.audit(kind=object_id.kind, key=object_id.key, limit=_CHANGES_SHOWN),
    )


def _needed_by(client: Client, object_id: ObjectId) -> Sequence[str]:
    """What a deletion would be refused for."""
    try:
        client.delete_one(object_id, is_dry_run=True)
    except RefusedError as error:
        own = str(object_id)
        return [problem.message for problem in error.problems if problem.object == own and "needed" in problem.message]
    return []


def _identifiers(client: Client, object_id: ObjectId) -> Sequence[Identifier]:
    try:
        return client.identifiers(owner=object_id.key).identifiers
    except RefusedError as error:
        if error.status == _FORBIDDEN:
            return []
        raise


def print_description(found: Description, output: Format) -> None:
    """Print it: for people in sections, for programs as one value."""
    if output is not Format.TABLE:
        value = {
            "object": dict(found.document),
            "status": found.status.model_dump(mode="json"),
            "needed_by": list(found.needed_by),
            "identifiers": [item.model_dump(mode="json") for item in found.identifiers],
            "history": [item.model_dump(mode="json") for item in found.history],
        }
        show.print_data(value, output)
        return
    show.print_yaml([found.document])
    typer.echo()
    show.print_object_status(found.status)
    for reason in found.needed_by:
        typer.echo(reason)
    if found.identifiers:
        typer.echo()
        show.print_table(("NUMBER OF", ""), [(item.pool, str(item.number)) for item in found.identifiers])
    if found.history:
        typer.echo()
        show.print_audit(found.history)
