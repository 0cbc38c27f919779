# SPDX-License-Identifier: Apache-2.0
"""Durable state: objects, revisions, audit records, identifiers, election ids, tokens."""

from p4vpc.store.store import Store
from p4vpc.store.tokens import TokenError
from p4vpc.store.types import (
    AuditQuery,
    AuditRecord,
    Change,
    ChangeRecord,
    Commit,
    Delete,
    Departure,
    News,
    Put,
    RevisionRecord,
    Role,
    Snapshot,
    StoredObject,
    Token,
)

__all__ = [
    "AuditQuery",
    "AuditRecord",
    "Change",
    "ChangeRecord",
    "Commit",
    "Delete",
    "Departure",
    "News",
    "Put",
    "RevisionRecord",
    "Role",
    "Snapshot",
    "Store",
    "StoredObject",
    "Token",
    "TokenError",
]
