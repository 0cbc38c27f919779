# SPDX-License-Identifier: Apache-2.0
"""What the shell is told to complete: kinds, and names that the controller has.

A shell asks with each press of a key, so the controller is asked once, for one page, and not for long; whatever goes
wrong, there is nothing to complete.
"""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer

from p4vpc.cli.connection import connect
from p4vpc.client import NO_RETRIES, Client
from p4vpc.intent import COLLECTIONS, KINDS

PATIENCE = "P4VPC_COMPLETION_SECONDS"
PATIENCE_SECONDS = 2.0
ALL = "all"


def kinds(incomplete: str) -> list[str]:
    """Kinds of objects."""
    return [name for name in (*KINDS, ALL) if name.startswith(incomplete)]


def keys(context: typer.Context, incomplete: str) -> list[str]:
    """Keys of the kind that stands before."""
    word = str(context.params.get("kind") or "").replace("-", "_")
    kind = word if word in KINDS else COLLECTIONS.get(word.replace("_", "-"), "")
    return _keys_of(context, kind, incomplete) if kind else []


def keys_of(kind: str) -> Callable[[typer.Context, str], list[str]]:
    """Keys of one kind."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        return _keys_of(context, kind, incomplete)

    return complete


def tokens(context: typer.Context, incomplete: str) -> list[str]:
    """Tokens that are good."""

    def ask(client: Client) -> list[str]:
        return [token.name for token in client.tokens().items if not token.revoked]

    return _starting_with(incomplete, _asked(context, ask))


def _keys_of(context: typer.Context, kind: str, incomplete: str) -> list[str]:
    fields = KINDS[kind].name_fields
    # The words that are complete already narrow what is asked for.
    scope = dict(zip(fields, incomplete.split("/")[:-1], strict=False))

    def ask(client: Client) -> list[str]:
        return [
            _key(kind, document)
            for document in client.list_page(kind, tenant=scope.get("tenant"), vpc=scope.get("vpc"))
        ]

    return _starting_with(incomplete, _asked(context, ask))


def _key(kind: str, document: Mapping[str, Any]) -> str:
    return "/".join(str(document.get(field)) for field in KINDS[kind].name_fields) or kind


def _asked(context: typer.Context, ask: Callable[[Client], list[str]]) -> Sequence[str]:
    server, token = context.params.get("server"), context.params.get("token")
    with contextlib.suppress(Exception):
        patience = float(os.environ.get(PATIENCE, PATIENCE_SECONDS))
        with connect(server, token, retries=NO_RETRIES, timeout_seconds=patience) as client:
            return ask(client)
    return []


def _starting_with(incomplete: str, words: Sequence[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
